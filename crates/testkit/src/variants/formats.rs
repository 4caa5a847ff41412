//! The base set in every file format.

use super::{Expected, Variant, base::base};
use crate::format::{Encoder, NetMon1, NetMon2, Pcap, PcapNg, Resolution, Snoop, encode};

const fn pcap(resolution: Resolution, is_big_endian: bool) -> Pcap {
    Pcap { resolution, is_big_endian, ..Pcap::ETHERNET }
}

/// The base set as it is.
fn plain(mut encoder: impl Encoder) -> (Vec<u8>, Expected) {
    let capture = base();
    (encode(&mut encoder, &capture.packets), capture.expected())
}

/// The base set with times that need nanoseconds.
fn with_nanos(mut encoder: impl Encoder) -> (Vec<u8>, Expected) {
    let capture = base().retime(|index, time_ns| time_ns + (index as i64 * 37) % 1000);
    (encode(&mut encoder, &capture.packets), capture.expected())
}

/// The base set with times in whole milliseconds.
fn with_millis(mut encoder: impl Encoder) -> (Vec<u8>, Expected) {
    let capture = base().retime(|_, time_ns| time_ns / 1_000_000 * 1_000_000);
    (encode(&mut encoder, &capture.packets), capture.expected())
}

pub(super) const PCAP_US_LE: Variant = Variant {
    name: "pcap-us-le",
    extension: "pcap",
    doc: "pcap with microseconds, little-endian.",
    make: || plain(pcap(Resolution::Micros, false)),
};

pub(super) const PCAP_US_BE: Variant = Variant {
    name: "pcap-us-be",
    extension: "pcap",
    doc: "pcap with microseconds, big-endian.",
    make: || plain(pcap(Resolution::Micros, true)),
};

pub(super) const PCAP_NS_LE: Variant = Variant {
    name: "pcap-ns-le",
    extension: "pcap",
    doc: "pcap with nanoseconds, little-endian.",
    make: || with_nanos(pcap(Resolution::Nanos, false)),
};

pub(super) const PCAP_NS_BE: Variant = Variant {
    name: "pcap-ns-be",
    extension: "pcap",
    doc: "pcap with nanoseconds, big-endian.",
    make: || with_nanos(pcap(Resolution::Nanos, true)),
};

pub(super) const PCAP_MODIFIED_LE: Variant = Variant {
    name: "pcap-modified-le",
    extension: "pcap",
    doc: "Kuznetzov's modified pcap with 24-byte record headers, little-endian.",
    make: || plain(pcap(Resolution::Modified, false)),
};

pub(super) const PCAP_MODIFIED_BE: Variant = Variant {
    name: "pcap-modified-be",
    extension: "pcap",
    doc: "Kuznetzov's modified pcap with 24-byte record headers, big-endian.",
    make: || plain(pcap(Resolution::Modified, true)),
};

pub(super) const PCAPNG_LE: Variant = Variant {
    name: "pcapng-le",
    extension: "pcapng",
    doc: "pcapng with one interface in microseconds, little-endian.",
    make: || plain(PcapNg::ETHERNET),
};

pub(super) const PCAPNG_BE: Variant = Variant {
    name: "pcapng-be",
    extension: "pcapng",
    doc: "pcapng with one interface in nanoseconds, big-endian.",
    make: || with_nanos(PcapNg { is_big_endian: true, has_nanos: true, ..PcapNg::ETHERNET }),
};

pub(super) const NETMON_1: Variant = Variant {
    name: "netmon-1",
    extension: "cap",
    doc: "Network Monitor 1.1, times in milliseconds from a start in local time (UTC here).",
    make: || with_millis(NetMon1::default()),
};

pub(super) const NETMON_2_0: Variant = Variant {
    name: "netmon-2-0",
    extension: "cap",
    doc: "Network Monitor 2.0, packets without trailer.",
    make: || plain(NetMon2::new(0)),
};

pub(super) const NETMON_2_1: Variant = Variant {
    name: "netmon-2-1",
    extension: "cap",
    doc: "Network Monitor 2.1, a network type behind each packet.",
    make: || plain(NetMon2::new(1)),
};

pub(super) const NETMON_2_2: Variant = Variant {
    name: "netmon-2-2",
    extension: "cap",
    doc: "Network Monitor 2.2, network type and process behind each packet.",
    make: || plain(NetMon2::new(2)),
};

pub(super) const NETMON_2_3: Variant = Variant {
    name: "netmon-2-3",
    extension: "cap",
    doc: "Network Monitor 2.3, network type, process and UTC time in 100 nanoseconds behind each packet.",
    make: || plain(NetMon2::new(3)),
};

pub(super) const SNOOP: Variant = Variant {
    name: "snoop",
    extension: "snoop",
    doc: "Sun snoop, records padded to four bytes.",
    make: || plain(Snoop),
};

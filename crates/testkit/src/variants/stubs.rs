//! Files that end early, or before they begin.

use super::{Expected, Variant, base::base, expected::Ending};
use crate::format::{Pcap, PcapNg, encode};

/// The base set without its last `bytes` bytes, which are part of the last record.
fn cut(bytes: impl Fn(usize) -> usize) -> (Vec<u8>, Expected) {
    let mut capture = base();
    let mut file = encode(&mut Pcap::ETHERNET.clone(), &capture.packets);
    let last = capture.packets.pop().map_or(0, |packet| packet.data.len());
    file.truncate(file.len() - bytes(last));
    (file, Expected { ending: Ending::Cut, ..capture.expected() })
}

pub(super) const CUT_RECORD: Variant = Variant {
    name: "cut-record",
    extension: "pcap",
    doc: "The last packet lacks its last seven bytes: 1,999 packets and an error.",
    make: || cut(|_| 7),
};

pub(super) const CUT_HEADER: Variant = Variant {
    name: "cut-header",
    extension: "pcap",
    doc: "The file ends after nine bytes of the last record's header: 1,999 packets and an error.",
    make: || cut(|packet_len| packet_len + 7),
};

pub(super) const EMPTY_PCAP: Variant = Variant {
    name: "empty-pcap",
    extension: "pcap",
    doc: "A pcap header and no packet.",
    make: || (encode(&mut Pcap::ETHERNET.clone(), []), Expected::default()),
};

pub(super) const EMPTY_PCAPNG: Variant = Variant {
    name: "empty-pcapng",
    extension: "pcapng",
    doc: "A section, an interface and no packet.",
    make: || (encode(&mut PcapNg::ETHERNET.clone(), []), Expected::default()),
};

pub(super) const ZERO_BYTES: Variant = Variant {
    name: "zero-bytes",
    extension: "pcap",
    doc: "A file without a single byte.",
    make: || (Vec::new(), Expected { ending: Ending::EmptyFile, ..Expected::default() }),
};

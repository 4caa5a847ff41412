//! Odd times and odd order.

use super::{Expected, Variant, base::base};
use crate::{
    format::{Pcap, encode},
    random::Random,
    traffic::Traffic,
};

/// Seed of the shuffles (chosen).
const SEED: u64 = 5;

pub(super) const TIMES_SHUFFLED: Variant = Variant {
    name: "times-shuffled",
    extension: "pcap",
    doc: "Packets in their order, with each other's times: the clock jumps to and fro.",
    make: || {
        let mut capture = base();
        let mut times: Vec<_> = capture.packets.iter().map(|p| p.time_ns).collect();
        Random::new(SEED).shuffle(&mut times);
        for (packet, time_ns) in capture.packets.iter_mut().zip(times) {
            packet.time_ns = time_ns;
        }
        let file = encode(&mut Pcap::ETHERNET.clone(), &capture.packets);
        (file, Expected { splits_allowed: true, ..capture.expected() })
    },
};

pub(super) const PACKETS_SHUFFLED: Variant = Variant {
    name: "packets-shuffled",
    extension: "pcap",
    doc: "Packets with their own times in arbitrary order: a SYN comes after the data.",
    make: || {
        let mut capture = base();
        Random::new(SEED).shuffle(&mut capture.packets);
        let file = encode(&mut Pcap::ETHERNET.clone(), &capture.packets);
        (file, Expected { splits_allowed: true, ..capture.expected() })
    },
};

pub(super) const TWICE: Variant = Variant {
    name: "twice",
    extension: "pcap",
    doc: "Every packet captured twice, three microseconds apart, same IP identification; both count.",
    make: || {
        let mut capture = base();
        let copies: Vec<_> = capture
            .packets
            .iter()
            .cloned()
            .map(|mut packet| {
                packet.time_ns += 3000;
                packet
            })
            .collect();
        capture.packets.extend(copies);
        capture.packets.sort_by_key(|packet| packet.time_ns);
        (encode(&mut Pcap::ETHERNET.clone(), &capture.packets), capture.expected())
    },
};

/// The base set, its first packet at `start_s` seconds since the epoch.
fn moved(start_s: i64) -> (Vec<u8>, Expected) {
    let shift_ns = start_s * 1_000_000_000 - Traffic::START_NS;
    let capture = base().retime(|_, time_ns| time_ns + shift_ns);
    (encode(&mut Pcap::ETHERNET.clone(), &capture.packets), capture.expected())
}

pub(super) const YEAR_2038: Variant = Variant {
    name: "year-2038",
    extension: "pcap",
    doc: "Across 2038-01-19T03:14:07Z, when signed 32-bit seconds run out.",
    make: || moved((1 << 31) - 10),
};

pub(super) const YEAR_2100: Variant = Variant {
    name: "year-2100",
    extension: "pcap",
    doc: "On 2100-01-01, within reach of unsigned 32-bit seconds only.",
    make: || moved(4_102_444_800),
};

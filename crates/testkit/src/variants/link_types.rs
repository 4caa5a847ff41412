//! The base set on other links than Ethernet.

use super::{
    Expected, Variant,
    base::{Capture, base, from_client, is_v6},
};
use crate::{
    format::{Pcap, encode},
    packet::Packet,
    wire::ethernet,
};

/// A pcap file of a link type whose header `frame` puts before the IP bytes.
fn pcap(
    link_type: u32,
    is_big_endian: bool,
    frame: impl Fn(&Packet, &[u8]) -> Option<Vec<u8>>,
) -> (Vec<u8>, Expected) {
    let capture = base().reframe(frame);
    let mut pcap = Pcap { is_big_endian, link_type, ..Pcap::ETHERNET };
    (encode(&mut pcap, &capture.packets), capture.expected())
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn ethertype(ip: &[u8]) -> [u8; 2] {
    if is_v6(ip) { ethernet::IPV6 } else { ethernet::IPV4 }.to_be_bytes()
}

/// Six bytes of sender and the two of padding that both cooked headers have.
fn cooked_address(packet: &Packet) -> [u8; 8] {
    let mut address = [0; 8];
    address[..6].copy_from_slice(packet.data.get(6..12).unwrap_or(&[0; 6]));
    address
}

/// Packets of one family only; flows of the other are gone.
fn family(link_type: u32, wants_v6: bool) -> (Vec<u8>, Expected) {
    pcap(link_type, false, |_, ip| (is_v6(ip) == wants_v6).then(|| ip.to_vec()))
}

pub(super) const LINUX_SLL: Variant = Variant {
    name: "linux-sll",
    extension: "pcap",
    doc: "Linux cooked capture, version 1 (113): what `tcpdump -i any` wrote for long.",
    make: || {
        pcap(113, false, |packet, ip| {
            let kind = if from_client(packet) { [0, 4] } else { [0, 0] };
            Some(joined(&[&kind, &[0, 1, 0, 6], &cooked_address(packet), &ethertype(ip), ip]))
        })
    },
};

pub(super) const LINUX_SLL2: Variant = Variant {
    name: "linux-sll2",
    extension: "pcap",
    doc: "Linux cooked capture, version 2 (276): what `tcpdump -i any` writes now.",
    make: || {
        pcap(276, false, |packet, ip| {
            let kind = if from_client(packet) { 4 } else { 0 };
            let fixed = [0, 0, 0, 0, 0, 2, 0, 1, kind, 6];
            Some(joined(&[&ethertype(ip), &fixed, &cooked_address(packet), ip]))
        })
    },
};

pub(super) const RAW: Variant = Variant {
    name: "raw",
    extension: "pcap",
    doc: "Raw IP (101), told apart by the version.",
    make: || pcap(101, false, |_, ip| Some(ip.to_vec())),
};

pub(super) const IPV4: Variant = Variant {
    name: "raw-ipv4",
    extension: "pcap",
    doc: "Raw IPv4 (228), without the flows over IPv6.",
    make: || family(228, false),
};

pub(super) const IPV6: Variant = Variant {
    name: "raw-ipv6",
    extension: "pcap",
    doc: "Raw IPv6 (229), without the flows over IPv4.",
    make: || family(229, true),
};

pub(super) const NULL_LE: Variant = Variant {
    name: "null-le",
    extension: "pcap",
    doc: "BSD loopback (0), address families little-endian, IPv6 as on macOS (30).",
    make: || {
        pcap(0, false, |_, ip| {
            let family = if is_v6(ip) { 30u32 } else { 2 };
            Some(joined(&[&family.to_le_bytes(), ip]))
        })
    },
};

pub(super) const NULL_BE: Variant = Variant {
    name: "null-be",
    extension: "pcap",
    doc: "BSD loopback (0) from a big-endian machine, IPv6 as on NetBSD (24).",
    make: || {
        pcap(0, true, |_, ip| {
            let family = if is_v6(ip) { 24u32 } else { 2 };
            Some(joined(&[&family.to_be_bytes(), ip]))
        })
    },
};

pub(super) const LOOP: Variant = Variant {
    name: "loop",
    extension: "pcap",
    doc: "OpenBSD loopback (108), address families in network order in a little-endian file.",
    make: || {
        pcap(108, false, |_, ip| {
            let family = if is_v6(ip) { 24u32 } else { 2 };
            Some(joined(&[&family.to_be_bytes(), ip]))
        })
    },
};

fn ppp_protocol(ip: &[u8]) -> [u8; 2] {
    [0, if is_v6(ip) { 0x57 } else { 0x21 }]
}

pub(super) const PPP: Variant = Variant {
    name: "ppp",
    extension: "pcap",
    doc: "PPP (9) with address and control bytes.",
    make: || pcap(9, false, |_, ip| Some(joined(&[&[0xff, 0x03], &ppp_protocol(ip), ip]))),
};

pub(super) const PPP_BARE: Variant = Variant {
    name: "ppp-bare",
    extension: "pcap",
    doc: "PPP (9) without address and control bytes.",
    make: || pcap(9, false, |_, ip| Some(joined(&[&ppp_protocol(ip), ip]))),
};

/// An Ethernet capture whose frames `frame` makes.
pub(super) fn ethernet_pcap(
    capture: Capture,
    frame: impl Fn(&Packet, &[u8]) -> Option<Vec<u8>>,
) -> (Vec<u8>, Expected) {
    let capture = capture.reframe(frame);
    (encode(&mut Pcap::ETHERNET.clone(), &capture.packets), capture.expected())
}

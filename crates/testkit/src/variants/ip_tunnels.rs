//! Tunnels right over IP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    Expected, Variant,
    base::{base, from_client, is_v6},
    link_types::ethernet_pcap,
};
use crate::{
    packet::Packet,
    wire::{ethernet, ip::Ip},
};

/// Family of the outer header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outer {
    /// Between 192.0.2.1 and 192.0.2.2.
    V4,
    /// Between `2001:db8:c::1` and `2001:db8:c::2`.
    V6,
}

/// An Ethernet frame between the ends of a tunnel.
pub(super) fn outer_frame(outer: Outer, from_client: bool, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let end = |last: u8| -> IpAddr {
        match outer {
            Outer::V4 => Ipv4Addr::new(192, 0, 2, last).into(),
            Outer::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0xc, 0, 0, 0, 0, u16::from(last)).into(),
        }
    };
    let (source, target) = if from_client { (end(1), end(2)) } else { (end(2), end(1)) };
    let ip = Ip { source, target, protocol, id: 0, ttl: 64 };
    let mut out = Vec::with_capacity(ethernet::HEADER_LEN + ip.header_len() + payload.len());
    ethernet::push_header(&mut out, source, target, None);
    ip.push(&mut out, payload.len());
    out.extend_from_slice(payload);
    out
}

/// All frames behind a GRE header.
fn gre_of_frames(header: &'static [u8]) -> (Vec<u8>, Expected) {
    ethernet_pcap(base(), move |packet, _| {
        Some(outer_frame(Outer::V4, from_client(packet), 47, &[header, &packet.data].concat()))
    })
}

/// The packets of one family right behind the outer header; those of the other as they are.
fn ip_over(outer: Outer, wants_v6: bool, protocol: u8) -> (Vec<u8>, Expected) {
    ethernet_pcap(base(), move |packet, ip| {
        Some(if is_v6(ip) == wants_v6 {
            outer_frame(outer, from_client(packet), protocol, ip)
        } else {
            packet.data.clone()
        })
    })
}

pub(super) const GRE: Variant = Variant {
    name: "gre",
    extension: "pcap",
    doc: "GRE (RFC 2784) without options, IPv4 and IPv6 inside.",
    make: || {
        ethernet_pcap(base(), |packet, ip| {
            let kind = if is_v6(ip) { ethernet::IPV6 } else { ethernet::IPV4 }.to_be_bytes();
            let payload = [&[0, 0], &kind[..], ip].concat();
            Some(outer_frame(Outer::V4, from_client(packet), 47, &payload))
        })
    },
};

pub(super) const NVGRE: Variant = Variant {
    name: "nvgre",
    extension: "pcap",
    doc: "NVGRE (RFC 7637): GRE with key and Ethernet inside, subnet 4242.",
    make: || gre_of_frames(&[0x20, 0x00, 0x65, 0x58, 0x00, 0x10, 0x92, 0x01]),
};

pub(super) const ERSPAN_2: Variant = Variant {
    name: "erspan-2",
    extension: "pcap",
    doc: "ERSPAN type II: GRE with sequence number, 8-byte header, VLAN 100, session 5.",
    make: || {
        gre_of_frames(&[0x10, 0x00, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0x64, 0x00, 0x05, 0x00, 0x00, 0x00, 0x02])
    },
};

pub(super) const ERSPAN_3: Variant = Variant {
    name: "erspan-3",
    extension: "pcap",
    doc: "ERSPAN type III: GRE with sequence number, 12-byte header, session 5.",
    make: || {
        gre_of_frames(&[
            0x10, 0x00, 0x22, 0xeb, 0, 0, 0, 1, // GRE
            0x20, 0x64, 0x00, 0x05, 0, 0, 0, 9, 0x00, 0x00, 0x00, 0x00,
        ])
    },
};

pub(super) const IP_IN_IP: Variant = Variant {
    name: "ip-in-ip",
    extension: "pcap",
    doc: "Flows over IPv4 in IPv4 (RFC 2003); those over IPv6 as they are.",
    make: || ip_over(Outer::V4, false, 4),
};

pub(super) const SIX_IN_FOUR: Variant = Variant {
    name: "6in4",
    extension: "pcap",
    doc: "Flows over IPv6 in IPv4 (RFC 4213); those over IPv4 as they are.",
    make: || ip_over(Outer::V4, true, 41),
};

pub(super) const FOUR_IN_SIX: Variant = Variant {
    name: "4in6",
    extension: "pcap",
    doc: "Flows over IPv4 in IPv6 (RFC 2473); those over IPv6 as they are.",
    make: || ip_over(Outer::V6, false, 4),
};

pub(super) const NESTED: Variant = Variant {
    name: "nested",
    extension: "pcap",
    doc: "802.1Q, NVGRE, 802.1Q, then IP-in-IP or 6in4: four layers one in the other.",
    make: || {
        ethernet_pcap(base(), |packet, ip| {
            let inside = inner_frame(packet, ip);
            let gre = [&[0x20, 0x00, 0x65, 0x58, 0x00, 0x10, 0x92, 0x01][..], &with_tag(&inside, 7)].concat();
            Some(with_tag(&outer_frame(Outer::V6, from_client(packet), 47, &gre), 8))
        })
    },
};

fn inner_frame(packet: &Packet, ip: &[u8]) -> Vec<u8> {
    outer_frame(Outer::V4, from_client(packet), if is_v6(ip) { 41 } else { 4 }, ip)
}

fn with_tag(frame: &[u8], vlan: u8) -> Vec<u8> {
    let (addresses, rest) = frame.split_at_checked(12).unwrap_or_default();
    [addresses, &[0x81, 0x00, 0x00, vlan], rest].concat()
}

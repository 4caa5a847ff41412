//! IPv6 with extension headers.

use super::{
    Variant,
    base::{base, ethernet, is_v6},
    link_types::ethernet_pcap,
};
use crate::wire::{get16, set16};

/// Hop-by-hop options: router alert and padding. The first byte of each header is filled in.
const HOP_BY_HOP: [u8; 8] = [0, 0, 5, 2, 0, 0, 1, 0];
/// Routing header of type 2 (RFC 6275) with one address and no segment left.
const ROUTING: [u8; 24] =
    [0, 2, 2, 0, 0, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8, 0, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// Destination options: padding, 16 bytes in all.
const DESTINATION: [u8; 16] = [0, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

pub(super) const IPV6_EXTENSIONS: Variant = Variant {
    name: "ipv6-extensions",
    extension: "pcap",
    doc: "IPv6 with hop-by-hop, routing and destination options headers; flows over IPv4 as they are.",
    make: || {
        ethernet_pcap(base(), |packet, ip| {
            if !is_v6(ip) {
                return Some(packet.data.clone());
            }
            let (header, rest) = ip.split_at_checked(40)?;
            let mut header = header.to_vec();
            let (mut hop, mut routing, mut destination) = (HOP_BY_HOP, ROUTING, DESTINATION);
            (hop[0], routing[0], destination[0]) = (43, 60, header[6]);
            header[6] = 0;
            let len = get16(&header, 4) + 48;
            set16(&mut header, 4, len);
            Some([ethernet(packet), &header, &hop, &routing, &destination, rest].concat())
        })
    },
};

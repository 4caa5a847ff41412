//! IP fragments.

use super::{
    Expected, Variant,
    base::{base, ethernet, ip, is_v6},
};
use crate::{
    format::{Pcap, encode},
    packet::{Origin, Packet},
    wire::{ip::fix_checksum, put16, put32, set16},
};

/// Bytes of IP payload in each fragment but the last: a multiple of 8 that leaves room for the headers of a minimum
/// IPv4 reassembly unit (RFC 791).
const FRAGMENT_LEN: usize = 552;

/// A packet in fragments, in order; whole where it is short. The first one counts the payload behind its transport
/// header, the others all they carry, so that the sum stays.
fn fragment(packet: &Packet, identification: u32) -> Vec<Packet> {
    let (ip, v6) = (ip(packet), is_v6(ip(packet)));
    let header_len = if v6 { 40 } else { 20 };
    let (Some((header, payload)), Some(origin)) = (ip.split_at_checked(header_len), packet.origin) else {
        return vec![packet.clone()];
    };
    if payload.len() <= FRAGMENT_LEN {
        return vec![packet.clone()];
    }
    let transport_len = payload.len() - origin.payload_len as usize;
    let pieces = payload.chunks(FRAGMENT_LEN);
    let last = pieces.len() - 1;
    let make = |(index, piece): (usize, &[u8])| {
        let offset = index * FRAGMENT_LEN;
        let has_more = index < last;
        let mut header = header.to_vec();
        if v6 {
            // RFC 8200 section 4.5.
            let next = std::mem::replace(&mut header[6], 44);
            set16(&mut header, 4, (8 + piece.len()) as u16);
            header.extend_from_slice(&[next, 0]);
            put16(&mut header, offset as u16 | u16::from(has_more));
            put32(&mut header, identification);
        } else {
            set16(&mut header, 2, (20 + piece.len()) as u16);
            set16(&mut header, 6, (offset / 8) as u16 | if has_more { 0x2000 } else { 0 });
            fix_checksum(&mut header);
        }
        let payload_len = if index == 0 { piece.len() - transport_len } else { piece.len() };
        let origin = Origin {
            payload_len: payload_len as u32,
            tcp_flags: if index == 0 { origin.tcp_flags } else { 0 },
            ..origin
        };
        let data = [ethernet(packet), &header, piece].concat();
        Packet::whole(packet.time_ns, data, Some(origin))
    };
    pieces.enumerate().map(make).collect()
}

fn fragments(is_reversed: bool) -> (Vec<u8>, Expected) {
    let mut capture = base();
    let all = std::mem::take(&mut capture.packets);
    for (number, packet) in all.iter().enumerate() {
        let mut pieces = fragment(packet, number as u32);
        if is_reversed {
            pieces.reverse();
        }
        capture.packets.append(&mut pieces);
    }
    (encode(&mut Pcap::ETHERNET.clone(), &capture.packets), capture.expected())
}

pub(super) const FRAGMENTS: Variant = Variant {
    name: "fragments",
    extension: "pcap",
    doc: "IPv4 and IPv6 packets in fragments of 552 bytes, in order; all of them belong to the flow.",
    make: || fragments(false),
};

pub(super) const FRAGMENTS_REVERSED: Variant = Variant {
    name: "fragments-reversed",
    extension: "pcap",
    doc: "The same fragments, those of each packet last one first: ports come after what needs them.",
    make: || fragments(true),
};

//! ICMP errors that quote flows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    Expected, Variant,
    base::{base, from_client, ip, is_v6},
};
use crate::{
    format::{Pcap, encode},
    packet::Packet,
    truth::FlowTruth,
    wire::{ethernet, icmp, ip::Ip},
};

/// Every so many packets are answered with an error.
const EVERY: usize = 25;

/// IPv4: port unreachable, fragmentation needed (next hop takes 1,400 bytes), time exceeded (RFC 792, RFC 1191).
const V4: [(u8, u8, [u16; 2]); 3] = [(3, 3, [0, 0]), (3, 4, [0, 1400]), (11, 0, [0, 0])];
/// IPv6: port unreachable, packet too big (1,400 bytes), time exceeded (RFC 4443).
const V6: [(u8, u8, [u16; 2]); 3] = [(1, 4, [0, 0]), (2, 0, [0, 1400]), (3, 0, [0, 0])];

/// A router's complaint to the sender of `packet`. IPv4 quotes header and 8 bytes, IPv6 all that fits 1,280.
fn complaint(packet: &Packet, flow: &FlowTruth, number: usize) -> Packet {
    let quoted = ip(packet);
    let target = if from_client(packet) { flow.client } else { flow.server };
    let (router, (kind, code, rest), quote_len): (IpAddr, _, _) = if is_v6(quoted) {
        (Ipv6Addr::new(0x2001, 0xdb8, 0xfe, 0, 0, 0, 0, 1).into(), V6[number % 3], 1232)
    } else {
        (Ipv4Addr::new(192, 0, 2, 254).into(), V4[number % 3], 28)
    };
    let quote = quoted.get(..quote_len).unwrap_or(quoted);
    let protocol = icmp::protocol(router);
    let ip = Ip { source: router, target, protocol, id: number as u16, ttl: 62 };
    let mut out = Vec::new();
    ethernet::push_header(&mut out, router, target, None);
    ip.push(&mut out, 8 + quote.len());
    icmp::push(&mut out, &ip, kind, code, rest, quote);
    Packet::whole(packet.time_ns, out, None)
}

pub(super) const ICMP_ERRORS: Variant = Variant {
    name: "icmp-errors",
    extension: "pcap",
    doc: "A router answers every 25th TCP or UDP packet with an error; the errors are part of no flow.",
    make: || {
        let mut capture = base();
        let all = std::mem::take(&mut capture.packets);
        let mut icmp_errors = 0;
        for (number, packet) in all.into_iter().enumerate() {
            let flow = packet.origin.and_then(|o| capture.flows.get(usize::try_from(o.flow).ok()?));
            let error = flow
                .filter(|flow| number % EVERY == 0 && matches!(flow.protocol.name(), "tcp" | "udp"))
                .map(|flow| complaint(&packet, flow, number));
            capture.packets.push(packet);
            icmp_errors += u64::from(error.is_some());
            capture.packets.extend(error);
        }
        let file = encode(&mut Pcap::ETHERNET.clone(), &capture.packets);
        (file, Expected { icmp_errors, ..capture.expected() })
    },
};

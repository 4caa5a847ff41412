//! SCTP associations.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Variant, base::base};
use crate::{
    format::{Pcap, encode},
    packet::{Origin, Packet},
    truth::{ConnState, FlowTruth, Protocol},
    wire::{ethernet, ip::Ip, sctp},
};

/// Associations added to the base set; every other one over IPv6.
const ASSOCIATIONS: u16 = 8;

/// Chunks of an association: (from client, type, flags, bytes of value), RFC 9260 section 3.3.
const CHUNKS: [(bool, u8, u8, usize); 15] = [
    (true, 1, 0, 16),  // INIT
    (false, 2, 0, 16), // INIT ACK
    (true, 10, 0, 32), // COOKIE ECHO
    (false, 11, 0, 0), // COOKIE ACK
    (true, 0, 3, 12 + 100),
    (false, 3, 0, 12), // SACK
    (false, 0, 3, 12 + 1000),
    (true, 3, 0, 12),
    (true, 0, 3, 12 + 333),
    (false, 3, 0, 12),
    (true, 4, 0, 8),  // HEARTBEAT
    (false, 5, 0, 8), // HEARTBEAT ACK
    (true, 7, 0, 4),  // SHUTDOWN
    (false, 8, 0, 0), // SHUTDOWN ACK
    (true, 14, 0, 0), // SHUTDOWN COMPLETE
];

fn chunk_value(kind: u8, index: usize, len: usize) -> Vec<u8> {
    let mut value = vec![0; len];
    match kind {
        // Initiate tag, window, streams out and in, first sequence number.
        1 | 2 => value.copy_from_slice(&[0, 0, 0x10, kind, 0, 0, 0xff, 0xff, 0, 4, 0, 4, 0, 0, 0, 1]),
        // Sequence number, stream, number in it, payload protocol.
        0 => value[..4].copy_from_slice(&(index as u32).to_be_bytes()),
        3 => value[..8].copy_from_slice(&[0, 0, 0, index as u8 - 1, 0, 0, 0xff, 0xff]),
        // Heartbeat info, a parameter of type 1.
        4 | 5 => value.copy_from_slice(&[0, 1, 0, 8, 1, 2, 3, 4]),
        _ => {}
    }
    value
}

fn association(number: u16) -> FlowTruth {
    let (client, server): (IpAddr, IpAddr) = if number.is_multiple_of(2) {
        (Ipv4Addr::new(10, 2, 0, number as u8 + 1).into(), Ipv4Addr::new(198, 18, 100, 1).into())
    } else {
        let host = |net, last| Ipv6Addr::new(0x2001, 0xdb8, net, 0, 0, 0, 0, last).into();
        (host(3, number + 1), host(0xffff, 0x6401))
    };
    FlowTruth {
        protocol: Protocol::Sctp,
        client,
        client_port: 40_000 + number,
        server,
        server_port: 3868,
        to_server: crate::DirectionTruth::default(),
        to_client: crate::DirectionTruth::default(),
        first_ns: 0,
        last_ns: 0,
        conn_state: ConnState::Oth,
    }
}

pub(super) const SCTP: Variant = Variant {
    name: "sctp",
    extension: "pcap",
    doc: "Eight SCTP associations, over IPv4 and IPv6, between the other flows.",
    make: || {
        let mut capture = base();
        let start_ns = capture.packets.first().map_or(0, |p| p.time_ns);
        for number in 0..ASSOCIATIONS {
            let flow = association(number);
            for (index, (from_client, kind, flags, len)) in CHUNKS.into_iter().enumerate() {
                let mut chunks = Vec::new();
                sctp::push_chunk(&mut chunks, kind, flags, &chunk_value(kind, index, len));
                let (source, target) =
                    if from_client { (flow.client, flow.server) } else { (flow.server, flow.client) };
                let (from, to) =
                    if from_client { (flow.client_port, 3868) } else { (3868, flow.client_port) };
                let tag = if kind == 1 { 0 } else { 0x1000 + u32::from(from_client) + 1 };
                let ip = Ip { source, target, protocol: 132, id: index as u16, ttl: 64 };
                let mut data = Vec::new();
                ethernet::push_header(&mut data, source, target, None);
                ip.push(&mut data, sctp::HEADER_LEN + chunks.len());
                sctp::push(&mut data, from, to, tag, &chunks);
                let origin = Origin {
                    flow: capture.flows.len() as u64,
                    from_client,
                    payload_len: chunks.len() as u32,
                    tcp_flags: 0,
                };
                let time_ns = start_ns + i64::from(number) * 1_000_003_000 + index as i64 * 70_007_000;
                capture.packets.push(Packet::whole(time_ns, data, Some(origin)));
            }
            capture.flows.push(flow);
        }
        capture.packets.sort_by_key(|packet| packet.time_ns);
        (encode(&mut Pcap::ETHERNET.clone(), &capture.packets), capture.expected())
    },
};

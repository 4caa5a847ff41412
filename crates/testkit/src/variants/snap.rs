//! Snap lengths.

use super::{
    Expected, Variant,
    base::{Capture, base, ip, is_v6},
    expected::Detail,
};
use crate::format::{Pcap, encode};

fn cut(mut capture: Capture, snap_len: u32) -> (Vec<u8>, Capture) {
    for packet in &mut capture.packets {
        packet.data.truncate(snap_len as usize);
    }
    (encode(&mut Pcap { snap_len, ..Pcap::ETHERNET }, &capture.packets), capture)
}

pub(super) const SNAP_34: Variant = Variant {
    name: "snap-34",
    extension: "pcap",
    doc: "34 bytes of each packet: Ethernet and IPv4 header, no ports, half an IPv6 header.",
    make: || {
        let mut capture = base();
        // One flow for each protocol and pair of hosts.
        let mut hosts = Vec::new();
        for packet in &mut capture.packets {
            let v6 = is_v6(ip(packet));
            packet.origin = packet.origin.filter(|_| !v6).map(|mut origin| {
                let flow = &capture.flows[origin.flow as usize];
                let key = (flow.protocol, flow.client, flow.server);
                let known = hosts.iter().position(|host| *host == key);
                origin.flow = known.unwrap_or(hosts.len()) as u64;
                if known.is_none() {
                    hosts.push(key);
                }
                (origin.payload_len, origin.tcp_flags) = (0, 0);
                origin
            });
        }
        let flows = capture.flows.clone();
        capture.flows = hosts
            .iter()
            .filter_map(|key| flows.iter().find(|f| (f.protocol, f.client, f.server) == *key))
            .map(|flow| {
                let mut flow = *flow;
                (flow.client_port, flow.server_port) = (0, 0);
                (flow.to_server.initial_sequence, flow.to_client.initial_sequence) = (None, None);
                flow
            })
            .collect();
        let (bytes, capture) = cut(capture, 34);
        (bytes, Expected { detail: Detail::Addresses, ..capture.expected() })
    },
};

pub(super) const SNAP_64: Variant = Variant {
    name: "snap-64",
    extension: "pcap",
    doc: "64 bytes of each packet: all of a plain TCP header over IPv4, ten bytes of it over IPv6.",
    make: || {
        let (bytes, capture) = cut(base(), 64);
        (bytes, Expected { detail: Detail::Ports, ..capture.expected() })
    },
};

pub(super) const SNAP_96: Variant = Variant {
    name: "snap-96",
    extension: "pcap",
    doc: "96 bytes of each packet: all headers and little else.",
    make: || {
        let (bytes, capture) = cut(base(), 96);
        (bytes, capture.expected())
    },
};

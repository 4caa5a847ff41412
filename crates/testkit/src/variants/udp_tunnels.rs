//! Tunnels over UDP.

use super::{
    Expected, Variant,
    base::{base, from_client, is_v6},
    ip_tunnels::{Outer, outer_frame},
    link_types::ethernet_pcap,
};
use crate::{packet::Packet, random, wire::udp};

/// A frame with `header` and `inner` in a UDP datagram over IPv4. The source port comes from the inner flow, as the
/// RFCs of the tunnels advise, or is the well-known one.
fn datagram(packet: &Packet, port: u16, has_entropy: bool, header: &[u8], inner: &[u8]) -> Vec<u8> {
    let flow = packet.origin.map_or(0, |origin| origin.flow);
    let source_port = if has_entropy { 0xc000 | (random::mix(flow) as u16 & 0x3fff) } else { port };
    let mut payload = Vec::with_capacity(8 + header.len() + inner.len());
    udp::push_header(&mut payload, source_port, port, header.len() + inner.len());
    payload.extend_from_slice(header);
    payload.extend_from_slice(inner);
    outer_frame(Outer::V4, from_client(packet), 17, &payload)
}

/// All frames, or all IP packets, in datagrams.
fn tunnel(
    port: u16,
    has_entropy: bool,
    header: impl Fn(&[u8]) -> Vec<u8>,
    carries_frames: bool,
) -> (Vec<u8>, Expected) {
    ethernet_pcap(base(), |packet, ip| {
        let inner = if carries_frames { &packet.data } else { ip };
        Some(datagram(packet, port, has_entropy, &header(inner), inner))
    })
}

pub(super) const VXLAN: Variant = Variant {
    name: "vxlan",
    extension: "pcap",
    doc: "VXLAN (RFC 7348), network 4242, port 4789.",
    make: || tunnel(4789, true, |_| vec![0x08, 0, 0, 0, 0x00, 0x10, 0x92, 0], true),
};

pub(super) const GENEVE: Variant = Variant {
    name: "geneve",
    extension: "pcap",
    doc: "Geneve (RFC 8926) with 12 bytes of options, network 4242, port 6081.",
    make: || {
        let header = |_: &[u8]| {
            let mut header = vec![0x03, 0, 0x65, 0x58, 0x00, 0x10, 0x92, 0];
            // Class 0x0101, type 1, two words.
            header.extend_from_slice(&[0x01, 0x01, 0x01, 0x02, 1, 2, 3, 4, 5, 6, 7, 8]);
            header
        };
        tunnel(6081, true, header, true)
    },
};

/// GTP-U's fixed header (3GPP TS 29.281 section 5.1), G-PDU, tunnel 0x1001.
fn gtp(flags: u8, len: usize) -> Vec<u8> {
    let [high, low] = (len as u16).to_be_bytes();
    vec![0x30 | flags, 0xff, high, low, 0, 0, 0x10, 0x01]
}

pub(super) const GTPU: Variant = Variant {
    name: "gtpu",
    extension: "pcap",
    doc: "GTP-U with the fixed header only, port 2152 on both sides.",
    make: || tunnel(2152, false, |inner| gtp(0, inner.len()), false),
};

pub(super) const GTPU_EXTENSION: Variant = Variant {
    name: "gtpu-extension",
    extension: "pcap",
    doc: "GTP-U with sequence number and two extension headers (PDU session container, UDP port).",
    make: || {
        let header = |inner: &[u8]| {
            let mut header = gtp(0x06, inner.len() + 12);
            // Sequence number, no N-PDU number, next: PDU session container (0x85), then UDP port (0x40).
            header.extend_from_slice(&[0, 7, 0, 0x85, 1, 0x00, 0x09, 0x40, 1, 0x08, 0x68, 0x00]);
            header
        };
        tunnel(2152, false, header, false)
    },
};

pub(super) const TEREDO: Variant = Variant {
    name: "teredo",
    extension: "pcap",
    doc: "Flows over IPv6 in Teredo (RFC 4380), port 3544; those over IPv4 as they are.",
    make: || {
        ethernet_pcap(base(), |packet, ip| {
            Some(if is_v6(ip) { datagram(packet, 3544, true, &[], ip) } else { packet.data.clone() })
        })
    },
};

pub(super) const MPLS_UDP: Variant = Variant {
    name: "mpls-udp",
    extension: "pcap",
    doc: "MPLS with one label in UDP (RFC 7510), port 6635.",
    make: || tunnel(6635, true, |_| vec![0x00, 0x01, 0x01, 0x40], false),
};

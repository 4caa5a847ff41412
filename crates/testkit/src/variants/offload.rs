//! Frames larger than the MTU, as a host sees them before its adapter cuts them up.

use super::{
    Expected, Variant,
    base::{Capture, base, ethernet, ip, is_v6},
};
use crate::{
    format::{Pcap, encode},
    packet::Packet,
    truth::Protocol,
    wire::{ip::fix_checksum, set16},
};

/// Most IP bytes of a frame that says its length: what 16 bits hold, less a header.
const MOST_KEPT: usize = 60_000;
/// Most IP bytes of a frame that says 0 (chosen: more than 16 bits hold, as Linux' BIG TCP makes them).
const MOST_ZERO: usize = 100_000;
/// IP bytes of an Ethernet frame.
const MTU: usize = 1500;

/// Joins the data segments that one side of a TCP flow sends without other data in between, up to `most` bytes.
/// Acknowledgements stay where they are.
fn joined(mut capture: Capture, most: usize) -> Capture {
    let all = std::mem::take(&mut capture.packets);
    // Per flow: where its last data segment went, and its direction.
    let mut last: Vec<Option<(usize, bool)>> = vec![None; capture.flows.len()];
    for packet in all {
        let Some(origin) = packet.origin else { continue };
        let flow = origin.flow as usize;
        let is_tcp = capture.flows.get(flow).is_some_and(|f| f.protocol == Protocol::Tcp);
        let Some(place) = last.get_mut(flow).filter(|_| is_tcp && origin.payload_len > 0) else {
            capture.packets.push(packet);
            continue;
        };
        let payload = packet.data.len() - origin.payload_len as usize;
        let earlier = place.filter(|(_, from_client)| *from_client == origin.from_client);
        match earlier.and_then(|(at, _)| capture.packets.get_mut(at)) {
            Some(big) if big.data.len() + origin.payload_len as usize <= most => {
                big.data.extend_from_slice(&packet.data[payload..]);
                let transport = ethernet(big).len() + if is_v6(ip(big)) { 40 } else { 20 };
                let flags = big.data[transport + 13] | origin.tcp_flags;
                big.data[transport + 13] = flags;
                if let Some(sum) = &mut big.origin {
                    sum.payload_len += origin.payload_len;
                    sum.tcp_flags = flags;
                }
            }
            _ => {
                *place = Some((capture.packets.len(), origin.from_client));
                capture.packets.push(packet);
            }
        }
    }
    capture
}

/// Sets the length field of the IP header: to the truth, or to 0 where the packet is larger than the MTU.
fn set_length(packet: &mut Packet, is_zero: bool) {
    packet.wire_len = packet.data.len() as u32;
    let ip_len = ip(packet).len();
    let v6 = is_v6(ip(packet));
    let at = ethernet(packet).len();
    if let Some(header) = packet.data.get_mut(at..) {
        let value = if is_zero && ip_len > MTU { 0 } else { ip_len - if v6 { 40 } else { 0 } };
        set16(header, if v6 { 4 } else { 2 }, value as u16);
        if !v6 {
            fix_checksum(header);
        }
    }
}

fn offload(most: usize, is_zero: bool) -> (Vec<u8>, Expected) {
    let mut capture = joined(base(), most);
    for packet in &mut capture.packets {
        set_length(packet, is_zero);
    }
    (encode(&mut Pcap::ETHERNET.clone(), &capture.packets), capture.expected())
}

pub(super) const LSO_ZERO: Variant = Variant {
    name: "lso-zero",
    extension: "pcap",
    doc: "Data segments joined to frames of up to 100 kB; those beyond the MTU have IP length 0.",
    make: || offload(MOST_ZERO, true),
};

pub(super) const LSO_KEPT: Variant = Variant {
    name: "lso-kept",
    extension: "pcap",
    doc: "Data segments joined to frames of up to 60 kB, with their true IP length.",
    make: || offload(MOST_KEPT, false),
};

#[cfg(test)]
mod tests {
    use super::{LSO_KEPT, LSO_ZERO, MOST_ZERO, base, joined};

    #[test]
    fn some_frames_are_larger_than_sixteen_bits_can_say() {
        let capture = joined(base(), MOST_ZERO);
        assert!(capture.packets.iter().any(|p| p.data.len() > 65_535));
    }

    #[test]
    fn joining_changes_neither_payload_nor_flows() {
        let flows = base().expected().flows;
        for variant in [LSO_KEPT, LSO_ZERO] {
            let (_, expected) = variant.bytes();
            assert!(expected.packets < 2000);
            for (joined, flow) in expected.flows.iter().zip(&flows) {
                assert_eq!(joined.payload_bytes(), flow.payload_bytes());
                assert_eq!(joined.conn_state, flow.conn_state);
            }
        }
    }
}

//! The packets that every variant is made of.

use std::sync::OnceLock;

use super::expected::Expected;
use crate::{packet::Packet, traffic::Traffic, truth::FlowTruth, wire::ethernet::HEADER_LEN};

/// Packets and flows on their way into a file.
#[derive(Clone, Debug)]
pub(super) struct Capture {
    /// In file order.
    pub(super) packets: Vec<Packet>,
    /// By number.
    pub(super) flows: Vec<FlowTruth>,
}

/// The base set: 2,000 packets in 132 flows over Ethernet; IPv4 and IPv6, TCP, UDP and ICMP echo; microseconds.
///
/// The seed is chosen such that every protocol and every [`ConnState`](crate::ConnState) occurs, IPv6 among the bulk
/// transfers too.
pub const BASE: Traffic = Traffic::plain(2000, 132, 113);

/// A copy of the base set.
pub(super) fn base() -> Capture {
    static BASE_SET: OnceLock<Capture> = OnceLock::new();
    BASE_SET
        .get_or_init(|| {
            let mut packets = BASE.packets();
            let all = packets.by_ref().collect();
            let mut flows = packets.truth().table.clone().unwrap_or_default();
            // Numbers are given in the order of first packets.
            flows.sort_by_key(|flow| flow.first_ns);
            Capture { packets: all, flows }
        })
        .clone()
}

impl Capture {
    /// What a reader has to find.
    pub(super) fn expected(&self) -> Expected {
        Expected::of(&self.packets, &self.flows)
    }

    /// Puts other bytes in the place of every frame, made from the packet and its IP bytes; drops the packet where
    /// there are none.
    pub(super) fn reframe(mut self, frame: impl Fn(&Packet, &[u8]) -> Option<Vec<u8>>) -> Self {
        self.packets.retain_mut(|packet| {
            let Some(data) = frame(packet, ip(packet)) else { return false };
            packet.wire_len = data.len() as u32;
            packet.data = data;
            true
        });
        self
    }

    /// Changes the time of every packet, given its place in the file.
    pub(super) fn retime(mut self, time_ns: impl Fn(usize, i64) -> i64) -> Self {
        for (index, packet) in self.packets.iter_mut().enumerate() {
            packet.time_ns = time_ns(index, packet.time_ns);
        }
        self
    }
}

/// The IP packet in an untagged Ethernet frame.
pub(super) fn ip(packet: &Packet) -> &[u8] {
    packet.data.get(HEADER_LEN..).unwrap_or_default()
}

/// The Ethernet header of a frame: twelve bytes of addresses, two of type.
pub(super) fn ethernet(packet: &Packet) -> &[u8] {
    packet.data.get(..HEADER_LEN).unwrap_or_default()
}

/// True for an IPv6 packet.
pub(super) fn is_v6(ip: &[u8]) -> bool {
    ip.first().is_some_and(|byte| byte >> 4 == 6)
}

/// True for packets from client to server.
pub(super) fn from_client(packet: &Packet) -> bool {
    packet.origin.is_none_or(|origin| origin.from_client)
}

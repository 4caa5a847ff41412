//! What a capture on the way holds, and the truth about it.

use std::collections::BTreeMap;

use super::{Faults, Sides, end::Cause, simulation::Passing};
use crate::{
    packet::{Origin, Packet},
    random::Random,
};

/// Packets at the beginning of a connection that a capture from midstream on misses, at least and at most.
const MIDSTREAM: (u64, u64) = (3, 12);

/// A capture and the truth about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultCapture {
    /// The packets, in the order of their times, which are whole microseconds.
    pub packets: Vec<Packet>,
    /// What happened to them.
    pub truth: FaultTruth,
}

/// What happened to the packets that the capture holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultTruth {
    /// Packets, copies included.
    pub packets: u64,
    /// Segments that were sent again and whose bytes, or later ones, the capture holds from before: what a reader can
    /// know.
    pub retransmissions: u64,
    /// Of those, sent again after duplicate acknowledgements.
    pub fast: u64,
    /// Of those, sent again because the timer ran out.
    pub timeouts: u64,
    /// Segments that came after one that was sent later.
    pub reordered: u64,
    /// Packets that the capture holds for a second time.
    pub copies: u64,
    /// Packets that passed and that the capture misses, without those of a direction that it does not see.
    pub missing: u64,
    /// Segments that were sent again or came late, of which nothing in the capture tells: it holds neither the same
    /// nor later bytes from before.
    pub hidden: u64,
    /// Every retransmission and reordering, in packet order.
    pub events: Vec<FaultEvent>,
}

/// What happened to one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultEvent {
    /// What.
    pub kind: FaultKind,
    /// Number of the packet in the capture, from 1.
    pub packet: u64,
    /// Number of its connection, from 0: the client's port is 32,768 and that.
    pub flow: u64,
}

/// What can happen to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Sent again after duplicate acknowledgements.
    Fast,
    /// Sent again because the timer ran out.
    Timeout,
    /// Came after one that was sent later.
    Reordered,
}

impl FaultKind {
    /// Name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Timeout => "timeout",
            Self::Reordered => "reordered",
        }
    }

    /// True for what was sent again.
    pub const fn is_retransmission(self) -> bool {
        matches!(self, Self::Fast | Self::Timeout)
    }
}

/// Captures what passes.
pub(super) fn look(faults: &Faults, passed: Vec<Passing>) -> FaultCapture {
    let mut random = Random::new(faults.seed ^ 0x7669_6577);
    let mut truth = FaultTruth::default();
    let mut seen: BTreeMap<u64, u64> = BTreeMap::new();
    let mut begins: BTreeMap<u64, u64> = BTreeMap::new();
    let mut highest: BTreeMap<(u64, bool), u64> = BTreeMap::new();
    // With what happened to each, and whether it is a copy.
    let mut packets: Vec<(Packet, Option<FaultKind>)> = Vec::new();
    for packet in passed {
        let is_missing = random.below(10_000) < faults.missing;
        let begin = *begins.entry(packet.flow).or_insert_with(|| random.between(MIDSTREAM.0, MIDSTREAM.1));
        let number = seen.entry(packet.flow).or_default();
        *number += 1;
        let is_seen = match faults.sides {
            Sides::Both => true,
            Sides::Client => packet.from_client,
            Sides::Server => !packet.from_client,
        };
        if !is_seen {
            continue;
        }
        if is_missing || (faults.is_midstream && *number <= begin) {
            truth.missing += 1;
            continue;
        }
        let kind = match packet.cause {
            Cause::Fast => Some(FaultKind::Fast),
            Cause::Timeout => Some(FaultKind::Timeout),
            Cause::New => packet.was_held.then_some(FaultKind::Reordered),
        };
        let highest = highest.entry((packet.flow, packet.from_client)).or_insert(0);
        let is_old = *highest > packet.bytes.0;
        *highest = packet.bytes.1.max(*highest);
        truth.hidden += u64::from(kind.is_some() && !is_old);
        let origin = Origin {
            flow: packet.flow,
            from_client: packet.from_client,
            payload_len: if packet.flags & (crate::wire::tcp::SYN | crate::wire::tcp::FIN) == 0 {
                (packet.bytes.1 - packet.bytes.0) as u32
            } else {
                0
            },
            tcp_flags: packet.flags,
        };
        let at = packet.at / 1000 * 1000;
        let copy =
            faults.copied_after_ns.map(|after| Packet::whole(at + after, packet.data.clone(), Some(origin)));
        truth.copies += u64::from(copy.is_some());
        packets.push((Packet::whole(at, packet.data, Some(origin)), kind.filter(|_| is_old)));
        packets.extend(copy.map(|copy| (copy, None)));
    }
    packets.sort_by_key(|(packet, _)| packet.time_ns);
    truth.packets = packets.len() as u64;
    for (number, (packet, kind)) in (1..).zip(&packets) {
        let (Some(kind), Some(origin)) = (kind, packet.origin) else { continue };
        match kind {
            FaultKind::Fast => truth.fast += 1,
            FaultKind::Timeout => truth.timeouts += 1,
            FaultKind::Reordered => truth.reordered += 1,
        }
        truth.retransmissions += u64::from(kind.is_retransmission());
        truth.events.push(FaultEvent { kind: *kind, packet: number, flow: origin.flow });
    }
    FaultCapture { packets: packets.into_iter().map(|(packet, _)| packet).collect(), truth }
}

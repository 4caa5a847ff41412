//! One part of the flow table.

use capkeep_pcap::Timestamp;
use hashbrown::HashTable;

use crate::apps::Room;
use crate::decodes::Decodes;
use crate::health::{Copies, Seen};
use crate::live::Flow;
use crate::meta::{Meta, Packet};
use crate::options::Timeouts;
use crate::record::EndReason;
use crate::slab::Slab;

/// Packets whose headers are fetched from memory together, before they are taken one after the other (chosen by
/// measuring: waiting for one after the other took a third of the time).
const AHEAD: usize = 16;

/// The flows whose hash falls to this shard.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    /// Slots in `flows`.
    index: HashTable<u32>,
    flows: Slab,
    /// Slots of flows that ended and were not handed out yet.
    ended: Vec<(EndReason, u32)>,
    live: u64,
    copies: Copies,
    room: Room,
}

impl Shard {
    /// Takes the packets of shard `number` in order.
    ///
    /// `clock` is the session's clock, noted in each flow that has a packet.
    pub(crate) fn take(
        &mut self,
        decodes: &Decodes,
        number: usize,
        clock: Timestamp,
        timeouts: Timeouts,
        health: bool,
    ) {
        let mut digests = [0; AHEAD];
        for metas in decodes.of_shard(number, AHEAD) {
            if health {
                for (digest, meta) in digests.iter_mut().zip(metas.clone()) {
                    *digest = Copies::digest(meta);
                    self.copies.fetch(*digest);
                }
            }
            for (digest, meta) in digests.iter().zip(metas) {
                let is_looked_at = health && !meta.has(Meta::QUOTED);
                let seen = is_looked_at.then(|| self.copies.look(meta, *digest));
                self.take_one(&decodes.packet(meta), clock, timeouts, seen);
            }
        }
    }

    #[inline]
    fn take_one(&mut self, packet: &Packet<'_>, clock: Timestamp, timeouts: Timeouts, seen: Option<Seen>) {
        let meta = packet.meta;
        let flows = &mut self.flows;
        let found =
            self.index.find(meta.hash, |slot| flows.get(*slot).is_some_and(|flow| flow.key == meta.key));
        let Some(slot) = found.copied() else {
            if !meta.has(Meta::QUOTED) {
                self.insert(packet, clock, false, seen.is_some());
            }
            return;
        };
        let Some(flow) = flows.get_mut(slot) else { return };
        let over = flow.over_before(meta, timeouts);
        if meta.has(Meta::QUOTED) {
            if over.is_none() {
                flow.add_icmp_error(packet);
            }
            return;
        }
        match over {
            None => {
                flow.add(packet, seen, &mut self.room);
                flow.seen = clock;
            }
            Some(reason) => {
                self.end(slot, reason);
                self.insert(packet, clock, reason == EndReason::PortsReused, seen.is_some());
            }
        }
    }

    fn insert(&mut self, packet: &Packet<'_>, clock: Timestamp, ports_reused: bool, health: bool) {
        let meta = packet.meta;
        let mut flow = Flow::new(meta);
        flow.seen = clock;
        flow.ports_reused = ports_reused;
        flow.add(packet, health.then_some(Seen::Never), &mut self.room);
        let slot = self.flows.insert(flow);
        let flows = &self.flows;
        self.index.insert_unique(meta.hash, slot, |slot| flows.get(*slot).map_or(0, |flow| flow.hash));
        self.live += 1;
    }

    /// Takes a flow off the index. It keeps its slot until it is handed out.
    fn end(&mut self, slot: u32, reason: EndReason) {
        let Some(flow) = self.flows.get_mut(slot) else { return };
        // No sweep finds it again.
        flow.seen = Timestamp::from_nanos(i64::MAX);
        flow.end_listening(&mut self.room);
        if let Ok(entry) = self.index.find_entry(flow.hash, |known| *known == slot) {
            entry.remove();
        }
        self.live -= 1;
        self.ended.push((reason, slot));
    }

    /// Flows that ended and were not handed out yet.
    pub(crate) fn ended(&self) -> impl Iterator<Item = (EndReason, &Flow)> {
        self.ended.iter().filter_map(|(reason, slot)| Some((*reason, self.flows.get(*slot)?)))
    }

    /// Forgets the flows that ended.
    pub(crate) fn forget_ended(&mut self) {
        for (_, slot) in self.ended.drain(..) {
            self.flows.remove(slot);
        }
    }

    /// Ends every flow that had no packet for too long by the session's clock.
    pub(crate) fn sweep(&mut self, clock: Timestamp, timeouts: Timeouts) {
        let over: Vec<(u32, EndReason)> = self
            .flows
            .iter()
            .filter_map(|(slot, flow)| Some((slot, flow.over_after(clock.since(flow.seen), timeouts)?)))
            .collect();
        for (slot, reason) in over {
            self.end(slot, reason);
        }
    }

    /// What its flows keep of what their applications said.
    pub(crate) const fn room(&self) -> Room {
        self.room
    }

    /// Says whether the flows of all shards keep so much that only the first few messages of each may be kept.
    pub(crate) fn make_scarce(&mut self, is_scarce: bool) {
        self.room.is_scarce = is_scarce;
    }

    /// Live flows in which bytes wait for the rest of a message: where each begins, and how many bytes.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = ((u32, u64), u64)> {
        self.flows.iter().map(|(_, flow)| (flow.origin, flow.waiting())).filter(|(_, bytes)| *bytes > 0)
    }

    /// Forgets the bytes that wait in flows that begin here or earlier.
    pub(crate) fn forget_waiting(&mut self, until: (u32, u64)) {
        for flow in self.flows.iter_mut().filter(|flow| flow.origin <= until) {
            flow.forget_waiting(&mut self.room);
        }
    }

    /// Ends what the live flows say: the session is over.
    pub(crate) fn end_listening(&mut self) {
        for flow in self.flows.iter_mut() {
            flow.end_listening(&mut self.room);
        }
    }

    /// Flows that live now.
    pub(crate) const fn live(&self) -> u64 {
        self.live
    }

    /// The live flows, once those that ended are forgotten.
    pub(crate) fn flows(&self) -> impl Iterator<Item = &Flow> {
        self.flows.iter().map(|(_, flow)| flow)
    }
}

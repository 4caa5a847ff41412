//! One part of the flow table.

use capkeep_pcap::Timestamp;
use hashbrown::HashTable;

use crate::live::Flow;
use crate::meta::{Extra, Meta};
use crate::options::Timeouts;
use crate::record::EndReason;
use crate::slab::Slab;

/// The flows whose hash falls to this shard.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    /// Slots in `flows`.
    index: HashTable<u32>,
    flows: Slab,
    /// Flows that ended since they were last taken.
    pub(crate) ended: Vec<(EndReason, Flow)>,
    live: u64,
}

impl Shard {
    /// Takes packets in order.
    ///
    /// `clock` is the session's clock, noted in each flow that has a packet.
    pub(crate) fn take(&mut self, metas: &[Meta], extras: &[Extra], clock: Timestamp, timeouts: Timeouts) {
        for meta in metas {
            self.take_one(meta, extras, clock, timeouts);
        }
    }

    #[inline]
    fn take_one(&mut self, meta: &Meta, extras: &[Extra], clock: Timestamp, timeouts: Timeouts) {
        let flows = &mut self.flows;
        let found =
            self.index.find(meta.hash, |slot| flows.get(*slot).is_some_and(|flow| flow.key == meta.key));
        let Some(slot) = found.copied() else {
            if !meta.has(Meta::QUOTED) {
                self.insert(meta, extras, clock, false);
            }
            return;
        };
        let Some(flow) = flows.get_mut(slot) else { return };
        let over = flow.over_before(meta, timeouts);
        if meta.has(Meta::QUOTED) {
            if over.is_none() {
                flow.add_icmp_error();
            }
            return;
        }
        match over {
            None => {
                flow.add(meta, extras);
                flow.seen = clock;
            }
            Some(reason) => {
                self.remove(slot, reason);
                self.insert(meta, extras, clock, reason == EndReason::PortsReused);
            }
        }
    }

    fn insert(&mut self, meta: &Meta, extras: &[Extra], clock: Timestamp, ports_reused: bool) {
        let mut flow = Flow::new(meta);
        flow.seen = clock;
        flow.ports_reused = ports_reused;
        flow.add(meta, extras);
        let slot = self.flows.insert(flow);
        let flows = &self.flows;
        self.index.insert_unique(meta.hash, slot, |slot| flows.get(*slot).map_or(0, |flow| flow.hash));
        self.live += 1;
    }

    fn remove(&mut self, slot: u32, reason: EndReason) {
        let Some(flow) = self.flows.remove(slot) else { return };
        if let Ok(entry) = self.index.find_entry(flow.hash, |known| *known == slot) {
            entry.remove();
        }
        self.live -= 1;
        self.ended.push((reason, flow));
    }

    /// Ends every flow that had no packet for too long by the session's clock.
    pub(crate) fn sweep(&mut self, clock: Timestamp, timeouts: Timeouts) {
        let over: Vec<(u32, EndReason)> = self
            .flows
            .iter()
            .filter_map(|(slot, flow)| Some((slot, flow.over_after(clock.since(flow.seen), timeouts)?)))
            .collect();
        for (slot, reason) in over {
            self.remove(slot, reason);
        }
    }

    /// Flows that live now.
    pub(crate) const fn live(&self) -> u64 {
        self.live
    }

    /// The live flows.
    pub(crate) fn flows(&self) -> impl Iterator<Item = &Flow> {
        self.flows.iter().map(|(_, flow)| flow)
    }
}

//! One part of the flow table.

use capkeep_pcap::Timestamp;
use hashbrown::HashTable;

use crate::live::Flow;
use crate::meta::{Extra, Meta};
use crate::options::Timeouts;
use crate::record::EndReason;

/// The flows whose hash falls to this shard.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    /// Slots in `flows`.
    index: HashTable<u32>,
    /// Live flows; empty slots are listed in `free`.
    flows: Vec<Option<Flow>>,
    free: Vec<u32>,
    /// Flows that ended since they were last taken.
    pub(crate) ended: Vec<(EndReason, Flow)>,
    live: u64,
    pub(crate) peak: u64,
}

impl Shard {
    /// Takes packets in order.
    pub(crate) fn take(&mut self, metas: &[Meta], extras: &[Extra], timeouts: Timeouts) {
        for meta in metas {
            self.take_one(meta, extras, timeouts);
        }
    }

    #[inline]
    fn take_one(&mut self, meta: &Meta, extras: &[Extra], timeouts: Timeouts) {
        let flows = &mut self.flows;
        let found = self.index.find(meta.hash, |slot| {
            flows.get(*slot as usize).and_then(Option::as_ref).is_some_and(|flow| flow.key == meta.key)
        });
        let Some(slot) = found.copied() else {
            if !meta.has(Meta::QUOTED) {
                self.insert(meta, extras, false);
            }
            return;
        };
        let Some(Some(flow)) = flows.get_mut(slot as usize) else { return };
        if meta.has(Meta::QUOTED) {
            flow.add_icmp_error();
            return;
        }
        let taken_over = flow.is_taken_over_by(meta);
        let over =
            if taken_over { Some(EndReason::PortsReused) } else { flow.over(meta.timestamp, timeouts) };
        match over {
            None => flow.add(meta, extras),
            Some(reason) => {
                self.remove(slot, reason);
                self.insert(meta, extras, taken_over);
            }
        }
    }

    fn insert(&mut self, meta: &Meta, extras: &[Extra], ports_reused: bool) {
        let mut flow = Flow::new(meta);
        flow.ports_reused = ports_reused;
        flow.add(meta, extras);
        let slot = if let Some(slot) = self.free.pop() {
            slot
        } else {
            self.flows.push(None);
            (self.flows.len() - 1) as u32
        };
        if let Some(place) = self.flows.get_mut(slot as usize) {
            *place = Some(flow);
        }
        let flows = &self.flows;
        self.index.insert_unique(meta.hash, slot, |slot| {
            flows.get(*slot as usize).and_then(Option::as_ref).map_or(0, |flow| flow.hash)
        });
        self.live += 1;
        self.peak = self.peak.max(self.live);
    }

    fn remove(&mut self, slot: u32, reason: EndReason) {
        let Some(flow) = self.flows.get_mut(slot as usize).and_then(Option::take) else { return };
        if let Ok(entry) = self.index.find_entry(flow.hash, |known| *known == slot) {
            entry.remove();
        }
        self.free.push(slot);
        self.live -= 1;
        self.ended.push((reason, flow));
    }

    /// Ends every flow that has been silent for too long at this time.
    pub(crate) fn sweep(&mut self, now: Timestamp, timeouts: Timeouts) {
        let over: Vec<(u32, EndReason)> = self
            .flows
            .iter()
            .zip(0u32..)
            .filter_map(|(flow, slot)| Some((slot, flow.as_ref()?.over(now, timeouts)?)))
            .collect();
        for (slot, reason) in over {
            self.remove(slot, reason);
        }
    }

    /// Flows that live now.
    pub(crate) const fn live(&self) -> u64 {
        self.live
    }

    /// The live flows, each with the slot that [`Shard::flow`] takes.
    pub(crate) fn slots(&self) -> impl Iterator<Item = (u32, &Flow)> {
        self.flows.iter().zip(0u32..).filter_map(|(flow, slot)| Some((slot, flow.as_ref()?)))
    }

    /// The live flow in a slot.
    pub(crate) fn flow(&self, slot: u32) -> Option<&Flow> {
        self.flows.get(slot as usize)?.as_ref()
    }
}

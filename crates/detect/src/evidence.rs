//! What a finding rests on: flows and packets, the first of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use capkeep_flow::{Ends, FlowRecord, Mark};
use capkeep_pcap::Timestamp;

/// Flows of a finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flows {
    /// Community IDs of the first of them, at most [`Flows::MOST`]; without doubles, in the order they ended.
    pub ids: Vec<String>,
    /// How many there are in all.
    pub count: u64,
}

impl Flows {
    /// Most flows named (chosen: more than somebody looks at one by one).
    pub const MOST: usize = 16;
}

/// Flows that are gathered for a finding. Most things that are gathered for come to nothing: Community IDs are made at
/// the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gathered {
    ends: Vec<Ends>,
    pub(crate) count: u64,
}

impl Gathered {
    /// Adds a flow, without its times.
    pub(crate) fn add(&mut self, flow: &FlowRecord) {
        self.ends(flow.ends());
    }

    /// Adds a flow by its ends.
    pub(crate) fn ends(&mut self, ends: Ends) {
        self.count += 1;
        if self.ends.len() < Flows::MOST && !self.ends.contains(&ends) {
            self.ends.push(ends);
        }
    }
}

impl From<Gathered> for Flows {
    fn from(gathered: Gathered) -> Self {
        let mut flows = Self { ids: Vec::new(), count: gathered.count };
        for id in gathered.ends.iter().filter_map(Ends::community_id) {
            // Flows whose ends took turns at being the client have the same.
            if !flows.ids.contains(&id) {
                flows.ids.push(id);
            }
        }
        flows
    }
}

/// Packets of a finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packets {
    /// Numbers of the first of them by the index of their capture, from 1 as Wireshark counts; at most
    /// [`Packets::MOST`] in all.
    pub numbers: BTreeMap<u32, BTreeSet<u64>>,
    /// How many there are in all.
    pub count: u64,
    named: usize,
}

impl Packets {
    /// Most packets named (chosen: a filter of them is still a line one can paste).
    pub const MOST: usize = 256;

    /// Names a packet.
    pub(crate) fn add(&mut self, capture: u32, number: u64) {
        let is_named = self.numbers.get(&capture).is_some_and(|numbers| numbers.contains(&number));
        if is_named || number == 0 {
            return;
        }
        self.count += 1;
        if self.named < Self::MOST {
            self.named += 1;
            self.numbers.entry(capture).or_default().insert(number);
        }
    }

    /// Counts packets that are not named.
    pub(crate) const fn unnamed(&mut self, count: u64) {
        self.count += count;
    }

    /// True if every packet is named.
    pub const fn is_complete(&self) -> bool {
        self.count == self.named as u64
    }

    /// A Wireshark display filter (4.0 or later) for the packets named of a capture.
    pub(crate) fn display_filter(&self, capture: u32) -> Option<String> {
        let list = ranges(self.numbers.get(&capture)?, "..");
        (!list.is_empty()).then(|| format!("frame.number in {{{list}}}"))
    }
}

/// Numbers as `1,5..9`.
fn ranges(numbers: &BTreeSet<u64>, to: &str) -> String {
    let mut out = String::new();
    let mut numbers = numbers.iter().copied().peekable();
    while let Some(first) = numbers.next() {
        let mut last = first;
        while let Some(next) = numbers.next_if(|next| *next == last + 1) {
            last = next;
        }
        if !out.is_empty() {
            out.push(',');
        }
        let _ = write!(out, "{first}");
        if last > first {
            let _ = write!(out, "{}{last}", if last == first + 1 { "," } else { to });
        }
    }
    out
}

/// What is gathered for a finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// Its flows.
    pub flows: Gathered,
    /// Its packets.
    pub packets: Packets,
    /// Time of the first and the last of it.
    pub span: Option<(Timestamp, Timestamp)>,
}

impl Evidence {
    /// Adds a flow, and its times. The epoch stands for no time.
    pub(crate) fn flow(&mut self, flow: &FlowRecord) {
        self.flows.add(flow);
        if flow.last != Timestamp::default() {
            self.time(flow.first);
            self.time(flow.last);
        }
    }

    /// Adds the first packet of a flow.
    pub(crate) fn first_packet(&mut self, flow: &FlowRecord) {
        self.packets.add(flow.capture, flow.first_packet);
    }

    /// Adds a packet in which something happened.
    pub(crate) fn mark(&mut self, mark: &Mark) {
        self.packets.add(mark.capture, mark.packet);
    }

    /// Widens the span to an instant.
    pub(crate) fn time(&mut self, at: Timestamp) {
        let (first, last) = self.span.get_or_insert((at, at));
        (*first, *last) = ((*first).min(at), (*last).max(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_written_as_ranges() {
        let text = |numbers: &[u64]| ranges(&numbers.iter().copied().collect(), "..");
        assert_eq!(text(&[]), "");
        assert_eq!(text(&[1]), "1");
        assert_eq!(text(&[1, 2]), "1,2");
        assert_eq!(text(&[9, 5, 6, 7, 8, 1]), "1,5..9");
    }

    #[test]
    fn packets_beyond_the_bound_are_counted() {
        let mut packets = Packets::default();
        for number in 1..=1_000 {
            packets.add(0, number);
        }
        packets.add(0, 1);
        assert_eq!((packets.count, packets.is_complete()), (1_000, false));
        assert_eq!(packets.display_filter(0).as_deref(), Some("frame.number in {1..256}"));
        assert_eq!(packets.display_filter(1), None);
    }
}

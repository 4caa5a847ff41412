//! One picture of many captures: units merged, and the chapters that are made of it.

mod captures;
mod dns;
mod findings;
mod health;
mod http;
mod kinds;
mod lead;
mod protocols;
mod services;
mod skipped;
mod talkers;
mod tls;
mod traffic;
mod who;

use std::collections::BTreeMap;
use std::net::IpAddr;

use capkeep_flow::{ConversationCounts, HostCounts, Protocol, ServiceCounts, Top};

use crate::html;
use crate::table::Block;
use crate::unit::{
    AppsRow, CountsRow, Distributions, QualityRow, Series, TcpRow, TotalsRow, Unit, Worst, protocol_of,
};

pub use captures::CaptureLine;
pub use kinds::{Instance, Kind};
pub use lead::lead;

/// Every chapter, in the order they are shown. A new one is a file here and a line in this slice.
pub const CHAPTERS: &[&dyn Chapter] = &[
    &findings::Findings,
    &captures::Captures,
    &traffic::Traffic,
    &who::Who,
    &talkers::Talkers,
    &services::Services,
    &protocols::Protocols,
    &health::Health,
    &dns::Dns,
    &tls::Tls,
    &http::Http,
    &skipped::Skipped,
];

/// One question a report answers.
pub trait Chapter: Sync {
    /// Short unique name: lower case letters.
    fn name(&self) -> &'static str;
    /// Its heading.
    fn title(&self) -> &'static str;
    /// The question it answers.
    fn about(&self) -> &'static str;
    /// The answer; empty if there is nothing to say.
    fn blocks(&self, picture: &Picture) -> Vec<Block>;
}

/// Units merged. Give it the units in the order of [`Unit::order`]: what is bounded is bounded by that order.
#[derive(Debug, Default)]
pub struct Picture {
    /// Every capture file.
    pub captures: Vec<CaptureLine>,
    /// Sums over all of them.
    pub totals: TotalsRow,
    /// How far they can be trusted.
    pub quality: QualityRow,
    /// Hosts by address.
    pub hosts: Top<IpAddr, HostCounts>,
    /// Pairs of hosts, the lower address first.
    pub conversations: Top<(IpAddr, IpAddr), ConversationCounts>,
    /// Services by protocol and server port.
    pub services: Top<(Protocol, u16), ServiceCounts>,
    /// Flows, packets and bytes by protocol.
    pub protocols: BTreeMap<Protocol, (u64, CountsRow)>,
    /// What came inside a tunnel, by kind.
    pub tunnels: BTreeMap<String, CountsRow>,
    /// TCP flows by Zeek's `conn_state`.
    pub conn_states: BTreeMap<String, u64>,
    /// What TCP flows show together.
    pub tcp: TcpRow,
    /// Traffic over time, by number of the era in which a unit begins (see [`Picture::ERA`]).
    pub eras: BTreeMap<i64, Series>,
    /// Units that are too long for a chart of their era: a clock went wild.
    pub timeless: u64,
    /// Measures of flows by size.
    pub distributions: Distributions,
    /// Flows that stand out.
    pub worst: Worst,
    /// What applications said.
    pub apps: AppsRow,
    /// Findings by detector.
    pub kinds: BTreeMap<String, Kind>,
    /// TCP flows by verdict.
    pub verdicts: BTreeMap<String, u64>,
    /// Packets in no flow, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Files in folders that were no captures.
    pub not_captures: u64,
    /// Folder of the pages of single captures, if there are any: `captures/`.
    pub pages: Option<&'static str>,
    /// True if the captures were read as a command reads them that is told nothing else: only then does
    /// `capkeep slice` find the same findings.
    pub is_plain: bool,
}

impl Picture {
    /// Adds a unit.
    pub fn add(&mut self, unit: &Unit) {
        self.captures.extend(captures::lines(unit));
        self.totals.merge(&unit.totals);
        self.quality.merge(&unit.quality);
        // What was dropped is told by its unit; here it would be a host without an address.
        unit.hosts.rows.iter().for_each(|row| self.hosts.add(row.ip, &row.counts()));
        unit.conversations.rows.iter().for_each(|row| self.conversations.add((row.a, row.b), &row.counts()));
        for row in &unit.services.rows {
            self.services.add((row.protocol(), row.port), &row.counts());
        }
        for row in &unit.protocols {
            let (flows, counts) = self.protocols.entry(protocol_of(row.number)).or_default();
            *flows += row.flows;
            counts.packets += row.packets;
            counts.wire_bytes += row.wire_bytes;
        }
        for (kind, of) in &unit.tunnels {
            let counts = self.tunnels.entry(kind.clone()).or_default();
            counts.packets += of.packets;
            counts.wire_bytes += of.wire_bytes;
        }
        for (state, flows) in &unit.conn_states {
            *self.conn_states.entry(state.clone()).or_default() += flows;
        }
        self.tcp.merge(&unit.tcp);
        self.add_series(unit);
        self.distributions.merge(&unit.distributions);
        self.worst.merge(&unit.worst);
        self.apps.merge(&unit.apps);
        kinds::add(&mut self.kinds, unit);
        for row in &unit.verdicts {
            *self.verdicts.entry(row.verdict.clone()).or_default() += row.flows;
        }
        for (reason, packets) in unit.captures.iter().flat_map(|capture| &capture.skipped) {
            *self.skipped.entry(reason.clone()).or_default() += packets;
        }
    }

    /// Length of an era as a power of two, nanoseconds: 52 days (chosen: captures of one job lie in one, and a capture with a
    /// wrong clock in another, so that it does not squeeze all others into a single step of the chart).
    pub const ERA: u32 = 52;

    fn add_series(&mut self, unit: &Unit) {
        let Some((first, last)) = unit.totals.first_ns.zip(unit.totals.last_ns) else { return };
        if last.saturating_sub(first) > 2 << Self::ERA {
            self.timeless += 1;
            return;
        }
        self.eras.entry(first >> Self::ERA).or_default().merge(&unit.series);
    }

    /// The chapters that have something to say.
    pub fn chapters(&self) -> Vec<html::Chapter> {
        let chapter = |chapter: &&dyn Chapter| html::Chapter {
            id: chapter.name().into(),
            title: chapter.title().into(),
            question: chapter.about().into(),
            blocks: chapter.blocks(self),
        };
        CHAPTERS.iter().map(chapter).filter(|chapter| !chapter.blocks.is_empty()).collect()
    }
}

/// Rows in tables of the busiest (chosen: what somebody reads; the dataset has all).
const TOP: usize = 25;

/// What stands below a table of the busiest.
fn rest(shown: usize, held: usize, dropped: u64, many: &str) -> Vec<String> {
    let mut notes = Vec::new();
    if held > shown {
        notes.push(format!(
            "and {} {many} more; the dataset has them",
            crate::value::count((held - shown) as u64)
        ));
    }
    if dropped > 0 {
        notes.push(
            "lower bounds: there were too many to count each, and the lightest were dropped on the way"
                .into(),
        );
    }
    notes
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn chapters_have_unique_names_and_ask_something() {
        let mut seen = HashSet::new();
        for chapter in CHAPTERS {
            assert!(seen.insert(chapter.name()), "{} twice", chapter.name());
            assert!(chapter.name().chars().all(|c| c.is_ascii_lowercase()), "{}", chapter.name());
            assert!(chapter.about().ends_with('?') && !chapter.title().is_empty(), "{}", chapter.name());
        }
    }

    #[test]
    fn a_picture_of_nothing_says_little_and_does_not_panic() {
        let picture = Picture::default();
        let _ = (picture.chapters(), lead(&picture));
    }
}

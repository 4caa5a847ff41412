//! Established connections aborted by the dozen.
//!
//! Flags a host that resets 50 or more established connections within 10 seconds, ten times the median of its other
//! stretches with resets. Matters because a program or an appliance that goes down takes its connections with it
//! like that. Formula: resets in flows in Zeek's states RSTO and RSTR, per sender and 10 s of packet time.
//! Misses resets that come slowly. Wrongly flags programs that end every connection with a reset (load tests, some
//! browsers): below 200 it is a note.

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use capkeep_flow::FlowRecord;
use std::collections::BTreeMap;
use std::net::IpAddr;

use capkeep_flow::{ConnState, MarkKind};

use crate::azure;
use crate::bounded::Keyed;
use crate::settings;
use crate::subject::Subject;

pub(super) struct RstStorm;

const ABOUT: About = About {
    title: "connections aborted by the dozen",
    meaning: "A host reset many established connections within seconds: a program or an appliance went down, or closes that way.",
    azure: "Load balancers with TCP reset send a reset to both ends of each flow that was idle for too long, and firewalls reset what a new policy forbids.",
    decided: "Resets of established connections per sender and 10 s: 50, and ten times the median of its other stretches.",
    misses: "Resets that come slowly. Wrongly flags programs that end every connection with a reset.",
    next: "What happened at that second: a deployment, a restart, a policy? Are the resets from the host itself (see injected_rst)?",
};

impl Detector for RstStorm {
    fn id(&self) -> &'static str {
        "rst_storm"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Storms { settings: settings.rst_storm.clone(), hosts: Keyed::default() })
    }
}

struct Storms {
    settings: settings::RstStorm,
    hosts: Keyed<IpAddr, Resets>,
}

#[derive(Default)]
struct Resets {
    /// Resets by the number of the 5 s.
    halves: BTreeMap<i64, u64>,
    all: u64,
    evidence: Evidence,
}

/// Half of the 10 s of the reference: two that follow each other are one stretch, so that no storm of up to 5 s is cut in
/// two.
const HALF: i64 = 5_000_000_000;
/// Most halves of a host (chosen: half a day of nothing but resets).
const HALVES: usize = 8_192;

impl Run for Storms {
    fn observe(&mut self, flow: &FlowRecord) {
        let Some(tcp) = &flow.tcp else { return };
        if !matches!(flow.conn_state, ConnState::Rsto | ConnState::Rstr) || azure::is_own(flow.client.ip) {
            return;
        }
        let sides =
            [(flow.client.ip, tcp.from_client.resets, true), (flow.server.ip, tcp.from_server.resets, false)];
        for (host, resets, by_client) in sides {
            if resets == 0 {
                continue;
            }
            let Some(of_host) = self.hosts.at(host) else { continue };
            let mut marks =
                tcp.marks.iter().filter(|mark| mark.kind == MarkKind::Reset && mark.from_client == by_client);
            let mark = marks.next();
            let number = mark.map_or(flow.last, |mark| mark.at).nanos().div_euclid(HALF);
            if of_host.halves.len() < HALVES || of_host.halves.contains_key(&number) {
                // One per flow: a sender may repeat it.
                *of_host.halves.entry(number).or_default() += 1;
            }
            of_host.all += resets;
            of_host.evidence.flow(flow);
            if let Some(mark) = mark {
                of_host.evidence.mark(mark);
            }
        }
    }

    fn finish(self: Box<Self>, _: &Context<'_>) -> Vec<Finding> {
        let limits = &self.settings;
        let mut found = Vec::new();
        for (host, resets) in self.hosts.into_rows() {
            let Some((at, most)) = fullest(&resets.halves).filter(|(_, most)| *most >= limits.resets) else {
                continue;
            };
            // Of the others two halves on average make a stretch.
            let others = resets.halves.iter().filter(|(half, _)| **half != at && **half != at + 1);
            let mut counts: Vec<u64> = others.map(|(_, count)| count * 2).collect();
            counts.sort_unstable();
            let median = counts.get(counts.len() / 2).copied().unwrap_or(0);
            // A storm may lie across the edge of two stretches: one other is no measure.
            if counts.len() > 1 && (most as f64) < median as f64 * limits.times_median {
                continue;
            }
            let numbers = vec![
                Number::count("connections reset in 10 s", most, "flows"),
                Number::count("the same, median of the others", median, "flows"),
                Number::count("resets in all", resets.all, "packets"),
            ];
            let severity = if most >= limits.warning { Severity::Warning } else { Severity::Note };
            let sentence = format!("{most} established connections were reset by it within 10 s");
            let grade = (severity, Confidence::Medium);
            found.push(Finding::new(
                &RstStorm,
                grade,
                Subject::Host(host),
                resets.evidence,
                sentence,
                numbers,
            ));
        }
        found
    }
}

/// The two halves in a row with most resets: number of the first, and resets.
fn fullest(halves: &BTreeMap<i64, u64>) -> Option<(i64, u64)> {
    let count = |half: i64| halves.get(&half).copied().unwrap_or(0);
    let pairs = halves.keys().flat_map(|half| [half.saturating_sub(1), *half]);
    pairs.map(|half| (half, count(half) + count(half.saturating_add(1)))).max_by_key(|(_, most)| *most)
}

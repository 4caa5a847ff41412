//! Findings by kind, over any number of captures.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::card::Level;
use crate::unit::{FindingRow, Unit};

/// What a detector found in all captures.
#[derive(Clone, Debug, Default)]
pub struct Kind {
    /// Findings by severity, the worst last.
    pub counts: BTreeMap<Level, u64>,
    /// Capture files or sessions in which it found something.
    pub sessions: u64,
    /// Hosts that it found something about, with how often; the first few thousand.
    pub hosts: BTreeMap<String, u64>,
    /// The worst of them.
    pub instances: Vec<Instance>,
}

/// A finding in its place.
#[derive(Clone, Debug)]
pub struct Instance {
    /// The finding.
    pub finding: FindingRow,
    /// Session it was found in.
    pub session: String,
    /// The virtual machine of the session.
    pub vm: Option<String>,
    /// Capture files of the session.
    pub files: Vec<String>,
}

impl Kind {
    /// Most findings of a kind that are shown (chosen: what somebody looks at; the dataset has all).
    pub const MOST: usize = 50;
    /// Most hosts counted (chosen: a kind that touches more is a story about the network).
    const HOSTS: usize = 4_096;

    /// All of them.
    pub fn all(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The worst severity.
    pub fn worst(&self) -> Level {
        self.counts.keys().next_back().copied().unwrap_or(Level::Fine)
    }
}

/// A severity by its name.
pub(super) fn level(name: &str) -> Level {
    match name {
        "critical" => Level::Critical,
        "warning" => Level::Warning,
        _ => Level::Note,
    }
}

fn sure(name: &str) -> u8 {
    match name {
        "high" => 2,
        "medium" => 1,
        _ => 0,
    }
}

/// Adds a unit's findings. Of equal ones those of earlier units stay.
pub(super) fn add(kinds: &mut BTreeMap<String, Kind>, unit: &Unit) {
    let mut here = BTreeSet::new();
    for finding in &unit.findings {
        let kind = kinds.entry(finding.detector.clone()).or_default();
        *kind.counts.entry(level(&finding.severity)).or_default() += 1;
        kind.sessions += u64::from(here.insert(finding.detector.as_str()));
        for host in &finding.hosts {
            if let Some(count) = kind.hosts.get_mut(host) {
                *count += 1;
            } else if kind.hosts.len() < Kind::HOSTS {
                kind.hosts.insert(host.clone(), 1);
            }
        }
        let order = |one: &FindingRow| (Reverse(level(&one.severity)), Reverse(sure(&one.confidence)));
        let place = kind.instances.partition_point(|other| order(&other.finding) <= order(finding));
        if place < Kind::MOST {
            kind.instances.insert(
                place,
                Instance {
                    finding: finding.clone(),
                    session: unit.session.clone(),
                    vm: unit.vm().map(str::to_owned),
                    files: unit.origins.iter().map(|origin| origin.name.clone()).collect(),
                },
            );
            kind.instances.truncate(Kind::MOST);
        }
    }
    for (detector, left_out) in &unit.findings_left_out {
        // Of the same severity as those that were kept, at most.
        let kind = kinds.entry(detector.clone()).or_default();
        *kind.counts.entry(Level::Note).or_default() += left_out;
    }
}

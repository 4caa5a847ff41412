//! A report in short as JSON, and what is new, gone, better or worse since an earlier one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::card::Level;
use crate::picture::{Kind, Picture};
use crate::table::{Block, Column, Table};
use crate::value::{Value, counted};

/// A report in short: what another one is compared with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Name and version of its shape: [`Baseline::SCHEMA`].
    pub schema: String,
    /// What the report is called.
    pub title: String,
    /// Capture files.
    pub captures: u64,
    /// Of those, the ones that could not be read, or not to their end.
    pub captures_with_errors: u64,
    /// Packets.
    pub packets: u64,
    /// Bytes on the wire.
    pub wire_bytes: u64,
    /// Flows.
    pub flows: u64,
    /// Earliest time of a packet; nanoseconds since the epoch.
    pub first_ns: Option<i64>,
    /// Latest time.
    pub last_ns: Option<i64>,
    /// Measures of everything.
    pub measures: Vec<Measured>,
    /// Findings by detector and by what they are about.
    pub findings: Vec<Found>,
    /// Findings that are not listed here because there are too many of their detector.
    pub not_listed: u64,
}

/// A measure of all flows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Unique name.
    pub name: String,
    /// Unit: `ppm`, `ns`.
    pub unit: String,
    /// Value; `None` where nothing was measured. Of all of them less is better.
    pub value: Option<u64>,
}

/// A finding, by what does not change from one capture to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Found {
    /// Id of the detector.
    pub detector: String,
    /// What it is about.
    pub subject: String,
    /// `note`, `warning` or `critical`.
    pub severity: String,
    /// What was found.
    pub sentence: String,
}

/// What has changed since an earlier report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Findings that were not there.
    pub new: Vec<Found>,
    /// Findings that were there.
    pub gone: Vec<Found>,
    /// Findings whose severity rose, with the earlier one.
    pub worse: Vec<(Found, String)>,
    /// Findings whose severity fell, with the earlier one.
    pub better: Vec<(Found, String)>,
    /// Measures that changed by more than [`Changes::NOTED`]: before and now.
    pub measures: Vec<(Measured, u64, u64)>,
}

impl Baseline {
    /// Name and version of the shape. New keys may come without a new version.
    pub const SCHEMA: &'static str = "capkeep.report/1";

    /// Of a picture.
    pub fn of(title: &str, picture: &Picture) -> Self {
        let totals = &picture.totals;
        let findings: BTreeSet<Found> =
            picture.kinds.iter().flat_map(|(detector, kind)| found(detector, kind)).collect();
        let listed: u64 = picture.kinds.values().map(|kind| kind.instances.len() as u64).sum();
        let all: u64 = picture.kinds.values().map(Kind::all).sum();
        Self {
            schema: Self::SCHEMA.into(),
            title: title.into(),
            captures: totals.captures,
            captures_with_errors: totals.captures_with_errors,
            packets: totals.packets,
            wire_bytes: totals.wire_bytes,
            flows: totals.flows,
            first_ns: totals.first_ns,
            last_ns: totals.last_ns,
            measures: measures(picture),
            findings: findings.into_iter().collect(),
            not_listed: all.saturating_sub(listed),
        }
    }

    /// What has changed since an earlier one.
    pub fn changes_since(&self, earlier: &Self) -> Changes {
        let key = |found: &Found| (found.detector.clone(), found.subject.clone());
        let before: BTreeMap<_, _> = earlier.findings.iter().map(|found| (key(found), found)).collect();
        let now: BTreeMap<_, _> = self.findings.iter().map(|found| (key(found), found)).collect();
        let mut changes = Changes::default();
        for (key, found) in &now {
            match before.get(key) {
                None => changes.new.push((*found).clone()),
                Some(known) if rank(found) > rank(known) => {
                    changes.worse.push(((*found).clone(), known.severity.clone()));
                }
                Some(known) if rank(found) < rank(known) => {
                    changes.better.push(((*found).clone(), known.severity.clone()));
                }
                Some(_) => {}
            }
        }
        changes.gone =
            before.iter().filter(|(key, _)| !now.contains_key(key)).map(|(_, it)| (*it).clone()).collect();
        for measured in &self.measures {
            let known = earlier.measures.iter().find(|known| known.name == measured.name);
            if let (Some(now), Some(before)) = (measured.value, known.and_then(|known| known.value))
                && is_noted(before, now)
            {
                changes.measures.push((measured.clone(), before, now));
            }
        }
        changes
    }
}

impl Changes {
    /// Part of itself that a measure must change by to be told: a quarter (chosen: less is how networks breathe).
    pub const NOTED: f64 = 0.25;

    /// True if something is wrong that was not before, or is worse; notes do not count.
    pub fn is_worse(&self) -> bool {
        let is_bad = |found: &Found| rank(found) >= Level::Warning;
        self.new.iter().any(is_bad) || self.worse.iter().any(|(found, _)| is_bad(found))
    }

    /// As tables.
    pub fn blocks(&self) -> Vec<Block> {
        let mut rows = Vec::new();
        let mut add = |what: &str, found: &Found, before: Option<&String>| {
            let sentence = if rank(found) >= Level::Warning && what != "gone" && what != "better" {
                Value::Problem(found.sentence.clone())
            } else {
                Value::text(&found.sentence)
            };
            let severity = match before {
                Some(before) => format!("{} (was {before})", found.severity),
                None => found.severity.clone(),
            };
            rows.push(vec![
                Value::text(what),
                Value::text(severity),
                Value::text(&found.detector),
                Value::text(&found.subject),
                sentence,
            ]);
        };
        self.new.iter().for_each(|found| add("new", found, None));
        self.worse.iter().for_each(|(found, before)| add("worse", found, Some(before)));
        self.better.iter().for_each(|(found, before)| add("better", found, Some(before)));
        self.gone.iter().for_each(|found| add("gone", found, None));
        let mut blocks = Vec::new();
        if rows.is_empty() {
            blocks.push(Block::Words("Findings are the same as last time.".into()));
        } else {
            let count = |n: usize, word: &str| format!("{} {word}", crate::value::count(n as u64));
            let title = [
                count(self.new.len(), "new"),
                count(self.worse.len(), "worse"),
                count(self.better.len(), "better"),
                count(self.gone.len(), "gone"),
            ];
            blocks.push(Block::Table(Table {
                title: format!("Findings: {}", title.join(", ")),
                columns: vec![
                    Column::words("change"),
                    Column::words("severity"),
                    Column::words("detector"),
                    Column::words("about"),
                    Column::words("what"),
                ],
                rows,
                notes: Vec::new(),
            }));
        }
        if !self.measures.is_empty() {
            let rows = self.measures.iter().map(|(measured, before, now)| {
                let value = |n: u64| match measured.unit.as_str() {
                    "ns" => Value::Span(i64::try_from(n).unwrap_or(i64::MAX)),
                    _ => Value::Share(n as f64 / 1e6),
                };
                let words = measured.name.replace('_', " ");
                let word = if now > before { Value::Problem("worse".into()) } else { Value::text("better") };
                vec![Value::text(words), value(*before), value(*now), word]
            });
            blocks.push(Block::Table(Table {
                title: format!("{} changed", counted(self.measures.len() as u64, "measure", "measures")),
                columns: vec![
                    Column::words("measure"),
                    Column::number("before"),
                    Column::number("now"),
                    Column::words(""),
                ],
                rows: rows.collect(),
                notes: Vec::new(),
            }));
        }
        blocks
    }
}

fn rank(found: &Found) -> Level {
    match found.severity.as_str() {
        "critical" => Level::Critical,
        "warning" => Level::Warning,
        _ => Level::Note,
    }
}

fn is_noted(before: u64, now: u64) -> bool {
    let (low, high) = (before.min(now) as f64, before.max(now) as f64);
    high - low > high * Changes::NOTED
}

fn found<'a>(detector: &'a str, kind: &'a Kind) -> impl Iterator<Item = Found> + 'a {
    kind.instances.iter().map(|one| Found {
        detector: detector.into(),
        subject: one.finding.subject.clone(),
        severity: one.finding.severity.clone(),
        sentence: one.finding.sentence.clone(),
    })
}

fn measures(picture: &Picture) -> Vec<Measured> {
    let share = |part: u64, whole: u64| {
        let ppm = (u128::from(part) * 1_000_000).checked_div(u128::from(whole))?;
        u64::try_from(ppm).ok()
    };
    let (tcp, dns) = (&picture.tcp, &picture.apps.dns);
    let of = |name: &str, unit: &str, value| Measured { name: name.into(), unit: unit.into(), value };
    let distributions = &picture.distributions;
    vec![
        of("segments_sent_again", "ppm", share(tcp.retransmissions, tcp.data_segments)),
        of("segments_missing", "ppm", share(tcp.lost_before, tcp.data_segments)),
        of("handshake_median", "ns", distributions.handshake_ns.quantile(500)),
        of("handshake_95", "ns", distributions.handshake_ns.quantile(950)),
        of("round_trip_median", "ns", distributions.rtt_median_ns.quantile(500)),
        of("round_trip_95", "ns", distributions.rtt_median_ns.quantile(950)),
        of("first_byte_median", "ns", distributions.first_byte_ns.quantile(500)),
        of("first_byte_95", "ns", distributions.first_byte_ns.quantile(950)),
        of("dns_unanswered", "ppm", share(dns.unanswered, dns.queries)),
        of("dns_95", "ns", dns.latency_ns.quantile(950)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(detector: &str, subject: &str, severity: &str) -> Found {
        Found {
            detector: detector.into(),
            subject: subject.into(),
            severity: severity.into(),
            sentence: format!("{detector} of {subject}"),
        }
    }

    fn measured(value: u64) -> Vec<Measured> {
        vec![Measured { name: "round_trip_95".into(), unit: "ns".into(), value: Some(value) }]
    }

    #[test]
    fn what_is_new_gone_better_and_worse_is_told() {
        let earlier = Baseline {
            findings: vec![
                found("a", "x", "warning"),
                found("b", "x", "warning"),
                found("c", "x", "critical"),
                found("d", "x", "note"),
            ],
            measures: measured(100),
            ..Baseline::default()
        };
        let now = Baseline {
            findings: vec![
                found("a", "x", "critical"),
                found("a", "y", "note"),
                found("c", "x", "note"),
                found("d", "x", "note"),
            ],
            measures: measured(150),
            ..Baseline::default()
        };
        let changes = now.changes_since(&earlier);
        assert_eq!(changes.new, [found("a", "y", "note")]);
        assert_eq!(changes.gone, [found("b", "x", "warning")]);
        assert_eq!(changes.worse, [(found("a", "x", "critical"), "warning".into())]);
        assert_eq!(changes.better, [(found("c", "x", "note"), "critical".into())]);
        assert_eq!(changes.measures.len(), 1);
        assert!(changes.is_worse());
        assert_eq!(now.changes_since(&now), Changes::default());
        assert!(!now.changes_since(&now).is_worse());
        let back = earlier.changes_since(&now);
        assert_eq!((back.new.len(), back.gone.len(), back.is_worse()), (1, 1, true));
    }

    #[test]
    fn a_small_change_of_a_measure_is_not_told() {
        assert!(!is_noted(100, 120) && is_noted(100, 140) && is_noted(0, 1) && !is_noted(0, 0));
    }
}

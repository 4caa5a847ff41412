//! All detectors at work.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use capkeep_flow::{Analysis, FlowRecord};
use rayon::prelude::*;

use crate::detector::{Context, Detector, Run};
use crate::detectors::DETECTORS;
use crate::finding::{Finding, Severity};
use crate::quality::Quality;
use crate::settings::Settings;
use crate::verdict::{Verdict, VerdictKind, verdict};

/// Detectors that look at a flow one after the other on the same core (chosen by measuring: each group reads all
/// flows from memory).
const TOGETHER: usize = 8;

/// All detectors at work: takes flows as they end, tells findings at the end.
pub struct Detection {
    settings: Settings,
    runs: Vec<(&'static dyn Detector, Box<dyn Run>)>,
    quality: Quality,
    verdicts: BTreeMap<VerdictKind, VerdictCount>,
}

/// How many flows got a verdict, and one of them.
#[derive(Clone, Debug, PartialEq)]
pub struct VerdictCount {
    /// Flows.
    pub flows: u64,
    /// Bytes on the wire of the example.
    pub wire_bytes: u64,
    /// Community ID of the one with most bytes.
    pub flow: Option<String>,
    /// Its verdict.
    pub verdict: Verdict,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// How far the capture can be trusted.
    pub quality: Quality,
    /// TCP flows by verdict.
    pub verdicts: BTreeMap<VerdictKind, VerdictCount>,
    /// Findings: the most severe first, then in the order of [`DETECTORS`], then of time and subject.
    pub list: Vec<Finding>,
    /// Findings left out by detector, because it had too many.
    pub left_out: BTreeMap<&'static str, u64>,
}

impl Findings {
    /// Most findings of a detector (chosen: beyond that they are one story).
    pub const MOST: usize = 100;

    /// The most severe one's severity.
    pub fn worst(&self) -> Option<Severity> {
        self.list.iter().map(|finding| finding.severity).max()
    }

    /// The findings of a detector in order, each with its number, from 1.
    pub fn of<'a>(&'a self, detector: &'a str) -> impl Iterator<Item = (usize, &'a Finding)> {
        (1..).zip(self.list.iter().filter(move |finding| finding.detector == detector))
    }

    /// The number of a finding among those of its detector, from 1; its place in the list is given.
    pub fn number(&self, place: usize) -> usize {
        let Some(finding) = self.list.get(place) else { return 0 };
        self.list.iter().take(place + 1).filter(|other| other.detector == finding.detector).count()
    }
}

impl Detection {
    /// Starts all detectors.
    pub fn new(settings: Settings) -> Self {
        let runs = DETECTORS.iter().map(|detector| (*detector, detector.start(&settings))).collect();
        Self { settings, runs, quality: Quality::default(), verdicts: BTreeMap::new() }
    }

    /// Looks at flows that have ended, in the order in which they are told.
    pub fn observe(&mut self, flows: &[FlowRecord]) {
        let Self { settings, runs, quality, verdicts } = self;
        // Each detector sees the flows in order, whoever looks at the same time.
        rayon::join(
            || {
                runs.par_chunks_mut(TOGETHER).for_each(|runs| {
                    for flow in flows {
                        for (_, run) in runs.iter_mut() {
                            run.observe(flow);
                        }
                    }
                });
            },
            || {
                for flow in flows {
                    quality.add(flow);
                    if let Some(verdict) = verdict(flow, settings) {
                        count(verdicts, flow, verdict);
                    }
                }
            },
        );
    }

    /// Tells what was found.
    pub fn finish(self, analysis: &Analysis) -> Findings {
        let context = Context { analysis, settings: &self.settings, quality: &self.quality };
        let mut found = Findings { quality: self.quality, verdicts: self.verdicts, ..Findings::default() };
        for (detector, run) in self.runs {
            let mut list = run.finish(&context);
            list.sort_by_key(|finding| {
                (Reverse(finding.severity), Reverse(finding.confidence), finding.span, finding.subject)
            });
            if list.len() > Findings::MOST {
                found.left_out.insert(detector.id(), (list.len() - Findings::MOST) as u64);
                list.truncate(Findings::MOST);
            }
            found.list.extend(list);
        }
        // Stable: within a severity the order of the detectors stays.
        found.list.sort_by_key(|finding| Reverse(finding.severity));
        found
    }
}

fn count(verdicts: &mut BTreeMap<VerdictKind, VerdictCount>, flow: &FlowRecord, verdict: Verdict) {
    let wire_bytes = flow.wire_bytes();
    if let Some(count) = verdicts.get_mut(&verdict.kind) {
        count.flows += 1;
        if wire_bytes > count.wire_bytes {
            (count.wire_bytes, count.flow, count.verdict) = (wire_bytes, flow.community_id(), verdict);
        }
    } else {
        let flow = flow.community_id();
        verdicts.insert(verdict.kind, VerdictCount { flows: 1, wire_bytes, flow, verdict });
    }
}

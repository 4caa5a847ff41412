//! Sessions that stopped because they reached a limit.
//!
//! Flags a capture that ends where a Network Watcher session stops by itself: 1 GiB of packets or 5 hours (packet capture
//! overview). Matters because what came after, perhaps the fault itself, was not captured. Decided by the captured bytes
//! and the time between the first and the last packet, within one per cent. Misses limits that somebody set; wrongly flags captures
//! that happen to be as long. The state of the session (stopReason) knows better.

use capkeep_flow::FlowRecord;

use crate::azure;
use crate::detector::{About, Context, Detector, Run};
use crate::evidence::{Flows, Packets};
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use crate::subject::Subject;
use crate::words::{bytes, span};

pub(super) struct CaptureStopped;

const ABOUT: About = About {
    title: "capture stopped at a limit",
    meaning: "The capture ends where a session stops by itself; traffic went on.",
    azure: "Sessions stop at 1 GiB or 5 hours unless told otherwise; capkeep capture shows the stop reason.",
    decided: "Captured bytes within 1 % of 1,073,741,824, or time between first and last packet within 1 % of 18,000 s.",
    misses: "Limits that somebody set. Wrongly flags captures that happen to be as long.",
    next: "Ask for the stop reason of the session; capture again with a filter, a smaller snap length or a ring of files.",
};

impl Detector for CaptureStopped {
    fn id(&self) -> &'static str {
        "capture_stopped"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, _: &Settings) -> Box<dyn Run> {
        Box::new(Stopped)
    }
}

struct Stopped;

/// Share of packet headers and file headers in the limit is within the tolerance.
fn is_near(value: f64, limit: f64, within: f64) -> bool {
    (value - limit).abs() <= limit * within
}

impl Run for Stopped {
    fn observe(&mut self, _: &FlowRecord) {}

    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding> {
        let within = context.settings.capture_stopped.within;
        let captures = (0..).zip(&context.analysis.captures);
        let stopped = captures.filter_map(|(index, capture)| {
            let (first, last) = capture.first.zip(capture.last)?;
            let nanos = last.since(first);
            let size = capture.captured_bytes;
            let why = if is_near(size as f64, azure::CAPTURE_BYTES as f64, within) {
                format!("after {} of packets", bytes(size))
            } else if is_near(nanos as f64 / 1e9, azure::CAPTURE_TIME.as_secs_f64(), within) {
                format!("after {}", span(nanos))
            } else {
                return None;
            };
            Some(Finding {
                detector: CaptureStopped.id(),
                severity: Severity::Note,
                confidence: Confidence::Medium,
                subject: Subject::Capture(index),
                span: Some((first, last)),
                sentence: format!(
                    "the capture ends {why}, a default limit of a session: traffic may have gone on"
                ),
                numbers: vec![
                    Number::count("captured", size, "bytes"),
                    Number::seconds("from first to last packet", nanos),
                ],
                flows: Flows::default(),
                packets: Packets::default(),
            })
        });
        stopped.collect()
    }
}

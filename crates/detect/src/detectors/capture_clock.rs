//! Times that go back, and long silences of a whole capture.
//!
//! Flags captures in which the time of many packets lies before that of the packet before them, and captures without
//! a packet for longer than a minute. Matters because round trips, timeouts and rates are made of times. Decided by the
//! records' times in file order, and by the timeline (whose steps are as long as the capture needs: silences shorter than
//! two of its steps are not seen). Misses clocks that run wrong evenly. Wrongly flags captures of quiet hosts, and
//! interfaces that were merged without sorting: so it is a note.

use capkeep_flow::FlowRecord;

use crate::detector::{About, Context, Detector, Run};
use capkeep_pcap::Timestamp;

use crate::evidence::{Flows, Packets};
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::{Settings, whole_nanos};
use crate::subject::Subject;
use crate::words::{percent, share, span};

pub(super) struct CaptureClock;

const ABOUT: About = About {
    title: "times that jump",
    meaning: "Packets are not in the order of their times, or the whole capture is silent for long: times measured across it may be wrong.",
    azure: "A virtual machine that was moved or paused for maintenance (freeze events of seconds) has a gap; its clock is set right afterwards.",
    decided: "Share of packets whose time lies before that of the packet before; stretches of the timeline without a packet.",
    misses: "Clocks that run wrong evenly; silences shorter than two steps of the timeline. Wrongly flags quiet hosts and files merged without sorting.",
    next: "Sort the file (reordercap); look whether the silence is that of all hosts, and at the maintenance events of the machine.",
};

impl Detector for CaptureClock {
    fn id(&self) -> &'static str {
        "capture_clock"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, _: &Settings) -> Box<dyn Run> {
        Box::new(Clock)
    }
}

struct Clock;

impl Run for Clock {
    fn observe(&mut self, _: &FlowRecord) {}

    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding> {
        let settings = &context.settings.capture_clock;
        let captures = (0..).zip(&context.analysis.captures);
        let back = captures.filter_map(|(index, capture)| {
            let back = capture.time_goes_back;
            if back == 0 || share(back, capture.packets) < settings.share {
                return None;
            }
            Some(note(
                Subject::Capture(index),
                capture.first.zip(capture.last),
                format!("time goes back in {} of the packets", percent(back, capture.packets)),
                vec![
                    Number::count("times that go back", back, "packets"),
                    Number::share("times that go back, share", back, capture.packets),
                ],
            ))
        });
        let mut found: Vec<Finding> = back.collect();
        found.extend(silence(context));
        found
    }
}

/// The longest stretch of the timeline without a packet, if it is long. Between files that stay apart there may be any.
fn silence(context: &Context<'_>) -> Option<Finding> {
    let least = whole_nanos(context.settings.capture_clock.silence_seconds);
    if context.analysis.captures.len() != 1 {
        return None;
    }
    let timeline = &context.analysis.timeline;
    let (start, steps) = timeline.buckets();
    let width = timeline.bucket_nanos();
    let (mut longest, mut run, mut end) = (0i64, 0i64, 0i64);
    for (at, step) in (1..).zip(steps) {
        run = if step.packets == 0 { run + 1 } else { 0 };
        if run > longest {
            (longest, end) = (run, at);
        }
    }
    let silence = longest.saturating_mul(width);
    if longest < 2 || silence <= least {
        return None;
    }
    let at = |step: i64| Timestamp::from_nanos(start.nanos().saturating_add(step.saturating_mul(width)));
    Some(note(
        Subject::Everything,
        Some((at(end - longest), at(end))),
        format!("nothing at all was captured for {}", span(silence)),
        vec![Number::seconds("silence", silence)],
    ))
}

fn note(
    subject: Subject,
    span: Option<(Timestamp, Timestamp)>,
    sentence: String,
    numbers: Vec<Number>,
) -> Finding {
    Finding {
        detector: CaptureClock.id(),
        severity: Severity::Note,
        confidence: Confidence::Medium,
        subject,
        span,
        sentence,
        numbers,
        flows: Flows::default(),
        packets: Packets::default(),
    }
}

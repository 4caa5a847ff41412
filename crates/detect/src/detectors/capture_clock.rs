//! Times that go back, and long silences of a whole capture.
//!
//! Flags captures in which the time of many packets lies before that of the packet before them, and captures without
//! a packet for longer than a minute. Matters because round trips, timeouts and rates are made of times. Decided by the
//! records' times in file order. Misses clocks that run wrong evenly. Wrongly flags captures of quiet hosts, and
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
    decided: "Share of packets whose time lies before that of the packet before; whether one lies more than a second before; the longest time between a packet and the next.",
    misses: "Clocks that run wrong evenly. Wrongly flags quiet hosts and files merged without sorting.",
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
        let mut found = Vec::new();
        for (index, capture) in captures {
            let subject = Subject::Capture(index);
            let when = capture.first.zip(capture.last);
            let (back, jumps) = (capture.time_goes_back, capture.clock_jumps);
            if jumps > 0 || (back > 0 && share(back, capture.packets) >= settings.share) {
                let sentence = if jumps > 0 {
                    format!("the clock goes back by more than a second, {}", times(jumps))
                } else {
                    format!("time goes back in {} of the packets", percent(back, capture.packets))
                };
                let numbers = vec![
                    Number::count("times that go back", back, "packets"),
                    Number::share("times that go back, share", back, capture.packets),
                    Number::count("by more than a second", jumps, "packets"),
                ];
                found.push(note(subject, when, sentence, numbers));
            }
            let silence = capture.longest_silence;
            if silence > whole_nanos(settings.silence_seconds) && capture.packets >= settings.silence_packets
            {
                let sentence = format!("nothing at all was captured for {}", span(silence));
                found.push(note(subject, when, sentence, vec![Number::seconds("silence", silence)]));
            }
        }
        found
    }
}

/// `once`, `3 times`.
fn times(n: u64) -> String {
    if n == 1 { "once".to_owned() } else { format!("{n} times") }
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

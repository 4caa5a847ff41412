//! Capture files that end in the middle, or are damaged.
//!
//! Flags every file that could not be read to its end. Matters because what is missing is the end of the story: a
//! session that ran out of disk or was stopped hard. Decided by the reader (formats: pcap, pcapng, `NetMon`, snoop, and
//! the compressions around them). Misses files that were cut between two packets: they are whole.

use capkeep_flow::FlowRecord;

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::{Flows, Packets};
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use crate::subject::Subject;

pub(super) struct CaptureCut;

const ABOUT: About = About {
    title: "capture file cut or damaged",
    meaning: "The file could not be read to its end. What came before the damage is counted; what came after is unknown.",
    azure: "Network Watcher writes append blobs while the session runs: a file fetched too early, or of a session that \
            was stopped hard, may end within a packet.",
    decided: "By the reader: a record that is cut, or that makes no sense.",
    misses: "A file that was cut between two packets looks whole.",
    next: "Fetch the file again once the session has stopped; compare its size with the blob's.",
};

impl Detector for CaptureCut {
    fn id(&self) -> &'static str {
        "capture_cut"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, _: &Settings) -> Box<dyn Run> {
        Box::new(Cut)
    }
}

struct Cut;

impl Run for Cut {
    fn observe(&mut self, _: &FlowRecord) {}

    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding> {
        let cut = (0..).zip(&context.analysis.captures).filter_map(|(index, capture)| {
            let error = capture.error.as_ref()?;
            Some(Finding {
                detector: CaptureCut.id(),
                severity: Severity::Warning,
                confidence: Confidence::High,
                subject: Subject::Capture(index),
                span: capture.first.zip(capture.last),
                sentence: format!("the capture file could not be read to its end: {}", error.brief),
                numbers: vec![Number::count("packets before the damage", capture.packets, "packets")],
                flows: Flows::default(),
                packets: Packets::default(),
            })
        });
        cut.collect()
    }
}

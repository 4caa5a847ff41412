//! Packets that the capture holds twice.
//!
//! Flags captures of which a share of TCP packets are copies of others. Matters because tools that do not tell copies from
//! retransmissions report thousands of the latter; here copies are left out of every health count. Decided in
//! the flow table: the same bytes with the same IP identification within a moment (Wireshark's editcap -d does the same by
//! digests). Misses copies with rewritten headers (both sides of a NAT) or far apart.

use capkeep_flow::FlowRecord;

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use crate::subject::Subject;
use crate::words::percent;
use capkeep_flow::MarkKind;

pub(super) struct CaptureDuplicates;

const ABOUT: About = About {
    title: "packets captured twice",
    meaning: "The capture holds copies of packets. They are counted apart and left out of everything said of TCP health.",
    azure: "Captures on a virtual switch, of several interfaces of one machine, or through a virtual network tap see packets twice.",
    decided: "The same bytes with the same IP identification within a moment; share of all TCP packets.",
    misses: "Copies with rewritten headers, and those of packets without identification that come late.",
    next: "For other tools take them out first (editcap -d); capture on one interface only.",
};

impl Detector for CaptureDuplicates {
    fn id(&self) -> &'static str {
        "capture_duplicates"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, _: &Settings) -> Box<dyn Run> {
        Box::new(Duplicates::default())
    }
}

#[derive(Default)]
struct Duplicates {
    evidence: Evidence,
}

impl Run for Duplicates {
    fn observe(&mut self, flow: &FlowRecord) {
        let Some(tcp) = &flow.tcp else { return };
        let copies = tcp.from_client.copies + tcp.from_server.copies;
        if copies == 0 {
            return;
        }
        self.evidence.flow(flow);
        let marks = tcp.marks.iter().filter(|mark| mark.kind == MarkKind::Copy);
        let mut marked = 0;
        for mark in marks {
            marked += 1;
            self.evidence.mark(mark);
        }
        self.evidence.packets.unnamed(copies.saturating_sub(marked));
    }

    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding> {
        let quality = context.quality;
        if quality.copies == 0 || quality.copied_share() < context.settings.capture_duplicates.share {
            return Vec::new();
        }
        let Evidence { flows, packets, span } = self.evidence;
        vec![Finding {
            detector: CaptureDuplicates.id(),
            severity: Severity::Note,
            confidence: Confidence::High,
            subject: Subject::Everything,
            span,
            sentence: format!(
                "{} of the TCP packets are copies of others; they are left out of what is said of TCP health",
                percent(quality.copies, quality.tcp_packets)
            ),
            numbers: vec![
                Number::count("copies", quality.copies, "packets"),
                Number::share("copies, share", quality.copies, quality.tcp_packets),
            ],
            flows: flows.into(),
            packets,
        }]
    }
}

//! Packets that were lost before they reached the file, as the file counts them.
//!
//! Flags every capture whose interfaces or system dropped packets: pcapng `isb_ifdrop` and `isb_osdrop`
//! (draft-ietf-opsawg-pcapng, section 4.6), drop counts between packets (`epb_dropcount`, snoop's cumulative drops,
//! RFC 1761). Matters because each may look like loss on the network. Misses formats that count nothing (pcap).

use capkeep_flow::FlowRecord;

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::{Flows, Packets};
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use crate::subject::Subject;
use crate::words::counted;

pub(super) struct CaptureDrops;

const ABOUT: About = About {
    title: "packets dropped by the capture",
    meaning: "The capturing host dropped packets before they reached the file: gaps and missing answers may be the capture's own.",
    azure: "Agents on small virtual machines cannot keep up with line rate; a capture filter and a snap length help.",
    decided: "Drop counters in the file: pcapng isb_ifdrop and isb_osdrop, epb_dropcount; snoop's cumulative drops. Any drop is told; one in a hundred is a warning.",
    misses: "Formats that count nothing, such as pcap; and counters that include packets nobody asked for.",
    next: "Capture again with a filter or a smaller snap length; see capture_loss for what is missing.",
};

impl Detector for CaptureDrops {
    fn id(&self) -> &'static str {
        "capture_drops"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, _: &Settings) -> Box<dyn Run> {
        Box::new(Drops)
    }
}

struct Drops;

impl Run for Drops {
    fn observe(&mut self, _: &FlowRecord) {}

    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding> {
        let captures = (0..).zip(&context.analysis.captures);
        let dropped = captures.filter_map(|(index, capture)| {
            let drops = capture.facts.interfaces.iter().map(|interface| interface.drops);
            let lost = drops.map(|drops| {
                // The system's and the interface's counters count different packets; those between packets count
                // either again.
                let counters = drops.by_interface.unwrap_or(0).saturating_add(drops.by_system.unwrap_or(0));
                counters.max(drops.between_packets.unwrap_or(0))
            });
            let lost = lost.fold(0, u64::saturating_add);
            if lost == 0 {
                return None;
            }
            let is_much = lost.saturating_mul(100) >= capture.packets;
            Some(Finding {
                detector: CaptureDrops.id(),
                severity: if is_much { Severity::Warning } else { Severity::Note },
                confidence: Confidence::High,
                subject: Subject::Capture(index),
                span: capture.first.zip(capture.last),
                sentence: format!("{} were dropped before they reached the file", counted(lost, "packet")),
                numbers: vec![
                    Number::count("dropped", lost, "packets"),
                    Number::count("captured", capture.packets, "packets"),
                ],
                flows: Flows::default(),
                packets: Packets::default(),
            })
        });
        dropped.collect()
    }
}

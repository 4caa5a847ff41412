//! Packets cut by the snap length.
//!
//! Flags captures of which packets were kept in part only: captured bytes below wire bytes. Matters because what
//! applications said is not there. 34 captured bytes per packet is Microsoft's own example for "IPv4 header only"
//! (packet capture overview): then there are no ports. Misses nothing; whether it was meant nobody knows, so it is a note.

use capkeep_flow::FlowRecord;

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::{Flows, Packets};
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use crate::subject::Subject;
use crate::words::{percent, share};

pub(super) struct CaptureSnapped;

const ABOUT: About = About {
    title: "packets cut by the snap length",
    meaning: "Packets were kept in part only. Flows and TCP health are complete as long as headers are; what applications said may be missing.",
    azure: "bytesToCapturePerPacket of the session. Microsoft's example of 34 bytes keeps Ethernet and IPv4 and no ports.",
    decided: "Packets of which fewer bytes are in the file than were on the wire.",
    misses: "Nothing. Whether it was meant is not in the file.",
    next: "For names, versions and status codes capture whole packets (bytesToCapturePerPacket 0).",
};

impl Detector for CaptureSnapped {
    fn id(&self) -> &'static str {
        "capture_snapped"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, _: &Settings) -> Box<dyn Run> {
        Box::new(Snapped)
    }
}

struct Snapped;

/// Bytes of headers below which ports are missing: Ethernet 14, IPv4 20, ports 4.
const PORTS: u64 = 38;

impl Run for Snapped {
    fn observe(&mut self, _: &FlowRecord) {}

    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding> {
        let least = context.settings.capture_snapped.share;
        let captures = (0..).zip(&context.analysis.captures);
        let snapped = captures.filter_map(|(index, capture)| {
            let cut = capture.truncated_packets;
            if cut == 0 || share(cut, capture.packets) < least {
                return None;
            }
            let mean = capture.captured_bytes.checked_div(capture.packets).unwrap_or(0);
            let without_ports = if mean < PORTS { "; most have no ports any more" } else { "" };
            Some(Finding {
                detector: CaptureSnapped.id(),
                severity: Severity::Note,
                confidence: Confidence::High,
                subject: Subject::Capture(index),
                span: capture.first.zip(capture.last),
                sentence: format!(
                    "{} of the packets are cut by the snap length{without_ports}",
                    percent(cut, capture.packets)
                ),
                numbers: vec![
                    Number::count("cut", cut, "packets"),
                    Number::share("cut, share", cut, capture.packets),
                    Number::count("captured of a packet, mean", mean, "bytes"),
                ],
                flows: Flows::default(),
                packets: Packets::default(),
            })
        });
        snapped.collect()
    }
}

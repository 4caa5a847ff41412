//! Frames larger than the network carries.
//!
//! Flags captures in which data segments are larger than the maximum segment size that their receiver asked for. Matters
//! because those packets never were on the wire like that: the network card cut or joined them (segmentation offload), so
//! packet counts, sizes and retransmissions are those of the host, not of the network. Formula: payload over data segments
//! of a direction above the maximum segment size of the other side's SYN. Misses flows without their SYN and directions whose
//! mean stays below it. Packets longer than an Ethernet frame
//! (1,522 bytes) count as well. Wrongly flags jumbo frames.

use capkeep_flow::FlowRecord;

use crate::detector::{About, Context, Detector, Run};
use capkeep_flow::{Direction, TcpSide};

use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use crate::subject::Subject;
use crate::words::counted;

pub(super) struct CaptureOffload;

const ABOUT: About = About {
    title: "segmentation offload",
    meaning: "The capture shows packets larger than the network carries: the network card cuts or joins them. Counts of packets and of retransmissions are those of the host.",
    azure: "Virtual machines offload segmentation by default, with accelerated networking as well; on the wire packets have 1,400 bytes at most.",
    decided: "Payload over data segments of a direction is more than the maximum segment size that the receiver asked for in its SYN; or packets are longer than an Ethernet frame (1,522 bytes).",
    misses: "Flows without their SYN, and directions whose mean stays below it.",
    next: "Nothing, unless sizes matter: then turn it off while capturing (ethtool -K eth0 tso off gso off gro off).",
};

impl Detector for CaptureOffload {
    fn id(&self) -> &'static str {
        "capture_offload"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Offload { least: settings.capture_offload.segments, ..Offload::default() })
    }
}

#[derive(Default)]
struct Offload {
    least: u64,
    evidence: Evidence,
    largest: u64,
}

impl Offload {
    /// Mean payload of a data segment, if it is more than the receiver takes.
    fn too_large(&self, sent: &Direction, side: &TcpSide, receiver: &Direction) -> Option<u64> {
        // The payload of copies is in the sum, their segments are not.
        if side.data_segments < self.least || side.copies > 0 {
            return None;
        }
        // Payload is counted with what the capture holds twice, segments are without.
        let mean = sent.payload_bytes / (side.data_segments + side.copies).max(1);
        (mean > u64::from(receiver.mss?)).then_some(mean)
    }
}

impl Run for Offload {
    fn observe(&mut self, flow: &FlowRecord) {
        let Some(tcp) = &flow.tcp else { return };
        let up = self.too_large(&flow.from_client, &tcp.from_client, &flow.from_server);
        let down = self.too_large(&flow.from_server, &tcp.from_server, &flow.from_client);
        if let Some(mean) = up.max(down) {
            self.largest = self.largest.max(mean);
            self.evidence.flow(flow);
        }
    }

    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding> {
        let Evidence { flows, packets, span } = self.evidence;
        let oversized = context.analysis.captures.iter().map(|capture| capture.oversized).sum();
        if flows.count == 0 && oversized == 0 {
            return Vec::new();
        }
        let sentence = if flows.count > 0 {
            format!(
                "segments of {} are larger than the network carries: the network card cuts or joins them",
                counted(flows.count, "flow")
            )
        } else {
            format!(
                "{} are longer than an Ethernet frame: offload, or jumbo frames",
                counted(oversized, "packet")
            )
        };
        vec![Finding {
            detector: CaptureOffload.id(),
            severity: Severity::Note,
            confidence: Confidence::High,
            subject: Subject::Everything,
            span,
            sentence,
            numbers: vec![
                Number::count("flows", flows.count, "flows"),
                Number::count("longer than an Ethernet frame", oversized, "packets"),
                Number::count("mean payload of a segment, the largest", self.largest, "bytes"),
            ],
            flows: flows.into(),
            packets,
        }]
    }
}

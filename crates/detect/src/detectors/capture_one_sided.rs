//! Flows of which only one direction was captured.
//!
//! Flags captures with a share of TCP flows that progress although one direction is absent. Matters because round trips,
//! answers and acknowledgements need both; findings that rest on missing answers are muted then. Formula: flows of
//! which one side sent data or several acknowledgements while the other sent nothing, over flows that progress. Misses other
//! protocols. Wrongly flags nothing known: data without a peer is not possible in TCP, but for midstream ends of
//! flows.

use capkeep_flow::FlowRecord;

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::quality::is_one_sided;
use crate::settings::Settings;
use crate::subject::Subject;
use crate::words::percent;

pub(super) struct CaptureOneSided;

const ABOUT: About = About {
    title: "only one direction captured",
    meaning: "TCP flows go on although one of their directions is not in the capture. What needs both directions is not said of them.",
    azure: "Load balancers with floating IP or direct return, asymmetric routes through appliances and ExpressRoute, and capture filters on one address make captures one-sided.",
    decided: "TCP flows of which one side sent data, or several acknowledgements, and the other nothing; over flows that progress.",
    misses: "Protocols other than TCP. Wrongly flags flows that were captured for their last packets only.",
    next: "Look at the capture filter and at the routes; capture at the other end, too.",
};

impl Detector for CaptureOneSided {
    fn id(&self) -> &'static str {
        "capture_one_sided"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, _: &Settings) -> Box<dyn Run> {
        Box::new(OneSided::default())
    }
}

#[derive(Default)]
struct OneSided {
    evidence: Evidence,
}

impl Run for OneSided {
    fn observe(&mut self, flow: &FlowRecord) {
        if flow.protocol == capkeep_flow::Protocol::Ip(6) && is_one_sided(flow) {
            self.evidence.flow(flow);
            self.evidence.first_packet(flow);
        }
    }

    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding> {
        let quality = context.quality;
        let settings = &context.settings.capture_one_sided;
        if quality.one_sided < settings.flows || quality.one_sided_share() < settings.share {
            return Vec::new();
        }
        let Evidence { flows, packets, span } = self.evidence;
        vec![Finding {
            detector: CaptureOneSided.id(),
            severity: Severity::Note,
            confidence: Confidence::High,
            subject: Subject::Everything,
            span,
            sentence: format!(
                "of {} of the TCP flows only one direction was captured",
                percent(quality.one_sided, quality.progressing)
            ),
            numbers: vec![
                Number::count("one-sided", quality.one_sided, "flows"),
                Number::share("one-sided, share", quality.one_sided, quality.progressing),
            ],
            flows: flows.into(),
            packets,
        }]
    }
}

//! Packets that were on the network but are not in the capture.
//!
//! Flags captures in which acknowledgements name bytes that the capture does not hold. Matters because loss by the capture
//! looks like loss by the network. Formula: acknowledgements of unseen bytes, over all acknowledgements (nearly
//! all acknowledge); Zeek's capture-loss.zeek (gaps over acknowledgements) notices at 10 %. One-sided flows are left out.
//! Misses packets of protocols other than TCP, and lost acknowledgements. Wrongly flags asymmetric routes that carry a part of
//! a flow elsewhere.

use capkeep_flow::FlowRecord;

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::quality::is_one_sided;
use crate::settings::Settings;
use crate::subject::Subject;
use crate::words::{percent, share};
use capkeep_flow::MarkKind;

pub(super) struct CaptureLoss;

const ABOUT: About = About {
    title: "packets missing from the capture",
    meaning: "Hosts acknowledge bytes that the capture never saw: they arrived, the capture missed them. Loss and gaps elsewhere may be the capture's own.",
    azure: "Agents on busy or small machines miss packets; accelerated networking sends packets past the host's capture.",
    decided: "Acknowledgements of unseen bytes over all acknowledgements, copies and one-sided flows left out; 10 % is a warning as in Zeek, a tenth of it a note.",
    misses: "Other protocols, and lost acknowledgements. Wrongly flags routes that carry part of a flow past the capture.",
    next: "Capture with a filter or a smaller snap length, or at the other end; read what is said of loss with care.",
};

impl Detector for CaptureLoss {
    fn id(&self) -> &'static str {
        "capture_loss"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, _: &Settings) -> Box<dyn Run> {
        Box::new(Loss::default())
    }
}

#[derive(Default)]
struct Loss {
    evidence: Evidence,
    unseen: u64,
    acks: u64,
}

impl Run for Loss {
    fn observe(&mut self, flow: &FlowRecord) {
        let Some(tcp) = flow.tcp.as_ref().filter(|_| !is_one_sided(flow)) else { return };
        self.acks += tcp.from_client.acks + tcp.from_server.acks;
        let unseen = tcp.from_client.acked_unseen + tcp.from_server.acked_unseen;
        if unseen == 0 {
            return;
        }
        self.unseen += unseen;
        self.evidence.flow(flow);
        let mut marked = 0;
        for mark in tcp.marks.iter().filter(|mark| mark.kind == MarkKind::AckedUnseen) {
            marked += 1;
            self.evidence.mark(mark);
        }
        self.evidence.packets.unnamed(unseen.saturating_sub(marked));
    }

    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding> {
        let settings = &context.settings.capture_loss;
        let missing = share(self.unseen, self.acks);
        if self.unseen < settings.acks || missing < settings.note_share {
            return Vec::new();
        }
        let Evidence { flows, packets, span } = self.evidence;
        vec![Finding {
            detector: CaptureLoss.id(),
            severity: if missing >= settings.share { Severity::Warning } else { Severity::Note },
            confidence: Confidence::High,
            subject: Subject::Everything,
            span,
            sentence: format!(
                "the capture missed packets: {} of the acknowledgements are of bytes that are not in it",
                percent(self.unseen, self.acks)
            ),
            numbers: vec![
                Number::count("acknowledgements of unseen bytes", self.unseen, "packets"),
                Number::share("acknowledgements of unseen bytes, share", self.unseen, self.acks),
                Number::count("gaps", context.quality.lost_before, "packets"),
            ],
            flows: flows.into(),
            packets,
        }]
    }
}

//! Flows that were forgotten on the way while they were silent.
//!
//! Flags TCP flows that are silent for 240 s or more and then have retransmissions that nothing acknowledges in
//! time, or a reset, within 30 s. Matters because load balancers and NAT forget flows after 4 minutes of silence by
//! default and drop what comes later without a word, unless TCP reset is on. Formula: the longest silence of the
//! flow, less 5 s of slack, against 240 s; retransmissions or resets from the packet that ended it on.
//! Source: Azure Load Balancer, TCP reset and idle timeout; Standard Load Balancer and NAT gateway, 4 min default.
//! Misses silences beyond the idle timeout of the analysis (15 min): the flow is two flows then. Wrongly flags a
//! server that closes idle connections with a reset by itself.

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use capkeep_flow::FlowRecord;
use std::net::IpAddr;

use capkeep_flow::{Mark, MarkKind, TcpHealth};

use crate::azure;
use crate::bounded::Keyed;
use crate::settings::nanos;
use crate::subject::{Party, Subject};
use crate::words::{counted, span};

pub(super) struct IdleTimeout;

const ABOUT: About = About {
    title: "idle flow forgotten on the way",
    meaning: "A connection was silent for minutes; what came next was not answered, or was reset. Something on the way had forgotten it.",
    azure: "Azure Load Balancer, NAT gateway and outbound SNAT forget a TCP flow after 4 minutes of silence by default and drop later packets silently; with TCP reset both ends are told.",
    decided: "Longest silence of a flow of 240 s (less 5 s), then two retransmissions or a reset within 30 s after it.",
    misses: "Silences beyond the idle timeout of the analysis. Wrongly flags servers that reset idle connections themselves.",
    next: "Keep-alives below 4 minutes on either end (or in the connection pool), or a longer idle timeout and TCP reset at the load balancer.",
};

impl Detector for IdleTimeout {
    fn id(&self) -> &'static str {
        "idle_timeout"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Forgotten {
            least: nanos(settings.idle_timeout.silence_seconds - settings.idle_timeout.slack_seconds),
            within: nanos(settings.idle_timeout.within_seconds),
            services: Keyed::default(),
        })
    }
}

struct Forgotten {
    least: i64,
    within: i64,
    services: Keyed<(IpAddr, Party), Lost>,
}

#[derive(Default)]
struct Lost {
    longest: i64,
    shortest: i64,
    dropped: u64,
    reset: u64,
    evidence: Evidence,
}

impl Forgotten {
    /// Marks of what happened right after the silence; and whether it was a reset.
    fn after<'a>(&self, tcp: &'a TcpHealth) -> Option<(Vec<&'a Mark>, bool)> {
        let silence = tcp.longest_silence.filter(|silence| silence.nanos >= self.least)?;
        let after = |kind| {
            tcp.marks.iter().filter(move |mark| {
                let since = mark.at.since(silence.end);
                mark.kind == kind && (0..=self.within).contains(&since)
            })
        };
        let again: Vec<_> = after(MarkKind::Retransmission).collect();
        let resets = after(MarkKind::Reset);
        if again.len() >= 2 {
            Some((again.into_iter().chain(resets).collect(), false))
        } else {
            let resets: Vec<_> = resets.collect();
            (!resets.is_empty()).then_some((resets, true))
        }
    }
}

impl Run for Forgotten {
    fn observe(&mut self, flow: &FlowRecord) {
        let Some(tcp) = &flow.tcp else { return };
        let Some((marks, is_reset)) = self.after(tcp) else { return };
        let silence = tcp.longest_silence.map_or(0, |silence| silence.nanos);
        let Some(lost) = self.services.at((flow.client.ip, Party::server(flow))) else { return };
        lost.longest = lost.longest.max(silence);
        lost.shortest = if lost.shortest == 0 { silence } else { lost.shortest.min(silence) };
        *(if is_reset { &mut lost.reset } else { &mut lost.dropped }) += 1;
        lost.evidence.flow(flow);
        for mark in marks {
            lost.evidence.mark(mark);
        }
    }

    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding> {
        let rows = self.services.into_rows().map(|((client, party), lost)| {
            let how = if lost.dropped > 0 { "what came next was not answered" } else { "a reset came next" };
            let sentence = format!(
                "{} had been silent for {} and more when {how}: something on the way forgets idle flows",
                counted(lost.dropped + lost.reset, "flow"),
                span(lost.shortest)
            );
            let numbers = vec![
                Number::seconds("shortest silence", lost.shortest),
                Number::seconds("longest silence", lost.longest),
                Number::count("dropped without a word", lost.dropped, "flows"),
                Number::count("reset", lost.reset, "flows"),
                Number::seconds(
                    "Azure's default",
                    i64::try_from(azure::IDLE_TIMEOUT.as_nanos()).unwrap_or(0),
                ),
            ];
            // A reset may as well be a server that closes what is idle.
            let (severity, sure) = if lost.dropped > 0 {
                (Severity::Warning, Confidence::High)
            } else {
                (Severity::Note, Confidence::Medium)
            };
            let grade = (severity, context.quality.tempered(sure));
            Finding::new(
                &IdleTimeout,
                grade,
                Subject::Conversation(client, party),
                lost.evidence,
                sentence,
                numbers,
            )
        });
        rows.collect()
    }
}

//! Sides that take nothing for a while.
//!
//! Flags a side of a conversation whose receive window was zero for longer than a second in all. Matters because
//! the network is fine then: a program does not read what has arrived. Formula: time from a window of zero to the
//! next that is not (RFC 9293, section 3.8.6), or to the last packet; summed over a flow.
//! Misses windows that are small but not zero, and those closed before the capture began. Wrongly flags programs
//! that pause on purpose, such as a video player.

use crate::bounded::Keyed;
use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use crate::settings::nanos;
use crate::subject::{Party, Subject};
use crate::words::span;
use capkeep_flow::FlowRecord;
use capkeep_flow::MarkKind;

pub(super) struct ZeroWindow;

const ABOUT: About = About {
    title: "receiver stalled: window of zero",
    meaning: "One side told the other to stop sending, because its program did not read. The network is not to blame; the side named is.",
    azure: "A service that stops reading is short of CPU, disk throughput (IOPS of the disk or of the machine size) or threads.",
    decided: "Time between a window of zero and the next that is not, summed over a flow; more than 1 s is a warning.",
    misses: "Windows that are small but not zero. Wrongly flags programs that pause on purpose.",
    next: "Look at CPU, disk and locks of the side named, at the time of the finding.",
};

impl Detector for ZeroWindow {
    fn id(&self) -> &'static str {
        "zero_window"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Stalls { least: nanos(settings.zero_window.stall_seconds), sides: Keyed::default() })
    }
}

struct Stalls {
    least: i64,
    /// By client, service, and whether the client stalls.
    sides: Keyed<(std::net::IpAddr, Party, bool), Stalled>,
}

#[derive(Default)]
struct Stalled {
    longest: i64,
    sum: i64,
    windows: u64,
    probes: u64,
    evidence: Evidence,
}

impl Run for Stalls {
    fn observe(&mut self, flow: &FlowRecord) {
        let Some(tcp) = &flow.tcp else { return };
        for (side, peer, by_client) in
            [(&tcp.from_client, &tcp.from_server, true), (&tcp.from_server, &tcp.from_client, false)]
        {
            if side.zero_window_nanos <= self.least {
                continue;
            }
            let Some(stalled) = self.sides.at((flow.client.ip, Party::server(flow), by_client)) else {
                continue;
            };
            stalled.longest = stalled.longest.max(side.zero_window_nanos);
            stalled.sum = stalled.sum.saturating_add(side.zero_window_nanos);
            stalled.windows += side.zero_windows;
            stalled.probes += peer.zero_window_probes;
            stalled.evidence.flow(flow);
            let marks = tcp.marks.iter().filter(|mark| {
                let of_side = matches!(mark.kind, MarkKind::ZeroWindow | MarkKind::WindowOpened);
                let of_peer = matches!(mark.kind, MarkKind::ZeroWindowProbe | MarkKind::WindowFull);
                (of_side && mark.from_client == by_client) || (of_peer && mark.from_client != by_client)
            });
            for mark in marks {
                stalled.evidence.mark(mark);
            }
        }
    }

    fn finish(self: Box<Self>, _: &Context<'_>) -> Vec<Finding> {
        let rows = self.sides.into_rows().map(|((client, party, by_client), stalled)| {
            let who = if by_client { "client" } else { "server" };
            let numbers = vec![
                Number::seconds("longest of a flow", stalled.longest),
                Number::seconds("in all", stalled.sum),
                Number::count("segments with a window of zero", stalled.windows, "packets"),
                Number::count("probes", stalled.probes, "packets"),
                Number::count("flows", stalled.evidence.flows.count, "flows"),
            ];
            let sentence =
                format!("the {who} took nothing for {}: its program does not read", span(stalled.longest));
            let subject = Subject::Conversation(client, party);
            let grade = (Severity::Warning, Confidence::High);
            Finding::new(&ZeroWindow, grade, subject, stalled.evidence, sentence, numbers)
        });
        rows.collect()
    }
}

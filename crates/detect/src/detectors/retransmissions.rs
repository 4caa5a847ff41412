//! Segments that were sent again because they were lost.
//!
//! Flags directions between a client and a service in which a share of data segments was sent again: 1 % is a note,
//! 5 % a warning, with at least 20 data segments. Matters because throughput falls with the square root of loss
//! (Mathis et al., CCR 1997). Formula: retransmissions (fast ones and those of timers, spurious ones left out, and those
//! that the receiver says to have had, D-SACK, RFC 2883) over data segments, copies left out; of the flows that are bad by themselves if there are any, else of all flows
//! between the two.
//! Sources: Wireshark User's Guide, TCP Analysis; Suricata rule 2210054 (10 in a flow).
//! Misses loss that the sender's own capture cannot see (acknowledgements), and flows without TCP headers. Wrongly
//! flags retransmissions that nothing tells from reordering, and those of a receiver that was not reachable at all.

use crate::bounded::Keyed;
use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings;
use crate::settings::Settings;
use crate::subject::{Party, Subject};
use crate::verdict::lost;
use crate::words::{percent, share};
use capkeep_flow::FlowRecord;
use capkeep_flow::{MarkKind, TcpSide};

pub(super) struct Retransmissions;

const ABOUT: About = About {
    title: "packets lost: segments sent again",
    meaning: "Segments had to be sent again because they, or their acknowledgements, were lost. The direction says on which way.",
    azure: "Loss towards one side only points at that side's path: a throttled virtual machine size, a VPN gateway, an ExpressRoute circuit at its limit, a full queue of an appliance.",
    decided: "Retransmissions over data segments, without spurious ones and without those that the receiver says to have had (D-SACK), per direction between a client and a service: 1 % (3 segments) note, 5 % (10 segments) warning, of at least 20 data segments. Copies the capture made do not count.",
    misses: "Loss of acknowledgements alone. Wrongly flags a receiver that vanished, and reordering where neither IP identification nor time tells it apart.",
    next: "Slice the packets, and look whether gaps (lost before) show as well: if so the loss lies between sender and capture, if not behind the capture. Compare with a capture at the other end.",
};

impl Detector for Retransmissions {
    fn id(&self) -> &'static str {
        "retransmissions"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Lossy { settings: settings.retransmissions.clone(), ways: Keyed::default() })
    }
}

struct Lossy {
    settings: settings::Retransmissions,
    /// By client, service, and whether the client sends.
    ways: Keyed<(std::net::IpAddr, Party, bool), Way>,
}

/// What one direction showed.
#[derive(Default)]
struct Way {
    all: Sent,
    bad: Sent,
    evidence: Evidence,
}

/// Segments.
#[derive(Clone, Copy, Default)]
struct Sent {
    data: u64,
    again: u64,
    timeouts: u64,
    gaps: u64,
    flows: u64,
}

impl Sent {
    fn add(&mut self, side: &TcpSide) {
        self.data += side.data_segments;
        self.again += lost(side);
        self.timeouts += side.timeouts;
        self.gaps += side.lost_before;
        self.flows += 1;
    }

    fn severity(&self, limits: &settings::Retransmissions) -> Option<Severity> {
        let lost = share(self.again, self.data);
        if self.data < limits.segments || self.again < limits.note_least || lost < limits.note_share {
            None
        } else if self.again >= limits.warning_least && lost >= limits.warning_share {
            Some(Severity::Warning)
        } else {
            Some(Severity::Note)
        }
    }
}

impl Run for Lossy {
    fn observe(&mut self, flow: &FlowRecord) {
        let Some(tcp) = &flow.tcp else { return };
        for (side, from_client) in [(&tcp.from_client, true), (&tcp.from_server, false)] {
            if side.data_segments == 0 {
                continue;
            }
            let Some(way) = self.ways.at((flow.client.ip, Party::server(flow), from_client)) else {
                continue;
            };
            way.all.add(side);
            let mut one = Sent::default();
            one.add(side);
            if one.severity(&self.settings).is_some() {
                way.bad.add(side);
            }
            if one.again == 0 {
                continue;
            }
            way.evidence.flow(flow);
            let marks = tcp.marks.iter().filter(|mark| mark.kind == MarkKind::Retransmission);
            let mut marked = 0;
            for mark in marks.filter(|mark| mark.from_client == from_client) {
                marked += 1;
                way.evidence.mark(mark);
            }
            way.evidence.packets.unnamed(one.again.saturating_sub(marked));
        }
    }

    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding> {
        let mut found = Vec::new();
        for ((client, party, from_client), way) in self.ways.into_rows() {
            let sent = if way.bad.flows > 0 { way.bad } else { way.all };
            let Some(severity) = sent.severity(&self.settings) else { continue };
            let towards = if from_client { "server" } else { "client" };
            let numbers = vec![
                Number::count("sent again", sent.again, "packets"),
                Number::count("data segments", sent.data, "packets"),
                Number::share("sent again, share", sent.again, sent.data),
                Number::count("by timeout", sent.timeouts, "packets"),
                Number::count("gaps seen", sent.gaps, "packets"),
                Number::count("flows", sent.flows, "flows"),
            ];
            let sentence = format!(
                "{} of {} data segments to the {towards} were sent again: they, or their acknowledgements, were lost",
                percent(sent.again, sent.data),
                sent.data
            );
            let confidence = context.quality.tempered(Confidence::High);
            let subject = Subject::Conversation(client, party);
            found.push(Finding::new(
                &Retransmissions,
                (severity, confidence),
                subject,
                way.evidence,
                sentence,
                numbers,
            ));
        }
        found
    }
}

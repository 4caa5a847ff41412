//! Packets too big for the way.
//!
//! Flags conversations of which ICMP says that packets were too big (type 3 code 4 with the next hop's MTU, ICMPv6
//! type 2), and those in which large segments are sent again three times and more without an acknowledgement while
//! small ones pass. Matters because connections are set up and then hang at the first full packet. Formula: the MTU
//! of the errors that quote the flow; or marks of at least 3 retransmissions by the timer of segments of 0.9 of the
//! maximum segment size and more, none fast, no small one among them, and fewer duplicate acknowledgements by the
//! receiver than that: what is last and small may get through.
//! Sources: RFC 1191, RFC 8201, RFC 2923 section 2.1.
//! Misses black holes that the sender gets around by smaller segments (RFC 4821). Wrongly flags receivers that
//! vanished in the middle of a transfer: without ICMP it is a guess, and says so.

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use capkeep_flow::FlowRecord;
use std::net::IpAddr;

use capkeep_flow::{MarkKind, TcpSide};

use crate::azure;
use crate::bounded::Keyed;
use crate::settings;
use crate::subject::{Party, Subject};

pub(super) struct PmtudBlackHole;

const ABOUT: About = About {
    title: "packets too big for the way",
    meaning: "Full-size packets do not get through while small ones do: connections are set up and hang at the first full packet.",
    azure: "The virtual network carries 1,400 bytes in one piece, VPN gateways advise a maximum segment size of 1,350; ICMP is often filtered by security rules, so senders are never told.",
    decided: "ICMP 3/4 or ICMPv6 2 that quote the flow, with the MTU they name; or 3 and more retransmissions by timer of segments of 0.9 MSS or more, none fast, fewer duplicate acknowledgements than that.",
    misses: "Black holes the sender gets around. Without ICMP wrongly flags receivers that vanished in the middle.",
    next: "Lower the MTU or clamp the MSS (1,350 through VPN), and let ICMP 3/4 pass the security rules.",
};

impl Detector for PmtudBlackHole {
    fn id(&self) -> &'static str {
        "pmtud_black_hole"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Holes { settings: settings.pmtud_black_hole.clone(), ways: Keyed::default() })
    }
}

struct Holes {
    settings: settings::PmtudBlackHole,
    /// By client, service, and whether the client sends.
    ways: Keyed<(IpAddr, Party, bool), Hole>,
}

#[derive(Default)]
struct Hole {
    mtu: Option<u32>,
    errors: u64,
    again: u64,
    stuck: u64,
    evidence: Evidence,
}

impl Holes {
    /// True if the sender repeats nothing but full segments, in vain.
    fn is_stuck(&self, flow: &FlowRecord, side: &TcpSide, peer: &TcpSide, from_client: bool) -> bool {
        let limits = &self.settings;
        let Some(tcp) = &flow.tcp else { return false };
        if side.timeouts < limits.retransmissions
            || side.fast_retransmissions + side.spurious_retransmissions > 0
        {
            return false;
        }
        let (sent, received) = if from_client {
            (&flow.from_client, &flow.from_server)
        } else {
            (&flow.from_server, &flow.from_client)
        };
        let mss = u64::from(sent.mss.or(received.mss).unwrap_or(azure::VPN_MSS));
        let again = tcp.marks.iter().filter(|mark| mark.kind == MarkKind::Retransmission);
        let again: Vec<_> = again.filter(|mark| mark.from_client == from_client).collect();
        let is_full = |bytes: u32| f64::from(bytes) >= mss as f64 * limits.full_share;
        // A small segment behind the large ones may get through, and is acknowledged by one that repeats the last.
        peer.duplicate_acks < limits.retransmissions
            && tcp.completeness & 4 != 0
            && again.len() as u64 >= limits.retransmissions
            && again.iter().all(|mark| is_full(mark.payload_bytes))
    }
}

impl Run for Holes {
    fn observe(&mut self, flow: &FlowRecord) {
        let Some(tcp) = &flow.tcp else {
            // UDP and the like: ICMP alone.
            if flow.path_mtu.is_some()
                && let Some(hole) = self.ways.at((flow.client.ip, Party::server(flow), true))
            {
                hole.errors += flow.icmp_errors;
                hole.mtu = hole.mtu.into_iter().chain(flow.path_mtu).min();
                hole.evidence.flow(flow);
                hole.evidence.first_packet(flow);
            }
            return;
        };
        let sides = [(&tcp.from_client, &tcp.from_server, true), (&tcp.from_server, &tcp.from_client, false)];
        let bigger = usize::from(flow.from_client.payload_bytes <= flow.from_server.payload_bytes);
        for (index, (side, peer, from_client)) in sides.into_iter().enumerate() {
            let told = flow.path_mtu.is_some() && index == bigger;
            let stuck = self.is_stuck(flow, side, peer, from_client);
            if !told && !stuck {
                continue;
            }
            let Some(hole) = self.ways.at((flow.client.ip, Party::server(flow), from_client)) else {
                continue;
            };
            if told {
                hole.errors += flow.icmp_errors;
                hole.mtu = hole.mtu.into_iter().chain(flow.path_mtu).min();
            }
            hole.again += side.timeouts;
            hole.stuck += u64::from(stuck);
            hole.evidence.flow(flow);
            let mut any = false;
            let marks = tcp.marks.iter().filter(|mark| mark.kind == MarkKind::Retransmission);
            for mark in marks.filter(|mark| mark.from_client == from_client) {
                any = true;
                hole.evidence.mark(mark);
            }
            if !any {
                hole.evidence.first_packet(flow);
            }
        }
    }

    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding> {
        let rows = self.ways.into_rows().map(|((client, party, from_client), hole)| {
            let towards = if from_client { "server" } else { "client" };
            let (severity, sure, sentence) = match (hole.mtu, hole.stuck) {
                (Some(mtu), 0) => (
                    Severity::Note,
                    Confidence::High,
                    format!("packets to the {towards} were too big for the way: routers say {mtu} bytes pass"),
                ),
                (Some(mtu), _) => (
                    Severity::Warning,
                    Confidence::High,
                    format!(
                        "packets to the {towards} are too big for the way ({mtu} bytes pass), and the sender goes on \
                         with them"
                    ),
                ),
                (None, _) => (
                    Severity::Warning,
                    Confidence::Low,
                    format!("full segments to the {towards} are sent again and again while small ones pass"),
                ),
            };
            let numbers = vec![
                Number::count("MTU named by routers", hole.mtu.unwrap_or(0).into(), "bytes"),
                Number::count("ICMP errors", hole.errors, "packets"),
                Number::count("sent again by timer", hole.again, "packets"),
                Number::count("flows that hang", hole.stuck, "flows"),
                Number::count("carried in one piece on Azure", azure::FRAGMENT_BYTES.into(), "bytes"),
            ];
            let grade = (severity, context.quality.tempered(sure));
            let subject = Subject::Conversation(client, party);
            Finding::new(&PmtudBlackHole, grade, subject, hole.evidence, sentence, numbers)
        });
        rows.collect()
    }
}

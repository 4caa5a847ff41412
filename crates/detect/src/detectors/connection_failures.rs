//! Connections that do not come about.
//!
//! Flags a client whose attempts at a service fail: at least 5, half of them or more; and single attempts whose SYN
//! was sent four times and more (the retries of Linux and Windows after 1, 3 and 7 s). Matters because a refused
//! attempt (nobody listens) and an unanswered one (dropped on the way) have different causes. Formula: flows in
//! Zeek's states REJ, S0, RSTOS0 and SH without payload, over all flows with a SYN. Muted where a third of the
//! flows is one-sided.
//! Misses failures after the handshake. Wrongly flags clients that try addresses on purpose (happy eyeballs tries
//! IPv6 first).

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use capkeep_flow::FlowRecord;
use std::net::IpAddr;

use capkeep_flow::{ConnState, MarkKind, Protocol};

use crate::azure;
use crate::bounded::Keyed;
use crate::settings;
use crate::subject::{Party, Subject};
use crate::words::{counted, share};

pub(super) struct ConnectionFailures;

const ABOUT: About = About {
    title: "connections fail",
    meaning: "A client asks for connections and does not get them. Refused: the host is there, nobody listens. Unanswered: something on the way drops the SYN, or the host is down.",
    azure: "Unanswered SYNs are what network security groups, firewalls, missing routes and exhausted SNAT ports look like; a refusal is what a stopped service or a host firewall with reject looks like.",
    decided: "Attempts that end in REJ, S0, RSTOS0 or SH without payload over all attempts of a client at a service: 5 attempts and half of them. A single attempt with 4 SYNs is a note.",
    misses: "Failures after the handshake (TLS, HTTP). Wrongly flags clients that try several addresses on purpose. Nothing is said where the capture is one-sided.",
    next: "Unanswered: effective security rules and routes of both ends (capkeep vm, IP flow verify), then capture at the server. Refused: is the service running and bound to the address?",
};

impl Detector for ConnectionFailures {
    fn id(&self) -> &'static str {
        "connection_failures"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Failures { settings: settings.connection_failures.clone(), services: Keyed::default() })
    }
}

struct Failures {
    settings: settings::ConnectionFailures,
    services: Keyed<(IpAddr, Party), Attempts>,
}

#[derive(Default)]
struct Attempts {
    all: u64,
    refused: u64,
    unanswered: u64,
    unreachable: u64,
    most_syns: u64,
    retried: u64,
    evidence: Evidence,
}

impl Run for Failures {
    fn observe(&mut self, flow: &FlowRecord) {
        let Some(tcp) = flow.tcp.as_ref().filter(|_| flow.protocol == Protocol::Ip(6)) else { return };
        if tcp.handshake.syns == 0 || azure::is_own(flow.server.ip) || azure::is_own(flow.client.ip) {
            return;
        }
        let Some(attempts) = self.services.at((flow.client.ip, Party::server(flow))) else { return };
        attempts.all += 1;
        let no_payload = flow.from_client.payload_bytes + flow.from_server.payload_bytes == 0;
        match flow.conn_state {
            ConnState::Rej => attempts.refused += 1,
            ConnState::S0 | ConnState::Rstos0 | ConnState::Sh if no_payload => {
                attempts.unanswered += 1;
                attempts.unreachable += u64::from(flow.icmp_errors > 0);
                attempts.most_syns = attempts.most_syns.max(tcp.handshake.syns);
                attempts.retried += u64::from(tcp.handshake.syns >= self.settings.syns);
            }
            _ => return,
        }
        attempts.evidence.flow(flow);
        attempts.evidence.first_packet(flow);
        let again = tcp.marks.iter().filter(|mark| mark.kind == MarkKind::Retransmission);
        for mark in again.filter(|mark| mark.from_client) {
            attempts.evidence.mark(mark);
        }
    }

    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding> {
        if context.quality.hides_answers() {
            return Vec::new();
        }
        let settings = &self.settings;
        let mut found = Vec::new();
        for ((client, party), attempts) in self.services.into_rows() {
            let failed = attempts.refused + attempts.unanswered;
            let many = attempts.all >= settings.attempts && share(failed, attempts.all) >= settings.share;
            if !many && (attempts.retried == 0 || failed == 0) {
                continue;
            }
            let how = match (attempts.refused, attempts.unanswered) {
                (0, _) if attempts.unreachable == attempts.unanswered => "routers say it cannot be reached",
                (0, _) => "nobody answers",
                (_, 0) => "they are refused",
                _ => "some are refused, some not answered",
            };
            let sentence = if many {
                format!("{failed} of {} fail: {how}", counted(attempts.all, "connection attempt"))
            } else {
                format!(
                    "nobody answered a connection attempt that was repeated {} times",
                    attempts.most_syns - 1
                )
            };
            let numbers = vec![
                Number::count("attempts", attempts.all, "flows"),
                Number::count("refused", attempts.refused, "flows"),
                Number::count("unanswered", attempts.unanswered, "flows"),
                Number::count("unreachable by ICMP", attempts.unreachable, "flows"),
                Number::count("most SYNs of an attempt", attempts.most_syns, "packets"),
            ];
            let severity = if many { Severity::Warning } else { Severity::Note };
            let sure = if attempts.unanswered > 0 {
                context.quality.tempered(Confidence::High)
            } else {
                Confidence::High
            };
            let subject = Subject::Conversation(client, party);
            let evidence = attempts.evidence;
            found.push(Finding::new(
                &ConnectionFailures,
                (severity, sure),
                subject,
                evidence,
                sentence,
                numbers,
            ));
        }
        found
    }
}

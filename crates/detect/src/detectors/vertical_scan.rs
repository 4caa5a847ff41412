//! Many ports of one host tried.
//!
//! Flags a source that fails at 15 or more distinct ports of one host within 5 minutes. Matters because somebody,
//! or a program, looks for what listens. Formula: distinct ports of flows in Zeek's states REJ, S0, RSTOS0 without
//! payload, and of UDP flows that ICMP errors answer; the densest window counts. Source: Zeek scan.zeek (until
//! 6.1).
//! Misses slow scans, and those that find every port open. Wrongly flags monitoring that tests many ports.

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use capkeep_flow::FlowRecord;
use std::net::IpAddr;

use capkeep_flow::{ConnState, Protocol};

use super::failed_attempt;
use crate::bounded::{Budget, Contact, Keyed, densest};
use crate::settings::whole_nanos;
use crate::subject::Subject;
use crate::words::counted;

pub(super) struct VerticalScan;

const ABOUT: About = About {
    title: "port scan of one host",
    meaning: "A source tries many ports of one host, and most do not answer or refuse.",
    azure: "Scans from the Internet reach every public address within minutes; one from inside the network is a machine to look at.",
    decided: "Distinct ports of a host at which attempts of a source fail (REJ, S0, RSTOS0, UDP answered by ICMP errors): 15 within 5 min.",
    misses: "Slow scans, and hosts that answer on every port. Wrongly flags monitoring that tests many ports.",
    next: "From outside: does a network security group allow more than is served? From inside: which program of the source did it (netstat, Defender)?",
};

impl Detector for VerticalScan {
    fn id(&self) -> &'static str {
        "vertical_scan"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Scans {
            ports: settings.vertical_scan.ports,
            window: whole_nanos(settings.vertical_scan.window_seconds),
            budget: Budget::default(),
            pairs: Keyed::default(),
        })
    }
}

struct Scans {
    ports: u64,
    window: i64,
    budget: Budget,
    pairs: Keyed<(IpAddr, IpAddr), Tried>,
}

#[derive(Default)]
struct Tried {
    ports: Vec<Contact<(Protocol, u16)>>,
    refused: u64,
    evidence: Evidence,
}

impl Run for Scans {
    fn observe(&mut self, flow: &FlowRecord) {
        if !failed_attempt(flow) {
            return;
        }
        let Some(tried) = self.pairs.at((flow.client.ip, flow.server.ip)) else { return };
        let contact = Contact {
            at: flow.first,
            what: (flow.protocol, flow.server.port),
            capture: flow.capture,
            packet: flow.first_packet,
        };
        if self.budget.push(&mut tried.ports, contact) {
            tried.refused += u64::from(flow.conn_state == ConnState::Rej);
            tried.evidence.flow(flow);
        }
    }

    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding> {
        if context.quality.hides_answers() {
            return Vec::new();
        }
        let mut found = Vec::new();
        for ((source, target), mut tried) in self.pairs.into_rows() {
            let (ports, inside) = densest(&mut tried.ports, self.window);
            if (ports as u64) < self.ports {
                continue;
            }
            let mut evidence = tried.evidence;
            evidence.span = inside.first().zip(inside.last()).map(|(first, last)| (first.at, last.at));
            for contact in inside {
                evidence.packets.add(contact.capture, contact.packet);
            }
            let numbers = vec![
                Number::count("ports that failed", ports as u64, "ports"),
                Number::count("attempts in the window", inside.len() as u64, "flows"),
                Number::count("refused", tried.refused, "flows"),
            ];
            let sure = if ports as u64 >= self.ports.saturating_mul(3) {
                Confidence::High
            } else {
                Confidence::Medium
            };
            let sentence = format!("{} of one host were tried and failed", counted(ports as u64, "port"));
            let subject = Subject::Hosts(source, target);
            let grade = (Severity::Warning, context.quality.tempered(sure));
            found.push(Finding::new(&VerticalScan, grade, subject, evidence, sentence, numbers));
        }
        found
    }
}

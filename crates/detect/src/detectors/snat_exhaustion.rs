//! Ports for address translation used up.
//!
//! Flags a private host whose flows to one public destination, port and protocol are so many at a time that the
//! SNAT ports of a virtual machine do not suffice. Matters because further connections fail, to that destination
//! only. Formula: most flows at a time, each open from its first packet until 240 s after its last, against 1,024
//! ports (the default of pools of up to 50 machines; larger pools have less); attempts that nobody answered in the
//! second half against the first say whether it hurts.
//! Source: Azure Load Balancer, outbound connections and default SNAT port allocation.
//! Misses what other machines behind the same address use. Wrongly flags machines with a public address of their
//! own or behind a NAT gateway (64,512 ports).

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use capkeep_flow::FlowRecord;
use std::net::IpAddr;

use capkeep_flow::{ConnState, Protocol};

use crate::azure;
use crate::bounded::{Budget, Keyed};
use crate::settings::{self, whole_nanos};
use crate::subject::{Party, Subject};

pub(super) struct SnatExhaustion;

const ABOUT: About = About {
    title: "SNAT ports used up",
    meaning: "A host has so many connections to one public destination at a time that translation runs out of ports; further ones fail.",
    azure: "Behind a load balancer a machine has 1,024 SNAT ports per destination by default (512 from 51 machines on, down to 32), and each stays taken for 4 minutes after its flow.",
    decided: "Most flows at a time to one public address, port and protocol, each counted until 240 s after its last packet, against 1,024; 75 % is a note.",
    misses: "What other machines behind the same address use. Wrongly flags machines with their own public address or behind a NAT gateway.",
    next: "NAT gateway or more frontend addresses; connection pools and keep-alive in the program; metric SNAT connection count of the load balancer.",
};

impl Detector for SnatExhaustion {
    fn id(&self) -> &'static str {
        "snat_exhaustion"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Translations {
            settings: settings.snat_exhaustion.clone(),
            budget: Budget::default(),
            destinations: Keyed::default(),
        })
    }
}

struct Translations {
    settings: settings::SnatExhaustion,
    budget: Budget,
    destinations: Keyed<(IpAddr, Party), Ports>,
}

#[derive(Default)]
struct Ports {
    /// First and last packet; nanoseconds.
    flows: Vec<(i64, i64)>,
    /// Attempts that nobody answered, by when they began; nanoseconds.
    unanswered: Vec<i64>,
    evidence: Evidence,
}

impl Run for Translations {
    fn observe(&mut self, flow: &FlowRecord) {
        let has_ports = matches!(flow.protocol, Protocol::Ip(6 | 17));
        if !has_ports || azure::is_public(flow.client.ip) || !azure::is_public(flow.server.ip) {
            return;
        }
        let Some(ports) = self.destinations.at((flow.client.ip, Party::server(flow))) else { return };
        if self.budget.push(&mut ports.flows, (flow.first.nanos(), flow.last.nanos())) {
            ports.evidence.flow(flow);
            ports.evidence.first_packet(flow);
            if flow.conn_state == ConnState::S0 {
                self.budget.push(&mut ports.unanswered, flow.first.nanos());
            }
        }
    }

    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding> {
        let limits = &self.settings;
        let hold = whole_nanos(limits.hold_seconds);
        let mut found = Vec::new();
        for ((host, party), ports) in self.destinations.into_rows() {
            let most = most_at_a_time(&ports.flows, hold);
            if (most as f64) < limits.ports as f64 * limits.note_share || most == 0 {
                continue;
            }
            let starts = || ports.flows.iter().map(|(start, _)| *start);
            let middle = i64::midpoint(starts().min().unwrap_or(0), starts().max().unwrap_or(0));
            let late = ports.unanswered.iter().filter(|at| **at > middle).count() as u64;
            let early = ports.unanswered.len() as u64 - late;
            let exceeds = most >= limits.ports;
            let hurts = exceeds && late > early.saturating_mul(2) && !context.quality.hides_answers();
            let severity = match (exceeds, hurts) {
                (_, true) => Severity::Critical,
                (true, _) => Severity::Warning,
                _ => Severity::Note,
            };
            let pool = azure::SNAT_PORTS.iter().rev().find(|(_, ports)| u64::from(*ports) >= most);
            let numbers = vec![
                Number::count("ports at a time", most, "ports"),
                Number::count("ports of a machine", limits.ports, "ports"),
                Number::count(
                    "largest pool that has as many",
                    pool.map_or(0, |(machines, _)| *machines).into(),
                    "machines",
                ),
                Number::count("unanswered, first half", early, "flows"),
                Number::count("unanswered, second half", late, "flows"),
            ];
            let sentence = format!(
                "{most} SNAT ports are needed at a time to one destination; a machine has {} by default",
                limits.ports
            );
            let sure = if hurts { Confidence::High } else { Confidence::Medium };
            let subject = Subject::Conversation(host, party);
            found.push(Finding::new(
                &SnatExhaustion,
                (severity, sure),
                subject,
                ports.evidence,
                sentence,
                numbers,
            ));
        }
        found
    }
}

/// Most flows at a time, each held for a while after its last packet.
fn most_at_a_time(flows: &[(i64, i64)], hold: i64) -> u64 {
    // An end comes before a start at the same instant: the port is free again.
    let mut steps: Vec<(i64, i64)> =
        flows.iter().flat_map(|(first, last)| [(*first, 1), (last.saturating_add(hold), -1)]).collect();
    steps.sort_unstable();
    let (mut now, mut most) = (0i64, 0i64);
    for (_, step) in steps {
        now += step;
        most = most.max(now);
    }
    most.unsigned_abs()
}

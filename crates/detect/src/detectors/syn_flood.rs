//! Connections left half open by the hundred.
//!
//! Flags a service at which 100 or more attempts were left half open within 10 seconds, half of all attempts or
//! more. Matters because half-open connections fill the listen queue and keep others out (RFC 4987). Formula: flows
//! with a SYN and no acknowledgement by the client and no payload, not refused, per destination address and port
//! and 10 s of packet time, over all flows with a SYN; the median of the service's other stretches goes with it.
//! Misses floods that complete the handshake, and those spread over ports. Wrongly flags a service that went down
//! under many clients: nobody answers then, which `connection_failures` says as well.

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use capkeep_flow::FlowRecord;
use std::collections::BTreeMap;

use capkeep_flow::{ConnState, Protocol};

use crate::bounded::Keyed;
use crate::settings;
use crate::subject::{Party, Subject};
use crate::words::percent;

pub(super) struct SynFlood;

const ABOUT: About = About {
    title: "SYN flood",
    meaning: "Many connection attempts at one service were begun and not finished within seconds.",
    azure: "Public addresses are behind DDoS infrastructure protection, which lets small floods pass; SYN cookies of the host bear the rest.",
    decided: "Attempts without acknowledgement by the client, payload or refusal, per service and 10 s: 100, and half of all attempts.",
    misses: "Floods that complete the handshake, or that are spread over many ports. Wrongly flags a service that went down under many clients.",
    next: "How many sources are there, and are they real (do SYN-ACKs go anywhere)? SYN cookies on? DDoS protection plan for the address?",
};

impl Detector for SynFlood {
    fn id(&self) -> &'static str {
        "syn_flood"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Floods { settings: settings.syn_flood.clone(), services: Keyed::default() })
    }
}

struct Floods {
    settings: settings::SynFlood,
    services: Keyed<Party, Stretches>,
}

#[derive(Default)]
struct Stretches {
    /// By the number of the 10 s: attempts, half-open ones, of these those that were answered.
    stretches: BTreeMap<i64, (u64, u64, u64)>,
    evidence: Evidence,
}

/// 10 s (reference).
const STRETCH: i64 = 10_000_000_000;
/// Most stretches of a service (chosen: half a day).
const STRETCHES: usize = 4_096;

impl Run for Floods {
    fn observe(&mut self, flow: &FlowRecord) {
        let Some(tcp) = flow.tcp.as_ref().filter(|_| flow.protocol == Protocol::Ip(6)) else { return };
        if tcp.handshake.syns == 0 {
            return;
        }
        let Some(service) = self.services.at(Party::server(flow)) else { return };
        let number = flow.first.nanos().div_euclid(STRETCH);
        if service.stretches.len() >= STRETCHES && !service.stretches.contains_key(&number) {
            return;
        }
        let (attempts, half_open, answered) = service.stretches.entry(number).or_default();
        *attempts += 1;
        // Neither the acknowledgement of the handshake nor data (Wireshark's completeness).
        if tcp.completeness & (4 | 8) == 0 && flow.conn_state != ConnState::Rej {
            *half_open += 1;
            *answered += u64::from(tcp.completeness & 2 != 0);
            service.evidence.flow(flow);
            service.evidence.first_packet(flow);
        }
    }

    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding> {
        if context.quality.hides_answers() {
            return Vec::new();
        }
        let limits = &self.settings;
        let mut found = Vec::new();
        for (party, service) in self.services.into_rows() {
            let is_flood = |(attempts, half_open, _): &(u64, u64, u64)| {
                *half_open >= limits.half_open && *half_open as f64 >= *attempts as f64 * limits.share
            };
            let worst = service.stretches.values().filter(|stretch| is_flood(stretch)).max_by_key(|it| it.1);
            let Some((attempts, half_open, answered)) = worst.copied() else { continue };
            let mut others: Vec<u64> = service.stretches.values().map(|it| it.1).collect();
            others.sort_unstable();
            let median = others.get(others.len() / 2).copied().unwrap_or(0);
            let numbers = vec![
                Number::count("half open in 10 s", half_open, "flows"),
                Number::count("attempts in 10 s", attempts, "flows"),
                Number::count("half open and answered", answered, "flows"),
                Number::count("half open in 10 s, median", median, "flows"),
                Number::count("half open in all", service.evidence.flows.count, "flows"),
            ];
            let critical = half_open >= limits.critical;
            let severity = if critical { Severity::Critical } else { Severity::Warning };
            let sure = if answered > 0 { Confidence::High } else { Confidence::Medium };
            let grade = (severity, context.quality.tempered(sure));
            let sentence = format!(
                "{half_open} connection attempts within 10 s were left half open ({} of all)",
                percent(half_open, attempts)
            );
            let subject = Subject::Service(party);
            found.push(Finding::new(&SynFlood, grade, subject, service.evidence, sentence, numbers));
        }
        found
    }
}

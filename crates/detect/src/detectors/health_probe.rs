//! Probes of a load balancer that fail.
//!
//! Flags endpoints whose probes from 168.63.129.16 are not answered, refused or reset, answered after more than
//! half the interval, or that miss for more than two intervals. Matters because the load balancer takes an endpoint
//! out after two failures in a row. Formula: TCP flows from 168.63.129.16 by endpoint; the interval is the median
//! time between their starts; failures are the states S0, REJ, RSTOS0 and RSTR without payload of the server.
//! Source: Azure Load Balancer health probes; What is IP address 168.63.129.16.
//! Misses HTTP probes answered with another status than 200 (the application's matter), and probes refused before
//! the capture. Wrongly flags endpoints switched off on purpose.

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use capkeep_flow::FlowRecord;
use capkeep_flow::{ConnState, Protocol};

use crate::azure;
use crate::bounded::{Budget, Contact, Keyed};
use crate::settings::{self, nanos};
use crate::subject::{Party, Subject};
use crate::words::{counted, span};

pub(super) struct HealthProbe;

const ABOUT: About = About {
    title: "health probe fails",
    meaning: "The load balancer asks an endpoint whether it is well, and gets no answer, a refusal, or one that comes late.",
    azure: "Probes come from 168.63.129.16. After two failures in a row (default) the endpoint gets no new flows; all endpoints down means the service is down. Network security groups need the tag AzureLoadBalancer.",
    decided: "TCP flows from 168.63.129.16 by endpoint: S0, REJ, RSTOS0, or a reset by the server before it sent anything is a failure; half the interval is slow; more than 2.5 intervals without a probe is a gap.",
    misses: "HTTP probes answered with an error status. Wrongly flags endpoints switched off on purpose.",
    next: "Is the service listening on the probe port and all addresses? Does the host firewall let 168.63.129.16 in? Metric DipAvailability of the load balancer.",
};

impl Detector for HealthProbe {
    fn id(&self) -> &'static str {
        "health_probe"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Probes {
            settings: settings.health_probe.clone(),
            budget: Budget::default(),
            endpoints: Keyed::default(),
        })
    }
}

struct Probes {
    settings: settings::HealthProbe,
    budget: Budget,
    endpoints: Keyed<Party, Probed>,
}

#[derive(Default)]
struct Probed {
    /// What is told apart: whether it failed, and how long the answer took; nanoseconds.
    list: Vec<Contact<(bool, i64)>>,
    evidence: Evidence,
}

impl Run for Probes {
    fn observe(&mut self, flow: &FlowRecord) {
        let Some(tcp) = flow.tcp.as_ref().filter(|_| flow.protocol == Protocol::Ip(6)) else { return };
        if flow.client.ip != azure::PLATFORM || tcp.handshake.syns == 0 {
            return;
        }
        let has_failed = match flow.conn_state {
            ConnState::S0 | ConnState::Rej | ConnState::Rstos0 | ConnState::Sh => true,
            ConnState::Rstr => flow.from_server.payload_bytes == 0,
            _ => false,
        };
        let Some(probed) = self.endpoints.at(Party::server(flow)) else { return };
        let answer = tcp.first_byte.or(tcp.handshake.server_rtt).unwrap_or(0);
        let contact = Contact {
            at: flow.first,
            what: (has_failed, answer),
            capture: flow.capture,
            packet: flow.first_packet,
        };
        if self.budget.push(&mut probed.list, contact) && has_failed {
            probed.evidence.flow(flow);
        }
    }

    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding> {
        let rows = self.endpoints.into_rows();
        rows.filter_map(|(party, probed)| judge(&self.settings, party, probed, context)).collect()
    }
}

fn judge(
    limits: &settings::HealthProbe,
    party: Party,
    mut probed: Probed,
    context: &Context<'_>,
) -> Option<Finding> {
    probed.list.sort_unstable();
    let all = probed.list.len() as u64;
    let starts = probed.list.iter().map(|probe| probe.at);
    let mut intervals: Vec<i64> = starts.clone().zip(starts.skip(1)).map(|(a, b)| b.since(a)).collect();
    let longest = intervals.iter().copied().max().unwrap_or(0);
    intervals.sort_unstable();
    let interval = intervals.get(intervals.len() / 2).copied().unwrap_or(0);
    let is_slow = |answer: i64| interval > 0 && answer as f64 > interval as f64 * limits.slow_share;
    let knows_interval = all >= limits.probes;
    let (mut failed, mut slow, mut row, mut longest_row) = (0u64, 0u64, 0u64, 0u64);
    let mut evidence = probed.evidence;
    for probe in &probed.list {
        let (has_failed, answer) = probe.what;
        row = if has_failed { row + 1 } else { 0 };
        longest_row = longest_row.max(row);
        failed += u64::from(has_failed);
        let late = !has_failed && knows_interval && is_slow(answer);
        slow += u64::from(late);
        if has_failed || late {
            evidence.packets.add(probe.capture, probe.packet);
            evidence.time(probe.at);
        }
    }
    if context.quality.hides_answers() {
        return None;
    }
    let has_gap =
        knows_interval && longest as f64 > interval as f64 * limits.gap_intervals && longest > nanos(1.0);
    let (severity, sure, sentence) = if failed > 0 && failed == all && failed >= limits.failures {
        let sentence = format!("all {} of the load balancer fail", counted(all, "probe"));
        (Severity::Critical, Confidence::High, sentence)
    } else if longest_row >= limits.failures {
        let sentence = format!(
            "{failed} of {} of the load balancer fail, {longest_row} in a row",
            counted(all, "probe")
        );
        (Severity::Warning, Confidence::High, sentence)
    } else if slow > 0 {
        let sentence = format!("{} of the load balancer are answered late", counted(slow, "probe"));
        (Severity::Warning, Confidence::Medium, sentence)
    } else if failed > 0 {
        let sentence = format!("{failed} of {} of the load balancer fail", counted(all, "probe"));
        (Severity::Note, Confidence::Medium, sentence)
    } else if has_gap {
        let after =
            probed.list.iter().zip(probed.list.iter().skip(1)).find(|(a, b)| b.at.since(a.at) == longest);
        if let Some((before, after)) = after {
            for probe in [before, after] {
                evidence.packets.add(probe.capture, probe.packet);
                evidence.time(probe.at);
            }
        }
        let sentence = format!("no probe of the load balancer came for {}", span(longest));
        (Severity::Note, Confidence::Low, sentence)
    } else {
        return None;
    };
    let numbers = vec![
        Number::count("probes", all, "flows"),
        Number::count("failed", failed, "flows"),
        Number::count("failed in a row", longest_row, "flows"),
        Number::count("answered late", slow, "flows"),
        Number::seconds("interval, median", interval),
        Number::seconds("longest gap", longest),
    ];
    let grade = (severity, context.quality.tempered(sure));
    Some(Finding::new(&HealthProbe, grade, Subject::Service(party), evidence, sentence, numbers))
}

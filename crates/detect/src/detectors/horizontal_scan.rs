//! One port of many hosts tried.
//!
//! Flags a source that fails at one port of 25 or more distinct hosts within 5 minutes. Matters because worms and
//! attackers look for one service everywhere. Formula: distinct hosts of failed attempts (as for `vertical_scan`),
//! the densest window. Evidence: the sequential hypothesis test over first contacts, with a success chance of 0.8
//! for benign hosts, 0.2 for scanners and errors of 0.01: the sum of ln(0.2/0.8) for each success and ln(0.8/0.2)
//! for each failure, against ln(99).
//! Sources: Zeek scan.zeek (until 6.1); Jung et al., Fast Portscan Detection Using Sequential Hypothesis Testing,
//! S&P 2004.
//! Misses slow scans. Wrongly flags management software that sweeps a network on purpose.

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use capkeep_flow::FlowRecord;
use std::net::IpAddr;

use capkeep_flow::Protocol;

use super::failed_attempt;
use crate::bounded::{Budget, Contact, Keyed, densest};
use crate::settings::{self, whole_nanos};
use crate::subject::Subject;
use crate::words::{counted, service};

pub(super) struct HorizontalScan;

const ABOUT: About = About {
    title: "scan of many hosts",
    meaning: "A source tries the same port of many hosts, and most do not answer or refuse.",
    azure: "From inside a virtual network this is a machine that looks for others: discovery software, or a worm. Network security groups between subnets make it fail.",
    decided: "Distinct hosts at which attempts of a source at one port fail: 25 within 5 min. A sequential test over first contacts says how sure it is.",
    misses: "Slow scans. Wrongly flags management software that sweeps on purpose.",
    next: "Which program of the source did it? Did any host answer (look at the flows with other states)?",
};

impl Detector for HorizontalScan {
    fn id(&self) -> &'static str {
        "horizontal_scan"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Sweeps {
            settings: settings.horizontal_scan.clone(),
            budget: Budget::default(),
            ports: Keyed::default(),
        })
    }
}

struct Sweeps {
    settings: settings::HorizontalScan,
    budget: Budget,
    ports: Keyed<(IpAddr, Protocol, u16), Tried>,
}

#[derive(Default)]
struct Tried {
    failed: Vec<Contact<IpAddr>>,
    reached: Vec<IpAddr>,
    evidence: Evidence,
}

impl Run for Sweeps {
    fn observe(&mut self, flow: &FlowRecord) {
        let has_failed = failed_attempt(flow);
        let attempts = flow.tcp.as_ref().is_some_and(|tcp| tcp.handshake.syns > 0);
        if !has_failed && !attempts {
            return;
        }
        let Some(tried) = self.ports.at((flow.client.ip, flow.protocol, flow.server.port)) else { return };
        let host = flow.server.ip;
        if has_failed {
            let contact =
                Contact { at: flow.first, what: host, capture: flow.capture, packet: flow.first_packet };
            if self.budget.push(&mut tried.failed, contact) {
                tried.evidence.flow(flow);
            }
        } else if tried.reached.len() < 64 && !tried.reached.contains(&host) {
            self.budget.push(&mut tried.reached, host);
        }
    }

    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding> {
        if context.quality.hides_answers() {
            return Vec::new();
        }
        let limits = &self.settings;
        let window = whole_nanos(limits.window_seconds);
        let mut found = Vec::new();
        for ((source, protocol, port), mut tried) in self.ports.into_rows() {
            let (hosts, inside) = densest(&mut tried.failed, window);
            let hosts = hosts as u64;
            if hosts < limits.hosts {
                continue;
            }
            let mut evidence = tried.evidence;
            evidence.span = inside.first().zip(inside.last()).map(|(first, last)| (first.at, last.at));
            for contact in inside {
                evidence.packets.add(contact.capture, contact.packet);
            }
            let reached = tried.reached.len() as u64;
            let failure =
                ((1.0 - limits.scanner_success) / (1.0 - limits.benign_success).max(1e-9)).max(1e-9).ln();
            let success = (limits.scanner_success / limits.benign_success.max(1e-9)).max(1e-9).ln();
            let sum = hosts as f64 * failure + reached as f64 * success;
            let enough = ((1.0 - limits.error) / limits.error.max(1e-9)).max(1e-9).ln();
            let sure = if sum >= enough { Confidence::High } else { Confidence::Medium };
            let numbers = vec![
                Number::count("hosts that failed", hosts, "hosts"),
                Number::count("hosts that answered", reached, "hosts"),
                Number { name: "sequential test", value: sum, unit: "ln of odds" },
                Number { name: "scanner from", value: enough, unit: "ln of odds" },
            ];
            let sentence = format!(
                "{} were tried at port {} and failed",
                counted(hosts, "host"),
                service(protocol, port)
            );
            let subject = Subject::Port(source, protocol, port);
            let grade = (Severity::Warning, context.quality.tempered(sure));
            found.push(Finding::new(&HorizontalScan, grade, subject, evidence, sentence, numbers));
        }
        found
    }
}

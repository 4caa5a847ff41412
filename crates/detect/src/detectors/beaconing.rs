//! Contacts as regular as a clock.
//!
//! Flags a client that contacts a service of the Internet 10 times or more at intervals and with sizes of the same
//! length. Matters because malware calls home like that; so do agents, monitors and updates, which is why it is a
//! note. Formula (RITA v5): timing = mean of 1 − |Bowley skewness| and 1 − MAD / median of the intervals between the
//! starts of flows; size the same of the payload the client sent; score = mean of both. Both 0.8 or more, and a median
//! interval of half a second or more.
//! Left out: private addresses, because what calls home has to leave the network, and because inside it monitors,
//! health checks, databases and agents are all regular (RITA leaves out pairs of internal hosts as well; the threshold
//! `inside` tells them, with low confidence). NTP, DNS, the platform and its metadata, probes of load balancers,
//! multicast and broadcast, flows without payload.
//! Misses beacons within one long flow, those with much jitter, and those that a host inside passes on: its packets do
//! not tell it from a monitor. Wrongly flags monitoring from outside the network, agents and updates.

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use capkeep_flow::FlowRecord;
use std::net::IpAddr;

use capkeep_flow::Protocol;

use crate::azure;
use crate::bounded::{Budget, Contact, Keyed};
use crate::settings::{self, nanos};
use crate::subject::{Party, Subject};
use crate::words::{counted, span};

pub(super) struct Beaconing;

const ABOUT: About = About {
    title: "regular contacts",
    meaning: "A client contacts a service of the Internet at regular intervals with requests of the same size: an agent, a monitor, or malware that calls home.",
    azure: "Azure Monitor agents, Defender and update services do this to addresses of Microsoft; anything else deserves a name.",
    decided: "Mean of the regularity of timing and of size (Bowley skewness and median absolute deviation, as RITA), 0.8 and more over 10 contacts. Services at private addresses are left out: inside a network monitors, health checks and agents are regular (threshold inside = 1 tells them too).",
    misses: "Beacons within one long flow, those with much jitter, and those that a host inside passes on, which look like monitoring. Wrongly flags monitoring, agents and updates that go to the Internet.",
    next: "Whose address is the server (DNS or SNI in the capture)? Which process of the client owns the connection?",
};

impl Detector for Beaconing {
    fn id(&self) -> &'static str {
        "beaconing"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Beacons {
            settings: settings.beaconing.clone(),
            budget: Budget::default(),
            services: Keyed::default(),
        })
    }
}

struct Beacons {
    settings: settings::Beaconing,
    budget: Budget,
    services: Keyed<(IpAddr, Party), Contacts>,
}

#[derive(Default)]
struct Contacts {
    list: Vec<Contact<u64>>,
    evidence: Evidence,
}

/// Ports of DNS, DHCP, NTP, `NetBIOS` names and datagrams, LLMNR, mDNS and SSDP: regular by nature.
const REGULAR: &[u16] = &[53, 67, 68, 123, 137, 138, 546, 547, 1_900, 3_702, 5_353, 5_355];

impl Run for Beacons {
    fn observe(&mut self, flow: &FlowRecord) {
        let has_ports = matches!(flow.protocol, Protocol::Ip(6 | 17));
        let spoken = flow.apps.as_ref().and_then(|apps| apps.service());
        if matches!(spoken, Some("dns" | "mdns" | "llmnr" | "ntp" | "dhcp" | "dhcpv6")) {
            return;
        }
        let is_left_out = self.settings.inside == 0 && !azure::is_public(flow.server.ip);
        let is_own = azure::is_own(flow.server.ip) || azure::is_own(flow.client.ip);
        let is_empty = flow.from_client.payload_bytes == 0;
        if !has_ports
            || is_own
            || is_left_out
            || is_empty
            || REGULAR.contains(&flow.server.port)
            || !azure::is_single(flow.server.ip)
        {
            return;
        }
        let Some(contacts) = self.services.at((flow.client.ip, Party::server(flow))) else { return };
        let contact = Contact {
            at: flow.first,
            what: flow.from_client.payload_bytes,
            capture: flow.capture,
            packet: flow.first_packet,
        };
        if self.budget.push(&mut contacts.list, contact) {
            contacts.evidence.flow(flow);
            contacts.evidence.first_packet(flow);
        }
    }

    fn finish(self: Box<Self>, _: &Context<'_>) -> Vec<Finding> {
        let limits = &self.settings;
        let mut found = Vec::new();
        for ((client, party), mut contacts) in self.services.into_rows() {
            let count = contacts.list.len() as u64;
            if count < limits.contacts.max(3) {
                continue;
            }
            contacts.list.sort_unstable();
            let starts = contacts.list.iter().map(|contact| contact.at);
            let next = starts.clone().skip(1);
            let mut intervals: Vec<f64> = starts.zip(next).map(|(a, b)| b.since(a) as f64).collect();
            let mut sizes: Vec<f64> = contacts.list.iter().map(|contact| contact.what as f64).collect();
            let (timing, interval) = regularity(&mut intervals);
            let (size, median_size) = regularity(&mut sizes);
            let score = f64::midpoint(timing, size);
            if score < limits.score
                || timing < limits.timing_score
                || interval < nanos(limits.interval_seconds) as f64
            {
                continue;
            }
            let numbers = vec![
                Number { name: "score", value: rounded(score), unit: "score" },
                Number { name: "timing", value: rounded(timing), unit: "score" },
                Number { name: "size", value: rounded(size), unit: "score" },
                Number::count("contacts", count, "flows"),
                Number::seconds("interval, median", interval as i64),
                Number::count("payload of the client, median", median_size as u64, "bytes"),
            ];
            let sure = if azure::is_public(party.host) { Confidence::Medium } else { Confidence::Low };
            let sentence = format!("{}, one every {}", counted(count, "contact"), span(interval as i64));
            let subject = Subject::Conversation(client, party);
            let grade = (Severity::Note, sure);
            found.push(Finding::new(&Beaconing, grade, subject, contacts.evidence, sentence, numbers));
        }
        found
    }
}

/// Three decimals: more says nothing.
fn rounded(score: f64) -> f64 {
    (score * 1e3).round() / 1e3
}

/// How regular values are, from 0 to 1: mean of 1 − |Bowley skewness| and 1 − MAD / median. And their median.
fn regularity(values: &mut [f64]) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let (low, middle, high) = (quantile(values, 0.25), quantile(values, 0.5), quantile(values, 0.75));
    let width = high - low;
    // Without width there is no skewness (RITA).
    let skew =
        if width > 0.0 && middle > low && middle < high { (low + high - 2.0 * middle) / width } else { 0.0 };
    let mut apart: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    apart.sort_by(f64::total_cmp);
    let mad = quantile(&apart, 0.5);
    let spread = if middle > 0.0 { (1.0 - mad / middle).clamp(0.0, 1.0) } else { 0.0 };
    (f64::midpoint(1.0 - skew.abs(), spread), middle)
}

/// Of sorted values, the nearest rank.
fn quantile(values: &[f64], at: f64) -> f64 {
    let index = (at * values.len().saturating_sub(1) as f64).round() as usize;
    values.get(index).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_regular_and_chance_is_not() {
        assert!(regularity(&mut [60.0; 20]).0 > 0.99);
        // Quantiles of the exponential distribution: a Poisson process.
        let mut chance: Vec<f64> = (1..100).map(|i| -(1.0 - f64::from(i) / 100.0).ln()).collect();
        assert!(regularity(&mut chance).0 < 0.6);
        assert!(regularity(&mut []).1.abs() < 1e-9);
    }
}

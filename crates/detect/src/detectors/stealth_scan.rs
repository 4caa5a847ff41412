//! Segments with flags that no connection begins with.
//!
//! Flags a source that sends null (no flag), FIN (FIN alone) or Xmas (FIN, PSH, URG) segments to 3 or more distinct
//! ports or hosts. Matters because no TCP sends them: they are probes that try to pass a filter that looks for SYN.
//! Formula: the flags of everything the client sent, or-ed, are one of the three. Source: nmap reference, TCP NULL,
//! FIN and Xmas scans; RFC 9293 section 3.10.7.1 (closed ports answer with RST).
//! Misses probes into flows that have other segments. Wrongly flags broken senders.

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use capkeep_flow::FlowRecord;
use std::collections::BTreeSet;
use std::net::IpAddr;

use capkeep_flow::{Endpoint, Protocol};

use crate::bounded::Keyed;
use crate::subject::Subject;
use crate::words::counted;

pub(super) struct StealthScan;

const ABOUT: About = About {
    title: "null, FIN or Xmas scan",
    meaning: "A source sends TCP segments that no connection begins with: probes that try to pass a filter.",
    azure: "Network security groups are stateful and drop them; a host that sees them is reached past one, or the scanner is in the same network.",
    decided: "Everything the client sent of a flow has no flag, FIN alone, or FIN, PSH and URG; 3 distinct ports or hosts.",
    misses: "Probes into flows that have other segments. Wrongly flags broken senders.",
    next: "Who is the source? Which ports answered with a RST is what it learned.",
};

impl Detector for StealthScan {
    fn id(&self) -> &'static str {
        "stealth_scan"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Probes { least: settings.stealth_scan.probes, sources: Keyed::default() })
    }
}

struct Probes {
    least: u64,
    sources: Keyed<(IpAddr, u8), Probed>,
}

#[derive(Default)]
struct Probed {
    targets: BTreeSet<Endpoint>,
    flows: u64,
    evidence: Evidence,
}

/// Most targets kept of a source (chosen: far more than makes a finding).
const TARGETS: usize = 256;

/// The scan that flags belong to.
const fn kind(flags: u8) -> Option<&'static str> {
    match flags {
        0x00 => Some("null"),
        0x01 => Some("FIN"),
        0x29 => Some("Xmas"),
        _ => None,
    }
}

impl Run for Probes {
    fn observe(&mut self, flow: &FlowRecord) {
        let flags = flow.from_client.tcp_flags;
        // Flags of a header that could not be read are none, too.
        let readable = flow.protocol == Protocol::Ip(6) && flow.tcp.is_some() && flow.fragments == 0;
        if !readable || flow.from_client.packets == 0 || kind(flags).is_none() {
            return;
        }
        let Some(probed) = self.sources.at((flow.client.ip, flags)) else { return };
        probed.flows += 1;
        if probed.targets.len() < TARGETS {
            probed.targets.insert(flow.server);
        }
        probed.evidence.flow(flow);
        probed.evidence.first_packet(flow);
    }

    fn finish(self: Box<Self>, _: &Context<'_>) -> Vec<Finding> {
        let mut found = Vec::new();
        for ((source, flags), probed) in self.sources.into_rows() {
            let targets = probed.targets.len() as u64;
            let Some(kind) = kind(flags).filter(|_| targets >= self.least) else { continue };
            let numbers = vec![
                Number::count("ports and hosts probed", targets, "endpoints"),
                Number::count("probes", probed.flows, "flows"),
            ];
            let sentence = format!("{kind} scan of {}: no connection begins so", counted(targets, "port"));
            let grade = (Severity::Warning, Confidence::High);
            found.push(Finding::new(
                &StealthScan,
                grade,
                Subject::Host(source),
                probed.evidence,
                sentence,
                numbers,
            ));
        }
        found
    }
}

//! Logons tried one after the other.
//!
//! Flags a source with many short flows at a logon service of one server: SSH 30, RDP 30, FTP 20, SMB 60, databases
//! 100 within 15 minutes. Matters because passwords are guessed like that. Formula: established TCP flows at the
//! service's port with 12 kB of payload and 60 s at most, the densest window.
//! Sources: Zeek detect-bruteforcing.zeek (SSH 30) and ftp/detect-bruteforcing.zeek (20 in 15 min).
//! Misses slow guessing, databases on other ports, and many passwords within one flow. Wrongly flags automation that
//! logs on often (configuration management, health checks of databases).

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use capkeep_flow::FlowRecord;
use std::net::IpAddr;

use capkeep_flow::Protocol;

use crate::azure;
use crate::bounded::{Budget, Contact, Keyed, densest};
use crate::settings::{self, nanos, whole_nanos};
use crate::subject::{Party, Subject};

pub(super) struct BruteForce;

const ABOUT: About = About {
    title: "many short logons",
    meaning: "A source opened many short connections to a service that asks for passwords.",
    azure: "Machines with SSH or RDP open to the Internet see this within hours; just-in-time access and Bastion keep it away.",
    decided: "Established flows of at most 12 kB and 60 s at SSH, RDP, FTP and SMB (by what is spoken or the port) or database ports: more than the threshold of the service within 15 min.",
    misses: "Slow guessing, many passwords in one flow. Wrongly flags automation that logs on often.",
    next: "Sign-in logs of the server (auth.log, event 4625); close the port, use just-in-time access or Bastion.",
};

impl Detector for BruteForce {
    fn id(&self) -> &'static str {
        "brute_force"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Guesses {
            settings: settings.brute_force.clone(),
            budget: Budget::default(),
            services: Keyed::default(),
        })
    }
}

struct Guesses {
    settings: settings::BruteForce,
    budget: Budget,
    services: Keyed<(IpAddr, Party, &'static str), Tries>,
}

#[derive(Default)]
struct Tries {
    /// Told apart by the client's port and the first packet: each counts.
    list: Vec<Contact<(u16, u64)>>,
    bytes: u64,
    /// How many are too many.
    least: u64,
    evidence: Evidence,
}

impl settings::BruteForce {
    /// Name of a logon service, by what is spoken or else its port, and how many short flows at it are too many.
    fn service(&self, flow: &FlowRecord) -> Option<(&'static str, u64)> {
        let spoken = flow.apps.as_ref().and_then(|apps| apps.service());
        match (spoken, flow.server.port) {
            (Some("ssh"), _) | (None, 22) => Some(("SSH", self.ssh)),
            (Some("rdp"), _) | (None, 3389) => Some(("RDP", self.rdp)),
            (Some("ftp"), _) | (None, 21) => Some(("FTP", self.ftp)),
            (Some("smb"), _) | (None, 445) => Some(("SMB", self.smb)),
            (None, 1433 | 1521 | 3306 | 5432) => Some(("database", self.sql)),
            _ => None,
        }
    }
}

impl Run for Guesses {
    fn observe(&mut self, flow: &FlowRecord) {
        let limits = &self.settings;
        let bytes = flow.from_client.payload_bytes + flow.from_server.payload_bytes;
        let lasted = flow.last.since(flow.first);
        // The server has spoken, and the client as well.
        let talked = flow.from_client.payload_bytes > 0 && flow.from_server.payload_bytes > 0;
        let is_short = bytes <= limits.short_bytes && lasted <= nanos(limits.short_seconds);
        let Some((name, least)) = limits.service(flow) else { return };
        if flow.protocol != Protocol::Ip(6) || !talked || !is_short || azure::is_own(flow.client.ip) {
            return;
        }
        let Some(tries) = self.services.at((flow.client.ip, Party::server(flow), name)) else { return };
        let contact = Contact {
            at: flow.first,
            what: (flow.client.port, flow.first_packet),
            capture: flow.capture,
            packet: flow.first_packet,
        };
        if self.budget.push(&mut tries.list, contact) {
            tries.bytes += bytes;
            tries.least = least;
            tries.evidence.flow(flow);
        }
    }

    fn finish(self: Box<Self>, _: &Context<'_>) -> Vec<Finding> {
        let window = whole_nanos(self.settings.window_seconds);
        let mut found = Vec::new();
        for ((source, party, name), mut tries) in self.services.into_rows() {
            let all = tries.list.len() as u64;
            let (count, inside) = densest(&mut tries.list, window);
            if (count as u64) < tries.least {
                continue;
            }
            let mut evidence = tries.evidence;
            evidence.span = inside.first().zip(inside.last()).map(|(first, last)| (first.at, last.at));
            for contact in inside {
                evidence.packets.add(contact.capture, contact.packet);
            }
            let numbers = vec![
                Number::count("short flows in the window", count as u64, "flows"),
                Number::count("short flows in all", all, "flows"),
                Number::count("payload of a flow, mean", tries.bytes.checked_div(all).unwrap_or(0), "bytes"),
            ];
            let sure = if azure::is_public(source) { Confidence::High } else { Confidence::Medium };
            let sentence = format!("{count} short {name} connections: passwords may be tried");
            let subject = Subject::Conversation(source, party);
            let grade = (Severity::Warning, sure);
            found.push(Finding::new(&BruteForce, grade, subject, evidence, sentence, numbers));
        }
        found
    }
}

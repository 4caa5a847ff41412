//! Passwords that anybody on the way can read.
//!
//! Flags servers at which clients log on in the clear: FTP, SMTP, POP3, IMAP, Telnet, and HTTP with Basic
//! authorization. Matters because who sees the traffic has the password. Formula: the first packet of a flow that
//! carries a password or the like; that it is there is told, the secret itself is neither kept nor shown. Source:
//! RFC 7617 section 4 (Basic), RFC 2577 section 5 (FTP); nDPI has the same risk.
//! Misses protocols of which the listener knows nothing. Wrongly flags logons as anonymous, and those within a
//! tunnel that is encrypted outside the capture.

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use capkeep_flow::FlowRecord;
use std::net::IpAddr;

use crate::bounded::Keyed;
use crate::subject::{Party, Subject};
use crate::words::counted;

pub(super) struct CleartextCredentials;

const ABOUT: About = About {
    title: "password in the clear",
    meaning: "A client sent a password or the like that anybody on the way can read. The secret is neither kept nor shown.",
    azure: "Traffic within a virtual network is not encrypted by itself, and what a capture shows anybody with access to the storage account can read: treat the file as secret.",
    decided: "The first packet of a flow with a password of FTP, SMTP, POP3, IMAP, Telnet, or Basic authorization of HTTP.",
    misses: "Protocols the listener does not know. Wrongly flags anonymous logons.",
    next: "Use TLS (FTPS, SFTP, HTTPS, STARTTLS), change the password, and delete the capture when you are done.",
};

impl Detector for CleartextCredentials {
    fn id(&self) -> &'static str {
        "cleartext_credentials"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, _: &Settings) -> Box<dyn Run> {
        Box::new(Secrets::default())
    }
}

#[derive(Default)]
struct Secrets {
    servers: Keyed<(Party, &'static str), Shown>,
}

#[derive(Default)]
struct Shown {
    clients: Vec<IpAddr>,
    evidence: Evidence,
}

/// Most clients counted (chosen).
const CLIENTS: usize = 256;

impl Run for Secrets {
    fn observe(&mut self, flow: &FlowRecord) {
        let Some(apps) = flow.apps.as_ref() else { return };
        let Some(packet) = apps.cleartext_login else { return };
        let service = apps.service().unwrap_or("its protocol");
        let Some(shown) = self.servers.at((Party::server(flow), service)) else { return };
        if shown.clients.len() < CLIENTS && !shown.clients.contains(&flow.client.ip) {
            shown.clients.push(flow.client.ip);
        }
        shown.evidence.flow(flow);
        shown.evidence.packets.add(packet.capture, packet.number);
    }

    fn finish(self: Box<Self>, _: &Context<'_>) -> Vec<Finding> {
        let rows = self.servers.into_rows().map(|((party, service), shown)| {
            let clients = shown.clients.len() as u64;
            let sentence = format!("{} logged on over {service} in the clear", counted(clients, "client"));
            let numbers = vec![
                Number::count("clients", clients, "hosts"),
                Number::count("connections", shown.evidence.flows.count, "flows"),
            ];
            let grade = (Severity::Warning, Confidence::High);
            let subject = Subject::Service(party);
            Finding::new(&CleartextCredentials, grade, subject, shown.evidence, sentence, numbers)
        });
        rows.collect()
    }
}

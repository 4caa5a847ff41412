//! Two hosts with one address.
//!
//! Flags an IPv4 address that two hardware addresses claim in ARP within 60 seconds. Matters because packets go to
//! one or the other by chance, or to somebody who listens in. Formula: hardware addresses of senders by protocol
//! address, and the times they were seen. Azure's answers all come from 12:34:56:78:9a:bc, which stands for no host
//! and is left out. Probes (sender 0.0.0.0, RFC 5227) are left out.
//! Source: Wireshark arp.duplicate-address-detected; RFC 5227.
//! Misses conflicts that never show in ARP. Wrongly flags virtual addresses that move from one host to another
//! (VRRP, clusters).

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use capkeep_flow::FlowRecord;
use std::net::IpAddr;

use capkeep_flow::{ArpSender, Protocol};

use crate::azure;
use crate::bounded::Keyed;
use crate::settings::whole_nanos;
use crate::subject::{Party, Subject};

pub(super) struct ArpConflict;

const ABOUT: About = About {
    title: "two hosts with one address",
    meaning: "Two network cards claim the same IPv4 address: packets go to one or the other by chance.",
    azure: "Azure answers ARP itself, always with 12:34:56:78:9a:bc, so a conflict is one within a host (nested virtualisation, containers) or in a network at your place.",
    decided: "Two hardware addresses as senders of one protocol address within 60 s, 12:34:56:78:9a:bc and probes left out.",
    misses: "Conflicts that never show in ARP. Wrongly flags virtual addresses that move (VRRP, clusters).",
    next: "Find both cards by their addresses; look for static addresses, cloned machines, a cluster that failed over.",
};

impl Detector for ArpConflict {
    fn id(&self) -> &'static str {
        "arp_conflict"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Claims {
            window: whole_nanos(settings.arp_conflict.window_seconds),
            addresses: Keyed::default(),
        })
    }
}

struct Claims {
    window: i64,
    addresses: Keyed<IpAddr, Claimed>,
}

#[derive(Default)]
struct Claimed {
    senders: Vec<ArpSender>,
    evidence: Evidence,
}

/// Most hardware addresses kept of an address (chosen: two make a conflict).
const SENDERS: usize = 16;

impl Run for Claims {
    fn observe(&mut self, flow: &FlowRecord) {
        if flow.protocol != Protocol::Arp {
            return;
        }
        for sender in &flow.arp {
            let ip = if sender.is_client { flow.client.ip } else { flow.server.ip };
            if ip.is_unspecified() || sender.hardware == azure::ROUTER_HARDWARE {
                continue;
            }
            let Some(claimed) = self.addresses.at(ip) else { continue };
            // Near enough in time they are one stretch.
            let goes_on = |known: &&mut ArpSender| {
                known.hardware == sender.hardware && sender.first.since(known.last) <= self.window
            };
            if let Some(known) = claimed.senders.iter_mut().find(goes_on) {
                known.last = known.last.max(sender.last);
                known.first = known.first.min(sender.first);
            } else if claimed.senders.len() < SENDERS {
                claimed.senders.push(*sender);
            }
        }
    }

    fn finish(self: Box<Self>, _: &Context<'_>) -> Vec<Finding> {
        let mut found = Vec::new();
        for (ip, claimed) in self.addresses.into_rows() {
            let mut evidence = claimed.evidence;
            let mut cards = Vec::new();
            for one in &claimed.senders {
                let clashes = claimed.senders.iter().any(|other| {
                    let apart = one.first.since(other.last).max(other.first.since(one.last));
                    other.hardware != one.hardware && apart <= self.window
                });
                if clashes {
                    evidence.packets.add(one.capture, one.packet);
                    evidence.time(one.first);
                    evidence.time(one.last);
                    let card = written(one.hardware);
                    if !cards.contains(&card) {
                        cards.push(card);
                    }
                }
            }
            if cards.len() < 2 {
                continue;
            }
            let numbers = vec![Number::count("hardware addresses", cards.len() as u64, "addresses")];
            let sentence = format!("several network cards claim this address: {}", cards.join(", "));
            let subject = Subject::Service(Party { host: ip, protocol: Protocol::Arp, port: 0 });
            let grade = (Severity::Warning, Confidence::High);
            found.push(Finding::new(&ArpConflict, grade, subject, evidence, sentence, numbers));
        }
        found
    }
}

fn written(hardware: [u8; 6]) -> String {
    hardware.map(|byte| format!("{byte:02x}")).join(":")
}

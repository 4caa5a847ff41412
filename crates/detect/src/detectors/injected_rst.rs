//! Resets that come from somewhere else.
//!
//! Flags resets whose TTL (hop limit) is more than 5 away from that of the other packets of their sender. Matters
//! because a device between the two ended the connection in the sender's name: a firewall, an intrusion prevention
//! system, a censor, an attacker. Formula: TTL of a reset of an established connection against the smallest and the
//! largest of its direction; the reset must be the outlier, and the direction have at least 3 other packets. A flow
//! keeps the smallest and the largest TTL of a direction, not all of them, so there is no median to hold it against.
//! Source: Weaver, Sommer and Paxson, Detecting Forged TCP Reset Packets, NDSS 2009.
//! Misses devices that copy the TTL, and resets whose TTL lies between those of other packets. Wrongly flags hosts
//! whose kernel sends resets with another TTL than its sockets (some appliances do), and flows with one odd packet of
//! another TTL, after which a true reset looks like the outlier: hence medium confidence.

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use capkeep_flow::FlowRecord;
use std::net::IpAddr;

use capkeep_flow::MarkKind;

use crate::bounded::Keyed;
use crate::settings;
use crate::subject::{Party, Subject};
use crate::words::counted;

pub(super) struct InjectedRst;

const ABOUT: About = About {
    title: "reset from somewhere else",
    meaning: "A connection was reset in the name of one end by a packet whose TTL differs from all others of that end: a device in between sent it.",
    azure: "Azure Firewall, network virtual appliances and load balancers with TCP reset end connections in the name of both ends.",
    decided: "TTL of a reset at one end of those of its direction, more than 5 away from the other end, with 3 other packets or more. The smallest and the largest TTL are known, not the median.",
    misses: "Devices that copy the TTL, and resets between the TTLs of other packets. Wrongly flags hosts whose kernel sends resets with another TTL, and flows in which one other packet took another way.",
    next: "Which devices are on the route (next hop of Network Watcher)? Their logs at that second; capture at the other end: it did not send the reset.",
};

impl Detector for InjectedRst {
    fn id(&self) -> &'static str {
        "injected_rst"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Forged { settings: settings.injected_rst.clone(), sides: Keyed::default() })
    }
}

struct Forged {
    settings: settings::InjectedRst,
    /// By client, service, and whether the reset speaks for the client.
    sides: Keyed<(IpAddr, Party, bool), Resets>,
}

#[derive(Default)]
struct Resets {
    ttl: u8,
    usual: u8,
    evidence: Evidence,
}

impl Run for Forged {
    fn observe(&mut self, flow: &FlowRecord) {
        let Some(tcp) = &flow.tcp else { return };
        for (direction, side, from_client) in
            [(&flow.from_client, &tcp.from_client, true), (&flow.from_server, &tcp.from_server, false)]
        {
            let Some((least, most)) = direction.ttl_min.zip(direction.ttl_max) else { continue };
            let enough = direction.packets.saturating_sub(side.resets) >= self.settings.packets;
            if side.resets == 0 || !enough || u64::from(most - least) <= self.settings.ttl {
                continue;
            }
            let marks = tcp
                .marks
                .iter()
                .filter(|mark| mark.kind == MarkKind::Reset && mark.from_client == from_client);
            for mark in marks {
                let usual = match mark.ttl {
                    ttl if ttl == least => most,
                    ttl if ttl == most => least,
                    _ => continue,
                };
                let Some(resets) = self.sides.at((flow.client.ip, Party::server(flow), from_client)) else {
                    break;
                };
                (resets.ttl, resets.usual) = (mark.ttl, usual);
                resets.evidence.flow(flow);
                resets.evidence.mark(mark);
                break;
            }
        }
    }

    fn finish(self: Box<Self>, _: &Context<'_>) -> Vec<Finding> {
        let rows = self.sides.into_rows().map(|((client, party, from_client), resets)| {
            let name = if from_client { "client" } else { "server" };
            let flows = resets.evidence.flows.count;
            let numbers = vec![
                Number::count("TTL of the reset", resets.ttl.into(), "hops"),
                Number::count("TTL of others", resets.usual.into(), "hops"),
                Number::count("flows", flows, "flows"),
            ];
            let sentence = format!(
                "{} reset in the name of the {name} by packets that came another way (TTL {} instead of {})",
                if flows == 1 {
                    "a connection was".to_owned()
                } else {
                    format!("{} were", counted(flows, "connection"))
                },
                resets.ttl,
                resets.usual
            );
            let grade = (Severity::Warning, Confidence::Medium);
            let subject = Subject::Conversation(client, party);
            Finding::new(&InjectedRst, grade, subject, resets.evidence, sentence, numbers)
        });
        rows.collect()
    }
}

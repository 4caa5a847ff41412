//! Much going out, little coming in.
//!
//! Flags a private host that sends 10 MB or more to one address of the Internet (100 MB to a private one) and gets
//! next to nothing back. Matters because data leaves like that; so do backups and uploads, which is why it is a
//! note. Formula: producer/consumer ratio (out − in) / (out + in) of payload between the two, 0.9 or more; the
//! host's ratio towards all others goes with it: a consumer that turns producer is the shift Bullard and Gerth look
//! for.
//! Source: Bullard and Gerth, PCR: A New Flow Metric, `FloCon` 2014.
//! Misses slow leaks, and those over many addresses. Wrongly flags backups, uploads and log shipping.

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use capkeep_flow::FlowRecord;
use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::azure;
use crate::bounded::Keyed;
use crate::settings;
use crate::subject::Subject;
use crate::words::bytes;

pub(super) struct Exfiltration;

const ABOUT: About = About {
    title: "large upload",
    meaning: "A host sent much to one address and got next to nothing back: an upload, a backup, or data that leaves.",
    azure: "Storage accounts and backup vaults take uploads by design; private endpoints keep them off the Internet, so large uploads to public addresses stand out.",
    decided: "(out − in) / (out + in) of payload between two hosts of 0.9 or more, with 10 MB to the Internet or 100 MB within private networks.",
    misses: "Slow leaks, and those over many addresses. Wrongly flags backups, uploads and log shipping.",
    next: "Whose address is it (DNS or SNI in the capture)? Is the time one at which a backup runs?",
};

impl Detector for Exfiltration {
    fn id(&self) -> &'static str {
        "exfiltration"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Uploads { settings: settings.exfiltration.clone(), pairs: Keyed::default() })
    }
}

struct Uploads {
    settings: settings::Exfiltration,
    /// By the lower and the higher address: payload from the lower, payload from the higher.
    pairs: Keyed<(IpAddr, IpAddr), Exchange>,
}

#[derive(Default)]
struct Exchange {
    from_low: u64,
    from_high: u64,
    evidence: Evidence,
}

impl Run for Uploads {
    fn observe(&mut self, flow: &FlowRecord) {
        let (client, server) = (flow.client.ip, flow.server.ip);
        let (up, down) = (flow.from_client.payload_bytes, flow.from_server.payload_bytes);
        if up + down == 0 || azure::is_own(client) || azure::is_own(server) || client == server {
            return;
        }
        let (key, low, high) =
            if client < server { ((client, server), up, down) } else { ((server, client), down, up) };
        let Some(exchange) = self.pairs.at(key) else { return };
        exchange.from_low = exchange.from_low.saturating_add(low);
        exchange.from_high = exchange.from_high.saturating_add(high);
        // The largest are what matters; small ones are not worth a place.
        if up.max(down) >= 1_000_000 {
            exchange.evidence.flow(flow);
            exchange.evidence.first_packet(flow);
        }
    }

    fn finish(self: Box<Self>, _: &Context<'_>) -> Vec<Finding> {
        let mut hosts: BTreeMap<IpAddr, (u64, u64)> = BTreeMap::new();
        for ((low, high), exchange) in self.pairs.iter() {
            for (host, sent, received) in [
                (*low, exchange.from_low, exchange.from_high),
                (*high, exchange.from_high, exchange.from_low),
            ] {
                let sums = hosts.entry(host).or_default();
                *sums = (sums.0.saturating_add(sent), sums.1.saturating_add(received));
            }
        }
        let limits = &self.settings;
        let mut found = Vec::new();
        for ((low, high), exchange) in self.pairs.into_rows() {
            let low_sends = exchange.from_low > exchange.from_high;
            let (host, peer) = if low_sends { (low, high) } else { (high, low) };
            let (sent, received) = if low_sends {
                (exchange.from_low, exchange.from_high)
            } else {
                (exchange.from_high, exchange.from_low)
            };
            let leaves = azure::is_public(peer);
            let least = if leaves { limits.bytes } else { limits.private_bytes };
            if azure::is_public(host)
                || !azure::is_single(peer)
                || sent < least
                || ratio(sent, received) < limits.ratio
            {
                continue;
            }
            let (all_sent, all_received) = hosts.get(&host).copied().unwrap_or_default();
            let (others_sent, others_received) =
                (all_sent.saturating_sub(sent), all_received.saturating_sub(received));
            let elsewhere = ratio(others_sent, others_received);
            let numbers = vec![
                Number::count("sent", sent, "bytes"),
                Number::count("received", received, "bytes"),
                Number { name: "producer/consumer ratio", value: ratio(sent, received), unit: "ratio" },
                Number { name: "the same towards all others", value: elsewhere, unit: "ratio" },
            ];
            let turned = leaves && others_received > 0 && elsewhere < 0.0;
            let sure = if turned { Confidence::Medium } else { Confidence::Low };
            let sentence = format!("{} went out and {} came back", bytes(sent), bytes(received));
            let subject = Subject::Hosts(host, peer);
            let grade = (Severity::Note, sure);
            found.push(Finding::new(&Exfiltration, grade, subject, exchange.evidence, sentence, numbers));
        }
        found
    }
}

/// Producer/consumer ratio: 1 only sends, −1 only receives; 0 of nothing.
fn ratio(sent: u64, received: u64) -> f64 {
    let (sent, received) = (sent as f64, received as f64);
    if sent + received > 0.0 { (sent - received) / (sent + received) } else { 0.0 }
}

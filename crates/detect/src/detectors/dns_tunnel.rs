//! Data carried in the names of DNS questions.
//!
//! Flags a client that asks for 100 or more different names below one domain, long ones or of types that carry
//! data. Matters because DNS leaves networks that let nothing else out: iodine, dnscat2 and some malware use it.
//! Formula: different names below a registered domain (its last two labels, three where the second is as short as
//! in co.uk), their mean length of 20 bytes and more, or half of the questions of type NULL, TXT or private use;
//! the information is the bytes of different names (a bound of what information-based heavy hitters weigh).
//! Sources: Ozery et al., ibHH, arXiv 2307.02614; RITA (100 subdomains and more).
//! Left out: reverse lookups (in-addr.arpa, ip6.arpa). Misses tunnels with few questions in the capture. Wrongly
//! flags block lists and content networks with long random names.

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use capkeep_flow::FlowRecord;
use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use capkeep_flow::DnsKind;

use crate::bounded::Keyed;
use crate::settings;
use crate::subject::{Party, Subject};
use crate::words::{bytes, counted, share};

pub(super) struct DnsTunnel;

const ABOUT: About = About {
    title: "data in DNS names",
    meaning: "A client asks for very many different names below one domain: they may carry data out, and the answers data in.",
    azure: "DNS of a virtual network goes through 168.63.129.16 and is not filtered by security groups; Azure Firewall with DNS proxy and logs shows it.",
    decided: "100 different names below a registered domain by one client, with a mean length of 20 bytes, or half of the questions of type NULL, TXT or private use.",
    misses: "Tunnels with few questions in the capture. Wrongly flags block lists and content networks with long random names.",
    next: "Who owns the domain? Which process asks? Block the domain at the resolver.",
};

impl Detector for DnsTunnel {
    fn id(&self) -> &'static str {
        "dns_tunnel"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Tunnels { settings: settings.dns_tunnel.clone(), domains: Keyed::default(), room: ROOM })
    }
}

struct Tunnels {
    settings: settings::DnsTunnel,
    domains: Keyed<(IpAddr, Party, String), Asked>,
    /// Names that may still be remembered, over all domains.
    room: usize,
}

#[derive(Default)]
struct Asked {
    /// Digests of what stands before the domain.
    names: BTreeSet<u64>,
    bytes: u64,
    questions: u64,
    carriers: u64,
    evidence: Evidence,
    /// First packet of the flow that was added last.
    flow: Option<(u32, u64)>,
}

/// Most names remembered of a domain (chosen: far more than makes a finding).
const NAMES: usize = 4_096;
/// Most names remembered in all (chosen: a few megabytes).
const ROOM: usize = 1 << 17;
/// Longest domain that is looked at; bytes (RFC 1035 allows 255, written with escapes it may be longer).
const LONGEST: usize = 255;

/// Types that carry data: NULL 10, TXT 16, private use 65280 to 65534 (RFC 1035, RFC 6895).
const fn is_carrier(kind: u16) -> bool {
    matches!(kind, 10 | 16 | 65_280..=65_534)
}

/// What stands before the registered domain, and the domain.
fn split(name: &str) -> Option<(&str, &str)> {
    let name = name.trim_end_matches('.');
    let top = name.rsplit('.').next()?;
    if ["arpa", "local"].iter().any(|known| top.eq_ignore_ascii_case(known)) {
        return None;
    }
    let mut dots = name.rmatch_indices('.').map(|(at, _)| at);
    let (last, second) = (dots.next()?, dots.next()?);
    // `co.uk`: two letters behind at most three.
    let is_short = name.len() - last == 3 && last - second <= 4;
    let at = if is_short { dots.next()? } else { second };
    let domain = name.get(at + 1..).filter(|domain| domain.len() <= LONGEST)?;
    Some((name.get(..at)?, domain))
}

impl Run for Tunnels {
    fn observe(&mut self, flow: &FlowRecord) {
        let Some(dns) = flow.apps.as_ref().and_then(|apps| apps.dns.as_deref()) else { return };
        if dns.kind != DnsKind::Dns {
            return;
        }
        for lookup in &dns.lookups {
            let Some((before, domain)) = split(&lookup.name) else { continue };
            // One port or another: the resolver is the same.
            let key = (flow.client.ip, Party::server(flow), domain.to_ascii_lowercase());
            let Some(asked) = self.domains.at(key) else { continue };
            asked.questions += 1;
            asked.carriers += u64::from(is_carrier(lookup.kind));
            // Without keys of its own the hasher gives the same in every run.
            let mut hasher = DefaultHasher::new();
            before.hash(&mut hasher);
            if self.room > 0 && asked.names.len() < NAMES && asked.names.insert(hasher.finish()) {
                self.room -= 1;
                asked.bytes += before.len() as u64;
                if let Some(packet) = lookup.query_packet.or(lookup.response_packet) {
                    asked.evidence.packets.add(packet.capture, packet.number);
                }
                if let Some(at) = lookup.asked {
                    asked.evidence.time(at);
                }
                if asked.flow.replace((flow.capture, flow.first_packet))
                    != Some((flow.capture, flow.first_packet))
                {
                    asked.evidence.flows.add(flow);
                }
            }
        }
    }

    fn finish(self: Box<Self>, _: &Context<'_>) -> Vec<Finding> {
        let limits = &self.settings;
        let mut found = Vec::new();
        for ((client, resolver, domain), asked) in self.domains.into_rows() {
            let names = asked.names.len() as u64;
            let mean = asked.bytes.checked_div(names).unwrap_or(0);
            let carriers = share(asked.carriers, asked.questions);
            if names < limits.names || (mean < limits.name_bytes && carriers < limits.carrier_share) {
                continue;
            }
            let numbers = vec![
                Number::count("different names", names, "names"),
                Number::count("length of a name, mean", mean, "bytes"),
                Number::count("in different names", asked.bytes, "bytes"),
                Number::share("questions of types that carry data", asked.carriers, asked.questions),
            ];
            let sure = if mean >= limits.name_bytes && carriers >= limits.carrier_share {
                Confidence::High
            } else {
                Confidence::Medium
            };
            let sentence = format!(
                "{} below {domain} were asked for: they may carry data ({})",
                counted(names, "different name"),
                bytes(asked.bytes)
            );
            let subject = Subject::Conversation(client, resolver);
            found.push(Finding::new(
                &DnsTunnel,
                (Severity::Warning, sure),
                subject,
                asked.evidence,
                sentence,
                numbers,
            ));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn domains_are_told_from_what_stands_before_them() {
        assert_eq!(split("a.b.example.com"), Some(("a.b", "example.com")));
        assert_eq!(split("www.example.co.uk"), Some(("www", "example.co.uk")));
        assert_eq!(split("example.com"), None);
        assert_eq!(split("example.co.uk"), None);
        assert_eq!(split("4.0.0.10.in-addr.arpa"), None);
        assert_eq!(split(""), None);
        assert_eq!(split("..."), None);
    }
}

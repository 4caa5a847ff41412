//! Resolvers that do not answer, fail, or are slow.
//!
//! Flags a resolver of whose questions 10 % (and 3) get no answer or the answer SERVFAIL or REFUSED, and, as a
//! note, one that says NXDOMAIN to half of 10 questions and more, or takes longer than a second for one in twenty.
//! Matters because whatever a program does begins with a name. Formula: questions without an answer over all
//! questions, response codes over all answers, the 95th percentile of the time from question to answer, per address
//! and port of the resolver. Source: RFC 1035 section 4.1.1.
//! Misses DNS over TLS and HTTPS. Wrongly flags NXDOMAIN of search lists, and questions of the last moments of a
//! capture. Unanswered ones are not told where the capture is one-sided.

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use capkeep_flow::FlowRecord;
use capkeep_flow::{DnsKind, PacketRef};

use crate::bounded::{Budget, Keyed};
use crate::settings::{self, nanos};
use crate::subject::{Party, Subject};
use crate::words::{percent, share, span};

pub(super) struct DnsFailures;

const ABOUT: About = About {
    title: "names are not resolved",
    meaning: "A resolver does not answer, answers with a failure, does not know the names, or takes long.",
    azure: "Azure's resolver is 168.63.129.16; custom resolvers that forward to it from outside the virtual network, missing links of private zones, and more than 1,000 questions a second of a machine make questions fail.",
    decided: "Per resolver: questions without answer, SERVFAIL and REFUSED over answers (10 % and 3: warning), NXDOMAIN over answers (50 % and 10: note), 95th percentile of latency (1 s: note).",
    misses: "DNS over TLS and HTTPS. Wrongly flags NXDOMAIN of search lists.",
    next: "Ask the resolver yourself (nslookup NAME SERVER); look at links of private DNS zones, forwarders, and security rules for port 53.",
};

impl Detector for DnsFailures {
    fn id(&self) -> &'static str {
        "dns_failures"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Resolvers {
            settings: settings.dns_failures.clone(),
            budget: Budget::default(),
            asked: Keyed::default(),
        })
    }
}

struct Resolvers {
    settings: settings::DnsFailures,
    budget: Budget,
    asked: Keyed<Party, Asked>,
}

#[derive(Default)]
struct Asked {
    answered: u64,
    unanswered: u64,
    failed: u64,
    unknown: u64,
    responses: u64,
    /// Nanoseconds.
    latencies: Vec<i64>,
    unanswered_in: Evidence,
    failed_in: Evidence,
    unknown_in: Evidence,
    slow_in: Evidence,
}

/// Response codes: SERVFAIL, NXDOMAIN, REFUSED (RFC 1035).
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
const REFUSED: u8 = 5;

fn name(evidence: &mut Evidence, packet: Option<PacketRef>) {
    if let Some(packet) = packet {
        evidence.packets.add(packet.capture, packet.number);
    }
}

impl Run for Resolvers {
    fn observe(&mut self, flow: &FlowRecord) {
        let Some(dns) = flow.apps.as_ref().and_then(|apps| apps.dns.as_deref()) else { return };
        if dns.kind != DnsKind::Dns {
            return;
        }
        let Some(asked) = self.asked.at(Party::server(flow)) else { return };
        asked.answered += dns.answered;
        asked.unanswered += dns.unanswered;
        let of = |wanted: &[u8]| -> u64 {
            dns.rcodes.iter().filter(|(code, _)| wanted.contains(code)).map(|(_, count)| count).sum()
        };
        let (failed, unknown) = (of(&[SERVFAIL, REFUSED]), of(&[NXDOMAIN]));
        asked.failed += failed;
        asked.unknown += unknown;
        asked.responses += dns.responses;
        if dns.unanswered > 0 {
            asked.unanswered_in.flow(flow);
        }
        if failed > 0 {
            asked.failed_in.flow(flow);
        }
        if unknown > 0 {
            asked.unknown_in.flow(flow);
        }
        let slow = nanos(self.settings.slow_seconds);
        if dns.lookups.iter().any(|lookup| lookup.latency.is_some_and(|latency| latency > slow)) {
            asked.slow_in.flow(flow);
        }
        for lookup in &dns.lookups {
            match lookup.rcode {
                None if lookup.response_packet.is_none() => {
                    name(&mut asked.unanswered_in, lookup.query_packet);
                }
                Some(SERVFAIL | REFUSED) => name(&mut asked.failed_in, lookup.response_packet),
                Some(NXDOMAIN) => name(&mut asked.unknown_in, lookup.response_packet),
                _ => {}
            }
            if let Some(latency) = lookup.latency {
                self.budget.push(&mut asked.latencies, latency);
                if latency > slow {
                    name(&mut asked.slow_in, lookup.response_packet);
                }
            }
        }
    }

    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding> {
        let limits = &self.settings;
        let mut found = Vec::new();
        for (party, mut asked) in self.asked.into_rows() {
            let questions = asked.answered + asked.unanswered;
            asked.latencies.sort_unstable();
            let count = asked.latencies.len();
            let p95 = asked.latencies.get(count.saturating_mul(95).div_ceil(100).saturating_sub(1)).copied();
            let p95 = p95.unwrap_or(0);
            let numbers = vec![
                Number::count("questions", questions, "questions"),
                Number::count("unanswered", asked.unanswered, "questions"),
                Number::count("SERVFAIL and REFUSED", asked.failed, "answers"),
                Number::count("NXDOMAIN", asked.unknown, "answers"),
                Number::seconds("latency, 95th percentile", p95),
            ];
            let is_much = |part, whole| part >= limits.least && share(part, whole) >= limits.share;
            let mut tell = |severity, confidence, evidence, sentence| {
                let grade = (severity, confidence);
                let subject = Subject::Service(party);
                found.push(Finding::new(&DnsFailures, grade, subject, evidence, sentence, numbers.clone()));
            };
            if is_much(asked.unanswered, questions) && !context.quality.hides_answers() {
                let sentence = format!(
                    "{} of {questions} DNS questions get no answer",
                    percent(asked.unanswered, questions)
                );
                let sure = context.quality.tempered(Confidence::High);
                tell(Severity::Warning, sure, asked.unanswered_in, sentence);
            }
            if is_much(asked.failed, asked.responses) {
                let sentence = format!(
                    "{} of {} DNS answers are failures (SERVFAIL, REFUSED)",
                    percent(asked.failed, asked.responses),
                    asked.responses
                );
                tell(Severity::Warning, Confidence::High, asked.failed_in, sentence);
            }
            let unknown = share(asked.unknown, asked.responses);
            if asked.unknown >= limits.unknown_least && unknown >= limits.unknown_share {
                let sentence = format!(
                    "{} of {} DNS answers say that there is no such name",
                    percent(asked.unknown, asked.responses),
                    asked.responses
                );
                tell(Severity::Note, Confidence::High, asked.unknown_in, sentence);
            }
            if count as u64 >= limits.slow_least && p95 > nanos(limits.slow_seconds) {
                let sentence = format!("one in twenty DNS answers takes {} and longer", span(p95));
                tell(Severity::Note, Confidence::High, asked.slow_in, sentence);
            }
        }
        found
    }
}

//! What applications said in real captures, against an answer key made by Wireshark's tools.
//!
//! The captures do not belong to this project and are not part of it; see `answer_key.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test may panic, and speak of what it skips"
)]

mod common;

use std::collections::BTreeMap;

use capkeep_flow::{Apps, FlowRecord};
use serde_json::Value;

use common::{Keyed, captures, read, say};

const BODY: &str = "tshark shows a message once its body is there, and never if a part of it is missing; told not to wait \
     (http.desegment_body:FALSE) it counts as capkeep does, which counts a message where it begins";
const QUOTED: &str = "tshark also takes apart what ICMP errors quote";

/// Where capkeep and the key differ, and why: file name ending, what differs, how, reason. An entry that explains
/// nothing any more fails the test.
const EXPLAINED: &[(&str, &str, &str, &str)] = &[
    ("/no-syn-ack.pcap", "http codes", "200 expected 0, found 1", BODY),
    (
        "/wireshark-retrans.pcap",
        "http codes",
        "200 expected 6, found 4",
        "two responses captured twice, 0.3 ms apart with the same IP identification: copies count once",
    ),
    ("Domain_CePark.cap", "dns responses", "all expected 15, found 13", QUOTED),
    ("Domain_CePark.cap", "dns rcodes", "2 expected 15, found 13", QUOTED),
    ("Domain_CePark.cap", "http codes", "200 expected 10, found 16", BODY),
    (
        "/650HttpResponses.pcap",
        "http codes",
        "200 expected 303, found 588; 206 expected 0, found 15; 301 expected 11, found 12; 302 expected 4, found 15",
        BODY,
    ),
    (
        "/ip6_fragments.pcap",
        "dns types",
        "12 expected 12, found 6; 255 expected 11, found 0",
        "a query of 23 questions in fragments, of which tshark puts a datagram together and capkeep reads the first",
    ),
    ("/raw_ip.pcap", "http codes", "200 expected 6, found 7", BODY),
    (
        "/raw_ip.pcap",
        "dhcp types",
        "1 expected 2, found 1",
        "the same packet captured twice, with the same IP identification and time",
    ),
    ("_with_missing_packet.pcap", "http hosts", "service.zap.co.il expected 1, found 2", BODY),
    ("_with_missing_packet.pcap", "http methods", "POST expected 1, found 2", BODY),
    ("/206_example_b.pcap", "http codes", "206 expected 2, found 3", BODY),
    (
        "/tcp/reassembly.pcap",
        "http methods",
        "SEARCH expected 0, found 1",
        "a head that never ends, which tshark waits for; here a request counts where it begins",
    ),
];

#[test]
fn applications_of_every_file_of_the_key_said_the_same() {
    let Some(captures) = captures() else { return };
    let files = captures.len();
    let mut differences = Vec::new();
    let (mut cells, mut equal) = (0, 0);
    let mut used = vec![false; EXPLAINED.len()];
    for Keyed { name, path, truth } in &captures {
        let (_, flows) = read(path);
        for (what, expected, found) in cells_of(truth, &flows) {
            cells += 1;
            if expected == found {
                equal += 1;
                continue;
            }
            let how = diff(&expected, &found);
            let explained = EXPLAINED
                .iter()
                .position(|(ending, about, way, _)| name.ends_with(ending) && what == *about && how == *way);
            match explained {
                Some(index) => used[index] = true,
                None => differences.push(format!("{name}: {what}: {how}")),
            }
        }
    }
    for ((ending, what, ..), _) in EXPLAINED.iter().zip(used).filter(|(_, used)| !used && files > 100) {
        differences.push(format!("{ending}: {what}: explained, but there is no difference"));
    }
    say(&format!("{files} files, {equal} of {cells} cells equal"));
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

type Counts = BTreeMap<String, u64>;

/// What is compared: its name, what the key says, what capkeep says.
fn cells_of(truth: &Value, flows: &[FlowRecord]) -> Vec<(&'static str, Counts, Counts)> {
    let all: Vec<&Apps> = flows.iter().filter_map(|flow| flow.apps.as_deref()).collect();
    let dns = || all.iter().filter_map(|apps| apps.dns.as_deref());
    let tls = || all.iter().filter_map(|apps| apps.tls.as_deref());
    let http = || all.iter().filter_map(|apps| apps.http.as_deref());
    // BOOTP without a type of DHCP has number 0 here and none in the key.
    let dhcp = || all.iter().filter_map(|apps| apps.dhcp.as_deref()).filter(|dhcp| !dhcp.is_v6);
    let one = |count: u64| Counts::from([("all".to_owned(), count)]);
    let (dns_key, tls_key, http_key) = (&truth["dns"], &truth["tls"], &truth["http"]);
    let mut sni =
        sum(tls().filter_map(|tls| Some((tls.sni.as_deref()?.to_owned(), tls.client_hellos.into()))));
    let sni_key = pairs(&tls_key["sni"]);
    // The key lists the sixty most frequent ones.
    if sni_key.len() == 60 {
        sni.retain(|name, _| sni_key.contains_key(name));
    }
    vec![
        ("dns queries", one(dns_key["queries"].as_u64().unwrap()), one(dns().map(|dns| dns.queries).sum())),
        (
            "dns responses",
            one(dns_key["responses"].as_u64().unwrap()),
            one(dns().map(|dns| dns.responses).sum()),
        ),
        ("dns rcodes", map(&dns_key["rcode"]), sum(dns().flat_map(|dns| numbers(&dns.rcodes)))),
        ("dns types", map(&dns_key["qtypes"]), sum(dns().flat_map(|dns| numbers(&dns.types)))),
        ("tls names", sni_key, sni),
        (
            "tls alerts",
            map(&tls_key["alerts"]),
            sum(tls().flat_map(|tls| tls.alerts.iter().map(|alert| (alert.description.to_string(), 1)))),
        ),
        ("http hosts", pairs(&http_key["hosts"]), sum(http().flat_map(|http| texts(&http.hosts)))),
        ("http methods", map(&http_key["methods"]), sum(http().flat_map(|http| texts(&http.methods)))),
        ("http codes", map(&http_key["codes"]), sum(http().flat_map(|http| numbers(&http.codes)))),
        (
            "dhcp types",
            map(&truth["dhcp_types"]),
            sum(dhcp().flat_map(|dhcp| numbers(&dhcp.types)).filter(|(kind, _)| kind != "0")),
        ),
    ]
}

fn numbers<N: ToString>(list: &[(N, u64)]) -> Vec<(String, u64)> {
    list.iter().map(|(number, count)| (number.to_string(), *count)).collect()
}

fn texts(list: &[(Box<str>, u64)]) -> Vec<(String, u64)> {
    list.iter().map(|(text, count)| (text.to_string(), *count)).collect()
}

fn sum(all: impl Iterator<Item = (String, u64)>) -> Counts {
    let mut counts = Counts::new();
    for (what, count) in all {
        *counts.entry(what).or_default() += count;
    }
    counts
}

fn map(value: &Value) -> Counts {
    let object = value.as_object().unwrap();
    object.iter().map(|(what, count)| (what.clone(), count.as_u64().unwrap())).collect()
}

fn pairs(value: &Value) -> Counts {
    let list = value.as_array().unwrap();
    list.iter().map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].as_u64().unwrap())).collect()
}

fn diff(expected: &Counts, found: &Counts) -> String {
    let mut keys: Vec<_> = expected.keys().chain(found.keys()).collect();
    keys.sort();
    keys.dedup();
    let of = |counts: &Counts, key: &String| counts.get(key).copied().unwrap_or_default();
    let differing = keys.into_iter().filter(|key| of(expected, key) != of(found, key));
    let words: Vec<String> = differing
        .map(|key| format!("{key} expected {}, found {}", of(expected, key), of(found, key)))
        .collect();
    words.join("; ")
}

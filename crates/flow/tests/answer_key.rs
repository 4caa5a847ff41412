//! Real captures against an answer key made by Wireshark's tools.
//!
//! The captures do not belong to this project and are not part of it. Set `CAPKEEP_CAPTURES` to a folder with
//! `key.jsonl` and `files/`, or have it beside the checkout; without it the test says so and passes.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test may panic, and speak of what it skips"
)]

mod common;

use std::collections::BTreeMap;

use capkeep_flow::{Analysis, Direction, FlowRecord, Protocol};
use serde_json::Value;

use common::{Keyed, captures, read};

const OUTER: &str = "tshark also lists the outer addresses of a tunnel as a stream; here they are attributes of the \
     flow inside";
const FRAGMENTS: &str = "tshark counts a fragmented datagram once, in the frame that completes it, and not at all if \
     a fragment is missing; here every fragment counts for its flow, and one whose first fragment was never seen for \
     its addresses with port 0";

/// Where capkeep and the key differ, and why: file name ending, what differs, reason. An entry that explains nothing
/// any more fails the test.
const EXPLAINED: &[(&str, &str, &str)] = &[
    ("gre-erspan-vxlan.pcap", "udp stream", OUTER),
    ("gso-ipv4-vxlan-ipv4.pcap", "udp stream", OUTER),
    ("tunnels/geneve.pcap", "udp stream", OUTER),
    ("tunnels/vxlan.pcap", "udp stream", OUTER),
    ("MS-CCROD_Example1_Win2016_X64_Win10_X64_Domain.cap", "udp stream", FRAGMENTS),
    ("ip-frag.pcap", "udp stream", FRAGMENTS),
    ("ip4_fragments.pcap", "udp stream", FRAGMENTS),
    ("ip6_fragments.pcap", "udp stream", FRAGMENTS),
    ("ipv6-fragmented-dns.pcap", "udp stream", FRAGMENTS),
    ("fragmented-syn.pcap", "tcp stream", FRAGMENTS),
    ("test017.pcapng", "wire bytes", "the key adds up the bytes of custom blocks, which are no packets"),
    ("test017.pcapng", "captured bytes", "as its wire bytes"),
    (
        "pcapng-example.pcapng",
        "last time",
        "some packets are dated to the year 586,523, which does not fit into 64 \
         bits of nanoseconds; they are held at the end of them, in the year 2262",
    ),
    (
        "dsa.pcap",
        "packets",
        "capinfos and tshark do not know link type 284; tcpdump counts the same 8 packets",
    ),
    ("dsa.pcap", "wire bytes", "as its packets"),
    ("dsa.pcap", "captured bytes", "as its packets"),
    ("dsa.pcap", "first time", "as its packets"),
    ("dsa.pcap", "last time", "as its packets"),
    (
        "vntag.pcap",
        "last time",
        "the key compares times as floating-point numbers, which are 240 ns coarse; capinfos \
         says the same as capkeep",
    ),
];

/// A stream of the key, or a flow: both ends in order, and what went from the lower to the higher and back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stream {
    low: (String, u16),
    high: (String, u16),
    up: [u64; 3],
    down: [u64; 3],
}

#[test]
fn every_file_of_the_key_is_counted_the_same() {
    let Some(captures) = captures() else { return };
    let mut differences = Vec::new();
    let mut used = vec![false; EXPLAINED.len()];
    for Keyed { name, path, truth } in &captures {
        let (analysis, flows) = read(path);
        for (what, difference) in compare(truth, &analysis, &flows) {
            let explains =
                |(ending, about, _): &(&str, &str, &str)| name.ends_with(ending) && what.starts_with(about);
            match EXPLAINED.iter().position(explains) {
                Some(index) => used[index] = true,
                None => differences.push(format!("{name}: {what}: {difference}")),
            }
        }
    }
    for ((ending, what, _), _) in EXPLAINED.iter().zip(used).filter(|(_, used)| !used && captures.len() > 100)
    {
        differences.push(format!("{ending}: {what}: explained, but there is no difference"));
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

fn compare(truth: &Value, analysis: &Analysis, flows: &[FlowRecord]) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let capture = &analysis.captures[0];
    let mut check = |what: &str, expected: String, found: String| {
        if expected != found {
            out.push((what.to_string(), format!("expected {expected}, found {found}")));
        }
    };
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    if let Some(error) = &capture.error {
        check("error", "none".into(), error.message.clone());
    }
    let packets = number(&truth["frames"]) - number(&truth["non_packet_records"]);
    check("packets", packets.to_string(), capture.packets.to_string());
    check("wire bytes", number(&truth["bytes_on_wire"]).to_string(), capture.wire_bytes.to_string());
    check("captured bytes", number(&truth["bytes_captured"]).to_string(), capture.captured_bytes.to_string());
    let time = |value: &Value| value.as_str().map_or_else(|| "none".into(), seconds);
    let ours = |at: Option<capkeep_pcap::Timestamp>| at.map_or_else(|| "none".into(), |t| t.to_string());
    check("first time", time(&truth["first_time"]), ours(capture.first));
    check("last time", time(&truth["last_time"]), ours(capture.last));
    let skipped: u64 = capture.skipped.values().sum();
    check(
        "every packet is in one flow or skipped",
        capture.packets.to_string(),
        (analysis.totals.packets_in_flows + skipped).to_string(),
    );
    for (name, protocol) in [("tcp", 6), ("udp", 17)] {
        let expected = streams(&truth[format!("{name}_streams")]);
        let all = number(&truth["streams"][format!("{name}_not_quoted")]);
        let found: Vec<Stream> =
            flows.iter().filter(|flow| flow.protocol == Protocol::Ip(protocol)).map(stream).collect();
        check(&format!("{name} streams"), all.to_string(), found.len().to_string());
        let mut missing = count(&expected);
        let mut extra = count(&found);
        for (stream, n) in &mut missing {
            let have = extra.get_mut(stream);
            if let Some(have) = have {
                let both = (*n).min(*have);
                *n -= both;
                *have -= both;
            }
        }
        for (stream, n) in missing.iter().filter(|(_, n)| **n > 0) {
            check(&format!("{name} stream"), format!("{n} x {stream:?}"), "none".into());
        }
        // The key lists the largest streams only.
        if expected.len() as u64 == all {
            for (stream, n) in extra.iter().filter(|(_, n)| **n > 0) {
                check(&format!("{name} stream"), "none".into(), format!("{n} x {stream:?}"));
            }
        }
    }
    out
}

/// tshark writes a fraction of a second or more as it stands (`5.1000000000`).
fn seconds(text: &str) -> String {
    let (whole, fraction) = text.split_once('.').unwrap();
    let (whole, nanos): (u64, u64) = (whole.parse().unwrap(), fraction.parse().unwrap());
    format!("{}.{:09}", whole + nanos / 1_000_000_000, nanos % 1_000_000_000)
}

fn count(streams: &[Stream]) -> BTreeMap<Stream, usize> {
    let mut counts = BTreeMap::new();
    for stream in streams {
        *counts.entry(stream.clone()).or_default() += 1;
    }
    counts
}

fn streams(list: &Value) -> Vec<Stream> {
    let list = list.as_array().cloned().unwrap_or_default();
    list.iter()
        .map(|row| {
            let end = |ip: &str, port: &str| {
                let port = row[port].as_str().unwrap().parse().unwrap_or(0);
                (row[ip].as_str().unwrap().to_string(), port)
            };
            let way = |suffix: &str| {
                ["frames", "bytes", "payload"].map(|what| row[format!("{what}_{suffix}")].as_u64().unwrap())
            };
            ordered(end("a", "ap"), end("b", "bp"), way("ab"), way("ba"))
        })
        .collect()
}

fn stream(flow: &FlowRecord) -> Stream {
    let way = |side: &Direction| [side.packets, side.wire_bytes, side.payload_bytes];
    let end = |end: capkeep_flow::Endpoint| (end.ip.to_string(), end.port);
    ordered(end(flow.client), end(flow.server), way(&flow.from_client), way(&flow.from_server))
}

fn ordered(a: (String, u16), b: (String, u16), ab: [u64; 3], ba: [u64; 3]) -> Stream {
    if a <= b {
        Stream { low: a, high: b, up: ab, down: ba }
    } else {
        Stream { low: b, high: a, up: ba, down: ab }
    }
}

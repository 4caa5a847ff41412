//! Real captures against an answer key made by Wireshark's tools.
//!
//! The captures do not belong to this project and are not part of it. Set `CAPKEEP_CAPTURES` to a folder with
//! `key.jsonl` and `files/`, or have it beside the checkout; without it the test says so and passes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use capkeep_flow::{Analysis, Direction, Event, FlowRecord, Input, Options, Protocol, analyze};
use serde_json::Value;

/// Where capkeep and the key differ, and why. File name ending, what differs, reason.
const EXPLAINED: &[(&str, &str, &str)] = &[];

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
    let Some(folder) = captures() else {
        eprintln!("SKIPPED: no captures with an answer key (set CAPKEEP_CAPTURES)");
        return;
    };
    let key = std::fs::read_to_string(folder.join("key.jsonl")).unwrap();
    let mut differences = Vec::new();
    let mut files = 0;
    for line in key.lines() {
        let truth: Value = serde_json::from_str(line).unwrap();
        let name = truth["path"].as_str().unwrap();
        let path = folder.join("files").join(name);
        let (analysis, flows) = read(&path);
        files += 1;
        for (what, difference) in compare(&truth, &analysis, &flows) {
            let known =
                EXPLAINED.iter().any(|(ending, about, _)| name.ends_with(ending) && what.starts_with(about));
            if !known {
                differences.push(format!("{name}: {what}: {difference}"));
            }
        }
    }
    assert!(files > 0, "the key is empty");
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

fn captures() -> Option<PathBuf> {
    let named = std::env::var_os("CAPKEEP_CAPTURES").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
    named.into_iter().chain([beside]).find(|folder| folder.join("key.jsonl").is_file())
}

/// Without idle timeout: tshark never ends a stream by silence.
fn read(path: &Path) -> (Analysis, Vec<FlowRecord>) {
    let flows = Mutex::new(Vec::new());
    let options = Options { idle_timeout: None, ..Options::default() };
    let analysis = analyze(&[Input::File(path.into())], &options, &|event| {
        if let Event::Flows(more) = event {
            flows.lock().unwrap().extend_from_slice(more);
        }
    });
    (analysis, flows.into_inner().unwrap())
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
    let time = |value: &Value| value.as_str().map_or_else(|| "none".into(), ToString::to_string);
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
    if a <= b { Stream { low: a, high: b, up: ab, down: ba } } else { Stream { low: b, high: a, up: ba, down: ab } }
}

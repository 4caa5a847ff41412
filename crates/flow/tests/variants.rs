//! One set of packets, written in many ways: every way gives the flows that are known to be in it.

#![allow(
    clippy::unwrap_used,
    clippy::struct_excessive_bools,
    reason = "a test may panic and note what it knows"
)]

use std::path::Path;
use std::sync::Mutex;

use capkeep_flow::{Analysis, Direction, Event, FlowRecord, Input, Options, analyze};
use capkeep_testkit::{Detail, DirectionTruth, Ending, Expected, FlowTruth, variants};

fn read(path: &Path, threads: usize) -> (Analysis, Vec<FlowRecord>) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let flows = Mutex::new(Vec::new());
    let options = Options { idle_timeout: None, ..Options::default() };
    let analysis = pool.install(|| {
        analyze(&[Input::File(path.into())], &options, &|event| {
            if let Event::Flows(more) = event {
                flows.lock().unwrap().extend_from_slice(more);
            }
        })
    });
    (analysis, flows.into_inner().unwrap())
}

#[test]
fn every_variant_gives_the_flows_that_are_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for variant in variants() {
        let path = folder.path().join(variant.file_name());
        let expected = variant.write(&path).unwrap();
        let (analysis, flows) = read(&path, 2);
        for difference in differences(&expected, &analysis, &flows) {
            wrong.push(format!("{}: {difference}", variant.name));
        }
    }
    assert!(variants().len() >= 35, "only {} variants", variants().len());
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn any_number_of_threads_gives_the_same_flows() {
    let folder = tempfile::tempdir().unwrap();
    for variant in variants() {
        let path = folder.path().join(variant.file_name());
        variant.write(&path).unwrap();
        let alone = read(&path, 1);
        for threads in [2, 3, 8] {
            let together = read(&path, threads);
            assert_eq!(alone.1, together.1, "{} with {threads} threads", variant.name);
            assert_eq!(
                format!("{:?}", alone.0.totals),
                format!("{:?}", together.0.totals),
                "{} with {threads} threads",
                variant.name
            );
        }
    }
}

fn differences(expected: &Expected, analysis: &Analysis, flows: &[FlowRecord]) -> Vec<String> {
    let mut out = Vec::new();
    let capture = &analysis.captures[0];
    let mut check = |what: &str, expected: String, found: String| {
        if expected != found {
            out.push(format!("{what}: expected {expected}, found {found}"));
        }
    };
    check("packets", expected.packets.to_string(), capture.packets.to_string());
    check("wire bytes", expected.wire_bytes.to_string(), capture.wire_bytes.to_string());
    check("captured bytes", expected.captured_bytes.to_string(), capture.captured_bytes.to_string());
    let nanos = |at: Option<capkeep_pcap::Timestamp>| format!("{:?}", at.map(capkeep_pcap::Timestamp::nanos));
    check("first", format!("{:?}", expected.first_ns), nanos(capture.first));
    check("last", format!("{:?}", expected.last_ns), nanos(capture.last));
    check("comments", expected.comments.to_string(), capture.facts.comment_count.to_string());
    let failed = expected.ending != Ending::Complete;
    check("error", failed.to_string(), capture.error.is_some().to_string());
    if expected.ending == Ending::Cut {
        let offset = capture.error.as_ref().and_then(|error| error.offset);
        check("offset of the error", true.to_string(), offset.is_some().to_string());
    }
    let skipped: u64 = capture.skipped.values().sum();
    check(
        "packets in flows and skipped",
        expected.packets.to_string(),
        (analysis.totals.packets_in_flows + skipped).to_string(),
    );
    let known: Vec<&FlowRecord> = flows.iter().filter(|flow| is_known(flow, expected)).collect();
    let mut truth: Vec<String> = expected.flows.iter().map(|flow| truth_row(flow, expected)).collect();
    let mut found: Vec<String> = known.iter().map(|flow| record_row(flow, expected)).collect();
    if expected.splits_allowed {
        let sums = |sum: [u64; 3]| format!("packets, wire bytes, payload {sum:?}");
        let truth_sums = expected.flows.iter().fold([0; 3], |sum, flow| {
            [&flow.to_server, &flow.to_client].iter().fold(sum, |[packets, wire, payload], way| {
                let counted = if matches!(flow.protocol.number(), 6 | 17) { way.payload_bytes } else { 0 };
                [packets + way.packets, wire + way.wire_bytes, payload + counted]
            })
        });
        let found_sums = known.iter().fold([0; 3], |sum, flow| {
            [&flow.from_client, &flow.from_server].iter().fold(sum, |[packets, wire, payload], way| {
                [packets + way.packets, wire + way.wire_bytes, payload + way.payload_bytes]
            })
        });
        check("sums of the flows", sums(truth_sums), sums(found_sums));
        let plausible = known.len() >= expected.flows.len() && known.len() < 2 * expected.flows.len();
        check("a plausible number of flows", true.to_string(), plausible.to_string());
    } else {
        truth.sort();
        found.sort();
        for row in truth.iter().filter(|row| !found.contains(row)).take(3) {
            check("flow", row.clone(), "none".into());
        }
        for row in found.iter().filter(|row| !truth.contains(row)).take(3) {
            check("flow", "none".into(), row.clone());
        }
        check("flows", truth.len().to_string(), found.len().to_string());
    }
    if expected.icmp_errors > 0 {
        let quoted: u64 = flows.iter().map(|flow| flow.icmp_errors).sum();
        check("ICMP errors tied to flows", expected.icmp_errors.to_string(), quoted.to_string());
    }
    out
}

/// Packets without a true flow (ICMP errors of routers, ARP) make flows of their own, which the truth does not list.
fn is_known(flow: &FlowRecord, expected: &Expected) -> bool {
    expected.flows.iter().any(|truth| {
        let ends = [truth.client, truth.server];
        Some(truth.protocol.number()) == flow.protocol.number()
            && ends.contains(&flow.client.ip)
            && ends.contains(&flow.server.ip)
    }) && flow.quoted.is_none()
}

fn truth_row(flow: &FlowTruth, expected: &Expected) -> String {
    let number = flow.protocol.number();
    let knows = Knows::of(number, flow.client.is_ipv6(), expected);
    let way = |side: &DirectionTruth| {
        let payload = if knows.payload { side.payload_bytes } else { 0 };
        let (flags, isn) = if knows.flags { (side.tcp_flags, side.initial_sequence) } else { (0, None) };
        format!(
            "{} packets {} bytes {payload} payload flags {flags:#x} isn {isn:?}",
            side.packets, side.wire_bytes
        )
    };
    let client = (flow.client.to_string(), if knows.ports { flow.client_port } else { 0 });
    let server = (flow.server.to_string(), if knows.ports { flow.server_port } else { 0 });
    let state = if knows.state { flow.conn_state.name() } else { "?" };
    let span = (flow.first_ns, flow.last_ns);
    row(number, knows, (client, way(&flow.to_server)), (server, way(&flow.to_client)), state, span)
}

fn record_row(flow: &FlowRecord, expected: &Expected) -> String {
    let number = flow.protocol.number().unwrap_or_default();
    let knows = Knows::of(number, flow.client.ip.is_ipv6(), expected);
    let way = |side: &Direction| {
        let payload = if knows.payload { side.payload_bytes } else { 0 };
        let (flags, isn) = if knows.flags { (side.tcp_flags, side.isn) } else { (0, None) };
        format!(
            "{} packets {} bytes {payload} payload flags {flags:#x} isn {isn:?}",
            side.packets, side.wire_bytes
        )
    };
    let end = |end: capkeep_flow::Endpoint| (end.ip.to_string(), if knows.ports { end.port } else { 0 });
    let state = if knows.state { flow.conn_state.name() } else { "?" };
    let span = (flow.first.nanos(), flow.last.nanos());
    let (client, server) = (end(flow.client), end(flow.server));
    row(number, knows, (client, way(&flow.from_client)), (server, way(&flow.from_server)), state, span)
}

/// One end: address and port, and what it sent.
type Side = ((String, u16), String);

fn row(number: u8, knows: Knows, client: Side, server: Side, state: &str, span: (i64, i64)) -> String {
    // Without flags there is no telling who asked: both ends in order.
    let (a, b) = if knows.flags || client.0 <= server.0 { (client, server) } else { (server, client) };
    format!("{number} {:?} {} | {:?} {} | {state} {span:?}", a.0, a.1, b.0, b.1)
}

/// What of a flow can be known.
#[derive(Clone, Copy)]
struct Knows {
    ports: bool,
    payload: bool,
    flags: bool,
    state: bool,
}

impl Knows {
    fn of(number: u8, is_v6: bool, expected: &Expected) -> Self {
        let tcp_header_cut = number == 6 && is_v6 && expected.detail == Detail::Ports;
        let whole = expected.detail != Detail::Addresses && !tcp_header_cut;
        Self {
            ports: expected.detail != Detail::Addresses,
            // ICMP has no payload here, and of SCTP only the common header is taken off.
            payload: whole && matches!(number, 6 | 17),
            flags: whole && number == 6,
            state: whole && matches!(number, 6 | 17),
        }
    }
}

//! Findings in JSON.

use capkeep_detect::{Finding, Findings, Number};
use capkeep_pcap::Timestamp;
use serde::Serialize;

use crate::names::Names;

#[derive(Serialize)]
pub(super) struct VerdictObject {
    verdict: &'static str,
    flows: u64,
    largest: Option<String>,
    because: String,
    confidence: &'static str,
    numbers: Vec<NumberObject>,
}

#[derive(Serialize)]
pub(super) struct NumberObject {
    name: &'static str,
    value: f64,
    unit: &'static str,
}

#[derive(Serialize)]
pub(super) struct FindingObject {
    id: String,
    detector: &'static str,
    severity: &'static str,
    confidence: &'static str,
    subject: String,
    hosts: Vec<String>,
    host_names: Vec<Option<String>>,
    protocol: Option<String>,
    port: Option<u16>,
    first_ns: Option<i64>,
    last_ns: Option<i64>,
    sentence: String,
    numbers: Vec<NumberObject>,
    flows: Vec<String>,
    flow_count: u64,
    packets: Vec<PacketsObject>,
    packet_count: u64,
    context_filter: Option<String>,
}

#[derive(Serialize)]
pub(super) struct PacketsObject {
    capture: u32,
    numbers: Vec<u64>,
    display_filter: Option<String>,
}

pub(super) fn verdicts(findings: &Findings) -> Vec<VerdictObject> {
    let verdict =
        |(kind, count): (&capkeep_detect::VerdictKind, &capkeep_detect::VerdictCount)| VerdictObject {
            verdict: kind.name(),
            flows: count.flows,
            largest: count.flow.clone(),
            because: count.verdict.because.clone(),
            confidence: count.verdict.confidence.name(),
            numbers: numbers(&count.verdict.numbers),
        };
    findings.verdicts.iter().map(verdict).collect()
}

pub(super) fn findings(findings: &Findings, names: &Names<'_>) -> Vec<FindingObject> {
    let list = findings.list.iter().enumerate();
    list.map(|(place, finding)| object(finding, findings.number(place), names)).collect()
}

fn object(finding: &Finding, number: usize, names: &Names<'_>) -> FindingObject {
    let port = finding.subject.port();
    let hosts = finding.subject.hosts();
    let packets = finding.packets.numbers.iter().map(|(capture, numbers)| PacketsObject {
        capture: *capture,
        numbers: numbers.iter().copied().collect(),
        display_filter: finding.display_filter(*capture),
    });
    FindingObject {
        id: format!("{}:{number}", finding.detector),
        detector: finding.detector,
        severity: finding.severity.name(),
        confidence: finding.confidence.name(),
        subject: finding.subject.to_string(),
        hosts: hosts.iter().map(ToString::to_string).collect(),
        host_names: hosts.iter().map(|host| names.get(*host).map(|name| name.words.to_owned())).collect(),
        protocol: port.map(|(protocol, _)| protocol.name().into_owned()),
        port: port.map(|(_, port)| port).filter(|port| *port != 0),
        first_ns: finding.span.map(|(first, _): (Timestamp, _)| first.nanos()),
        last_ns: finding.span.map(|(_, last): (_, Timestamp)| last.nanos()),
        sentence: finding.sentence.clone(),
        numbers: numbers(&finding.numbers),
        flows: finding.flows.ids.clone(),
        flow_count: finding.flows.count,
        packets: packets.collect(),
        packet_count: finding.packets.count,
        context_filter: finding.context_filter(),
    }
}

fn numbers(numbers: &[Number]) -> Vec<NumberObject> {
    numbers
        .iter()
        .map(|number| NumberObject { name: number.name, value: number.value, unit: number.unit })
        .collect()
}

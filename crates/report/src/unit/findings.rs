//! Findings and verdicts of a unit.

use std::fmt::Write as _;

use capkeep_detect::{Finding, Findings, Number, Subject};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Origin;

/// A number behind a finding.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NumberRow {
    /// What it counts or measures.
    pub name: String,
    /// Its value. Written as text, so that it is read exactly as it was.
    #[serde(serialize_with = "exact", deserialize_with = "from_exact")]
    pub value: f64,
    /// Its unit.
    pub unit: String,
}

/// Packets that a finding names of a capture file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketsRow {
    /// Index of the file in [`Unit::origins`](super::Unit::origins).
    pub capture: u32,
    /// Their numbers, from 1, in order.
    pub numbers: Vec<u64>,
    /// A Wireshark display filter that selects exactly these.
    pub display_filter: String,
}

/// What a detector found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FindingRow {
    /// Id of the detector.
    pub detector: String,
    /// Its number among the findings of the detector in this unit, from 1.
    pub number: u64,
    /// `note`, `warning` or `critical`.
    pub severity: String,
    /// `low`, `medium` or `high`.
    pub confidence: String,
    /// What it is about, in words.
    pub subject: String,
    /// Index of the capture file it is about, if it is about one.
    pub capture: Option<u32>,
    /// Hosts it is about.
    pub hosts: Vec<String>,
    /// Protocol it is about.
    pub protocol: Option<String>,
    /// Port it is about.
    pub port: Option<u16>,
    /// Time of the first that belongs to it; nanoseconds since the epoch.
    pub first_ns: Option<i64>,
    /// Time of the last.
    pub last_ns: Option<i64>,
    /// What was found, in one sentence.
    pub sentence: String,
    /// The numbers behind it.
    pub numbers: Vec<NumberRow>,
    /// Community IDs of the first of its flows.
    pub flows: Vec<String>,
    /// Its flows in all.
    pub flow_count: u64,
    /// The first of its packets by capture file.
    pub packets: Vec<PacketsRow>,
    /// Its packets in all.
    pub packet_count: u64,
    /// A Wireshark display filter for what it is about.
    pub context_filter: Option<String>,
}

impl FindingRow {
    /// What names it within its unit: `detector:number`, as `capkeep slice --finding` takes it.
    pub fn id(&self) -> String {
        format!("{}:{}", self.detector, self.number)
    }

    /// What comes behind the names of the capture files in a command that cuts its packets out; `None` if it names no
    /// packet.
    pub fn slice(&self) -> Option<[String; 2]> {
        (!self.packets.is_empty()).then(|| ["--finding".into(), self.id()])
    }

    pub(super) fn all(findings: &Findings, origins: &[Origin]) -> Vec<Self> {
        let list = findings.list.iter().enumerate();
        list.map(|(place, finding)| Self::new(finding, findings.number(place) as u64, origins)).collect()
    }

    fn new(finding: &Finding, number: u64, origins: &[Origin]) -> Self {
        let port = finding.subject.port();
        let (capture, subject) = match finding.subject {
            // The index says little where there are thousands of captures.
            Subject::Capture(index) => {
                let name = origins.get(index as usize).map(|origin| origin.name.clone());
                (Some(index), name.unwrap_or_else(|| finding.subject.to_string()))
            }
            _ => (None, finding.subject.to_string()),
        };
        let packets = finding.packets.numbers.iter().map(|(capture, numbers)| PacketsRow {
            capture: *capture,
            numbers: numbers.iter().copied().collect(),
            display_filter: finding.display_filter(*capture).unwrap_or_default(),
        });
        Self {
            detector: finding.detector.into(),
            number,
            severity: finding.severity.name().into(),
            confidence: finding.confidence.name().into(),
            subject,
            capture,
            hosts: finding.subject.hosts().iter().map(ToString::to_string).collect(),
            protocol: port.map(|(protocol, _)| protocol.name().into_owned()),
            port: port.map(|(_, port)| port).filter(|port| *port != 0),
            first_ns: finding.span.map(|(first, _)| first.nanos()),
            last_ns: finding.span.map(|(_, last)| last.nanos()),
            sentence: finding.sentence.clone(),
            numbers: numbers(&finding.numbers),
            flows: finding.flows.ids.clone(),
            flow_count: finding.flows.count,
            packets: packets.collect(),
            packet_count: finding.packets.count,
            context_filter: finding.context_filter(),
        }
    }
}

/// TCP flows with a verdict.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VerdictRow {
    /// Name of the verdict.
    pub verdict: String,
    /// Flows.
    pub flows: u64,
    /// Bytes on the wire of the largest of them.
    pub wire_bytes: u64,
    /// Community ID of the largest.
    pub flow: Option<String>,
    /// Why the largest got it, in a few words.
    pub because: String,
}

impl VerdictRow {
    pub(super) fn all(findings: &Findings) -> Vec<Self> {
        let row = |(kind, count): (&capkeep_detect::VerdictKind, &capkeep_detect::VerdictCount)| Self {
            verdict: kind.name().into(),
            flows: count.flows,
            wire_bytes: count.wire_bytes,
            flow: count.flow.clone(),
            because: count.verdict.because.clone(),
        };
        findings.verdicts.iter().map(row).collect()
    }
}

fn numbers(numbers: &[Number]) -> Vec<NumberRow> {
    let row = |number: &Number| NumberRow {
        name: number.name.into(),
        value: number.value,
        unit: number.unit.into(),
    };
    numbers.iter().map(row).collect()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn exact<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write!(text, "{value}");
    serializer.serialize_str(&text)
}

fn from_exact<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

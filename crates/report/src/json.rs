//! A whole analysis as one JSON object.
//!
//! The object is described by a [JSON Schema](SCHEMA) that is kept beside the code and tested against it. Keys
//! always come in the same order, instants are integer nanoseconds since the epoch (UTC) in keys that end in
//! `_ns`, sizes are bytes, and what is not known is `null`. Paths that are not UTF-8 have `U+FFFD` where they are
//! not. The same analysis gives the same bytes.

mod findings;

use std::collections::BTreeMap;
use std::io::{self, Write};

use capkeep_flow::{Analysis, Capture, TcpTotals, Top, service_name, speaks_as_named};
use capkeep_pcap::Timestamp;
use serde::{Serialize, Serializer};

use crate::names::Names;
use crate::summary::View;

/// Name and version of the object's shape. New keys may come without a new version.
pub const SCHEMA_NAME: &str = "capkeep.analysis/1";

/// JSON Schema (2020-12) of the object.
pub const SCHEMA: &str = include_str!("../schema/analysis.schema.json");

/// Writes the analysis as one line.
///
/// # Errors
/// What the writer says.
pub fn write(analysis: &Analysis, view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &object(analysis, view))?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
struct Object<'a> {
    schema: &'static str,
    captures: Vec<CaptureObject<'a>>,
    not_captures: u64,
    totals: Totals,
    protocols: Vec<ProtocolObject>,
    tunnels: Vec<TunnelObject>,
    conn_states: ConnStates,
    tcp: TcpObject,
    names: NamesObject,
    top_hosts: Vec<HostObject<'a>>,
    top_conversations: Vec<ConversationObject<'a>>,
    top_services: Vec<ServiceObject>,
    timeline: TimelineObject,
    verdicts: Option<Vec<findings::VerdictObject>>,
    findings: Option<Vec<findings::FindingObject>>,
}

#[derive(Serialize)]
struct CaptureObject<'a> {
    path: String,
    session: u32,
    format: Option<&'static str>,
    compression: Option<&'static str>,
    file_bytes: Option<u64>,
    link_types: Vec<String>,
    interfaces: Vec<InterfaceObject<'a>>,
    snap_len: Option<u32>,
    sections: u32,
    packets: u64,
    wire_bytes: u64,
    captured_bytes: u64,
    truncated_packets: u64,
    first_ns: Option<i64>,
    last_ns: Option<i64>,
    time_goes_back: u64,
    without_time: u64,
    clock_jumps: u64,
    longest_silence_ns: i64,
    oversized_packets: u64,
    skipped: BTreeMap<String, u64>,
    drops: DropsObject,
    comments: &'a [String],
    comment_count: u64,
    other_records: InOrder<'a>,
    hardware: Option<&'a str>,
    os: Option<&'a str>,
    application: Option<&'a str>,
    error: Option<ErrorObject<'a>>,
}

#[derive(Serialize)]
struct InterfaceObject<'a> {
    name: Option<&'a str>,
    description: Option<&'a str>,
    link_type: String,
    snap_len: u32,
    filter: Option<&'a str>,
    packets: u64,
    drops: DropsObject,
}

#[derive(Serialize)]
struct DropsObject {
    received: Option<u64>,
    by_interface: Option<u64>,
    by_system: Option<u64>,
    between_packets: Option<u64>,
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    message: &'a str,
    offset: Option<u64>,
}

#[derive(Serialize)]
struct Totals {
    captures: u64,
    captures_with_errors: u64,
    packets: u64,
    wire_bytes: u64,
    captured_bytes: u64,
    packets_in_flows: u64,
    skipped: u64,
    flows: u64,
    peak_live_flows: u64,
    first_ns: Option<i64>,
    last_ns: Option<i64>,
}

#[derive(Serialize)]
struct ProtocolObject {
    protocol: String,
    number: Option<u8>,
    flows: u64,
    packets: u64,
    wire_bytes: u64,
}

#[derive(Serialize)]
struct TunnelObject {
    kind: &'static str,
    packets: u64,
    wire_bytes: u64,
}

#[derive(Serialize)]
struct TcpObject {
    flows: u64,
    one_sided: u64,
    data_segments: u64,
    acks: u64,
    retransmissions: u64,
    timeouts: u64,
    spurious_retransmissions: u64,
    out_of_order: u64,
    ambiguous: u64,
    lost_before: u64,
    acked_unseen: u64,
    duplicate_acks: u64,
    zero_windows: u64,
    zero_window_ns: i64,
    window_full: u64,
    keep_alives: u64,
    resets: u64,
    copies: u64,
}

#[derive(Serialize)]
struct HostObject<'a> {
    ip: String,
    name: Option<&'a str>,
    name_from: Option<&'static str>,
    other_names: u64,
    flows: u64,
    as_client: u64,
    sent_packets: u64,
    received_packets: u64,
    sent_wire_bytes: u64,
    received_wire_bytes: u64,
    exact: bool,
}

#[derive(Serialize)]
struct ConversationObject<'a> {
    a_ip: String,
    a_name: Option<&'a str>,
    b_ip: String,
    b_name: Option<&'a str>,
    flows: u64,
    a_to_b_packets: u64,
    b_to_a_packets: u64,
    a_to_b_wire_bytes: u64,
    b_to_a_wire_bytes: u64,
    exact: bool,
}

#[derive(Serialize)]
struct ServiceObject {
    service: Option<&'static str>,
    protocol: String,
    port: u16,
    spoken: Vec<SpokenObject>,
    flows: u64,
    packets: u64,
    wire_bytes: u64,
    payload_bytes: u64,
    exact: bool,
}

#[derive(Serialize)]
struct SpokenObject {
    application: &'static str,
    as_named: Option<bool>,
    flows: u64,
    packets: u64,
    wire_bytes: u64,
    payload_bytes: u64,
}

#[derive(Serialize)]
struct NamesObject {
    count: u64,
    complete: bool,
}

#[derive(Serialize)]
struct TimelineObject {
    start_ns: Option<i64>,
    bucket_ns: i64,
    packets: Vec<u64>,
    wire_bytes: Vec<u64>,
}

/// Pairs as an object whose keys keep their order.
struct InOrder<'a>(&'a [(String, u64)]);

impl Serialize for InOrder<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, n)| (key, n)))
    }
}

/// Every state of Zeek's, those that never occurred included.
struct ConnStates(Vec<(&'static str, u64)>);

impl Serialize for ConnStates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

fn nanos(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::nanos)
}

fn drops_of(drops: capkeep_pcap::Drops) -> DropsObject {
    DropsObject {
        received: drops.received,
        by_interface: drops.by_interface,
        by_system: drops.by_system,
        between_packets: drops.between_packets,
    }
}

fn capture(capture: &Capture) -> CaptureObject<'_> {
    let facts = &capture.facts;
    let sum = |each: &dyn Fn(&capkeep_pcap::Drops) -> Option<u64>| {
        facts.interfaces.iter().filter_map(|interface| each(&interface.drops)).reduce(u64::saturating_add)
    };
    let link_types = if capture.link_types.is_empty() {
        let mut names: Vec<String> =
            facts.interfaces.iter().map(|interface| interface.link_type.to_string()).collect();
        names.sort_unstable();
        names.dedup();
        names
    } else {
        capture.link_types.keys().map(ToString::to_string).collect()
    };
    CaptureObject {
        path: capture.path.display().to_string(),
        session: capture.session,
        format: facts.format.map(capkeep_pcap::Format::name),
        compression: facts.compression.map(capkeep_pcap::Compression::name),
        file_bytes: capture.file_bytes,
        link_types,
        interfaces: facts
            .interfaces
            .iter()
            .map(|interface| InterfaceObject {
                name: interface.name.as_deref(),
                description: interface.description.as_deref(),
                link_type: interface.link_type.to_string(),
                snap_len: interface.snap_len,
                filter: interface.filter.as_deref(),
                packets: interface.packets,
                drops: drops_of(interface.drops),
            })
            .collect(),
        // No limit (0) is the largest.
        snap_len: facts
            .interfaces
            .iter()
            .map(|interface| interface.snap_len)
            .max_by_key(|len| len.wrapping_sub(1)),
        sections: facts.sections,
        packets: capture.packets,
        wire_bytes: capture.wire_bytes,
        captured_bytes: capture.captured_bytes,
        truncated_packets: capture.truncated_packets,
        first_ns: nanos(capture.first),
        last_ns: nanos(capture.last),
        time_goes_back: capture.time_goes_back,
        without_time: facts.without_time,
        clock_jumps: capture.clock_jumps,
        longest_silence_ns: capture.longest_silence,
        oversized_packets: capture.oversized,
        skipped: capture.skipped.iter().map(|(reason, packets)| (reason.key(), *packets)).collect(),
        drops: DropsObject {
            received: sum(&|drops| drops.received),
            by_interface: sum(&|drops| drops.by_interface),
            by_system: sum(&|drops| drops.by_system),
            between_packets: sum(&|drops| drops.between_packets),
        },
        comments: &facts.comments,
        comment_count: facts.comment_count,
        other_records: InOrder(&facts.other_records),
        hardware: facts.hardware.as_deref(),
        os: facts.os.as_deref(),
        application: facts.application.as_deref(),
        error: capture
            .error
            .as_ref()
            .map(|error| ErrorObject { message: &error.message, offset: error.offset }),
    }
}

fn tcp(totals: &TcpTotals) -> TcpObject {
    TcpObject {
        flows: totals.flows,
        one_sided: totals.one_sided,
        data_segments: totals.data_segments,
        acks: totals.acks,
        retransmissions: totals.retransmissions,
        timeouts: totals.timeouts,
        spurious_retransmissions: totals.spurious,
        out_of_order: totals.out_of_order,
        ambiguous: totals.ambiguous,
        lost_before: totals.lost_before,
        acked_unseen: totals.acked_unseen,
        duplicate_acks: totals.duplicate_acks,
        zero_windows: totals.zero_windows,
        zero_window_ns: totals.zero_window_nanos,
        window_full: totals.window_full,
        keep_alives: totals.keep_alives,
        resets: totals.resets,
        copies: totals.copies,
    }
}

fn object<'a>(analysis: &'a Analysis, view: &View<'_>) -> Object<'a> {
    let totals = &analysis.totals;
    let mut protocols: Vec<_> = analysis.protocols.iter().collect();
    protocols.sort_by(|a, b| b.1.wire_bytes.cmp(&a.1.wire_bytes).then(a.0.cmp(b.0)));
    let mut tunnels: Vec<_> = analysis.tunnels.iter().collect();
    tunnels.sort_by(|a, b| b.1.wire_bytes.cmp(&a.1.wire_bytes).then(a.0.cmp(b.0)));
    let hosts_exact = Top::is_exact(&analysis.hosts);
    let conversations_exact = Top::is_exact(&analysis.conversations);
    let services_exact = Top::is_exact(&analysis.services);
    let (start, buckets) = analysis.timeline.buckets();
    let names = Names::of(analysis);
    let mut spoken = analysis.spoken_by_service();
    Object {
        schema: SCHEMA_NAME,
        captures: analysis.captures.iter().map(capture).collect(),
        not_captures: view.not_captures,
        totals: Totals {
            captures: analysis.captures.len() as u64,
            captures_with_errors: analysis.captures.iter().filter(|c| c.error.is_some()).count() as u64,
            packets: totals.packets,
            wire_bytes: totals.wire_bytes,
            captured_bytes: totals.captured_bytes,
            packets_in_flows: totals.packets_in_flows,
            skipped: totals.skipped,
            flows: totals.flows,
            peak_live_flows: totals.peak_live_flows,
            first_ns: nanos(totals.first),
            last_ns: nanos(totals.last),
        },
        protocols: protocols
            .into_iter()
            .map(|(protocol, counts)| ProtocolObject {
                protocol: protocol.name().into_owned(),
                number: protocol.number(),
                flows: analysis.flows_by_protocol.get(protocol).copied().unwrap_or(0),
                packets: counts.packets,
                wire_bytes: counts.wire_bytes,
            })
            .collect(),
        tunnels: tunnels
            .into_iter()
            .map(|(kind, counts)| TunnelObject {
                kind,
                packets: counts.packets,
                wire_bytes: counts.wire_bytes,
            })
            .collect(),
        conn_states: ConnStates(
            capkeep_flow::ConnState::ALL
                .iter()
                .map(|state| (state.name(), analysis.conn_states.get(state).copied().unwrap_or(0)))
                .collect(),
        ),
        tcp: tcp(&analysis.tcp),
        names: NamesObject { count: analysis.names.len() as u64, complete: analysis.names.is_complete() },
        top_hosts: analysis
            .hosts
            .heaviest(view.top)
            .into_iter()
            .map(|(ip, counts)| {
                let name = names.get(ip);
                HostObject {
                    ip: ip.to_string(),
                    name: name.map(|name| name.words),
                    name_from: name.map(|name| name.from),
                    other_names: name.map_or(0, |name| name.others),
                    flows: counts.flows,
                    as_client: counts.as_client,
                    sent_packets: counts.sent_packets,
                    received_packets: counts.received_packets,
                    sent_wire_bytes: counts.sent_wire_bytes,
                    received_wire_bytes: counts.received_wire_bytes,
                    exact: hosts_exact,
                }
            })
            .collect(),
        top_conversations: analysis
            .conversations
            .heaviest(view.top)
            .into_iter()
            .map(|((a, b), counts)| ConversationObject {
                a_ip: a.to_string(),
                a_name: names.get(a).map(|name| name.words),
                b_ip: b.to_string(),
                b_name: names.get(b).map(|name| name.words),
                flows: counts.flows,
                a_to_b_packets: counts.up_packets,
                b_to_a_packets: counts.down_packets,
                a_to_b_wire_bytes: counts.up_wire_bytes,
                b_to_a_wire_bytes: counts.down_wire_bytes,
                exact: conversations_exact,
            })
            .collect(),
        top_services: analysis
            .services
            .heaviest(view.top)
            .into_iter()
            .map(|((protocol, port), counts)| ServiceObject {
                service: service_name(protocol, port),
                protocol: protocol.name().into_owned(),
                port,
                spoken: spoken
                    .remove(&(protocol, port))
                    .unwrap_or_default()
                    .into_iter()
                    .map(|(application, counts)| SpokenObject {
                        application,
                        as_named: speaks_as_named(protocol, port, application),
                        flows: counts.flows,
                        packets: counts.packets,
                        wire_bytes: counts.wire_bytes,
                        payload_bytes: counts.payload_bytes,
                    })
                    .collect(),
                flows: counts.flows,
                packets: counts.packets,
                wire_bytes: counts.wire_bytes,
                payload_bytes: counts.payload_bytes,
                exact: services_exact,
            })
            .collect(),
        timeline: TimelineObject {
            start_ns: (!buckets.is_empty()).then(|| start.nanos()),
            bucket_ns: analysis.timeline.bucket_nanos(),
            packets: buckets.iter().map(|counts| counts.packets).collect(),
            wire_bytes: buckets.iter().map(|counts| counts.wire_bytes).collect(),
        },
        verdicts: view.findings.map(findings::verdicts),
        findings: view.findings.map(|found| findings::findings(found, &names)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn json(analysis: &Analysis) -> Value {
        let mut out = Vec::new();
        write(analysis, &View::default(), &mut out).unwrap();
        assert_eq!(out.split(|byte| *byte == b'\n').count(), 2, "one object, one line");
        serde_json::from_slice(&out).unwrap()
    }

    /// Checks the part of JSON Schema that the schema uses, and that no key is undescribed.
    fn check(schema: &Value, root: &Value, value: &Value, at: &str) {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            let target = root.pointer(name.trim_start_matches('#')).unwrap_or(&Value::Null);
            assert!(target.is_object(), "{at}: {name} does not exist");
            return check(target, root, value, at);
        }
        for key in schema.as_object().unwrap().keys() {
            assert!(
                matches!(
                    key.as_str(),
                    "$schema"
                        | "$id"
                        | "$defs"
                        | "title"
                        | "description"
                        | "type"
                        | "const"
                        | "enum"
                        | "properties"
                        | "required"
                        | "additionalProperties"
                        | "items"
                        | "minimum"
                        | "anyOf"
                ),
                "{at}: the check does not know {key}"
            );
        }
        if let Some(any) = schema.get("anyOf").and_then(Value::as_array) {
            if value.is_null() {
                assert!(any.iter().any(|one| one["type"] == "null"), "{at}: null");
                return;
            }
            let one = any.iter().find(|one| one["type"] != "null").unwrap();
            return check(one, root, value, at);
        }
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(n) if n.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let allowed = match &schema["type"] {
            Value::String(one) => one == kind,
            Value::Array(several) => several.iter().any(|one| one == kind),
            _ => schema.get("const").is_some(),
        };
        assert!(allowed, "{at} is {kind}, not {}", schema["type"]);
        if let Some(wanted) = schema.get("const") {
            assert_eq!(value, wanted, "{at}");
        }
        if let Some(wanted) = schema.get("enum").and_then(Value::as_array) {
            assert!(wanted.contains(value), "{at}: {value}");
        }
        match value {
            Value::Array(items) => {
                for item in items {
                    check(&schema["items"], root, item, &format!("{at}[]"));
                }
            }
            Value::Object(map) => {
                let described = schema.get("properties").and_then(Value::as_object);
                for (key, value) in map {
                    let at = format!("{at}.{key}");
                    match described.and_then(|properties| properties.get(key)) {
                        Some(property) => {
                            check(property, root, value, &at);
                        }
                        None => check(&schema["additionalProperties"], root, value, &at),
                    }
                }
                for key in described.into_iter().flat_map(serde_json::Map::keys) {
                    assert!(map.contains_key(key), "{at} has no {key}");
                    assert!(schema["required"].as_array().unwrap().iter().any(|k| k == key), "{at}.{key}");
                }
            }
            _ => {}
        }
    }

    #[test]
    fn the_object_is_what_its_schema_says() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        check(&schema, &schema, &json(&crate::fixture::analysis()), "$");
        check(&schema, &schema, &json(&Analysis::default()), "$");
    }

    #[test]
    fn every_property_of_the_schema_is_described() {
        fn walk(schema: &Value, at: &str) {
            if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
                for (key, property) in properties {
                    let at = format!("{at}.{key}");
                    assert!(property.get("description").is_some_and(Value::is_string), "{at}");
                    walk(property, &at);
                }
            }
            for inner in ["items", "additionalProperties"] {
                if let Some(inner) = schema.get(inner) {
                    walk(inner, at);
                }
            }
        }
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        walk(&schema, "$");
        for (name, definition) in schema["$defs"].as_object().unwrap() {
            walk(definition, name);
        }
    }

    #[test]
    fn keys_keep_their_order_and_values_their_precision() {
        let mut out = Vec::new();
        write(&crate::fixture::analysis(), &View::default(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with(r#"{"schema":"capkeep.analysis/1","captures":[{"path":"#), "{text}");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["captures"][0]["first_ns"].as_i64(), Some(1_700_000_000_123_456_789));
        assert_eq!(value["captures"][0]["error"]["offset"].as_u64(), Some(4_096));
        assert_eq!(value["captures"][0]["skipped"]["ether_type:lldp"].as_u64(), Some(61));
        assert_eq!(value["conn_states"]["SF"].as_u64(), Some(39_000));
        assert_eq!(value["conn_states"]["RSTRH"].as_u64(), Some(0));
        assert_eq!(value["top_services"][0]["exact"].as_bool(), Some(true));
    }
}

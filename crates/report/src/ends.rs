//! Two captures of the same traffic, compared: for people and for programs.

use std::io::{self, Write};

use capkeep_flow::{Comparison, Endpoint, Missing, Pair, Spread, Way};
use serde::Serialize;

use crate::table::{Block, Column, Facts, Table};
use crate::value::{Value, count, counted, span};

/// Tables of a comparison; `top` rows of flows, the ones that lost most first.
pub fn blocks(found: &Comparison, names: [&str; 2], top: usize) -> Vec<Block> {
    let mut out = vec![Block::Facts(facts(found, names))];
    let mut flows: Vec<&Pair> = found.flows.iter().collect();
    flows.sort_by_key(|flow| std::cmp::Reverse(flow.forth.lost.len() + flow.back.lost.len()));
    let shown = flows.iter().take(top);
    out.push(Block::Table(Table {
        title: "Flows".into(),
        columns: vec![
            Column::words("in the first").at_least(30),
            Column::number("sent →"),
            Column::number("lost"),
            Column::number("median").drop(1),
            Column::number("p95").drop(4),
            Column::number("← sent"),
            Column::number("lost"),
            Column::number("median").drop(2),
            Column::number("p95").drop(5),
            Column::words("rewritten").drop(3),
        ],
        rows: shown.map(|flow| row(flow)).collect(),
        notes: notes(found, flows.len(), top),
    }));
    let lost: Vec<Vec<Value>> = flows.iter().take(top).flat_map(|flow| lost(flow)).collect();
    if !lost.is_empty() {
        out.push(Block::Table(Table {
            title: "Lost on the way".into(),
            columns: vec![
                Column::words("flow").at_least(30),
                Column::words("sent by").whole(),
                Column::number("packets"),
                Column::words("numbers in its capture").at_least(30),
            ],
            rows: lost,
            notes: Vec::new(),
        }));
    }
    out
}

fn facts(found: &Comparison, names: [&str; 2]) -> Facts {
    let mut facts = Facts { title: "Both ends".into(), lines: Vec::new() };
    let captures = names.into_iter().zip(found.read).zip(&found.errors);
    for (label, ((name, packets), error)) in ["first", "second"].into_iter().zip(captures) {
        let mut values = vec![Value::Path(name.into()), Value::Text(counted(packets, "packet", "packets"))];
        values.extend(error.as_ref().map(|error| Value::Problem(error.brief.clone())));
        facts.line(label, values);
    }
    facts.line("in both", vec![Value::Text(counted(found.pairs, "packet", "packets"))]);
    let sum = |way: fn(&Pair) -> &Way| -> (u64, u64) {
        let ways = found.flows.iter().map(way);
        ways.fold((0, 0), |(sent, lost), way| (sent + way.sent, lost + way.lost.len() as u64))
    };
    for (label, (sent, lost)) in [("lost →", sum(|pair| &pair.forth)), ("lost ←", sum(|pair| &pair.back))]
    {
        let share = Value::share(lost, sent).words();
        let words = format!("{} of {} ({share})", count(lost), counted(sent, "packet", "packets"));
        let value = if lost > 0 { Value::Problem(words) } else { Value::Text(words) };
        facts.line(label, if sent > 0 { vec![value] } else { Vec::new() });
    }
    if let Some(clocks) = found.clocks {
        let side = if clocks.offset < 0 { "behind" } else { "ahead" };
        let offset = span(clocks.offset.saturating_abs());
        let drift =
            format!("{} {:.1} ppm", if clocks.drift < 0.0 { "loses" } else { "gains" }, clocks.drift.abs());
        facts.line(
            "clocks",
            vec![
                Value::Text(format!("the second is {offset} {side}")),
                Value::Text(drift),
                Value::text("if the fastest packets take as long in one direction as in the other"),
            ],
        );
    }
    facts
}

fn notes(found: &Comparison, flows: usize, top: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if flows > top {
        notes.push(format!("and {} more", counted((flows - top) as u64, "flow", "flows")));
    }
    for (name, (flows, packets)) in ["first", "second"].into_iter().zip(found.alone) {
        if flows > 0 {
            notes.push(format!(
                "only in the {name}: {} with {}",
                counted(flows, "flow", "flows"),
                counted(packets, "packet", "packets")
            ));
        }
    }
    notes
}

fn end(end: Endpoint) -> String {
    std::net::SocketAddr::new(end.ip, end.port).to_string()
}

fn called(flow: &Pair) -> String {
    format!("{} {} → {}", flow.protocol.name(), end(flow.first.0), end(flow.first.1))
}

fn row(flow: &Pair) -> Vec<Value> {
    let median = |delay: Option<Spread>| delay.map_or(Value::Nothing, |delay| Value::Span(delay.median));
    let late = |delay: Option<Spread>| delay.map_or(Value::Nothing, |delay| Value::Span(delay.p95));
    let mut row = vec![Value::Text(called(flow))];
    for way in [&flow.forth, &flow.back] {
        row.push(Value::Count(way.sent));
        row.push(Value::Count(way.lost.len() as u64));
        row.push(median(way.delay));
        row.push(late(way.delay));
    }
    let mut fields: Vec<&str> = flow.rewritten.iter().map(|change| change.field).collect();
    fields.dedup();
    row.push(Value::Text(fields.join(", ")));
    row
}

/// Numbers named in a line (chosen; `--json` has all).
const NAMED: usize = 20;

fn lost(flow: &Pair) -> Vec<Vec<Value>> {
    let line = |side: &str, lost: &[Missing]| {
        let mut numbers: Vec<String> =
            lost.iter().take(NAMED).map(|missing| missing.packet.to_string()).collect();
        if lost.len() > NAMED {
            numbers.push("…".into());
        }
        vec![
            Value::Text(called(flow)),
            Value::text(side),
            Value::Count(lost.len() as u64),
            Value::Text(numbers.join(" ")),
        ]
    };
    [("first", &flow.forth.lost), ("second", &flow.back.lost)]
        .into_iter()
        .filter(|(_, lost)| !lost.is_empty())
        .map(|(side, lost)| line(side, lost))
        .collect()
}

/// Name of the object and its version.
pub const SCHEMA_NAME: &str = "capkeep.comparison/1";

#[derive(Serialize)]
struct Object<'a> {
    schema: &'static str,
    first: Capture<'a>,
    second: Capture<'a>,
    pairs: u64,
    clocks: Option<Clocks>,
    flows: Vec<Flow>,
}

#[derive(Serialize)]
struct Capture<'a> {
    path: &'a str,
    packets: u64,
    error: Option<&'a str>,
    flows_only_here: u64,
    packets_only_here: u64,
}

#[derive(Serialize)]
struct Clocks {
    offset_ns: i64,
    drift_ppm: f64,
    at_ns: i64,
}

#[derive(Serialize)]
struct Flow {
    protocol: String,
    first_source: String,
    first_destination: String,
    second_source: String,
    second_destination: String,
    to_second: WayObject,
    to_first: WayObject,
    rewritten: Vec<Change>,
}

#[derive(Serialize)]
struct WayObject {
    sent: u64,
    arrived: u64,
    overtaken: u64,
    lost: Vec<Gone>,
    appeared: Vec<Gone>,
    delay_min_ns: Option<i64>,
    delay_median_ns: Option<i64>,
    delay_p95_ns: Option<i64>,
    delay_max_ns: Option<i64>,
}

#[derive(Serialize)]
struct Gone {
    packet: u64,
    at_ns: i64,
}

#[derive(Serialize)]
struct Change {
    field: &'static str,
    first: String,
    second: String,
    packets: u64,
}

/// Writes a comparison as one JSON object in one line.
///
/// # Errors
/// The writer's.
pub fn write(found: &Comparison, names: [&str; 2], out: &mut dyn Write) -> io::Result<()> {
    let [error_first, error_second] =
        found.errors.each_ref().map(|error| error.as_ref().map(|error| error.message.as_str()));
    let capture = |path, packets, error, (flows_only_here, packets_only_here)| Capture {
        path,
        packets,
        error,
        flows_only_here,
        packets_only_here,
    };
    let [first, second] = names;
    let object = Object {
        schema: SCHEMA_NAME,
        first: capture(first, found.read[0], error_first, found.alone[0]),
        second: capture(second, found.read[1], error_second, found.alone[1]),
        pairs: found.pairs,
        clocks: found.clocks.map(|clocks| Clocks {
            offset_ns: clocks.offset,
            drift_ppm: clocks.drift,
            at_ns: clocks.at,
        }),
        flows: found.flows.iter().map(flow).collect(),
    };
    serde_json::to_writer(&mut *out, &object)?;
    out.write_all(b"\n")
}

fn flow(pair: &Pair) -> Flow {
    Flow {
        protocol: pair.protocol.name().into_owned(),
        first_source: end(pair.first.0),
        first_destination: end(pair.first.1),
        second_source: end(pair.second.0),
        second_destination: end(pair.second.1),
        to_second: way(&pair.forth),
        to_first: way(&pair.back),
        rewritten: pair
            .rewritten
            .iter()
            .map(|change| Change {
                field: change.field,
                first: change.first.clone(),
                second: change.second.clone(),
                packets: change.packets,
            })
            .collect(),
    }
}

fn way(way: &Way) -> WayObject {
    let gone = |list: &[Missing]| {
        list.iter().map(|missing| Gone { packet: missing.packet, at_ns: missing.at }).collect()
    };
    WayObject {
        sent: way.sent,
        arrived: way.arrived,
        overtaken: way.overtaken,
        lost: gone(&way.lost),
        appeared: gone(&way.appeared),
        delay_min_ns: way.delay.map(|delay| delay.min),
        delay_median_ns: way.delay.map(|delay| delay.median),
        delay_p95_ns: way.delay.map(|delay| delay.p95),
        delay_max_ns: way.delay.map(|delay| delay.max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_named_and_the_worst_flow_comes_first() {
        let end = |port| Endpoint { ip: "10.0.0.1".parse().unwrap(), port };
        let pair = |port, lost| Pair {
            protocol: capkeep_flow::Protocol::Ip(6),
            first: (end(port), end(443)),
            second: (end(port), end(443)),
            forth: Way {
                sent: 100,
                lost: (0..lost).map(|packet| Missing { packet, at: 0 }).collect(),
                ..Way::default()
            },
            back: Way::default(),
            rewritten: Vec::new(),
        };
        let found = Comparison {
            read: [100, 90],
            pairs: 80,
            flows: vec![pair(1_000, 2), pair(2_000, 30)],
            alone: [(1, 5), (0, 0)],
            ..Comparison::default()
        };
        let page = crate::terminal::Page { width: 120, color: false };
        let text = page.draw(&blocks(&found, ["a.cap", "b.cap"], 10));
        let (first, second) = (text.find("10.0.0.1:2000").unwrap(), text.find("10.0.0.1:1000").unwrap());
        assert!(first < second, "{text}");
        assert!(text.contains("32 of 200 packets") && text.contains("18 19 …"), "{text}");
        assert!(text.contains("only in the first: 1 flow with 5 packets"), "{text}");
        let mut json = Vec::new();
        write(&found, ["a.cap", "b.cap"], &mut json).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(value["flows"][1]["to_second"]["lost"].as_array().unwrap().len(), 30);
    }
}

//! How well does TCP do?

use super::captures::without_empty;
use super::{Chapter, Picture};
use crate::drawing::{Histogram, Unit};
use crate::services::words as named;
use crate::table::{Block, Column, Facts, Table};
use crate::unit::{Distribution, Measure, WorstFlow, protocol_of};
use crate::value::Value;

/// Buckets from which on a distribution is worth a chart (chosen: fewer are told by two numbers).
const FEW: usize = 4;

/// Rows of a table of the worst flows (chosen).
const WORST: usize = 10;

pub(super) struct Health;

impl Chapter for Health {
    fn name(&self) -> &'static str {
        "health"
    }

    fn title(&self) -> &'static str {
        "TCP health"
    }

    fn about(&self) -> &'static str {
        "How well does TCP do, and which flows do worst?"
    }

    fn blocks(&self, picture: &Picture) -> Vec<Block> {
        if picture.tcp.flows == 0 {
            return Vec::new();
        }
        let mut blocks = vec![Block::Facts(facts(picture))];
        let shown = ["handshake", "rtt_median", "retransmitted", "first_byte", "throughput"];
        for distribution in picture.distributions.all() {
            if shown.contains(&distribution.name) && distribution.histogram.buckets.len() >= FEW {
                blocks.push(Block::Histogram(histogram(&distribution)));
            }
        }
        for measure in Measure::ALL {
            let flows = picture.worst.by(*measure);
            if *measure != Measure::Bytes && !flows.is_empty() {
                blocks.push(Block::Table(worst(*measure, flows, picture)));
            }
        }
        blocks
    }
}

fn facts(picture: &Picture) -> Facts {
    let tcp = &picture.tcp;
    let mut facts = Facts { title: "TCP in all".into(), lines: Vec::new() };
    let of_data = |n: u64| vec![Value::Count(n), Value::share(n, tcp.data_segments)];
    facts.line("flows", vec![Value::Count(tcp.flows)]);
    facts.line("data segments", vec![Value::Count(tcp.data_segments)]);
    facts.line("sent again", of_data(tcp.retransmissions));
    facts.line("by the timer", of_data(tcp.timeouts));
    facts.line("without need", of_data(tcp.spurious));
    facts.line("out of order", of_data(tcp.out_of_order));
    facts.line("missing before", of_data(tcp.lost_before));
    facts.line("duplicate ACKs", vec![Value::Count(tcp.duplicate_acks)]);
    facts.line("zero windows", vec![Value::Count(tcp.zero_windows), Value::Span(tcp.zero_window_nanos)]);
    facts.line("resets", vec![Value::Count(tcp.resets)]);
    let of = &picture.distributions;
    for (label, histogram) in [
        ("handshake", &of.handshake_ns),
        ("round trip", &of.rtt_median_ns),
        ("first byte", &of.first_byte_ns),
    ] {
        if let (Some(median), Some(most)) = (histogram.quantile(500), histogram.quantile(950)) {
            let span = |ns: u64| Value::Span(i64::try_from(ns).unwrap_or(i64::MAX));
            let values = vec![Value::text("median"), span(median), Value::text("95 %"), span(most)];
            facts.line(label, values);
        }
    }
    facts
}

fn histogram(distribution: &Distribution<'_>) -> Histogram {
    let of = distribution.histogram;
    let (unit, things) = match distribution.unit {
        "ns" => (Unit::Nanos, if distribution.name == "rtt_median" { "directions" } else { "flows" }),
        "ppm" => (Unit::Millionths, "flows"),
        "bytes/s" => (Unit::BytesPerSecond, "flows"),
        _ => (Unit::Bytes, "flows"),
    };
    // Every bucket from the first to the last: where nothing fell, there is a gap to be seen.
    let ends = of.buckets.keys().next().copied().zip(of.buckets.keys().next_back().copied());
    let buckets: Vec<(u64, u64)> = ends.map_or_else(Vec::new, |(first, last)| {
        (first..=last)
            .map(|bucket| {
                let (low, _) = crate::unit::Histogram::range(bucket);
                (low, of.buckets.get(&bucket).copied().unwrap_or(0))
            })
            .collect()
    });
    let end = ends.map(|(_, last)| crate::unit::Histogram::range(last).1.saturating_add(1));
    let mark = |name, thousandths| of.quantile(thousandths).map(|value| (name, value));
    let mut title = distribution.about.to_owned();
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    Histogram {
        title,
        unit,
        of: things,
        buckets,
        end,
        marks: [mark("median", 500), mark("95 %", 950)].into_iter().flatten().collect(),
        notes: Vec::new(),
    }
}

/// What a measure is called in a heading.
const fn title(measure: Measure) -> &'static str {
    match measure {
        Measure::Lost => "Flows that lost most",
        Measure::RoundTrip => "Flows with the longest round trips",
        Measure::Handshake => "Flows with the slowest handshakes",
        Measure::FirstByte => "Flows that waited longest for an answer",
        Measure::ZeroWindow => "Flows whose receivers stalled longest",
        Measure::Bytes => "Largest flows",
    }
}

fn worst(measure: Measure, flows: &[WorstFlow], picture: &Picture) -> Table {
    let rows = flows.iter().take(WORST).map(|flow| {
        let span = |ns: Option<i64>| ns.map_or(Value::Nothing, Value::Span);
        let value = match measure.unit() {
            "ns" => Value::Span(i64::try_from(flow.value).unwrap_or(i64::MAX)),
            "bytes" => Value::Bytes(flow.value),
            _ => Value::Count(flow.value),
        };
        vec![
            value,
            Value::text(flow.client_ip.to_string()),
            Value::text(flow.server_ip.to_string()),
            Value::text(named(protocol_of(flow.number), flow.server_port)),
            Value::Bytes(flow.wire_bytes),
            if flow.lost > 0 { Value::Count(flow.lost) } else { Value::Nothing },
            span(flow.rtt_median_ns),
            span(Some(flow.zero_window_ns).filter(|ns| *ns > 0)),
            origin(flow, picture),
            flow.community_id.as_ref().map_or(Value::Nothing, |id| Value::Command(id.clone())),
        ]
    });
    let columns = [
        Column::number(match measure {
            Measure::Lost => "lost",
            Measure::RoundTrip => "round trip",
            Measure::Handshake => "handshake",
            Measure::FirstByte => "first byte after",
            Measure::ZeroWindow => "stalled",
            Measure::Bytes => "bytes",
        }),
        Column::words("client"),
        Column::words("server"),
        Column::words("service"),
        Column::number("on the wire").drop(4),
        Column::number("segments lost").drop(3),
        Column::number("median round trip").drop(2),
        Column::number("window of zero").drop(5),
        Column::words("capture").drop(6),
        Column::words("Community ID").drop(7),
    ];
    without_empty(title(measure), &columns, rows.collect())
}

/// The capture that a flow is in, where there are several.
fn origin(flow: &WorstFlow, picture: &Picture) -> Value {
    if picture.captures.len() < 2 {
        return Value::Nothing;
    }
    let index = usize::try_from(flow.capture).unwrap_or(usize::MAX);
    let line = picture.captures.iter().filter(|line| line.session == flow.session).nth(index);
    line.map_or(Value::Nothing, |line| super::captures::link(&line.origin.name, &flow.session, picture))
}

//! Sums over everything.

use std::collections::BTreeSet;

use capkeep_flow::Analysis;
use capkeep_pcap::Timestamp;

use super::{Section, View};
use crate::table::{Block, Facts};
use crate::value::{Value, counted};

pub(super) struct Totals;

impl Section for Totals {
    fn name(&self) -> &'static str {
        "totals"
    }

    fn about(&self) -> &'static str {
        "how much is there in all, over what time, in how many flows?"
    }

    fn blocks(&self, analysis: &Analysis, view: &View<'_>) -> Vec<Block> {
        let totals = &analysis.totals;
        let mut facts = Facts { title: "Total".into(), lines: Vec::new() };
        if analysis.captures.len() > 1 || view.not_captures > 0 {
            let all = analysis.captures.len() as u64;
            let mut files = vec![Value::Text(counted(all, "file", "files"))];
            let sessions: BTreeSet<u32> = analysis.captures.iter().map(|capture| capture.session).collect();
            if (sessions.len() as u64) < all {
                files.push(Value::Text(format!(
                    "read as {}: flows cross the edges of files",
                    counted(sessions.len() as u64, "capture", "captures")
                )));
            }
            let damaged = analysis.captures.iter().filter(|capture| capture.error.is_some()).count() as u64;
            if damaged > 0 {
                files.push(Value::Problem(format!(
                    "{} not be read to {}",
                    counted(damaged, "file could", "files could"),
                    if damaged == 1 { "its end" } else { "their ends" }
                )));
            }
            if view.not_captures > 0 {
                files.push(Value::Text(crate::terminal::not_captures(view.not_captures)));
            }
            facts.line("captures", files);
        }
        facts.line("packets", volume(totals.packets, totals.wire_bytes, totals.captured_bytes));
        facts.line("time", time(totals.first, totals.last));
        facts.line("rate", rate(totals.packets, totals.wire_bytes, totals.first, totals.last));
        let mut flows = vec![
            Value::Text(counted(totals.flows, "flow", "flows")),
            Value::Text(format!("{} in flows", counted(totals.packets_in_flows, "packet", "packets"))),
        ];
        if totals.skipped > 0 {
            flows.push(Value::Text(format!("{} in none", crate::value::count(totals.skipped))));
        }
        facts.line("flows", flows);
        vec![Block::Facts(facts)]
    }
}

/// Packets and bytes in words.
pub(super) fn volume(packets: u64, wire_bytes: u64, captured_bytes: u64) -> Vec<Value> {
    let bytes = |n, what| Value::Text(format!("{} {what}", Value::Bytes(n).words()));
    let mut out = vec![Value::Text(counted(packets, "packet", "packets"))];
    if captured_bytes == wire_bytes {
        out.push(bytes(wire_bytes, "on the wire, all captured"));
    } else {
        out.push(bytes(wire_bytes, "on the wire"));
        out.push(bytes(captured_bytes, "captured"));
    }
    out
}

/// First and last time, and the span between.
pub(super) fn time(first: Option<Timestamp>, last: Option<Timestamp>) -> Vec<Value> {
    match (first, last) {
        (Some(first), Some(last)) => vec![
            Value::Text(format!("{} to {}", crate::time::utc(first), crate::time::utc(last))),
            Value::Span(last.since(first)),
        ],
        _ => Vec::new(),
    }
}

/// Mean rates; nothing where everything happened at once.
fn rate(packets: u64, wire_bytes: u64, first: Option<Timestamp>, last: Option<Timestamp>) -> Vec<Value> {
    let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
    let seconds = last.since(first) as f64 / 1e9;
    if seconds <= 0.0 {
        return Vec::new();
    }
    let packets = crate::value::rated(packets as f64 / seconds);
    vec![Value::Text(format!("{packets} packets/s")), Value::ByteRate(wire_bytes as f64 / seconds)]
}

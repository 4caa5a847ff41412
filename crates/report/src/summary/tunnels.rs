//! Tunnels.

use capkeep_flow::Analysis;

use super::{Section, View};
use crate::table::{Block, Column, Table};
use crate::value::Value;

pub(super) struct Tunnels;

impl Section for Tunnels {
    fn name(&self) -> &'static str {
        "tunnels"
    }

    fn about(&self) -> &'static str {
        "which packets came inside a tunnel?"
    }

    fn blocks(&self, analysis: &Analysis, _view: &View<'_>) -> Vec<Block> {
        if analysis.tunnels.is_empty() {
            return Vec::new();
        }
        let mut rows: Vec<_> = analysis.tunnels.iter().collect();
        rows.sort_by(|a, b| b.1.wire_bytes.cmp(&a.1.wire_bytes).then(a.0.cmp(b.0)));
        let total = analysis.totals.wire_bytes;
        let row = |(kind, counts): (&&'static str, &capkeep_flow::Counts)| {
            vec![
                Value::text(*kind),
                Value::Count(counts.packets),
                Value::Bytes(counts.wire_bytes),
                Value::share(counts.wire_bytes, total),
                Value::bar(counts.wire_bytes, total),
            ]
        };
        vec![Block::Table(Table {
            title: "Inside tunnels".into(),
            columns: vec![
                Column::words("tunnel"),
                Column::number("packets"),
                Column::number("bytes"),
                Column::number("share").drop(2),
                Column::words("").drop(3),
            ],
            rows: rows.into_iter().map(row).collect(),
            notes: Vec::new(),
        })]
    }
}

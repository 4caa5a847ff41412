//! The mix of protocols.

use capkeep_flow::Analysis;

use super::{Section, View};
use crate::table::{Block, Column, Table};
use crate::value::Value;

pub(super) struct Protocols;

impl Section for Protocols {
    fn name(&self) -> &'static str {
        "protocols"
    }

    fn about(&self) -> &'static str {
        "which protocols are there, and how much of each?"
    }

    fn blocks(&self, analysis: &Analysis, _view: &View<'_>) -> Vec<Block> {
        if analysis.protocols.is_empty() {
            return Vec::new();
        }
        let mut rows: Vec<_> = analysis.protocols.iter().collect();
        rows.sort_by(|a, b| b.1.wire_bytes.cmp(&a.1.wire_bytes).then(a.0.cmp(b.0)));
        let notes = super::only_odd(&mut rows, |row| row.1.packets, "protocols");
        let total = analysis.totals.wire_bytes;
        let row = |(protocol, counts): (&capkeep_flow::Protocol, &capkeep_flow::Counts)| {
            vec![
                Value::Text(protocol.name().into_owned()),
                Value::Count(analysis.flows_by_protocol.get(protocol).copied().unwrap_or(0)),
                Value::Count(counts.packets),
                Value::Bytes(counts.wire_bytes),
                Value::share(counts.wire_bytes, total),
                Value::bar(counts.wire_bytes, total),
            ]
        };
        vec![Block::Table(Table {
            title: "Protocols".into(),
            columns: vec![
                Column::words("protocol"),
                Column::number("flows"),
                Column::number("packets"),
                Column::number("bytes"),
                Column::number("share").drop(2),
                Column::words("").drop(3),
            ],
            rows: rows.into_iter().map(row).collect(),
            notes,
        })]
    }
}

//! What is in no flow, and why.

use std::collections::BTreeMap;

use capkeep_flow::Analysis;
use capkeep_pcap::SkipReason;

use super::{Section, View};
use crate::table::{Block, Column, Table};
use crate::value::Value;

pub(super) struct Skipped;

impl Section for Skipped {
    fn name(&self) -> &'static str {
        "skipped"
    }

    fn about(&self) -> &'static str {
        "which packets are in no flow, and why?"
    }

    fn blocks(&self, analysis: &Analysis, _view: &View<'_>) -> Vec<Block> {
        let mut reasons: BTreeMap<SkipReason, u64> = BTreeMap::new();
        for capture in &analysis.captures {
            for (reason, packets) in &capture.skipped {
                *reasons.entry(*reason).or_default() += packets;
            }
        }
        if reasons.is_empty() {
            return Vec::new();
        }
        let mut rows: Vec<_> = reasons.into_iter().collect();
        rows.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let notes = super::only_odd(&mut rows, |row| row.1, "reasons");
        let row = |(reason, packets): (SkipReason, u64)| {
            vec![
                Value::Text(reason.to_string()),
                Value::Count(packets),
                Value::share(packets, analysis.totals.packets),
                Value::bar(packets, analysis.totals.packets),
            ]
        };
        vec![Block::Table(Table {
            title: "Packets in no flow".into(),
            columns: vec![
                Column::words("reason"),
                Column::number("packets"),
                Column::number("share").drop(1),
                Column::words("").drop(2),
            ],
            rows: rows.into_iter().map(row).collect(),
            notes,
        })]
    }
}

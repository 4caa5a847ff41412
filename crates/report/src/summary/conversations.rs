//! The busiest pairs of hosts.

use std::net::IpAddr;

use capkeep_flow::{Analysis, ConversationCounts};

use super::{Section, View, top_notes};
use crate::names::{self, Names};
use crate::table::{Block, Column, Table};
use crate::value::Value;

pub(super) struct Conversations;

impl Section for Conversations {
    fn name(&self) -> &'static str {
        "conversations"
    }

    fn about(&self) -> &'static str {
        "which two hosts exchanged the most bytes?"
    }

    fn blocks(&self, analysis: &Analysis, view: &View<'_>) -> Vec<Block> {
        if analysis.conversations.is_empty() || view.top == 0 {
            return Vec::new();
        }
        let heaviest = analysis.conversations.heaviest(view.top);
        let total = analysis.totals.wire_bytes;
        let names = Names::of(analysis);
        let row = |((a, b), counts): &((IpAddr, IpAddr), ConversationCounts)| {
            let bytes = counts.up_wire_bytes.saturating_add(counts.down_wire_bytes);
            vec![
                Value::Text(a.to_string()),
                Value::Text(b.to_string()),
                names.beside_each(&[("a".to_owned(), *a), ("b".to_owned(), *b)]),
                Value::Count(counts.flows),
                Value::Count(counts.up_packets.saturating_add(counts.down_packets)),
                Value::Bytes(counts.up_wire_bytes),
                Value::Bytes(counts.down_wire_bytes),
                Value::share(bytes, total),
                Value::bar(bytes, total),
            ]
        };
        let mut table = Table {
            title: "Conversations with most bytes".into(),
            columns: vec![
                Column::words("a"),
                Column::words("b"),
                Column::words("names").at_least_or_drop(18, 0),
                Column::number("flows").drop(2),
                Column::number("packets").drop(4),
                Column::number("a to b"),
                Column::number("b to a"),
                Column::number("share").drop(3),
                Column::words("").drop(1),
            ],
            rows: heaviest.iter().map(row).collect(),
            notes: top_notes(
                heaviest.len(),
                analysis.conversations.len(),
                analysis.conversations.others().1,
                "pair",
                "pairs",
            ),
        };
        names::finish(&mut table, "names", analysis);
        vec![Block::Table(table)]
    }
}

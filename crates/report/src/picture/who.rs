//! Who talks to whom?

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Chapter, Picture, TOP, rest};
use crate::drawing::{Matrix, Unit};
use crate::table::{Block, Column, Table};
use crate::value::Value;

/// Hosts in rows and columns of the matrix (chosen: readable on a phone held across; with 200 hosts the busiest show).
const HOSTS: usize = 24;

/// Conversations that the hosts of the matrix are chosen from (chosen: many times its cells).
const CONSIDERED: usize = 4_096;

pub(super) struct Who;

impl Chapter for Who {
    fn name(&self) -> &'static str {
        "who"
    }

    fn title(&self) -> &'static str {
        "Who talks to whom"
    }

    fn about(&self) -> &'static str {
        "Who talks to whom?"
    }

    fn blocks(&self, picture: &Picture) -> Vec<Block> {
        let all = picture.conversations.heaviest(CONSIDERED);
        if all.is_empty() {
            return Vec::new();
        }
        let whole = picture.totals.wire_bytes;
        let rows = all.iter().take(TOP).map(|((a, b), counts)| {
            let bytes = counts.up_wire_bytes.saturating_add(counts.down_wire_bytes);
            vec![
                Value::text(a.to_string()),
                Value::text(b.to_string()),
                Value::Count(counts.flows),
                Value::Bytes(counts.up_wire_bytes),
                Value::Bytes(counts.down_wire_bytes),
                Value::Bytes(bytes),
                Value::share(bytes, whole),
            ]
        });
        let rows: Vec<_> = rows.collect();
        let (_, dropped) = picture.conversations.others();
        let notes = rest(rows.len(), picture.conversations.len(), dropped, "conversations");
        let table = Table {
            title: "Conversations".into(),
            columns: vec![
                Column::words("host"),
                Column::words("and"),
                Column::number("flows"),
                Column::number("to the second").drop(3),
                Column::number("to the first").drop(2),
                Column::number("on the wire"),
                Column::number("share").drop(1),
            ],
            rows,
            notes,
        };
        let mut blocks = Vec::new();
        // Two hosts need no matrix.
        if all.len() > 2 {
            blocks.push(Block::Matrix(matrix(&all)));
        }
        blocks.push(Block::Table(table));
        blocks
    }
}

type Conversation = ((IpAddr, IpAddr), capkeep_flow::ConversationCounts);

/// The busiest hosts against each other.
fn matrix(all: &[Conversation]) -> Matrix {
    let mut weights: BTreeMap<IpAddr, u64> = BTreeMap::new();
    for ((a, b), counts) in all {
        let bytes = counts.up_wire_bytes.saturating_add(counts.down_wire_bytes);
        for ip in [a, b] {
            let weight = weights.entry(*ip).or_default();
            *weight = weight.saturating_add(bytes);
        }
    }
    let mut hosts: Vec<(IpAddr, u64)> = weights.into_iter().collect();
    hosts.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
    let left_out = hosts.len().saturating_sub(HOSTS);
    hosts.truncate(HOSTS);
    let place = |ip: &IpAddr| hosts.iter().position(|(host, _)| host == ip);
    let mut cells = Vec::new();
    for ((a, b), counts) in all {
        if let (Some(one), Some(other)) = (place(a), place(b)) {
            if counts.up_wire_bytes > 0 {
                cells.push((one, other, counts.up_wire_bytes));
            }
            if counts.down_wire_bytes > 0 && one != other {
                cells.push((other, one, counts.down_wire_bytes));
            }
        }
    }
    cells.sort_unstable();
    let names: Vec<String> = hosts.iter().map(|(ip, _)| ip.to_string()).collect();
    let mut notes = Vec::new();
    if left_out > 0 {
        notes
            .push(format!("the {HOSTS} busiest hosts of {}", crate::value::count((left_out + HOSTS) as u64)));
    }
    Matrix {
        title: "Bytes on the wire".into(),
        unit: Unit::Bytes,
        of: ("from", "to"),
        rows: names.clone(),
        columns: names,
        cells,
        notes,
    }
}

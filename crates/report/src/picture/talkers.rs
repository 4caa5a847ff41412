//! Which hosts are the busiest?

use super::{Chapter, Picture, TOP, rest};
use crate::table::{Block, Column, Table};
use crate::value::Value;

pub(super) struct Talkers;

impl Chapter for Talkers {
    fn name(&self) -> &'static str {
        "hosts"
    }

    fn title(&self) -> &'static str {
        "Hosts"
    }

    fn about(&self) -> &'static str {
        "Which hosts are the busiest?"
    }

    fn blocks(&self, picture: &Picture) -> Vec<Block> {
        let hosts = picture.hosts.heaviest(TOP);
        if hosts.is_empty() {
            return Vec::new();
        }
        let rows = hosts.iter().map(|(ip, counts)| {
            let bytes = counts.sent_wire_bytes.saturating_add(counts.received_wire_bytes);
            vec![
                Value::text(ip.to_string()),
                Value::Count(counts.flows),
                Value::Count(counts.as_client),
                Value::Bytes(counts.sent_wire_bytes),
                Value::Bytes(counts.received_wire_bytes),
                Value::Bytes(bytes),
                Value::share(bytes, picture.totals.wire_bytes),
            ]
        });
        let rows: Vec<_> = rows.collect();
        let (_, dropped) = picture.hosts.others();
        vec![Block::Table(Table {
            title: "Hosts".into(),
            columns: vec![
                Column::words("host"),
                Column::number("flows"),
                Column::number("as client").drop(3),
                Column::number("sent").drop(2),
                Column::number("received").drop(2),
                Column::number("on the wire"),
                Column::number("share").drop(1),
            ],
            notes: rest(rows.len(), picture.hosts.len(), dropped, "hosts"),
            rows,
        })]
    }
}

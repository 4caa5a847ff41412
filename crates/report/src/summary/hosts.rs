//! The busiest hosts.

use capkeep_flow::Analysis;

use super::{Section, View, top_notes};
use crate::names::{self, Names};
use crate::table::{Block, Column, Table};
use crate::value::Value;

pub(super) struct Hosts;

impl Section for Hosts {
    fn name(&self) -> &'static str {
        "hosts"
    }

    fn about(&self) -> &'static str {
        "which hosts moved the most bytes, and in which direction?"
    }

    fn blocks(&self, analysis: &Analysis, view: &View<'_>) -> Vec<Block> {
        if analysis.hosts.is_empty() || view.top == 0 {
            return Vec::new();
        }
        let heaviest = analysis.hosts.heaviest(view.top);
        let total = analysis.totals.wire_bytes;
        let names = Names::of(analysis);
        let row = |(host, counts): &(std::net::IpAddr, capkeep_flow::HostCounts)| {
            let bytes = counts.sent_wire_bytes.saturating_add(counts.received_wire_bytes);
            vec![
                Value::Text(host.to_string()),
                names.beside(*host),
                Value::Count(counts.flows),
                Value::Count(counts.as_client),
                Value::Count(counts.sent_packets.saturating_add(counts.received_packets)),
                Value::Bytes(counts.sent_wire_bytes),
                Value::Bytes(counts.received_wire_bytes),
                // A share would add up to 200 % over all hosts: each byte has two.
                Value::bar(bytes, total),
            ]
        };
        let mut table = Table {
            title: "Hosts with most bytes, sent and received".into(),
            columns: vec![
                Column::words("host").at_least(39),
                // Long names are cut to what leaves room for the numbers.
                Column::words("name").at_least_or_drop(22, 0),
                Column::number("flows"),
                Column::number("as client").drop(3),
                Column::number("packets").drop(2),
                Column::number("sent"),
                Column::number("received"),
                Column::words("").drop(1),
            ],
            rows: heaviest.iter().map(row).collect(),
            notes: top_notes(
                heaviest.len(),
                analysis.hosts.len(),
                analysis.hosts.others().1,
                "host",
                "hosts",
            ),
        };
        names::finish(&mut table, "name", analysis);
        vec![Block::Table(table)]
    }
}

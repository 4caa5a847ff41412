//! The busiest services.

use capkeep_flow::{Analysis, Protocol, ServiceCounts};

use super::{Section, View, top_notes};
use crate::services;
use crate::table::{Block, Column, Table};
use crate::value::Value;

pub(super) struct Services;

impl Section for Services {
    fn name(&self) -> &'static str {
        "services"
    }

    fn about(&self) -> &'static str {
        "which server ports were asked for the most bytes, and what do they speak?"
    }

    fn blocks(&self, analysis: &Analysis, view: &View<'_>) -> Vec<Block> {
        if analysis.services.is_empty() || view.top == 0 {
            return Vec::new();
        }
        let heaviest = analysis.services.heaviest(view.top);
        let total = analysis.totals.wire_bytes;
        let spoken = analysis.spoken_by_service();
        let row = |((protocol, port), counts): &((Protocol, u16), ServiceCounts)| {
            vec![
                Value::Text(services::words(*protocol, *port)),
                spoken
                    .get(&(*protocol, *port))
                    .map_or(Value::Nothing, |names| services::spoken(*protocol, *port, names)),
                Value::Count(counts.flows),
                Value::Count(counts.packets),
                Value::Bytes(counts.wire_bytes),
                Value::Bytes(counts.payload_bytes),
                Value::share(counts.wire_bytes, total),
                Value::bar(counts.wire_bytes, total),
            ]
        };
        let mut table = Table {
            title: "Services with most bytes".into(),
            columns: vec![
                Column::words("service"),
                Column::words("spoken"),
                Column::number("flows"),
                Column::number("packets"),
                Column::number("bytes"),
                Column::number("payload").drop(4),
                Column::number("share").drop(2),
                Column::words("").drop(3),
            ],
            rows: heaviest.iter().map(row).collect(),
            notes: top_notes(
                heaviest.len(),
                analysis.services.len(),
                analysis.services.others().1,
                "service",
                "services",
            ),
        };
        table.drop_if_empty("spoken");
        vec![Block::Table(table)]
    }
}

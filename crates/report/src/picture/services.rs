//! Which services are used?

use super::{Chapter, Picture, TOP, rest};
use crate::drawing::{Bars, Unit};
use crate::services::words as named;
use crate::table::{Block, Column, Table};
use crate::value::Value;

pub(super) struct Services;

impl Chapter for Services {
    fn name(&self) -> &'static str {
        "services"
    }

    fn title(&self) -> &'static str {
        "Services"
    }

    fn about(&self) -> &'static str {
        "Which services are used?"
    }

    fn blocks(&self, picture: &Picture) -> Vec<Block> {
        let services = picture.services.heaviest(TOP);
        let mut blocks = Vec::new();
        if !services.is_empty() {
            let rows = services.iter().map(|((protocol, port), counts)| {
                vec![
                    Value::text(named(*protocol, *port)),
                    Value::Count(counts.flows),
                    Value::Count(counts.packets),
                    Value::Bytes(counts.payload_bytes),
                    Value::Bytes(counts.wire_bytes),
                    Value::share(counts.wire_bytes, picture.totals.wire_bytes),
                ]
            });
            let rows: Vec<_> = rows.collect();
            let (_, dropped) = picture.services.others();
            blocks.push(Block::Table(Table {
                title: "Services by port".into(),
                columns: vec![
                    Column::words("service"),
                    Column::number("flows"),
                    Column::number("packets").drop(3),
                    Column::number("payload").drop(2),
                    Column::number("on the wire"),
                    Column::number("share").drop(1),
                ],
                notes: rest(rows.len(), picture.services.len(), dropped, "services"),
                rows,
            }));
        }
        let mut spoken: Vec<(&String, &u64)> = picture.apps.applications.iter().collect();
        if !spoken.is_empty() {
            spoken.sort_by(|one, other| other.1.cmp(one.1).then(one.0.cmp(other.0)));
            blocks.push(Block::Bars(Bars {
                title: "What is spoken".into(),
                unit: Unit::Things("flows"),
                of: "application",
                bars: spoken.into_iter().map(|(name, flows)| (Value::text(name), *flows)).collect(),
                notes: vec!["by what the first packets say, whatever the port".into()],
            }));
        }
        blocks
    }
}

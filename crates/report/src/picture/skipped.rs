//! What could not be used?

use super::{Chapter, Picture};
use crate::table::{Block, Column, Table};
use crate::value::Value;

pub(super) struct Skipped;

impl Chapter for Skipped {
    fn name(&self) -> &'static str {
        "skipped"
    }

    fn title(&self) -> &'static str {
        "Left out"
    }

    fn about(&self) -> &'static str {
        "What could not be used, and why?"
    }

    fn blocks(&self, picture: &Picture) -> Vec<Block> {
        let mut blocks = Vec::new();
        let broken: Vec<_> = picture.captures.iter().filter(|one| one.row.error.is_some()).collect();
        if !broken.is_empty() {
            let rows = broken.iter().filter_map(|one| {
                let error = one.row.error.as_ref()?;
                Some(vec![
                    super::captures::link(&one.origin.name, &one.session, picture),
                    Value::Problem(error.message.clone()),
                    error.offset.map_or(Value::Nothing, Value::Count),
                    Value::Count(one.row.packets),
                ])
            });
            let columns = [
                Column::words("capture file"),
                Column::words("why"),
                Column::number("at byte"),
                Column::number("packets before"),
            ];
            let rows = rows.collect();
            blocks.push(Block::Table(super::captures::without_empty(
                "Capture files with errors",
                &columns,
                rows,
            )));
        }
        let mut reasons: Vec<(&String, &u64)> = picture.skipped.iter().collect();
        if !reasons.is_empty() {
            reasons.sort_by(|one, other| other.1.cmp(one.1).then(one.0.cmp(other.0)));
            let rows = reasons.iter().map(|(reason, packets)| {
                vec![
                    Value::text(*reason),
                    Value::Count(**packets),
                    Value::share(**packets, picture.totals.packets),
                ]
            });
            blocks.push(Block::Table(Table {
                title: "Packets in no flow".into(),
                columns: vec![Column::words("reason"), Column::number("packets"), Column::number("share")],
                rows: rows.collect(),
                notes: Vec::new(),
            }));
        }
        blocks
    }
}

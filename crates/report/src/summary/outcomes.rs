//! How TCP connections went.

use capkeep_flow::{Analysis, ConnState};

use super::{Section, View};
use crate::table::{Block, Column, Table};
use crate::value::Value;

pub(super) struct Outcomes;

impl Section for Outcomes {
    fn name(&self) -> &'static str {
        "outcomes"
    }

    fn about(&self) -> &'static str {
        "how did TCP connections begin and end?"
    }

    fn blocks(&self, analysis: &Analysis, _view: &View<'_>) -> Vec<Block> {
        let total: u64 = analysis.conn_states.values().sum();
        if total == 0 {
            return Vec::new();
        }
        let mut rows: Vec<_> = analysis.conn_states.iter().filter(|(_, flows)| **flows > 0).collect();
        rows.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        let row = |(state, flows): (&ConnState, &u64)| {
            vec![
                Value::text(state.name()),
                Value::text(meaning(*state)),
                Value::Count(*flows),
                Value::share(*flows, total),
                Value::bar(*flows, total),
            ]
        };
        vec![Block::Table(Table {
            title: "TCP outcomes".into(),
            columns: vec![
                Column::words("state").drop(2),
                Column::words("meaning").at_least(38),
                Column::number("flows"),
                Column::number("share").drop(1),
                Column::words("").drop(3),
            ],
            rows: rows.into_iter().map(row).collect(),
            notes: Vec::new(),
        })]
    }
}

/// Zeek's states in words (Zeek, `base/protocols/conn/main.zeek`).
const fn meaning(state: ConnState) -> &'static str {
    match state {
        ConnState::S0 => "attempt, no reply",
        ConnState::S1 => "established, still open",
        ConnState::Sf => "established and closed",
        ConnState::Rej => "attempt rejected",
        ConnState::S2 => "client closed, server did not",
        ConnState::S3 => "server closed, client did not",
        ConnState::Rsto => "established, client reset",
        ConnState::Rstr => "server reset",
        ConnState::Rstos0 => "attempt, client reset, no reply",
        ConnState::Rstrh => "server accepted and reset, no SYN seen",
        ConnState::Sh => "attempt, client closed, no reply",
        ConnState::Shr => "server accepted and closed, no SYN seen",
        ConnState::Oth => "seen in mid-stream only",
    }
}

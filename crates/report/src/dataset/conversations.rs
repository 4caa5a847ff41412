//! What each two hosts exchanged.

use std::borrow::Cow;

use super::columns::{count, int, text};
use super::table::TableOf;
use crate::unit::ConversationRow;

/// A row, and whether it has a key.
type Row = (ConversationRow, bool);

pub(super) const TABLE: TableOf<Row> = TableOf {
    name: "conversations",
    about: "Pairs of hosts of each session, the lower address first. A session with more than 57,000 pairs has the \
        lightest in one row without addresses.",
    order: &["a_ip", "b_ip"],
    rows: |unit| {
        let rows = unit.conversations.rows.iter().map(|row| (*row, true));
        Cow::Owned(rows.chain(unit.conversations.others.map(|row| (row, false))).collect())
    },
    columns: &[
        text::<Row>(
            "a_ip",
            "The lower address; null for the sum of those that were not kept apart.",
            |_, (row, is_known)| is_known.then(|| row.a.to_string()),
        )
        .or_null(),
        text::<Row>("b_ip", "The higher address; null likewise.", |_, (row, is_known)| {
            is_known.then(|| row.b.to_string())
        })
        .or_null(),
        int::<Row>("flows", "flows", "Flows between them.", |_, (row, _)| count(row.flows)),
        int::<Row>("a_to_b_packets", "packets", "Packets from a to b.", |_, (row, _)| {
            count(row.a_to_b_packets)
        }),
        int::<Row>("b_to_a_packets", "packets", "Packets from b to a.", |_, (row, _)| {
            count(row.b_to_a_packets)
        }),
        int::<Row>("a_to_b_wire_bytes", "bytes", "Bytes on the wire from a to b.", |_, (row, _)| {
            count(row.a_to_b_wire_bytes)
        }),
        int::<Row>("b_to_a_wire_bytes", "bytes", "Bytes on the wire from b to a.", |_, (row, _)| {
            count(row.b_to_a_wire_bytes)
        }),
    ],
};

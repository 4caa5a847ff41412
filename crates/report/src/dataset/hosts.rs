//! What each host did.

use std::borrow::Cow;

use super::columns::{count, int, text};
use super::table::TableOf;
use crate::unit::HostRow;

/// A row, and whether it has a key.
type Row = (HostRow, bool);

pub(super) const TABLE: TableOf<Row> = TableOf {
    name: "hosts",
    about: "Hosts of each session. A session with more than 57,000 hosts has the lightest in one row without an address.",
    order: &["ip"],
    rows: |unit| {
        let rows = unit.hosts.rows.iter().map(|row| (*row, true));
        Cow::Owned(rows.chain(unit.hosts.others.map(|row| (row, false))).collect())
    },
    columns: &[
        text::<Row>(
            "ip",
            "Its address; null for the sum of those that were not kept apart.",
            |_, (row, is_known)| is_known.then(|| row.ip.to_string()),
        )
        .or_null(),
        int::<Row>("flows", "flows", "Flows it took part in.", |_, (row, _)| count(row.flows)),
        int::<Row>("flows_as_client", "flows", "Flows in which it was the client.", |_, (row, _)| {
            count(row.as_client)
        }),
        int::<Row>("sent_packets", "packets", "Packets it sent.", |_, (row, _)| count(row.sent_packets)),
        int::<Row>("received_packets", "packets", "Packets it received.", |_, (row, _)| {
            count(row.received_packets)
        }),
        int::<Row>("sent_wire_bytes", "bytes", "Bytes on the wire it sent.", |_, (row, _)| {
            count(row.sent_wire_bytes)
        }),
        int::<Row>("received_wire_bytes", "bytes", "Bytes on the wire it received.", |_, (row, _)| {
            count(row.received_wire_bytes)
        }),
    ],
};

//! What each protocol carried.

use std::borrow::Cow;

use super::columns::{count, int, text};
use super::table::TableOf;
use crate::unit::ProtocolRow;

pub(super) const TABLE: TableOf<ProtocolRow> = TableOf {
    name: "protocols",
    about: "Protocols of each session.",
    order: &["protocol_number"],
    rows: |unit| Cow::Borrowed(&unit.protocols),
    columns: &[
        text::<ProtocolRow>(
            "protocol",
            "Lower-case name: `tcp`, `udp`, `icmp`, `arp`, …, `ip_N`.",
            |_, row| Some(row.protocol().name().into_owned()),
        ),
        int::<ProtocolRow>("protocol_number", "", "IP protocol number; null for ARP.", |_, row| {
            row.number.map(i64::from)
        })
        .or_null(),
        int::<ProtocolRow>("flows", "flows", "Flows.", |_, row| count(row.flows)),
        int::<ProtocolRow>("packets", "packets", "Packets.", |_, row| count(row.packets)),
        int::<ProtocolRow>("wire_bytes", "bytes", "Bytes on the wire.", |_, row| count(row.wire_bytes)),
    ],
};

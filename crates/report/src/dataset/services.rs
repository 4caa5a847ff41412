//! What each service port saw.

use std::borrow::Cow;

use capkeep_flow::{Protocol, service_name};

use super::columns::{count, int, text};
use super::table::TableOf;
use crate::unit::ServiceRow;

/// A row, and whether it has a key.
type Row = (ServiceRow, bool);

pub(super) const TABLE: TableOf<Row> = TableOf {
    name: "services",
    about: "Protocols and server ports of each session. A session with more than 57,000 has the lightest in one row \
        without a protocol.",
    order: &["protocol_number", "port"],
    rows: |unit| {
        let rows = unit.services.rows.iter().map(|row| (*row, true));
        Cow::Owned(rows.chain(unit.services.others.map(|row| (row, false))).collect())
    },
    columns: &[
        text::<Row>(
            "protocol",
            "Lower-case name: `tcp`, `udp`, `icmp`, …; null for the sum of those that were not kept apart.",
            |_, (row, is_known)| is_known.then(|| row.protocol().name().into_owned()),
        )
        .or_null(),
        int::<Row>("protocol_number", "", "IP protocol number; null for ARP.", |_, (row, is_known)| {
            row.number.filter(|_| *is_known).map(i64::from)
        })
        .or_null(),
        int::<Row>(
            "port",
            "",
            "Port of the server; null for protocols without ports.",
            |_, (row, is_known)| {
                let has_ports = matches!(row.protocol(), Protocol::Ip(6 | 17 | 33 | 132 | 136));
                (*is_known && has_ports).then_some(i64::from(row.port))
            },
        )
        .or_null(),
        text::<Row>(
            "service",
            "What the port is for, by its number; null if it has no name.",
            |_, (row, is_known)| service_name(row.protocol(), row.port).filter(|_| *is_known).map(Into::into),
        )
        .or_null(),
        int::<Row>("flows", "flows", "Flows.", |_, (row, _)| count(row.flows)),
        int::<Row>("packets", "packets", "Packets in both directions.", |_, (row, _)| count(row.packets)),
        int::<Row>("wire_bytes", "bytes", "Bytes on the wire in both directions.", |_, (row, _)| {
            count(row.wire_bytes)
        }),
        int::<Row>("payload_bytes", "bytes", "Payload bytes in both directions.", |_, (row, _)| {
            count(row.payload_bytes)
        }),
    ],
};

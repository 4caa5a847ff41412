//! What detectors found.

use std::borrow::Cow;

use super::columns::{count, int, ints, text, texts, wide};
use super::table::TableOf;
use crate::unit::FindingRow;

pub(super) const TABLE: TableOf<FindingRow> = TableOf {
    name: "findings",
    about: "What detectors found in each session, the most severe first.",
    order: &[],
    rows: |unit| Cow::Borrowed(&unit.findings),
    columns: &[
        text::<FindingRow>(
            "finding",
            "What names it within its session: `detector:number`, as `capkeep slice --finding` takes it.",
            |_, row| Some(row.id()),
        ),
        text::<FindingRow>("detector", "Id of the detector, as `capkeep explain` takes it.", |_, row| {
            Some(row.detector.clone())
        }),
        text::<FindingRow>("severity", "`note`, `warning` or `critical`.", |_, row| {
            Some(row.severity.clone())
        }),
        text::<FindingRow>("confidence", "`low`, `medium` or `high`.", |_, row| Some(row.confidence.clone())),
        text::<FindingRow>("subject", "What it is about, in words.", |_, row| Some(row.subject.clone())),
        int::<FindingRow>(
            "capture_index",
            "",
            "The capture file it is about, among those of the session; null if it is about traffic.",
            |_, row| row.capture.map(i64::from),
        )
        .or_null(),
        texts::<FindingRow>("hosts", "Hosts it is about: who does it, and to whom.", |_, row| {
            row.hosts.clone()
        }),
        text::<FindingRow>("protocol", "Protocol it is about; null if none.", |_, row| row.protocol.clone())
            .or_null(),
        int::<FindingRow>("port", "", "Port it is about; null if none.", |_, row| row.port.map(i64::from))
            .or_null(),
        int::<FindingRow>(
            "first_ns",
            "ns",
            "Time of the first that belongs to it since 1970-01-01T00:00:00Z.",
            |_, row| row.first_ns,
        )
        .or_null(),
        int::<FindingRow>("last_ns", "ns", "Time of the last that belongs to it.", |_, row| row.last_ns)
            .or_null(),
        text::<FindingRow>("sentence", "What was found, in one sentence.", |_, row| {
            Some(row.sentence.clone())
        }),
        texts::<FindingRow>("numbers", "The numbers behind it: `name: value unit`.", |_, row| {
            row.numbers
                .iter()
                .map(|number| format!("{}: {} {}", number.name, number.value, number.unit))
                .collect()
        }),
        texts::<FindingRow>("flow_ids", "Community IDs of the first of its flows.", |_, row| {
            row.flows.clone()
        }),
        int::<FindingRow>("flows", "flows", "Its flows in all.", |_, row| count(row.flow_count)),
        ints::<FindingRow>(
            "packet_captures",
            "Capture files of the packets it names, among those of the session, from 0.",
            |_, row| {
                let of = row.packets.iter();
                of.flat_map(|packets| packets.numbers.iter().map(|_| i64::from(packets.capture))).collect()
            },
        ),
        ints::<FindingRow>(
            "packet_numbers",
            "Numbers of these packets in their files, from 1; as many as `packet_captures`.",
            |_, row| {
                row.packets.iter().flat_map(|packets| &packets.numbers).map(|number| wide(*number)).collect()
            },
        ),
        int::<FindingRow>("packets", "packets", "Its packets in all.", |_, row| count(row.packet_count)),
        text::<FindingRow>(
            "context_filter",
            "Wireshark display filter for what it is about; null for whole captures.",
            |_, row| row.context_filter.clone(),
        )
        .or_null(),
    ],
};

//! Traffic over time.

use std::borrow::Cow;

use super::columns::{count, int, text};
use super::table::TableOf;

/// A bucket of one kind of traffic.
#[derive(Clone)]
pub(super) struct Bucket {
    start_ns: i64,
    traffic: String,
    packets: u64,
    wire_bytes: u64,
}

pub(super) const TABLE: TableOf<Bucket> = TableOf {
    name: "series",
    about: "Packets and bytes of each session over time by kind of traffic, in at most 1,024 buckets; buckets without \
        packets are left out, and so are packets without a time or without a network layer.",
    order: &["start_ns", "traffic"],
    rows: |unit| {
        let series = &unit.series;
        let mut rows = Vec::new();
        for bucket in 0..series.len() {
            for (traffic, lane) in &series.lanes {
                let (packets, wire_bytes) = (lane.packets.get(bucket), lane.wire_bytes.get(bucket));
                let (Some(&packets), Some(&wire_bytes)) = (packets, wire_bytes) else { continue };
                if packets > 0 {
                    let start_ns = series.start_ns(bucket);
                    rows.push(Bucket { start_ns, traffic: traffic.clone(), packets, wire_bytes });
                }
            }
        }
        Cow::Owned(rows)
    },
    columns: &[
        int::<Bucket>(
            "start_ns",
            "ns",
            "Start of the bucket since 1970-01-01T00:00:00Z; a multiple of its width.",
            |_, row| Some(row.start_ns),
        ),
        int::<Bucket>(
            "width_ns",
            "ns",
            "Width of the bucket: a power of two, the same for all of a session.",
            |unit, _| Some(unit.series.bucket_ns()),
        ),
        text::<Bucket>(
            "traffic",
            "Kind of traffic by protocol and ports: `web`, `dns`, `login`, `files`, `database`, `other_tcp`, \
                `other_udp`, `icmp`, `other`.",
            |_, row| Some(row.traffic.clone()),
        ),
        int::<Bucket>("packets", "packets", "Packets.", |_, row| count(row.packets)),
        int::<Bucket>("wire_bytes", "bytes", "Bytes on the wire.", |_, row| count(row.wire_bytes)),
    ],
};

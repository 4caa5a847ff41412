//! The capture files.

use std::borrow::Cow;

use super::columns::{Column, count, flag, int, text, texts, wide};
use super::table::TableOf;
use crate::unit::{CaptureRow, Origin, Unit};

/// A capture file by its place in the unit.
type Place = usize;

fn of<T>(unit: &Unit, place: Place, get: impl FnOnce(&CaptureRow) -> T) -> Option<T> {
    unit.captures.get(place).map(get)
}

fn origin<'a, T>(unit: &'a Unit, place: Place, get: impl FnOnce(&'a Origin) -> Option<T>) -> Option<T> {
    unit.origins.get(place).and_then(get)
}

fn severity(unit: &Unit, name: &str) -> Option<i64> {
    count(unit.findings.iter().filter(|finding| finding.severity == name).count() as u64)
}

/// Items as `name=count`.
fn counted<'a>(items: impl IntoIterator<Item = (&'a String, &'a u64)>) -> Vec<String> {
    items.into_iter().map(|(name, count)| format!("{name}={count}")).collect()
}

const COLUMNS: &[Column<Place>] = &[
    int::<Place>(
        "capture_index",
        "",
        "Its number among the capture files of the session, from 0.",
        |_, at| count(*at as u64),
    ),
    text::<Place>("capture", "Its name, as it was given.", |unit, at| {
        origin(unit, *at, |of| Some(of.name.clone()))
    })
    .or_null(),
    text::<Place>(
        "azure_capture",
        "The Azure capture that made it; null where that is not known.",
        |unit, at| origin(unit, *at, |of| of.capture.clone()),
    )
    .or_null(),
    flag::<Place>(
        "azure_capture_exists",
        "True if that Azure capture still exists; null where that is not known.",
        |unit, at| origin(unit, *at, |of| of.capture_exists),
    )
    .or_null(),
    text::<Place>("storage_path", "Where it is stored; null where that is not known.", |unit, at| {
        origin(unit, *at, |of| of.storage_path.clone())
    })
    .or_null(),
    text::<Place>(
        "version",
        "What tells this content from a later one under the same name: an `ETag`, or size and time.",
        |unit, at| origin(unit, *at, |of| of.version.clone()),
    )
    .or_null(),
    int::<Place>(
        "stored_bytes",
        "bytes",
        "Size where it is stored; null where that is not known.",
        |unit, at| origin(unit, *at, |of| of.bytes.map(wide)),
    )
    .or_null(),
    text::<Place>(
        "format",
        "Its format (`pcap`, `pcapng`, …); null if it could not be read.",
        |unit, at| of(unit, *at, |of| of.format.clone()).flatten(),
    )
    .or_null(),
    text::<Place>("compression", "Compression around it; null without one.", |unit, at| {
        of(unit, *at, |of| of.compression.clone()).flatten()
    })
    .or_null(),
    texts::<Place>("link_types", "Link types and packets of each: `ethernet=12`.", |unit, at| {
        of(unit, *at, |of| counted(&of.link_types)).unwrap_or_default()
    }),
    texts::<Place>("interfaces", "Names of its interfaces.", |unit, at| {
        of(unit, *at, |of| of.interfaces.clone()).unwrap_or_default()
    }),
    texts::<Place>("capture_filters", "Capture filters of its interfaces.", |unit, at| {
        of(unit, *at, |of| of.filters.clone()).unwrap_or_default()
    }),
    int::<Place>(
        "snap_bytes",
        "bytes",
        "Most bytes kept of a packet; 0 means no limit; null if it does not say.",
        |unit, at| of(unit, *at, |of| of.snap_len.map(i64::from)).flatten(),
    )
    .or_null(),
    int::<Place>("packets", "packets", "Packets read.", |unit, at| of(unit, *at, |of| wide(of.packets))),
    int::<Place>("wire_bytes", "bytes", "Bytes they had on the wire.", |unit, at| {
        of(unit, *at, |of| wide(of.wire_bytes))
    }),
    int::<Place>("captured_bytes", "bytes", "Bytes of them in the file.", |unit, at| {
        of(unit, *at, |of| wide(of.captured_bytes))
    }),
    int::<Place>("truncated_packets", "packets", "Packets that were cut by the snap length.", |unit, at| {
        of(unit, *at, |of| wide(of.truncated_packets))
    }),
    int::<Place>(
        "first_ns",
        "ns",
        "Time of its earliest packet since 1970-01-01T00:00:00Z; null without one.",
        |unit, at| of(unit, *at, |of| of.first_ns).flatten(),
    )
    .or_null(),
    int::<Place>("last_ns", "ns", "Time of its latest packet.", |unit, at| {
        of(unit, *at, |of| of.last_ns).flatten()
    })
    .or_null(),
    int::<Place>(
        "time_goes_back",
        "packets",
        "Packets whose time lies before that of the packet before them.",
        |unit, at| of(unit, *at, |of| wide(of.time_goes_back)),
    ),
    int::<Place>(
        "clock_jumps",
        "packets",
        "Of those, packets before which the clock was set back by more than a second.",
        |unit, at| of(unit, *at, |of| wide(of.clock_jumps)),
    ),
    int::<Place>("without_time", "packets", "Packets without a time.", |unit, at| {
        of(unit, *at, |of| wide(of.without_time))
    }),
    int::<Place>("longest_silence_ns", "ns", "Longest time between two packets.", |unit, at| {
        of(unit, *at, |of| of.longest_silence_ns)
    }),
    int::<Place>("oversized_packets", "packets", "Packets longer than an Ethernet frame.", |unit, at| {
        of(unit, *at, |of| wide(of.oversized_packets))
    }),
    int::<Place>("skipped_packets", "packets", "Packets that are in no flow.", |unit, at| {
        of(unit, *at, |of| wide(of.skipped_packets()))
    }),
    texts::<Place>("skipped", "Why, and how many: `ether_type:lldp=3`.", |unit, at| {
        of(unit, *at, |of| counted(&of.skipped)).unwrap_or_default()
    }),
    int::<Place>(
        "dropped_by_interface",
        "packets",
        "Packets that its interfaces lost, as it says; null if it does not.",
        |unit, at| of(unit, *at, |of| of.drops.by_interface.map(wide)).flatten(),
    )
    .or_null(),
    int::<Place>(
        "dropped_by_system",
        "packets",
        "Packets that the operating system lost, likewise.",
        |unit, at| of(unit, *at, |of| of.drops.by_system.map(wide)).flatten(),
    )
    .or_null(),
    int::<Place>("dropped_between", "packets", "Packets lost between its packets, likewise.", |unit, at| {
        of(unit, *at, |of| of.drops.between_packets.map(wide)).flatten()
    })
    .or_null(),
    text::<Place>("hardware", "Hardware it was captured on; null if it does not say.", |unit, at| {
        of(unit, *at, |of| of.hardware.clone()).flatten()
    })
    .or_null(),
    text::<Place>("os", "Operating system it was captured on; null if it does not say.", |unit, at| {
        of(unit, *at, |of| of.os.clone()).flatten()
    })
    .or_null(),
    text::<Place>("application", "Program that wrote it; null if it does not say.", |unit, at| {
        of(unit, *at, |of| of.application.clone()).flatten()
    })
    .or_null(),
    texts::<Place>("comments", "The first comments in it.", |unit, at| {
        of(unit, *at, |of| of.comments.clone()).unwrap_or_default()
    }),
    text::<Place>("error", "Why it could not be read, or not to its end; null if it could.", |unit, at| {
        of(unit, *at, |of| of.error.as_ref().map(|error| error.message.clone())).flatten()
    })
    .or_null(),
    int::<Place>(
        "error_offset",
        "",
        "Byte of the uncompressed file where that is; null where it is not known.",
        |unit, at| of(unit, *at, |of| of.error.as_ref().and_then(|error| error.offset).map(wide)).flatten(),
    )
    .or_null(),
    int::<Place>("session_tcp_flows", "flows", "TCP flows of the whole session.", |unit, _| {
        count(unit.quality.tcp_flows)
    }),
    int::<Place>(
        "session_one_sided",
        "flows",
        "Of those, flows that go on although one direction was not captured.",
        |unit, _| count(unit.quality.one_sided),
    ),
    int::<Place>(
        "session_copies",
        "packets",
        "TCP packets of the session that it holds twice.",
        |unit, _| count(unit.quality.copies),
    ),
    int::<Place>(
        "session_acked_unseen",
        "packets",
        "Acknowledgements in the session of bytes that were not captured.",
        |unit, _| count(unit.quality.acked_unseen),
    ),
    int::<Place>("session_critical", "findings", "Critical findings of the session.", |unit, _| {
        severity(unit, "critical")
    }),
    int::<Place>("session_warnings", "findings", "Warnings of the session.", |unit, _| {
        severity(unit, "warning")
    }),
    int::<Place>("session_notes", "findings", "Notes of the session.", |unit, _| severity(unit, "note")),
];

pub(super) const TABLE: TableOf<Place> = TableOf {
    name: "captures",
    about: "Capture files, those that could not be read among them. Columns that begin with `session_` say the same for \
        every file of a session.",
    order: &["capture_index"],
    rows: |unit| Cow::Owned((0..unit.captures.len().max(unit.origins.len())).collect()),
    columns: COLUMNS,
};

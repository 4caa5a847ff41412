//! Retransmissions, reorderings and copies, held against what was made to happen.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Mutex,
};

use capkeep_flow::{Event, FlowRecord, Input, MarkKind, Options, analyze};
use capkeep_testkit::{FAULT_CASES, FaultCapture, FaultCase, FaultKind, FaultTruth, Pcap, encode};

/// What the flows say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    retransmissions: u64,
    lost: u64,
    reordered: u64,
    ambiguous: u64,
    copies: u64,
    /// Packets marked as sent again, and packets marked as late.
    marked: [BTreeSet<u64>; 2],
}

fn read(capture: &FaultCapture) -> Found {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.pcap");
    std::fs::write(&path, encode(&mut Pcap::ETHERNET.clone(), &capture.packets)).unwrap();
    read_file(path)
}

fn read_file(path: PathBuf) -> Found {
    let flows = Mutex::new(Vec::<FlowRecord>::new());
    analyze(&[Input::File(path)], &Options::default(), &|event| {
        if let Event::Flows(more) = event {
            flows.lock().unwrap().extend_from_slice(more);
        }
    });
    let mut found = Found::default();
    for flow in flows.into_inner().unwrap() {
        let Some(tcp) = &flow.tcp else { continue };
        for side in [&tcp.from_client, &tcp.from_server] {
            found.retransmissions += side.all_retransmissions();
            found.lost += side.lost();
            found.reordered += side.out_of_order;
            found.ambiguous += side.ambiguous;
            found.copies += side.copies;
        }
        for mark in &tcp.marks {
            match mark.kind {
                MarkKind::Retransmission => found.marked[0].insert(mark.packet),
                MarkKind::OutOfOrder => found.marked[1].insert(mark.packet),
                _ => false,
            };
        }
    }
    found
}

/// Packets that the truth calls one thing and the marks the other: (late called sent again, sent again called late).
fn mistaken(capture: &FaultCapture, found: &Found) -> (Vec<u64>, Vec<u64>) {
    let kinds: BTreeMap<u64, FaultKind> =
        capture.truth.events.iter().map(|event| (event.packet, event.kind)).collect();
    let wrong = |marked: &BTreeSet<u64>, is_again: bool| -> Vec<u64> {
        let is_wrong =
            |packet: &&u64| kinds.get(packet).is_some_and(|kind| kind.is_retransmission() != is_again);
        marked.iter().filter(is_wrong).copied().collect()
    };
    (wrong(&found.marked[0], true), wrong(&found.marked[1], false))
}

fn each(
    is_wanted: impl Fn(&FaultCase) -> bool,
    check: impl Fn(&FaultCase, &FaultCapture, &Found) -> Vec<String>,
) {
    let mut wrong = Vec::new();
    let mut cases = 0;
    for case in FAULT_CASES.iter().filter(|case| is_wanted(case)) {
        cases += 1;
        let capture = case.faults.capture();
        let found = read(&capture);
        wrong.extend(check(case, &capture, &found).into_iter().map(|text| format!("{}: {text}", case.name)));
    }
    assert!(cases > 0);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn compare(what: &str, truth: u64, found: u64, most_off: u64) -> Option<String> {
    (truth.abs_diff(found) > most_off).then(|| format!("{what}: {truth} happened, {found} found"))
}

/// Copies that come later than any acknowledgement may follow another are recognised by their identification alone, and one
/// in 65,536 is 0, as if there were none.
fn spare(case: &FaultCase, truth: &FaultTruth) -> u64 {
    case.faults.copied_after_ns.filter(|after| *after > 100_000).map_or(0, |_| truth.packets / 65_536)
}

#[test]
fn what_was_sent_again_is_counted_exactly_where_nothing_was_reordered() {
    each(
        |case| case.is_decidable && case.faults.swapped == 0,
        |case, capture, found| {
            let truth = &capture.truth;
            let spare = spare(case, truth);
            let retransmissions =
                compare("retransmissions", truth.retransmissions, found.retransmissions, spare);
            let reordered = compare("reorderings", 0, found.reordered, 0);
            retransmissions.into_iter().chain(reordered).collect()
        },
    );
}

#[test]
fn copies_are_counted_exactly() {
    each(
        |case| case.is_decidable,
        |case, capture, found| {
            let spare = spare(case, &capture.truth);
            compare("copies", capture.truth.copies, found.copies, spare).into_iter().collect()
        },
    );
}

#[test]
fn both_events_are_within_two_percent_where_segments_are_swapped() {
    each(
        |case| case.is_decidable && case.faults.swapped > 0,
        |_, capture, found| {
            let truth = &capture.truth;
            let pairs = [
                ("retransmissions", truth.retransmissions, found.retransmissions),
                ("reorderings", truth.reordered, found.reordered),
            ];
            pairs
                .into_iter()
                .filter_map(|(what, truth, found)| compare(what, truth, found, truth / 50))
                .collect()
        },
    );
}

#[test]
fn a_reordering_is_never_called_a_retransmission_where_the_identification_decides() {
    each(
        |case| case.is_decidable,
        |_, capture, found| {
            let (late, _) = mistaken(capture, found);
            late.iter().map(|packet| format!("packet {packet} came late and is called sent again")).collect()
        },
    );
}

#[test]
fn what_cannot_be_decided_is_called_ambiguous() {
    each(
        |case| !case.is_decidable,
        |_, capture, found| {
            let truth = &capture.truth;
            let sum = truth.retransmissions + truth.reordered;
            let old = compare("old segments", sum, found.retransmissions + found.reordered, sum / 20);
            let certain = found.reordered - found.ambiguous;
            let certain = (certain > truth.reordered)
                .then(|| format!("{certain} called reordered for certain, of {}", truth.reordered));
            old.into_iter().chain(certain).collect()
        },
    );
}

/// Real senders past a relay that notes what it does to each segment.
#[test]
fn what_was_done_to_the_segments_of_real_programs_is_what_their_flows_tell() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/findings");
    let text = std::fs::read_to_string(folder.join("truth.json")).unwrap();
    let truth: serde_json::Value = serde_json::from_str(&text).unwrap();
    let done = |file: &str, event: &str| -> u64 {
        let captures = truth["captures"].as_array().unwrap();
        let capture = captures.iter().find(|capture| capture["file"] == file).unwrap();
        let injected = capture["injected"].as_array().unwrap();
        injected.iter().filter(|one| one["event"] == event).count() as u64
    };
    let swapped = read_file(folder.join("quiet-swapped.pcap.gz"));
    assert_eq!(swapped.reordered, done("quiet-swapped.pcap.gz", "swapped"));
    assert_eq!((swapped.retransmissions, swapped.ambiguous), (0, 0));
    let lost = read_file(folder.join("loss-upload.pcap.gz"));
    let expected = done("loss-upload.pcap.gz", "lost");
    // The capture is at the sender. It may send a little more than was lost (RFC 8985, tail loss probes).
    assert!((expected..=expected + 3).contains(&lost.retransmissions), "{expected} {lost:?}");
    assert!((expected..=expected + 1).contains(&lost.lost), "{expected} {lost:?}");
    assert_eq!((lost.reordered, lost.copies), (0, 0));
    // A receiver that does not read is sent some again, which it had: nothing was lost.
    assert_eq!(read_file(folder.join("slow-reader.pcap.gz")).lost, 0);
    let twice = read_file(folder.join("capture-twice.pcap.gz"));
    assert_eq!((twice.retransmissions, twice.reordered), (0, 0));
    assert!(twice.copies > 100, "{twice:?}");
}

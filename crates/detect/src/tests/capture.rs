use capkeep_flow::{Analysis, Capture, CaptureError, MarkKind};
use capkeep_pcap::{Drops, Facts, Interface};

use super::common::{SECOND, analysis, at, findings_with, found, health_of, mark, tcp};
use crate::{Settings, Severity};

fn ids(analysis: &Analysis) -> Vec<&'static str> {
    let found = findings_with(&[], Settings::default(), analysis);
    found.list.iter().map(|finding| finding.detector).collect()
}

fn capture() -> Capture {
    Capture { packets: 1_000, first: Some(at(0)), last: Some(at(SECOND)), ..Capture::default() }
}

#[test]
fn a_good_capture_says_nothing() {
    assert!(ids(&analysis(capture())).is_empty());
    assert!(ids(&Analysis::default()).is_empty());
}

#[test]
fn what_files_say_of_themselves_is_told() {
    let error = CaptureError { message: "cut".into(), brief: "cut short".into(), offset: Some(9) };
    let drops = Drops { by_interface: Some(11), ..Drops::default() };
    let interface = Interface { drops, ..Interface::default() };
    let facts = Facts { interfaces: vec![interface], ..Facts::default() };
    for (bad, id) in [
        (Capture { error: Some(error), ..capture() }, "capture_cut"),
        (Capture { facts, ..capture() }, "capture_drops"),
        (Capture { truncated_packets: 500, captured_bytes: 34_000, ..capture() }, "capture_snapped"),
        (Capture { time_goes_back: 10, ..capture() }, "capture_clock"),
        (Capture { time_goes_back: 1, clock_jumps: 1, ..capture() }, "capture_clock"),
        (Capture { oversized: 1, ..capture() }, "capture_offload"),
        (Capture { captured_bytes: 1_073_700_000, ..capture() }, "capture_stopped"),
        (Capture { last: Some(at(18_000 * SECOND)), ..capture() }, "capture_stopped"),
    ] {
        assert_eq!(ids(&analysis(bad)), [id]);
    }
    assert!(ids(&analysis(Capture { time_goes_back: 9, ..capture() })).is_empty());
}

#[test]
fn a_long_silence_of_a_capture_with_many_packets_is_told() {
    let silent = |seconds, packets| Capture { longest_silence: seconds * SECOND, packets, ..capture() };
    assert_eq!(ids(&analysis(silent(61, 100))), ["capture_clock"]);
    assert!(ids(&analysis(silent(60, 100))).is_empty());
    assert!(ids(&analysis(silent(61, 99))).is_empty());
}

#[test]
fn copies_are_a_note_from_one_in_a_hundred_on() {
    let flow = |copies| {
        let mut flow = tcp("10.0.0.9", 443, 0);
        flow.from_client.packets = 1_000;
        health_of(&mut flow).from_client.copies = copies;
        mark(&mut flow, MarkKind::Copy, true, 7, 0);
        flow
    };
    assert!(found("capture_duplicates", &[flow(5)]).is_empty());
    let found = found("capture_duplicates", &[flow(500)]);
    assert_eq!((found[0].severity, found[0].packets.count), (Severity::Note, 500));
    assert_eq!(found[0].display_filter(0).as_deref(), Some("frame.number in {7}"));
}

#[test]
fn acknowledgements_of_unseen_bytes_are_capture_loss() {
    let flow = |unseen| {
        let mut flow = tcp("10.0.0.9", 443, 0);
        health_of(&mut flow).from_client.acks = 100;
        health_of(&mut flow).from_client.acked_unseen = unseen;
        flow
    };
    assert!(found("capture_loss", &[flow(1)]).is_empty());
    assert_eq!(found("capture_loss", &[flow(6)])[0].severity, Severity::Note);
    assert_eq!(found("capture_loss", &[flow(20)])[0].severity, Severity::Warning);
}

#[test]
fn flows_without_an_other_direction_make_a_capture_one_sided() {
    let half = || {
        let mut flow = tcp("10.0.0.9", 443, 0);
        flow.from_server = capkeep_flow::Direction::default();
        flow
    };
    let whole = || tcp("10.0.0.9", 443, 0);
    assert!(found("capture_one_sided", &[half(), half(), whole()]).is_empty());
    assert_eq!(found("capture_one_sided", &[half(), half(), half(), whole()]).len(), 1);
}

#[test]
fn segments_larger_than_the_receiver_takes_are_offload() {
    let mut flow = tcp("10.0.0.9", 443, 0);
    flow.from_server.payload_bytes = 50_000;
    health_of(&mut flow).from_server.data_segments = 10;
    assert_eq!(found("capture_offload", &[flow.clone()]).len(), 1);
    flow.from_server.payload_bytes = 14_600;
    assert!(found("capture_offload", &[flow]).is_empty());
}

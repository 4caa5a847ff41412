use capkeep_flow::{Analysis, Capture, CaptureError, ConnState, EndReason, FlowRecord, MarkKind, Silence};
use capkeep_pcap::{Compression, Drops, Facts, Format, Interface};

use super::common::{SECOND, analysis, at, findings_with, found, health_of, mark, tcp};
use crate::{Confidence, Finding, Settings, Severity};

fn ids(analysis: &Analysis) -> Vec<&'static str> {
    let found = findings_with(&[], Settings::default(), analysis);
    found.list.iter().map(|finding| finding.detector).collect()
}

fn capture() -> Capture {
    Capture { packets: 1_234, first: Some(at(0)), last: Some(at(SECOND)), ..Capture::default() }
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
        (Capture { time_goes_back: 13, ..capture() }, "capture_clock"),
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

fn stops(capture: Capture, flows: &[FlowRecord]) -> Option<(Confidence, Finding)> {
    let found = findings_with(flows, Settings::default(), &analysis(capture));
    let mut list: Vec<_> = found.list.into_iter().filter(|it| it.detector == "capture_stopped").collect();
    assert!(list.len() < 2);
    list.pop().map(|it| (it.confidence, it))
}

fn confidence(capture: Capture, flows: &[FlowRecord]) -> Option<Confidence> {
    stops(capture, flows).map(|(sure, finding)| {
        assert_eq!(finding.severity, Severity::Note);
        sure
    })
}

#[test]
fn a_capture_that_ends_at_a_round_limit_is_noted() {
    let size = |captured_bytes| {
        let facts = Facts { format: Some(Format::Pcap), ..Facts::default() };
        confidence(Capture { facts, captured_bytes, ..capture() }, &[])
    };
    // A file header, and a header for each packet.
    let headers = 24 + 16 * 1_234;
    assert_eq!(size(100_000_000 - headers), Some(Confidence::Medium));
    assert_eq!(size(100_000_000 - headers - 1_600), Some(Confidence::Medium));
    assert_eq!(size(100_000_000 - headers - 1_601), None);
    assert_eq!(size((50 << 20) - headers + 700), Some(Confidence::Medium));
    assert_eq!(size(30_000_000 - headers), None);
    let count = |packets| confidence(Capture { packets, ..capture() }, &[]);
    assert_eq!((count(10_000), count(10_001), count(500)), (Some(Confidence::Medium), None, None));
    // 1,234 packets in five minutes are a quarter of a second apart.
    let time = |millis, packets| {
        confidence(Capture { packets, last: Some(at(millis * SECOND / 1_000)), ..capture() }, &[])
    };
    assert_eq!(time(299_900, 1_234), Some(Confidence::Low));
    assert_eq!(time(300_050, 1_234), Some(Confidence::Low));
    assert_eq!((time(298_900, 1_234), time(300_200, 1_234), time(299_900, 999)), (None, None, None));
}

#[test]
fn sizes_of_compressed_files_are_no_limits() {
    let file = |facts| confidence(Capture { facts, file_bytes: Some(1_000_000), ..capture() }, &[]);
    assert_eq!(file(Facts { format: Some(Format::PcapNg), ..Facts::default() }), Some(Confidence::Medium));
    let compression = Some(Compression::Gzip);
    assert_eq!(file(Facts { format: Some(Format::PcapNg), compression, ..Facts::default() }), None);
}

/// An upload of 2 MB that goes on when the input ends.
fn upload() -> FlowRecord {
    let mut flow = tcp("10.0.0.9", 443, 0);
    (flow.end, flow.conn_state, flow.last, flow.last_packet) =
        (EndReason::EndOfInput, ConnState::S1, at(SECOND), 1_234);
    for (side, bytes) in [(&mut flow.from_client, 2_000_000), (&mut flow.from_server, 0)] {
        (side.packets, side.payload_bytes) = (1_000, bytes);
        (side.wire_bytes, side.tcp_flags) = (bytes + 60_000, 0x12);
    }
    health_of(&mut flow).longest_silence =
        Some(Silence { nanos: SECOND / 50, packet: 40, end: at(SECOND / 2) });
    flow
}

#[test]
fn a_capture_that_ends_in_full_swing_is_noted_with_low_confidence() {
    let whole = || Capture { wire_bytes: 3_000_000, ..capture() };
    let (sure, finding) = stops(whole(), &[upload()]).unwrap();
    assert_eq!(sure, Confidence::Low);
    assert_eq!(
        finding.sentence,
        "the capture ends in the middle of 1 transfer with 70.7 % of its bytes: traffic went on"
    );
    assert_eq!((finding.flows.count, finding.flows.ids.len()), (1, 1));
    assert_eq!(finding.display_filter(0).as_deref(), Some("frame.number in {1234}"));
    // A limit and a transfer that is cut confirm each other.
    assert_eq!(confidence(Capture { packets: 2_000, ..whole() }, &[upload()]), Some(Confidence::High));
}

#[test]
fn a_capture_that_ends_after_its_transfers_is_not_in_full_swing() {
    let whole = || Capture { wire_bytes: 3_000_000, ..capture() };
    let but = |change: &dyn Fn(&mut FlowRecord)| {
        let mut flow = upload();
        change(&mut flow);
        confidence(whole(), &[flow])
    };
    assert_eq!(but(&|_| ()), Some(Confidence::Low));
    assert_eq!(but(&|flow| flow.from_client.tcp_flags |= 1), None, "closed");
    assert_eq!(but(&|flow| flow.from_server.tcp_flags |= 4), None, "reset");
    assert_eq!(but(&|flow| flow.end = EndReason::Idle), None, "ended before");
    assert_eq!(but(&|flow| flow.last = at(-SECOND)), None, "paused at the end");
    assert_eq!(but(&|flow| flow.from_client.payload_bytes = 65_535), None, "little was said");
    let few = |flow: &mut FlowRecord| (flow.from_client.packets, flow.from_server.packets) = (10, 9);
    assert_eq!(but(&few), None, "it has hardly begun");
    let paused = Some(Silence { nanos: SECOND + 1, packet: 40, end: at(SECOND / 2) });
    assert_eq!(but(&|flow| health_of(flow).longest_silence = paused), None, "paused before");
    // It is a small part of what was captured.
    assert_eq!(confidence(Capture { wire_bytes: 9_000_000, ..capture() }, &[upload()]), None);
    // The file was cut, which is told as such.
    let error = CaptureError { message: "cut".into(), brief: "cut short".into(), offset: Some(9) };
    assert_eq!(confidence(Capture { error: Some(error), ..whole() }, &[upload()]), None);
}

#[test]
fn files_of_a_session_have_its_limits_together() {
    let part = |session, seconds: i64| Capture {
        session,
        first: Some(at(seconds * SECOND)),
        last: Some(at((seconds + 9_000) * SECOND)),
        captured_bytes: 600 << 20,
        ..capture()
    };
    let of = |captures| {
        let analysis = Analysis { captures, ..Analysis::default() };
        let found = findings_with(&[], Settings::default(), &analysis);
        found.list.into_iter().map(|finding| finding.subject).collect::<Vec<_>>()
    };
    assert_eq!(of(vec![part(0, 0), part(0, 9_000)]), [crate::Subject::Capture(1)], "five hours");
    assert_eq!(of(vec![part(0, 0), part(1, 9_000)]), []);
}

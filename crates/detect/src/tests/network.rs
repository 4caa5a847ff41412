use capkeep_flow::{ArpSender, ConnState, MarkKind, Protocol, Silence};

use super::common::{SECOND, at, found, health_of, ip, mark, refused, tcp, unanswered};
use crate::{Confidence, Severity};

fn lossy(data: u64, again: u64) -> capkeep_flow::FlowRecord {
    let mut flow = tcp("10.0.0.9", 443, 0);
    health_of(&mut flow).from_server.data_segments = data;
    health_of(&mut flow).from_server.retransmissions = again;
    mark(&mut flow, MarkKind::Retransmission, false, 77, SECOND);
    flow
}

#[test]
fn loss_is_graded_by_share_and_number() {
    let grade = |data, again| found("retransmissions", &[lossy(data, again)]).first().map(|it| it.severity);
    assert_eq!(grade(1_000, 0), None);
    assert_eq!(grade(1_000, 9), None);
    assert_eq!(grade(19, 5), None);
    assert_eq!(grade(100, 2), None);
    assert_eq!(grade(100, 3), Some(Severity::Note));
    assert_eq!(grade(100, 9), Some(Severity::Note));
    assert_eq!(grade(200, 10), Some(Severity::Warning));
}

#[test]
fn loss_says_on_which_way_and_names_its_packets() {
    let found = found("retransmissions", &[lossy(200, 20), tcp("10.0.0.9", 443, SECOND)]);
    let finding = &found[0];
    assert!(
        finding.sentence.starts_with("10.0 % of 200 data segments to the client"),
        "{}",
        finding.sentence
    );
    assert_eq!(finding.display_filter(0).as_deref(), Some("frame.number in {77}"));
    assert_eq!(
        finding.context_filter().as_deref(),
        Some("ip.addr == 10.0.0.4 && ip.addr == 10.0.0.9 && tcp.port == 443")
    );
    assert_eq!(finding.packets.count, 20);
}

#[test]
fn a_stall_says_which_side() {
    let stalled = |nanos| {
        let mut flow = tcp("10.0.0.9", 445, 0);
        health_of(&mut flow).from_client.zero_window_nanos = nanos;
        mark(&mut flow, MarkKind::ZeroWindow, true, 5, 0);
        flow
    };
    assert!(found("zero_window", &[stalled(SECOND)]).is_empty());
    let found = found("zero_window", &[stalled(SECOND * 3)]);
    assert!(found[0].sentence.starts_with("the client took nothing for 3.0 s"), "{}", found[0].sentence);
}

#[test]
fn five_failures_are_a_warning_and_four_are_not() {
    let refusals = |n: i64| -> Vec<_> { (0..n).map(|i| refused("10.0.0.9", 5432, i * SECOND)).collect() };
    assert!(found("connection_failures", &refusals(4)).is_empty());
    let found_ = found("connection_failures", &refusals(5));
    assert_eq!(found_[0].severity, Severity::Warning);
    assert!(found_[0].sentence.contains("refused"), "{}", found_[0].sentence);
    let mut mostly_fine: Vec<_> = (0..20).map(|i| tcp("10.0.0.9", 5432, i * SECOND)).collect();
    mostly_fine.extend(refusals(5));
    assert!(found("connection_failures", &mostly_fine).is_empty());
}

#[test]
fn an_attempt_repeated_in_vain_is_a_note() {
    let mut flow = unanswered("10.0.0.9", 443, 0);
    health_of(&mut flow).handshake.syns = 4;
    let found_ = found("connection_failures", &[flow.clone()]);
    assert_eq!(found_[0].severity, Severity::Note);
    health_of(&mut flow).handshake.syns = 3;
    assert!(found("connection_failures", &[flow]).is_empty());
}

#[test]
fn missing_answers_say_nothing_in_a_one_sided_capture() {
    let mut flows: Vec<_> = (0..9).map(|i| unanswered("10.0.0.9", 443, i * SECOND)).collect();
    assert_eq!(found("connection_failures", &flows).len(), 1);
    for i in 0..3 {
        let mut half = tcp("10.0.0.8", 443, i);
        half.from_server = capkeep_flow::Direction::default();
        flows.push(half);
    }
    assert!(found("connection_failures", &flows).is_empty());
}

fn idle(seconds: i64) -> capkeep_flow::FlowRecord {
    let mut flow = tcp("203.0.113.9", 443, 0);
    flow.last = at((seconds + 10) * SECOND);
    let silence = Silence { nanos: seconds * SECOND, packet: 50, end: at(seconds * SECOND) };
    health_of(&mut flow).longest_silence = Some(silence);
    flow
}

#[test]
fn retransmissions_after_four_minutes_of_silence_are_an_idle_timeout() {
    let forgotten = |seconds| {
        let mut flow = idle(seconds);
        for i in 1..4 {
            mark(&mut flow, MarkKind::Retransmission, true, 50 + i as u64, (seconds + i) * SECOND);
        }
        flow
    };
    let found_ = found("idle_timeout", &[forgotten(240)]);
    assert_eq!((found_[0].severity, found_[0].confidence), (Severity::Warning, Confidence::High));
    assert!(found("idle_timeout", &[forgotten(230)]).is_empty());
    assert!(found("idle_timeout", &[idle(600)]).is_empty());
}

#[test]
fn a_reset_after_silence_is_a_note_if_it_comes_at_once() {
    let reset = |late: i64| {
        let mut flow = idle(300);
        mark(&mut flow, MarkKind::Reset, false, 51, (300 + late) * SECOND);
        flow
    };
    assert_eq!(found("idle_timeout", &[reset(1)])[0].severity, Severity::Note);
    assert!(found("idle_timeout", &[reset(31)]).is_empty());
}

#[test]
fn packets_too_big_are_told_by_icmp_or_guessed_from_full_segments() {
    let mut told = tcp("10.0.0.9", 443, 0);
    (told.path_mtu, told.icmp_errors) = (Some(1_400), 1);
    let found_ = found("pmtud_black_hole", &[told]);
    assert_eq!(found_[0].severity, Severity::Note);
    assert!(found_[0].sentence.contains("1400 bytes"), "{}", found_[0].sentence);

    let stuck = |bytes| {
        let mut flow = tcp("10.0.0.9", 443, 0);
        health_of(&mut flow).from_server.timeouts = 4;
        for i in 0..4 {
            mark(&mut flow, MarkKind::Retransmission, false, 20 + i, (i as i64) * SECOND);
        }
        health_of(&mut flow).marks[2].payload_bytes = bytes;
        flow
    };
    let found_ = found("pmtud_black_hole", &[stuck(1_448)]);
    assert_eq!((found_[0].severity, found_[0].confidence), (Severity::Warning, Confidence::Low));
    assert!(found("pmtud_black_hole", &[stuck(100)]).is_empty());
}

#[test]
fn fifty_aborts_in_ten_seconds_are_a_storm() {
    let aborted = |i: i64| {
        let mut flow = tcp("10.0.0.9", 443, i * 1_000_000);
        flow.conn_state = ConnState::Rstr;
        health_of(&mut flow).from_server.resets = 1;
        mark(&mut flow, MarkKind::Reset, false, 1_000 + i as u64, i * 1_000_000);
        flow
    };
    let storm = |n| found("rst_storm", &(0..n).map(aborted).collect::<Vec<_>>());
    assert!(storm(49).is_empty());
    assert_eq!(storm(50)[0].severity, Severity::Note);
    assert_eq!(storm(50)[0].subject, crate::Subject::Host(ip("10.0.0.9")));
}

#[test]
fn a_reset_with_another_ttl_came_from_somewhere_else() {
    let reset = |ttl| {
        let mut flow = tcp("203.0.113.9", 443, 0);
        flow.from_server.ttl_min = Some(50.min(ttl));
        flow.from_server.ttl_max = Some(50.max(ttl));
        health_of(&mut flow).from_server.resets = 1;
        mark(&mut flow, MarkKind::Reset, false, 9, 0);
        health_of(&mut flow).marks[0].ttl = ttl;
        flow
    };
    assert_eq!(found("injected_rst", &[reset(61)]).len(), 1);
    assert!(found("injected_rst", &[reset(55)]).is_empty());
}

#[test]
fn two_cards_with_one_address_are_a_conflict_but_not_azures_router() {
    let claim = |last: u8, start: i64| {
        let mut flow = tcp("10.0.0.9", 0, 0);
        (flow.protocol, flow.tcp) = (Protocol::Arp, None);
        flow.server.port = 0;
        let hardware =
            if last == 0xbc { [0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc] } else { [2, 0, 0, 0, 0, last] };
        let (first, last) = (at(start), at(start));
        flow.arp = vec![ArpSender {
            is_client: false,
            hardware,
            capture: 0,
            packet: 3 + u64::from(hardware[5]),
            first,
            last,
        }];
        flow
    };
    let found_ = found("arp_conflict", &[claim(1, 0), claim(2, 50 * SECOND)]);
    assert_eq!(found_[0].display_filter(0).as_deref(), Some("frame.number in {4,5}"));
    assert!(found("arp_conflict", &[claim(1, 0), claim(1, SECOND)]).is_empty());
    assert!(found("arp_conflict", &[claim(1, 0), claim(2, 61 * SECOND)]).is_empty());
    assert!(found("arp_conflict", &[claim(1, 0), claim(0xbc, SECOND)]).is_empty());
}

#[test]
fn probes_that_fail_twice_in_a_row_take_an_endpoint_out() {
    let probe = |i: i64, fails: bool| {
        let make = if fails { refused } else { tcp };
        let mut flow = make("10.0.0.4", 80, i * 5 * SECOND);
        flow.client.ip = crate::azure::PLATFORM;
        flow
    };
    let flows = |fails: &[bool]| -> Vec<_> { (0..).zip(fails).map(|(i, fails)| probe(i, *fails)).collect() };
    assert!(found("health_probe", &flows(&[false; 6])).is_empty());
    assert_eq!(found("health_probe", &flows(&[false, true, false, false]))[0].severity, Severity::Note);
    assert_eq!(found("health_probe", &flows(&[false, true, true, false]))[0].severity, Severity::Warning);
    assert_eq!(found("health_probe", &flows(&[true; 3]))[0].severity, Severity::Critical);
    // What the platform asks is told by this detector alone.
    assert!(found("connection_failures", &flows(&[true; 9])).is_empty());
}

#[test]
fn late_answers_and_gaps_of_probes_are_told() {
    let mut flows: Vec<_> = (0..6).map(|i| tcp("10.0.0.4", 80, i * 5 * SECOND)).collect();
    for flow in &mut flows {
        flow.client.ip = crate::azure::PLATFORM;
    }
    health_of(&mut flows[3]).first_byte = Some(3 * SECOND);
    assert!(found("health_probe", &flows)[0].sentence.contains("late"));
    health_of(&mut flows[3]).first_byte = Some(SECOND);
    assert!(found("health_probe", &flows).is_empty());
    flows.drain(2..4);
    assert!(found("health_probe", &flows)[0].sentence.starts_with("no probe"));
}

#[test]
fn a_platform_that_does_not_answer_is_critical() {
    let ask = |i: i64| unanswered("168.63.129.16", 80, i * SECOND);
    assert!(found("platform_unreachable", &[ask(0)]).is_empty());
    let found_ = found("platform_unreachable", &[ask(0), ask(1)]);
    assert_eq!(found_[0].severity, Severity::Critical);
    let metadata: Vec<_> = (0..3).map(|i| refused("169.254.169.254", 80, i * SECOND)).collect();
    assert!(found("platform_unreachable", &metadata)[0].sentence.contains("instance metadata"));
    let fine = [tcp("168.63.129.16", 80, 0), tcp("168.63.129.16", 80, SECOND), ask(2)];
    assert!(found("platform_unreachable", &fine).is_empty());
}

#[test]
fn snat_ports_are_counted_at_a_time() {
    let flows =
        |n: i64, every: i64| -> Vec<_> { (0..n).map(|i| tcp("203.0.113.9", 443, i * every)).collect() };
    assert!(found("snat_exhaustion", &flows(700, SECOND / 10)).is_empty());
    assert_eq!(found("snat_exhaustion", &flows(800, SECOND / 10))[0].severity, Severity::Note);
    assert_eq!(found("snat_exhaustion", &flows(1_100, SECOND / 10))[0].severity, Severity::Warning);
    // One a second: 240 at a time.
    assert!(found("snat_exhaustion", &flows(3_000, SECOND)).is_empty());
}

#[test]
fn snat_ports_that_run_out_and_fail_are_critical() {
    let mut flows: Vec<_> = (0..1_100).map(|i| tcp("203.0.113.9", 443, i * 10_000_000)).collect();
    flows.extend((0..20).map(|i| unanswered("203.0.113.9", 443, 11 * SECOND + i)));
    assert_eq!(found("snat_exhaustion", &flows)[0].severity, Severity::Critical);
}

use capkeep_flow::{Analysis, ConnState, FlowRecord};

use super::common::{SECOND, UDP, findings_with, found, health_of, ip, refused, tcp, unanswered};
use crate::{Confidence, Settings, Severity, Subject};

#[test]
fn fifteen_ports_of_a_host_are_a_scan_and_fourteen_are_not() {
    let scan = |n: u16, every: i64| -> Vec<FlowRecord> {
        (0..n).map(|i| refused("10.0.0.9", 1_000 + i, i64::from(i) * every)).collect()
    };
    assert!(found("vertical_scan", &scan(14, 1)).is_empty());
    let found_ = found("vertical_scan", &scan(15, 1));
    assert_eq!(found_[0].subject, Subject::Hosts(ip("10.0.0.4"), ip("10.0.0.9")));
    assert_eq!(found_[0].severity, Severity::Warning);
    // One in 25 s: 13 within the window.
    assert!(found("vertical_scan", &scan(100, 25 * SECOND)).is_empty());
    // The same port again and again is no scan.
    let same: Vec<_> = (0..40).map(|i| refused("10.0.0.9", 80, i)).collect();
    assert!(found("vertical_scan", &same).is_empty());
}

#[test]
fn udp_ports_answered_by_icmp_are_scanned_too() {
    let probe = |port| {
        let mut flow = unanswered("10.0.0.9", port, 0);
        (flow.protocol, flow.tcp, flow.icmp_errors) = (UDP, None, 1);
        flow
    };
    assert_eq!(found("vertical_scan", &(1..=20).map(probe).collect::<Vec<_>>()).len(), 1);
}

#[test]
fn twenty_five_hosts_at_a_port_are_a_sweep() {
    let sweep = |n: i64| -> Vec<FlowRecord> {
        (0..n).map(|i| unanswered(&format!("10.0.1.{i}"), 445, i * SECOND / 10)).collect()
    };
    assert!(found("horizontal_scan", &sweep(24)).is_empty());
    let found_ = found("horizontal_scan", &sweep(25));
    assert_eq!((found_[0].severity, found_[0].confidence), (Severity::Warning, Confidence::High));
    let mut half = sweep(25);
    half.extend((0..60).map(|i| tcp(&format!("10.0.2.{i}"), 445, i * SECOND)));
    assert_eq!(found("horizontal_scan", &half)[0].confidence, Confidence::Medium, "most answer");
}

#[test]
fn segments_without_flags_are_probes() {
    let probe = |port: u16, flags: u8| {
        let mut flow = unanswered("10.0.0.9", port, 0);
        flow.conn_state = ConnState::Oth;
        flow.from_client.tcp_flags = flags;
        health_of(&mut flow).handshake.syns = 0;
        flow
    };
    for flags in [0, 1, 0x29] {
        let probes: Vec<_> = (1..=3).map(|port| probe(port, flags)).collect();
        assert_eq!(found("stealth_scan", &probes).len(), 1, "{flags}");
        assert!(found("stealth_scan", &probes[..2]).is_empty());
    }
    let acks: Vec<_> = (1..=30).map(|port| probe(port, 0x10)).collect();
    assert!(found("stealth_scan", &acks).is_empty());
}

#[test]
fn a_hundred_half_open_attempts_in_ten_seconds_are_a_flood() {
    let flood = |n: i64| -> Vec<FlowRecord> {
        let attempt = |i: i64| {
            let mut flow = unanswered("10.0.0.9", 80, i * 1_000_000);
            health_of(&mut flow).completeness = 3;
            flow
        };
        (0..n).map(attempt).collect()
    };
    assert!(found("syn_flood", &flood(99)).is_empty());
    assert_eq!(found("syn_flood", &flood(100))[0].severity, Severity::Warning);
    assert_eq!(found("syn_flood", &flood(1_000))[0].severity, Severity::Critical);
    let mut busy: Vec<_> = (0..300).map(|i| tcp("10.0.0.9", 80, i * 1_000_000)).collect();
    busy.extend(flood(100));
    assert!(found("syn_flood", &busy).is_empty(), "most are completed");
}

#[test]
fn thirty_short_ssh_connections_are_guesses_and_long_ones_are_not() {
    let guesses = |n: i64| -> Vec<FlowRecord> { (0..n).map(|i| tcp("10.0.0.9", 22, i * SECOND)).collect() };
    assert!(found("brute_force", &guesses(29)).is_empty());
    assert_eq!(found("brute_force", &guesses(30)).len(), 1);
    let mut work = guesses(40);
    for flow in &mut work {
        flow.from_server.payload_bytes = 100_000;
    }
    assert!(found("brute_force", &work).is_empty());
    assert!(found("brute_force", &(0..200).map(|i| tcp("10.0.0.9", 443, i)).collect::<Vec<_>>()).is_empty());
}

#[test]
fn contacts_by_the_clock_are_a_note() {
    let beacon = |n: i64, jitter: i64| -> Vec<FlowRecord> {
        (0..n).map(|i| tcp("203.0.113.9", 443, i * 60 * SECOND + i * i % 7 * jitter)).collect()
    };
    let found_ = found("beaconing", &beacon(10, SECOND / 10));
    assert_eq!((found_[0].severity, found_[0].confidence), (Severity::Note, Confidence::Medium));
    assert!(found("beaconing", &beacon(9, 0)).is_empty());
    let chance: Vec<_> =
        (0..40).map(|i: i64| tcp("203.0.113.9", 443, (i * i * i * 7_919 % 1_009) * SECOND)).collect();
    assert!(found("beaconing", &chance).is_empty());
    let inside: Vec<_> = (0..20).map(|i| tcp("10.0.0.9", 443, i * 60 * SECOND)).collect();
    assert!(found("beaconing", &inside).is_empty(), "monitors do that");
    let told = Settings::from_toml("[beaconing]\ninside = 1").unwrap();
    let told = findings_with(&inside, told, &Analysis::default()).list;
    assert_eq!((told[0].detector, told[0].confidence), ("beaconing", Confidence::Low));
    let metadata: Vec<_> = (0..20).map(|i| tcp("169.254.169.254", 80, i * 60 * SECOND)).collect();
    assert!(found("beaconing", &metadata).is_empty());
}

#[test]
fn uploads_to_the_internet_are_a_note_and_downloads_are_not() {
    let transfer = |server: &str, up, down| {
        let mut flow = tcp(server, 443, 0);
        (flow.from_client.payload_bytes, flow.from_server.payload_bytes) = (up, down);
        flow
    };
    assert_eq!(found("exfiltration", &[transfer("203.0.113.9", 10_000_000, 100_000)]).len(), 1);
    assert!(found("exfiltration", &[transfer("203.0.113.9", 9_000_000, 100_000)]).is_empty());
    assert!(found("exfiltration", &[transfer("203.0.113.9", 100_000, 50_000_000)]).is_empty());
    assert!(found("exfiltration", &[transfer("10.0.0.9", 50_000_000, 100_000)]).is_empty());
    let turned = [transfer("203.0.113.9", 20_000_000, 10_000), transfer("203.0.113.10", 10_000, 5_000_000)];
    assert_eq!(found("exfiltration", &turned)[0].confidence, Confidence::Medium);
}

#[test]
fn ordinary_traffic_says_nothing() {
    let flows: Vec<_> = (0..300)
        .map(|i: i64| tcp(&format!("203.0.113.{}", i % 7 + 1), 443, i * i % 997 * SECOND / 3))
        .collect();
    let list = super::common::findings(&flows).list;
    assert!(list.is_empty(), "{list:#?}");
}

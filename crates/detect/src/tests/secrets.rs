//! Detectors of TLS and of passwords in the clear, on packets.

use super::wire::{Talk, Wire, client_hello, handshake, record, server_hello};
use crate::{Finding, Severity};

const TLS_1_0: u16 = 0x0301;
const TLS_1_2: u16 = 0x0303;
/// `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`, `TLS_RSA_WITH_RC4_128_SHA`.
const GOOD: u16 = 0xc02f;
const RC4: u16 = 0x0005;
/// When [`CERTIFICATE`] begins and ends to be valid (2026-11-25 to 2026-12-25); seconds since the epoch.
const NOT_BEFORE: i64 = 1_795_622_792;
const NOT_AFTER: i64 = 1_798_214_792;
/// Of www.example.com.
const CERTIFICATE: &[u8] = include_bytes!("../../../flow/src/apps/testcert.der");

/// A handshake in which the server says this, at a time.
fn hello_at(at: i64, says: &[Vec<u8>]) -> Vec<Finding> {
    let mut wire = Wire::new();
    wire.at = at;
    let mut talk = wire.connect((4, 40_000), (9, 443));
    wire.ask(&mut talk, &client_hello());
    for message in says {
        wire.answer(&mut talk, message);
    }
    wire.found("weak_tls")
}

fn hello(says: &[Vec<u8>]) -> Vec<Finding> {
    hello_at(super::common::START, says)
}

#[test]
fn old_versions_and_broken_ciphers_are_warnings() {
    let old = hello(&[server_hello(TLS_1_0, 0x002f, &[])]);
    assert_eq!((old.len(), old[0].severity), (1, Severity::Warning));
    assert_eq!(old[0].sentence, "TLS 1.0 is spoken, which is forbidden");
    assert_eq!(old[0].display_filter(0).as_deref(), Some("frame.number in {5}"));
    assert_eq!(old[0].subject.to_string(), "10.0.0.9:443/tcp");
    let broken = hello(&[server_hello(TLS_1_2, RC4, &[])]);
    assert_eq!((broken.len(), broken[0].severity), (1, Severity::Warning));
    assert_eq!(broken[0].sentence, "a broken cipher is used: TLS_RSA_WITH_RC4_128_SHA");
    assert_eq!(hello(&[server_hello(TLS_1_0, RC4, &[])]).len(), 2, "both");
}

#[test]
fn versions_and_ciphers_of_today_are_fine() {
    assert!(hello(&[server_hello(TLS_1_2, GOOD, &[])]).is_empty());
    // TLS 1.3 says so in an extension (RFC 8446 section 4.2.1).
    assert!(hello(&[server_hello(TLS_1_2, 0x1301, &[0, 43, 0, 2, 3, 4])]).is_empty());
    assert!(hello(&[]).is_empty(), "nobody answers");
}

#[test]
fn certificates_are_held_against_the_time_of_the_capture() {
    let length = (CERTIFICATE.len() as u32).to_be_bytes();
    let list = [&length[1..], CERTIFICATE].concat();
    let total = (list.len() as u32).to_be_bytes();
    let certificate = handshake(11, &[&total[1..], &list].concat());
    let says = [server_hello(TLS_1_2, GOOD, &[]), certificate];
    let at = |seconds: i64| hello_at(seconds * 1_000_000_000, &says);
    assert!(at(NOT_BEFORE + 86_400).is_empty());
    let expired = at(NOT_AFTER + 10 * 86_400);
    assert_eq!((expired.len(), expired[0].severity), (1, Severity::Warning));
    assert!(expired[0].sentence.ends_with("has run out 10 days before"), "{}", expired[0].sentence);
    assert_eq!(expired[0].display_filter(0).as_deref(), Some("frame.number in {6}"));
    let early = at(NOT_BEFORE - 3 * 86_400);
    assert!(early[0].sentence.ends_with("is not valid for 3 days yet"), "{}", early[0].sentence);
}

#[test]
fn fatal_alerts_are_a_note_and_polite_ones_are_not() {
    let alert = |level, description| hello(&[record(21, &[level, description])]);
    let refused = alert(2, 40);
    assert_eq!((refused.len(), refused[0].severity), (1, Severity::Note));
    assert_eq!(refused[0].sentence, "handshakes end in an alert: handshake_failure by the server");
    assert_eq!(refused[0].display_filter(0).as_deref(), Some("frame.number in {5}"));
    assert!(alert(1, 40).is_empty(), "a warning");
    assert!(alert(2, 0).is_empty(), "close_notify");
}

/// Lines of both sides in turn, the server's first (`-` to say nothing), and what is found of them.
fn say(port: u16, lines: &[&str]) -> Vec<Finding> {
    let mut wire = Wire::new();
    talk(&mut wire, 4, port, lines);
    wire.found("cleartext_credentials")
}

fn talk(wire: &mut Wire, client: u8, port: u16, lines: &[&str]) {
    let mut talk: Talk = wire.connect((client, 40_000), (9, port));
    for (turn, line) in lines.iter().enumerate().filter(|(_, line)| **line != "-") {
        let line = line.replace('\n', "\r\n");
        let bytes: Vec<u8> = line.chars().map(|letter| letter as u8).collect();
        if turn % 2 == 0 {
            wire.answer(&mut talk, &bytes)
        } else {
            wire.ask(&mut talk, &bytes)
        };
    }
}

/// Each way to log on: port, lines, and the packet with the secret.
const LOGONS: &[(u16, &[&str], u64)] = &[
    (21, &["220 files\n", "USER backup\n", "331 go on\n", "PASS hunter2\n"], 7),
    (25, &["220 mail ESMTP\n", "EHLO a\n", "250 AUTH PLAIN\n", "AUTH PLAIN hunter2\n"], 7),
    (110, &["+OK mail\n", "USER backup\n", "+OK go on\n", "PASS hunter2\n"], 7),
    (143, &["* OK mail\n", "a1 LOGIN backup hunter2\n"], 5),
    (23, &["\u{ff}\u{fd}\u{18}", "-", "login: ", "backup\n", "Password: ", "hunter2\n"], 8),
    (80, &["-", "GET / HTTP/1.1\nHost: a\nAuthorization: Basic aHVudGVyMg==\n\n"], 4),
];

#[test]
fn each_way_to_log_on_in_the_clear_names_its_packet_and_never_the_secret() {
    for (port, lines, packet) in LOGONS {
        let found = say(*port, lines);
        assert_eq!(found.len(), 1, "port {port}");
        assert_eq!(found[0].severity, Severity::Warning);
        assert_eq!(found[0].display_filter(0), Some(format!("frame.number in {{{packet}}}")), "port {port}");
        assert!(found[0].sentence.starts_with("1 client logged on over "), "{}", found[0].sentence);
        let text = format!("{found:?}");
        assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg"), "{text}");
    }
}

#[test]
fn conversations_without_a_password_say_nothing() {
    let conversations: &[(u16, &[&str])] = &[
        (21, &["220 files\n", "USER backup\n", "331 go on\n", "QUIT\n"]),
        (25, &["220 mail ESMTP\n", "EHLO a\n", "250 STARTTLS\n", "STARTTLS\n"]),
        (110, &["+OK mail\n", "STLS\n"]),
        (143, &["* OK mail\n", "a1 STARTTLS\n"]),
        (23, &["\u{ff}\u{fd}\u{18}", "-", "login: ", "backup\n"]),
        (80, &["-", "GET / HTTP/1.1\nHost: a\nAuthorization: Bearer hunter2\n\n"]),
        (80, &["-", "GET /?Authorization:Basic HTTP/1.1\nHost: a\n\n"]),
        (8080, &["-", "PASS hunter2\n"]),
    ];
    for (port, lines) in conversations {
        assert!(say(*port, lines).is_empty(), "port {port}: {lines:?}");
    }
}

#[test]
fn clients_of_a_server_are_one_finding() {
    let mut wire = Wire::new();
    for client in [4, 5, 4] {
        talk(&mut wire, client, 21, LOGONS[0].1);
        wire.at += 300_000_000_000;
    }
    let found = wire.found("cleartext_credentials");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].sentence, "2 clients logged on over ftp in the clear");
    assert_eq!(found[0].flows.count, 3);
}

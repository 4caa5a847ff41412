//! Detectors of DNS, on packets.

use super::wire::{End, Wire, question, reply};
use crate::{Confidence, Finding, Severity, Subject};

const CLIENT: End = (4, 40_000);
const RESOLVER: End = (53, 53);
const NOERROR: u8 = 0;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
const REFUSED: u8 = 5;
const A: u16 = 1;
const TXT: u16 = 16;

/// Asks for so many names; what comes back is told by their number: nothing, or a code.
fn resolve(times: u16, answer: impl Fn(u16) -> Option<u8>) -> Wire {
    let mut wire = Wire::new();
    for number in 0..times {
        let asked = question(number, &format!("host{number}.corp.test"), A);
        wire.udp(CLIENT, RESOLVER, &asked);
        if let Some(code) = answer(number) {
            wire.udp(RESOLVER, CLIENT, &reply(&asked, code));
        }
    }
    wire
}

fn failures(times: u16, answer: impl Fn(u16) -> Option<u8>) -> Vec<Finding> {
    resolve(times, answer).found("dns_failures")
}

#[test]
fn one_in_ten_questions_unanswered_is_a_warning_and_fewer_are_not() {
    let silent = |times, silent: u16| failures(times, |number| (number >= silent).then_some(NOERROR));
    let found = silent(30, 3);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].severity, found[0].confidence), (Severity::Warning, Confidence::High));
    assert_eq!(found[0].sentence, "10.0 % of 30 DNS questions get no answer");
    assert_eq!(found[0].display_filter(0).as_deref(), Some("frame.number in {1..3}"));
    assert_eq!(found[0].subject.to_string(), "10.0.0.53:53/udp");
    assert!(silent(31, 3).is_empty(), "less than a tenth");
    assert!(silent(2, 2).is_empty(), "two are lost");
    assert!(silent(30, 0).is_empty());
}

#[test]
fn one_in_ten_answers_failing_is_a_warning_and_fewer_are_not() {
    let failing = |times, failing: u16, code| {
        failures(times, move |number| Some(if number < failing { code } else { NOERROR }))
    };
    for code in [SERVFAIL, REFUSED] {
        let found = failing(30, 3, code);
        assert_eq!((found.len(), found[0].severity), (1, Severity::Warning));
        assert_eq!(found[0].sentence, "10.0 % of 30 DNS answers are failures (SERVFAIL, REFUSED)");
        assert_eq!(found[0].display_filter(0).as_deref(), Some("frame.number in {2,4,6}"));
    }
    assert!(failing(31, 3, SERVFAIL).is_empty());
    assert!(failing(9, 2, SERVFAIL).is_empty());
}

#[test]
fn half_of_the_names_unknown_is_a_note_and_fewer_are_not() {
    let unknown = |times, unknown: u16| {
        failures(times, move |number| Some(if number < unknown { NXDOMAIN } else { NOERROR }))
    };
    let found = unknown(20, 10);
    assert_eq!((found.len(), found[0].severity), (1, Severity::Note));
    assert_eq!(found[0].sentence, "50.0 % of 20 DNS answers say that there is no such name");
    assert_eq!(found[0].packets.count, 10);
    assert!(unknown(21, 10).is_empty());
    assert!(unknown(9, 9).is_empty());
}

#[test]
fn one_in_twenty_answers_late_is_a_note_and_fewer_are_not() {
    let slow = |times: u16, slow: u16, seconds: i64| {
        let mut wire = Wire::new();
        for number in 0..times {
            let asked = question(number, "www.corp.test", A);
            wire.udp((4, 40_000 + number), RESOLVER, &asked);
            wire.at += if number < slow { seconds * 1_000_000_000 } else { 0 };
            wire.udp(RESOLVER, (4, 40_000 + number), &reply(&asked, NOERROR));
        }
        wire.found("dns_failures")
    };
    let found = slow(20, 2, 2);
    assert_eq!((found.len(), found[0].severity), (1, Severity::Note));
    assert_eq!(found[0].sentence, "one in twenty DNS answers takes 2.0 s and longer");
    assert_eq!(found[0].display_filter(0).as_deref(), Some("frame.number in {2,4}"));
    assert!(slow(20, 1, 2).is_empty());
    assert!(slow(19, 2, 2).is_empty());
    assert!(slow(20, 20, 0).is_empty());
}

/// Asks for so many names of a type.
fn tunnel(times: u16, kind: u16, name: impl Fn(u16) -> String) -> Vec<Finding> {
    let mut wire = Wire::new();
    for number in 0..times {
        let asked = question(number, &name(number), kind);
        wire.udp(CLIENT, RESOLVER, &asked);
        wire.udp(RESOLVER, CLIENT, &reply(&asked, NOERROR));
    }
    wire.found("dns_tunnel")
}

#[test]
fn a_hundred_long_names_below_a_domain_may_carry_data() {
    let long = |number| format!("{number:020}.exfil.test");
    let found = tunnel(100, TXT, long);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].severity, found[0].confidence), (Severity::Warning, Confidence::High));
    assert_eq!(
        found[0].sentence,
        "100 different names below exfil.test were asked for: they may carry data (2.0 kB)"
    );
    assert!(matches!(found[0].subject, Subject::Conversation(..)));
    assert_eq!((found[0].packets.count, found[0].flows.count), (100, 1));
    assert!(tunnel(99, TXT, long).is_empty());
    // Long names or types that carry data: either will do, and is less sure.
    assert_eq!(tunnel(100, A, long)[0].confidence, Confidence::Medium);
    assert_eq!(tunnel(100, TXT, |number| format!("h{number}.exfil.test"))[0].confidence, Confidence::Medium);
}

#[test]
fn names_for_people_and_machines_are_no_tunnel() {
    assert!(tunnel(250, A, |number| format!("{number:019}.corp.test")).is_empty(), "names of 19 bytes");
    assert!(tunnel(250, TXT, |_| format!("{:050}.corp.test", 7)).is_empty(), "one name again and again");
    assert!(
        tunnel(250, A, |number| format!("{:030}.site{number}.test", 7)).is_empty(),
        "domains of their own"
    );
    let reverse = |number| format!("{}.{}.0.10.in-addr.arpa", number % 250, number / 250);
    assert!(tunnel(250, 12, reverse).is_empty(), "reverse lookups");
}

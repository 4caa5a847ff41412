//! Whatever applications say, nothing panics, and the bounds hold.

use proptest::prelude::*;
use proptest::sample::Index;

use super::property::is_bounded;
use super::wire::{Talk, Wire, client_hello, handshake, question, record, reply, server_hello};

/// A payload as an application would say it.
fn spoken() -> impl Strategy<Value = Vec<u8>> {
    let lines = prop_oneof![
        Just("220 ftp\r\n"),
        Just("PASS hunter2\r\n"),
        Just("* OK\r\n"),
        Just("a LOGIN b hunter2\r\n"),
        Just("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic aHVudGVyMg==\r\n\r\n"),
        Just("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        Just("SSH-2.0-x\r\n"),
    ];
    let name = "[a-zA-Z0-9=-]{1,60}\\.[a-z]{1,3}\\.[a-z]{2,3}";
    prop_oneof![
        4 => (any::<u16>(), name, prop_oneof![Just(1u16), Just(16), Just(10), any::<u16>()])
            .prop_map(|(id, name, kind)| question(id % 8, &name, kind)),
        4 => (any::<u16>(), name, any::<u8>()).prop_map(|(id, name, code)| reply(&question(id % 8, &name, 1), code % 16)),
        1 => Just(client_hello()),
        1 => (any::<u16>(), any::<u16>()).prop_map(|(version, cipher)| server_hello(version, cipher, &[])),
        1 => any::<(u8, u8)>().prop_map(|(level, what)| record(21, &[level, what])),
        1 => (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..90)).prop_map(|(kind, body)| handshake(kind, &body)),
        3 => lines.prop_map(|line| line.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 1..200),
    ]
}

/// The same, of which some are damaged: a byte changed, the end cut off.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let damage = proptest::option::weighted(0.4, (any::<Index>(), any::<u8>(), any::<Index>()));
    (spoken(), damage).prop_map(|(mut payload, damage)| {
        if let Some((place, byte, end)) = damage {
            let place = place.index(payload.len());
            payload[place] = byte;
            payload.truncate(end.index(payload.len()) + 1);
        }
        payload
    })
}

const PORTS: &[u16] = &[53, 443, 21, 80, 25, 5_353, 8_080];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_applications_say_nothing_panics(
        packets in proptest::collection::vec((0..PORTS.len(), 0..3u8, any::<bool>(), any::<bool>(), 0..9_000i64, payload()), 0..300),
    ) {
        let make = || {
            let mut wire = Wire::new();
            let mut talks: Vec<(u16, u8, Talk)> = Vec::new();
            for (port, client, over_tcp, asks, millis, payload) in &packets {
                let (port, client) = (PORTS[*port], client + 4);
                wire.at += millis * 1_000_000;
                if !over_tcp {
                    let (client, server) = ((client, 40_000), (9, port));
                    if *asks { wire.udp(client, server, payload) } else { wire.udp(server, client, payload) };
                    continue;
                }
                let place = talks.iter().position(|talk| (talk.0, talk.1) == (port, client));
                let place = place.unwrap_or_else(|| {
                    talks.push((port, client, wire.connect((client, 40_000), (9, port))));
                    talks.len() - 1
                });
                let talk = &mut talks[place].2;
                if *asks { wire.ask(talk, payload) } else { wire.answer(talk, payload) };
            }
            wire.findings()
        };
        let found = make();
        prop_assert!(is_bounded(&found));
        prop_assert_eq!(&found, &make());
        for finding in &found.list {
            prop_assert!(!finding.sentence.is_empty() && !finding.sentence.contains(char::is_control));
            prop_assert!(finding.numbers.iter().all(|number| number.value.is_finite()));
            let text = format!("{finding:?}");
            prop_assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg"), "{}", text);
        }
    }
}

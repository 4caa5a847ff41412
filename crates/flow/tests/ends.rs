//! Two captures of the same traffic, made from one: what was done to it is found again.

#![allow(clippy::unwrap_used, reason = "a test may fail anywhere, not only inside of a #[test]")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use capkeep_flow::compare;
use capkeep_testkit::{Packet, Pcap, Random, Resolution, Traffic, encode};

/// What is done between the ends.
struct Way {
    delay_ns: i64,
    jitter_ns: i64,
    loss_per_mille: u64,
    offset_ns: i64,
    drift: f64,
    translate: bool,
}

/// Captures at both ends and the places of the lost packets in the capture of the end that sent them.
struct Ends {
    folder: tempfile::TempDir,
    lost: [BTreeSet<i64>; 2],
    delays: [Vec<i64>; 2],
}

impl Ends {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn ends(way: &Way) -> Ends {
    let mut random = Random::new(7);
    let traffic: Vec<Packet> =
        Traffic { resolution_ns: 1, ..Traffic::plain(20_000, 400, 3) }.packets().collect();
    let begin = traffic[0].time_ns;
    let clock = |at: i64| at + way.offset_ns + ((at - begin) as f64 * way.drift) as i64;
    let (mut near, mut far) = (Vec::new(), Vec::new());
    let mut lost = [BTreeSet::new(), BTreeSet::new()];
    let mut delays = [Vec::new(), Vec::new()];
    for packet in traffic {
        let is_forth = packet.origin.is_none_or(|origin| origin.from_client);
        let sent = packet.time_ns;
        let took = way.delay_ns + random.below(way.jitter_ns.max(1) as u64) as i64;
        let is_lost = random.below(1_000) < way.loss_per_mille;
        let mut there = packet.clone();
        if way.translate && is_v4(&packet.data) {
            translate(&mut there.data, is_forth);
        }
        if is_forth {
            near.push(packet);
            there.time_ns = clock(sent + took);
            if is_lost {
                lost[0].insert(sent);
            } else {
                far.push(there);
            }
        } else {
            there.time_ns = clock(sent);
            let at_far = there.time_ns;
            far.push(there);
            if is_lost {
                lost[1].insert(at_far);
            } else {
                near.push(Packet { time_ns: sent + took, ..packet });
            }
        }
        if !is_lost {
            delays[usize::from(!is_forth)].push(took);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, packets) in [("near.pcap", &mut near), ("far.pcap", &mut far)] {
        packets.sort_by_key(|packet| packet.time_ns);
        let file = encode(&mut Pcap { resolution: Resolution::Nanos, ..Pcap::ETHERNET }, packets.iter());
        std::fs::write(folder.path().join(name), file).unwrap();
    }
    Ends { folder, lost, delays }
}

fn is_v4(frame: &[u8]) -> bool {
    frame[12..14] == [8, 0]
}

/// Gives the client another address and port, as a source address translation does.
fn translate(frame: &mut [u8], is_forth: bool) {
    let (address, port) = if is_forth { (26, 34) } else { (30, 36) };
    frame[address] = 198;
    frame[address + 1] = 51;
    if matches!(frame[23], 6 | 17) {
        frame[port] ^= 0x10;
    }
}

fn check(way: &Way, margin_ns: i64) {
    let ends = ends(way);
    let found = compare(&ends.path("near.pcap"), &ends.path("far.pcap"), None);
    let clocks = found.clocks.unwrap();
    let expected = way.offset_ns as f64 + (clocks.at - Traffic::START_NS) as f64 * way.drift;
    assert!((clocks.offset as f64 - expected).abs() < 100_000.0, "{clocks:?}, offset {expected}");
    assert!((clocks.drift - way.drift * 1e6).abs() < 2.0, "{clocks:?}");
    for (direction, lost) in ends.lost.iter().enumerate() {
        let named: BTreeSet<i64> = found
            .flows
            .iter()
            .flat_map(|flow| if direction == 0 { &flow.forth.lost } else { &flow.back.lost })
            .map(|missing| missing.at)
            .collect();
        // Flows of which nothing arrived are told apart from flows that lost something.
        let extra: Vec<_> = named.difference(lost).collect();
        assert!(extra.is_empty(), "{} packets named that were not lost", extra.len());
        let alone: u64 = found.alone.iter().map(|(_, packets)| packets).sum();
        assert!(
            lost.difference(&named).count() as u64 <= alone,
            "{} not named",
            lost.difference(&named).count()
        );
        let mut delays = ends.delays[direction].clone();
        delays.sort_unstable();
        let all: Vec<_> = found
            .flows
            .iter()
            .filter_map(|flow| if direction == 0 { flow.forth.delay } else { flow.back.delay })
            .collect();
        let least = all.iter().map(|delay| delay.min).min().unwrap();
        assert!((least - delays[0]).abs() < margin_ns, "{least} {}", delays[0]);
        let medians = all.iter().map(|delay| delay.median * delay.count as i64).sum::<i64>()
            / all.iter().map(|delay| delay.count as i64).sum::<i64>();
        let median = delays[delays.len() / 2];
        assert!((medians - median).abs() < margin_ns + way.jitter_ns / 4, "{medians} {median}");
    }
}

const WAY: Way = Way {
    delay_ns: 10_000_000,
    jitter_ns: 400_000,
    loss_per_mille: 10,
    offset_ns: 3_000_000_000,
    drift: 50e-6,
    translate: false,
};

#[test]
fn losses_delays_and_clocks_are_found() {
    check(&WAY, 100_000);
}

#[test]
fn they_are_found_through_an_address_translation_too() {
    check(&Way { translate: true, ..WAY }, 100_000);
    let ends = ends(&Way { translate: true, ..WAY });
    let found = compare(&ends.path("near.pcap"), &ends.path("far.pcap"), None);
    let is_translated = |flow: &&capkeep_flow::Pair| flow.rewritten.iter().any(|one| one.field == "source");
    assert!(found.flows.iter().filter(is_translated).count() > 100);
}

#[test]
fn the_same_capture_twice_has_no_losses_and_no_delay() {
    let ends = ends(&WAY);
    let near = ends.path("near.pcap");
    let found = compare(&near, &near, None);
    let clocks = found.clocks.unwrap();
    assert_eq!((clocks.offset, found.alone), (0, [(0, 0), (0, 0)]));
    for flow in &found.flows {
        assert!(flow.forth.lost.is_empty() && flow.back.lost.is_empty() && flow.rewritten.is_empty());
    }
}

#[test]
fn captures_of_different_traffic_have_nothing_in_common() {
    let one = ends(&WAY);
    let packets: Vec<Packet> = Traffic::plain(500, 20, 99).packets().collect();
    let other = one.path("other.pcap");
    std::fs::write(&other, encode(&mut Pcap::ETHERNET.clone(), packets.iter())).unwrap();
    let found = compare(&one.path("near.pcap"), &other, None);
    assert!(found.pairs < 20, "{}", found.pairs);
}

/// Real programs on both sides of a way on which packets were lost, late and swapped (testdata/ends).
#[test]
fn what_was_lost_between_two_real_captures_is_named_and_the_clocks_are_found() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/ends");
    let truth: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("truth.json")).unwrap()).unwrap();
    for (name, truth) in truth.as_object().unwrap() {
        let path = |end: &str| folder.join(format!("{name}-{end}.pcap.gz"));
        let found = compare(&path("near"), &path("far"), None);
        assert_eq!(found.alone, [(0, 0), (0, 0)], "{name}");
        let clocks = found.clocks.unwrap();
        // 20 s of traffic, whose jitter is 2 ms.
        assert!((clocks.drift - truth["drift_ppm"].as_f64().unwrap()).abs() < 5.0, "{name}: {clocks:?}");
        let offset = truth["offset_ns"].as_f64().unwrap();
        assert!((clocks.offset as f64 - offset).abs() < 1_500_000.0, "{name}: {clocks:?}");
        for (lost, min, is_forth) in
            [("lost_to_second", "delay_to_second_ns", true), ("lost_to_first", "delay_to_first_ns", false)]
        {
            let ways: Vec<_> =
                found.flows.iter().map(|flow| if is_forth { &flow.forth } else { &flow.back }).collect();
            let mut named: Vec<u64> =
                ways.iter().flat_map(|way| way.lost.iter().map(|missing| missing.packet)).collect();
            named.sort_unstable();
            let expected: Vec<u64> =
                truth[lost].as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).collect();
            assert_eq!(named, expected, "{name}: {lost}");
            let least = ways.iter().filter_map(|way| way.delay).map(|delay| delay.min).min().unwrap();
            let expected = truth[min]["min"].as_i64().unwrap();
            assert!((least - expected).abs() < 100_000, "{name}: {least} {expected}");
        }
        let is_translated =
            found.flows.iter().all(|flow| flow.rewritten.iter().any(|it| it.field == "source"));
        assert_eq!(is_translated, name == "translated");
    }
}

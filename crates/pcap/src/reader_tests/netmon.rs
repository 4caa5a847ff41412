//! Microsoft Network Monitor.

use super::make::netmon;
use super::{Error, read};
use crate::{Format, LinkType};

/// 2016-08-25 13:19:01.810 UTC, the start of the capture.
const START: i64 = 1_472_131_141_810_000_000;

const FRAMES: &[(u16, &[u8])] = &[(1, b"first"), (1, b"second"), (1, b"third")];

#[test]
fn times_count_from_the_start_or_stand_in_the_trailer() {
    for (version, format, first, step) in [
        ((1, 1), Format::NetMon1, START, 2_000_000),
        ((2, 0), Format::NetMon2, START, 2_000),
        ((2, 1), Format::NetMon2, START, 2_000),
        ((2, 2), Format::NetMon2, START, 2_000),
        ((2, 3), Format::NetMon2, START + 812_700, 100),
    ] {
        let read = read(&netmon(version, 1, FRAMES, &[0, 1, 2])).sound();
        assert_eq!(read.facts.format, Some(format));
        assert_eq!(read.times(), [first, first + step, first + 2 * step], "{version:?}");
        assert_eq!(read.bytes(), [b"first".as_slice(), b"second", b"third"]);
        assert!(read.packets.iter().all(|(f, _)| f.wire_len == f.captured_len + 1));
    }
}

#[test]
fn frames_come_in_the_order_of_the_table() {
    let read = read(&netmon((2, 3), 1, FRAMES, &[2, 0, 1])).sound();
    assert_eq!(read.bytes(), [b"third".as_slice(), b"first", b"second"]);
}

#[test]
fn each_frame_has_its_medium_and_some_are_no_packets() {
    let frames: &[(u16, &[u8])] = &[
        (0, b"ethernet"),
        (6, b"wifi"),
        (8, b"ip"),
        (0xe071, b"cooked"),
        (0xffe0, b"event"),
        (0xfffb, b"interfaces"),
        (0xffff, b"filter"),
        (0xfffc, b"payload"),
        (0xfffd, b"info"),
        (0xfffe, b"names"),
        (77, b"what"),
    ];
    let order: Vec<_> = (0..frames.len()).collect();
    let read = read(&netmon((2, 2), 1, frames, &order)).sound();
    let seen: Vec<_> = read.packets.iter().map(|(f, _)| f.link_type).collect();
    assert_eq!(
        seen,
        [
            LinkType::ETHERNET,
            LinkType::NETMON_IEEE802_11,
            LinkType::RAW,
            LinkType::LINUX_SLL,
            LinkType::NETMON_EVENT,
            LinkType::NETMON_INFO,
            LinkType::NETMON_INFO,
            LinkType::UNKNOWN,
        ]
    );
    assert_eq!(read.facts.other_records.iter().map(|(_, count)| count).sum::<u64>(), 3);
}

#[test]
fn atm_frames_lose_the_header_in_front() {
    let read = read(&netmon((2, 0), 4, &[(0, b"twelve bytesthe rest")], &[0])).sound();
    assert_eq!(read.bytes(), [b"the rest"]);
    let frame = read.packets.first().unwrap().0;
    assert_eq!((frame.wire_len, frame.link_type), (9, LinkType::ATM_RFC1483));
}

#[test]
fn times_before_the_start_are_read() {
    let mut file = netmon((2, 1), 1, FRAMES, &[0, 1, 2]);
    file.splice(128..136, (-5_i64).to_le_bytes());
    assert_eq!(read(&file).sound().times().first(), Some(&(START - 5_000)));
}

#[test]
fn many_frames_and_jumps_are_read_as_they_stand() {
    let packets: Vec<Vec<u8>> = (0..5_000_u32).map(|n| vec![n as u8; (n * 37 % 1_500) as usize]).collect();
    let frames: Vec<(u16, &[u8])> = packets.iter().map(|packet| (1, packet.as_slice())).collect();
    let straight: Vec<usize> = (0..frames.len()).collect();
    let backwards: Vec<usize> = straight.iter().rev().copied().collect();
    // 7 and 5,000 have no common divisor: every frame once.
    let shuffled: Vec<usize> = straight.iter().map(|n| n * 7 % frames.len()).collect();
    for order in [straight, backwards, shuffled] {
        let read = read(&netmon((2, 3), 1, &frames, &order)).sound();
        let expected: Vec<&[u8]> = order.iter().map(|&n| packets.get(n).unwrap().as_slice()).collect();
        assert!(read.bytes() == expected);
    }
}

#[test]
fn a_table_that_was_cut_off_is_missed_at_the_end_of_the_file() {
    let whole = netmon((2, 3), 1, FRAMES, &[0, 1, 2]);
    for len in [whole.len() - 13, whole.len() - 40] {
        let read = read(whole.get(..len).unwrap());
        assert_eq!(read.error.as_ref().and_then(Error::offset), Some(len as u64), "{:?}", read.error);
    }
}

#[test]
fn tables_that_point_nowhere_or_twice_are_damage() {
    let sound = netmon((2, 3), 1, FRAMES, &[0, 1, 2]);
    let table = sound.len() - 12;
    for (entry, offset) in [(u32::MAX, table + 8), (sound.len() as u32, table + 8)] {
        let mut file = sound.clone();
        file.splice(table + 8.., entry.to_le_bytes());
        let read = read(&file);
        assert_eq!(read.packets.len(), 2);
        let at = read.error.as_ref().and_then(Error::offset);
        assert_eq!(at, Some(offset as u64), "{:?}", read.error);
    }
    let again = read(&netmon((2, 3), 1, FRAMES, &[0, 0]));
    assert_eq!(again.packets.len(), 1);
    assert!(matches!(again.error, Some(Error::Damaged { offset: 128, .. })));
    let loops: Vec<usize> = (0..1000).map(|n| n % 2).collect();
    let loops = read(&netmon((2, 3), 1, &[(1, &[0; 9_000]), (1, &[0; 9_000])], &loops));
    assert!(loops.packets.len() < 4, "{}", loops.packets.len());
    assert!(matches!(loops.error, Some(Error::Damaged { .. })));
}

#[test]
fn a_table_beyond_the_end_is_a_cut_file() {
    let file = netmon((2, 3), 1, FRAMES, &[0, 1, 2]);
    let read = read(file.get(..file.len() - 1).unwrap());
    assert!(matches!(read.error, Some(Error::CutShort { needed: 12, available: 11, .. })));
}

#[test]
fn comments_are_kept() {
    let mut file = netmon((2, 3), 1, FRAMES, &[0, 1, 2]);
    let title: Vec<u8> = "Größe\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut comments = Vec::new();
    for _ in 0..2 {
        comments.extend([1, 128, title.len() as u32].iter().flat_map(|n: &u32| n.to_le_bytes()));
        comments.extend(&title);
        comments.extend([3, 0, 0, 0, b'x', b'y', b'z']);
    }
    file.splice(40..44, (file.len() as u32).to_le_bytes());
    file.splice(44..48, (comments.len() as u32).to_le_bytes());
    file.extend(comments);
    let facts = read(&file).sound().facts;
    assert_eq!(facts.comments, ["Größe", "Größe"]);
}

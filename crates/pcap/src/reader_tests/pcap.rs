//! libpcap and its variants.

use super::make::{Bytes, pcap, record};
use super::{Error, read};
use crate::{Format, LinkType};

const MICROS: u32 = 0xa1b2_c3d4;
const NANOS: u32 = 0xa1b2_3c4d;
const MODIFIED: u32 = 0xa1b2_cd34;

#[test]
fn both_byte_orders_and_both_resolutions_are_read() {
    for big in [false, true] {
        for (magic, unit, format) in [(MICROS, 1_000, Format::Pcap), (NANOS, 1, Format::PcapNanos)] {
            let file = record(pcap(big, magic, (2, 4), 101), 4_000_000_000, 7, b"abc", 60);
            let read = read(&file.data).sound();
            assert_eq!(read.facts.format, Some(format));
            assert_eq!(read.times(), [4_000_000_000_000_000_000 + 7 * unit]);
            let (frame, bytes) = read.packets.first().unwrap();
            assert_eq!((frame.captured_len, frame.wire_len, bytes.as_slice()), (3, 60, b"abc".as_slice()));
            assert_eq!(frame.link_type, LinkType::RAW);
        }
    }
}

#[test]
fn a_file_of_only_a_header_has_no_packets() {
    let read = read(&pcap(false, MICROS, (2, 4), 1).data).sound();
    assert!(read.packets.is_empty());
    assert_eq!(read.facts.interfaces.len(), 1);
}

#[test]
fn the_upper_half_of_the_network_field_is_not_link_type() {
    let file = record(pcap(true, MICROS, (2, 4), 0x4400_0001), 1, 0, b"a", 1);
    assert_eq!(read(&file.data).sound().packets.first().unwrap().0.link_type, LinkType::ETHERNET);
}

#[test]
fn numbers_from_before_the_registry_are_translated() {
    for (network, link_type) in [(11, LinkType::ATM_RFC1483), (12, LinkType::RAW), (14, LinkType::RAW)] {
        let read = read(&pcap(false, MICROS, (2, 4), network).data).sound();
        assert_eq!(read.facts.interfaces.first().unwrap().link_type, link_type);
    }
}

#[test]
fn more_than_a_second_of_microseconds_is_carried_over() {
    let file = record(pcap(false, MICROS, (2, 4), 1), 10, 1_000_001, b"", 0);
    assert_eq!(
        read(&record(file, 10, 0x8000_0000, b"", 0).data).sound().times(),
        [11_000_001_000, 10_000_000_000]
    );
}

#[test]
fn more_captured_than_on_the_wire_is_taken_as_it_is() {
    let read = read(&record(pcap(false, MICROS, (2, 4), 1), 1, 0, b"abcdef", 2).data).sound();
    let frame = read.packets.first().unwrap().0;
    assert_eq!((frame.captured_len, frame.wire_len), (6, 2));
}

#[test]
fn versions_before_2_3_have_their_lengths_the_other_way_round() {
    for (version, first, second) in [((2, 2), 60, 3), ((2, 3), 60, 3), ((2, 3), 3, 60), ((543, 0), 60, 3)] {
        let file = pcap(true, MICROS, version, 1).u32(1).u32(0).u32(first).u32(second).bytes(b"abc");
        let frame = read(&file.data).sound().packets.first().unwrap().0;
        assert_eq!((frame.captured_len, frame.wire_len), (3, 60), "{version:?}");
    }
}

#[test]
fn aix_counts_nanoseconds_and_interface_types() {
    let file = record(pcap(true, MICROS, (2, 2), 6), 1, 999_999_999, b"abc", 3);
    let aix = read(&file.data).sound();
    assert_eq!(aix.facts.format, Some(Format::PcapAix));
    assert_eq!(aix.times(), [1_999_999_999]);
    assert_eq!(aix.packets.first().unwrap().0.link_type, LinkType::ETHERNET);
    let fddi = read(&record(pcap(true, MICROS, (2, 2), 15), 1, 0, b"...abc", 6).data).sound();
    assert_eq!(fddi.bytes(), [b"abc"]);
    assert_eq!(fddi.packets.first().unwrap().0.wire_len, 3);
}

#[test]
fn longer_record_headers_are_told_apart_by_what_makes_sense() {
    for big in [false, true] {
        for (magic, extra, format) in [
            (MICROS, 0, Format::Pcap),
            (MICROS, 8, Format::PcapRedHat),
            (MICROS, 4, Format::PcapNokia),
            (MODIFIED, 8, Format::PcapModified),
            (MODIFIED, 12, Format::PcapSuse),
        ] {
            let mut file = pcap(big, magic, (2, 4), 1);
            for second in 1..5 {
                file = file.u32(1_000_000_000 + second).u32(5).u32(14).u32(14);
                let header = Bytes::new(big).u32(2).u16(0x0800).bytes(&[0; 6]);
                file = file.bytes(header.data.get(..extra).unwrap()).bytes(b"\xffabcdefghijklm");
            }
            let read = read(&file.data).sound();
            assert_eq!(read.facts.format, Some(format));
            assert_eq!(read.bytes(), [b"\xffabcdefghijklm"; 4]);
        }
    }
}

#[test]
fn a_file_cut_behind_a_record_is_no_variant() {
    for (magic, format) in [(MICROS, Format::Pcap), (MODIFIED, Format::PcapModified)] {
        for packets in 1..4 {
            let mut file = pcap(true, magic, (2, 4), 1);
            for second in 1..=packets {
                // Loopback: what would be the longer header is zero. Two bytes of zero make a length of the others.
                let header = Bytes::new(true).u32(0).u32(0);
                file = file.u32(1_000_000_000 + second).u32(0).u32(20).u32(20);
                file = if magic == MODIFIED { file.bytes(&header.data) } else { file };
                file = file.bytes(&[0, 0, 1, 0]).bytes(&[0; 16]);
            }
            let whole = file.data.len();
            let file = file.u32(1_000_000_009).u32(0).u32(20).data;
            for len in whole..=file.len() {
                let read = read(file.get(..len).unwrap());
                assert_eq!(read.facts.format, Some(format), "{packets} packets and {} bytes", len - whole);
                assert_eq!(read.packets.len(), packets as usize);
                assert_eq!(
                    read.error.as_ref().and_then(Error::offset),
                    (len > whole).then_some(whole as u64)
                );
            }
        }
    }
}

#[test]
fn ixia_has_four_bytes_more_in_the_file_header() {
    for (magic, nanos) in [(0x1c00_01ab, 7_000), (0x1c00_01ac, 7)] {
        let file = record(pcap(true, magic, (2, 4), 1).u32(1234), 0, 7, b"abc", 3);
        assert_eq!(read(&file.data).sound().times(), [nanos]);
    }
}

#[test]
fn packets_of_jumbograms_and_big_tcp_pass_and_absurd_ones_do_not() {
    let large = vec![7; 200_000];
    let file = record(pcap(false, MICROS, (2, 4), 1), 1, 0, &large, 200_000);
    assert_eq!(read(&file.data).sound().bytes(), [large.as_slice()]);
    let damaged = record(file, 2, 0, b"", 0).u32(1).u32(0).u32(262_145).u32(60);
    let read = read(&damaged.data);
    assert_eq!(read.packets.len(), 2);
    assert!(matches!(read.error, Some(Error::Damaged { offset: 200_056, .. })), "{:?}", read.error);
}

#[test]
fn link_types_with_huge_packets_have_a_higher_limit() {
    let large = vec![7; 3_000_000];
    let file = record(pcap(false, MICROS, (2, 4), 231), 1, 0, &large, 3_000_000);
    let read = read(&record(file, 1, 1, b"next", 4).data).sound();
    assert_eq!(read.bytes(), [large.as_slice(), b"next"]);
}

#[test]
fn a_cut_record_is_reported_where_it_starts() {
    let file = record(record(pcap(false, MICROS, (2, 4), 1), 1, 0, b"abc", 3), 2, 0, b"defg", 4).data;
    let cut = read(file.get(..file.len() - 1).unwrap());
    assert_eq!(cut.bytes(), [b"abc"]);
    assert!(matches!(cut.error, Some(Error::CutShort { offset: 43, needed: 20, available: 19, .. })));
    let cut = read(file.get(..50).unwrap());
    assert!(matches!(cut.error, Some(Error::CutShort { offset: 43, needed: 16, available: 7, .. })));
    let cut = read(file.get(..20).unwrap());
    assert!(matches!(cut.error, Some(Error::CutShort { offset: 0, needed: 24, available: 20, .. })));
}

#[test]
fn versions_before_2_are_refused() {
    let read = read(&pcap(false, MICROS, (1, 2), 1).data);
    assert!(matches!(read.error, Some(Error::Damaged { offset: 4, .. })));
}

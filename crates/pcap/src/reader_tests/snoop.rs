//! snoop.

use super::make::{Bytes, snoop, snoop_record};
use super::{Error, read};
use crate::{Format, LinkType};

#[test]
fn records_are_read_with_their_padding_and_drops() {
    let file = snoop_record(snoop_record(snoop(4), 5, b"abc", 1, 2), 6, b"defg", 0, 7);
    let read = read(&file.data).sound();
    assert_eq!(read.facts.format, Some(Format::Snoop));
    assert_eq!(read.bytes(), [b"abc".as_slice(), b"defg"]);
    assert_eq!(read.times(), [5_000_007_000, 6_000_007_000]);
    assert_eq!(read.packets.first().unwrap().0.wire_len, 4);
    assert_eq!(read.facts.interfaces.first().unwrap().drops.between_packets, Some(7));
}

#[test]
fn link_types_depend_on_who_wrote_the_file() {
    for (network, padding, link_type) in [
        (0, 0, LinkType::ETHERNET),
        (4, 16, LinkType::ETHERNET),
        (8, 0, LinkType::FDDI),
        (10, 0, LinkType::UNKNOWN),
        (10, 16, LinkType::ETHERNET),
        (12, 16, LinkType::ETHERNET),
        (16, 0, LinkType::IP_OVER_FC),
        (18, 0, LinkType::SUNATM),
        (26, 0, LinkType::IPOIB),
        (77, 0, LinkType::UNKNOWN),
    ] {
        let read = read(&snoop_record(snoop(network), 1, b"abcd", padding, 0).data).sound();
        assert_eq!(read.packets.first().unwrap().0.link_type, link_type, "{network} {padding}");
    }
}

#[test]
fn shomiti_puts_a_radio_header_in_front() {
    let packet = b"\0\0\0\x08........frame";
    let read = read(&snoop_record(snoop(18), 1, packet, 16, 0).data).sound();
    assert_eq!(read.bytes(), [b"frame"]);
    assert_eq!(read.packets.first().unwrap().0.link_type, LinkType::IEEE802_11);
}

#[test]
fn records_smaller_than_their_packets_are_damage() {
    let good = snoop_record(snoop(4), 1, b"abc", 1, 0);
    let at = good.data.len() as u64;
    for (captured_len, record_len) in [(10, 33), (300_000, 300_024), (4, u32::MAX), (u32::MAX, u32::MAX)] {
        let bad = Bytes::new(true).u32(10).u32(captured_len).u32(record_len).u32(0).u32(0).u32(0);
        let read = read(&good.clone().bytes(&bad.data).data);
        assert_eq!(read.packets.len(), 1);
        assert!(matches!(read.error, Some(Error::Damaged { offset, .. }) if offset == at));
    }
}

#[test]
fn unknown_versions_are_refused() {
    let file = Bytes::new(true).bytes(b"snoop\0\0\0").u32(9).u32(4);
    assert!(matches!(read(&file.data).error, Some(Error::Damaged { offset: 8, .. })));
}

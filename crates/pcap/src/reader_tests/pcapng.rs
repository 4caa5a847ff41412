//! pcapng.

use super::make::{Bytes, block, enhanced, interface, section, with_options};
use super::{Error, read};
use crate::{Facts, Format, LinkType};

fn file(big: bool) -> Bytes {
    interface(section(Bytes::new(big), &[]), 1, 0, &[])
}

#[test]
fn sections_have_their_own_byte_order_and_interfaces() {
    let mut bytes = enhanced(file(false), 0, 1_000_000, b"little", &[]).data;
    let mut second = interface(section(Bytes::new(true), &[]), 101, 0, &[(9, &[9])]);
    second = enhanced(interface(second, 113, 0, &[]), 1, 2_000_000, b"big", &[]);
    bytes.extend(enhanced(second, 0, 3, b"again", &[]).data);
    let read = read(&bytes).sound();
    assert_eq!(read.facts.format, Some(Format::PcapNg));
    assert_eq!(read.facts.sections, 2);
    let seen: Vec<_> = read.packets.iter().map(|(f, _)| (f.interface, f.link_type)).collect();
    assert_eq!(seen, [(0, LinkType::ETHERNET), (2, LinkType::LINUX_SLL), (1, LinkType::RAW)]);
    assert_eq!(read.times(), [1_000_000_000, 2_000_000_000, 3]);
    assert_eq!(read.bytes(), [b"little".as_slice(), b"big", b"again"]);
}

#[test]
fn a_section_without_interfaces_may_hold_other_blocks() {
    for big in [false, true] {
        let empty = section(Bytes::new(big), &[]);
        let custom = block(empty, 0x4000_0bad, &Bytes::new(big).u32(7));
        let read = read(&block(custom, 0xbad, &Bytes::new(big).u32(7)).data).sound();
        assert!(read.packets.is_empty());
        assert_eq!(read.facts.other_records, [("custom".to_owned(), 2)]);
    }
}

#[test]
fn what_the_file_says_of_itself_is_kept() {
    for big in [false, true] {
        let mut bytes = section(Bytes::new(big), &[(2, b"cpu"), (3, b"os"), (4, b"app"), (1, b"first")]);
        let options: &[(u16, &[u8])] =
            &[(2, b"eth0\0"), (3, b"uplink"), (11, b"\0tcp port 80"), (1, b"second"), (14, &[0; 8])];
        bytes = interface(bytes, 1, 96, options);
        bytes = enhanced(bytes, 0, 0, b"p", &[(1, b"third"), (1, b"fourth \xff")]);
        let count = |n| Bytes::new(big).u64(n).data;
        let (received, dropped, lost) = (count(10), count(2), count(1));
        let statistics = Bytes::new(big).u32(0).u64(0);
        let options: &[(u16, &[u8])] = &[(4, &received), (5, &dropped), (7, &lost), (1, b"fifth")];
        bytes = block(bytes, 5, &with_options(statistics, options));
        bytes = enhanced(bytes, 0, 0, b"p", &[(4, &count(4))]);
        let facts = read(&bytes.data).sound().facts;
        assert_eq!(facts.hardware.as_deref(), Some("cpu"));
        assert_eq!(facts.os.as_deref(), Some("os"));
        assert_eq!(facts.application.as_deref(), Some("app"));
        assert_eq!(facts.comments, ["first", "second", "third", "fourth \u{fffd}", "fifth"]);
        assert_eq!(facts.comment_count, 5);
        let interface = facts.interfaces.first().unwrap();
        assert_eq!(interface.name.as_deref(), Some("eth0"));
        assert_eq!(interface.description.as_deref(), Some("uplink"));
        assert_eq!(interface.filter.as_deref(), Some("tcp port 80"));
        assert_eq!((interface.snap_len, interface.packets), (96, 2));
        assert_eq!(interface.drops.received, Some(10));
        assert_eq!(interface.drops.by_interface, Some(2));
        assert_eq!(interface.drops.by_system, Some(1));
        assert_eq!(interface.drops.between_packets, Some(4));
    }
}

#[test]
fn simple_packets_have_no_time_and_as_many_bytes_as_the_snap_length() {
    let bytes = interface(section(Bytes::new(true), &[]), 1, 6, &[]);
    let bytes = block(bytes, 3, &Bytes::new(true).u32(100).bytes(b"sixsix"));
    let read = read(&block(bytes, 3, &Bytes::new(true).u32(4).bytes(b"four")).data).sound();
    assert_eq!(read.bytes(), [b"sixsix".as_slice(), b"four"]);
    assert!(read.packets.iter().all(|(frame, _)| !frame.has_time));
    assert_eq!(read.packets.first().unwrap().0.wire_len, 100);
    assert_eq!(read.facts.without_time, 2);
}

#[test]
fn obsolete_packet_blocks_count_what_was_dropped() {
    for big in [false, true] {
        let old = |drops| Bytes::new(big).u16(0).u16(drops).u64(0).u32(3).u32(9).bytes(b"abc");
        let bytes = block(block(file(big), 2, &old(5)), 2, &old(0xffff));
        let read = read(&bytes.data).sound();
        assert_eq!(read.bytes(), [b"abc"; 2]);
        assert_eq!(read.facts.interfaces.first().unwrap().drops.between_packets, Some(5));
    }
}

#[test]
fn time_offsets_are_added_in_seconds() {
    let back = (-3_i64).to_le_bytes();
    let bytes = interface(section(Bytes::new(false), &[]), 1, 0, &[(14, &back), (9, &[0x83])]);
    assert_eq!(read(&enhanced(bytes, 0, 12, b"p", &[]).data).sound().times(), [-1_500_000_000]);
}

#[test]
fn packets_of_undeclared_interfaces_are_damage() {
    let bytes = enhanced(enhanced(file(false), 0, 0, b"good", &[]), 1, 0, b"bad", &[]);
    let read = read(&bytes.data);
    assert_eq!(read.bytes(), [b"good"]);
    let error = read.error.unwrap();
    assert_eq!(error.offset(), Some(84));
    assert_eq!(
        error.to_string(),
        "file is damaged at byte 84: packet of interface 1, its section declares 1"
    );
}

#[test]
fn lengths_that_contradict_each_other_are_damage() {
    let good = enhanced(file(true), 0, 0, b"good", &[]);
    let at = good.data.len() as u64;
    for bad in [
        Bytes::new(true).u32(6).u32(8).u32(8),
        Bytes::new(true).u32(6).u32(u32::MAX).u32(0),
        Bytes::new(true).u32(9).u32(16).u32(0).u32(20),
        Bytes::new(true).u32(6).u32(32).u32(0).u64(0).u32(1).u32(1).u32(32),
        Bytes::new(true).u32(3).u32(16).u32(1).u32(16),
        Bytes::new(true).u32(0).u32(0).u32(0),
        Bytes::new(true).u32(0x0a0d_0d0a).u32(28).u32(1).u32(1),
    ] {
        let read = read(&good.clone().bytes(&bad.data).data);
        assert_eq!(read.packets.len(), 1);
        assert!(
            matches!(read.error, Some(Error::Damaged { offset, .. }) if offset == at),
            "{:?}",
            read.error
        );
    }
}

#[test]
fn a_length_that_leaves_out_the_padding_is_accepted() {
    let body = Bytes::new(false).u32(0).u64(0).u32(5).u32(5).bytes(b"hello").pad4();
    let bytes = file(false).u32(6).u32(37).bytes(&body.data).u32(37);
    let read = read(&enhanced(bytes, 0, 0, b"next", &[]).data).sound();
    assert_eq!(read.bytes(), [b"hello".as_slice(), b"next"]);
}

#[test]
fn more_interfaces_than_are_described_share_the_last() {
    let mut bytes = section(Bytes::new(false), &[]);
    for number in 0..5_000 {
        bytes = interface(bytes, number, 0, &[]);
    }
    bytes = enhanced(enhanced(bytes, 4_000, 0, b"a", &[]), 4_999, 0, b"b", &[]);
    let read = read(&bytes.data).sound();
    assert_eq!(read.facts.interfaces.len(), Facts::MAX_INTERFACES);
    let seen: Vec<_> = read.packets.iter().map(|(f, _)| (f.interface, f.link_type.0)).collect();
    assert_eq!(seen, [(4_000, 4_000), (4_095, 4_999)]);
}

#[test]
fn comments_beyond_the_limit_are_only_counted() {
    let mut bytes = file(false);
    for _ in 0..100 {
        bytes = enhanced(bytes, 0, 0, b"", &[(1, b"c")]);
    }
    let facts = read(&bytes.data).sound().facts;
    assert_eq!((facts.comments.len(), facts.comment_count), (Facts::MAX_COMMENTS, 100));
}

#[test]
fn comments_of_name_resolution_and_secrets_are_found() {
    let names = Bytes::new(true).u16(1).u16(6).bytes(&[1, 2, 3, 4, b'a', 0]).pad4().u32(0);
    let bytes = block(file(true), 4, &with_options(names, &[(1, b"names")]));
    let secrets = Bytes::new(true).u32(1).u32(3).bytes(b"key").pad4();
    let bytes = block(bytes, 10, &with_options(secrets, &[(1, b"keys")]));
    let facts = read(&bytes.data).sound().facts;
    assert_eq!(facts.comments, ["names", "keys"]);
    assert_eq!(
        facts.other_records,
        [("name resolution".to_owned(), 1), ("decryption secrets".to_owned(), 1)]
    );
}

//! The same bytes through pcap-parser.

use pcap_parser::nom::IResult;
use pcap_parser::{Block, PcapError};

use super::make::{Bytes, enhanced, interface, pcap, record, section};
use super::read;

/// Packets of lengths that hit every padding.
fn packets() -> Vec<Vec<u8>> {
    (0..300_u32).map(|n| (0..n * 7 % 131).map(|i| (i * n) as u8).collect()).collect()
}

#[test]
fn pcap_records_are_those_pcap_parser_finds() {
    for big in [false, true] {
        let mut file = pcap(big, 0xa1b2_c3d4, (2, 4), 1);
        for (n, packet) in packets().iter().enumerate() {
            file = record(file, 1_000_000_000 + n as u32, n as u32 * 3_000, packet, 9_000);
        }
        let ours = read(&file.data).sound();
        let (mut rest, header) = pcap_parser::parse_pcap_header(&file.data).unwrap();
        assert_eq!(header.is_bigendian(), big);
        let parse = if big { pcap_parser::parse_pcap_frame_be } else { pcap_parser::parse_pcap_frame };
        let mut theirs = Vec::new();
        while !rest.is_empty() {
            let (after, block) = parse(rest).unwrap();
            let nanos = i64::from(block.ts_sec) * 1_000_000_000 + i64::from(block.ts_usec) * 1_000;
            theirs.push((nanos, block.origlen, block.data.to_vec()));
            rest = after;
        }
        let ours: Vec<_> =
            ours.packets.into_iter().map(|(f, bytes)| (f.timestamp.nanos(), f.wire_len, bytes)).collect();
        assert_eq!(ours, theirs);
    }
}

#[test]
fn pcapng_packets_are_those_pcap_parser_finds() {
    type Parse = fn(&[u8]) -> IResult<&[u8], Block<'_>, PcapError<&[u8]>>;
    for big in [false, true] {
        let mut file = section(Bytes::new(big), &[(4, b"test")]);
        file = interface(interface(file, 1, 0, &[]), 1, 0, &[(9, &[9])]);
        for (n, packet) in packets().iter().enumerate() {
            let note: &[(u16, &[u8])] = if n % 3 == 0 { &[(1, b"note")] } else { &[] };
            file = enhanced(file, n as u32 % 2, 1 << 50 | n as u64, packet, note);
        }
        let ours = read(&file.data).sound();
        let parse: Parse = if big { pcap_parser::parse_block_be } else { pcap_parser::parse_block_le };
        let mut rest = file.data.as_slice();
        let mut theirs = Vec::new();
        let mut comments = 0;
        while !rest.is_empty() {
            let (after, block) = parse(rest).unwrap();
            if let Block::EnhancedPacket(packet) = block {
                let units = i64::from(packet.ts_high) << 32 | i64::from(packet.ts_low);
                let nanos = if packet.if_id == 0 { units * 1_000 } else { units };
                let bytes = packet.data.get(..packet.caplen as usize).unwrap().to_vec();
                comments += packet.options.iter().filter(|option| option.code.0 == 1).count() as u64;
                theirs.push((packet.if_id, nanos, packet.origlen, bytes));
            }
            rest = after;
        }
        assert_eq!(ours.facts.comment_count, comments);
        let ours: Vec<_> = ours
            .packets
            .into_iter()
            .map(|(f, bytes)| (f.interface, f.timestamp.nanos(), f.wire_len, bytes))
            .collect();
        assert_eq!(ours, theirs);
    }
}

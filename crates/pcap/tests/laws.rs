//! Laws of reading: what was written comes back, and whatever happens to a file, what lies before it stays.

#![allow(clippy::unwrap_used, reason = "a test may fail anywhere, not only inside of a #[test]")]

use std::io::{Cursor, Read, Write};
use std::ops::Range;

use capkeep_pcap::{Batch, Error, Reader};
use capkeep_testkit::{
    Encoder, NetMon1, NetMon2, Packet, Pcap, PcapNg, Random, Resolution, Snoop, Traffic, encode,
};
use proptest::prelude::*;

/// A way to write packets, and the nanoseconds its times are multiples of.
#[derive(Clone, Copy, Debug)]
enum Writer {
    Pcap(Pcap),
    PcapNg(PcapNg),
    NetMon1,
    NetMon2(u8),
    Snoop,
}

impl Writer {
    fn all() -> Vec<Self> {
        let mut all = vec![Self::NetMon1, Self::Snoop];
        all.extend((0..4).map(Self::NetMon2));
        for is_big_endian in [false, true] {
            for resolution in [Resolution::Micros, Resolution::Nanos, Resolution::Modified] {
                all.push(Self::Pcap(Pcap { resolution, is_big_endian, ..Pcap::ETHERNET }));
            }
            for has_nanos in [false, true] {
                all.push(Self::PcapNg(PcapNg { is_big_endian, has_nanos, ..PcapNg::ETHERNET }));
            }
        }
        all
    }

    fn encoder(self) -> Box<dyn Encoder> {
        match self {
            Self::Pcap(pcap) => Box::new(pcap),
            Self::PcapNg(pcapng) => Box::new(pcapng),
            Self::NetMon1 => Box::new(NetMon1::default()),
            Self::NetMon2(minor) => Box::new(NetMon2::new(minor)),
            Self::Snoop => Box::new(Snoop),
        }
    }

    fn file(self, packets: &[Packet]) -> Vec<u8> {
        encode(self.encoder().as_mut(), packets)
    }

    /// Smallest difference of times it can write, in nanoseconds.
    fn resolution_ns(self) -> i64 {
        match self {
            Self::NetMon1 => 1_000_000,
            Self::NetMon2(3) => 100,
            Self::Pcap(Pcap { resolution: Resolution::Nanos, .. })
            | Self::PcapNg(PcapNg { has_nanos: true, .. }) => 1,
            _ => 1000,
        }
    }

    /// With a table at its end, without which nothing can be read.
    fn has_table(self) -> bool {
        matches!(self, Self::NetMon1 | Self::NetMon2(_))
    }
}

/// A packet as it was read: time, captured bytes, length on the wire.
type Seen = (i64, Vec<u8>, u32);

fn drain(stream: Box<dyn Read + Send>) -> (Vec<Seen>, Option<Error>) {
    let mut seen = Vec::new();
    let mut reader = match Reader::new(stream) {
        Ok(reader) => reader,
        Err(error) => return (seen, Some(error)),
    };
    let mut offset = reader.offset();
    loop {
        match reader.next_packet() {
            Ok(Some(packet)) => {
                seen.push((packet.frame.timestamp.nanos(), packet.data.to_vec(), packet.frame.wire_len));
            }
            Ok(None) => return (seen, None),
            Err(error) => return (seen, Some(error)),
        }
        assert!(reader.offset() >= offset, "the offset went back");
        offset = reader.offset();
    }
}

fn read(file: &[u8]) -> (Vec<Seen>, Option<Error>) {
    drain(Box::new(Cursor::new(file.to_vec())))
}

fn written(packets: &[Packet], resolution_ns: i64) -> Vec<Seen> {
    let rounded = |time: i64| time - time.rem_euclid(resolution_ns);
    packets.iter().map(|packet| (rounded(packet.time_ns), packet.data.clone(), packet.wire_len)).collect()
}

/// Packets of any bytes in any order of time, none before the first one (`NetMon` counts from it).
fn packets(count: Range<usize>) -> impl Strategy<Value = Vec<Packet>> {
    // From 1970 to the end of 32 bits of seconds; a day, since NetMon 1 has 32 bits of milliseconds.
    let times = (0..i64::from(u32::MAX) - 86_400, prop::collection::vec(0..86_400_000_000_000_i64, count));
    (times, any::<u64>()).prop_map(|((start_s, times), seed)| {
        let mut random = Random::new(seed);
        let start = start_s * 1_000_000_000;
        let packet = |(index, since): (usize, i64)| {
            let longest = if random.per_mille(100) { 3000 } else { 200 };
            let mut data = vec![0; random.below(longest) as usize];
            random.fill(&mut data);
            let cut = if random.per_mille(300) { random.below(5000) as u32 } else { 0 };
            let time_ns = if index == 0 { start } else { start + since };
            Packet { time_ns, wire_len: data.len() as u32 + cut, data, origin: None }
        };
        times.into_iter().enumerate().map(packet).collect()
    })
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 2000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(100))]

    #[test]
    fn what_was_written_comes_back(packets in packets(0..60)) {
        for writer in Writer::all() {
            let (seen, error) = read(&writer.file(&packets));
            prop_assert!(error.is_none(), "{writer:?}: {error:?}");
            prop_assert_eq!(seen, written(&packets, writer.resolution_ns()), "{:?}", writer);
        }
    }

    // Below 20 some numbers mean something else in old files: the registry has others for it.
    #[test]
    fn any_link_type_comes_back(packets in packets(1..4), link_type in 20u16..290) {
        for file in [
            encode(&mut Pcap { link_type: link_type.into(), ..Pcap::ETHERNET }, &packets),
            encode(&mut PcapNg { link_type, ..PcapNg::ETHERNET }, &packets),
        ] {
            let mut reader = Reader::new(Box::new(Cursor::new(file))).unwrap();
            while let Some(packet) = reader.next_packet().unwrap() {
                prop_assert_eq!(packet.frame.link_type.0, link_type);
            }
        }
    }
}

proptest! {
    #![proptest_config(config(8))]

    #[test]
    fn every_truncation_is_an_error_with_its_place_or_a_clean_end(packets in packets(0..5)) {
        for writer in Writer::all() {
            let file = writer.file(&packets);
            let whole = read(&file).0;
            let lengths: Vec<usize> = (0..=packets.len()).map(|n| writer.file(&packets[..n]).len()).collect();
            for len in 0..file.len() {
                let (seen, error) = read(&file[..len]);
                prop_assert!(whole.starts_with(&seen), "{writer:?} at {len}: other packets than before");
                match error {
                    None => {
                        prop_assert!(!writer.has_table() || packets.is_empty(), "{writer:?} at {len}: the table is gone, nobody noticed");
                        // pcapng: the section header is there, its interface is not.
                        let is_clean = lengths[seen.len()] == len || seen.is_empty();
                        prop_assert!(is_clean, "{writer:?} at {len}: a piece of a record was passed over");
                    }
                    Some(Error::EmptyFile) => prop_assert_eq!(len, 0),
                    Some(Error::NotACapture { .. }) => prop_assert!(len < 8),
                    Some(error) => {
                        let offset = error.offset();
                        prop_assert!(offset.is_some_and(|at| at <= len as u64), "{writer:?} at {len}: {error}");
                        if !writer.has_table() {
                            let complete = lengths.iter().filter(|end| **end <= len).count().saturating_sub(1);
                            prop_assert_eq!(seen.len(), complete, "{:?} at {}: packets are missing", writer, len);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_truncation_of_a_compressed_file_is_an_error(packets in packets(3..20), step in 1usize..9) {
        let file = Writer::Pcap(Pcap::ETHERNET).file(&packets);
        let whole = read(&file).0;
        for compression in [gzip, zstd, lz4] {
            let compressed = compression(&file);
            prop_assert_eq!(&read(&compressed).0, &whole);
            for len in (0..compressed.len()).step_by(step) {
                let (seen, error) = read(&compressed[..len]);
                prop_assert!(whole.starts_with(&seen), "{} of {} bytes: {} packets {error:?}", len, compressed.len(), seen.len());
                prop_assert!(error.is_some(), "{len} of {} bytes: nobody noticed", compressed.len());
            }
        }
    }
}

fn gzip(file: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(file).unwrap();
    out.finish().unwrap()
}

fn zstd(file: &[u8]) -> Vec<u8> {
    zstd::encode_all(file, 1).unwrap()
}

fn lz4(file: &[u8]) -> Vec<u8> {
    let mut out = lz4_flex::frame::FrameEncoder::new(Vec::new());
    out.write_all(file).unwrap();
    out.finish().unwrap()
}

/// A stream that gives at most so many bytes at a time.
struct Chopped {
    inner: Cursor<Vec<u8>>,
    random: Random,
    most: u64,
}

impl Read for Chopped {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let len = buf.len().min(self.random.between(1, self.most) as usize);
        self.inner.read(&mut buf[..len])
    }
}

/// Packets of each batch, with their times and bytes.
fn batches(stream: Box<dyn Read + Send>) -> Vec<Vec<Seen>> {
    let mut reader = Reader::new(stream).unwrap();
    let mut batch = Batch::default();
    let mut all = Vec::new();
    while let Ok(true) = reader.next_batch(&mut batch) {
        let seen = |packet: capkeep_pcap::Packet<'_>| {
            (packet.frame.timestamp.nanos(), packet.data.to_vec(), packet.frame.wire_len)
        };
        all.push(batch.packets().map(seen).collect());
    }
    all
}

proptest! {
    #![proptest_config(config(3))]

    #[test]
    fn batches_are_the_same_however_a_pipe_chops_its_bytes(seed: u64, most in 64u64..100_000) {
        let packets: Vec<Packet> = Traffic::plain(16_000, 60, seed).packets().collect();
        for writer in [Writer::Pcap(Pcap::ETHERNET), Writer::PcapNg(PcapNg::ETHERNET), Writer::Snoop, Writer::NetMon2(1)] {
            let file = writer.file(&packets);
            for file in [gzip(&file), file] {
                let whole = batches(Box::new(Cursor::new(file.clone())));
                prop_assert!(whole.len() > 1, "{writer:?}: one batch proves nothing");
                let random = Random::new(seed);
                let chopped = batches(Box::new(Chopped { inner: Cursor::new(file), random, most }));
                prop_assert!(whole == chopped, "{writer:?}: other batches");
            }
        }
    }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn damage_leaves_the_packets_before_it_alone(
        packets in packets(8..20),
        writer in prop::sample::select(Writer::all()),
        place in 0.0..1.0_f64,
        value in 1u8..,
    ) {
        let mut file = writer.file(&packets);
        // The first records tell variants of libpcap apart; NetMon says in its header where everything lies.
        let safe = writer.file(&packets[..4]).len();
        let at = safe + ((file.len() - safe) as f64 * place) as usize;
        file[at] ^= value;
        let (seen, error) = read(&file);
        let before = if writer.has_table() {
            0
        } else {
            (0..=packets.len()).rev().find(|n| writer.file(&packets[..*n]).len() <= at).unwrap_or_default()
        };
        prop_assert!(seen.len() >= before, "{} of {before} packets", seen.len());
        prop_assert_eq!(&seen[..before], &written(&packets[..before], writer.resolution_ns()));
        if let Some(error) = error {
            prop_assert!(error.offset().is_some_and(|offset| offset <= file.len() as u64), "{error}");
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(seed: u64, len in 0usize..2000, writer in prop::sample::select(Writer::all())) {
        let mut file = vec![0; len];
        Random::new(seed).fill(&mut file);
        let header = writer.file(&[]);
        let kept = header.len().min(len).min(24);
        file[..kept].copy_from_slice(&header[..kept]);
        let (seen, _) = read(&file);
        prop_assert!(seen.iter().map(|(_, data, _)| data.len()).sum::<usize>() <= len);
    }
}

//! Captures in compressed streams.

use std::io::Write;

use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};

use super::make::{pcap, record};
use super::{Error, Read, read};
use crate::Compression;

/// `pcap` below with one record of "hello, xz", through `xz -6`.
const XZ: &[u8] = &[
    0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21, 0x01, 0x16,
    0x00, 0x00, 0x00, 0x74, 0x2f, 0xe5, 0xa3, 0xe0, 0x00, 0x30, 0x00, 0x21, 0x5d, 0x00, 0x6a, 0x30, 0xd1,
    0xc8, 0x7d, 0x8b, 0xf8, 0x09, 0x9b, 0xad, 0x94, 0x4b, 0x8a, 0xf2, 0xff, 0xfa, 0x2a, 0x4c, 0x20, 0x49,
    0x14, 0x86, 0xd8, 0x9e, 0x94, 0x81, 0x23, 0x7e, 0x22, 0x87, 0x48, 0x72, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xe6, 0xd0, 0xa4, 0xa7, 0x4c, 0x96, 0xfa, 0x17, 0x00, 0x01, 0x3d, 0x31, 0xaf, 0xfd, 0xb0, 0x1b, 0x1f,
    0xb6, 0xf3, 0x7d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5a,
];

/// Packets of [`capture`].
const PACKETS: u32 = 8_000;

/// A capture whose packets don't compress, so that a cut leaves some whole.
fn capture() -> Vec<u8> {
    let mut file = pcap(false, 0xa1b2_c3d4, (2, 4), 1);
    let mut state = 1_u32;
    for second in 0..PACKETS {
        let packet: Vec<u8> = (0..100)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        file = record(file, second, 0, &packet, 100);
    }
    file.data
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let blocks = FrameInfo::new().block_size(BlockSize::Max64KB);
    let mut encoder = FrameEncoder::with_frame_info(blocks, Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A skippable frame of zstd and LZ4.
fn skippable() -> Vec<u8> {
    [&[0x53, 0x2a, 0x4d, 0x18, 5, 0, 0, 0], b"hello".as_slice()].concat()
}

type Encode = fn(&[u8]) -> Vec<u8>;

const ENCODERS: [(Compression, Encode); 3] =
    [(Compression::Gzip, gzip), (Compression::Zstd, zstd), (Compression::Lz4, lz4)];

#[test]
fn streams_are_known_by_their_magic_and_read_to_the_end() {
    let plain = capture();
    let expected = read(&plain).sound();
    for (compression, encode) in ENCODERS {
        let (left, right) = plain.split_at(100_001);
        for stream in [encode(&plain), [encode(left), encode(right)].concat()] {
            let read = read(&stream).sound();
            assert_eq!(read.facts.compression, Some(compression));
            assert!(read.packets == expected.packets, "{}", compression.name());
        }
    }
}

#[test]
fn skippable_frames_are_passed_over() {
    let plain = capture();
    for (compression, encode) in [(Compression::Zstd, zstd as Encode), (Compression::Lz4, lz4)] {
        let (left, right) = plain.split_at(99_999);
        let stream = [skippable(), encode(left), skippable(), encode(right), skippable()].concat();
        let read = read(&stream).sound();
        assert_eq!(read.facts.compression, Some(compression));
        assert_eq!(read.packets.len(), PACKETS as usize);
    }
}

#[test]
fn compression_inside_compression_is_undone_twice() {
    let plain = capture();
    let twice = read(&gzip(&zstd(&plain))).sound();
    assert_eq!(twice.packets.len(), PACKETS as usize);
    assert_eq!(twice.facts.compression, Some(Compression::Gzip));
    assert!(matches!(read(&gzip(&gzip(&gzip(&plain)))).error, Some(Error::NotACapture { .. })));
}

#[test]
fn zeros_behind_gzip_are_padding_and_anything_else_is_not() {
    let mut stream = gzip(&capture());
    stream.extend([0; 1_000]);
    assert_eq!(read(&stream).sound().packets.len(), PACKETS as usize);
    stream.extend(b"junk");
    let Read { packets, error, .. } = read(&stream);
    assert_eq!(packets.len(), PACKETS as usize);
    assert!(matches!(error, Some(Error::Compression { compression: "gzip", .. })));
}

#[test]
fn a_cut_stream_yields_what_came_out_of_it() {
    let plain = capture();
    for (compression, encode) in ENCODERS {
        let stream = encode(&plain);
        let half = read(stream.get(..stream.len() / 2).unwrap());
        assert!(half.packets.len() > 100, "{} {}", compression.name(), half.packets.len());
        assert!(half.packets.len() < 7_900);
        for cut in [stream.len() / 2, stream.len() - 1, stream.len() - 5] {
            let Read { packets, error, .. } = read(stream.get(..cut).unwrap());
            assert!(!packets.is_empty());
            let Some(Error::Compression { compression: name, offset, .. }) = error else {
                panic!("{compression:?} cut at {cut}: {error:?}")
            };
            assert_eq!(name, compression.name());
            assert!(offset >= 24 + 116 * packets.len() as u64 && offset <= plain.len() as u64);
        }
    }
}

#[test]
fn a_compressed_nothing_is_an_empty_file() {
    for (_, encode) in ENCODERS {
        assert!(matches!(read(&encode(b"")).error, Some(Error::EmptyFile)));
    }
}

#[test]
fn xz_streams_one_after_the_other_are_read() {
    let once = read(XZ).sound();
    assert_eq!(once.facts.compression, Some(Compression::Xz));
    assert_eq!(once.bytes(), [b"hello, xz"]);
    // The second stream starts with a file header, which as a record is one of an empty packet.
    let twice = read(&[XZ, XZ].concat());
    assert_eq!(twice.bytes().get(..2), Some([b"hello, xz".as_slice(), b""].as_slice()));
}

#[test]
fn windows_beyond_the_limit_are_an_error() {
    // A zstd frame header that asks for a window of 2 GiB, and an empty last block.
    let stream = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00];
    assert!(matches!(read(&stream).error, Some(Error::Compression { compression: "zstd", .. })));
}

#[test]
fn broken_streams_never_panic() {
    let plain = record(pcap(false, 0xa1b2_c3d4, (2, 4), 1), 1, 0, b"some packet", 11).data;
    let xz = XZ.to_vec();
    for stream in ENCODERS.iter().map(|(_, encode)| encode(&plain)).chain([xz]) {
        for cut in 0..stream.len() {
            assert!(read(stream.get(..cut).unwrap()).error.is_some(), "cut at {cut} of {}", stream.len());
        }
        for at in 0..stream.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut stream = stream.clone();
                *stream.get_mut(at).unwrap() ^= flip;
                read(&stream);
            }
        }
    }
}

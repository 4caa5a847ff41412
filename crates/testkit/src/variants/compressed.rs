//! The base set, compressed.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};

use super::{Expected, Variant, base::base, expected::Ending};
use crate::format::{Pcap, PcapNg, encode};

fn plain() -> (Vec<u8>, Expected) {
    let capture = base();
    (encode(&mut Pcap::ETHERNET.clone(), &capture.packets), capture.expected())
}

// Compressing into memory does not fail; if it did, the file would be short and the tests would say so.

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

pub(super) const GZIP: Variant = Variant {
    name: "gzip",
    extension: "pcap.gz",
    doc: "pcap, compressed with gzip.",
    make: || {
        let (bytes, expected) = plain();
        (gzip(&bytes), expected)
    },
};

pub(super) const GZIP_MEMBERS: Variant = Variant {
    name: "gzip-members",
    extension: "pcap.gz",
    doc: "pcap in four gzip members one after the other, the last one empty, cut anywhere in the records.",
    make: || {
        let (bytes, expected) = plain();
        let mut out = Vec::new();
        for part in bytes.chunks(bytes.len() / 3 + 1) {
            out.extend_from_slice(&gzip(part));
        }
        out.extend_from_slice(&gzip(&[]));
        (out, expected)
    },
};

pub(super) const GZIP_PCAPNG: Variant = Variant {
    name: "gzip-pcapng",
    extension: "pcapng.gz",
    doc: "pcapng, compressed with gzip.",
    make: || {
        let capture = base();
        (gzip(&encode(&mut PcapNg::ETHERNET.clone(), &capture.packets)), capture.expected())
    },
};

pub(super) const GZIP_CUT: Variant = Variant {
    name: "gzip-cut",
    extension: "pcap.gz",
    doc: "gzip that ends three bytes after a flush behind packet 1,900: all of those can be read.",
    make: || {
        let mut capture = base();
        let all = encode(&mut Pcap::ETHERNET.clone(), &capture.packets);
        capture.packets.truncate(1900);
        let kept = encode(&mut Pcap::ETHERNET.clone(), &capture.packets).len();
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        let _ = encoder.write_all(&all[..kept]);
        let _ = encoder.flush();
        let flushed = encoder.get_ref().len();
        let _ = encoder.write_all(&all[kept..]);
        let mut out = encoder.finish().unwrap_or_default();
        out.truncate(flushed + 3);
        (out, Expected { ending: Ending::CompressedCut, ..capture.expected() })
    },
};

pub(super) const ZSTD: Variant = Variant {
    name: "zstd",
    extension: "pcap.zst",
    doc: "pcap, compressed with Zstandard.",
    make: || {
        let (bytes, expected) = plain();
        (zstd::bulk::compress(&bytes, 3).unwrap_or_default(), expected)
    },
};

pub(super) const LZ4: Variant = Variant {
    name: "lz4",
    extension: "pcap.lz4",
    doc: "pcap in an LZ4 frame.",
    make: || {
        let (bytes, expected) = plain();
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        let _ = encoder.write_all(&bytes);
        (encoder.finish().unwrap_or_default(), expected)
    },
};

pub(super) const XZ: Variant = Variant {
    name: "xz",
    extension: "pcap.xz",
    doc: "pcap, compressed with xz.",
    make: || {
        let (bytes, expected) = plain();
        (xz(&bytes).unwrap_or_default(), expected)
    },
};

fn xz(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(3))?;
    writer.write_all(bytes)?;
    writer.finish()
}

//! Capture file formats, written by hand.

mod netmon;
mod pcap;
mod pcapng;
mod snoop;

use std::io::{self, Seek, SeekFrom, Write};

pub use netmon::{NetMon1, NetMon2};
pub use pcap::{Pcap, Resolution};
pub use pcapng::PcapNg;
pub(crate) use pcapng::{Blocks, TimeUnit};
pub use snoop::Snoop;

use crate::packet::Packet;

/// Puts bytes where the byte order of the file wants them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) is_big_endian: bool,
}

impl Order {
    pub(crate) const LITTLE: Self = Self { is_big_endian: false };

    pub(crate) fn put16(self, out: &mut Vec<u8>, value: u16) {
        out.extend_from_slice(&if self.is_big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    pub(crate) fn put32(self, out: &mut Vec<u8>, value: u32) {
        out.extend_from_slice(&if self.is_big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    pub(crate) fn put64(self, out: &mut Vec<u8>, value: u64) {
        out.extend_from_slice(&if self.is_big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
    }
}

/// A file format, as a machine that is fed packets.
pub trait Encoder {
    /// Appends what stands before the first packet.
    fn begin(&mut self, out: &mut Vec<u8>);

    /// Appends a packet.
    fn packet(&mut self, packet: &Packet, out: &mut Vec<u8>);

    /// Appends what stands after the last packet. Where the beginning of the file has to say how it ends, returns
    /// the bytes that replace as many at its beginning.
    fn end(&mut self, out: &mut Vec<u8>) -> Option<Vec<u8>> {
        let _ = out;
        None
    }
}

/// A whole file in memory.
pub fn encode<'a>(encoder: &mut dyn Encoder, packets: impl IntoIterator<Item = &'a Packet>) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.begin(&mut out);
    for packet in packets {
        encoder.packet(packet, &mut out);
    }
    if let Some(header) = encoder.end(&mut out) {
        out[..header.len()].copy_from_slice(&header);
    }
    out
}

/// Writes a file packet by packet, from where `file` stands, and returns its length in bytes. Memory does not grow
/// with the packets, but for [`NetMon1`] and [`NetMon2`]: their frame tables take four bytes for each.
///
/// # Errors
/// Those of `file`.
pub fn stream<W: Write + Seek>(
    encoder: &mut dyn Encoder,
    packets: impl Iterator<Item = Packet>,
    file: &mut W,
) -> io::Result<u64> {
    let (written, header) = stream_forward(encoder, packets, file)?;
    if let Some(header) = header {
        let here = file.stream_position()?;
        file.seek(SeekFrom::Start(here.saturating_sub(written)))?;
        file.write_all(&header)?;
        file.seek(SeekFrom::Start(here))?;
    }
    Ok(written)
}

/// Like [`stream`], into something that cannot go back, such as a compressor. Returns the length and the bytes that
/// should have replaced the beginning.
///
/// # Errors
/// Those of `out`.
pub fn stream_forward<W: Write>(
    encoder: &mut dyn Encoder,
    packets: impl Iterator<Item = Packet>,
    out: &mut W,
) -> io::Result<(u64, Option<Vec<u8>>)> {
    const FLUSH_AT: usize = 1 << 20;
    let mut buffer = Vec::with_capacity(FLUSH_AT + (1 << 17));
    let mut written = 0;
    encoder.begin(&mut buffer);
    for packet in packets {
        encoder.packet(&packet, &mut buffer);
        if buffer.len() >= FLUSH_AT {
            out.write_all(&buffer)?;
            written += buffer.len() as u64;
            buffer.clear();
        }
    }
    let header = encoder.end(&mut buffer);
    out.write_all(&buffer)?;
    Ok((written + buffer.len() as u64, header))
}

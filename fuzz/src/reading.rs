//! Laws of reading a file.

use std::io::{Cursor, Read, Result, Write};

use capkeep_pcap::{Batch, Error, Frame, Reader};

/// Bytes of packets after which a reading is given up (chosen: a decompression bomb is only as long as it likes).
const ENOUGH_BYTES: u64 = 16 << 20;

/// A stream that gives a few bytes at a time, more and less of them.
struct Dribble {
    inner: Cursor<Vec<u8>>,
    step: usize,
}

impl Read for Dribble {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.step = self.step * 5 % 4093;
        let len = buf.len().min(self.step);
        self.inner.read(&mut buf[..len])
    }
}

/// What a reading gave.
#[derive(Debug, Default, PartialEq, Eq)]
struct Reading {
    packets: Vec<(Frame, Vec<u8>)>,
    captured_bytes: u64,
    facts: String,
    error: Option<(String, Option<u64>)>,
    /// Given up because it was long.
    is_long: bool,
}

impl Reading {
    fn push(&mut self, frame: &Frame, data: &[u8]) {
        assert_eq!(data.len(), frame.captured_len as usize, "a frame with bytes that are not there");
        self.captured_bytes += data.len() as u64;
        // Where a packet lies in its batch is the batch's business.
        self.packets.push((Frame { start: 0, ..*frame }, data.to_vec()));
    }

    fn fail(&mut self, error: &Error) {
        self.error = Some((error.to_string(), error.offset()));
    }
}

fn by_batch(stream: Box<dyn Read + Send>) -> Reading {
    let mut reading = Reading::default();
    let mut reader = match Reader::new(stream) {
        Ok(reader) => reader,
        Err(error) => {
            reading.fail(&error);
            return reading;
        }
    };
    let is_sequential = !format!("{:?}", reader.facts().format).contains("NetMon");
    let mut batch = Batch::default();
    let mut offset = reader.offset();
    loop {
        let number = reading.packets.len() as u64 + 1;
        let more = reader.next_batch(&mut batch);
        assert!(!is_sequential || reader.offset() >= offset, "the offset went back");
        offset = reader.offset();
        match more {
            Ok(true) => assert!(!batch.frames.is_empty(), "a batch without packets"),
            Ok(false) => break,
            Err(error) => {
                reading.fail(&error);
                assert!(
                    !reader.next_batch(&mut batch).expect("the error came twice"),
                    "packets behind an error"
                );
                break;
            }
        }
        assert_eq!(batch.first_number, number, "packets are counted from one");
        for packet in batch.packets() {
            reading.push(&packet.frame, packet.data);
            assert!((packet.frame.interface as usize) < reader.facts().interfaces.len(), "no such interface");
        }
        if reading.captured_bytes > ENOUGH_BYTES {
            reading.is_long = true;
            return reading;
        }
    }
    reading.facts = format!("{:?}", reader.facts());
    reading
}

fn by_packet(stream: Box<dyn Read + Send>) -> Reading {
    let mut reading = Reading::default();
    let mut reader = match Reader::new(stream) {
        Ok(reader) => reader,
        Err(error) => {
            reading.fail(&error);
            return reading;
        }
    };
    let is_sequential = !format!("{:?}", reader.facts().format).contains("NetMon");
    let mut offset = reader.offset();
    loop {
        match reader.next_packet() {
            Ok(Some(packet)) => reading.push(&packet.frame, packet.data),
            Ok(None) => break,
            Err(error) => {
                reading.fail(&error);
                break;
            }
        }
        assert!(!is_sequential || reader.offset() >= offset, "the offset went back");
        offset = reader.offset();
        if reading.captured_bytes > ENOUGH_BYTES {
            reading.is_long = true;
            return reading;
        }
    }
    reading.facts = format!("{:?}", reader.facts());
    reading
}

/// Reads a file by the batch, and by the packet from a stream that dribbles: both give the same.
///
/// Of a damaged compressed stream one may give more than the other, and of a file that is not compressed packets have no more bytes than the file, and an error lies inside of it.
pub fn reading_is_sound(file: &[u8], is_compressed: bool) {
    let whole = by_batch(Box::new(Cursor::new(file.to_vec())));
    let dribble = Dribble { inner: Cursor::new(file.to_vec()), step: 1 };
    let single = by_packet(Box::new(dribble));
    if whole.is_long || single.is_long {
        return;
    }
    if is_compressed && whole.error.is_some() {
        // How much of a damaged stream comes out in front of the damage is the decompressor's affair.
        let len = whole.packets.len().min(single.packets.len());
        assert_eq!(whole.packets[..len], single.packets[..len], "batches and packets differ");
        assert!(single.error.is_some(), "an error was passed over");
    } else {
        assert_eq!(whole, single, "batches and packets differ");
    }
    if !is_compressed {
        let len = file.len() as u64;
        assert!(whole.captured_bytes <= len, "{} bytes of packets in {len}", whole.captured_bytes);
        let offset = whole.error.and_then(|(_, offset)| offset);
        assert!(offset.unwrap_or_default() <= len, "an error at {offset:?} of {len} bytes");
    }
}

/// Reading a capture out of a compressed stream gives the same as reading the capture.
pub fn compression_changes_nothing(file: &[u8], compression: u8) {
    let compressed = match compression % 3 {
        0 => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(file).and_then(|()| out.finish())
        }
        1 => zstd::encode_all(file, 1),
        _ => {
            let mut out = lz4_flex::frame::FrameEncoder::new(Vec::new());
            out.write_all(file).and_then(|()| out.finish().map_err(Into::into))
        }
    };
    let compressed = compressed.expect("memory cannot fail to be written");
    let mut plain = by_batch(Box::new(Cursor::new(file.to_vec())));
    let mut inside = by_batch(Box::new(Cursor::new(compressed)));
    // The only fact that may differ: that there is a compression. An inner one that breaks is still its own error.
    plain.facts.clear();
    inside.facts.clear();
    let nested = [&[0x1f, 0x8b][..], &[0xfd, b'7', b'z'], &[0x28, 0xb5, 0x2f, 0xfd]];
    let is_nested = nested.iter().any(|magic| file.starts_with(magic))
        || file.get(1..4).is_some_and(|magic| magic == [0x2a, 0x4d, 0x18] || magic[1..] == [0x4d, 0x18]);
    if !plain.is_long && !is_nested {
        assert_eq!(plain, inside, "a compression changed the packets");
    }
}

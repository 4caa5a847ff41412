//! The reader on files built byte by byte.

mod compression;
mod damage;
mod make;
mod netmon;
mod parser;
mod pcap;
mod pcapng;
mod snoop;
mod stream;

use std::io::Cursor;

use crate::formats::FORMATS;
use crate::{Batch, Error, Facts, Frame, Reader};

/// All that a file yields: packets with their bytes, the error behind them, what is known of the file.
#[derive(Debug)]
struct Read {
    packets: Vec<(Frame, Vec<u8>)>,
    error: Option<Error>,
    facts: Facts,
}

impl Read {
    /// Times in nanoseconds.
    fn times(&self) -> Vec<i64> {
        self.packets.iter().map(|(frame, _)| frame.timestamp.nanos()).collect()
    }

    fn bytes(&self) -> Vec<&[u8]> {
        self.packets.iter().map(|(_, bytes)| bytes.as_slice()).collect()
    }

    #[track_caller]
    fn sound(self) -> Self {
        assert!(self.error.is_none(), "{:?}", self.error);
        self
    }
}

fn open(bytes: &[u8]) -> crate::Result<Reader> {
    Reader::new(Box::new(Cursor::new(bytes.to_vec())))
}

/// Reads to the end, checking what holds for every file.
fn read(bytes: &[u8]) -> Read {
    let mut reader = match open(bytes) {
        Ok(reader) => reader,
        Err(error) => return Read { packets: Vec::new(), error: Some(error), facts: Facts::default() },
    };
    let mut packets = Vec::new();
    let mut error = None;
    let mut batch = Batch::default();
    loop {
        let before = packets.len() as u64;
        match reader.next_batch(&mut batch) {
            Ok(true) => {
                assert_eq!(batch.first_number, before + 1);
                assert!(!batch.frames.is_empty());
                for packet in batch.packets() {
                    assert_eq!(packet.data.len(), packet.frame.captured_len as usize);
                    packets.push((packet.frame, packet.data.to_vec()));
                }
            }
            Ok(false) => break,
            Err(found) => {
                assert!(error.replace(found).is_none(), "an error comes once");
            }
        }
    }
    assert!(matches!(reader.next_batch(&mut batch), Ok(false)));
    let facts = reader.facts().clone();
    assert_eq!(facts.interfaces.iter().map(|i| i.packets).sum::<u64>(), packets.len() as u64);
    Read { packets, error, facts }
}

#[test]
fn every_format_has_its_own_name_and_magic() {
    for (i, format) in FORMATS.iter().enumerate() {
        assert!(!(format.recognise)(b""));
        for other in FORMATS.get(i + 1..).unwrap() {
            assert_ne!(format.name, other.name);
        }
    }
    for (_, file) in make::one_of_each() {
        assert_eq!(FORMATS.iter().filter(|format| (format.recognise)(&file)).count(), 1);
    }
}

#[test]
fn nothing_is_an_empty_file_and_anything_else_not_a_capture() {
    assert!(matches!(read(b"").error, Some(Error::EmptyFile)));
    let found = read(b"hello, this is text").error.unwrap();
    assert!(matches!(&found, Error::NotACapture { magic } if magic == b"hello, t"));
    assert_eq!(found.to_string(), "not a capture file: unknown first bytes 68656c6c6f2c2074");
    assert!(matches!(read(b"\xd4").error, Some(Error::NotACapture { .. })));
}

//! Streams, batches and what is told on the way.

use std::io::{self, Cursor, Write};
use std::sync::atomic::Ordering;

use super::make::{netmon, one_of_each, pcap, record};
use super::{Batch, Error, Reader, read};

/// Hands out its bytes in small pieces of changing size, then maybe fails.
struct Chopped {
    bytes: Cursor<Vec<u8>>,
    step: usize,
    fails: bool,
}

impl io::Read for Chopped {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.step = self.step % 4_093 + 97;
        let len = buf.len().min(self.step);
        match self.bytes.read(buf.get_mut(..len).unwrap())? {
            0 if self.fails => Err(io::Error::other("cable pulled")),
            n => Ok(n),
        }
    }
}

fn long_capture() -> Vec<u8> {
    let mut file = pcap(false, 0xa1b2_c3d4, (2, 4), 1);
    for n in 0..6_000_u32 {
        file = record(file, n, 0, &vec![n as u8; (n * 31 % 1_400) as usize], 1_500);
    }
    file.data
}

/// Bounds and bytes of a batch's packets.
type Seen = (u64, usize, Vec<u8>);

fn seen(batch: &Batch) -> Seen {
    let bytes = batch.packets().flat_map(|packet| packet.data.to_vec()).collect();
    (batch.first_number, batch.frames.len(), bytes)
}

/// Bounds and bytes of all batches.
fn batches(mut reader: Reader) -> Vec<Seen> {
    let mut batches = Vec::new();
    loop {
        let mut batch = Batch::default();
        if !reader.next_batch(&mut batch).unwrap() {
            return batches;
        }
        batches.push(seen(&batch));
    }
}

#[test]
fn batches_do_not_depend_on_how_the_bytes_come() {
    let file = long_capture();
    let whole = batches(Reader::new(Box::new(Cursor::new(file.clone()))).unwrap());
    let chopped = Chopped { bytes: Cursor::new(file.clone()), step: 1, fails: false };
    assert!(whole.len() > 2);
    assert!(whole == batches(Reader::new(Box::new(chopped)).unwrap()));
    let mut on_disk = tempfile::NamedTempFile::new().unwrap();
    on_disk.write_all(&file).unwrap();
    let reader = Reader::open(on_disk.path()).unwrap();
    assert_eq!(reader.size_hint(), Some(file.len() as u64));
    assert!(whole == batches(reader));
}

#[test]
fn stretches_give_the_same_batches() {
    let file = long_capture();
    let mut on_disk = tempfile::NamedTempFile::new().unwrap();
    on_disk.write_all(&file).unwrap();
    let whole = batches(Reader::open(on_disk.path()).unwrap());
    let mut reader = Reader::open(on_disk.path()).unwrap();
    let (mut found, mut stretches) = (Vec::new(), 0);
    loop {
        // Two are out at the same time, the second one is read first.
        let taken: Vec<_> = (0..2).map_while(|_| reader.stretch()).collect();
        let mut read: Vec<_> = taken
            .iter()
            .rev()
            .map(|stretch| {
                let mut batch = Batch::default();
                let have = stretch.read(&mut batch.data);
                (have, batch)
            })
            .collect();
        for stretch in &taken {
            let (have, mut batch) = read.pop().unwrap();
            stretches += 1;
            if reader.next_batch_from(stretch, have, &mut batch).unwrap() {
                found.push(seen(&batch));
            }
        }
        if taken.is_empty() {
            let mut batch = Batch::default();
            if !reader.next_batch(&mut batch).unwrap() {
                break;
            }
            found.push(seen(&batch));
        }
    }
    assert!(stretches > 1 && found == whole, "{stretches} stretches");
}

#[test]
fn a_file_that_shrinks_under_a_stretch_is_read_as_far_as_it_goes() {
    let file = long_capture();
    let mut on_disk = tempfile::NamedTempFile::new().unwrap();
    on_disk.write_all(&file).unwrap();
    let mut reader = Reader::open(on_disk.path()).unwrap();
    let (first, second) = (reader.stretch().unwrap(), reader.stretch().unwrap());
    on_disk.as_file().set_len(file.len() as u64 / 3).unwrap();
    let (mut packets, mut batch) = (0, Batch::default());
    for stretch in [first, second] {
        let have = stretch.read(&mut batch.data);
        reader.next_batch_from(&stretch, have, &mut batch).unwrap();
        packets += batch.frames.len();
    }
    let error = loop {
        match reader.next_batch(&mut batch) {
            Ok(more) => assert!(more, "the end of the file is not that of the capture"),
            Err(error) => break error,
        }
        packets += batch.frames.len();
    };
    assert!(matches!(error, Error::CutShort { offset, .. } if offset < file.len() as u64 / 3), "{error}");
    assert_eq!(packets, read(&file[..file.len() / 3]).packets.len());
}

#[test]
fn packets_one_at_a_time_are_those_of_the_batches() {
    for file in one_of_each().into_iter().map(|(_, file)| file).chain([long_capture()]) {
        let expected = read(&file).sound();
        let mut reader = Reader::new(Box::new(Cursor::new(file.clone()))).unwrap();
        for (frame, bytes) in expected.packets {
            let before = reader.offset();
            let packet = reader.next_packet().unwrap().unwrap();
            assert_eq!((packet.frame, packet.data), (frame, bytes.as_slice()));
            assert!(before <= file.len() as u64);
        }
        assert!(reader.next_packet().unwrap().is_none());
        assert!(reader.next_packet().unwrap().is_none());
    }
}

#[test]
fn offsets_and_progress_reach_the_end() {
    let file = long_capture();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&file).unwrap();
    let compressed = encoder.finish().unwrap();
    for stream in [file.clone(), compressed] {
        let len = stream.len() as u64;
        let mut reader = Reader::new(Box::new(Cursor::new(stream))).unwrap();
        let progress = reader.progress();
        let mut last = 0;
        while reader.next_packet().unwrap().is_some() {
            assert!(reader.offset() > last);
            last = reader.offset();
        }
        assert_eq!(reader.offset(), file.len() as u64);
        assert_eq!((reader.bytes_read(), progress.load(Ordering::Relaxed)), (len, len));
        assert_eq!(reader.size_hint(), None);
    }
}

#[test]
fn what_came_before_a_failing_read_is_delivered() {
    let file = long_capture();
    let len = file.len() as u64;
    let stream = Chopped { bytes: Cursor::new(file), step: 1, fails: true };
    let mut reader = Reader::new(Box::new(stream)).unwrap();
    let mut batch = Batch::default();
    let mut packets = 0;
    let error = loop {
        match reader.next_batch(&mut batch) {
            Ok(more) => {
                assert!(more);
                packets += batch.frames.len();
            }
            Err(error) => break error,
        }
    };
    assert_eq!(packets, 6_000);
    assert!(matches!(error, Error::Io { offset, .. } if offset == len));
    assert!(!reader.next_batch(&mut batch).unwrap());
}

#[test]
fn netmon_is_read_from_streams_as_from_files() {
    let file = netmon((2, 3), 1, &[(1, b"one"), (1, b"two")], &[1, 0]);
    let mut on_disk = tempfile::NamedTempFile::new().unwrap();
    on_disk.write_all(&file).unwrap();
    let from_disk = batches(Reader::open(on_disk.path()).unwrap());
    let chopped = Chopped { bytes: Cursor::new(file), step: 1, fails: false };
    assert!(from_disk == batches(Reader::new(Box::new(chopped)).unwrap()));
}

#[test]
fn a_file_that_is_not_there_can_not_be_opened() {
    let missing = std::path::Path::new("/nonexistent/capture.pcap");
    assert!(matches!(Reader::open(missing), Err(Error::Open { .. })));
}

//! Where batches come from: the files of a session, one after the other or merged by time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use capkeep_pcap::{Batch, Error, Facts, Reader, Stretch, Timestamp};

use crate::analysis::CaptureError;
use crate::decodes::Load;
use crate::options::Input;

/// Yields the batches of a session.
pub(crate) trait Source: Send {
    /// Fills a load; false at the end of the session.
    fn next(&mut self, load: &mut Load) -> bool;

    /// Gives a stretch of the file at hand away, to be read by whoever asked.
    fn stretch(&mut self) -> Option<Stretch> {
        None
    }

    /// Fills a load from a stretch that was read into it; false if no packet ends in it.
    fn next_from(&mut self, _stretch: &Stretch, _have: usize, _load: &mut Load) -> bool {
        false
    }

    /// Bytes of input read so far.
    fn bytes(&self) -> u64;

    /// What was learned of the files, complete once [`Source::next`] has said false.
    fn outcomes(&mut self) -> Vec<Outcome>;
}

/// What is known of a file once it has been read.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) capture: u32,
    pub(crate) facts: Facts,
    pub(crate) file_bytes: Option<u64>,
    pub(crate) error: Option<CaptureError>,
}

impl Outcome {
    fn unopened(capture: u32, error: &Error) -> Self {
        Self { capture, facts: Facts::default(), file_bytes: None, error: Some(told(error)) }
    }

    fn of(capture: u32, reader: &Reader, error: Option<&Error>) -> Self {
        let facts = reader.facts().clone();
        Self { capture, facts, file_bytes: reader.size_hint(), error: error.map(told) }
    }
}

/// An error with all its causes in one line.
pub(crate) fn told(error: &Error) -> CaptureError {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        message.push_str(": ");
        message.push_str(&source.to_string());
        cause = source.source();
    }
    CaptureError { message, brief: error.brief(), offset: error.offset() }
}

fn open(input: &Input) -> Result<Reader, Error> {
    match input {
        Input::File(path) => Reader::open(path),
        Input::Stdin => Reader::new(Box::new(std::io::stdin())),
        Input::Bytes(bytes) => Reader::new(Box::new(std::io::Cursor::new(Arc::clone(bytes)))),
        Input::Stream(stream) => {
            Reader::new((stream.open)().map_err(|source| Error::Io { offset: 0, source })?)
        }
    }
}

/// The files of a session, one after the other.
pub(crate) struct Chain {
    files: std::vec::IntoIter<(u32, Input)>,
    current: Option<(u32, Reader)>,
    outcomes: Vec<Outcome>,
    progress: Option<Arc<AtomicU64>>,
    finished_bytes: u64,
}

impl Chain {
    pub(crate) fn new(files: Vec<(u32, Input)>) -> Self {
        Self {
            files: files.into_iter(),
            current: None,
            outcomes: Vec::new(),
            progress: None,
            finished_bytes: 0,
        }
    }

    fn close(&mut self, error: Option<&Error>) {
        if let Some((capture, reader)) = self.current.take() {
            self.outcomes.push(Outcome::of(capture, &reader, error));
        }
        if let Some(progress) = self.progress.take() {
            self.finished_bytes += progress.load(Ordering::Relaxed);
        }
    }
}

impl Source for Chain {
    fn next(&mut self, load: &mut Load) -> bool {
        load.origins.clear();
        loop {
            if self.current.is_none() {
                let Some((capture, input)) = self.files.next() else { return false };
                match open(&input) {
                    Ok(reader) => {
                        self.progress = Some(reader.progress());
                        self.current = Some((capture, reader));
                    }
                    Err(error) => {
                        self.outcomes.push(Outcome::unopened(capture, &error));
                        continue;
                    }
                }
            }
            let Some((capture, reader)) = &mut self.current else { return false };
            match reader.next_batch(&mut load.batch) {
                Ok(true) => {
                    load.capture = *capture;
                    return true;
                }
                Ok(false) => self.close(None),
                Err(error) => self.close(Some(&error)),
            }
        }
    }

    fn stretch(&mut self) -> Option<Stretch> {
        self.current.as_mut()?.1.stretch()
    }

    fn next_from(&mut self, stretch: &Stretch, have: usize, load: &mut Load) -> bool {
        load.origins.clear();
        let Some((capture, reader)) = &mut self.current else { return false };
        load.capture = *capture;
        match reader.next_batch_from(stretch, have, &mut load.batch) {
            Ok(some) => some,
            Err(error) => {
                self.close(Some(&error));
                false
            }
        }
    }

    fn bytes(&self) -> u64 {
        self.finished_bytes + self.progress.as_ref().map_or(0, |bytes| bytes.load(Ordering::Relaxed))
    }

    fn outcomes(&mut self) -> Vec<Outcome> {
        std::mem::take(&mut self.outcomes)
    }
}

/// Several files at once, their packets in order of time.
pub(crate) struct Merge {
    lanes: Vec<Lane>,
    /// Lanes that have a packet, earliest first; equal times in the order of the files.
    order: BinaryHeap<Reverse<(Timestamp, usize)>>,
    outcomes: Vec<Outcome>,
}

struct Lane {
    capture: u32,
    reader: Reader,
    batch: Batch,
    at: usize,
    progress: Arc<AtomicU64>,
}

impl Merge {
    /// Bytes put into one load (chosen: as many as a reader puts into one).
    const LOAD_BYTES: usize = 1 << 20;
    /// Packets put into one load (chosen: what fills that many bytes with the smallest records).
    const LOAD_PACKETS: usize = 1 << 14;

    pub(crate) fn new(files: Vec<(u32, Input)>) -> Self {
        let mut merge = Self { lanes: Vec::new(), order: BinaryHeap::new(), outcomes: Vec::new() };
        for (capture, input) in files {
            match open(&input) {
                Ok(reader) => {
                    let progress = reader.progress();
                    let batch = Batch::default();
                    merge.lanes.push(Lane { capture, reader, batch, at: 0, progress });
                    merge.refill(merge.lanes.len() - 1);
                }
                Err(error) => merge.outcomes.push(Outcome::unopened(capture, &error)),
            }
        }
        merge
    }

    /// Puts a lane's next packet into the order, reading on where its batch is used up.
    fn refill(&mut self, index: usize) {
        let Some(lane) = self.lanes.get_mut(index) else { return };
        while lane.at >= lane.batch.frames.len() {
            lane.at = 0;
            let error = match lane.reader.next_batch(&mut lane.batch) {
                Ok(true) => continue,
                Ok(false) => None,
                Err(error) => Some(error),
            };
            self.outcomes.push(Outcome::of(lane.capture, &lane.reader, error.as_ref()));
            lane.batch = Batch::default();
            return;
        }
        if let Some(frame) = lane.batch.frames.get(lane.at) {
            self.order.push(Reverse((frame.timestamp, index)));
        }
    }
}

impl Source for Merge {
    fn next(&mut self, load: &mut Load) -> bool {
        load.origins.clear();
        load.batch.data.clear();
        load.batch.frames.clear();
        load.batch.first_number = 1;
        while load.batch.data.len() < Self::LOAD_BYTES && load.batch.frames.len() < Self::LOAD_PACKETS {
            let Some(Reverse((_, index))) = self.order.pop() else { break };
            let Some(lane) = self.lanes.get_mut(index) else { break };
            if let Some(frame) = lane.batch.frames.get(lane.at) {
                let mut moved = *frame;
                moved.start = load.batch.data.len() as u32;
                load.batch.data.extend_from_slice(lane.batch.bytes(frame));
                load.batch.frames.push(moved);
                load.origins.push((lane.capture, lane.batch.first_number + lane.at as u64));
                load.capture = load.origins.first().map_or(0, |(capture, _)| *capture);
            }
            lane.at += 1;
            self.refill(index);
        }
        !load.batch.frames.is_empty()
    }

    fn bytes(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.progress.load(Ordering::Relaxed)).sum()
    }

    fn outcomes(&mut self) -> Vec<Outcome> {
        std::mem::take(&mut self.outcomes)
    }
}

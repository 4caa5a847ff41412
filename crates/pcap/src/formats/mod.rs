//! File formats, one per file.

use crate::source::Source;
use crate::stretch::{HEADROOM, Stretch};
use crate::{Batch, Error, Facts, Frame, Result};

mod netmon;
mod netmon_frame;
mod netmon_table;
mod pcap;
mod pcap_variant;
mod pcapng;
mod pcapng_block;
mod pcapng_clock;
mod snoop;

/// Bytes aimed at for one batch: 512 KiB (chosen by measuring: what is smaller costs more in handing the reader round,
/// what is larger falls out of the second-level cache before it is decoded).
///
/// Small where fuzz targets are built: their files are, and have to have several batches.
pub(crate) const BATCH_BYTES: usize = if cfg!(fuzzing) { 1 << 12 } else { 1 << 19 };

/// Most bytes of one packet, where no link type says otherwise: 262,144, `MAXIMUM_SNAPLEN` of libpcap and
/// `WTAP_MAX_PACKET_SIZE_STANDARD` of Wireshark.
pub(crate) const MAX_PACKET: u32 = 262_144;

/// A file format: how to know it and how to read it.
pub(crate) struct FileFormat {
    /// Name, for tests and messages.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests walk the formats by name"))]
    pub(crate) name: &'static str,
    /// Whether a file that starts with these bytes is of this format.
    pub(crate) recognise: fn(&[u8]) -> bool,
    /// Reads the file header, notes what it says and returns what reads the rest.
    pub(crate) open: fn(Source, &mut Facts) -> Result<Box<dyn Fill>>,
}

/// Every format. Their magics exclude each other, so the order has no meaning.
pub(crate) const FORMATS: &[FileFormat] = &[pcap::FORMAT, pcapng::FORMAT, netmon::FORMAT, snoop::FORMAT];

/// What filling a batch came to.
pub(crate) enum Filled {
    /// Packets were appended, there may be more.
    Some,
    /// Packets may have been appended; the file ends.
    End,
    /// Packets may have been appended; then this happened and nothing can follow.
    Failed(Error),
}

/// Something that fills batches with the packets of a file.
pub(crate) trait Fill: Send {
    /// Appends the next packets to an empty batch.
    fn fill(&mut self, batch: &mut Batch, facts: &mut Facts) -> Filled;

    /// Gives the next stretch of the file away, where the format and the file allow it.
    fn stretch(&mut self) -> Option<Stretch> {
        None
    }

    /// Appends the packets that end in a stretch, of which `have` bytes were read into the batch.
    fn fill_from(
        &mut self,
        _stretch: &Stretch,
        _have: usize,
        _batch: &mut Batch,
        _facts: &mut Facts,
    ) -> Filled {
        Filled::Some
    }

    /// Where the next record lies in the capture.
    fn offset(&self) -> u64;

    /// Where the data of the last batch starts in the capture, if it is one piece of it.
    fn batch_offset(&self) -> Option<u64>;
}

/// The records of a format in which they follow each other.
pub(crate) trait Walk: Send {
    /// Goes through the whole records at the front of `data`, which lies at `offset` in the capture, and
    /// pushes the packets among them.
    ///
    /// A record that is not complete must leave no trace: it is offered again with more bytes.
    fn walk(&mut self, data: &[u8], offset: u64, frames: &mut Vec<Frame>, facts: &mut Facts) -> Walked;
}

/// How far a walk came.
pub(crate) struct Walked {
    /// Bytes of whole records.
    pub(crate) used: usize,
    /// Why it stopped there.
    pub(crate) stop: Stop,
}

/// Why a walk stopped.
pub(crate) enum Stop {
    /// The record there needs at least so many bytes.
    Needs {
        /// Bytes from the record's start on.
        bytes: usize,
        /// What it is.
        what: &'static str,
    },
    /// The record there contradicts the format.
    Damaged(String),
}

/// Fills batches from a format whose records follow each other.
pub(crate) struct Sequential<W> {
    source: Source,
    walk: W,
    /// Where the batch's data starts in the capture. Wraps around where its headroom is longer than what precedes it.
    batch_offset: u64,
    /// A stretch came back short: those behind it are read again.
    broken: bool,
}

impl<W: Walk> Sequential<W> {
    /// Around a source that stands at the first record.
    pub(crate) fn new(source: Source, walk: W) -> Self {
        Self { batch_offset: source.offset(), source, walk, broken: false }
    }

    fn end(&mut self, available: usize, stop: Stop) -> Filled {
        let offset = self.source.offset();
        match stop {
            Stop::Damaged(what) => Filled::Failed(Error::Damaged { offset, what }),
            Stop::Needs { bytes, what } => {
                if let Some(error) = self.source.failure(offset + available as u64) {
                    Filled::Failed(error)
                } else if available == 0 {
                    Filled::End
                } else {
                    let (needed, available) = (bytes as u64, available as u64);
                    Filled::Failed(Error::CutShort { offset, what, needed, available })
                }
            }
        }
    }
}

impl<W: Walk> Fill for Sequential<W> {
    fn stretch(&mut self) -> Option<Stretch> {
        self.source.stretch(BATCH_BYTES)
    }

    fn fill_from(&mut self, stretch: &Stretch, have: usize, batch: &mut Batch, facts: &mut Facts) -> Filled {
        if self.broken || !stretch.is_whole(have) {
            if !self.broken {
                self.broken = true;
                self.source.after_stretches();
                self.source.resume(stretch.offset);
            }
            return Filled::Some;
        }
        let offset = self.source.offset();
        let ahead = self.source.ahead();
        // The beginning of the record that the stretch before ended in goes in front; where there is no room for it,
        // both are put together.
        let start = HEADROOM.saturating_sub(ahead.len());
        if ahead.len() <= HEADROOM
            && let Some(room) = batch.data.get_mut(start..HEADROOM)
        {
            room.copy_from_slice(ahead);
            self.batch_offset = offset.wrapping_sub(start as u64);
        } else {
            let mut data = std::mem::take(ahead);
            data.extend_from_slice(batch.data.get(HEADROOM..HEADROOM + have).unwrap_or_default());
            batch.data = data;
            self.batch_offset = offset;
        }
        let start = offset.wrapping_sub(self.batch_offset) as usize;
        let data = batch.data.get(start..).unwrap_or_default();
        let walked = self.walk.walk(data, offset, &mut batch.frames, facts);
        for frame in &mut batch.frames {
            frame.start += start as u32;
        }
        self.source.put_back(data.get(walked.used..).unwrap_or_default(), walked.used);
        match walked.stop {
            Stop::Damaged(what) => Filled::Failed(Error::Damaged { offset: self.source.offset(), what }),
            Stop::Needs { .. } => Filled::Some,
        }
    }

    fn fill(&mut self, batch: &mut Batch, facts: &mut Facts) -> Filled {
        // The same stretches as others would read, so that batches do not depend on who reads them.
        while let Some(stretch) = self.stretch() {
            let have = stretch.read(&mut batch.data);
            match self.fill_from(&stretch, have, batch, facts) {
                Filled::Some if batch.frames.is_empty() => {}
                filled => return filled,
            }
        }
        if let Some(offset) = self.source.after_stretches() {
            self.source.resume(offset);
        }
        let data = &mut batch.data;
        loop {
            data.clear();
            self.source.take_ahead(data);
            // So many new bytes, as a stretch has.
            data.reserve(BATCH_BYTES);
            let mut wanted = data.len() + BATCH_BYTES;
            self.batch_offset = self.source.offset();
            let (walked, available) = loop {
                self.source.read_to(data, wanted);
                let walked = self.walk.walk(data, self.batch_offset, &mut batch.frames, facts);
                match walked.stop {
                    // Nothing whole in all these bytes: the record is a big one.
                    Stop::Needs { bytes, .. } if walked.used == 0 && !self.source.ended() => {
                        wanted = bytes.max(data.len() + 1);
                    }
                    _ => break (walked, data.len()),
                }
            };
            self.source.keep_tail(data, walked.used);
            let left = available - walked.used;
            let last = matches!(walked.stop, Stop::Damaged(_)) || self.source.ended();
            if last {
                return self.end(left, walked.stop);
            }
            if !batch.frames.is_empty() {
                return Filled::Some;
            }
        }
    }

    fn offset(&self) -> u64 {
        self.source.offset()
    }

    fn batch_offset(&self) -> Option<u64> {
        Some(self.batch_offset)
    }
}

/// The error for a file header that is not all there.
pub(crate) fn cut_header(source: &mut Source, needed: usize, available: usize) -> Error {
    source.failure(available as u64).unwrap_or(Error::CutShort {
        offset: 0,
        what: "file header",
        needed: needed as u64,
        available: available as u64,
    })
}

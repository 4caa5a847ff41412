//! File formats, one per file.

use crate::source::Source;
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

/// Bytes aimed at for one batch: 1 MiB (chosen by measuring: what is smaller costs more in handing the reader round,
/// what is larger falls out of the second-level cache before it is decoded).
///
/// Small where fuzz targets are built: their files are, and have to have several batches.
pub(crate) const BATCH_BYTES: usize = if cfg!(fuzzing) { 1 << 12 } else { 1 << 20 };

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
    batch_offset: u64,
}

impl<W: Walk> Sequential<W> {
    /// Around a source that stands at the first record.
    pub(crate) fn new(source: Source, walk: W) -> Self {
        Self { batch_offset: source.offset(), source, walk }
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
    fn fill(&mut self, batch: &mut Batch, facts: &mut Facts) -> Filled {
        let data = &mut batch.data;
        loop {
            data.clear();
            self.source.take_ahead(data);
            data.reserve(BATCH_BYTES.saturating_sub(data.len()));
            let mut wanted = BATCH_BYTES;
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

//! Reading a capture file from front to back.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::formats::{FORMATS, Fill, Filled};
use crate::source::Source;
use crate::stretch::Stretch;
use crate::{Batch, Error, Facts, Packet, Result};

/// Reads the packets of a capture file in file order.
///
/// The format and a compression around it (gzip, zstd, LZ4, xz, at most two inside each other) are recognised
/// by their first bytes, never by a name. Packets come by the batch ([`Reader::next_batch`]) or one at a time
/// ([`Reader::next_packet`]).
///
/// A file that is cut or damaged yields the packets before the damage, then one error with its offset, then
/// ends.
///
/// Memory stays bounded by a batch (about 512 KiB), the largest record a format allows (16 MiB, 128 MiB for the
/// link types whose packets may be that big) and a decompressor's window (128 MiB), whatever lengths the file
/// claims.
pub struct Reader {
    fill: Box<dyn Fill>,
    facts: Facts,
    progress: Arc<AtomicU64>,
    file_len: Option<u64>,
    /// Packets handed out.
    packets: u64,
    /// To be returned next.
    pending: Option<Error>,
    ended: bool,
    /// For [`Reader::next_packet`], and how many of its packets were handed out.
    batch: Batch,
    taken: usize,
}

impl Reader {
    /// Opens a capture file.
    ///
    /// # Errors
    ///
    /// [`Error::Open`] if the file can't be opened, and those of [`Reader::new`].
    pub fn open(path: &Path) -> Result<Self> {
        Self::start(Source::open(path)?)
    }

    /// Reads a capture from a stream, such as standard input.
    ///
    /// A `NetMon` file, whose frame table stands at its end, is copied to a temporary file first.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyFile`], [`Error::NotACapture`], and the errors of a file header that is cut or makes no
    /// sense.
    pub fn new(stream: Box<dyn Read + Send>) -> Result<Self> {
        Self::start(Source::new(stream)?)
    }

    fn start(mut source: Source) -> Result<Self> {
        let progress = source.progress();
        let file_len = source.file_len();
        let mut facts = Facts { compression: source.compression(), ..Facts::default() };
        let start = source.peek(8);
        let Some(format) = FORMATS.iter().find(|format| (format.recognise)(start)) else {
            let magic = start.to_vec();
            return Err(source.failure(magic.len() as u64).unwrap_or(Error::NotACapture { magic }));
        };
        let fill = (format.open)(source, &mut facts)?;
        Ok(Self {
            fill,
            facts,
            progress,
            file_len,
            packets: 0,
            pending: None,
            ended: false,
            batch: Batch::default(),
            taken: 0,
        })
    }

    /// Fills `batch` with the next packets; false at the end of the file.
    ///
    /// What the batch held is dropped, its memory is used again. Batches of one file are the same in every run,
    /// however a pipe chops its bytes; only how much of a *damaged* compressed stream comes out in front of the
    /// damage may differ. They own their bytes: any number may be in use at a time.
    ///
    /// Packets already in the batch [`Reader::next_packet`] works on are not seen here: use one or the other.
    ///
    /// # Errors
    ///
    /// Once, after the packets before it: [`Error::CutShort`], [`Error::Damaged`], [`Error::Compression`],
    /// [`Error::Io`].
    pub fn next_batch(&mut self, batch: &mut Batch) -> Result<bool> {
        batch.data.clear();
        batch.frames.clear();
        batch.first_number = self.packets + 1;
        if let Some(error) = self.pending.take() {
            return Err(error);
        }
        if self.ended {
            return Ok(false);
        }
        let filled = self.fill.fill(batch, &mut self.facts);
        self.deliver(filled, batch)
    }

    /// Hands a filled batch out, or what went wrong.
    fn deliver(&mut self, filled: Filled, batch: &Batch) -> Result<bool> {
        match filled {
            Filled::Some => {}
            Filled::End => self.ended = true,
            Filled::Failed(error) => {
                self.ended = true;
                if batch.frames.is_empty() {
                    return Err(error);
                }
                self.pending = Some(error);
            }
        }
        self.packets += batch.frames.len() as u64;
        Ok(!batch.frames.is_empty())
    }

    /// Gives the next stretch of a plain file away, so that several cores can read side by side; `None` where the file
    /// or its format does not allow it, or too little is left of it: then [`Reader::next_batch`] goes on.
    ///
    /// Stretches come back to [`Reader::next_batch_from`] in the order they were taken, all of them before
    /// [`Reader::next_batch`] is called again. Batches are the same with and without.
    pub fn stretch(&mut self) -> Option<Stretch> {
        if self.ended || self.pending.is_some() { None } else { self.fill.stretch() }
    }

    /// Finds the packets in a stretch, of which `have` bytes were read into the data of `batch`; false if no packet
    /// ends in it.
    ///
    /// # Errors
    ///
    /// As [`Reader::next_batch`].
    pub fn next_batch_from(&mut self, stretch: &Stretch, have: usize, batch: &mut Batch) -> Result<bool> {
        batch.frames.clear();
        batch.first_number = self.packets + 1;
        if self.ended {
            return self.pending.take().map_or(Ok(false), Err);
        }
        let filled = self.fill.fill_from(stretch, have, batch, &mut self.facts);
        self.deliver(filled, batch)
    }

    /// The next packet; `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// As [`Reader::next_batch`].
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>> {
        if self.taken >= self.batch.frames.len() {
            let mut batch = std::mem::take(&mut self.batch);
            self.taken = 0;
            let more = self.next_batch(&mut batch);
            self.batch = batch;
            if !more? {
                return Ok(None);
            }
        }
        let Some(frame) = self.batch.frames.get(self.taken) else { return Ok(None) };
        self.taken += 1;
        Ok(Some(Packet { frame: *frame, data: self.batch.bytes(frame) }))
    }

    /// How far the capture was read, in bytes from its start, uncompressed: where the record after the last
    /// batch starts, or, between packets of [`Reader::next_packet`], where the bytes of the last packet end.
    ///
    /// In a `NetMon` file, where records may lie in any order, always the place after the batch.
    pub fn offset(&self) -> u64 {
        let inside = self.taken.checked_sub(1).filter(|_| self.taken < self.batch.frames.len());
        let last = inside.and_then(|last| self.batch.frames.get(last));
        match (last, self.fill.batch_offset()) {
            (Some(frame), Some(start)) => {
                start.wrapping_add(u64::from(frame.start)) + u64::from(frame.captured_len)
            }
            _ => self.fill.offset(),
        }
    }

    /// Bytes of the file read so far, compressed as they are.
    pub fn bytes_read(&self) -> u64 {
        self.progress.load(Ordering::Relaxed)
    }

    /// The counter behind [`Reader::bytes_read`], for whoever shows progress from another thread.
    pub fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.progress)
    }

    /// Length of the file in bytes, compressed as it is; `None` for streams and devices.
    pub fn size_hint(&self) -> Option<u64> {
        self.file_len
    }

    /// What the file says of itself. Complete once all packets were read.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("facts", &self.facts)
            .field("packets", &self.packets)
            .field("offset", &self.offset())
            .finish_non_exhaustive()
    }
}

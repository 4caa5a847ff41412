//! The frame table of a `NetMon` file.

use crate::source::Seekable;
use crate::{Error, Result};

/// Bytes of one entry: the offset of a frame, little-endian.
const ENTRY: u64 = 4;

/// Bytes of the table held at a time (chosen: 16,384 entries, several batches of ordinary packets).
const CHUNK: u64 = 64 * 1024;

/// Offsets of frames, read piece by piece.
#[derive(Debug)]
pub(super) struct Table {
    /// Where the part not yet read starts in the file, and where the table ends.
    next: u64,
    end: u64,
    chunk: Vec<u8>,
    /// Bytes of the chunk that are used up.
    used: usize,
}

impl Table {
    /// # Errors
    ///
    /// [`Error::CutShort`] if the file ends before the table does.
    pub(super) fn new(offset: u64, len: u64, file_len: u64) -> Result<Self> {
        let needed = len - len % ENTRY;
        let available = file_len.saturating_sub(offset);
        if available < needed {
            // A file that was cut has lost its table: then it ends before the table would start.
            let offset = offset.min(file_len);
            return Err(Error::CutShort { offset, what: "NetMon frame table", needed, available });
        }
        Ok(Self { next: offset, end: offset + needed, chunk: Vec::new(), used: 0 })
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::CutShort`] if the file shrank.
    pub(super) fn peek(&mut self, file: &mut Seekable) -> Result<Option<u64>> {
        loop {
            if let Some(entry) = self.chunk.get(self.used..).and_then(|rest| rest.first_chunk()) {
                return Ok(Some(u64::from(u32::from_le_bytes(*entry))));
            }
            let wanted = (self.end - self.next).min(CHUNK);
            if wanted == 0 {
                return Ok(None);
            }
            self.chunk.clear();
            self.used = 0;
            file.read_at(self.next, wanted as usize, &mut self.chunk)?;
            let available = self.chunk.len() as u64;
            if available < wanted {
                let (offset, what) = (self.next, "NetMon frame table");
                return Err(Error::CutShort { offset, what, needed: wanted, available });
            }
            self.next += wanted;
        }
    }

    /// Passes over the entry that was peeked at.
    pub(super) fn advance(&mut self) {
        self.used += ENTRY as usize;
    }

    /// Whether all entries were passed over.
    pub(super) fn at_end(&self) -> bool {
        self.next == self.end && self.used >= self.chunk.len()
    }

    /// Where the next entry lies in the file.
    pub(super) fn offset(&self) -> u64 {
        self.next - self.chunk.len().saturating_sub(self.used) as u64
    }
}

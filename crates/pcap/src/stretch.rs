//! Stretches of a file that several cores read side by side.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Room in front of the bytes of a stretch, for the beginning of the record that the stretch before ended in: 64 KiB
/// (chosen: longer than nearly all records; a longer beginning is copied together with its stretch).
pub(crate) const HEADROOM: usize = 1 << 16;

/// A stretch of a plain file that can be read without the [`Reader`](crate::Reader) that gave it away, by
/// [`Stretch::read`]. Stretches go back to the reader in the order they were taken.
#[derive(Debug)]
pub struct Stretch {
    pub(crate) file: Arc<File>,
    pub(crate) offset: u64,
    pub(crate) len: usize,
    pub(crate) progress: Arc<AtomicU64>,
}

impl Stretch {
    /// Reads the bytes of the stretch into the memory of a batch; how many there were. Fewer than it has is no error
    /// here: the reader finds out why.
    pub fn read(&self, data: &mut Vec<u8>) -> usize {
        // Memory that was used before is as long already: nothing is zeroed twice.
        data.resize(HEADROOM + self.len, 0);
        let mut have = 0;
        while have < self.len {
            let Some(rest) = data.get_mut(HEADROOM + have..) else { break };
            match read_at(&self.file, rest, self.offset + have as u64) {
                Ok(0) => break,
                Ok(more) => have += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        self.progress.fetch_add(have as u64, Ordering::Relaxed);
        have
    }

    /// Whether so many bytes are all of it.
    pub(crate) fn is_whole(&self, have: usize) -> bool {
        have == self.len
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

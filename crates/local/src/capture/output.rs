//! The files of a session: one, or a ring of them.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use super::bpf::Link;
use super::error::{CaptureError, Result};
use super::file::{CaptureFile, FILE_HEADER, Lost, RECORD_HEADER};
use super::taken::Taken;

/// Bytes of a file of a ring at least: chosen, so that each holds the headers of a packet.
const MIN_RING_FILE: u64 = FILE_HEADER + RECORD_HEADER + 256;

/// How a session is laid out in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One file. The packet that would make it longer than `max_bytes` ends the session and is not written. A file
    /// always has its header of 24 bytes.
    Single {
        /// Bytes of the file at most, headers included.
        max_bytes: u64,
    },
    /// Files `STEM_00001.EXTENSION`, `STEM_00002.EXTENSION`, … beside the path of the session; numbers go on and are not
    /// used again. A packet longer than a whole file is cut to fit.
    Ring {
        /// Files at most; 0 counts as 1.
        max_files: u32,
        /// Bytes of each at most, headers included.
        max_file_bytes: u64,
        /// Whether the oldest file goes when all are full. Otherwise the session ends then.
        wraps: bool,
    },
}

/// What is done about a file that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the session is not started.
    #[default]
    Refuse,
    /// It is overwritten.
    Replace,
}

/// The open files of a session.
#[derive(Debug)]
pub(super) struct Output {
    path: PathBuf,
    layout: Layout,
    link: Link,
    snap_bytes: u32,
    existing: Existing,
    file: CaptureFile,
    /// Oldest first; the last one is open.
    paths: VecDeque<PathBuf>,
    /// Bytes of the files that are closed, oldest first.
    closed_bytes: VecDeque<u64>,
    /// Number of the open file.
    number: u64,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It is in the open file.
    Written,
    /// It is in a new file.
    WrittenToNew,
    /// It has no room, and the session is at its end.
    Full,
}

/// Why a packet could not be written.
#[derive(Debug)]
pub(super) enum Failure {
    /// The disk took no more.
    Lost(Lost),
    /// The next file could not be created.
    Next(CaptureError),
    /// The oldest file could not be deleted.
    Delete(std::io::Error),
}

impl Output {
    /// Creates the first file.
    ///
    /// # Errors
    /// It can't be created, or is too small for a ring.
    pub(super) fn create(
        path: &Path,
        layout: Layout,
        link: Link,
        snap_bytes: u32,
        existing: Existing,
    ) -> Result<Self> {
        if let Layout::Ring { max_file_bytes, .. } = layout
            && max_file_bytes < MIN_RING_FILE
        {
            return Err(CaptureError::FileTooSmall { bytes: max_file_bytes, least: MIN_RING_FILE });
        }
        if path.file_name().is_none() {
            return Err(CaptureError::Path { path: path.to_owned(), what: "it names no file" });
        }
        let first = path_of(path, layout, 1);
        let file = CaptureFile::create(&first, link, snap_bytes, existing)?;
        Ok(Self {
            path: path.to_owned(),
            layout,
            link,
            snap_bytes,
            existing,
            file,
            paths: VecDeque::from([first]),
            closed_bytes: VecDeque::new(),
            number: 1,
        })
    }

    /// Files there are, oldest first.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.paths.iter().cloned().collect()
    }

    /// Bytes of all files there are.
    pub(super) fn bytes(&self) -> u64 {
        self.closed_bytes.iter().sum::<u64>() + self.file.bytes()
    }

    /// Adds a packet where there is room.
    ///
    /// # Errors
    /// [`Failure`]; the session can't go on.
    pub(super) fn push(&mut self, packet: &Taken<'_>) -> std::result::Result<Pushed, Failure> {
        let needed = CaptureFile::bytes_of(packet);
        match self.layout {
            Layout::Single { max_bytes } => {
                if self.file.bytes() + needed > max_bytes {
                    return Ok(Pushed::Full);
                }
                self.file.push(packet).map_err(Failure::Lost)?;
                Ok(Pushed::Written)
            }
            Layout::Ring { max_files, max_file_bytes, wraps } => {
                let most = (max_file_bytes - FILE_HEADER - RECORD_HEADER).try_into().unwrap_or(usize::MAX);
                let bytes = packet.bytes.get(..most).unwrap_or(packet.bytes);
                let packet = Taken { bytes, ..*packet };
                let mut pushed = Pushed::Written;
                if self.file.bytes() + CaptureFile::bytes_of(&packet) > max_file_bytes {
                    if self.paths.len() >= max_files.max(1) as usize {
                        if !wraps {
                            return Ok(Pushed::Full);
                        }
                        self.delete_oldest().map_err(Failure::Delete)?;
                    }
                    self.next()?;
                    pushed = Pushed::WrittenToNew;
                }
                self.file.push(&packet).map_err(Failure::Lost)?;
                Ok(pushed)
            }
        }
    }

    /// Hands all packets to the system.
    ///
    /// # Errors
    /// [`Lost`] if it takes no more.
    pub(super) fn flush(&mut self) -> std::result::Result<(), Lost> {
        self.file.flush()
    }

    /// The oldest goes first, so that there are never more files than asked for.
    fn delete_oldest(&mut self) -> std::io::Result<()> {
        if let Some(oldest) = self.paths.front() {
            match fs::remove_file(oldest) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.paths.pop_front();
        self.closed_bytes.pop_front();
        Ok(())
    }

    fn next(&mut self) -> std::result::Result<(), Failure> {
        // The packet that comes next is lost too.
        self.file.flush().map_err(|lost| Failure::Lost(Lost { packets: lost.packets + 1, ..lost }))?;
        let next = path_of(&self.path, self.layout, self.number + 1);
        let file =
            CaptureFile::create(&next, self.link, self.snap_bytes, self.existing).map_err(Failure::Next)?;
        // With one file at most it was deleted just now.
        if !self.paths.is_empty() {
            self.closed_bytes.push_back(self.file.bytes());
        }
        self.file = file;
        self.number += 1;
        self.paths.push_back(next);
        Ok(())
    }
}

/// Path of a file of a session, numbers from 1.
fn path_of(path: &Path, layout: Layout, number: u64) -> PathBuf {
    if let Layout::Single { .. } = layout {
        return path.to_owned();
    }
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("_{number:05}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

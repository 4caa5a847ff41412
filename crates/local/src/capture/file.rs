//! Capture files: pcap, little-endian, microseconds, as tcpdump writes them and every reader takes them.
//!
//! Whole records only are handed to the system, so that a process that is killed leaves a file that can be read up to
//! the last flush. A kill in the midst of a flush may cut a record, as may a full disk without [`CaptureFile::flush`]'s
//! cutting back.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path};

use super::bpf::Link;
use super::error::{CaptureError, Result};
use super::output::Existing;
use super::taken::Taken;

/// Bytes of the header of a file.
pub(super) const FILE_HEADER: u64 = 24;
/// Bytes of the header of a record.
pub(super) const RECORD_HEADER: u64 = 16;
/// Bytes collected before they are written: chosen, large enough that writing costs little per packet.
const BUFFER: usize = 256 << 10;

/// An open capture file.
#[derive(Debug)]
pub(super) struct CaptureFile {
    file: File,
    buffer: Vec<u8>,
    /// Bytes of whole records and the header that the system has.
    flushed: u64,
}

/// The system took no more bytes. The file was cut back to its last whole record.
#[derive(Debug)]
pub(super) struct Lost {
    /// Packets that were handed over and are not in the file.
    pub(super) packets: u64,
    /// The system's reason.
    pub(super) source: io::Error,
}

impl CaptureFile {
    /// Creates a file, readable by its owner only: packets hold what is nobody else's business.
    ///
    /// # Errors
    /// The path has `..` in it, or the file is there and may not be replaced, or can't be created.
    pub(super) fn create(path: &Path, link: Link, snap_bytes: u32, existing: Existing) -> Result<Self> {
        if path.components().any(|part| part == Component::ParentDir) {
            return Err(CaptureError::Path {
                path: path.to_owned(),
                what: "a path with .. in it is not followed",
            });
        }
        let mut options = OpenOptions::new();
        options.write(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
        match existing {
            Existing::Refuse => options.create_new(true),
            Existing::Replace => options.create(true).truncate(true),
        };
        let created = options.open(path).and_then(|file| {
            // Only a file can be cut back; a device or a pipe is none.
            if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
        });
        let file = created.map_err(|source| CaptureError::Create { path: path.to_owned(), source })?;
        let mut this = Self { file, buffer: header(link, snap_bytes), flushed: 0 };
        this.flush().map_err(|lost| CaptureError::Create { path: path.to_owned(), source: lost.source })?;
        Ok(this)
    }

    /// Bytes of the file with what is not flushed yet.
    pub(super) fn bytes(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    /// Bytes a packet takes in a file.
    pub(super) fn bytes_of(packet: &Taken<'_>) -> u64 {
        RECORD_HEADER + packet.bytes.len() as u64
    }

    /// Adds a packet.
    ///
    /// # Errors
    /// [`Lost`] if the system takes no more.
    pub(super) fn push(&mut self, packet: &Taken<'_>) -> std::result::Result<(), Lost> {
        if !self.buffer.is_empty() && self.buffer.len() + Self::bytes_of(packet) as usize > BUFFER {
            self.flush().map_err(|lost| Lost { packets: lost.packets + 1, ..lost })?;
        }
        // The format has 32 bits of seconds, which end in 2106, and none before the epoch.
        let micros = packet.time_ns.max(0) / 1000;
        let words = [
            (micros / 1_000_000) as u32,
            (micros % 1_000_000) as u32,
            packet.bytes.len() as u32,
            packet.wire_bytes.max(packet.bytes.len() as u32),
        ];
        self.buffer.extend(words.into_iter().flat_map(u32::to_le_bytes));
        self.buffer.extend(packet.bytes);
        Ok(())
    }

    /// Hands all packets to the system.
    ///
    /// # Errors
    /// [`Lost`] if the system takes no more.
    pub(super) fn flush(&mut self) -> std::result::Result<(), Lost> {
        let mut written = 0;
        while let Some(rest) = self.buffer.get(written..).filter(|rest| !rest.is_empty()) {
            match self.file.write(rest) {
                Ok(0) => return Err(self.cut_back(written, io::ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.cut_back(written, error)),
            }
        }
        self.flushed += written as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Keeps the whole records among the first `written` bytes of the buffer.
    fn cut_back(&mut self, written: usize, source: io::Error) -> Lost {
        let (mut at, mut kept, mut packets) = (0, 0, 0);
        // The header of a new file is no record; then nothing is kept.
        while self.flushed > 0
            && let Some(length) = self.buffer.get(at + 8..).and_then(|rest| rest.first_chunk())
        {
            at += RECORD_HEADER as usize + u32::from_le_bytes(*length) as usize;
            if at <= written { kept = at } else { packets += 1 }
        }
        self.flushed += kept as u64;
        self.buffer.clear();
        // Where even this fails, the file ends in a cut record, which readers tell.
        let _ = self.file.set_len(self.flushed);
        Lost { packets, source }
    }
}

/// <https://www.tcpdump.org/manpages/pcap-savefile.5.html>
fn header(link: Link, snap_bytes: u32) -> Vec<u8> {
    // LINKTYPE_ETHERNET and LINKTYPE_LINUX_SLL.
    let link: u32 = match link {
        Link::Ethernet => 1,
        Link::Cooked => 113,
    };
    // Magic of microseconds, version 2.4, two fields that are always 0.
    [0xa1b2_c3d4, 0x0004_0002, 0, 0, snap_bytes, link].into_iter().flat_map(u32::to_le_bytes).collect()
}

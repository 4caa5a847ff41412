//! Writing the audit log.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::entry::{Entry, What};
use super::journal::{Journal, line_of};
use crate::error::{Error, Result};

/// The audit log, open to be gone on with. Nobody else can open it meanwhile.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
    file: File,
    journal: Journal,
    is_broken: bool,
}

impl AuditLog {
    /// Opens a log, making it where there is none. A line that was cut off when a process died is taken away.
    ///
    /// # Errors
    ///
    /// [`Error::LogLocked`] while another process has it open, [`Error::LogDamaged`], [`Error::File`].
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |error| Error::file(path)(error);
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let is_new = !path.exists();
        let mut file = OpenOptions::new();
        file.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
        let mut file = file.open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::LogLocked { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        file.read_to_end(&mut bytes).map_err(failed)?;
        let journal = Journal::of(&bytes);
        if let Some((line, what)) = journal.damage {
            return Err(Error::LogDamaged { path: path.to_owned(), line, what });
        }
        if journal.whole < bytes.len() as u64 {
            file.set_len(journal.whole).map_err(failed)?;
            file.sync_all().map_err(failed)?;
        }
        if is_new && let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            // The name of the file has to be on the disk too.
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        }
        Ok(Self { path: path.to_owned(), file, journal, is_broken: false })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it tells.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Adds an entry, and tells its number once it is on the disk.
    pub(crate) fn add(&mut self, at: Timestamp, what: What) -> Result<u64> {
        let entry = Entry { number: self.journal.next(), at, what };
        let text = serde_json::to_string(&entry).map_err(|error| Error::file(&self.path)(error.into()))?;
        let (line, sum) = line_of(&self.journal.sum, &text);
        if self.is_broken {
            let broken = std::io::Error::other("nothing can be added after a line that could not be written");
            return Err(Error::file(&self.path)(broken));
        }
        // On an error the line may be there, or a part of it: the next one would not fit.
        self.is_broken = true;
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(Error::file(&self.path))?;
        self.is_broken = false;
        self.journal.sum = sum;
        self.journal.whole += line.len() as u64;
        let number = entry.number;
        self.journal.entries.push(entry);
        Ok(number)
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        // Closing is not enough: a process that is just being started still has the file for a moment.
        let _ = self.file.unlock();
    }
}

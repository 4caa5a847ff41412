//! The file a download writes: locked, partial until it is whole, with a journal beside it.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;
use xxhash_rust::xxh3::Xxh3Default;

use super::beside::{self, Beside};
use super::blocks::{Blocks, Missing};
use super::journal::{self, About, Journal, Record};
use crate::blob::Blob;
use crate::error::{Error, Result};

/// Longest blob that is believed (chosen: five times the longest that Azure stores, 190.7 TiB).
const LONGEST: u64 = 1 << 50;

/// A file that is being written. Dropping it lets go of the lock and leaves partial file and journal as they are.
#[derive(Debug)]
pub(super) struct Target {
    /// Its name when it is whole.
    pub(super) to: PathBuf,
    /// What stands beside it.
    pub(super) beside: Beside,
    /// The partial file, locked.
    pub(super) file: File,
    /// The same file once more, to be read: this one holds no lock.
    pub(super) back: Arc<File>,
    /// What had the name when this began.
    pub(super) was: Option<Identity>,
    /// Bytes that had been there.
    pub(super) resumed_from: u64,
    /// Bytes at the beginning that are all there.
    pub(super) frontier: Arc<AtomicU64>,
    written: AtomicU64,
    state: Mutex<State>,
    advanced: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    blocks: Blocks,
    journal: Option<Journal>,
}

/// What tells whether a file is the same as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(u64, u64, u64, i64, i64);

impl From<&Metadata> for Identity {
    fn from(about: &Metadata) -> Self {
        Self(about.dev(), about.ino(), about.len(), about.mtime(), about.mtime_nsec())
    }
}

/// An error of a file.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    |source| Error::File { path: path.to_owned(), source }
}

/// What lies at a path, links not followed.
pub(super) fn lies(path: &Path) -> Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(about) => Ok(Some(about)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

impl Target {
    /// Opens the partial file of `to`, with what an earlier run left of this version of the blob; and in words why what
    /// was there is of no use, if so. Blocks the thread.
    pub(super) fn open(
        to: &Path,
        blob: &Blob,
        source: &str,
        advanced: Arc<Notify>,
    ) -> Result<(Self, Option<String>)> {
        let beside = Beside::of(to).filter(|_| !beside::is_ours(to)).ok_or_else(|| {
            at(to)(io::Error::new(ErrorKind::InvalidInput, "no name for a file that is fetched"))
        })?;
        if blob.size > LONGEST {
            let (what, why) = (source.to_owned(), format!("{} bytes are more than a blob has", blob.size));
            return Err(Error::Unexpected { what, why });
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(at(folder))?;
        }
        let was = lies(to)?.as_ref().map(Identity::from);
        let file = locked(&beside.partial)?;
        let mut blocks = Blocks::new(blob.size);
        let about = About {
            capkeep_journal: 1,
            source: source.to_owned(),
            etag: blob.etag.as_str().to_owned(),
            size: blob.size,
            block_bytes: blocks.block_bytes(),
        };
        let length = file.metadata().map_err(at(&beside.partial))?.len();
        let (mut claims, why) = match journal::read(&beside.journal, &about) {
            Ok(Some(claims)) if length > 0 => (claims, None),
            Ok(_) => (Vec::new(), None),
            Err(why) => (Vec::new(), Some(why)),
        };
        // Another file may have been renamed over the partial one: what is kept is what has the checksums.
        claims.retain(|claim| claim.block < blocks.len());
        claims.retain(|claim| has_checksum(&file, &blocks, *claim) && add(&mut blocks, claim.block));
        let journal = match Self::prepare(&beside, &file, &blocks, &about, &claims, length) {
            Ok(journal) => journal,
            Err(error) => {
                if claims.is_empty() {
                    remove(&beside);
                }
                return Err(error);
            }
        };
        let back = Arc::new(beside::plainly().read(true).open(&beside.partial).map_err(at(&beside.partial))?);
        let target = Self {
            to: to.to_owned(),
            file,
            back,
            was,
            resumed_from: blocks.kept(),
            frontier: Arc::new(AtomicU64::new(blocks.frontier())),
            written: AtomicU64::new(0),
            state: Mutex::new(State { blocks, journal }),
            advanced,
            beside,
        };
        Ok((target, why))
    }

    /// Makes room, and writes the journal where there is more than one block.
    fn prepare(
        beside: &Beside,
        file: &File,
        blocks: &Blocks,
        about: &About,
        kept: &[Record],
        length: u64,
    ) -> Result<Option<Journal>> {
        // Cutting a file makes some file systems write all of the next one to the disk at once.
        if kept.is_empty() && length > 0 {
            file.set_len(0).map_err(at(&beside.partial))?;
        }
        if blocks.len() < 2 {
            return beside::remove(&beside.journal).map(|()| None).map_err(at(&beside.journal));
        }
        reserve(file, about.size)
            .map_err(|error| at(&beside.partial)(full(error, &beside.partial, about.size)))?;
        file.set_len(about.size).map_err(at(&beside.partial))?;
        Journal::replace(&beside.journal, &beside.draft, about, kept).map(Some).map_err(at(&beside.journal))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is missing.
    pub(super) fn missing(&self) -> Missing {
        self.state().blocks.missing()
    }

    /// Bytes that the next run need not fetch.
    pub(super) fn kept(&self) -> u64 {
        let state = self.state();
        if state.journal.is_some() { state.blocks.kept() } else { 0 }
    }

    /// A journal stands beside it.
    pub(super) fn has_journal(&self) -> bool {
        self.state().journal.is_some()
    }

    /// Bytes written in this run.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Removes what no later run can use.
    pub(super) fn tidy(&self) {
        if self.kept() == 0 {
            remove(&self.beside);
        }
    }

    /// Throws away what is there.
    pub(super) fn discard(&self) {
        remove(&self.beside);
    }

    fn done(&self, record: Record) -> Result<()> {
        let mut state = self.state();
        if let Some(journal) = &mut state.journal {
            journal
                .add(record)
                .map_err(|error| at(&self.beside.journal)(full(error, &self.beside.journal, 0)))?;
        }
        if state.blocks.add(record.block) {
            // Whoever reads the file by this has seen it from another handle: the write was before.
            self.frontier.store(state.blocks.frontier(), Ordering::Release);
            self.advanced.notify_one();
        }
        Ok(())
    }
}

fn remove(beside: &Beside) {
    // Nothing is lost if they stay.
    let _ = fs::remove_file(&beside.journal);
    let _ = fs::remove_file(&beside.partial);
}

fn add(blocks: &mut Blocks, block: usize) -> bool {
    let before = blocks.kept();
    blocks.add(block);
    blocks.kept() > before
}

/// Opens and locks a partial file.
fn locked(path: &Path) -> Result<File> {
    let wrong = |kind, text: &str| at(path)(io::Error::new(kind, text));
    // Whoever had the lock before may have renamed or removed the file between our opening and locking it.
    for _ in 0..64 {
        let open = beside::plainly().read(true).write(true).create(true).truncate(false).open(path);
        let file = match open {
            Ok(file) => file,
            Err(error) if error.raw_os_error() == Some(nix::libc::ELOOP) => {
                return Err(wrong(ErrorKind::InvalidInput, "a link, which is not followed"));
            }
            Err(error) => return Err(at(path)(full(error, path, 0))),
        };
        match file.try_lock() {
            // Without locks (some network file systems) two runs at once are the user's to avoid.
            Ok(()) | Err(fs::TryLockError::Error(_)) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(wrong(ErrorKind::ResourceBusy, "another capkeep is fetching it"));
            }
        }
        let about = file.metadata().map_err(at(path))?;
        if !about.is_file() {
            return Err(wrong(ErrorKind::InvalidInput, "no file"));
        }
        match beside::is_same(&file, path) {
            // With a second name it may be somebody's finished file: the name goes, the file stays.
            Ok(true) if about.nlink() > 1 => fs::remove_file(path).map_err(at(path))?,
            Ok(true) => return Ok(file),
            Ok(false) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(at(path)(error)),
        }
    }
    Err(wrong(ErrorKind::ResourceBusy, "another capkeep is fetching it"))
}

/// Reserves the whole file on the disk, where the file system can.
fn reserve(file: &File, size: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use nix::errno::Errno;
        use nix::fcntl::{FallocateFlags, fallocate};
        // Where it cannot, a full disk is found when it is full.
        let reserved = fallocate(file, FallocateFlags::empty(), 0, size as i64);
        if let Err(errno @ (Errno::ENOSPC | Errno::EDQUOT | Errno::EFBIG | Errno::EIO)) = reserved {
            return Err(errno.into());
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, size);
    Ok(())
}

/// An error, in words that help if the disk is full.
fn full(error: io::Error, path: &Path, size: u64) -> io::Error {
    if !matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
        return error;
    }
    let free = path.parent().and_then(|folder| nix::sys::statvfs::statvfs(folder).ok());
    let free = free.map_or(0, |about| about.blocks_available() * about.fragment_size());
    let text = match size {
        0 => format!("the disk is full ({free} bytes are free)"),
        size => format!("the disk is full: the file has {size} bytes, {free} are free"),
    };
    io::Error::new(error.kind(), text)
}

/// True if a block is what the journal says.
fn has_checksum(file: &File, blocks: &Blocks, claim: Record) -> bool {
    let mut checksum = Xxh3Default::new();
    let range = blocks.range(claim.block);
    let mut buffer = vec![0; 128 << 10];
    let mut at = range.start;
    while at < range.end {
        let wanted = usize::try_from(range.end - at).map_or(buffer.len(), |left| left.min(buffer.len()));
        let bytes = &mut buffer[..wanted];
        if file.read_exact_at(bytes, at).is_err() {
            return false;
        }
        checksum.update(bytes);
        at += wanted as u64;
    }
    checksum.digest() == claim.checksum
}

/// Writes a range of a target as its bytes arrive, and notes each block that is done.
pub(super) struct Writer {
    target: Arc<Target>,
    block: Option<Block>,
}

/// The block that is being written.
struct Block {
    index: usize,
    end: u64,
    checksum: Xxh3Default,
}

impl Writer {
    pub(super) fn new(target: Arc<Target>) -> Self {
        Self { target, block: None }
    }

    /// Writes the bytes at `at`: the beginning of a block, or where the last ones ended.
    pub(super) fn write(&mut self, at_byte: u64, mut bytes: Bytes) -> Result<()> {
        let target = &self.target;
        let partial = &target.beside.partial;
        target.file.write_all_at(&bytes, at_byte).map_err(|error| at(partial)(full(error, partial, 0)))?;
        target.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let mut here = at_byte;
        while !bytes.is_empty() {
            let block = self.block.get_or_insert_with(|| {
                let state = target.state();
                let index = (here / state.blocks.block_bytes()) as usize;
                Block { index, end: state.blocks.range(index).end, checksum: Xxh3Default::new() }
            });
            let part = bytes.split_to(bytes.len().min((block.end - here) as usize));
            block.checksum.update(&part);
            here += part.len() as u64;
            if here == block.end {
                let record = Record { block: block.index, checksum: block.checksum.digest() };
                self.block = None;
                target.done(record)?;
            }
        }
        Ok(())
    }
}

//! A file that is whole and verified gets its name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;

use super::beside;
use super::limits::{Limits, Overwrite};
use super::provenance::Provenance;
use super::target::{Identity, Target, at, lies};
use crate::error::{Error, Result};

/// From so many files on, the file system is asked to write all it has rather than one file after the other (measured:
/// ten times faster for 200 files).
const TOGETHER: usize = 4;

/// A file whose content is right.
pub(super) struct Verified {
    /// Its place in the list of jobs.
    pub(super) file: usize,
    /// The partial file.
    pub(super) target: Arc<Target>,
    /// What is noted of it.
    pub(super) provenance: Provenance,
}

/// What became of a file that was to get its name.
pub(super) struct Named {
    /// Its place in the list of jobs.
    pub(super) file: usize,
    /// Whether it has it.
    pub(super) result: Result<()>,
    /// Bytes the next run need not fetch, if it has not.
    pub(super) kept: u64,
}

/// Gives files their names. Blocks the thread.
pub(super) fn settle(files: Vec<Verified>, limits: &Limits) -> Vec<Named> {
    let boot = if limits.durable { None } else { boot() };
    let mut noted: Vec<_> = files
        .into_iter()
        .map(|mut file| {
            let noted = note(&mut file, limits, boot.clone());
            (file, noted)
        })
        .collect();
    if limits.durable {
        sync(&mut noted);
    }
    let mut folders: BTreeMap<PathBuf, io::Result<()>> = BTreeMap::new();
    let mut out = Vec::new();
    for (file, noted) in noted {
        let named = noted.and_then(|_| name(&file, limits.overwrite));
        if named.is_err() {
            let _ = fs::remove_file(&file.target.beside.draft);
            file.target.tidy();
        } else if limits.durable {
            folders.insert(folder(&file.target.to), Ok(()));
        }
        out.push((Named { file: file.file, result: named, kept: file.target.kept() }, file.target));
    }
    for (folder, synced) in &mut folders {
        *synced = File::open(folder).and_then(|folder| folder.sync_all());
    }
    out.into_iter()
        .map(|(mut named, target)| {
            let folder = folder(&target.to);
            if let (Ok(()), Some(Err(error))) = (&named.result, folders.get(&folder)) {
                named.result = Err(at(&folder)(io::Error::new(error.kind(), error.to_string())));
            }
            named
        })
        .collect()
}

/// Folder a file is in.
fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Gives the partial file its time, and writes the note about it.
fn note(file: &mut Verified, limits: &Limits, boot: Option<String>) -> Result<File> {
    let Target { file: partial, beside, .. } = &*file.target;
    let wrong = at(&beside.partial);
    let about = partial.metadata();
    match about {
        Err(error) => return Err(wrong(error)),
        Ok(about) if about.len() != file.provenance.size => {
            let why = format!("{} bytes instead of {}", about.len(), file.provenance.size);
            return Err(Error::Unexpected { what: beside.partial.display().to_string(), why });
        }
        Ok(_) => {}
    }
    if limits.keep_time {
        // A time no file can have is no reason not to have the file.
        let _ = partial.set_modified(SystemTime::from(file.provenance.modified));
    }
    let modified = partial.metadata().and_then(|about| about.modified()).map_err(wrong)?;
    file.provenance.file_modified = Timestamp::try_from(modified).unwrap_or_default();
    file.provenance.boot = boot;
    file.provenance.write(&beside.draft).map_err(at(&beside.draft))
}

/// Waits until files and notes are on the disk.
fn sync(noted: &mut [(Verified, Result<File>)]) {
    #[cfg(target_os = "linux")]
    if noted.len() >= TOGETHER {
        // One folder may be on another file system than the next.
        let folders: BTreeSet<_> = noted.iter().map(|(file, _)| folder(&file.target.to)).collect();
        let write_all =
            |folder: &PathBuf| File::open(folder).is_ok_and(|file| nix::unistd::syncfs(file).is_ok());
        if folders.iter().all(write_all) {
            return;
        }
    }
    for (file, noted) in noted {
        let Ok(note) = noted else { continue };
        if let Err(error) = file.target.file.sync_all().and_then(|()| note.sync_all()) {
            *noted = Err(at(&file.target.beside.partial)(error));
        }
    }
}

/// Renames the file and then its note: a note never tells of a file that is not there.
fn name(file: &Verified, overwrite: Overwrite) -> Result<()> {
    let Target { to, beside, was, .. } = &*file.target;
    let here = lies(to)?;
    let may_replace = match overwrite {
        Overwrite::Always => true,
        Overwrite::Never => false,
        // What appeared or changed meanwhile is somebody else's.
        Overwrite::Changed => was.is_some() && here.as_ref().map(Identity::from) == *was,
    };
    if may_replace { fs::rename(&beside.partial, to) } else { rename_new(&beside.partial, to) }.map_err(
        |error| match error.kind() {
            ErrorKind::AlreadyExists => Error::Exists { what: to.display().to_string() },
            _ => at(to)(error),
        },
    )?;
    fs::rename(&beside.draft, &beside.provenance).map_err(at(&beside.provenance))?;
    if file.target.has_journal() {
        beside::remove(&beside.journal).map_err(at(&beside.journal))?;
    }
    Ok(())
}

/// Renames a file to a name that nothing has.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use nix::errno::Errno;
        use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
        match renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE) {
            // A file system that cannot.
            Err(Errno::EINVAL | Errno::ENOSYS) => {}
            renamed => return Ok(renamed?),
        }
    }
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
        // One that has no links either.
        Err(_) if fs::symlink_metadata(to).is_err() => fs::rename(from, to),
        Err(_) => Err(ErrorKind::AlreadyExists.into()),
    }
}

/// Name of the machine's run, where the system has one.
pub(super) fn boot() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|text| text.trim().to_owned())
}

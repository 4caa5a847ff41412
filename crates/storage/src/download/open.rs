//! What lies at the place of a file, before anything is fetched.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::task::{JoinError, spawn_blocking};

use super::beside::{self, Beside};
use super::hash::{Hash, Hashing};
use super::limits::{Check, Overwrite};
use super::line::{Line, Source};
use super::provenance::Provenance;
use super::settle::boot;
use super::target::{Target, at, lies};
use crate::blob::Blob;
use crate::error::{Error, Result};

/// What was found.
pub(super) enum Opened {
    /// The file, from this version of the blob.
    Unchanged(Box<Provenance>),
    /// None, or one that is to be replaced; and why what had been kept of it is of no use.
    Begun { blob: Box<Blob>, target: Box<Target>, afresh: Option<String> },
}

/// Looks at the place of a file, and opens its partial file.
pub(super) async fn open(
    line: &Line<'_>,
    file: usize,
    mut source: Source,
    to: PathBuf,
    advanced: Arc<Notify>,
) -> Result<Opened> {
    let limits = line.limits();
    let wants_md5 = limits.check == Check::Required;
    // A listing may be old, and no range of an empty blob is asked for that would tell.
    if source.blob.size == 0 || (wants_md5 && source.blob.md5.is_none()) {
        source.blob = line.head(file, &source).await?;
    }
    if wants_md5 && source.blob.md5.is_none() {
        return Err(Error::Unsupported {
            what: source.url(),
            why: "it has no MD5 to be checked against".into(),
        });
    }
    let overwrite = limits.overwrite;
    let path = to.clone();
    let looked = spawn_blocking(move || {
        let here = lies(&to)?;
        if here.as_ref().is_some_and(Metadata::is_dir) {
            return Err(at(&to)(io::ErrorKind::IsADirectory.into()));
        }
        match (overwrite, here) {
            (Overwrite::Never, Some(_)) => return Err(Error::Exists { what: to.display().to_string() }),
            (Overwrite::Changed, Some(here)) => {
                if let Some(known) = unchanged(&to, &here, &source).map_err(at(&to))? {
                    return Ok(Opened::Unchanged(Box::new(known)));
                }
            }
            _ => {}
        }
        let (target, afresh) = Target::open(&to, &source.blob, &source.url(), advanced)?;
        Ok(Opened::Begun { blob: Box::new(source.blob), target: Box::new(target), afresh })
    });
    joined(looked.await, &path)?
}

/// What work on another thread came to.
pub(super) fn joined<T>(done: std::result::Result<T, JoinError>, path: &Path) -> Result<T> {
    // It does not panic, and is cancelled with the whole runtime only.
    done.map_err(|_| at(path)(io::Error::other("the work on it was cancelled")))
}

/// What is known of a file, if it is what was fetched from this version of the blob.
fn unchanged(to: &Path, here: &Metadata, source: &Source) -> io::Result<Option<Provenance>> {
    // A note that cannot be read is as good as none.
    let Ok(Some(mut known)) = Provenance::of(to) else { return Ok(None) };
    let modified = Timestamp::try_from(here.modified()?).ok();
    let is_as_noted = here.is_file() && here.len() == known.size && modified == Some(known.file_modified);
    if !is_as_noted || !known.is_of(source.store.account(), &source.blob) {
        return Ok(None);
    }
    let Some(beside) = Beside::of(to) else { return Ok(None) };
    if known.boot.is_some() && known.boot != boot() {
        // The machine was started anew since: what it had not written to the disk is lost.
        let mut hashing = Hashing::sha256(Arc::new(beside::plainly().read(true).open(to)?));
        hashing.go_on(|at| (at < known.size).then_some(known.size))?;
        if !matches!(hashing.finish(), Hash::Sha256(sha256) if sha256 == known.sha256) {
            return Ok(None);
        }
        known.boot = None;
        known.write(&beside.draft)?;
        fs::rename(&beside.draft, &beside.provenance)?;
    }
    // A run may have been killed between the name and the end.
    if !beside.partial.exists() {
        let _ = fs::remove_file(&beside.journal);
    }
    Ok(Some(known))
}

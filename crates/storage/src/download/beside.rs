//! Names of the files that stand beside a file: the partial one, the journal, the provenance.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use sha2::{Digest, Sha256};

use super::hash::hex;

const PARTIAL: &str = ".capkeep-partial";
const JOURNAL: &str = ".capkeep-journal";
const DRAFT: &str = ".capkeep-draft";
const PROVENANCE: &str = ".provenance.json";

/// Longest name of a file in bytes: Linux' `NAME_MAX`.
const NAME_BYTES: usize = 255;

/// Places beside a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Beside {
    /// Bytes that arrived, until all have.
    pub(super) partial: PathBuf,
    /// What of the partial file is done.
    pub(super) journal: PathBuf,
    /// What is about to be renamed to one of the others.
    pub(super) draft: PathBuf,
    /// Where the file came from.
    pub(super) provenance: PathBuf,
}

impl Beside {
    /// Places beside `file`; nothing if it has no name.
    pub(super) fn of(file: &Path) -> Option<Self> {
        let name = file.file_name()?;
        let stem = if name.len() + PARTIAL.len().max(PROVENANCE.len()) <= NAME_BYTES {
            name.to_owned()
        } else {
            // 128 bits are enough to tell names apart.
            OsString::from(&hex(&Sha256::digest(name.as_bytes()))[..32])
        };
        let with = |ending: &str| {
            let mut name = stem.clone();
            name.push(ending);
            file.with_file_name(name)
        };
        Some(Self {
            partial: with(PARTIAL),
            journal: with(JOURNAL),
            draft: with(DRAFT),
            provenance: with(PROVENANCE),
        })
    }
}

/// True for a name that a file of ours may have: nothing fetched gets it.
pub(super) fn is_ours(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().as_bytes().to_ascii_lowercase();
    [PARTIAL, JOURNAL, DRAFT, PROVENANCE].iter().any(|ending| name.ends_with(ending.as_bytes()))
}

/// Options that follow no link and wait for no other end of a pipe.
pub(super) fn plainly() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).bits()).mode(0o644);
    options
}

/// A new file of ours in the place of what a run that was killed may have left.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let create = || plainly().append(true).create_new(true).open(path);
    create().or_else(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => std::fs::remove_file(path).and_then(|()| create()),
        _ => Err(error),
    })
}

/// Removes a file of ours, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Content of a file of ours; nothing if it is longer than any of those, or no file.
pub(super) fn read(path: &Path, longest: u64) -> io::Result<Option<Vec<u8>>> {
    let file = plainly().read(true).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() || about.len() > longest {
        return Ok(None);
    }
    let mut content = Vec::new();
    file.take(longest).read_to_end(&mut content)?;
    Ok(Some(content))
}

/// True if both are the same file.
pub(super) fn is_same(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (here, there) = (file.metadata()?, std::fs::symlink_metadata(path)?);
    Ok((here.dev(), here.ino()) == (there.dev(), there.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_beside_have_names_of_their_own_that_fit() {
        let beside = Beside::of(Path::new("/a/b.cap")).unwrap();
        assert_eq!(beside.partial, Path::new("/a/b.cap.capkeep-partial"));
        assert_eq!(beside.provenance, Path::new("/a/b.cap.provenance.json"));
        let long = PathBuf::from(format!("/a/{}", "ä".repeat(127)));
        let beside = Beside::of(&long).unwrap();
        for path in [beside.partial, beside.journal, beside.draft, beside.provenance] {
            assert!(path.file_name().unwrap().len() <= NAME_BYTES);
            assert!(is_ours(&path), "{}", path.display());
        }
        assert!(Beside::of(Path::new("/a/..")).is_none());
        assert!(is_ours(Path::new("x.CAPKEEP-partial")) && !is_ours(&long));
    }
}

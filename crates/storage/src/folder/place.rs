//! Where a file is: found step by step from the root, following no link.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use azure_core::Uuid;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};

use crate::blob::BlobName;

/// A place below a root.
#[derive(Clone, Debug)]
pub(super) struct Place {
    root: PathBuf,
    folders: Vec<String>,
    file: String,
}

/// A name that a container, a folder or a file can have here: no step, no path, not hidden.
pub(super) fn is_word(word: &str) -> bool {
    !word.is_empty() && !word.starts_with('.') && !word.contains(['/', '\0'])
}

impl Place {
    /// The place of a blob; `None` for names that are no plain path.
    pub(super) fn of(root: &Path, name: &BlobName) -> Option<Self> {
        let mut folders = vec![name.container.clone()];
        folders.extend(name.name.split('/').map(str::to_owned));
        if !folders.iter().all(|word| is_word(word)) {
            return None;
        }
        let file = folders.pop()?;
        Some(Self { root: root.to_owned(), folders, file })
    }

    /// The whole path, to be told.
    pub(super) fn path(&self) -> PathBuf {
        let mut path = self.root.clone();
        path.extend(&self.folders);
        path.join(&self.file)
    }

    /// Opens the file for reading, if it is one.
    pub(super) fn open(&self) -> io::Result<File> {
        // Opening a pipe would wait for its other end.
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let file = File::from(openat(self.folder(false)?, self.file.as_str(), flags, Mode::empty())?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(Errno::ENOENT.into()) }
    }

    /// Writes the file under another name, and gives it its own once it is whole and on the disk.
    pub(super) fn write(
        &self,
        replace: bool,
        content: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> io::Result<File> {
        let folder = self.folder(true)?;
        let partial = format!(".{}.part", Uuid::new_v4());
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::from_bits_truncate(0o666);
        let mut file = File::from(openat(&folder, partial.as_str(), flags, mode)?);
        let written = (|| {
            content(&mut file)?;
            file.sync_all()?;
            if replace {
                renameat(&folder, partial.as_str(), &folder, self.file.as_str())?;
            } else {
                linkat(&folder, partial.as_str(), &folder, self.file.as_str(), AtFlags::empty())?;
            }
            Ok(())
        })();
        if !replace || written.is_err() {
            let _ = unlinkat(&folder, partial.as_str(), UnlinkatFlags::NoRemoveDir);
        }
        File::from(folder).sync_all()?;
        written.map(|()| file)
    }

    /// Removes the file.
    pub(super) fn remove(&self) -> io::Result<()> {
        let folder = self.folder(false)?;
        unlinkat(&folder, self.file.as_str(), UnlinkatFlags::NoRemoveDir)?;
        File::from(folder).sync_all()
    }

    /// The folder the file is in; made where it is not there yet.
    fn folder(&self, make: bool) -> io::Result<OwnedFd> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        if make {
            std::fs::create_dir_all(&self.root)?;
        }
        // The root itself may be a link: it was named by whoever runs this.
        let mut at = open(&self.root, flags, Mode::empty())?;
        for word in &self.folders {
            if make {
                match mkdirat(&at, word.as_str(), Mode::from_bits_truncate(0o777)) {
                    Ok(()) | Err(Errno::EEXIST) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            at = openat(&at, word.as_str(), flags | OFlag::O_NOFOLLOW, Mode::empty())?;
        }
        Ok(at)
    }
}

//! The folder of a report: what was analysed before, and what readers see, changed as a whole.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use capkeep_report::flows::ExportError;
use capkeep_report::unit::Unit;

use crate::failure::hinted;

/// Where capkeep keeps its own things in the folder.
const OWN: &str = ".capkeep";
/// Says that the folder is one of ours.
const MARK: &str = "report";
/// What a unit that is not whole yet is called.
const UNFINISHED: &str = "unfinished-";

/// The folder of a report, held by this process alone.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl Folder {
    /// Opens the folder, or makes it. One that holds anything else is left alone.
    pub(crate) fn open(root: &Path) -> anyhow::Result<Self> {
        let shown = root.display();
        fs::create_dir_all(root).with_context(|| format!("cannot make the folder {shown}"))?;
        let own = root.join(OWN);
        if !own.join(MARK).exists() {
            let mut entries =
                fs::read_dir(root).with_context(|| format!("cannot read the folder {shown}"))?;
            if entries.any(|entry| entry.is_ok_and(|entry| entry.file_name() != OWN)) {
                return Err(hinted(
                    format!("{shown} holds something else than a report"),
                    "name a new folder, or an empty one",
                ));
            }
        }
        fs::create_dir_all(own.join("units")).with_context(|| format!("cannot write to {shown}"))?;
        let lock = File::create(own.join("lock")).with_context(|| format!("cannot write to {shown}"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(hinted(
                    format!("another capkeep writes to {shown}"),
                    "wait for it, or name another folder",
                ));
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {shown}"));
            }
        }
        fs::write(own.join(MARK), "A report of capkeep; what is in this folder can be made again.\n")
            .with_context(|| format!("cannot write to {shown}"))?;
        let folder = Self { root: root.to_owned(), _lock: lock };
        folder.tidy()?;
        Ok(folder)
    }

    /// Takes away what a run that was killed left unfinished.
    fn tidy(&self) -> anyhow::Result<()> {
        for name in self.units()? {
            if name.to_string_lossy().starts_with(UNFINISHED) {
                remove(&self.own("units").join(name))?;
            }
        }
        remove(&self.own("next"))?;
        remove(&self.own("last"))
    }

    fn own(&self, name: &str) -> PathBuf {
        self.root.join(OWN).join(name)
    }

    fn units(&self) -> anyhow::Result<Vec<OsString>> {
        let units = self.own("units");
        let entries = fs::read_dir(&units).with_context(|| format!("cannot read {}", units.display()))?;
        Ok(entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect())
    }

    /// Where the unit with this key lies, once it is whole.
    pub(crate) fn unit_folder(&self, key: &str) -> PathBuf {
        self.own("units").join(key)
    }

    /// A unit that was made before.
    pub(crate) fn read(&self, key: &str) -> Result<Unit, ExportError> {
        Unit::read(&self.unit_folder(key).join(UNIT))
    }

    /// A new folder to make a unit in.
    pub(crate) fn begin(&self, key: &str) -> anyhow::Result<PathBuf> {
        let folder = self.own("units").join(format!("{UNFINISHED}{key}"));
        remove(&folder)?;
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    /// The unit in a folder of [`Folder::begin`] is whole: from now on it is what its key stands for.
    pub(crate) fn keep(&self, key: &str, made: &Path, unit: &Unit) -> anyhow::Result<()> {
        unit.write(&made.join(UNIT))?;
        let folder = self.unit_folder(key);
        remove(&folder)?;
        fs::rename(made, &folder).with_context(|| format!("cannot write {}", folder.display()))
    }

    /// Forgets the units of other inputs.
    pub(crate) fn forget_others(&self, keys: &HashSet<&str>) -> anyhow::Result<()> {
        for name in self.units()? {
            if name.to_str().is_none_or(|name| !keys.contains(name)) {
                remove(&self.own("units").join(name))?;
            }
        }
        Ok(())
    }

    /// Begins what readers will see next.
    pub(crate) fn next(&self) -> anyhow::Result<Next<'_>> {
        let path = self.own("next");
        remove(&path)?;
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Next { folder: self, path })
    }
}

/// The file of a unit in its folder.
const UNIT: &str = "unit.json";

/// What readers will see next.
#[derive(Debug)]
pub(crate) struct Next<'a> {
    folder: &'a Folder,
    path: PathBuf,
}

impl Next<'_> {
    /// Where it is made.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Shows it. What was there before goes, piece by piece, when its successor is there; if that is interrupted the
    /// next run does it again.
    pub(crate) fn show(self) -> anyhow::Result<()> {
        let root = &self.folder.root;
        let last = self.folder.own("last");
        let move_all = || -> io::Result<()> {
            fs::create_dir_all(&last)?;
            let mut names = BTreeSet::new();
            for entry in fs::read_dir(&self.path)? {
                names.insert(entry?.file_name());
            }
            for entry in fs::read_dir(root)? {
                let name = entry?.file_name();
                if name != OWN && !names.contains(&name) && is_ours(&name) {
                    fs::rename(root.join(&name), last.join(&name))?;
                }
            }
            for name in &names {
                let (new, old) = (self.path.join(name), root.join(name));
                // A file takes the place of its predecessor in one step, a folder needs two.
                if new.is_dir() && old.exists() {
                    fs::rename(&old, last.join(name))?;
                }
                fs::rename(&new, &old)?;
            }
            Ok(())
        };
        move_all().with_context(|| format!("cannot write to {}", root.display()))?;
        remove(&last)?;
        remove(&self.path)
    }
}

/// What a report may have in its folder, and an earlier one had.
const OURS: &[&str] = &["captures", "data", "index.html", "report.json", "report.md", "report.txt"];

fn is_ours(name: &OsString) -> bool {
    OURS.iter().any(|ours| name == ours)
}

fn remove(path: &Path) -> anyhow::Result<()> {
    let result = match fs::symlink_metadata(path) {
        Ok(is) if is.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
    result.with_context(|| format!("cannot remove {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_other_things_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("thesis.txt"), "").unwrap();
        let error = Folder::open(root.path()).unwrap_err();
        assert!(error.to_string().contains("something else"), "{error}");
        assert!(!root.path().join(OWN).exists());
    }

    #[test]
    fn a_folder_belongs_to_one_process_at_a_time() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        assert!(Folder::open(root.path()).unwrap_err().to_string().contains("another capkeep"));
        drop(folder);
        Folder::open(root.path()).unwrap();
    }

    #[test]
    fn what_readers_see_changes_as_a_whole_and_what_is_not_ours_stays() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let show = |names: &[&str]| {
            let next = folder.next().unwrap();
            for name in names {
                let path = next.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, name).unwrap();
            }
            next.show().unwrap();
        };
        show(&["index.html", "data/hosts.parquet", "report.md"]);
        fs::write(root.path().join("notes.txt"), "mine").unwrap();
        show(&["index.html", "data/services.parquet"]);
        let exists = |name: &str| root.path().join(name).exists();
        assert!(exists("index.html") && exists("data/services.parquet") && exists("notes.txt"));
        assert!(!exists("data/hosts.parquet") && !exists("report.md"));
        assert!(!root.path().join(OWN).join("last").exists() && !root.path().join(OWN).join("next").exists());
    }

    #[test]
    fn what_was_left_unfinished_is_taken_away() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let made = folder.begin("abc").unwrap();
        fs::write(made.join("half"), "").unwrap();
        drop(folder);
        Folder::open(root.path()).unwrap();
        assert!(!made.exists());
    }
}

//! Files with flows, put beside the tables.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use polars_core::prelude::Field;

use super::SCHEMA_NAME;
use super::columns::{ColumnAbout, FIRST, Kind};
use crate::beside::{beside, is_left};
use crate::flows::{COLUMNS, ExportError, Get, Layout};
use crate::unit::FlowFileRow;

/// The columns of the files with flows: those of every table first, then those of a flow file but for its number of
/// the session.
pub(super) fn columns() -> Vec<ColumnAbout> {
    let about = |column: &crate::flows::Column| ColumnAbout {
        name: column.name,
        kind: match column.get {
            Get::Int(_) => Kind::Int,
            Get::Bool(_) => Kind::Bool,
            Get::Text(_) => Kind::Text,
        },
        unit: column.unit,
        nullable: column.nullable,
        meaning: if column.name == "capture_index" {
            "Number of that capture among those of the session, from 0."
        } else {
            column.meaning
        },
    };
    let rest = COLUMNS.iter().filter(|column| column.name != "session").map(about);
    FIRST.into_iter().chain(rest).collect()
}

/// How files with flows are laid out.
pub(crate) fn layout() -> Layout {
    let field = |column: ColumnAbout| Field::new(column.name.into(), column.kind.dtype());
    Layout { schema: columns().into_iter().map(field).collect(), name: SCHEMA_NAME, from_outside: Vec::new() }
}

/// Puts the files with flows of units into the dataset's folder of flows, `day=YYYY-MM-DD/<session>.parquet`.
pub struct FlowLinks {
    folder: PathBuf,
    kept: BTreeSet<PathBuf>,
}

impl FlowLinks {
    /// Starts with the folder of flows.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.into(), kept: BTreeSet::new() }
    }

    /// Puts the files of a unit there, from the folder that its [`Gather`](crate::unit::Gather) was given: as hard
    /// links, as copies where the system makes none.
    ///
    /// # Errors
    /// What the system says.
    pub fn add(&mut self, from: &Path, files: &[FlowFileRow]) -> Result<(), ExportError> {
        for file in files {
            let place = Path::new(&format!("day={}", file.day)).join(&file.name);
            let (source, target) = (from.join(&place), self.folder.join(&place));
            link(&source, &target).map_err(|source| ExportError::Io { path: target.clone(), source })?;
            self.kept.insert(target);
        }
        Ok(())
    }

    /// Removes the files with flows that belong to none of the units; how many are left.
    ///
    /// # Errors
    /// What the system says.
    pub fn finish(self) -> Result<u64, ExportError> {
        prune(&self.folder, &self.kept)
            .map_err(|source| ExportError::Io { path: self.folder.clone(), source })?;
        Ok(self.kept.len() as u64)
    }
}

fn link(source: &Path, target: &Path) -> io::Result<()> {
    if same(source, target) {
        return Ok(());
    }
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder)?;
    }
    // A name that is free, for what then takes the target's place.
    let place = beside(target)?.into_temp_path();
    fs::remove_file(&place)?;
    if fs::hard_link(source, &place).is_err() {
        fs::copy(source, &place)?;
    }
    place.persist(target).map_err(|error| error.error)
}

/// True if both are the same file already.
#[cfg(unix)]
fn same(source: &Path, target: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (fs::metadata(source), fs::metadata(target)) {
        (Ok(source), Ok(target)) => (source.dev(), source.ino()) == (target.dev(), target.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same(_source: &Path, _target: &Path) -> bool {
    false
}

fn prune(folder: &Path, kept: &BTreeSet<PathBuf>) -> io::Result<()> {
    let days = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for day in days {
        let day = day?;
        if !day.file_name().to_string_lossy().starts_with("day=") || !day.file_type()?.is_dir() {
            continue;
        }
        let mut is_empty = true;
        for file in fs::read_dir(day.path())? {
            let path = file?.path();
            let is_flows = path.extension().is_some_and(|ending| ending == "parquet");
            if (is_flows && !kept.contains(&path)) || is_left(&path, "") {
                fs::remove_file(&path)?;
            } else {
                is_empty = false;
            }
        }
        if is_empty {
            fs::remove_dir(day.path())?;
        }
    }
    Ok(())
}

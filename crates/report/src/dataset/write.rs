//! Tables to files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use polars_core::error::PolarsResult;
use polars_core::frame::DataFrame;

use super::table::{DatasetTable, layout};
use super::{TABLES, json_schema, schema};
use crate::beside::{beside, is_left};
use crate::flows::{ExportError, FileFormat, FlowExport, RowFile, WholeFile};
use crate::unit::Unit;

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Units.
    pub units: u64,
    /// Tables and how many rows each has.
    pub rows: Vec<(&'static str, u64)>,
    /// The files.
    pub files: Vec<PathBuf>,
}

/// Writes every table of [`TABLES`] into a folder in every format asked for, and what they hold (`schema.json`,
/// `rows.schema.json`).
///
/// Units must come in the order of [`Unit::order`]. One is held at a time, and so many rows of each table as make a
/// row group. All files are whole before the first takes its name.
///
/// # Errors
/// What the units say; units that are not in order; what the system or an encoder says.
pub fn write(
    folder: &Path,
    units: &mut dyn Iterator<Item = Result<Unit, ExportError>>,
    formats: &[FileFormat],
) -> Result<Written, ExportError> {
    write_by(folder, units, formats, FlowExport::ROWS)
}

/// As [`write`], with other row groups.
pub(super) fn write_by(
    folder: &Path,
    units: &mut dyn Iterator<Item = Result<Unit, ExportError>>,
    formats: &[FileFormat],
    group: usize,
) -> Result<Written, ExportError> {
    let refused = |source| ExportError::Io { path: folder.into(), source };
    fs::create_dir_all(folder).and_then(|()| sweep(folder)).map_err(refused)?;
    let mut tables = TABLES
        .iter()
        .map(|table| Writer::create(folder, *table, formats, group))
        .collect::<Result<Vec<_>, _>>()?;
    let mut written = Written::default();
    let mut before: Option<(Option<String>, String)> = None;
    for unit in units {
        let unit = unit?;
        let (vm, session) = unit.order();
        if let Some((vm_before, session_before)) = &before
            && (vm_before.as_deref(), session_before.as_str()) >= (vm, session)
        {
            return Err(ExportError::Order { session: session.into(), before: session_before.clone() });
        }
        for table in &mut tables {
            table.push(&unit)?;
        }
        before = Some((vm.map(Into::into), session.into()));
        written.units += 1;
    }
    let mut whole = Vec::new();
    for table in tables {
        let name = table.table.name();
        let (rows, files) = table.finish()?;
        written.rows.push((name, rows));
        whole.extend(files);
    }
    for (path, file) in whole {
        file.persist()?;
        written.files.push(path);
    }
    for (name, text) in [("schema.json", schema()), ("rows.schema.json", json_schema())] {
        let path = folder.join(name);
        put(&path, &text)?;
        written.files.push(path);
    }
    Ok(written)
}

/// One table on its way to its files.
struct Writer {
    table: &'static dyn DatasetTable,
    files: Vec<(PathBuf, RowFile)>,
    held: Option<DataFrame>,
    group: usize,
    rows: u64,
}

impl Writer {
    fn create(
        folder: &Path,
        table: &'static dyn DatasetTable,
        formats: &[FileFormat],
        group: usize,
    ) -> Result<Self, ExportError> {
        let layout = layout(table);
        let mut files = Vec::new();
        for (ending, format) in FileFormat::ALL.iter().filter(|(_, format)| formats.contains(format)) {
            let path = folder.join(format!("{}{ending}", table.name()));
            let file = RowFile::create(&path, *format, &layout, false)?;
            files.push((path, file));
        }
        Ok(Self { table, files, held: None, group: group.max(1), rows: 0 })
    }

    fn push(&mut self, unit: &Unit) -> Result<(), ExportError> {
        let full = self.add(unit).map_err(|source| ExportError::Table { source })?;
        full.iter().try_for_each(|frame| self.flush(frame))
    }

    /// Adds the rows of a unit; what there is to write then.
    fn add(&mut self, unit: &Unit) -> PolarsResult<Vec<DataFrame>> {
        let more = self.table.frame(unit)?;
        let mut all = match self.held.take() {
            Some(mut held) => {
                held.vstack_mut_owned(more)?;
                held
            }
            None => more,
        };
        let mut full = Vec::new();
        while all.height() >= self.group {
            full.push(all.slice(0, self.group));
            all = all.slice(self.group as i64, all.height() - self.group);
        }
        self.held = Some(all);
        Ok(full)
    }

    fn flush(&mut self, frame: &DataFrame) -> Result<(), ExportError> {
        if frame.height() == 0 {
            return Ok(());
        }
        // In one piece: how many units the rows are of must not show in the bytes.
        let mut frame = frame.clone();
        frame.rechunk_mut();
        self.rows += frame.height() as u64;
        self.files.iter_mut().try_for_each(|(_, file)| file.write(&frame))
    }

    fn finish(mut self) -> Result<(u64, Vec<(PathBuf, WholeFile)>), ExportError> {
        if let Some(rest) = self.held.take() {
            self.flush(&rest)?;
        }
        let whole = self.files.into_iter().map(|(path, file)| Ok((path, file.finish()?)));
        Ok((self.rows, whole.collect::<Result<_, ExportError>>()?))
    }
}

/// Removes what a run that was cut short left behind.
fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let mut names = TABLES.iter().map(|table| table.name()).chain(["schema", "rows.schema"]);
        if names.any(|name| is_left(&path, &format!("{name}."))) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn put(path: &Path, text: &str) -> Result<(), ExportError> {
    let refused = |source| ExportError::Io { path: path.into(), source };
    let file = beside(path).map_err(refused)?;
    fs::write(file.path(), text).map_err(refused)?;
    file.persist(path).map(drop).map_err(|error| refused(error.error))
}

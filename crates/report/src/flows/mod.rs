//! Flows to files, while they end.
//!
//! A [`FlowExport`] takes flows in batches, holds at most [`FlowExport::ROWS`] of them, and writes them to every
//! file it was opened with: Parquet row groups, Arrow record batches, lines of CSV or JSON. The rows stand in the
//! order they were given, and the same flows give the same bytes, however they were cut into batches.
//!
//! A file is written beside its target under another name and takes the target's name when it is whole; an
//! export that is dropped or fails leaves the target as it was.

mod columns;
mod file;
mod frame;

use std::io;
use std::path::{Path, PathBuf};

use capkeep_flow::FlowRecord;
use polars_core::error::PolarsError;

pub(crate) use file::{Layout, RowFile, WholeFile, beside, is_left};
pub(crate) use frame::{Captures, frame};

pub use columns::{COLUMNS, Column, Get, Row, markdown};
pub use file::FileFormat;

/// Name and version of the columns, kept in the metadata of Parquet files. New columns may come at the end
/// without a new version.
pub const SCHEMA_NAME: &str = "capkeep.flows/1";

/// Why flows could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The file name ends in none of the formats.
    #[error("{path:?} is no flow file: its name must end in {}", FileFormat::endings())]
    UnknownFormat {
        /// The name.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot write {path:?}")]
    Io {
        /// The target.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file format refused.
    #[error("cannot write {path:?}")]
    Encode {
        /// The target.
        path: PathBuf,
        /// The encoder's reason.
        source: PolarsError,
    },
    /// A file could not be read.
    #[error("cannot read {path:?}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file is no unit.
    #[error("{path:?} is no unit of a report")]
    Unit {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A unit has another shape.
    #[error("{path:?} was written by another version: its format is {format}")]
    UnitFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
    /// The name of a session is not fit for a file name.
    #[error("{session:?} cannot be the name of a session: it must be fit for a file name")]
    Session {
        /// The name.
        session: String,
    },
    /// Units came out of order.
    #[error(
        "session {session:?} does not come behind {before:?}: units must be in the order of machine and session"
    )]
    Order {
        /// The session.
        session: String,
        /// The one before it.
        before: String,
    },
    /// The rows could not be made a table.
    #[error("cannot make a table of the rows")]
    Table {
        /// The reason.
        source: PolarsError,
    },
}

/// Writes flows to any number of files at once.
pub struct FlowExport {
    captures: Captures,
    buffer: Vec<FlowRecord>,
    files: Vec<RowFile>,
    parallel: bool,
    /// Flows held before they are written; [`FlowExport::ROWS`] outside of tests.
    rows: usize,
    flows: u64,
}

impl FlowExport {
    /// Flows held before they are written: rows of a Parquet row group (chosen: 64 Ki rows are about 40 MB, and
    /// large enough to compress well).
    pub const ROWS: usize = 1 << 16;

    /// Opens the files. Their formats are told by their names ([`FileFormat`]). `parallel` lets columns be made
    /// and compressed on the threads that polars keeps; the bytes are the same without.
    ///
    /// # Errors
    /// A name that ends in no known format, a folder that cannot be written to.
    pub fn create(paths: &[PathBuf], parallel: bool) -> Result<Self, ExportError> {
        // All names are looked at before the first file is made.
        let formats: Vec<FileFormat> =
            paths.iter().map(|path| FileFormat::of(path)).collect::<Result<_, _>>()?;
        let layout = frame::layout();
        let files = paths
            .iter()
            .zip(formats)
            .map(|(path, format)| RowFile::create(path, format, &layout, parallel))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            captures: Captures::default(),
            buffer: Vec::new(),
            files,
            parallel,
            rows: Self::ROWS,
            flows: 0,
        })
    }

    /// Paths of the unfinished files, for whoever must remove them when the process is told to end.
    pub fn temporary_paths(&self) -> Vec<PathBuf> {
        self.files.iter().map(RowFile::temporary_path).collect()
    }

    /// Tells path and session of a capture, by its index. Flows of captures that were not told have neither.
    pub fn capture(&mut self, index: u32, path: &Path, session: Option<u32>) {
        self.captures.insert(index, columns::path_text(path), session);
    }

    /// Adds flows.
    ///
    /// # Errors
    /// What the system or an encoder says; the export is of no use after that.
    pub fn push(&mut self, flows: &[FlowRecord]) -> Result<(), ExportError> {
        let mut rest = flows;
        while !rest.is_empty() {
            let room = (self.rows - self.buffer.len()).min(rest.len());
            let (now, later) = rest.split_at(room);
            self.buffer.extend_from_slice(now);
            rest = later;
            if self.buffer.len() == self.rows {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Writes what is left and gives the files their names. Returns how many flows were written.
    ///
    /// # Errors
    /// What the system or an encoder says.
    pub fn finish(mut self) -> Result<u64, ExportError> {
        self.flush()?;
        // Every file is whole before the first takes its name.
        let whole = self.files.drain(..).map(RowFile::finish).collect::<Result<Vec<_>, _>>()?;
        whole.into_iter().try_for_each(WholeFile::persist)?;
        Ok(self.flows)
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let frame = frame::frame(&self.buffer, &self.captures, self.parallel)
            .map_err(|source| ExportError::Table { source })?;
        self.flows += self.buffer.len() as u64;
        self.buffer.clear();
        self.files.iter_mut().try_for_each(|file| file.write(&frame))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use polars_core::prelude::*;
    use polars_io::prelude::*;

    use super::*;
    use crate::fixture;

    const ENDINGS: [&str; 5] = ["parquet", "arrow", "csv", "json", "ndjson"];

    fn flows() -> Vec<FlowRecord> {
        vec![fixture::tcp_flow(), fixture::icmp_flow(), fixture::arp_flow()]
    }

    fn export(folder: &Path, flows: &[FlowRecord], batch: usize, parallel: bool) -> Vec<Vec<u8>> {
        let paths: Vec<PathBuf> =
            ENDINGS.iter().map(|ending| folder.join(format!("flows.{ending}"))).collect();
        let mut export = FlowExport::create(&paths, parallel).unwrap();
        export.rows = 1_000;
        export.capture(0, Path::new("a,\"b\".pcap"), Some(0));
        export.capture(1, Path::new("=cmd|' /C calc'!A0\u{1b}\n.pcap"), Some(1));
        for part in flows.chunks(batch) {
            export.push(part).unwrap();
        }
        assert_eq!(export.finish().unwrap(), flows.len() as u64);
        paths.iter().map(|path| fs::read(path).unwrap()).collect()
    }

    fn get<'a>(frame: &'a DataFrame, name: &str, row: usize) -> AnyValue<'a> {
        frame.column(name).unwrap().get(row).unwrap().into_static()
    }

    #[test]
    fn what_was_written_can_be_read_back_from_every_format() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = export(folder.path(), &flows(), 2, true).into_iter();
        let mut next = || std::io::Cursor::new(files.next().unwrap());
        let parquet = ParquetReader::new(next()).finish().unwrap();
        let arrow = IpcReader::new(next()).finish().unwrap();
        let csv = String::from_utf8(next().into_inner()).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&next().into_inner()).unwrap();
        let ndjson = String::from_utf8(next().into_inner()).unwrap();

        assert!(parquet.equals_missing(&arrow));
        assert_eq!(parquet.height(), 3);
        let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
        assert_eq!(parquet.get_column_names(), names);
        assert_eq!(csv.lines().next().unwrap(), names.join(","));
        for column in COLUMNS {
            let dtype = match column.get {
                Get::Int(_) => DataType::Int64,
                Get::Bool(_) => DataType::Boolean,
                Get::Text(_) => DataType::String,
            };
            let series = parquet.column(column.name).unwrap();
            assert_eq!(series.dtype(), &dtype, "{}", column.name);
            assert!(column.nullable || series.null_count() == 0, "{}", column.name);
        }
        assert_eq!(get(&parquet, "client_ip", 0), AnyValue::StringOwned("10.0.0.4".into()));
        assert_eq!(get(&parquet, "client_isn", 0), AnyValue::Int64(i64::from(u32::MAX)));
        assert_eq!(get(&parquet, "first_ns", 0), AnyValue::Int64(1_700_000_000_123_456_789));
        assert_eq!(get(&parquet, "service", 0), AnyValue::StringOwned("https".into()));
        assert_eq!(get(&parquet, "client_port", 1), AnyValue::Null);
        assert_eq!(get(&parquet, "quoted_destination_port", 1), AnyValue::Int64(53));
        assert_eq!(get(&parquet, "conn_state", 2), AnyValue::Null);
        assert_eq!(get(&parquet, "capture", 2), AnyValue::Null);
        assert_eq!(get(&parquet, "capture_index", 2), AnyValue::Int64(7));

        let rows = json.as_array().unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0]["capture"], "a,\"b\".pcap");
        assert_eq!(rows[1]["capture"], "=cmd|' /C calc'!A0\u{1b}\n.pcap");
        assert_eq!(rows[0]["first_ns"].as_i64(), Some(1_700_000_000_123_456_789));
        assert_eq!(rows[0]["client_sack_permitted"], true);
        assert!(rows[2]["community_id"].is_null());
        let lines: Vec<serde_json::Value> =
            ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(&lines, rows);
        assert_eq!(rows[0].as_object().unwrap().len(), COLUMNS.len());
    }

    #[test]
    fn csv_neither_starts_formulas_nor_carries_controls() {
        let folder = tempfile::tempdir().unwrap();
        let csv = String::from_utf8(export(folder.path(), &flows(), 3, false).swap_remove(2)).unwrap();
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 4, "{csv}");
        assert!(
            lines[1].starts_with(r#""a,""b"".pcap",0,0,1,tcp,6,10.0.0.4,50000,2001:db8::1,443,syn,https,"#)
        );
        assert!(lines[2].starts_with(r"'=cmd|' /C calc'!A0\u{1b}\n.pcap,1,1,"), "{csv}");
        assert!(lines[3].starts_with(",7,,1,arp,,"), "{csv}");
        assert!(csv.chars().all(|c| c == '\n' || !c.is_control()));
    }

    #[test]
    fn the_same_flows_give_the_same_bytes_however_they_come() {
        let many: Vec<FlowRecord> = (0..2_500)
            .map(|i| FlowRecord { first_packet: i, ..flows().swap_remove((i % 3) as usize) })
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let whole = export(folder.path(), &many, many.len(), true);
        assert_eq!(whole, export(folder.path(), &many, 777, true));
        assert_eq!(whole, export(folder.path(), &many, 1_000, false));
        let json: Vec<serde_json::Value> = serde_json::from_slice(&whole[3]).unwrap();
        assert_eq!(json.len(), many.len());
    }

    #[test]
    fn no_flows_give_a_file_with_columns_and_no_rows() {
        let folder = tempfile::tempdir().unwrap();
        let files = export(folder.path(), &[], 1, true);
        let frame = ParquetReader::new(std::io::Cursor::new(&files[0])).finish().unwrap();
        assert_eq!((frame.height(), frame.width()), (0, COLUMNS.len()));
        let frame = IpcReader::new(std::io::Cursor::new(&files[1])).finish().unwrap();
        assert_eq!((frame.height(), frame.width()), (0, COLUMNS.len()));
        assert_eq!(files[2].split(|byte| *byte == b'\n').count(), 2, "one line");
        assert_eq!(files[3], b"[]\n");
        assert!(files[4].is_empty());
    }

    #[test]
    fn an_export_that_is_dropped_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("flows.csv");
        fs::write(&target, "old").unwrap();
        let mut export = FlowExport::create(std::slice::from_ref(&target), false).unwrap();
        export.push(&flows()).unwrap();
        assert!(export.temporary_paths().iter().all(|path| path.exists()));
        drop(export);
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_unknown_ending_is_refused_before_any_file_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let paths = [folder.path().join("flows.csv"), folder.path().join("flows.xlsx")];
        let error = FlowExport::create(&paths, false).err().unwrap().to_string();
        for ending in ENDINGS {
            assert!(error.contains(&format!(".{ending}")), "{error}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_with_the_target_in_it() {
        let error = FlowExport::create(&[PathBuf::from("/nonexistent/flows.csv")], false).err().unwrap();
        assert!(error.to_string().contains("/nonexistent/flows.csv"), "{error}");
    }
}

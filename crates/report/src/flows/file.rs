//! One file of rows.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as STANDARD;
use polars_core::error::PolarsResult;
use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, CompatLevel, DataType, IntoColumn, Schema, StringChunked};
use polars_core::utils::arrow::io::ipc::write::{default_ipc_fields, schema_to_bytes};
use polars_io::SerWriter;
use polars_io::csv::write::{BatchedWriter as CsvBatches, CsvWriter};
use polars_io::ipc::{BatchedWriter as IpcBatches, IpcCompression, IpcWriter};
use polars_io::json::BatchedWriter as JsonLines;
use polars_io::parquet::write::{
    BatchedWriter as ParquetBatches, KeyValueMetadata, ParquetCompression, ParquetWriter,
};
use tempfile::{NamedTempFile, TempPath};

use super::ExportError;
use crate::terminal::visible;

/// Bytes gathered before they are given to the system (chosen).
const BUFFER: usize = 1 << 18;

/// Format of a file of flows or of a dataset, told by the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Apache Parquet, compressed with zstd.
    Parquet,
    /// Arrow IPC file ("Feather v2"), compressed with LZ4.
    Arrow,
    /// Comma-separated values with a header line (RFC 4180, line feeds). A value is empty where it is missing, and the
    /// items of a list have spaces between them.
    /// In text that may come from outside, control and reordering characters become `\n` or `\u{…}`, and a text
    /// that starts with `=`, `+`, `-`, `@` gets an apostrophe before it, so that no spreadsheet runs it.
    Csv,
    /// One JSON array of objects.
    Json,
    /// One JSON object per line.
    Ndjson,
}

impl FileFormat {
    /// Every format and the end of its names.
    pub const ALL: &'static [(&'static str, Self)] = &[
        (".parquet", Self::Parquet),
        (".arrow", Self::Arrow),
        (".csv", Self::Csv),
        (".json", Self::Json),
        (".ndjson", Self::Ndjson),
    ];

    /// The format a file of this name has.
    ///
    /// # Errors
    /// [`ExportError::UnknownFormat`].
    pub fn of(path: &Path) -> Result<Self, ExportError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let known = Self::ALL.iter().find(|(ending, _)| name.len() > ending.len() && name.ends_with(ending));
        known.map(|(_, format)| *format).ok_or_else(|| ExportError::UnknownFormat { path: path.into() })
    }

    /// The endings in words.
    pub(super) fn endings() -> String {
        let endings: Vec<&str> = Self::ALL.iter().map(|(ending, _)| *ending).collect();
        match endings.split_last() {
            Some((last, first)) => format!("{} or {last}", first.join(", ")),
            None => String::new(),
        }
    }
}

/// Rows made into JSON at once (chosen: a row is 1 to 2 kB of JSON).
const JSON_ROWS: usize = 4096;

/// The file below an encoder. The encoders own their writers and drop them without a word about the last bytes;
/// so this one is shared, and flushed by hand when they are done.
#[derive(Clone)]
struct Out(Arc<Mutex<BufWriter<File>>>);

impl Out {
    fn lock(&self) -> MutexGuard<'_, BufWriter<File>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.lock().write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }
}

/// How the rows of a file are laid out.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// Names and types of the columns.
    pub(crate) schema: Schema,
    /// Name and version of the columns, for the metadata of Parquet files.
    pub(crate) name: &'static str,
    /// Columns whose text may come from outside.
    pub(crate) from_outside: Vec<&'static str>,
}

enum Encoder {
    Parquet(Box<ParquetBatches<Out>>),
    Arrow(Box<IpcBatches<Out>>),
    Csv(Box<CsvBatches<Out>>),
    /// True once a row was written.
    Json(bool),
    Ndjson,
}

impl Encoder {
    fn new(format: FileFormat, out: Out, layout: &Layout, parallel: bool) -> PolarsResult<Self> {
        let schema = &layout.schema;
        Ok(match format {
            FileFormat::Parquet => {
                let version = KeyValueMetadata::from_static(vec![
                    (ARROW_SCHEMA.into(), arrow_schema(schema)?),
                    ("capkeep.schema".into(), layout.name.into()),
                ]);
                let writer = ParquetWriter::new(out)
                    .with_compression(ParquetCompression::Zstd(None))
                    .with_key_value_metadata(Some(version))
                    .set_parallel(parallel);
                Self::Parquet(Box::new(writer.batched(schema)?))
            }
            FileFormat::Arrow => {
                // The oldest level: string views are not read everywhere yet.
                let level = CompatLevel::oldest();
                let fields = default_ipc_fields(
                    polars_io::schema_to_arrow_checked(schema, level, "ipc")?.iter_values(),
                );
                let writer = IpcWriter::new(out)
                    .with_compat_level(level)
                    .with_compression(Some(IpcCompression::LZ4))
                    .with_parallel(parallel);
                Self::Arrow(Box::new(writer.batched(schema, fields)?))
            }
            FileFormat::Csv => {
                let writer = CsvWriter::new(out);
                let writer = if parallel { writer } else { writer.n_threads(1) };
                let flat = schema
                    .iter()
                    .map(|(name, dtype)| {
                        (name.clone(), if dtype.is_list() { DataType::String } else { dtype.clone() })
                    })
                    .collect::<Schema>();
                Self::Csv(Box::new(writer.batched(&flat)?))
            }
            FileFormat::Json => Self::Json(false),
            FileFormat::Ndjson => Self::Ndjson,
        })
    }

    fn write(&mut self, frame: &DataFrame, layout: &Layout, out: &mut Out) -> PolarsResult<()> {
        match self {
            Self::Parquet(encoder) => encoder.write_batch(frame),
            Self::Arrow(encoder) => encoder.write_batch(frame),
            Self::Csv(encoder) => encoder.write_batch(&harmless(frame, &layout.from_outside)?),
            Self::Json(started) => json_lines(frame, |lines| {
                for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                    out.write_all(if *started { b",\n" } else { b"[\n" })?;
                    out.write_all(line)?;
                    *started = true;
                }
                Ok(())
            }),
            Self::Ndjson => json_lines(frame, |lines| out.write_all(lines)),
        }
    }

    fn finish(self, out: &mut Out) -> PolarsResult<()> {
        match self {
            Self::Parquet(encoder) => encoder.finish().map(|_| ()),
            Self::Arrow(mut encoder) => encoder.finish(),
            Self::Csv(mut encoder) => encoder.finish(),
            Self::Json(false) => Ok(out.write_all(b"[]\n")?),
            Self::Json(true) => Ok(out.write_all(b"\n]\n")?),
            Self::Ndjson => Ok(()),
        }
    }
}

/// Key of the Arrow schema in the metadata of Parquet files.
const ARROW_SCHEMA: &str = "ARROW:schema";

/// The Arrow schema that readers built on Arrow take their types from: polars' own names string views, which many
/// functions of pyarrow do not take yet.
fn arrow_schema(schema: &Schema) -> PolarsResult<String> {
    let schema = polars_io::schema_to_arrow_checked(schema, CompatLevel::oldest(), "parquet")?;
    let message = schema_to_bytes(&schema, &default_ipc_fields(schema.iter_values()), None);
    // As every writer of it does: with the length before it.
    let mut bytes = vec![0xff; 4];
    bytes.extend_from_slice(&(message.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&message);
    Ok(STANDARD.encode(bytes))
}

/// Rows as JSON objects, one per line (JSON has no line feeds inside of text), in pieces that stay small.
fn json_lines(frame: &DataFrame, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> PolarsResult<()> {
    let mut lines = Vec::new();
    for start in (0..frame.height()).step_by(JSON_ROWS) {
        lines.clear();
        JsonLines::new(&mut lines).write_batch(&frame.slice(start as i64, JSON_ROWS))?;
        each(&lines)?;
    }
    Ok(())
}

/// The frame with all text that may come from outside made harmless for spreadsheets and terminals, and lists in one
/// text each, a space between their items.
fn harmless(frame: &DataFrame, from_outside: &[&str]) -> PolarsResult<DataFrame> {
    let clean = |text: &str| {
        let text = visible(text);
        if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text }
    };
    let mut frame = frame.clone();
    let lists: Vec<String> = frame
        .columns()
        .iter()
        .filter(|column| column.dtype().is_list())
        .map(|column| column.name().to_string())
        .collect();
    for name in &lists {
        let text = joined(frame.column(name)?)?;
        frame.with_column(text.with_name(name.as_str().into()).into_column())?;
    }
    for name in from_outside {
        let text: StringChunked =
            frame.column(name)?.str()?.iter().map(|text| text.map(clean)).collect::<StringChunked>();
        frame.with_column(text.with_name((*name).into()).into_column())?;
    }
    Ok(frame)
}

/// Lists as texts.
fn joined(lists: &Column) -> PolarsResult<StringChunked> {
    let lists = lists.list()?;
    let mut out = Vec::with_capacity(lists.len());
    for row in 0..lists.len() {
        let Some(list) = lists.get_as_series(row) else {
            out.push(None);
            continue;
        };
        let list = list.cast(&DataType::String)?;
        let items: Vec<&str> = list.str()?.iter().flatten().collect();
        out.push(Some(items.join(" ")));
    }
    Ok(out.into_iter().collect())
}

/// A file of rows that is being written under another name.
pub(crate) struct RowFile {
    target: PathBuf,
    temporary: TempPath,
    encoder: Encoder,
    out: Out,
    layout: Layout,
}

/// A file that is written, and still has another name.
pub(crate) struct WholeFile {
    target: PathBuf,
    temporary: TempPath,
}

impl RowFile {
    /// Opens one; the same rows in the same pieces give the same bytes, with `parallel` or without.
    pub(crate) fn create(
        path: &Path,
        format: FileFormat,
        layout: &Layout,
        parallel: bool,
    ) -> Result<Self, ExportError> {
        let refused = |source| ExportError::Io { path: path.into(), source };
        // What a link points to is replaced, not the link.
        let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
        if target.is_dir() {
            return Err(refused(io::ErrorKind::IsADirectory.into()));
        }
        let (file, temporary) = beside(&target).map_err(refused)?.into_parts();
        let out = Out(Arc::new(Mutex::new(BufWriter::with_capacity(BUFFER, file))));
        let encoder = Encoder::new(format, out.clone(), layout, parallel)
            .map_err(|source| ExportError::Encode { path: path.into(), source })?;
        Ok(Self { target, temporary, encoder, out, layout: layout.clone() })
    }

    pub(crate) fn temporary_path(&self) -> PathBuf {
        self.temporary.to_path_buf()
    }

    pub(crate) fn write(&mut self, frame: &DataFrame) -> Result<(), ExportError> {
        self.encoder
            .write(frame, &self.layout, &mut self.out)
            .map_err(|source| ExportError::Encode { path: self.target.clone(), source })
    }

    pub(crate) fn finish(self) -> Result<WholeFile, ExportError> {
        let Self { target, temporary, encoder, mut out, .. } = self;
        encoder.finish(&mut out).map_err(|source| ExportError::Encode { path: target.clone(), source })?;
        out.flush().map_err(|source| ExportError::Io { path: target.clone(), source })?;
        Ok(WholeFile { target, temporary })
    }
}

impl WholeFile {
    pub(crate) fn persist(self) -> Result<(), ExportError> {
        let Self { target, temporary } = self;
        temporary.persist(&target).map_err(|error| ExportError::Io { path: target, source: error.error })
    }
}

/// A new file in the folder of the target, with the rights any new file gets, removed when it is dropped.
pub(crate) fn beside(target: &Path) -> io::Result<NamedTempFile> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{name}.");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Less the umask.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// True for what [`beside`] made for a target whose name starts like that, and a run that was cut short left behind.
pub(crate) fn is_left(path: &Path, target: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_prefix('.')
        .is_some_and(|name| name.starts_with(target) && name.strip_suffix(".part").is_some())
}

//! What was done with captures and their files from this machine. After a delete nothing else ties a file to its capture.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use capkeep_watcher::Capture;
use rusqlite::{Connection, Row, params};

/// The ledger: a `SQLite` file that commands may write at the same time.
#[derive(Debug)]
pub(crate) struct Ledger(Connection);

/// What was done with a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Created,
    Stopped,
    Deleted,
}

impl Deed {
    const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Stopped => "stopped",
            Self::Deleted => "deleted",
        }
    }
}

/// What was done with a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileDeed {
    Fetched,
    Tagged,
    Summarised,
}

impl FileDeed {
    const fn name(self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::Tagged => "tagged",
            Self::Summarised => "summarised",
        }
    }
}

/// A capture file something was done with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileNote {
    /// URL of the blob, without secrets.
    pub(crate) url: String,
    /// Its entity tag.
    pub(crate) etag: String,
    /// Its size in bytes.
    pub(crate) bytes: u64,
    /// Where it lies on this machine now.
    pub(crate) path: Option<String>,
    /// SHA-256 of its content, in hexadecimal digits.
    pub(crate) sha256: Option<String>,
    /// ARM id of its capture.
    pub(crate) capture: Option<String>,
}

/// What the ledger knows of a capture: its last entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// When the entry was made, RFC 3339, UTC.
    pub(crate) at: String,
    pub(crate) id: String,
    pub(crate) name: String,
    /// ARM id of the machine or scale set.
    pub(crate) target: String,
    pub(crate) storage_path: Option<String>,
    /// ARM id of the storage account.
    pub(crate) storage_id: Option<String>,
    /// Begin of the session, as the service told it.
    pub(crate) started: Option<String>,
    /// The entry says that it was deleted.
    pub(crate) is_deleted: bool,
}

const TABLES: &str = "\
CREATE TABLE IF NOT EXISTS captures (
  at TEXT NOT NULL,           -- when, RFC 3339, UTC
  deed TEXT NOT NULL,         -- created, stopped or deleted
  id TEXT NOT NULL,           -- ARM id of the capture
  name TEXT NOT NULL,
  target TEXT NOT NULL,       -- ARM id of the machine or scale set
  storage_path TEXT,          -- URL of the blob
  file_path TEXT,             -- path on the machine
  started TEXT,               -- begin of the session, as the service told it
  properties TEXT NOT NULL    -- all of the capture, JSON
) STRICT;
CREATE TABLE IF NOT EXISTS files (
  at TEXT NOT NULL,           -- when, RFC 3339, UTC
  deed TEXT NOT NULL,         -- fetched, tagged or summarised
  url TEXT NOT NULL,          -- URL of the blob, without secrets
  etag TEXT NOT NULL,         -- version of the blob
  bytes INTEGER NOT NULL,     -- size of the blob
  path TEXT,                  -- where it lies on this machine
  sha256 TEXT,                -- of the content, hexadecimal
  capture TEXT                -- ARM id of the capture, where it is known
) STRICT;
CREATE INDEX IF NOT EXISTS files_by_url ON files (url);";

impl Ledger {
    /// Opens the ledger, making it where there is none.
    pub(crate) fn open() -> anyhow::Result<Self> {
        let path = path().context("no home folder: set CAPKEEP_LEDGER to the ledger's file")?;
        let opened = || -> anyhow::Result<Connection> {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let ledger = Connection::open(&path)?;
            ledger.busy_timeout(Duration::from_secs(10))?;
            ledger.execute_batch(TABLES)?;
            Ok(ledger)
        };
        Ok(Self(opened().with_context(|| format!("cannot open the ledger {}", path.display()))?))
    }

    /// Notes a deed.
    pub(crate) fn note(&self, deed: Deed, capture: &Capture, started: Option<&str>) -> anyhow::Result<()> {
        let location = &capture.properties.parameters.storage_location;
        let file = location.file_path.as_ref().or(location.local_path.as_ref());
        let row = params![
            jiff::Timestamp::now().to_string(),
            deed.name(),
            capture.id,
            capture.name,
            capture.properties.parameters.target,
            location.storage_path,
            file,
            started,
            serde_json::to_string(capture)?,
        ];
        self.write("INSERT INTO captures VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", row)
    }

    /// Notes what was done with a file.
    pub(crate) fn note_file(&self, deed: FileDeed, file: &FileNote) -> anyhow::Result<()> {
        let row = params![
            jiff::Timestamp::now().to_string(),
            deed.name(),
            file.url,
            file.etag,
            i64::try_from(file.bytes).unwrap_or(i64::MAX),
            file.path,
            file.sha256,
            file.capture,
        ];
        self.write("INSERT INTO files VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", row)
    }

    /// Notes the same of many files, at once: whatever is written alone waits for the disk alone.
    pub(crate) fn note_files(&self, deed: FileDeed, files: &[FileNote]) -> anyhow::Result<()> {
        let all = self.0.unchecked_transaction().context("cannot write to the ledger")?;
        files.iter().try_for_each(|file| self.note_file(deed, file))?;
        all.commit().context("cannot write to the ledger")
    }

    /// Captures of a name or id, whatever its case, the last one seen first: one entry for each place a file was written
    /// to.
    pub(crate) fn named(&self, name: &str) -> anyhow::Result<Vec<Known>> {
        self.known("name = ?1 COLLATE NOCASE OR id = ?1 COLLATE NOCASE", [name])
    }

    /// Everything known of captures, the last entry for each place a file was written to.
    pub(crate) fn captures(&self) -> anyhow::Result<Vec<Known>> {
        self.known("1", [])
    }

    /// When each file was last fetched, by its URL.
    pub(crate) fn fetched(&self) -> anyhow::Result<HashMap<String, String>> {
        let mut query =
            self.0.prepare("SELECT url, max(at) FROM files WHERE deed = 'fetched' GROUP BY url")?;
        let rows =
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).context("cannot read the ledger")?;
        rows.collect::<Result<_, _>>().context("cannot read the ledger")
    }

    /// URLs of files of which a summary was kept.
    pub(crate) fn reported(&self) -> anyhow::Result<HashSet<String>> {
        let mut query = self.0.prepare("SELECT DISTINCT url FROM files WHERE deed = 'summarised'")?;
        let rows = query.query_map([], |row| row.get(0)).context("cannot read the ledger")?;
        rows.collect::<Result<_, _>>().context("cannot read the ledger")
    }

    fn known(&self, condition: &str, values: impl rusqlite::Params) -> anyhow::Result<Vec<Known>> {
        // `max` picks the row the other columns are taken from.
        let mut query = self.0.prepare(&format!(
            "SELECT max(at), id, name, target, storage_path, \
             json_extract(properties, '$.properties.storageLocation.storageId'), started, deed FROM captures \
             WHERE {condition} GROUP BY lower(id), lower(coalesce(storage_path, '')) ORDER BY 1 DESC",
        ))?;
        let known = |row: &Row<'_>| {
            Ok(Known {
                at: row.get(0)?,
                id: row.get(1)?,
                name: row.get(2)?,
                target: row.get(3)?,
                storage_path: row.get(4)?,
                storage_id: row.get(5)?,
                started: row.get(6)?,
                is_deleted: row.get::<_, String>(7)? == Deed::Deleted.name(),
            })
        };
        let rows = query.query_map(values, known).context("cannot read the ledger")?;
        rows.collect::<Result<_, _>>().context("cannot read the ledger")
    }

    fn write(&self, statement: &str, row: &[&dyn rusqlite::ToSql]) -> anyhow::Result<()> {
        self.0.execute(statement, row).context("cannot write to the ledger")?;
        Ok(())
    }
}

/// `CAPKEEP_LEDGER`, or a file in the folder for state.
fn path() -> Option<PathBuf> {
    folder("CAPKEEP_LEDGER").or_else(|| Some(state_folder()?.join("ledger.sqlite")))
}

/// Where the XDG base directory specification puts the state of programs.
pub(crate) fn state_folder() -> Option<PathBuf> {
    let state = folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("capkeep"))
}

fn folder(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

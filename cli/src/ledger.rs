//! What was done with captures from this machine. After a delete nothing else ties a file to its capture.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use capkeep_watcher::Capture;
use rusqlite::{Connection, params};

/// The ledger: a `SQLite` file that commands may write at the same time.
#[derive(Debug)]
pub(crate) struct Ledger(Connection);

/// What was done.
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

const TABLE: &str = "\
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
) STRICT;";

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
            ledger.execute_batch(TABLE)?;
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
        self.0
            .execute("INSERT INTO captures VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", row)
            .context("cannot write to the ledger")?;
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

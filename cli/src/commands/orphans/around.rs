//! What carrying out a plan needs: captures of now, stores, the clock, Ctrl-C.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use capkeep_cleanup::{Archived, Row, Surroundings, World};
use capkeep_storage::download::Stop;
use capkeep_storage::{Blob, Location, Store};
use jiff::Timestamp;

use super::keep::Keep;
use super::survey::{Account, Look, Survey};
use crate::ledger::{FileDeed, FileNote, Ledger};

/// What carrying out a plan needs.
pub(super) struct Around<'a> {
    survey: &'a Survey<'a>,
    keep: Keep,
    stop: Stop,
    /// Accounts by URL: those that Azure Resource Manager told of, and those that were named.
    accounts: Mutex<HashMap<String, Account>>,
    ledger: Mutex<Ledger>,
}

impl<'a> Around<'a> {
    pub(super) fn new(
        survey: &'a Survey<'a>,
        archive: Option<PathBuf>,
        summaries: Option<PathBuf>,
        stop: Stop,
    ) -> anyhow::Result<Self> {
        let keep = Keep::new(archive, summaries, stop.clone());
        let ledger = Mutex::new(Ledger::open()?);
        Ok(Self { survey, keep, stop, accounts: Mutex::default(), ledger })
    }

    /// Looks around once, so that accounts can be opened; what could not be listed.
    pub(super) async fn begin(&self) -> anyhow::Result<Vec<String>> {
        let look = self.survey.look().await?;
        self.learn(&look)?;
        Ok(look.lacks)
    }

    fn learn(&self, look: &Look) -> anyhow::Result<()> {
        let named =
            if self.survey.scope.account.is_empty() { Vec::new() } else { self.survey.accounts(look)? };
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that were named come last: they may have a signature.
        for account in look.accounts.iter().cloned().chain(named) {
            accounts.insert(account.url().to_lowercase(), account);
        }
        Ok(())
    }

    fn open(&self, account: &str) -> anyhow::Result<Arc<dyn Store>> {
        let known = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = known.get(&account.to_lowercase()) {
            return self.survey.stores.open(&account.at, account.is_told);
        }
        let at = Location::parse(account)?;
        if at.folder().is_some() {
            anyhow::bail!("{account} is not the folder of an account here; name it with --account");
        }
        self.survey.stores.open(&at, false)
    }
}

#[async_trait]
impl Surroundings for Around<'_> {
    async fn world(&self) -> Result<World, String> {
        let look = self.survey.look().await.map_err(|error| format!("{error:#}"))?;
        self.learn(&look).map_err(|error| format!("{error:#}"))?;
        Ok(look.world)
    }

    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn store(&self, account: &str) -> Result<Arc<dyn Store>, String> {
        self.open(account).map_err(|error| format!("{error:#}"))
    }

    async fn archive(&self, store: &Arc<dyn Store>, row: &Row, blob: &Blob) -> Result<Archived, String> {
        let copy = self.keep.archive(store, row, blob).await?;
        let note = FileNote {
            path: Some(copy.path.display().to_string()),
            sha256: Some(copy.sha256.clone()),
            ..noted(store.as_ref(), row)
        };
        self.note(FileDeed::Fetched, &note)?;
        Ok(copy)
    }

    async fn summarise(&self, store: &Arc<dyn Store>, row: &Row, blob: &Blob) -> Result<(), String> {
        let stem = self.keep.summarise(store, row, blob).await?;
        let note = FileNote { path: Some(stem.display().to_string()), ..noted(store.as_ref(), row) };
        self.note(FileDeed::Summarised, &note)
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_stopped()
    }
}

impl Around<'_> {
    fn note(&self, deed: FileDeed, note: &FileNote) -> Result<(), String> {
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.note_file(deed, note).map_err(|error| format!("{error:#}"))
    }
}

/// What the ledger notes of a file.
pub(super) fn noted(store: &dyn Store, row: &Row) -> FileNote {
    FileNote {
        url: store.url(&row.blob()),
        etag: row.etag.as_str().to_owned(),
        bytes: row.size,
        capture: row.facts.as_ref().and_then(|facts| facts.capture.clone()),
        ..FileNote::default()
    }
}

/// Listens for Ctrl-C while something is done. What was begun with a blob is finished.
pub(super) async fn until_stopped<T>(stop: &Stop, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = tokio::signal::ctrl_c(), if !stop.is_stopped() => {
                crate::failure::warn("Ctrl-C", "stops after the blobs that are under way");
                stop.stop();
            }
        }
    }
}

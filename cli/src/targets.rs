//! What was named on the command line, as blobs: a capture, a URL, the beginning of names.

use std::path::PathBuf;
use std::sync::Arc;

use capkeep_storage::{Blob, BlobName, Error, Include, Location, Query, Store, pages, safe_path};
use capkeep_watcher::{Capture, CaptureStatus, ResourceId};
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::azure::{Azure, Connection, told};
use crate::commands::capture::status::until_over;
use crate::failure::hinted;
use crate::ledger::{Known, Ledger};
use crate::storage::{self, Stores};

/// A capture file that was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blob: Blob,
    /// What it is to be called below a folder: a relative path that stays there.
    pub(crate) path: PathBuf,
    /// What is known of its capture.
    pub(crate) note: Value,
}

impl Found {
    /// URL of the blob, without secrets.
    pub(crate) fn url(&self) -> String {
        self.store.url(&self.blob.name)
    }
}

/// Finds what is named.
pub(crate) struct Finder<'a> {
    azure: &'a Azure,
    stores: Stores<'a>,
    /// Connected only if a capture is named by its name.
    connection: OnceCell<Connection>,
    /// Wait for sessions that still run.
    wait: bool,
}

/// True for what is a place in storage and no file of this machine.
pub(crate) fn is_place(text: &str) -> bool {
    ["https://", "http://", "file://"]
        .iter()
        .any(|scheme| text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme)))
}

/// True for what names something in storage where files are named, too: a place, or `capture:NAME`.
pub(crate) fn is_target(text: &str) -> bool {
    is_place(text) || text.starts_with(CAPTURE)
}

/// What a capture's name begins with where it could be a file's.
const CAPTURE: &str = "capture:";

impl<'a> Finder<'a> {
    pub(crate) fn new(azure: &'a Azure, stores: Stores<'a>, wait: bool) -> Self {
        Self { azure, stores, connection: OnceCell::new(), wait }
    }

    async fn connection(&self) -> anyhow::Result<&Connection> {
        self.connection.get_or_try_init(|| self.azure.connect()).await
    }

    /// The blobs that a capture's name or id, a URL, or the beginning of a URL stands for.
    pub(crate) async fn find(&self, text: &str) -> anyhow::Result<Vec<Found>> {
        if is_place(text) {
            let at = Location::parse(text).map_err(storage::told)?;
            return self.at(&at).await;
        }
        let text = text.strip_prefix(CAPTURE).unwrap_or(text);
        if text.contains('/') && !text.starts_with("/subscriptions/") {
            return Err(hinted(
                format!("{text:?} is neither a capture nor a URL"),
                "name a capture, or a place such as https://ACCOUNT.blob.core.windows.net/CONTAINER/NAME",
            ));
        }
        self.of_capture(text).await
    }

    /// Capture files of all accounts that can be seen, in the container that captures go to by themselves.
    pub(crate) async fn everywhere(&self) -> anyhow::Result<Vec<Found>> {
        let connection = self.connection().await?;
        let accounts = connection.client.storage_accounts(&connection.subscription).await.map_err(told)?;
        let mut found = Vec::new();
        for account in &accounts {
            let Some(at) = storage::endpoint(self.azure, &account.properties)? else { continue };
            let store = self.stores.open(&at, true)?;
            match list(&*store, DEFAULT_CONTAINER, "").await {
                Ok(blobs) => found.extend(blobs.into_iter().map(|blob| {
                    let path = safe_path(&account.name).join(safe_path(&blob.name.name));
                    Found { store: Arc::clone(&store), blob, path, note: Value::Null }
                })),
                // An account that never held a capture.
                Err(Error::Missing { .. }) => {}
                Err(error) => return Err(storage::told(error).context(format!("account {}", account.name))),
            }
        }
        Ok(found)
    }

    async fn at(&self, at: &Location) -> anyhow::Result<Vec<Found>> {
        let store = self.stores.open(at, false)?;
        let Some(container) = at.container() else {
            return Err(hinted(
                format!("{at} names no container"),
                "https://ACCOUNT.blob.core.windows.net/CONTAINER, with a name or the beginning of names",
            ));
        };
        let name = at.name().unwrap_or_default();
        if !name.is_empty() && !name.ends_with('/') {
            match store.head(&BlobName::new(container, name)).await {
                Ok(blob) => {
                    let path = safe_path(last(name));
                    return Ok(vec![Found { store, blob, path, note: Value::Null }]);
                }
                Err(Error::Missing { .. }) => {}
                Err(error) => return Err(storage::told(error)),
            }
        }
        let blobs = list(&*store, container, name).await.map_err(storage::told)?;
        if blobs.is_empty() {
            return Err(hinted(
                format!("{at}: nothing is there"),
                "names are told from each other by their case, too",
            ));
        }
        // What is told of a folder is what lies below it.
        let folder = name.rfind('/').map_or(0, |at| at + 1);
        let of = |blob: Blob| {
            let path = safe_path(blob.name.name.get(folder..).unwrap_or(&blob.name.name));
            Found { store: Arc::clone(&store), blob, path, note: Value::Null }
        };
        Ok(blobs.into_iter().map(of).collect())
    }

    async fn of_capture(&self, name: &str) -> anyhow::Result<Vec<Found>> {
        let connection = self.connection().await?;
        let asked = match connection.capture(name).await {
            Ok(id) => connection.client.capture(&id).await.map(|capture| (id, capture)),
            Err(error) => return Self::of_deleted(name)?.ok_or(error)?.files(self).await,
        };
        let (id, capture) = match asked {
            Ok(found) => found,
            Err(error) if error.status() == Some(404) => {
                return Self::of_deleted(name)?.ok_or_else(|| told(error))?.files(self).await;
            }
            Err(error) => return Err(told(error)),
        };
        let mut status = connection.client.status(&id).await.map_err(told)?;
        if !status.is_over() && self.wait {
            let quiet = |_: &_| Ok(true);
            status = until_over(&connection.client, &id, status, EVERY_S, &quiet).await?;
        }
        let files = self.files_of(&capture, &status).await;
        match files {
            Err(error) if !status.is_over() => Err(hinted(
                format!("{} still runs: its file appears when it ends", capture.name),
                format!("wait for it with --wait, or end it: capkeep capture stop {}", capture.name),
            )
            .context(error.to_string())),
            files => files,
        }
    }

    /// The files of a capture.
    pub(crate) async fn files_of(
        &self,
        capture: &Capture,
        status: &CaptureStatus,
    ) -> anyhow::Result<Vec<Found>> {
        Session::of(capture, status).files(self).await
    }

    /// A capture that is gone, as the ledger knows it.
    fn of_deleted(name: &str) -> anyhow::Result<Option<Session>> {
        let known = Ledger::open()?.named(name)?;
        Ok(known
            .into_iter()
            .find(|known| known.storage_path.is_some())
            .map(|known| Session::of_known(&known)))
    }
}

/// Container that captures go to if nobody names another.
pub(crate) const DEFAULT_CONTAINER: &str = "network-watcher-logs";

/// Seconds between two questions whether a session is over (the service says 10).
const EVERY_S: i64 = 10;

/// A session whose files are wanted.
struct Session {
    name: String,
    storage_path: Option<String>,
    storage_id: Option<String>,
    on_machine: Option<String>,
    note: Value,
}

impl Session {
    fn of(capture: &Capture, status: &CaptureStatus) -> Self {
        let parameters = &capture.properties.parameters;
        let location = &parameters.storage_location;
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let note = json!({
            "capture": capture.id,
            "name": capture.name,
            "target": parameters.target,
            "started": status.capture_start_time,
            "stopReason": status.stop_reason,
            "filters": parameters.filters,
        });
        Self {
            name: capture.name.clone(),
            storage_path: given(&location.storage_path),
            storage_id: given(&location.storage_id),
            on_machine: given(&location.file_path).or_else(|| given(&location.local_path)),
            note,
        }
    }

    fn of_known(known: &Known) -> Self {
        let note =
            json!({ "capture": known.id, "name": known.name, "target": known.target, "ledger": known.at });
        Self {
            name: known.name.clone(),
            storage_path: known.storage_path.clone().filter(|text| !text.is_empty()),
            storage_id: known.storage_id.clone(),
            on_machine: None,
            note,
        }
    }

    /// Every file of the session: the one it names, or those whose names begin with it (rings, scale sets).
    async fn files(&self, finder: &Finder<'_>) -> anyhow::Result<Vec<Found>> {
        let Some(path) = &self.storage_path else {
            let place = self.on_machine.as_deref().unwrap_or("the machine");
            return Err(hinted(
                format!(
                    "{} was not stored in a storage account: its file is on the machine ({place})",
                    self.name
                ),
                "copy it from there, or create the capture with --storage",
            ));
        };
        let named = Location::parse(path).map_err(storage::told)?;
        let (at, is_told) = match self.account(finder).await? {
            Some(endpoint) => (named.with_endpoint(&endpoint), true),
            None => (named, false),
        };
        let store = finder.stores.open(&at, is_told)?;
        let missing = || {
            hinted(
                format!("{}: no file at {at}", self.name),
                "it appears when the session ends; was it deleted, or could it not be stored? `capkeep capture status` tells",
            )
        };
        let blob = at.blob().ok_or_else(missing)?;
        match store.head(&blob).await {
            Ok(found) => {
                let path = safe_path(&format!("{}.cap", self.name));
                return Ok(vec![Found { store, blob: found, path, note: self.note.clone() }]);
            }
            Err(Error::Missing { .. }) => {}
            Err(error) => return Err(storage::told(error)),
        }
        let stem = blob.name.strip_suffix(".cap").unwrap_or(&blob.name);
        let folder = blob.name.rfind('/').map_or("", |at| &blob.name[..=at]);
        let all = match list(&*store, &blob.container, folder).await {
            Ok(all) => all,
            Err(Error::Missing { .. }) => return Err(missing()),
            Err(error) => return Err(storage::told(error)),
        };
        let stem = stem.to_lowercase();
        let of = |blob: Blob| {
            let rest = blob.name.name.get(folder.len()..).unwrap_or(&blob.name.name);
            let path = safe_path(&self.name).join(safe_path(rest));
            Found { store: Arc::clone(&store), blob, path, note: self.note.clone() }
        };
        let files: Vec<Found> =
            all.into_iter().filter(|blob| blob.name.name.to_lowercase().starts_with(&stem)).map(of).collect();
        if files.is_empty() { Err(missing()) } else { Ok(files) }
    }

    /// Where the account of the session is. Who may not ask goes by the path alone.
    async fn account(&self, finder: &Finder<'_>) -> anyhow::Result<Option<Location>> {
        let Some(id) = &self.storage_id else { return Ok(None) };
        let Ok(id) = id.parse::<ResourceId>() else { return Ok(None) };
        let connection = finder.connection().await?;
        let Ok(accounts) = connection.client.storage_accounts(&id.subscription).await else {
            return Ok(None);
        };
        let is_it = |known: &str| known.parse::<ResourceId>().is_ok_and(|known| known == id);
        match accounts.iter().find(|account| is_it(&account.id)) {
            Some(account) => storage::endpoint(finder.azure, &account.properties),
            None => Ok(None),
        }
    }
}

/// All blobs whose names begin so.
async fn list(store: &dyn Store, container: &str, prefix: &str) -> capkeep_storage::Result<Vec<Blob>> {
    let query = Query { prefix: prefix.to_owned(), include: Include::default() };
    pages(store, container, &query).try_concat().await
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

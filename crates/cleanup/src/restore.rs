//! Undoing deletes that the audit log tells of.
//!
//! A blob that exists now is never touched. First the service is asked for what it still has (a soft delete, an older
//! version); a copy in the archive comes second, and is verified before it is uploaded.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use capkeep_storage::{Blob, Error as StorageError, Include, Query, Store, Upload};
use sha2::{Digest, Sha256};

use crate::apply::{Outcome, Surroundings};
use crate::audit::{Archived, AuditLog, Deed, Journal, Target, What, hex};
use crate::error::Result;

/// A blob that the log tells to be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Number of the intent to delete it.
    pub number: u64,
    /// When that was.
    pub at: jiff::Timestamp,
    /// Digest of the plan it was in.
    pub plan: Option<String>,
    /// What it was.
    pub target: Target,
}

/// What became of a blob that was to be restored.
#[derive(Debug)]
pub struct Restored {
    /// Which.
    pub gone: Gone,
    /// What became of it: [`Outcome::Restored`], [`Outcome::Would`], [`Outcome::Kept`] where one is there, or why not.
    pub outcome: Outcome,
}

/// Blobs that a log tells to be gone, and not to be back.
pub fn gone(journal: &Journal) -> Vec<Gone> {
    let mut plan = None;
    let mut plans = std::collections::HashMap::new();
    for entry in &journal.entries {
        match &entry.what {
            What::Begun { plan: of, .. } => plan.clone_from(of),
            What::Intent { .. } => {
                plans.insert(entry.number, plan.clone());
            }
            _ => {}
        }
    }
    let mut found: Vec<Gone> = Vec::new();
    for (entry, deed, target, outcome) in journal.deeds() {
        let is_same = |gone: &Gone| {
            gone.target.account == target.account
                && gone.target.container == target.container
                && gone.target.name == target.name
        };
        match (deed, outcome) {
            (Deed::Delete, None | Some(Outcome::Deleted | Outcome::FoundGone | Outcome::Unclear { .. })) => {
                // Deleted again: the newest counts.
                found.retain(|gone| !is_same(gone));
                let plan = plans.remove(&entry.number).flatten();
                found.push(Gone { number: entry.number, at: entry.at, plan, target: target.clone() });
            }
            (Deed::Restore, Some(Outcome::Restored { .. } | Outcome::FoundDone)) => {
                found.retain(|gone| !is_same(gone));
            }
            _ => {}
        }
    }
    found
}

/// Restores blobs. Without a log it only tells what it would do, and sends nothing but reads.
///
/// # Errors
///
/// If the log cannot be written.
pub async fn restore(
    gone: Vec<Gone>,
    around: &dyn Surroundings,
    by: &str,
    mut log: Option<&mut AuditLog>,
    on: &(dyn Fn(&Gone, &Outcome) + Sync),
) -> Result<Vec<Restored>> {
    if let Some(log) = log.as_deref_mut() {
        let begun = What::Begun { by: by.to_owned(), plan: None, deed: Deed::Restore, rows: gone.len() };
        log.add(around.now(), begun)?;
    }
    let mut all = Vec::with_capacity(gone.len());
    for gone in gone {
        let outcome = if around.is_stopped() {
            Outcome::NotTried
        } else {
            one(&gone.target, around, log.as_deref_mut()).await?
        };
        on(&gone, &outcome);
        all.push(Restored { gone, outcome });
    }
    if let Some(log) = log {
        let rows = all.iter().filter(|restored| restored.outcome != Outcome::NotTried).count();
        let why = (rows < all.len()).then(|| "it was told to stop".to_owned());
        log.add(around.now(), What::Ended { rows, why })?;
    }
    Ok(all)
}

/// How a blob can be brought back.
enum Way {
    Undelete,
    Promote(String),
    Upload(Archived),
}

async fn one(target: &Target, around: &dyn Surroundings, log: Option<&mut AuditLog>) -> Result<Outcome> {
    let failed = |why: String| Ok(Outcome::Failed { why });
    let store = match around.store(&target.account).await {
        Ok(store) => store,
        Err(why) => return failed(why),
    };
    match store.head(&target.blob()).await {
        Ok(_) => return Ok(there()),
        Err(StorageError::Missing { .. }) => {}
        Err(error) => return failed(error.to_string()),
    }
    let way = match way(target, store.as_ref()).await {
        Ok(way) => way,
        Err(why) => return failed(why),
    };
    let Some(log) = log else { return Ok(Outcome::Would) };
    let intent = What::Intent { deed: Deed::Restore, target: Box::new(target.clone()) };
    let of = log.add(around.now(), intent)?;
    let outcome = go(&way, target, store.as_ref()).await;
    log.add(around.now(), What::Result { of, outcome: outcome.clone() })?;
    Ok(outcome)
}

fn there() -> Outcome {
    Outcome::Kept { by: "the blob that is there now".into() }
}

/// Finds a way to bring a blob back. Only reads.
async fn way(target: &Target, store: &dyn Store) -> std::result::Result<Way, String> {
    let mut not_so = match kept_by_service(target, store).await {
        Ok(Some(way)) => return Ok(way),
        Ok(None) => "the service has nothing to bring back".to_owned(),
        Err(error) => format!("what the service may still have could not be listed: {error}"),
    };
    match &target.archived {
        None => not_so.push_str(", and there is no copy in an archive"),
        Some(copy) => match checked(copy) {
            Ok(()) => return Ok(Way::Upload(copy.clone())),
            Err(why) => not_so = format!("{not_so}, and the copy {} {why}", copy.path.display()),
        },
    }
    Err(not_so)
}

async fn kept_by_service(target: &Target, store: &dyn Store) -> capkeep_storage::Result<Option<Way>> {
    let include = Include { deleted: true, versions: true, ..Include::default() };
    let kept = match kept(target, store, include).await {
        // Not every account keeps versions, and some refuse to be asked for them.
        Err(StorageError::Unsupported { .. } | StorageError::Refused { .. }) => {
            kept(target, store, Include { versions: false, ..include }).await?
        }
        kept => kept?,
    };
    let is_it = |blob: &&Blob| {
        blob.snapshot.is_none()
            && (blob.etag == target.etag || blob.size == target.size && blob.modified == target.modified)
    };
    let version = |blob: &Blob| blob.version.clone().filter(|_| !blob.is_current && blob.deleted.is_none());
    if let Some(version) = kept.iter().filter(is_it).find_map(version) {
        return Ok(Some(Way::Promote(version)));
    }
    let is_deleted = |blob: &&Blob| blob.deleted.is_some();
    Ok(kept.iter().filter(is_it).find(is_deleted).map(|_| Way::Undelete))
}

/// All that the service has under a name.
async fn kept(target: &Target, store: &dyn Store, include: Include) -> capkeep_storage::Result<Vec<Blob>> {
    let query = Query { prefix: target.name.clone(), include };
    let mut found = Vec::new();
    let mut marker = None;
    loop {
        let page = store.list(&target.container, &query, marker.as_deref()).await?;
        // Names come in their order: those that only begin like this one follow.
        let is_over = page.items.last().is_some_and(|blob| blob.name.name != target.name);
        found.extend(page.items.into_iter().filter(|blob| blob.name.name == target.name));
        match page.next {
            Some(next) if !is_over && marker.as_ref() != Some(&next) => marker = Some(next),
            _ => return Ok(found),
        }
    }
}

/// Whether a copy is what it was.
fn checked(copy: &Archived) -> std::result::Result<(), String> {
    let sum = sha256(&copy.path).map_err(|error| format!("cannot be read: {error}"))?;
    if sum == (copy.size, copy.sha256.to_ascii_lowercase()) {
        Ok(())
    } else {
        Err("is not what was archived: its SHA-256 is another".into())
    }
}

fn sha256(path: &Path) -> std::io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut hash, mut size) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((size, hex(&hash.finalize()))),
            Ok(read) => {
                hash.update(buffer.get(..read).unwrap_or_default());
                size += read as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

async fn go(way: &Way, target: &Target, store: &dyn Store) -> Outcome {
    let name = target.blob();
    let done = match way {
        Way::Undelete => store.undelete(&name).await.map(|()| "its delete was taken back"),
        Way::Promote(version) => {
            store.promote(&name, version).await.map(|()| "its last version is the current one again")
        }
        Way::Upload(copy) => {
            let upload =
                Upload { replace: false, metadata: target.metadata.clone(), tags: target.tags.clone() };
            store.upload(&name, &copy.path, &upload).await.map(|_| "uploaded from the archive")
        }
    };
    match done {
        Ok(how) => match store.head(&name).await {
            Ok(blob) if blob.size == target.size => Outcome::Restored { how: how.into() },
            Ok(blob) => Outcome::Failed {
                why: format!("what came back has {} bytes, not {}", blob.size, target.size),
            },
            Err(error) => Outcome::Unclear { why: error.to_string() },
        },
        Err(StorageError::Exists { .. }) => there(),
        Err(
            error @ (StorageError::Transport { .. }
            | StorageError::Busy { .. }
            | StorageError::Unexpected { .. }),
        ) => Outcome::Unclear { why: error.to_string() },
        Err(error) => Outcome::Failed { why: error.to_string() },
    }
}

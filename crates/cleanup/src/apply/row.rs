//! One row: looking at it, and doing it.

use std::sync::Arc;

use capkeep_storage::{Blob, Error as StorageError, Etag, Store};

use super::fresh::Fresh;
use super::outcome::Outcome;
use super::{Options, Surroundings};
use crate::audit::{Deed, Target};
use crate::error::Result;
use crate::file::CaptureFile;
use crate::plan::{Row, protection};
use crate::read_only::ReadOnly;

/// A row that may be done now.
pub(super) struct Ready {
    pub(super) store: Arc<dyn Store>,
    pub(super) blob: Blob,
}

/// Looks at a row: may it be done now? Only reads.
pub(super) async fn consider(
    row: &Row,
    around: &dyn Surroundings,
    fresh: &Fresh<'_>,
) -> Result<std::result::Result<Ready, Outcome>> {
    let failed = |why: String| Ok(Err(Outcome::Failed { why }));
    let store = match around.store(&row.account).await {
        Ok(store) => store,
        Err(why) => return failed(why),
    };
    let look: Arc<dyn Store> = Arc::new(ReadOnly::new(Arc::clone(&store)));
    let blob = match look.head(&row.blob()).await {
        Ok(blob) => blob,
        Err(StorageError::Missing { .. }) => return Ok(Err(Outcome::Gone)),
        Err(error) => return failed(error.to_string()),
    };
    if blob.etag != row.etag || blob.size != row.size {
        return Ok(Err(Outcome::Changed));
    }
    if let Some(by) = protection(&blob, around.now()) {
        return Ok(Err(Outcome::Kept { by: by.to_owned() }));
    }
    let decider = fresh.decider().await?;
    let facts = row.facts.as_deref();
    let file = CaptureFile { account: store.account(), blob: &blob, facts };
    let finding = decider.decide(&file, around.now());
    if !finding.verdict.may_go() {
        return Ok(Err(Outcome::Saved { verdict: finding.verdict, evidence: finding.evidence }));
    }
    Ok(Ok(Ready { store, blob }))
}

/// What comes before a deed: a summary, a copy. The storage is only read.
pub(super) async fn prepare(
    row: &Row,
    ready: &Ready,
    around: &dyn Surroundings,
    options: &Options,
) -> std::result::Result<Target, Outcome> {
    let failed = |why: String| Outcome::Failed { why };
    let look: Arc<dyn Store> = Arc::new(ReadOnly::new(Arc::clone(&ready.store)));
    let mut target = Target { metadata: ready.blob.metadata.clone(), ..Target::of(row) };
    if options.summary {
        around
            .summarise(&look, row, &ready.blob)
            .await
            .map_err(|why| failed(format!("no summary: {why}")))?;
    }
    if options.archive && options.deed == Deed::Delete {
        // Without the permission to read tags a copy goes without them.
        target.tags = look.tags(&row.blob()).await.unwrap_or_default();
        let copied = around.archive(&look, row, &ready.blob).await;
        let copy = copied.map_err(|why| failed(format!("not archived: {why}")))?;
        if copy.size != row.size || copy.sha256.len() != 64 {
            return Err(failed(format!("not archived: the copy has {} bytes, not {}", copy.size, row.size)));
        }
        target.archived = Some(copy);
    }
    Ok(target)
}

/// The one request that changes something, and what became of it.
pub(super) async fn send(deed: Deed, row: &Row, store: &dyn Store) -> Outcome {
    let name = row.blob();
    let (answer, done) = match deed {
        Deed::Delete => (store.delete(&name, &row.etag).await, Outcome::Deleted),
        Deed::Tier(tier) => (store.set_tier(&name, tier, &row.etag).await, Outcome::Moved),
        Deed::Restore => return Outcome::Failed { why: "a plan restores nothing".into() },
    };
    let Err(error) = answer else { return done };
    match error {
        StorageError::Changed { .. } => Outcome::Changed,
        StorageError::Kept { by, code, .. } => Outcome::Kept { by: format!("{by} ({code})") },
        // It was there a moment ago: a try whose answer was lost may have done it.
        StorageError::Missing { .. } => Outcome::FoundGone,
        // Answers that say that nothing was done, or no request at all.
        StorageError::Denied { .. }
        | StorageError::Unsupported { .. }
        | StorageError::Setting(_)
        | StorageError::NoToken(_)
        | StorageError::Location { .. } => Outcome::Failed { why: error.to_string() },
        error => found(deed, &row.etag, store, &name, &error).await,
    }
}

/// What is there after an answer that does not say whether something was done.
async fn found(
    deed: Deed,
    etag: &Etag,
    store: &dyn Store,
    name: &capkeep_storage::BlobName,
    error: &StorageError,
) -> Outcome {
    match found_by(deed, etag, store.head(name).await) {
        Ok(Outcome::NotDone) => Outcome::Failed { why: error.to_string() },
        Ok(outcome) => outcome,
        Err(_) => Outcome::Unclear { why: error.to_string() },
    }
}

/// What a look tells of a deed whose answer is not known.
pub(super) fn found_by(
    deed: Deed,
    etag: &Etag,
    look: capkeep_storage::Result<Blob>,
) -> capkeep_storage::Result<Outcome> {
    let blob = match look {
        Ok(blob) => Some(blob),
        Err(StorageError::Missing { .. }) => None,
        Err(error) => return Err(error),
    };
    Ok(match (deed, blob) {
        (Deed::Delete, None) => Outcome::FoundGone,
        (Deed::Tier(_), None) => Outcome::Gone,
        (Deed::Restore, Some(_)) => Outcome::FoundDone,
        (_, Some(blob)) if blob.etag != *etag => Outcome::Changed,
        (Deed::Restore, None) | (Deed::Delete, Some(_)) => Outcome::NotDone,
        (Deed::Tier(tier), Some(blob)) => {
            let is_so = blob.tier.is_some_and(|now| now.eq_ignore_ascii_case(&format!("{tier:?}")));
            if is_so { Outcome::FoundDone } else { Outcome::NotDone }
        }
    })
}

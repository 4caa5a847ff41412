//! Finding out what became of what an earlier process left open.

use super::Surroundings;
use super::outcome::Outcome;
use super::row::found_by;
use crate::audit::{AuditLog, Target, What};
use crate::error::Result;

/// Finds out what became of intents without a result, by looking at their blobs, and notes it. Only reads storage.
///
/// What cannot be looked at stays open, and is told as [`Outcome::Unclear`].
///
/// # Errors
///
/// If the log cannot be written.
pub async fn settle(log: &mut AuditLog, around: &dyn Surroundings) -> Result<Vec<(Target, Outcome)>> {
    let open: Vec<_> =
        log.journal().open().map(|(entry, deed, target)| (entry.number, deed, target.clone())).collect();
    let mut settled = Vec::with_capacity(open.len());
    for (of, deed, target) in open {
        let found = match around.store(&target.account).await {
            Ok(store) => {
                let look = store.head(&target.blob()).await;
                found_by(deed, &target.etag, look).map_err(|error| error.to_string())
            }
            Err(why) => Err(why),
        };
        let outcome = match found {
            Ok(outcome) => {
                log.add(around.now(), What::Result { of, outcome: outcome.clone() })?;
                outcome
            }
            Err(why) => Outcome::Unclear { why },
        };
        settled.push((target, outcome));
    }
    Ok(settled)
}

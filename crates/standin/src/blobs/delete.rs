//! Deleting blobs, and taking that back.

use jiff::Timestamp;

use super::account::State;
use super::conditions;
use super::message::{
    Answer, BLOB_MISSING, INVALID_HEADER, ROOT_BLOB, Refusal, Reply, Request, SNAPSHOTS_PRESENT,
};
use super::stored::{Entry, Stored};

/// Delete Blob: the current version, an older one, or a snapshot.
pub(super) fn delete(state: &mut State, request: &Request) -> Answer {
    let now = state.now();
    let (is_soft, versions) = (state.rules.soft_delete_days.is_some(), state.rules.versions);
    let container = state.container(&request.container)?;
    let entry = container.blobs.get_mut(&request.name).ok_or(BLOB_MISSING)?;
    let (version, snapshot) = (request.parameter("versionid"), request.parameter("snapshot"));
    match (version, snapshot) {
        (Some(id), _) if entry.current().is_some_and(|base| base.version.as_deref() == Some(id)) => {
            return Err(ROOT_BLOB);
        }
        (Some(id), _) => one(&mut entry.versions, |s| s.version.as_deref() == Some(id), is_soft, now)?,
        (None, Some(id)) => one(&mut entry.snapshots, |s| s.snapshot.as_deref() == Some(id), is_soft, now)?,
        (None, None) => current(entry, request, is_soft, versions, now)?,
    }
    if entry.is_empty() {
        container.blobs.remove(&request.name);
    }
    let is_permanent = !is_soft && !versions;
    Ok(Reply::new(202).with("x-ms-delete-type-permanent", is_permanent.to_string()))
}

fn one(
    all: &mut Vec<Stored>,
    is_it: impl Fn(&Stored) -> bool,
    is_soft: bool,
    now: Timestamp,
) -> Result<(), Refusal> {
    let at = all.iter().position(|stored| is_it(stored) && stored.deleted.is_none()).ok_or(BLOB_MISSING)?;
    all[at].respect_holds(now)?;
    if is_soft {
        all[at].deleted = Some(now);
    } else {
        all.remove(at);
    }
    Ok(())
}

fn current(
    entry: &mut Entry,
    request: &Request,
    is_soft: bool,
    versions: bool,
    now: Timestamp,
) -> Result<(), Refusal> {
    let base = entry.current().ok_or(BLOB_MISSING)?;
    conditions::met(request, Some(base))?;
    base.respect_lease(request.header("x-ms-lease-id"))?;
    base.respect_holds(now)?;
    let has_snapshots = entry.snapshots.iter().any(|snapshot| snapshot.deleted.is_none());
    let asked = request.header("x-ms-delete-snapshots");
    match asked {
        None if has_snapshots => return Err(SNAPSHOTS_PRESENT),
        None | Some("include" | "only") => {}
        Some(_) => return Err(INVALID_HEADER),
    }
    if asked.is_some() {
        if is_soft {
            for snapshot in &mut entry.snapshots {
                snapshot.deleted.get_or_insert(now);
            }
        } else {
            entry.snapshots.clear();
        }
    }
    if asked == Some("only") {
        return Ok(());
    }
    let Some(mut base) = entry.base.take() else { return Ok(()) };
    base.lease = None;
    if versions && base.version.is_some() {
        entry.versions.push(base);
    } else if is_soft {
        base.deleted = Some(now);
        entry.base = Some(base);
    }
    Ok(())
}

/// Undelete Blob: what was softly deleted under the name is back. An older version does not become the current one.
pub(super) fn undelete(state: &mut State, request: &Request) -> Answer {
    let entry = state.container(&request.container)?.blobs.get_mut(&request.name).ok_or(BLOB_MISSING)?;
    let all = entry.base.iter_mut().chain(&mut entry.versions).chain(&mut entry.snapshots);
    let mut is_back = false;
    for stored in all {
        is_back |= stored.deleted.take().is_some();
    }
    if is_back || entry.current().is_some() { Ok(Reply::new(200)) } else { Err(BLOB_MISSING) }
}

//! Leases. One that is broken is free at once, and none ends by itself.

use super::account::State;
use super::conditions;
use super::message::{
    Answer, BLOB_MISSING, INVALID_HEADER, LEASE_ID_MISMATCH, LEASE_NOT_PRESENT, LEASE_TAKEN, Request,
};
use super::read::changed;

/// Lease Blob.
pub(super) fn lease(state: &mut State, request: &Request) -> Answer {
    let entry = state.container(&request.container)?.blobs.get_mut(&request.name).ok_or(BLOB_MISSING)?;
    let stored = entry.current_mut().ok_or(BLOB_MISSING)?;
    conditions::met(request, Some(stored))?;
    let id = request.header("x-ms-lease-id");
    let is_holder = stored.lease.as_deref() == id;
    match request.header("x-ms-lease-action") {
        Some("acquire") => {
            let id =
                request.header("x-ms-proposed-lease-id").unwrap_or("00000000-0000-0000-0000-000000000001");
            if stored.lease.as_deref().is_some_and(|held| held != id) {
                return Err(LEASE_TAKEN);
            }
            stored.lease = Some(id.to_owned());
            Ok(changed(201, stored).with("x-ms-lease-id", id))
        }
        Some("renew" | "release" | "change") if stored.lease.is_none() => Err(LEASE_NOT_PRESENT),
        Some("renew" | "release" | "change") if !is_holder => Err(LEASE_ID_MISMATCH),
        Some("renew") => Ok(changed(200, stored).maybe("x-ms-lease-id", id)),
        Some("release") => {
            stored.lease = None;
            Ok(changed(200, stored))
        }
        Some("change") => {
            stored.lease = request.header("x-ms-proposed-lease-id").map(str::to_owned);
            Ok(changed(200, stored).maybe("x-ms-lease-id", stored.lease.clone()))
        }
        Some("break") => {
            stored.lease.take().ok_or(LEASE_NOT_PRESENT)?;
            Ok(changed(202, stored).with("x-ms-lease-time", "0"))
        }
        _ => Err(INVALID_HEADER),
    }
}

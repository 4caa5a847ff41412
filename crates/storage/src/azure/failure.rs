//! Errors of the SDK as ours: by status and code, and without anything that is secret.

use std::error::Error as _;
use std::time::Duration;

use azure_core::error::ErrorKind;
use azure_core::http::headers::{HeaderName, Headers};

use super::gate::{Away, TooMuch};
use super::guard::{LongWait, retry_after};
use crate::error::Error;

/// Longest code of the service that is believed (chosen: those documented have up to 50 letters).
const CODE_CHARS: usize = 64;

/// Codes of what protects a blob. Source: Microsoft's page "Blob Storage error codes".
const KEPT: &[(&str, &str)] = &[
    ("SnapshotsPresent", "its snapshots"),
    ("LeaseIdMissing", "a lease"),
    ("LeaseIdMismatchWithBlobOperation", "a lease"),
    ("LeaseIdMismatchWithContainerOperation", "a lease"),
    ("LeaseIdMismatchWithLeaseOperation", "a lease"),
    ("LeaseAlreadyPresent", "a lease"),
    ("LeaseLost", "a lease"),
    ("BlobImmutableDueToPolicy", "an immutability policy"),
    ("BlobImmutableDueToLegalHold", "a legal hold"),
    ("ImmutabilityPolicyDeleteOnLockedPolicy", "an immutability policy"),
    ("BlobArchived", "its archive tier"),
    ("BlobBeingRehydrated", "its archive tier"),
];

/// An error of a call: what was asked for, and of whom.
pub(super) fn told(what: &str, host: &str, error: &azure_core::Error) -> Error {
    let unexpected = |why: &str| Error::Unexpected { what: what.to_owned(), why: why.to_owned() };
    let mut reasons = vec![error.to_string()];
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(LongWait { status, code, wait }) = inner.downcast_ref() {
            let (what, code) = (what.to_owned(), code.clone());
            return Error::Busy { what, status: *status, code, retry_after: Some(*wait) };
        }
        if inner.is::<Away>() {
            return Error::Elsewhere { host: host.to_owned() };
        }
        if inner.is::<TooMuch>() {
            return unexpected("an answer of more than 64 MiB");
        }
        reasons.push(inner.to_string());
        source = inner.source();
    }
    reasons.dedup();
    match error.kind() {
        ErrorKind::HttpResponse { status, raw_response, .. } => {
            let headers = raw_response.as_ref().map(|answer| answer.headers());
            let code = headers.map(code_of).unwrap_or_default();
            let wait = headers.and_then(retry_after);
            by_status(what, (*status).into(), code, wait)
        }
        ErrorKind::Credential => Error::NoToken(one_line(&reasons.pop().unwrap_or_default())),
        ErrorKind::DataConversion => unexpected("an answer that cannot be read"),
        _ => Error::Transport { host: host.to_owned(), reason: reason(reasons) },
    }
}

/// The innermost reasons: what the policies and the transport say around them is always the same.
fn reason(mut reasons: Vec<String>) -> String {
    const OUTER: &[&str] = &[
        "retry policy expired",
        "non-transport error",
        "error sending request",
        "no connection",
        "no answer",
    ];
    let last = reasons.last().cloned().unwrap_or_default();
    reasons.retain(|reason| !OUTER.iter().any(|words| reason.starts_with(words)));
    one_line(&if reasons.is_empty() { last } else { reasons.join(": ") })
}

/// Texts of others stay on their line. Should an address have slipped through, what is behind its `?` is cut off.
fn one_line(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = text.split(' ').map(|word| match word.split_once('?') {
        Some((before, _)) if word.contains('=') => before,
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// An error by the status and the code of an answer.
pub(super) fn by_status(what: &str, status: u16, code: String, retry_after: Option<Duration>) -> Error {
    let what = what.to_owned();
    if let Some((_, by)) = KEPT.iter().find(|(kept, _)| *kept == code) {
        return Error::Kept { what, by, code };
    }
    if matches!(code.as_str(), "FeatureNotSupported" | "NotImplemented") || matches!(status, 405 | 501) {
        let code = if code.is_empty() { status.to_string() } else { code };
        return Error::Unsupported { what, why: format!("the service cannot do this ({code})") };
    }
    match status {
        404 | 410 => Error::Missing { what, code },
        401 | 403 => Error::Denied { what, status, code },
        409 if code.ends_with("AlreadyExists") => Error::Exists { what },
        412 => Error::Changed { what },
        408 | 429 | 500.. => Error::Busy { what, status, code, retry_after },
        416 => Error::Unexpected { what, why: "it has no such range".into() },
        300..=399 => Error::Unexpected { what, why: format!("an answer of {status}") },
        _ => Error::Refused { what, status, code },
    }
}

/// `x-ms-error-code` of an answer; empty if it is no word.
pub(super) fn code_of(headers: &Headers) -> String {
    let code = headers.get_optional_str(&HeaderName::from_static("x-ms-error-code")).unwrap_or_default();
    let is_word = code.len() <= CODE_CHARS && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_word { code.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_code_say_what_can_be_done() {
        for (status, code, expected) in [
            (404, "BlobNotFound", "c/n: not there (BlobNotFound)"),
            (404, "", "c/n: not there"),
            (403, "AuthorizationPermissionMismatch", "c/n: not permitted (AuthorizationPermissionMismatch)"),
            (401, "", "c/n: not permitted"),
            (409, "BlobAlreadyExists", "c/n: there already"),
            (409, "SnapshotsPresent", "c/n: kept by its snapshots (SnapshotsPresent)"),
            (
                409,
                "BlobImmutableDueToPolicy",
                "c/n: kept by an immutability policy (BlobImmutableDueToPolicy)",
            ),
            (409, "BlobArchived", "c/n: kept by its archive tier (BlobArchived)"),
            (409, "PendingCopyOperation", "c/n: the service answered 409 (PendingCopyOperation)"),
            (412, "LeaseIdMissing", "c/n: kept by a lease (LeaseIdMissing)"),
            (412, "ConditionNotMet", "c/n: changed meanwhile"),
            (412, "", "c/n: changed meanwhile"),
            (429, "", "c/n: the service answered 429"),
            (503, "ServerBusy", "c/n: the service answered 503 (ServerBusy)"),
            (501, "NotImplemented", "c/n: the service cannot do this (NotImplemented)"),
            (500, "FeatureNotSupported", "c/n: the service cannot do this (FeatureNotSupported)"),
            (416, "InvalidRange", "c/n: it has no such range"),
            (302, "", "c/n: an answer of 302"),
            (400, "InvalidHeaderValue", "c/n: the service answered 400 (InvalidHeaderValue)"),
        ] {
            assert_eq!(by_status("c/n", status, code.into(), None).to_string(), expected);
        }
    }

    #[test]
    fn texts_of_others_hold_neither_lines_nor_queries() {
        assert_eq!(one_line("a\nb for https://x/y?sv=1&sig=S end"), "a b for https://x/y end");
    }
}

//! What can go wrong.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call failed. No variant ever holds a signature, a token or a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A location that is none.
    #[error("{text:?} {what}")]
    Location {
        /// As it was written, without secrets.
        text: String,
        /// What is wrong with it.
        what: String,
    },
    /// A setting or credential that cannot be used.
    #[error("{0}")]
    Setting(String),
    /// No credential gave a token.
    #[error("no credential gave a token: {0}")]
    NoToken(String),
    /// There is no such blob, container or account (404).
    #[error("{what}: not there{}", told(.code))]
    Missing {
        /// Which.
        what: String,
        /// Code of the service, such as `BlobNotFound`.
        code: String,
    },
    /// It has that name already (409).
    #[error("{what}: there already")]
    Exists {
        /// Which.
        what: String,
    },
    /// The blob is another than the entity tag names (412).
    #[error("{what}: changed meanwhile")]
    Changed {
        /// Which.
        what: String,
    },
    /// Something protects the blob: a lease, a snapshot, a legal hold, an immutability policy, its archive tier.
    #[error("{what}: kept by {by} ({code})")]
    Kept {
        /// Which.
        what: String,
        /// What protects it, in words.
        by: &'static str,
        /// Code of the service, such as `BlobImmutableDueToPolicy`.
        code: String,
    },
    /// Not permitted, or not logged in (401, 403).
    #[error("{what}: not permitted{}", told(.code))]
    Denied {
        /// What was asked for.
        what: String,
        /// HTTP status.
        status: u16,
        /// Code of the service, such as `AuthorizationPermissionMismatch`.
        code: String,
    },
    /// The service was busy or stumbled (429, 5xx) for longer than retrying made sense.
    #[error("{what}: the service answered {status}{}", told(.code))]
    Busy {
        /// What was asked for.
        what: String,
        /// HTTP status.
        status: u16,
        /// Code of the service.
        code: String,
        /// How long it asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// The service cannot do it, or not here (a folder has no tiers).
    #[error("{what}: {why}")]
    Unsupported {
        /// What was asked for.
        what: String,
        /// Why not.
        why: String,
    },
    /// Another refusal of the service.
    #[error("{what}: the service answered {status}{}", told(.code))]
    Refused {
        /// What was asked for.
        what: String,
        /// HTTP status.
        status: u16,
        /// Code of the service.
        code: String,
    },
    /// No answer, or one that broke off.
    #[error("no answer from {host}: {reason}")]
    Transport {
        /// Who was asked.
        host: String,
        /// What happened, without addresses.
        reason: String,
    },
    /// The service sent us to another host; nothing was sent there.
    #[error("{host} sends us elsewhere: not followed")]
    Elsewhere {
        /// Who did.
        host: String,
    },
    /// An answer that makes no sense: another range, too few bytes, a list that does not end.
    #[error("{what}: {why}")]
    Unexpected {
        /// What was asked for.
        what: String,
        /// What is wrong with the answer.
        why: String,
    },
    /// A file or folder of this machine.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A code in brackets, if there is one.
fn told(code: &str) -> String {
    if code.is_empty() { String::new() } else { format!(" ({code})") }
}

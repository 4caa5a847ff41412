//! What can go wrong.

use std::time::Duration;

use crate::model::ErrorDetail;
use crate::rules::Problem;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request breaks rules of the service and was not sent.
    #[error("{}", sentence(.0))]
    Invalid(Vec<Problem>),
    /// No credential gave a token.
    #[error("no credential gave a token: {0}")]
    NoToken(String),
    /// The service answered with an error.
    #[error("the service answered {status}{}", told(.detail))]
    Service {
        /// HTTP status.
        status: u16,
        /// Code and message, empty where it sent none.
        detail: Box<ErrorDetail>,
        /// `x-ms-request-id`, which support asks for.
        request_id: Option<String>,
    },
    /// The operation was accepted and failed later.
    #[error("the operation {}{}", if *.canceled { "was canceled" } else { "failed" }, told(.detail))]
    Operation {
        /// Code and message, empty where the service sent none.
        detail: Box<ErrorDetail>,
        /// It was canceled.
        canceled: bool,
    },
    /// Nothing final was heard in time. The operation goes on without us.
    #[error("not done after {} s; the operation itself goes on", .waited.as_secs())]
    Deadline {
        /// How long was waited.
        waited: Duration,
    },
    /// No answer came.
    #[error("no answer from {host}: {reason}")]
    Transport {
        /// Who was asked.
        host: String,
        /// What happened, without addresses that could hold a secret.
        reason: String,
    },
    /// The service sent us to another host; it was not followed, and nothing was sent there.
    #[error("{what} points to {host}, which is not {expected}: not followed")]
    Elsewhere {
        /// Where the address stood: `nextLink`, `Location`, a redirect.
        what: &'static str,
        /// The host it points to.
        host: String,
        /// The host the token is for.
        expected: String,
    },
    /// An answer that makes no sense.
    #[error("the service answered {status} with {what}")]
    Unexpected {
        /// HTTP status.
        status: u16,
        /// What is wrong with it.
        what: String,
    },
    /// A setting that cannot be used.
    #[error("{0}")]
    Setting(String),
}

impl Error {
    /// Code of the service's error, empty where there is none.
    pub fn code(&self) -> &str {
        match self {
            Self::Service { detail, .. } | Self::Operation { detail, .. } => &detail.code,
            _ => "",
        }
    }

    /// HTTP status of the service's error.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Service { status, .. } | Self::Unexpected { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// Longest text taken over from a service, in characters (chosen: a dozen lines).
const MOST_CHARS: usize = 2_000;

fn sentence(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Code, message and the innermost details.
fn told(detail: &ErrorDetail) -> String {
    let mut text = match (detail.code.as_str(), detail.message.as_str()) {
        ("", "") => String::new(),
        ("", message) => format!(": {message}"),
        (code, "") => format!(": {code}"),
        (code, message) => format!(": {message} ({code})"),
    };
    for inner in detail.details.iter().flatten().take(MOST_CHARS) {
        text.push_str(&told(inner));
    }
    if let Some((end, _)) = text.char_indices().nth(MOST_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

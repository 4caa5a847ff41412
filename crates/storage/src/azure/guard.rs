//! How long is retried.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::headers::{HeaderName, Headers};
use azure_core::http::policies::{Policy, PolicyResult, RetryPolicyCount};
use azure_core::http::{Context, Request};
use jiff::fmt::rfc2822;

use super::failure::code_of;

/// How often a connection that cannot be made is tried again (chosen: some four seconds; a service that throttles or
/// stumbles is given more time, but nobody waits for an address that is wrong).
const MOST_CONNECTS: u32 = 3;

/// Ends retrying where it makes no sense, and counts tries.
#[derive(Debug)]
pub(super) struct Guard {
    /// Longest wait between two tries.
    pub(super) patience: Duration,
}

/// How often a request was sent; put into its context by whoever wants to know.
#[derive(Clone, Debug, Default)]
pub(super) struct Tries(Arc<AtomicU32>);

impl Tries {
    /// True if an earlier try may have been carried out.
    pub(super) fn are_many(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 1
    }
}

/// The service wants to be left alone for longer than anybody waits.
#[derive(Debug, thiserror::Error)]
#[error("{status}: again in {wait:?}")]
pub(super) struct LongWait {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) wait: Duration,
}

#[async_trait]
impl Policy for Guard {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let Some((first, rest)) = next.split_first() else {
            return Err(azure_core::Error::with_message(ErrorKind::Other, "nothing sends this"));
        };
        if let Some(Tries(tries)) = context.value() {
            tries.fetch_add(1, Ordering::Relaxed);
        }
        let answer = first.send(context, request, rest).await;
        let tries = context.value::<RetryPolicyCount>().map_or(0, |count| **count);
        match answer {
            // The policy for retries lets other kinds through at once.
            Err(error) if tries >= MOST_CONNECTS && matches!(error.kind(), ErrorKind::Connection) => {
                Err(azure_core::Error::with_error(ErrorKind::Other, error, "no connection"))
            }
            Ok(answer) if matches!(u16::from(answer.status()), 429 | 503) => {
                match retry_after(answer.headers()).filter(|wait| *wait > self.patience) {
                    Some(wait) => {
                        let code = code_of(answer.headers());
                        let long = LongWait { status: answer.status().into(), code, wait };
                        Err(azure_core::Error::with_error(ErrorKind::Other, long, "a long wait"))
                    }
                    None => Ok(answer),
                }
            }
            answer => answer,
        }
    }
}

/// `Retry-After` of an answer, in seconds or as a date, as a span from now.
pub(super) fn retry_after(headers: &Headers) -> Option<Duration> {
    let text = headers.get_optional_str(&HeaderName::from_static("retry-after"))?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let seconds = at.as_second().saturating_sub(jiff::Timestamp::now().as_second());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

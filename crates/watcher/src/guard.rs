//! What keeps a token at home, and secrets out of errors.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::Secret;
use azure_core::error::ErrorKind;
use azure_core::http::policies::{Policy, PolicyResult, RetryPolicyCount};
use azure_core::http::{Context, Request};
use url::{Origin, Url};

use crate::error::Error;
use crate::model::ErrorDetail;
use crate::wire::{host, retry_after};

/// How often a connection that cannot be made is tried again (chosen: some four seconds; a service that throttles or
/// stumbles is given more time, but nobody waits for an address that is wrong).
const MOST_CONNECTS: u32 = 3;

/// Stops a request to another origin than the client's, in front of the policy that adds the token.
#[derive(Debug)]
pub(crate) struct Guard {
    home: Origin,
    /// Longest wait between two tries.
    patience: Duration,
}

/// How often a request was sent; put into its context by whoever wants to know.
pub(crate) struct Tries(pub(crate) Arc<AtomicU32>);

/// The service wants to be left alone for longer than anybody waits.
#[derive(Debug, thiserror::Error)]
#[error("{status}: again in {wait:?}")]
struct LongWait {
    status: u16,
    wait: Duration,
}

impl Guard {
    pub(crate) fn new(endpoint: &Url, patience: Duration) -> Self {
        Self { home: endpoint.origin(), patience }
    }
}

#[async_trait]
impl Policy for Guard {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let stop = |what: String| Err(azure_core::Error::with_message(ErrorKind::Other, what));
        if request.url().origin() != self.home {
            return stop(format!("{} is not where the token is for", host(request.url())));
        }
        let Some((first, rest)) = next.split_first() else { return stop("nothing sends this".to_owned()) };
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
                        let long = LongWait { status: answer.status().into(), wait };
                        Err(azure_core::Error::with_error(ErrorKind::Other, long, "a long wait"))
                    }
                    None => Ok(answer),
                }
            }
            answer => answer,
        }
    }
}

/// Adds a token over plain http, which the official policy refuses. Only for a service on this machine.
#[derive(Debug)]
pub(crate) struct PlainToken(pub(crate) Secret);

#[async_trait]
impl Policy for PlainToken {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        request.insert_header("authorization", format!("Bearer {}", self.0.secret()));
        match next.split_first() {
            Some((first, rest)) => first.send(context, request, rest).await,
            None => Err(azure_core::Error::with_message(ErrorKind::Other, "nothing sends this")),
        }
    }
}

/// An error of the transport without the addresses in it: they may be signed.
pub(crate) fn told(host: &str, error: &azure_core::Error) -> Error {
    let text = |error: &dyn std::error::Error| {
        // reqwest ends its messages with "for url (…)".
        let text = error.to_string();
        text.split(" for url (").next().unwrap_or_default().to_owned()
    };
    // What the policies say of it comes first; the innermost says what happened.
    let mut reasons = vec![text(error)];
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(LongWait { status, wait }) = inner.downcast_ref() {
            let message = format!("it asks to be left alone for {} s", wait.as_secs());
            let detail = Box::new(ErrorDetail { message, ..ErrorDetail::default() });
            return Error::Service { status: *status, detail, request_id: None };
        }
        reasons.push(text(inner));
        source = inner.source();
    }
    reasons.dedup();
    if matches!(error.kind(), ErrorKind::Credential) {
        return Error::NoToken(reasons.pop().unwrap_or_default());
    }
    let outer = [
        "retry policy expired",
        "failed to execute",
        "non-transport error",
        "error sending request",
        "no connection",
    ];
    reasons.retain(|reason| !outer.iter().any(|words| reason.starts_with(words)));
    let reason = if reasons.is_empty() { text(error) } else { reasons.join(": ") };
    Error::Transport { host: host.to_owned(), reason }
}

//! What keeps a token at home, and secrets out of errors.

use std::error::Error as _;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::Secret;
use azure_core::error::ErrorKind;
use azure_core::http::policies::{Policy, PolicyResult, RetryPolicyCount};
use azure_core::http::{Context, Request};
use url::{Origin, Url};

use crate::client::host;
use crate::error::Error;

/// How often a connection that cannot be made is tried again (chosen: some four seconds; a service that throttles or
/// stumbles is given more time, but nobody waits for an address that is wrong).
const MOST_CONNECTS: u32 = 3;

/// Stops a request to another origin than the client's, in front of the policy that adds the token.
#[derive(Debug)]
pub(crate) struct Guard(Origin);

impl Guard {
    pub(crate) fn new(endpoint: &Url) -> Self {
        Self(endpoint.origin())
    }
}

#[async_trait]
impl Policy for Guard {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let stop = |what: String| Err(azure_core::Error::with_message(ErrorKind::Other, what));
        if request.url().origin() != self.0 {
            return stop(format!("{} is not where the token is for", host(request.url())));
        }
        let Some((first, rest)) = next.split_first() else { return stop("nothing sends this".to_owned()) };
        let answer = first.send(context, request, rest).await;
        let tries = context.value::<RetryPolicyCount>().map_or(0, |count| **count);
        match answer {
            // The policy for retries lets other kinds through at once.
            Err(error) if tries >= MOST_CONNECTS && matches!(error.kind(), ErrorKind::Connection) => {
                Err(azure_core::Error::with_error(ErrorKind::Other, error, "no connection"))
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

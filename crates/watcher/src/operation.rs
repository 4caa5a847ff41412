//! Long-running operations of Azure Resource Manager, as a pure function of the replies.
//!
//! Source: `resource-manager-and-async-operations` of the Azure REST guidelines, and what the service was seen to
//! answer: `Azure-AsyncOperation` is asked first, `Location` holds the result, `Retry-After` is in seconds or a date.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::ErrorDetail;

/// Time between two polls where the service names none: 10 s, what it names for captures.
pub const DEFAULT_PAUSE: Duration = Duration::from_secs(10);

/// Longest pause taken over from the service (chosen: a status is never older than five minutes).
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Shortest pause taken over from the service, unless ours is shorter (chosen: `Retry-After: 0` must not make a loop
/// without one).
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// A reply, as far as operations need it.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Header `Azure-AsyncOperation`.
    pub async_operation: Option<String>,
    /// Header `Location`.
    pub location: Option<String>,
    /// Header `Retry-After`, as a span from now.
    pub retry_after: Option<Duration>,
    /// Header `x-ms-request-id`.
    pub request_id: Option<String>,
    /// The body.
    pub body: Vec<u8>,
    /// How often the request was sent until this came.
    pub tries: u32,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Ask again after a pause. Meanwhile this is what the service says.
    Ask {
        /// Where.
        at: Place,
        /// After so long.
        pause: Duration,
        /// `InProgress`, `Accepted`, `Updating`, …
        status: String,
    },
    /// It is done. The body of the final answer, where there is one.
    Done(Option<Value>),
}

/// Where an operation is asked after. URLs are sent back exactly as they came: newer ones are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The status of the operation.
    Status(String),
    /// Its result.
    Result(String),
    /// The resource itself.
    Resource,
}

/// The rules of one operation.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The final answer is the resource (a create), not what `Location` has.
    pub ends_with_resource: bool,
    /// `Location`, once it was told.
    location: Option<String>,
    /// `Azure-AsyncOperation`, once it was told.
    status_at: Option<String>,
    /// Time between two polls where the service names none.
    pause: Duration,
    /// The status said so; only the result is asked for.
    has_succeeded: bool,
}

#[derive(Deserialize)]
struct StatusBody {
    status: String,
    #[serde(default)]
    error: Value,
}

impl Rules {
    /// Rules of an operation that ends with the resource, or with what `Location` has.
    pub const fn new(ends_with_resource: bool, pause: Duration) -> Self {
        Self { ends_with_resource, location: None, status_at: None, pause, has_succeeded: false }
    }

    /// What to do after the reply to the call itself.
    ///
    /// # Errors
    ///
    /// The service's error, or an answer that makes no sense.
    pub fn begin(&mut self, reply: &Reply) -> Result<Step> {
        self.note(reply);
        match reply.status {
            200 | 201 | 202 | 204 => {}
            _ => return Err(refused(reply)),
        }
        if let Some(url) = &self.status_at {
            return Ok(self.ask(Place::Status(url.clone()), reply, "Accepted"));
        }
        match (reply.status, &self.location) {
            (202, Some(url)) => Ok(self.ask(Place::Result(url.clone()), reply, "Accepted")),
            (202, None) if self.ends_with_resource => Ok(self.ask(Place::Resource, reply, "Accepted")),
            (202, None) => Err(senseless(reply, "neither Azure-AsyncOperation nor Location")),
            _ => self.resource_or_ask(reply),
        }
    }

    /// What to do after the reply to a poll.
    ///
    /// # Errors
    ///
    /// [`Error::Operation`] if it failed, the service's error, or an answer that makes no sense.
    pub fn next(&mut self, place: &Place, reply: &Reply) -> Result<Step> {
        if !(200..300).contains(&reply.status) {
            // A result that is not kept does not undo that it was done.
            let is_gone = matches!(place, Place::Result(_)) && matches!(reply.status, 404 | 410);
            return if is_gone && self.has_succeeded { Ok(Step::Done(None)) } else { Err(refused(reply)) };
        }
        match place {
            Place::Status(url) => self.status(url, reply),
            Place::Result(url) => {
                self.note(reply);
                // A result that is there is final even though it repeats the headers.
                if reply.status == 202 {
                    let url = self.location.clone().unwrap_or_else(|| url.clone());
                    return Ok(self.ask(Place::Result(url), reply, "InProgress"));
                }
                self.resource_or_ask(reply)
            }
            Place::Resource => self.resource(reply),
        }
    }

    fn ask(&self, at: Place, reply: &Reply, status: &str) -> Step {
        let shortest = self.pause.min(SHORTEST_PAUSE);
        let pause = reply.retry_after.unwrap_or(self.pause).clamp(shortest, LONGEST_PAUSE);
        Step::Ask { at, pause, status: status.to_owned() }
    }

    fn note(&mut self, reply: &Reply) {
        if reply.async_operation.is_some() {
            self.status_at.clone_from(&reply.async_operation);
        }
        if reply.location.is_some() {
            self.location.clone_from(&reply.location);
        }
    }

    fn status(&mut self, url: &str, reply: &Reply) -> Result<Step> {
        self.note(reply);
        let here = self.status_at.clone().unwrap_or_else(|| url.to_owned());
        if reply.status == 204 {
            return Ok(self.ended());
        }
        let Some(body) = json(reply)? else {
            return Ok(self.ask(Place::Status(here), reply, "InProgress"));
        };
        let Ok(body) = serde_json::from_value::<StatusBody>(body) else {
            return Err(senseless(reply, "no status"));
        };
        let is = |word: &str| body.status.eq_ignore_ascii_case(word);
        if is("Succeeded") {
            return Ok(self.ended());
        }
        if is("Failed") || is("Canceled") || is("Cancelled") {
            let detail = Box::new(detail(&body.error));
            return Err(Error::Operation { detail, canceled: !is("Failed") });
        }
        Ok(self.ask(Place::Status(here), reply, &body.status))
    }

    /// After success: where the result is.
    fn ended(&mut self) -> Step {
        self.has_succeeded = true;
        let place = match &self.location {
            _ if self.ends_with_resource => Place::Resource,
            Some(url) => Place::Result(url.clone()),
            None => return Step::Done(None),
        };
        Step::Ask { at: place, pause: Duration::ZERO, status: "Succeeded".into() }
    }

    /// The resource, where that is the end; it is asked for where the reply does not hold it.
    fn resource_or_ask(&self, reply: &Reply) -> Result<Step> {
        if self.ends_with_resource && json(reply)?.is_none() {
            return Ok(Step::Ask { at: Place::Resource, pause: Duration::ZERO, status: "Accepted".into() });
        }
        self.resource(reply)
    }

    /// A resource says itself how far it is.
    fn resource(&self, reply: &Reply) -> Result<Step> {
        let body = json(reply)?;
        let state = body
            .as_ref()
            .and_then(|body| body.pointer("/properties/provisioningState"))
            .and_then(Value::as_str)
            .unwrap_or("Succeeded");
        let is = |word: &str| state.eq_ignore_ascii_case(word);
        if !self.ends_with_resource || is("Succeeded") {
            return Ok(Step::Done(body));
        }
        if is("Failed") || is("Canceled") {
            let message = format!("its provisioningState is {state}");
            let detail = Box::new(ErrorDetail { message, ..ErrorDetail::default() });
            return Err(Error::Operation { detail, canceled: is("Canceled") });
        }
        Ok(self.ask(Place::Resource, reply, state))
    }
}

/// The body, where there is one: `null` is none.
pub(crate) fn json(reply: &Reply) -> Result<Option<Value>> {
    let text = reply.body.trim_ascii();
    if text.is_empty() {
        return Ok(None);
    }
    match serde_json::from_slice(text) {
        Ok(Value::Null) => Ok(None),
        Ok(body) => Ok(Some(body)),
        Err(error) => Err(senseless(reply, &format!("a body that is not JSON ({error})"))),
    }
}

/// The error in a reply that is one.
pub(crate) fn refused(reply: &Reply) -> Error {
    // Gateways answer in HTML or not at all.
    let body = serde_json::from_slice::<Value>(&reply.body).unwrap_or_default();
    let detail = Box::new(detail(&body));
    Error::Service { status: reply.status, detail, request_id: reply.request_id.clone() }
}

/// Code and message in whatever shape they come: below `error` or not, as the specification says or as Entra ID words
/// its own, with fields missing.
fn detail(value: &Value) -> ErrorDetail {
    if let Some(inner) = value.get("error").filter(|inner| inner.is_object()) {
        return detail(inner);
    }
    let typed = serde_json::from_value::<ErrorDetail>(value.clone()).ok();
    if let Some(detail) = typed.filter(|typed| !typed.code.is_empty() || !typed.message.is_empty()) {
        return detail;
    }
    let text = |names: &[&str]| {
        let found = names.iter().find_map(|name| value.get(name)?.as_str());
        found.or(value.as_str().filter(|_| names.len() > 1)).unwrap_or_default().to_owned()
    };
    ErrorDetail {
        code: text(&["code"]),
        message: text(&["message", "Message", "error_description", "error"]),
        ..ErrorDetail::default()
    }
}

pub(crate) fn senseless(reply: &Reply, what: &str) -> Error {
    Error::Unexpected { status: reply.status, what: what.to_owned() }
}

/// `Retry-After` as a span: seconds, or an HTTP date seen from `now` (seconds since the epoch).
pub(crate) fn pause(header: &str, now: i64) -> Option<Duration> {
    let text = header.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Duration::from_secs(u64::try_from(date.timestamp().as_second() - now).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        // 2015-10-21T07:28:00Z.
        let now = 1_445_412_480;
        for (text, seconds) in [
            ("10", Some(10)),
            (" 0 ", Some(0)),
            ("Wed, 21 Oct 2015 07:28:30 GMT", Some(30)),
            ("Wed, 21 Oct 2015 07:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(pause(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn a_pause_is_neither_endless_nor_nothing() {
        let mut rules = Rules::new(false, DEFAULT_PAUSE);
        let mut paused = |retry_after: Option<u64>| {
            let location = Some("/results/1".to_owned());
            let retry_after = retry_after.map(Duration::from_secs);
            let reply = Reply { status: 202, location, retry_after, ..Reply::default() };
            match rules.begin(&reply) {
                Ok(Step::Ask { pause, .. }) => pause.as_secs(),
                other => panic!("{other:?}"),
            }
        };
        let told = [None, Some(0), Some(20), Some(1_000_000)].map(&mut paused);
        assert_eq!(told, [10, 1, 20, 300]);
    }
}

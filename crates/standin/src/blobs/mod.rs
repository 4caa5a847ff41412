//! A blob service that answers as documented.

mod account;
mod body;
mod conditions;
mod container;
mod content;
mod delete;
mod hostile;
mod lease;
mod listing;
mod message;
mod read;
mod route;
mod rules;
mod service;
mod stored;
mod write;
mod xml;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use tokio::net::TcpStream;

pub use account::Account;
use body::Payload;
pub use content::Content;
pub(crate) use content::mixed;
use message::{Refusal, Reply, Request};
pub use rules::{Canned, Listing, Rules};
pub use stored::{Made, Stored};

use crate::host::Host;
use crate::seen::Seen;

/// Longest body that is taken, in bytes (chosen: larger than any block a test sends).
const BODY_BYTES: usize = 512 << 20;
/// Version that is told, unless a request asks for another.
const VERSION: &str = "2026-04-06";

/// A blob service on loopback, which stops when it is dropped.
///
/// Its one account is `standin`; addresses have the account in their path, as those of the emulator. It takes any
/// credentials: that they are right is for the emulator to say.
#[derive(Debug)]
pub struct Blobs {
    account: Account,
    host: Host,
}

impl Blobs {
    /// Name of the account.
    pub const ACCOUNT: &'static str = "standin";
    /// A key of the account.
    pub const KEY: &'static str = "c3RhbmRpbi1rZXktZm9yLXRlc3RzLW9ubHktMDEyMzQ1Njc4OWFiY2RlZg==";
    /// The secret part of [`Blobs::sas`], which must never turn up anywhere.
    pub const SIGNATURE: &'static str = "c2VjcmV0LXNpZ25hdHVyZS1vZi1hLXRlc3Q";

    /// Starts one on a free port.
    ///
    /// # Errors
    ///
    /// If there is no port or no thread.
    pub fn start() -> io::Result<Self> {
        Self::start_at(0)
    }

    /// Starts one on a port.
    ///
    /// # Errors
    ///
    /// If the port is taken, or there is no thread.
    pub fn start_at(port: u16) -> io::Result<Self> {
        let account = Account::default();
        let shared = account.clone();
        let host = Host::start(port, move |stream| serve(stream, shared.clone()))?;
        Ok(Self { account, host })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.host.address()
    }

    /// URL of the account, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}/{}", self.address(), Self::ACCOUNT)
    }

    /// A SAS, without the question mark.
    pub fn sas() -> String {
        format!("sv=2026-04-06&ss=b&srt=sco&sp=rwdlactfx&se=2099-01-01T00%3A00%3A00Z&sig={}", Self::SIGNATURE)
    }

    /// A connection string with the account key.
    pub fn connection_string(&self) -> String {
        connection_string(&self.url())
    }
}

/// A connection string with the account key, for the account at this URL.
fn connection_string(url: &str) -> String {
    let (name, key) = (Blobs::ACCOUNT, Blobs::KEY);
    format!("DefaultEndpointsProtocol=http;AccountName={name};AccountKey={key};BlobEndpoint={url};")
}

impl Deref for Blobs {
    type Target = Account;

    fn deref(&self) -> &Account {
        &self.account
    }
}

async fn serve(stream: TcpStream, account: Account) {
    let answering = service_fn(move |request| answer(request, account.clone()));
    let mut http = hyper::server::conn::http1::Builder::new();
    // A connection that breaks is the client's affair.
    let _ = http.half_close(true).serve_connection(TokioIo::new(stream), answering).await;
}

async fn answer(
    request: hyper::Request<Incoming>,
    account: Account,
) -> Result<hyper::Response<Payload>, Infallible> {
    let (head, body) = request.into_parts();
    let seen = seen(&head);
    account.note(&seen);
    let is_head = seen.method == "HEAD";
    let client = seen.header("x-ms-client-request-id").map(str::to_owned);
    let version = seen.header("x-ms-version").unwrap_or(VERSION).to_owned();
    let reply = match Limited::new(body, BODY_BYTES).collect().await {
        Ok(body) => {
            let mut state = account.state();
            route::route(&mut state, &Request::new(seen, body.to_bytes()))
        }
        Err(_) => Refusal::new(413, "RequestBodyTooLarge", "The request body is too large.").reply(),
    };
    let reply = reply.with("x-ms-request-id", request_id()).with("x-ms-version", version);
    let reply = reply.maybe("x-ms-client-request-id", client);
    Ok(response(reply.with("date", date(Timestamp::now())), is_head, &account.sent))
}

/// What is noted of a request.
pub(crate) fn seen(head: &hyper::http::request::Parts) -> Seen {
    let headers = head.headers.iter();
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    Seen {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: headers.map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect(),
    }
}

fn response(reply: Reply, is_head: bool, sent: &Arc<AtomicU64>) -> hyper::Response<Payload> {
    let mut response = hyper::Response::builder().status(reply.status);
    let has_length = reply.headers.iter().any(|(name, _)| name == "content-length");
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    if !has_length && reply.status != 304 {
        response = response.header("content-length", reply.body.size());
    }
    let mut body = if is_head { Payload::default() } else { reply.body };
    body.sent = Arc::clone(sent);
    // A header that cannot be one is a mistake of the stand-in.
    response.body(body).unwrap_or_default()
}

/// An identifier no other request has.
fn request_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    format!("5741d100-001e-0062-0b00-{:012x}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A time as headers have it.
fn date(time: Timestamp) -> String {
    rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).unwrap_or_default()
}

/// A time that a header has.
fn parsed_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

//! The last thing a request passes: it leaves to its own origin only, signed at the very end, and what comes back is
//! bounded and holds no address.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::Secret;
use azure_core::error::ErrorKind;
use azure_core::http::headers::HeaderName;
use azure_core::http::{AsyncRawResponse, HttpClient, Request};
use futures_util::StreamExt;
use url::{Origin, Url};

use super::content::Content;
use super::tls;
use super::wire::CONNECT;
use crate::error::{Error, Result};

/// Largest answer that is read, the content of blobs aside (chosen: a page of 5,000 blobs with all their metadata and
/// tags stays below).
const MOST_BYTES: usize = 64 << 20;

/// The source of a copy: an address, which needs a signature as well.
const COPY_SOURCE: HeaderName = HeaderName::from_static("x-ms-copy-source");

/// Sends requests.
#[derive(Debug)]
pub(super) struct Gate {
    http: reqwest::Client,
    /// For the content of blobs.
    content: Content,
    home: Origin,
    /// Added to addresses here, so that nothing before this knows it.
    sas: Option<Secret>,
}

/// The service sends us elsewhere.
#[derive(Debug, thiserror::Error)]
#[error("a redirect to elsewhere")]
pub(super) struct Away;

/// An answer was larger than any can be.
#[derive(Debug, thiserror::Error)]
#[error("an answer of more than 64 MiB")]
pub(super) struct TooMuch;

impl Gate {
    /// For one origin. `silence` is how long nothing may come.
    pub(super) fn new(
        home: &Url,
        sas: Option<Secret>,
        certificate: Option<&[u8]>,
        silence: Duration,
    ) -> Result<Self> {
        let tls = tls::trusting(certificate)?;
        let content = Content::new(tls.clone(), silence);
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(CONNECT)
            .read_timeout(silence)
            .redirect(reqwest::redirect::Policy::none())
            // Many connections carry more than one with many streams.
            .http1_only()
            .build()
            .map_err(|error| Error::Setting(format!("TLS: {}", error.without_url())))?;
        Ok(Self { http, content, home: home.origin(), sas })
    }

    fn signed(&self, url: &Url) -> Url {
        let mut url = url.clone();
        if let Some(sas) = &self.sas {
            let query = url.query().filter(|query| !query.is_empty());
            let query =
                query.map_or_else(|| sas.secret().to_owned(), |query| format!("{query}&{}", sas.secret()));
            url.set_query(Some(&query));
        }
        url
    }
}

#[async_trait]
impl HttpClient for Gate {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let stop = |what| azure_core::Error::with_message(ErrorKind::Other, what);
        if request.url().origin() != self.home {
            return Err(stop("the request goes elsewhere"));
        }
        let mut request = request.clone();
        *request.url_mut() = self.signed(request.url());
        if self.sas.is_some()
            && let Some(source) = request.headers().get_optional_str(&COPY_SOURCE)
        {
            let source = Url::parse(source).ok().filter(|url| url.origin() == self.home);
            let source = source.ok_or_else(|| stop("the source of the copy is elsewhere"))?;
            request.insert_header(COPY_SOURCE, String::from(self.signed(&source)));
        }
        let is_content = request.headers().get_optional_str(&HeaderName::from_static("range")).is_some();
        let direct = if is_content { self.content.direct(&request) } else { None };
        let answer = match direct {
            Some(to) => self.content.get(to, &request).await?,
            None => self.http.execute_request(&request).await.map_err(without_url)?,
        };
        let (status, headers, body) = answer.deconstruct();
        if status.is_redirection()
            && let Some(to) = headers.get_optional_str(&HeaderName::from_static("location"))
            && request.url().join(to).map_or(true, |to| to.origin() != self.home)
        {
            return Err(azure_core::Error::with_error(ErrorKind::Other, Away, "not followed"));
        }
        let body = body.map(|piece| piece.map_err(without_url));
        if is_content && status.is_success() {
            return Ok(AsyncRawResponse::new(status, headers, Box::pin(body)));
        }
        let mut left = MOST_BYTES;
        let body = body.map(move |piece| {
            let piece = piece?;
            left = left
                .checked_sub(piece.len())
                .ok_or_else(|| azure_core::Error::with_error(ErrorKind::Other, TooMuch, "too much"))?;
            Ok(piece)
        });
        Ok(AsyncRawResponse::new(status, headers, Box::pin(body)))
    }
}

/// The address may be signed; nobody shall find it in an error.
fn without_url(error: azure_core::Error) -> azure_core::Error {
    let kind = error.kind().clone();
    match error.into_downcast::<reqwest::Error>() {
        Ok(inner) => azure_core::Error::with_error(kind, inner.without_url(), "no answer"),
        Err(error) => error,
    }
}

/// As the SDK wants it.
pub(super) fn transport(gate: Gate) -> azure_core::http::Transport {
    azure_core::http::Transport::new(Arc::new(gate))
}

//! How the content of blobs comes: most of the bytes there are, and few of the questions.

use std::time::Duration;

use azure_core::error::ErrorKind;
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::{AsyncRawResponse, Request, StatusCode};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Empty};
use hyper::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;

use super::wire::Connector;

/// Bytes that are handed on at once, at most: `hyper`'s own choice (measured: a third of it costs about a tenth more
/// processor time).
const PIECE_BYTES: usize = 408 << 10;
/// How long a connection may be idle and is still used (chosen: `reqwest`'s).
const IDLE: Duration = Duration::from_secs(90);

/// Asks for content, without a proxy.
pub(super) struct Content {
    client: Client<Connector, Empty<Bytes>>,
    proxies: Matcher,
    silence: Duration,
}

impl Content {
    /// `silence` is how long nothing may come.
    pub(super) fn new(tls: ClientConfig, silence: Duration) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http1_max_buf_size(PIECE_BYTES)
            .build(Connector::new(tls));
        // The same that `reqwest` obeys.
        Self { client, proxies: Matcher::from_system(), silence }
    }

    /// Its address, if this can ask for it: what a proxy has to be asked for cannot be.
    pub(super) fn direct(&self, request: &Request) -> Option<Uri> {
        let to: Uri = request.url().as_str().parse().ok()?;
        self.proxies.intercept(&to).is_none().then_some(to)
    }

    /// Asks for it.
    pub(super) async fn get(&self, to: Uri, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let mut question = hyper::Request::get(to);
        for (name, value) in request.headers().iter() {
            question = question.header(name.as_str(), value.as_str());
        }
        let question = question.body(Empty::new()).map_err(|error| failed(ErrorKind::Other, error))?;
        let silence = self.silence;
        let answer = timeout(silence, self.client.request(question)).await.map_err(|_| silent(silence))?;
        let (about, body) = answer
            .map_err(|error| {
                let kind = if error.is_connect() { ErrorKind::Connection } else { ErrorKind::Io };
                failed(kind, error)
            })?
            .into_parts();
        let body = stream::unfold(body.into_data_stream(), move |mut body| async move {
            let piece = match timeout(silence, body.next()).await {
                Ok(piece) => piece?.map_err(|error| failed(ErrorKind::Io, error)),
                Err(_) => Err(silent(silence)),
            };
            Some((piece, body))
        });
        let status = StatusCode::from(about.status.as_u16());
        Ok(AsyncRawResponse::new(status, headers(&about.headers), Box::pin(body)))
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Content").field("silence", &self.silence).finish_non_exhaustive()
    }
}

fn failed<E: std::error::Error + Send + Sync + 'static>(kind: ErrorKind, error: E) -> azure_core::Error {
    azure_core::Error::with_error(kind, error, "no answer")
}

fn silent(silence: Duration) -> azure_core::Error {
    let why = format!("nothing came for {} s", silence.as_secs_f64());
    azure_core::Error::with_message(ErrorKind::Io, why)
}

fn headers(map: &hyper::HeaderMap) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in map {
        // What is no text is nothing that is looked at here.
        if let Ok(value) = value.to_str() {
            headers.insert(HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value.to_owned()));
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use azure_core::http::{Method, Url};

    use super::*;
    use crate::azure::tls;

    #[test]
    fn what_a_proxy_has_to_be_asked_for_is_left_to_others() {
        let mut content = Content::new(tls::trusting(None).unwrap(), Duration::from_secs(1));
        content.proxies = Matcher::builder().all("http://proxy.example:3128").no("near.example").build();
        let is_direct = |content: &Content, url: &str| {
            content.direct(&Request::new(Url::parse(url).unwrap(), Method::Get)).is_some()
        };
        assert!(!is_direct(&content, "https://far.example/c/n"));
        assert!(is_direct(&content, "https://near.example/c/n?sv=1&sig=a%2Fb"));
    }
}

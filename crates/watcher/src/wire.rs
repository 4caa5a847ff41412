//! Requests and their answers: one origin, a budget for retries, bounds on what is read.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use azure_core::http::headers::{HeaderName, Headers};
use azure_core::http::{Context, Method, Pipeline, PipelineStreamOptions, Request, Transport};
use futures_util::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::error::{Error, Result};
use crate::guard::Tries;
use crate::model::Page;
use crate::operation::{Reply, json, pause, refused, senseless};

/// Largest answer that is read, and all pages of a list together four times that (chosen: a list of 10,000 captures has
/// about 15 MB).
const MOST_BYTES: usize = 64 << 20;

/// Most pages of a list (chosen: a service that never ends its list is broken or hostile).
const MOST_PAGES: usize = 10_000;

/// How often a body that breaks off is asked for again (chosen).
const MOST_BREAKS: u32 = 3;

/// Reads that are left below which each call waits a second (chosen: so many calls run at a time, and Azure Resource
/// Manager puts 25 reads a second back).
const FEW_LEFT: u64 = 24;

/// Sends requests to one origin.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    pub(crate) pipeline: Pipeline,
    pub(crate) endpoint: Url,
    /// How long a call is retried.
    pub(crate) budget: Duration,
    /// Reads the service has left for us, as it said last.
    left: Arc<AtomicU64>,
}

/// What became of one request.
enum Sent {
    Whole(Reply),
    /// The body broke off.
    Broken(Error),
}

impl Wire {
    pub(crate) fn new(pipeline: Pipeline, endpoint: Url, budget: Duration) -> Self {
        Self { pipeline, endpoint, budget, left: Arc::new(AtomicU64::new(u64::MAX)) }
    }

    pub(crate) fn url(&self, path: &str, version: &str) -> Result<Url> {
        let mut url = self.endpoint.clone();
        {
            let mut segments =
                url.path_segments_mut().map_err(|()| Error::Setting("the endpoint has no path".into()))?;
            segments.pop_if_empty();
            // A name with `?` or `%` stays a name: each is one encoded segment.
            for segment in path.split('/').filter(|segment| !segment.is_empty()) {
                if matches!(segment, "." | "..") {
                    return Err(Error::Setting(format!("{segment:?} is not a name")));
                }
                segments.push(segment);
            }
        }
        url.query_pairs_mut().append_pair("api-version", version);
        Ok(url)
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, version: &str) -> Result<T> {
        Ok(self.fetch(self.url(path, version)?).await?.0)
    }

    /// The value, and how many bytes it was told in.
    async fn fetch<T: DeserializeOwned>(&self, url: Url) -> Result<(T, usize)> {
        let reply = self.send(Method::Get, url, None::<&()>).await?;
        if reply.status != 200 {
            return Err(refused(&reply));
        }
        match json(&reply)? {
            Some(body) => Ok((typed(body, &reply)?, reply.body.len())),
            None => Err(senseless(&reply, "an empty body")),
        }
    }

    pub(crate) async fn pages<T: DeserializeOwned>(&self, path: &str, version: &str) -> Result<Vec<T>> {
        let endless = |what: &str| Error::Unexpected { status: 200, what: what.to_owned() };
        let (mut all, mut bytes, mut seen) = (Vec::new(), 0, HashSet::new());
        let mut next = Some(self.url(path, version)?);
        while let Some(url) = next {
            if seen.len() >= MOST_PAGES || bytes > 4 * MOST_BYTES {
                return Err(endless("a list that does not end"));
            }
            if !seen.insert(url.clone()) {
                return Err(endless("a list whose pages go in a circle"));
            }
            let (page, read): (Page<T>, usize) = self.fetch(url).await?;
            bytes += read;
            all.extend(page.value);
            let link = page.next_link.filter(|link| !link.is_empty());
            next = link.map(|link| self.same_origin("nextLink", &link)).transpose()?;
        }
        Ok(all)
    }

    /// An address the service gave, if it is one of its own.
    pub(crate) fn same_origin(&self, what: &'static str, text: &str) -> Result<Url> {
        let url = self
            .endpoint
            .join(text)
            .map_err(|_| Error::Unexpected { status: 200, what: format!("a {what} that is no address") })?;
        if url.origin() == self.endpoint.origin() {
            return Ok(url);
        }
        Err(Error::Elsewhere { what, host: host(&url), expected: host(&self.endpoint) })
    }

    /// Sends a request and reads the answer, whatever its status.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: Url,
        body: Option<&impl Serialize>,
    ) -> Result<Reply> {
        // Asking twice changes nothing.
        let is_read = method == Method::Get || url.path().ends_with("/queryStatus");
        let whole = async {
            if is_read && self.left.load(Ordering::Relaxed) < FEW_LEFT {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            let mut breaks = 0;
            loop {
                match self.send_once(method, url.clone(), body).await? {
                    Sent::Whole(reply) => return Ok(reply),
                    Sent::Broken(_) if is_read && breaks < MOST_BREAKS => breaks += 1,
                    Sent::Broken(error) => return Err(error),
                }
            }
        };
        let budget = self.budget.saturating_add(Duration::from_mins(2));
        match tokio::time::timeout(budget, whole).await {
            Ok(reply) => reply,
            Err(_) => Err(Error::Transport {
                host: host(&self.endpoint),
                reason: format!("nothing useful within {} s", budget.as_secs()),
            }),
        }
    }

    async fn send_once(&self, method: Method, url: Url, body: Option<&impl Serialize>) -> Result<Sent> {
        let at = host(&url);
        let failed = |error: azure_core::Error| crate::guard::told(&at, &error);
        let mut request = Request::new(url, method);
        request.insert_header("accept", "application/json");
        if let Some(body) = body {
            let text = serde_json::to_vec(body).map_err(|error| Error::Setting(error.to_string()))?;
            request.insert_header("content-type", "application/json");
            request.set_body(text);
        } else if method != Method::Get {
            request.insert_header("content-length", "0");
        }
        let options = PipelineStreamOptions { skip_checks: true, ..PipelineStreamOptions::default() };
        let tries = Arc::new(AtomicU32::new(0));
        let context = Context::new().with_value(Tries(Arc::clone(&tries)));
        let answer = self.pipeline.stream(&context, &mut request, Some(options)).await.map_err(failed)?;
        let (status, headers, mut stream) = answer.deconstruct();
        self.note_left(&headers);
        let header = |name: &'static str| {
            let text = headers.get_optional_str(&HeaderName::from_static(name)).map(str::trim);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let mut reply = Reply {
            status: status.into(),
            async_operation: header("azure-asyncoperation"),
            location: header("location"),
            retry_after: retry_after(&headers),
            request_id: header("x-ms-request-id"),
            body: Vec::new(),
            tries: tries.load(Ordering::Relaxed),
        };
        if (300..400).contains(&reply.status) {
            let url = reply.location.as_deref().unwrap_or_default();
            self.same_origin("a redirect", url)?;
            return Err(senseless(&reply, "a redirect"));
        }
        while let Some(piece) = stream.next().await {
            let piece = match piece {
                Ok(piece) => piece,
                Err(error) => return Ok(Sent::Broken(failed(error))),
            };
            if reply.body.len() + piece.len() > MOST_BYTES {
                return Err(senseless(&reply, "a body of more than 64 MiB"));
            }
            reply.body.extend_from_slice(&piece);
        }
        Ok(Sent::Whole(reply))
    }

    /// `x-ms-ratelimit-remaining-subscription-reads` and its like for tenants and regions: the smallest counts.
    fn note_left(&self, headers: &Headers) {
        let is_it = |name: &str| {
            let name = name.to_ascii_lowercase();
            name.starts_with("x-ms-ratelimit-remaining-") && name.ends_with("-reads")
        };
        let told = headers.iter().filter(|(name, _)| is_it(name.as_str()));
        if let Some(left) = told.filter_map(|(_, value)| value.as_str().trim().parse().ok()).min() {
            self.left.store(left, Ordering::Relaxed);
        }
    }
}

pub(crate) fn typed<T: DeserializeOwned>(body: Value, reply: &Reply) -> Result<T> {
    serde_json::from_value(body)
        .map_err(|error| senseless(reply, &format!("a body of another shape ({error})")))
}

/// `Retry-After` of an answer, as a span from now.
pub(crate) fn retry_after(headers: &Headers) -> Option<Duration> {
    let text = headers.get_optional_str(&HeaderName::from_static("retry-after"))?;
    pause(text, jiff::Timestamp::now().as_second())
}

/// Host and port, which may be told; the rest of an address may be a secret.
pub(crate) fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or("nowhere");
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

/// True for an address of this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// As the official crates make theirs: no redirects, a deadline for connecting and one for silence.
pub(crate) fn transport(certificate: Option<&[u8]>) -> Result<Transport> {
    let wrong = |error: reqwest::Error| Error::Setting(format!("the certificate to trust: {error}"));
    let mut builder = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(20))
        .read_timeout(Duration::from_mins(1))
        .redirect(reqwest::redirect::Policy::none());
    if let Some(pem) = certificate {
        let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(wrong)?;
        // These alone: whoever names a certificate talks to a service of his own.
        builder = builder.tls_certs_only(certificates);
    }
    Ok(Transport::new(Arc::new(builder.build().map_err(wrong)?)))
}

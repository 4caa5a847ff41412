//! A proxy that makes faults.

mod fault;
mod meter;
mod shaped;

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::header::{HeaderName, HeaderValue, RANGE};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::net::TcpStream;

use fault::Tally;
pub use fault::{Fault, Kind, Plan};
use meter::Meter;
use shaped::{BrokenOff, Shaped};
use url::Url;

use crate::blobs;
use crate::host::Host;
use crate::seen::Seen;

/// A proxy on loopback in front of an HTTP server, which stops when it is dropped.
///
/// Requests go on as they came, but for the range of some faults; a signature over the range does not hold then.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    host: Host,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    meter: Arc<Meter>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    plan: Plan,
    tally: Tally,
    passed: Vec<Passing>,
}

#[derive(Debug)]
struct Passing {
    seen: Seen,
    fault: Option<Fault>,
    bytes: Arc<AtomicU64>,
}

/// A request that passed, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The request.
    pub seen: Seen,
    /// What it asked for.
    pub range: Option<Range<u64>>,
    /// What went wrong with its answer.
    pub fault: Option<Fault>,
    /// Bytes of the body that went to the client, or to the buffers on the way to it.
    pub bytes: u64,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Proxy {
    /// Starts one in front of a server.
    ///
    /// # Errors
    ///
    /// If there is no port or no thread.
    pub fn start(upstream: SocketAddr, plan: Plan) -> io::Result<Self> {
        let state = Mutex::new(State { plan, ..State::default() });
        let shared = Arc::new(Shared { upstream, meter: Arc::default(), state });
        let serving = Arc::clone(&shared);
        let host = Host::start(0, move |stream| serve(stream, Arc::clone(&serving)))?;
        Ok(Self { shared, host })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.host.address()
    }

    /// The same URL by way of the proxy.
    pub fn through(&self, url: &str) -> String {
        let Ok(mut parsed) = Url::parse(url) else { return url.to_owned() };
        // Neither fails for a URL of HTTP.
        let _ = parsed.set_ip_host(self.address().ip());
        let _ = parsed.set_port(Some(self.address().port()));
        let text = parsed.to_string();
        if url.ends_with('/') { text } else { text.trim_end_matches('/').to_owned() }
    }

    /// Makes another plan; what was asked before is forgotten by it.
    pub fn plan(&self, plan: Plan) {
        let mut state = self.shared.state();
        (state.plan, state.tally) = (plan, Tally::default());
    }

    /// Bytes of bodies that passed so far.
    pub fn passed_bytes(&self) -> u64 {
        self.shared.meter.bytes()
    }

    /// Waits until so many bytes of bodies have passed; false if they do not in time.
    pub fn wait_for(&self, bytes: u64, longest: Duration) -> bool {
        self.shared.meter.wait_for(bytes, longest)
    }

    /// What passed so far, in the order the requests came.
    pub fn reads(&self) -> Vec<Read> {
        let state = self.shared.state();
        let read = |passing: &Passing| Read {
            range: passing.seen.range(),
            seen: passing.seen.clone(),
            fault: passing.fault.clone(),
            bytes: passing.bytes.load(Ordering::Relaxed),
        };
        state.passed.iter().map(read).collect()
    }
}

type Upstream = tokio::sync::Mutex<Option<SendRequest<Incoming>>>;

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // A second handle, to reset the connection with.
    let Ok((stream, twin)) = twins(stream) else { return };
    let reset: Arc<dyn Fn() + Send + Sync> = Arc::new(move || {
        // If it cannot be reset it is closed.
        let _ = SockRef::from(&twin).set_linger(Some(Duration::ZERO));
    });
    let upstream = Arc::new(Upstream::default());
    let answering = service_fn(move |request| {
        let (shared, upstream, reset) = (Arc::clone(&shared), Arc::clone(&upstream), Arc::clone(&reset));
        answer(request, shared, upstream, reset)
    });
    // A connection that breaks is the point of it all.
    let _ =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answering).await;
}

fn twins(stream: TcpStream) -> io::Result<(TcpStream, std::net::TcpStream)> {
    let stream = stream.into_std()?;
    let twin = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, twin))
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    upstream: Arc<Upstream>,
    reset: Arc<dyn Fn() + Send + Sync>,
) -> Result<Response<Shaped>, BrokenOff> {
    let (mut head, body) = request.into_parts();
    let seen = blobs::seen(&head);
    let count = Arc::<AtomicU64>::default();
    let (fault, bytes_per_second) = {
        let mut state = shared.state();
        let State { plan, tally, passed } = &mut *state;
        let fault = plan.fault(tally, &seen);
        passed.push(Passing { seen: seen.clone(), fault: fault.clone(), bytes: Arc::clone(&count) });
        (fault, plan.bytes_per_second)
    };
    let own = |status: u16, text: String| {
        Response::builder()
            .status(status)
            .header("content-type", "application/xml")
            .body(Shaped::own(text, &shared.meter))
    };
    match &fault {
        Some(Fault::Status(status, retry_after)) => {
            let code = if *status == 500 { "InternalError" } else { "ServerBusy" };
            let text = format!(
                "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>As the test said.</Message></Error>"
            );
            let mut reply = own(*status, text).map_err(|_| BrokenOff)?;
            reply.headers_mut().insert("x-ms-error-code", HeaderValue::from_static(code));
            if let Some(seconds) = retry_after {
                reply.headers_mut().insert("retry-after", HeaderValue::from(*seconds));
            }
            return Ok(reply);
        }
        Some(Fault::Elsewhere(base)) => {
            let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
            let mut reply = own(307, String::new()).map_err(|_| BrokenOff)?;
            let location = HeaderValue::try_from(format!("{base}{target}")).map_err(|_| BrokenOff)?;
            reply.headers_mut().insert("location", location);
            return Ok(reply);
        }
        Some(Fault::Delay(pause)) => tokio::time::sleep(*pause).await,
        Some(fault) => reshape(&mut head.headers, seen.range(), fault),
        None => {}
    }
    let Ok(reply) = ask(&shared, &upstream, Request::from_parts(head, body)).await else {
        return own(502, String::new()).map_err(|_| BrokenOff);
    };
    let (parts, body) = reply.into_parts();
    let body = Shaped::passing(body, fault, bytes_per_second, count, Arc::clone(&shared.meter), reset);
    Ok(Response::from_parts(parts, body))
}

/// Asks for another range than the client did.
fn reshape(headers: &mut hyper::HeaderMap, range: Option<Range<u64>>, fault: &Fault) {
    let Some(range) = range else { return };
    let last = range.end - 1;
    let wrong = match fault {
        Fault::Whole => None,
        Fault::WrongRange(by) => Some((range.start + by, last.saturating_add(*by))),
        Fault::Short(by) => Some((range.start, last.saturating_sub(*by).max(range.start))),
        _ => return,
    };
    headers.remove(RANGE);
    headers.remove(HeaderName::from_static("x-ms-range"));
    // Checksums of a range go only with one.
    headers.remove(HeaderName::from_static("x-ms-range-get-content-md5"));
    headers.remove(HeaderName::from_static("x-ms-range-get-content-crc64"));
    if let Some((first, last)) = wrong
        && let Ok(value) = HeaderValue::try_from(format!("bytes={first}-{last}"))
    {
        headers.insert(RANGE, value);
    }
}

/// Asks the server, on the connection of before if it is still there.
async fn ask(
    shared: &Shared,
    upstream: &Upstream,
    request: Request<Incoming>,
) -> Result<Response<Incoming>, BrokenOff> {
    let mut kept = upstream.lock().await;
    let is_usable = match kept.as_mut() {
        Some(sender) => sender.ready().await.is_ok(),
        None => false,
    };
    if !is_usable {
        let stream = TcpStream::connect(shared.upstream).await.map_err(|_| BrokenOff)?;
        // Small requests go out at once; if this fails they are late.
        let _ = stream.set_nodelay(true);
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|_| BrokenOff)?;
        tokio::spawn(connection);
        *kept = Some(sender);
    }
    let Some(sender) = kept.as_mut() else { return Err(BrokenOff) };
    sender.send_request(request).await.map_err(|_| BrokenOff)
}

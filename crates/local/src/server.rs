//! The service behind a socket. HTTP and HTTPS share one port: the first byte of a connection tells which it is.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{self, JoinSet};
use tokio::time;
use tokio_rustls::TlsAcceptor;

use crate::certificate;
use crate::service::{Reply, Request, Service, ServiceError};

/// Longest body of a request, in bytes (chosen: a hundred times the longest that makes sense).
const BODY_BYTES: usize = 1 << 20;
/// Longest head of a request, in bytes (chosen: ten times the signed URLs that were seen, and their headers).
const HEAD_BYTES: usize = 64 << 10;
/// Connections at once (chosen; more wait).
const CONNECTIONS: usize = 256;
/// Time a client has for a head, a handshake or a body (chosen).
const PATIENCE: Duration = Duration::from_secs(30);
/// Files stored at once (chosen: an account that does not answer must not hold up the others).
const WORKERS: usize = 8;
/// Time between two looks at the sessions (chosen: well below the second that clients pause).
const TICK: Duration = Duration::from_millis(100);
/// Time that connections and sessions have to end once the server shall (chosen: a large file is stored in less).
const FAREWELL: Duration = Duration::from_secs(10);

/// A server that listens.
pub struct Server {
    address: SocketAddr,
    certificate: PathBuf,
    listener: TcpListener,
    tls: TlsAcceptor,
    service: Arc<Service>,
}

impl Server {
    /// Listens. The certificate is kept in the folder `tls` of the data folder and made where there is none. Port 0 takes
    /// one that is free.
    ///
    /// # Errors
    ///
    /// If other machines could reach it and the service has no token; if the address is not to be had; if there is no
    /// certificate.
    pub async fn bind(address: SocketAddr, data: &Path, service: Service) -> Result<Self, ServiceError> {
        if !address.ip().is_loopback() && !service.has_token() {
            return Err(ServiceError::NoToken { address });
        }
        let folder = data.join("tls");
        let tls = TlsAcceptor::from(Arc::new(certificate::load_or_make(&folder)?));
        let refused = |source| ServiceError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let certificate = folder.join(certificate::CERTIFICATE);
        Ok(Self { address, certificate, listener, tls, service: Arc::new(service) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate clients have to trust.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// Serves until `shutdown` is ready. Then answers what was asked, ends the sessions and stores their files.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, tls, service, .. } = self;
        let (tell, told) = watch::channel(());
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        let mut ticks = time::interval(TICK);
        ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        let mut tick = None;
        let mut workers = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                _ = ticks.tick() => {
                    if tick.as_ref().is_none_or(task::JoinHandle::is_finished) {
                        let service = Arc::clone(&service);
                        tick = Some(task::spawn_blocking(move || service.tick()));
                    }
                    put_to_work(&service, &mut workers);
                    while connections.try_join_next().is_some() {}
                }
                Ok((stream, _)) = listener.accept(), if room.available_permits() > 0 => {
                    let Ok(permit) = Arc::clone(&room).try_acquire_owned() else { continue };
                    let (service, tls, told) = (Arc::clone(&service), tls.clone(), told.clone());
                    connections.spawn(async move {
                        connection(stream, tls, service, told).await;
                        drop(permit);
                    });
                }
            }
        }
        drop(listener);
        // Connections that have gone already hear nothing, which is right.
        let _ = tell.send(());
        let all_gone = async { while connections.join_next().await.is_some() {} };
        // What is not answered by then is broken off with the set.
        let _ = time::timeout(FAREWELL, all_gone).await;
        connections.shutdown().await;
        service.stop_all();
        let stored = async {
            while service.is_busy() {
                let ticking = Arc::clone(&service);
                // A panic in there leaves the session to the next start.
                let _ = task::spawn_blocking(move || ticking.tick()).await;
                put_to_work(&service, &mut workers);
                time::sleep(TICK / 10).await;
            }
        };
        // What is not stored by then is stored at the next start.
        let _ = time::timeout(FAREWELL, stored).await;
    }
}

/// Has due files stored, each by a thread of its own.
fn put_to_work(service: &Arc<Service>, workers: &mut JoinSet<()>) {
    while workers.try_join_next().is_some() {}
    if workers.len() < WORKERS && service.has_work() {
        let service = Arc::clone(service);
        workers.spawn_blocking(move || while service.work() {});
    }
}

async fn connection(stream: TcpStream, tls: TlsAcceptor, service: Arc<Service>, told: watch::Receiver<()>) {
    // Small answers go out at once; if this fails they are late.
    let _ = stream.set_nodelay(true);
    let mut first = [0u8];
    let Ok(Ok(1)) = time::timeout(PATIENCE, stream.peek(&mut first)).await else { return };
    // Type of a record that holds a handshake (RFC 8446, 5.1); no HTTP request begins so.
    if first[0] == 22 {
        if let Ok(Ok(stream)) = time::timeout(PATIENCE, tls.accept(stream)).await {
            serve(stream, "https", service, told).await;
        }
    } else {
        serve(stream, "http", service, told).await;
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    scheme: &'static str,
    service: Arc<Service>,
    mut told: watch::Receiver<()>,
) {
    let answering = service_fn(move |request| answer(request, scheme, Arc::clone(&service)));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(HEAD_BYTES).half_close(true);
    let connection = http.serve_connection(TokioIo::new(stream), answering);
    tokio::pin!(connection);
    // A connection that breaks is the client's affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = told.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// A connection that is broken off on purpose.
#[derive(Debug, thiserror::Error)]
#[error("broken off on purpose")]
struct BrokenOff;

async fn answer(
    request: hyper::Request<Incoming>,
    scheme: &'static str,
    service: Arc<Service>,
) -> Result<hyper::Response<Full<Bytes>>, BrokenOff> {
    let (head, body) = request.into_parts();
    let body = match time::timeout(PATIENCE, Limited::new(body, BODY_BYTES).collect()).await {
        Ok(Ok(body)) => body.to_bytes().to_vec(),
        Ok(Err(_)) => {
            let message = format!("The body is longer than {BODY_BYTES} bytes, or broke off.");
            return Ok(response(
                Reply::error(413, "RequestBodyTooLarge", &message).with("connection", "close"),
            ));
        }
        Err(_) => return Err(BrokenOff),
    };
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut headers: Vec<(String, String)> =
        head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    if let Some(authority) = head.uri.authority() {
        headers.insert(0, ("host".into(), authority.as_str().to_owned()));
    }
    let request = Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers,
        body,
        scheme,
    };
    // It may open sockets and write files.
    let reply = task::spawn_blocking(move || service.handle(&request)).await;
    let reply = reply.unwrap_or_else(|_| Reply::error(500, "InternalServerError", "An error occurred."));
    time::sleep(reply.mishap.delay).await;
    if reply.mishap.reset {
        return Err(BrokenOff);
    }
    Ok(response(reply))
}

fn response(reply: Reply) -> hyper::Response<Full<Bytes>> {
    let mut out = hyper::Response::new(Full::new(Bytes::from(reply.body)));
    *out.status_mut() =
        hyper::StatusCode::from_u16(reply.status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        // A value that cannot stand in a header is left out.
        if let Ok(value) = HeaderValue::from_str(&value) {
            out.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    out
}

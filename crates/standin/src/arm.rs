//! A Resource Manager that knows some answers by heart.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::blobs;
use crate::host::Host;
use crate::seen::Seen;

/// A Resource Manager on loopback that answers `GET` with texts of JSON by their paths, and everything else with 404. It
/// stops when it is dropped.
#[derive(Debug)]
pub struct Arm {
    shared: Arc<Shared>,
    host: Host,
}

#[derive(Debug)]
struct Shared {
    /// By path in lower case.
    answers: BTreeMap<String, Bytes>,
    seen: Mutex<Vec<Seen>>,
}

impl Arm {
    /// Starts one with these answers: paths, and what they are answered with.
    ///
    /// # Errors
    ///
    /// If there is no port or no thread.
    pub fn start(answers: impl IntoIterator<Item = (String, String)>) -> io::Result<Self> {
        let answers =
            answers.into_iter().map(|(path, text)| (path.to_lowercase(), Bytes::from(text))).collect();
        let shared = Arc::new(Shared { answers, seen: Mutex::default() });
        let serving = Arc::clone(&shared);
        let host = Host::start(0, move |stream| serve(stream, Arc::clone(&serving)))?;
        Ok(Self { shared, host })
    }

    /// URL without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.host.address())
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let answering = service_fn(move |request: hyper::Request<_>| {
        let shared = Arc::clone(&shared);
        async move {
            let (head, _) = request.into_parts();
            Ok::<_, Infallible>(shared.answer(blobs::seen(&head)))
        }
    });
    // A connection that breaks is the client's affair.
    let _ =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answering).await;
}

impl Shared {
    fn answer(&self, seen: Seen) -> hyper::Response<Full<Bytes>> {
        let found = self.answers.get(&seen.path.to_lowercase()).filter(|_| seen.method == "GET").cloned();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        let missing =
            Bytes::from_static(b"{\"error\":{\"code\":\"ResourceNotFound\",\"message\":\"Not there.\"}}");
        let status = if found.is_some() { 200 } else { 404 };
        let response = hyper::Response::builder().status(status).header("content-type", "application/json");
        // Status and header are right by themselves.
        response.body(Full::new(found.unwrap_or(missing))).unwrap_or_default()
    }
}

//! A connection that much comes over: read in large pieces, with TLS as well.
//!
//! A TLS connection as it is usually made asks the system for 4 KiB at a time and hands on a record of 16 KiB at a time;
//! most of the time would be spent between the pieces.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tower_service::Service;

/// How long a connection may take to be made (chosen).
pub(super) const CONNECT: Duration = Duration::from_secs(20);
/// How long a connection is silent before it is asked whether it is still there, and then between two times.
const PROBE: Duration = Duration::from_secs(15);
/// How often it is asked before it is given up.
const PROBES: u32 = 3;
/// How long what was sent may stay without an acknowledgement.
const UNHEARD: Duration = Duration::from_secs(30);
/// Encrypted bytes read at once (measured: smaller ones cost system calls, larger ones leave the cache).
const READ_BYTES: usize = 128 << 10;

/// Makes connections.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector,
    tls: TlsConnector,
}

impl Connector {
    pub(super) fn new(tls: ClientConfig) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.set_keepalive(Some(PROBE));
        tcp.set_keepalive_interval(Some(PROBE));
        tcp.set_keepalive_retries(Some(PROBES));
        #[cfg(target_os = "linux")]
        tcp.set_tcp_user_timeout(Some(UNHEARD));
        Self { tcp, tls: TlsConnector::from(Arc::new(tls)) }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Wire>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<TokioIo<Wire>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp.poll_ready(context).map_err(io::Error::other)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let tcp = self.tcp.call(to.clone());
        let tls = self.tls.clone();
        let connecting = async move {
            let tcp = tcp.await.map_err(io::Error::other)?.into_inner();
            if to.scheme_str() != Some("https") {
                return Ok(Wire::new(tcp));
            }
            let host = to.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
            let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
            Ok(Wire::new(tls.connect(name, BufReader::with_capacity(READ_BYTES, tcp)).await?))
        };
        Box::pin(async move {
            match tokio::time::timeout(CONNECT, connecting).await {
                Ok(connected) => connected.map(TokioIo::new),
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            }
        })
    }
}

/// What is read from and written to.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection. A read yields all that is there.
pub(super) struct Wire {
    inner: Box<dyn Duplex>,
    /// What went wrong after the bytes that were handed on last.
    failure: Option<io::Error>,
}

impl Wire {
    fn new(inner: impl Duplex + 'static) -> Self {
        Self { inner: Box::new(inner), failure: None }
    }
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(failure) = self.failure.take() {
            return Poll::Ready(Err(failure));
        }
        let begin = buffer.filled().len();
        while buffer.remaining() > 0 {
            let before = buffer.filled().len();
            match Pin::new(&mut *self.inner).poll_read(context, buffer) {
                Poll::Ready(Ok(())) if buffer.filled().len() > before => {}
                Poll::Ready(Err(failure)) if before > begin => {
                    self.failure = Some(failure);
                    break;
                }
                Poll::Pending if before > begin => break,
                other => return other,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use tokio::io::AsyncReadExt;

    use super::*;

    /// What reads yield, one after the other; then nothing comes.
    struct Script(VecDeque<io::Result<&'static [u8]>>);

    impl AsyncRead for Script {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            match self.0.pop_front() {
                Some(Ok(bytes)) => {
                    buffer.put_slice(bytes);
                    Poll::Ready(Ok(()))
                }
                Some(Err(failure)) => Poll::Ready(Err(failure)),
                None => Poll::Pending,
            }
        }
    }

    impl AsyncWrite for Script {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn a_read_yields_all_that_is_there_and_an_error_waits_for_its_turn() {
        let reset = || Err(io::ErrorKind::ConnectionReset.into());
        let mut wire = Wire::new(Script(VecDeque::from([Ok(&b"one "[..]), Ok(b"two"), reset()])));
        let mut buffer = [0; 16];
        assert_eq!(wire.read(&mut buffer).await.unwrap(), 7);
        assert_eq!(&buffer[..7], b"one two");
        assert_eq!(wire.read(&mut buffer).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        let mut wire = Wire::new(Script(VecDeque::from([Ok(&b"end"[..]), Ok(b""), Ok(b"")])));
        assert_eq!(wire.read(&mut buffer).await.unwrap(), 3);
        assert_eq!(wire.read(&mut buffer).await.unwrap(), 0);
    }
}

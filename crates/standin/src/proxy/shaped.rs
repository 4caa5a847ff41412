//! A body on its way.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Sleep;

use super::fault::Fault;
use super::meter::Meter;

/// Bytes that pass at once (chosen: small beside the parts of a test's download).
const PIECE: usize = 16 << 10;

/// The body breaks off.
#[derive(Debug)]
pub(super) struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken off on purpose")
    }
}

impl std::error::Error for BrokenOff {}

/// A body that a fault happens to.
pub(super) struct Shaped {
    /// Where it comes from; `None`: it is all in `rest`.
    from: Option<Incoming>,
    rest: Bytes,
    at: u64,
    fault: Option<Fault>,
    bytes_per_second: Option<u64>,
    pause: Option<Pin<Box<Sleep>>>,
    /// Where its bytes are counted.
    count: Arc<AtomicU64>,
    meter: Arc<Meter>,
    /// Called when the connection shall be reset.
    reset: Arc<dyn Fn() + Send + Sync>,
}

impl Shaped {
    /// A short body that is no payload.
    pub(super) fn own(text: impl Into<Bytes>, meter: &Arc<Meter>) -> Self {
        Self {
            from: None,
            rest: text.into(),
            at: 0,
            fault: None,
            bytes_per_second: None,
            pause: None,
            count: Arc::default(),
            meter: Arc::clone(meter),
            reset: Arc::new(|| ()),
        }
    }

    pub(super) fn passing(
        from: Incoming,
        fault: Option<Fault>,
        bytes_per_second: Option<u64>,
        count: Arc<AtomicU64>,
        meter: Arc<Meter>,
        reset: Arc<dyn Fn() + Send + Sync>,
    ) -> Self {
        Self {
            from: Some(from),
            rest: Bytes::new(),
            at: 0,
            fault,
            bytes_per_second,
            pause: None,
            count,
            meter,
            reset,
        }
    }

    /// Bytes until the fault happens; `None` if none is due by its place.
    fn until_fault(&self) -> Option<u64> {
        match self.fault {
            Some(Fault::Cut(at) | Fault::Reset(at) | Fault::Stall(at)) => Some(at.saturating_sub(self.at)),
            _ => None,
        }
    }

    fn passed(&mut self, mut piece: Bytes) -> Bytes {
        if let Some(Fault::Corrupt(place)) = self.fault
            && (self.at..self.at + piece.len() as u64).contains(&place)
        {
            let mut changed = BytesMut::from(&piece[..]);
            changed[(place - self.at) as usize] ^= 0x20;
            piece = changed.freeze();
        }
        let bytes = piece.len() as u64;
        self.at += bytes;
        if self.from.is_some() {
            self.count.fetch_add(bytes, Ordering::Relaxed);
            self.meter.add(bytes);
        }
        if let Some(rate) = self.bytes_per_second {
            let pause = Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64);
            self.pause = Some(Box::pin(tokio::time::sleep(pause)));
        }
        piece
    }
}

impl Body for Shaped {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = self.get_mut();
        if let Some(pause) = &mut this.pause {
            ready!(pause.as_mut().poll(context));
            this.pause = None;
        }
        let until = this.until_fault();
        if until == Some(0) {
            return match this.fault {
                Some(Fault::Stall(_)) => Poll::Pending,
                Some(Fault::Reset(_)) => {
                    (this.reset)();
                    Poll::Ready(Some(Err(BrokenOff)))
                }
                _ => Poll::Ready(Some(Err(BrokenOff))),
            };
        }
        while this.rest.is_empty() {
            let Some(from) = &mut this.from else { return Poll::Ready(None) };
            match ready!(Pin::new(from).poll_frame(context)) {
                None => return Poll::Ready(None),
                Some(Err(_)) => return Poll::Ready(Some(Err(BrokenOff))),
                Some(Ok(frame)) => this.rest = frame.into_data().unwrap_or_default(),
            }
        }
        let most = until.map_or(PIECE, |until| PIECE.min(usize::try_from(until).unwrap_or(PIECE)));
        let piece = this.rest.split_to(most.min(this.rest.len()));
        Poll::Ready(Some(Ok(Frame::data(this.passed(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.from.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.from {
            None => SizeHint::with_exact(self.rest.len() as u64),
            Some(from) => match from.size_hint().exact() {
                Some(bytes) => SizeHint::with_exact(bytes + self.rest.len() as u64),
                None => SizeHint::default(),
            },
        }
    }
}

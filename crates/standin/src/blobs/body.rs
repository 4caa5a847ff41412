//! Bodies of answers.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::content::{Content, PIECE};

/// A body: some bytes, and a range of a content after them.
#[derive(Clone, Debug, Default)]
pub(super) struct Payload {
    head: Bytes,
    content: Content,
    at: u64,
    end: u64,
    /// Where bytes that were sent are counted.
    pub(super) sent: Arc<AtomicU64>,
}

impl Payload {
    /// A range of a content.
    pub(super) fn range(content: Content, range: std::ops::Range<u64>) -> Self {
        Self { content, at: range.start, end: range.end, ..Self::default() }
    }

    /// Bytes, and a content after them.
    pub(super) fn after(head: impl Into<Bytes>, content: Content) -> Self {
        Self { head: head.into(), end: content.size(), content, ..Self::default() }
    }

    /// Bytes in all.
    pub(super) fn size(&self) -> u64 {
        self.head.len() as u64 + self.end - self.at
    }
}

impl<T: Into<Bytes>> From<T> for Payload {
    fn from(head: T) -> Self {
        Self { head: head.into(), ..Self::default() }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = if self.head.is_empty() {
            let piece = self.content.range(self.at..self.end.min(self.at + PIECE));
            self.at += piece.len() as u64;
            piece
        } else {
            std::mem::take(&mut self.head)
        };
        if piece.is_empty() {
            return Poll::Ready(None);
        }
        self.sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.size() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.size())
    }
}

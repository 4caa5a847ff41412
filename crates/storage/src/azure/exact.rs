//! The content of a range: exactly it.

use std::pin::Pin;
use std::task::{Context, Poll};

use azure_core::http::AsyncResponseBody;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use super::failure::told;
use crate::error::{Error, Result};

/// Yields the bytes of a range as they come; the last item is an error unless all of them and no more came.
pub(super) struct Exact {
    body: AsyncResponseBody,
    left: u64,
    what: String,
    host: String,
    is_over: bool,
}

impl Exact {
    pub(super) fn new(body: AsyncResponseBody, bytes: u64, what: String, host: String) -> Self {
        Self { body, left: bytes, what, host, is_over: false }
    }
}

impl Stream for Exact {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let Poll::Ready(piece) = self.body.poll_next_unpin(context) else { return Poll::Pending };
        let error = match piece {
            Some(Ok(piece)) => match self.left.checked_sub(piece.len() as u64) {
                Some(left) => {
                    self.left = left;
                    return Poll::Ready(Some(Ok(piece)));
                }
                None => Error::Unexpected {
                    what: self.what.clone(),
                    why: "more bytes than were asked for".into(),
                },
            },
            Some(Err(error)) => told(&self.what, &self.host, &error),
            None if self.left > 0 => {
                let reason = format!("it broke off {} bytes before the end of the range", self.left);
                Error::Transport { host: self.host.clone(), reason }
            }
            None => {
                self.is_over = true;
                return Poll::Ready(None);
            }
        };
        self.is_over = true;
        Poll::Ready(Some(Err(error)))
    }
}

//! One blob, read in order while its bytes arrive.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::Job;
use super::engine::Engine;
use super::event::{Event, Outcome};
use super::limits::Limits;
use super::line::{Line, Source};
use super::stop::Stop;
use super::tap::Tap;
use crate::blob::Blob;
use crate::error::{Error, Result};
use crate::store::Store;

/// Bytes asked for at once (chosen: a quarter of what a file is fetched with, so that more connections fit the window).
const RANGE_BYTES: u64 = 2 << 20;
/// Bytes held in memory at most: asked for and not yet read (chosen: six ranges).
const WINDOW_BYTES: u64 = 12 << 20;

/// Who is told what happens.
pub type Observer = Arc<dyn Fn(Event) + Send + Sync>;

/// The content of a blob, in order. Dropping it ends what fetches it.
///
/// It waits for bytes without any runtime of its own: read it from a thread that none of the runtime's tasks runs on.
pub struct Reader {
    size: u64,
    at: u64,
    from: From,
}

enum From {
    Memory(Ahead),
    File(Kept),
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("size", &self.size).field("at", &self.at).finish_non_exhaustive()
    }
}

/// Reads a blob without keeping it. Bytes are asked for ahead, 12 MiB at most; what fails is tried again as when a file
/// is fetched. Of the limits, those of connections, rate and retries apply. MD5 is not looked at.
pub fn stream(
    store: Arc<dyn Store>,
    blob: Blob,
    limits: Limits,
    observer: Observer,
    runtime: &Handle,
) -> Reader {
    let size = blob.size;
    let (sender, chunks) = channel();
    let (consumed, read) = watch::channel(0);
    let source = Source { store, blob };
    let task = runtime.spawn(async move { ahead(&source, &limits, &*observer, &sender, read).await });
    let ahead =
        Ahead { chunks, waiting: BTreeMap::new(), consumed, failure: None, task: task.abort_handle() };
    Reader { size, at: 0, from: From::Memory(ahead) }
}

/// Reads a blob while it is fetched to a file, as [`fetch`](super::fetch) does it. The end is told when the file is
/// verified and has its name. A blob that changes after something of it was read is an error.
pub fn stream_and_keep(job: Job, limits: Limits, observer: Observer, runtime: &Handle) -> Reader {
    let size = job.blob.size;
    let tap = Arc::new(Tap::default());
    let stop = Stop::new();
    let ends = Ends(Arc::clone(&tap));
    let (of_task, is_stopped) = (Arc::clone(&tap), stop.clone());
    runtime.spawn(async move {
        let observe = |event| observer(event);
        let line = Line::new(&limits, &observe);
        let outcomes = Engine::new(vec![job], &line, &is_stopped, Some(&of_task)).run().await;
        if let Some(outcome) = outcomes.into_iter().next() {
            of_task.end(outcome);
        }
        drop(ends);
    });
    Reader { size, at: 0, from: From::File(Kept { tap, stop, file: None }) }
}

/// Ends the flow if the task is dropped with its runtime.
struct Ends(Arc<Tap>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.end_if_open();
    }
}

impl Reader {
    /// Length of the blob.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Waits until the file is there even if not all of it was read, and tells how that ended; nothing where the blob
    /// is not kept.
    pub fn finish(mut self) -> Option<Outcome> {
        match &mut self.from {
            From::Memory(_) => None,
            From::File(kept) => kept.tap.wait(|flow| flow.outcome.is_some(), |flow| flow.outcome.take()),
        }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = match &mut self.from {
            From::Memory(_) if self.at >= self.size => 0,
            From::Memory(ahead) => ahead.read(self.at, buffer)?,
            From::File(kept) => kept.read(self.at, buffer)?,
        };
        self.at += read as u64;
        Ok(read)
    }
}

/// Bytes that came before they were wanted.
struct Ahead {
    chunks: Receiver<Result<(u64, Bytes)>>,
    waiting: BTreeMap<u64, Bytes>,
    consumed: watch::Sender<u64>,
    failure: Option<io::Error>,
    task: AbortHandle,
}

impl Ahead {
    fn read(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(mut chunk) = self.waiting.remove(&at) {
                let length = chunk.len().min(buffer.len());
                chunk.copy_to_slice(&mut buffer[..length]);
                let end = at + length as u64;
                if !chunk.is_empty() {
                    self.waiting.insert(end, chunk);
                }
                self.consumed.send_replace(end);
                return Ok(length);
            }
            // What came before the place of an error is handed on first.
            if let Some(failure) = &self.failure {
                return Err(io::Error::new(failure.kind(), failure.to_string()));
            }
            match self.chunks.recv() {
                Ok(Ok((at, chunk))) => {
                    self.waiting.insert(at, chunk);
                }
                Ok(Err(error)) => self.failure = Some(io::Error::other(error)),
                Err(_) => self.failure = Some(io::Error::other("the download was cancelled")),
            }
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Fetches ranges ahead of the reader.
async fn ahead(
    source: &Source,
    limits: &Limits,
    observer: &(dyn Fn(Event) + Send + Sync),
    chunks: &Sender<Result<(u64, Bytes)>>,
    mut read: watch::Receiver<u64>,
) {
    let observe = |event| observer(event);
    let line = Line::new(limits, &observe);
    let size = source.blob.size;
    line.tell(Event::Started { file: 0, bytes: size });
    let most = usize::from(limits.connections.unwrap_or(u16::MAX)).max(1);
    let mut ranges = FuturesUnordered::new();
    let mut next = 0;
    let mut failed: Option<(u64, Error)> = None;
    loop {
        while next < size && failed.is_none() && ranges.len() < most {
            let end = size.min(next + RANGE_BYTES);
            if end > (*read.borrow_and_update()).saturating_add(WINDOW_BYTES) {
                break;
            }
            let (line, range) = (&line, next..end);
            ranges.push(async move {
                let start = range.start;
                // Nobody reads any more if it cannot be sent; this task is ended then.
                let mut sink = |at, bytes| {
                    let _ = chunks.send(Ok((at, bytes)));
                    Ok(())
                };
                (start, line.receive(0, source, range, &mut sink).await)
            });
            next = end;
        }
        if ranges.is_empty() && (next >= size || failed.is_some()) {
            break;
        }
        tokio::select! {
            Some((start, received)) = ranges.next() => {
                if let Err(error) = received
                    && failed.as_ref().is_none_or(|(at, _)| start < *at)
                {
                    failed = Some((start, error));
                }
            }
            changed = read.changed() => if changed.is_err() { return },
        }
    }
    match failed {
        Some((_, error)) => {
            line.tell(Event::Failed { file: 0, why: error.to_string() });
            let _ = chunks.send(Err(error));
        }
        None => line.tell(Event::Done { file: 0 }),
    }
}

/// A file that grows.
struct Kept {
    tap: Arc<Tap>,
    stop: Stop,
    file: Option<Arc<File>>,
}

impl Kept {
    fn read(&mut self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let (there, file, failure) = self.tap.wait(
            |flow| flow.there > at || flow.outcome.is_some(),
            |flow| {
                let failure = match &flow.outcome {
                    Some(Outcome::Failed { error, .. }) => Some(error.to_string()),
                    Some(Outcome::Stopped { .. }) => Some("the download was cancelled".to_owned()),
                    _ => None,
                };
                (flow.there, flow.file.clone(), failure)
            },
        );
        if self.file.is_none() {
            self.file = file;
        }
        match (&self.file, failure) {
            (Some(file), _) if there > at => {
                let wanted = usize::try_from(there - at).map_or(buffer.len(), |left| left.min(buffer.len()));
                match file.read_at(&mut buffer[..wanted], at)? {
                    0 => Err(io::ErrorKind::UnexpectedEof.into()),
                    read => Ok(read),
                }
            }
            (_, Some(failure)) => Err(io::Error::other(failure)),
            (_, None) => Ok(0),
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

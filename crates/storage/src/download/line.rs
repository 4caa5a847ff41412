//! One range of one blob, however often the answer breaks off.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::event::Event;
use super::limits::Limits;
use super::patience::{Patience, jitter};
use super::ramp::{Progress, Ramp, Trouble};
use super::rate::Rate;
use crate::blob::Blob;
use crate::error::{Error, Result};
use crate::store::Store;

/// How much longer than `stall` an answer may take to begin: the store waits and tries again by itself.
const ANSWER_STALLS: u32 = 3;

/// A version of a blob, and who has it.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) store: Arc<dyn Store>,
    pub(super) blob: Blob,
}

impl Source {
    /// URL without secrets.
    pub(super) fn url(&self) -> String {
        self.store.url(&self.blob.name)
    }
}

/// What all ranges of a download share.
pub(super) struct Line<'a> {
    limits: &'a Limits,
    observer: &'a (dyn Fn(Event) + Sync),
    rate: Rate,
    bytes: AtomicU64,
    requests: AtomicU64,
    ramp: Mutex<Ramp>,
    /// Until when an account asked to be left alone.
    quiet: Mutex<BTreeMap<String, Instant>>,
}

impl<'a> Line<'a> {
    pub(super) fn new(limits: &'a Limits, observer: &'a (dyn Fn(Event) + Sync)) -> Self {
        let now = Instant::now();
        Self {
            limits,
            observer,
            rate: Rate::new(limits.bytes_per_second, now),
            bytes: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            ramp: Mutex::new(Ramp::new(limits.connections, now)),
            quiet: Mutex::default(),
        }
    }

    pub(super) fn limits(&self) -> &'a Limits {
        self.limits
    }

    /// Tells what happened.
    pub(super) fn tell(&self, event: Event) {
        (self.observer)(event);
    }

    /// Connections to be used at once; `is_used` if those so far were all in use.
    pub(super) fn connections(&self, is_used: bool) -> u16 {
        let progress = Progress {
            bytes: self.bytes.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
        };
        self.steer(|ramp| ramp.look(Instant::now(), progress, is_used))
    }

    /// Connections there may be at most.
    pub(super) fn most(&self) -> u16 {
        self.ramp.lock().unwrap_or_else(PoisonError::into_inner).most()
    }

    /// Changes the number of connections, and tells it if it is another one now.
    fn steer(&self, change: impl FnOnce(&mut Ramp)) -> u16 {
        let (before, level) = {
            let mut ramp = self.ramp.lock().unwrap_or_else(PoisonError::into_inner);
            let before = ramp.level();
            change(&mut ramp);
            (before, ramp.level())
        };
        if level != before {
            self.tell(Event::Connections(level));
        }
        level
    }

    /// Asks for a range until all of it came, and hands on its bytes in order with their place.
    pub(super) async fn receive(
        &self,
        file: usize,
        source: &Source,
        range: Range<u64>,
        sink: &mut (dyn FnMut(u64, Bytes) -> Result<()> + Send),
    ) -> Result<()> {
        let mut patience = Patience::new(self.limits.retry_for, Instant::now());
        let mut at = range.start;
        while at < range.end {
            self.wait_for_quiet(source).await;
            let before = at;
            let ended = self.once(file, source, &mut at, range.end, sink).await;
            if at > before {
                patience.progressed(Instant::now());
            }
            match ended {
                Ok(()) => drop(self.requests.fetch_add(1, Ordering::Relaxed)),
                // All of it came; what went wrong afterwards is no matter of this range.
                Err(_) if at == range.end => {}
                Err(error) => self.pause(file, source, &mut patience, error).await?,
            }
        }
        Ok(())
    }

    /// What is known of the blob now.
    pub(super) async fn head(&self, file: usize, source: &Source) -> Result<Blob> {
        let mut patience = Patience::new(self.limits.retry_for, Instant::now());
        loop {
            self.wait_for_quiet(source).await;
            let asked = source.store.head(&source.blob.name);
            match timeout(self.limits.stall * ANSWER_STALLS, asked)
                .await
                .unwrap_or_else(|_| Err(self.stalled(source)))
            {
                Ok(blob) => return Ok(blob),
                Err(error) => self.pause(file, source, &mut patience, error).await?,
            }
        }
    }

    async fn once(
        &self,
        file: usize,
        source: &Source,
        at: &mut u64,
        end: u64,
        sink: &mut (dyn FnMut(u64, Bytes) -> Result<()> + Send),
    ) -> Result<()> {
        let stall = self.limits.stall;
        let asked = source.store.read(&source.blob.name, *at..end, &source.blob.etag);
        let mut body = timeout(stall * ANSWER_STALLS, asked).await.map_err(|_| self.stalled(source))??;
        let mut deadline = Instant::now() + stall;
        // The end is waited for as well, so that the connection can be used again.
        while let Some(chunk) = timeout_at(deadline, body.next()).await.map_err(|_| self.stalled(source))? {
            let chunk = chunk?;
            let length = chunk.len() as u64;
            if length > end - *at {
                return Err(unexpected(source, "more bytes than were asked for"));
            }
            // Nothing is no progress.
            if length > 0 {
                sink(*at, chunk)?;
                *at += length;
                self.bytes.fetch_add(length, Ordering::Relaxed);
                self.tell(Event::Bytes { file, bytes: length });
                self.rate.take(length).await;
                deadline = Instant::now() + stall;
            }
            tokio::task::consume_budget().await;
        }
        if *at < end { Err(unexpected(source, "fewer bytes than were asked for")) } else { Ok(()) }
    }

    fn stalled(&self, source: &Source) -> Error {
        let reason = format!("no byte for {} s", self.limits.stall.as_secs_f64());
        Error::Transport { host: source.store.account().to_owned(), reason }
    }

    /// Waits after an error, or gives it back if there is no sense in trying again.
    async fn pause(&self, file: usize, source: &Source, patience: &mut Patience, error: Error) -> Result<()> {
        let now = Instant::now();
        let trouble = match &error {
            Error::Busy { .. } => Some(Trouble::Busy),
            Error::Transport { .. } => Some(Trouble::Broken),
            _ => None,
        };
        if let Some(trouble) = trouble {
            self.steer(|ramp| ramp.trouble(trouble, now));
        }
        let Some(pause) = patience.after(&error, now, jitter()) else { return Err(error) };
        if let Error::Busy { retry_after: Some(_), .. } = error {
            let mut quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
            let until = quiet.entry(source.store.account().to_owned()).or_insert(now);
            *until = (*until).max(now + pause);
        }
        self.tell(Event::Retried { file, why: error.to_string(), pause });
        sleep_until(now + pause).await;
        Ok(())
    }

    /// Waits until the account may be asked again.
    async fn wait_for_quiet(&self, source: &Source) {
        loop {
            let until = {
                let quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
                quiet.get(source.store.account()).copied()
            };
            match until {
                Some(until) if until > Instant::now() => sleep_until(until).await,
                _ => return,
            }
        }
    }
}

fn unexpected(source: &Source, why: &str) -> Error {
    Error::Unexpected { what: source.url(), why: why.to_owned() }
}

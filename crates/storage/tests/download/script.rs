//! A store with the faults that a test names.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use capkeep_storage::download::{Event, Job, Limits, Outcome, Stop, fetch};
use capkeep_storage::{
    Blob, BlobName, ByteStream, Container, Error, Etag, Page, Protection, Query, Result, Store, Tier, Upload,
};
use futures_util::{Stream, StreamExt, stream};
use md5::{Digest, Md5};

/// What a request meets.
#[derive(Clone, Debug, Default)]
pub(crate) enum Fault {
    /// Nothing.
    #[default]
    None,
    /// The answer breaks off after so many bytes.
    Cut(u64),
    /// It ends after so many bytes as if that were all.
    Short(u64),
    /// It goes on beyond what was asked for.
    Long,
    /// It is for another range.
    Wrong,
    /// There is none but 503.
    Busy(Option<Duration>),
    /// It stops after so many bytes, and the connection stays.
    Stall(u64),
    /// It never begins.
    Silence,
    /// One bit is wrong.
    Flip,
    /// 403.
    Denied,
}

type Choice = Box<dyn FnMut(&Range<u64>) -> Fault + Send>;

/// The store.
pub(crate) struct Script {
    state: Mutex<State>,
}

struct State {
    blobs: BTreeMap<String, (Blob, Bytes)>,
    choose: Choice,
    asked: Vec<Range<u64>>,
    asking: usize,
    most_at_once: usize,
    served: u64,
    chunk: usize,
    latency: Duration,
    /// Time a chunk takes on its connection.
    per_chunk: Duration,
    versions: u64,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Script")
    }
}

impl Script {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                blobs: BTreeMap::new(),
                choose: Box::new(|_| Fault::None),
                asked: Vec::new(),
                asking: 0,
                most_at_once: 0,
                served: 0,
                chunk: 64 << 10,
                latency: Duration::ZERO,
                per_chunk: Duration::ZERO,
                versions: 0,
            }),
        })
    }

    /// Puts a blob there, or another version of it.
    pub(crate) fn put(&self, name: &str, content: Bytes, has_md5: bool) -> Blob {
        let mut state = self.state.lock().unwrap();
        state.versions += 1;
        let etag = Etag::from(format!("0x{:X}", state.versions));
        let modified = jiff::Timestamp::from_second(1_700_000_000 + state.versions as i64).unwrap();
        let mut blob = Blob::new(BlobName::new("c", name), content.len() as u64, etag, modified);
        blob.md5 = has_md5.then(|| Md5::digest(&content).into());
        state.blobs.insert(name.to_owned(), (blob.clone(), content));
        blob
    }

    /// What is said of a blob, be it true or not.
    pub(crate) fn say(&self, blob: &Blob) {
        self.state.lock().unwrap().blobs.get_mut(&blob.name.name).unwrap().0 = blob.clone();
    }

    pub(crate) fn content(&self, name: &str) -> Bytes {
        self.state.lock().unwrap().blobs[name].1.clone()
    }

    pub(crate) fn faults(&self, choose: impl FnMut(&Range<u64>) -> Fault + Send + 'static) {
        self.state.lock().unwrap().choose = Box::new(choose);
    }

    pub(crate) fn paced(&self, chunk: usize, latency: Duration, per_chunk: Duration) {
        let mut state = self.state.lock().unwrap();
        (state.chunk, state.latency, state.per_chunk) = (chunk, latency, per_chunk);
    }

    /// Ranges asked for since the last time.
    pub(crate) fn asked(&self) -> Vec<Range<u64>> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }

    /// Bytes served since the last time.
    pub(crate) fn served(&self) -> u64 {
        std::mem::take(&mut self.state.lock().unwrap().served)
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.state.lock().unwrap().most_at_once
    }

    pub(crate) fn job(self: &Arc<Self>, blob: &Blob, to: &Path) -> Job {
        let store: Arc<dyn Store> = Arc::new(Handle(Arc::clone(self)));
        Job { store, blob: blob.clone(), to: to.to_owned(), note: serde_json::json!({"capture": "first"}) }
    }
}

/// Counts an answer as long as it lasts.
struct Counted(Arc<Script>, Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>);

impl Stream for Counted {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.1.as_mut().poll_next(context);
        if let Poll::Ready(Some(Ok(chunk))) = &next {
            self.0.state.lock().unwrap().served += chunk.len() as u64;
        }
        next
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.state.lock().unwrap().asking -= 1;
    }
}

fn no<T>() -> Result<T> {
    Err(Error::Unsupported { what: "script".into(), why: "not needed".into() })
}

/// The trait wants `&self`; answers outlive it.
#[derive(Debug)]
pub(crate) struct Handle(pub Arc<Script>);

#[async_trait]
impl Store for Handle {
    #[allow(clippy::unnecessary_literal_bound)]
    fn account(&self) -> &str {
        "account"
    }

    fn url(&self, name: &BlobName) -> String {
        format!("https://account.blob/{name}")
    }

    async fn head(&self, name: &BlobName) -> Result<Blob> {
        Ok(self.0.state.lock().unwrap().blobs[&name.name].0.clone())
    }

    async fn read(&self, name: &BlobName, range: Range<u64>, etag: &Etag) -> Result<ByteStream> {
        let (fault, latency, per_chunk, chunk) = {
            let mut state = self.0.state.lock().unwrap();
            state.asked.push(range.clone());
            state.asking += 1;
            state.most_at_once = state.most_at_once.max(state.asking);
            ((state.choose)(&range), state.latency, state.per_chunk, state.chunk)
        };
        let script = Arc::clone(&self.0);
        let counted = |body| Counted(script, body);
        let mut guard = counted(stream::empty().boxed());
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let what = self.url(name);
        let (blob, content) = self.0.state.lock().unwrap().blobs[&name.name].clone();
        if blob.etag != *etag {
            return Err(Error::Changed { what });
        }
        let (mut body, ending) = (content.slice(range.start as usize..range.end as usize), what.clone());
        let cut = |body: &Bytes, after: u64| body.slice(..body.len().min(after as usize));
        let mut end: Option<Error> = None;
        let mut stalls = false;
        match fault {
            Fault::None => {}
            Fault::Cut(after) => {
                body = cut(&body, after);
                end = Some(Error::Transport { host: "account".into(), reason: "connection reset".into() });
            }
            Fault::Short(after) => {
                body = cut(&body, after);
                end = Some(Error::Unexpected { what: ending, why: "fewer bytes".into() });
            }
            Fault::Long => body = [&body[..], &[0; 9]].concat().into(),
            Fault::Wrong => return Err(Error::Unexpected { what, why: "another range".into() }),
            Fault::Busy(retry_after) => {
                return Err(Error::Busy { what, status: 503, code: "ServerBusy".into(), retry_after });
            }
            Fault::Stall(after) => {
                body = cut(&body, after);
                stalls = true;
            }
            Fault::Silence => std::future::pending().await,
            Fault::Flip => {
                let mut bytes = body.to_vec();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 4;
                body = bytes.into();
            }
            Fault::Denied => {
                return Err(Error::Denied { what, status: 403, code: "AuthorizationFailure".into() });
            }
        }
        let mut chunks = Vec::new();
        while !body.is_empty() {
            chunks.push(Ok(body.split_to(body.len().min(chunk))));
        }
        chunks.extend(end.map(Err));
        let chunks = stream::iter(chunks).then(move |chunk| async move {
            if !per_chunk.is_zero() {
                tokio::time::sleep(per_chunk).await;
            }
            chunk
        });
        guard.1 = if stalls { chunks.chain(stream::pending()).boxed() } else { chunks.boxed() };
        Ok(Box::pin(guard))
    }

    async fn containers(&self, _: Option<&str>) -> Result<Page<Container>> {
        no()
    }
    async fn list(&self, _: &str, _: &Query, _: Option<&str>) -> Result<Page<Blob>> {
        no()
    }
    async fn upload(&self, _: &BlobName, _: &Path, _: &Upload) -> Result<Blob> {
        no()
    }
    async fn delete(&self, _: &BlobName, _: &Etag) -> Result<()> {
        no()
    }
    async fn undelete(&self, _: &BlobName) -> Result<()> {
        no()
    }
    async fn promote(&self, _: &BlobName, _: &str) -> Result<()> {
        no()
    }
    async fn tags(&self, _: &BlobName) -> Result<BTreeMap<String, String>> {
        no()
    }
    async fn set_tags(&self, _: &BlobName, _: &BTreeMap<String, String>) -> Result<()> {
        no()
    }
    async fn set_metadata(&self, _: &BlobName, _: &BTreeMap<String, String>, _: &Etag) -> Result<Etag> {
        no()
    }
    async fn set_tier(&self, _: &BlobName, _: Tier, _: &Etag) -> Result<()> {
        no()
    }
    async fn protection(&self) -> Result<Protection> {
        no()
    }
}

/// Numbers from a seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end.max(1)
    }
}

/// Content that differs at every place.
pub(crate) fn content(length: u64, seed: u64) -> Bytes {
    let mut dice = Dice::new(seed + 1);
    let mut out = Vec::with_capacity(length as usize + 8);
    while (out.len() as u64) < length {
        out.extend_from_slice(&dice.below(u64::MAX).wrapping_mul(0xD6E8_FEB8_6659_FD93).to_le_bytes());
    }
    out.truncate(length as usize);
    out.into()
}

/// What a run did.
pub(crate) struct Ran {
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) events: Vec<Event>,
}

impl Ran {
    /// Bytes that arrived.
    pub(crate) fn bytes(&self) -> u64 {
        self.events.iter().map(|event| if let Event::Bytes { bytes, .. } = event { *bytes } else { 0 }).sum()
    }

    pub(crate) fn only(&self) -> &Outcome {
        assert_eq!(self.outcomes.len(), 1);
        &self.outcomes[0]
    }

    /// The error of the only file.
    pub(crate) fn error(&self) -> (String, u64) {
        match self.only() {
            Outcome::Failed { error, kept } => (error.to_string(), *kept),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn retries(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Retried { .. })).count()
    }

    pub(crate) fn afresh(&self) -> Vec<&str> {
        self.events
            .iter()
            .filter_map(|event| if let Event::Afresh { why, .. } = event { Some(why.as_str()) } else { None })
            .collect()
    }
}

/// Fetches in a runtime of its own, whose time stands still while nothing waits. With `polls` the run ends after so many
/// as if it were killed.
pub(crate) fn run(jobs: Vec<Job>, limits: &Limits, polls: Option<u64>) -> Ran {
    run_until(jobs, limits, polls, &Stop::new(), |_| {})
}

pub(crate) fn run_until(
    jobs: Vec<Job>,
    limits: &Limits,
    polls: Option<u64>,
    stop: &Stop,
    look: impl Fn(&Event) + Sync,
) -> Ran {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let events = Mutex::new(Vec::new());
    let outcomes = runtime.block_on(async {
        let observe = |event: Event| {
            look(&event);
            events.lock().unwrap().push(event);
        };
        let mut fetching = pin!(fetch(jobs, limits, &observe, stop));
        let mut left = polls;
        poll_fn(|context| {
            if let Some(left) = &mut left {
                if *left == 0 {
                    return Poll::Ready(Vec::new());
                }
                *left -= 1;
            }
            fetching.as_mut().poll(context)
        })
        .await
    });
    Ran { outcomes, events: events.into_inner().unwrap() }
}

/// What lies beside a file.
pub(crate) fn beside(to: &Path, ending: &str) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

pub(crate) const PARTIAL: &str = ".capkeep-partial";
pub(crate) const JOURNAL: &str = ".capkeep-journal";
pub(crate) const PROVENANCE: &str = ".provenance.json";
pub(crate) const MIB: u64 = 1 << 20;
/// Length of a block of the journal.
pub(crate) const BLOCK: u64 = 256 << 10;

//! Many files in one budget of connections.
//!
//! One loop owns the state of all files. What takes time is a future that ends with a [`Step`]: opening a file, a range,
//! a piece of hashing, giving names. Dropping the loop ends all of them; what they wrote is in the journal.

use std::collections::BTreeSet;
use std::fs::File;
use std::future::Future;
use std::ops::Range;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::Job;
use super::blocks::Missing;
use super::event::{Event, Fetched, Outcome};
use super::hash::Hashing;
use super::limits::Check;
use super::line::{Line, Source};
use super::open::{Opened, joined, open};
use super::provenance::Provenance;
use super::settle::{Named, Verified, settle};
use super::stop::Stop;
use super::tap::Tap;
use super::target::{Target, Writer, at};
use crate::blob::Blob;
use crate::error::{Error, Result};

/// Bytes hashed in one go (chosen: a few milliseconds, so that an end is soon noticed).
const HASH_BYTES: u64 = 4 << 20;
/// No more ranges are asked for while more than this waits to be hashed (chosen: four parts; the end of a download
/// would have to wait for the digests anyway, and meanwhile the cores are better used for them).
const HASH_BEHIND: u64 = 32 << 20;
/// Fewer bytes are not worth going to another thread for, unless they are the last ones.
const HASH_LEAST: u64 = 1 << 20;
/// Files open at once (chosen: three descriptors each, and 1,024 are usual).
const OPEN_FILES: usize = 128;

/// What happened to a file.
pub(super) enum Step {
    Opened(usize, Result<Opened>),
    Headed(usize, Result<Box<Blob>>),
    Received(usize, Result<()>),
    Hashed(usize, Result<Hashing>),
}

/// A file on its way.
pub(super) struct Entry {
    pub(super) job: Job,
    pub(super) stage: Stage,
    /// It was begun anew because the blob changed, which is done once.
    pub(super) restarted: bool,
    /// It was begun anew because what had been kept was wrong, which is done once.
    pub(super) distrusted: bool,
    /// Bytes that came before it was begun anew.
    pub(super) received: u64,
}

pub(super) enum Stage {
    Waiting,
    Opening,
    Active(Box<Active>),
    Settling(Fetched),
    Ended(Outcome),
}

/// A file whose bytes arrive.
pub(super) struct Active {
    pub(super) source: Arc<Source>,
    pub(super) target: Arc<Target>,
    missing: Missing,
    /// Digests that rest.
    pub(super) idle: Vec<Hashing>,
    /// How far each digest has come.
    hashed: Vec<Arc<AtomicU64>>,
    /// Ranges and digests that are under way.
    under_way: usize,
    pub(super) failure: Option<Error>,
    /// Ends the ranges that are under way.
    pub(super) abandon: Stop,
}

type Steps<'a> = FuturesUnordered<Pin<Box<dyn Future<Output = Step> + Send + 'a>>>;

/// The loop.
pub(super) struct Engine<'a> {
    pub(super) line: &'a Line<'a>,
    stop: &'a Stop,
    pub(super) tap: Option<&'a Tap>,
    pub(super) files: Vec<Entry>,
    pub(super) steps: Steps<'a>,
    advanced: Arc<Notify>,
    /// The next file to be opened.
    next: usize,
    /// Files that have something missing, in order.
    pub(super) wanting: BTreeSet<usize>,
    /// Files whose bytes arrive.
    pub(super) active: BTreeSet<usize>,
    connections: u16,
    /// No connection was free after the last look.
    are_all_used: bool,
    opening: usize,
    pub(super) open: usize,
    pub(super) pile: Vec<Verified>,
    pub(super) settling: Option<JoinHandle<Vec<Named>>>,
}

impl<'a> Engine<'a> {
    pub(super) fn new(jobs: Vec<Job>, line: &'a Line<'a>, stop: &'a Stop, tap: Option<&'a Tap>) -> Self {
        let files = jobs
            .into_iter()
            .map(|job| Entry { job, stage: Stage::Waiting, restarted: false, distrusted: false, received: 0 })
            .collect();
        Self {
            line,
            stop,
            tap,
            files,
            steps: FuturesUnordered::new(),
            advanced: Arc::new(Notify::new()),
            next: 0,
            wanting: BTreeSet::new(),
            active: BTreeSet::new(),
            connections: 0,
            are_all_used: false,
            opening: 0,
            open: 0,
            pile: Vec::new(),
            settling: None,
        }
    }

    /// Until every file has its outcome.
    pub(super) async fn run(mut self) -> Vec<Outcome> {
        self.refuse_clashes();
        let advanced = Arc::clone(&self.advanced);
        loop {
            self.fill();
            self.settle();
            if self.steps.is_empty() && self.settling.is_none() {
                break;
            }
            tokio::select! {
                biased;
                () = self.stop.stopped() => {
                    self.halt().await;
                    break;
                }
                Some(step) = self.steps.next() => self.take(step),
                named = ended(&mut self.settling) => self.named(named),
                () = advanced.notified() => self.look_at_all(),
            }
        }
        self.files
            .into_iter()
            .map(|file| match file.stage {
                Stage::Ended(outcome) => outcome,
                _ => Outcome::Stopped { kept: 0 },
            })
            .collect()
    }

    /// Two blobs cannot have one place: neither gets it.
    fn refuse_clashes(&mut self) {
        let mut places: Vec<(PathBuf, usize)> =
            self.files.iter().enumerate().map(|(file, entry)| (entry.job.to.clone(), file)).collect();
        places.sort();
        let clashing: BTreeSet<usize> = places
            .windows(2)
            .filter(|pair| pair[0].0 == pair[1].0)
            .flat_map(|pair| [pair[0].1, pair[1].1])
            .collect();
        for file in clashing {
            let what =
                format!("{}: more than one blob would get this name", self.files[file].job.to.display());
            self.end(file, Outcome::Failed { error: Error::Setting(what), kept: 0 });
        }
    }

    /// Begins what the budget allows.
    fn fill(&mut self) {
        let most = self.line.connections(self.are_all_used);
        loop {
            if self.connections < most
                && let Some((file, range)) = self.next_range()
            {
                self.receive(file, range);
                continue;
            }
            while self.files.get(self.next).is_some_and(|file| !matches!(file.stage, Stage::Waiting)) {
                self.next += 1;
            }
            // Files are opened ahead of the connections, as long as those that are open do not want all of them.
            let is_enough = self.opening + self.ranges_wanted(usize::from(most)) >= usize::from(most);
            if self.next >= self.files.len() || is_enough || self.open >= OPEN_FILES {
                self.are_all_used = self.connections >= most;
                return;
            }
            self.open(self.next);
        }
    }

    /// Number of ranges that open files want, up to `most`.
    fn ranges_wanted(&self, most: usize) -> usize {
        let part_bytes = self.line.limits().part_bytes.max(1);
        let mut wanted = 0;
        for file in &self.wanting {
            if let Stage::Active(active) = &self.files[*file].stage {
                wanted += usize::try_from(active.missing.bytes().div_ceil(part_bytes)).unwrap_or(most);
            }
            if wanted >= most {
                break;
            }
        }
        wanted
    }

    fn next_range(&mut self) -> Option<(usize, Range<u64>)> {
        let (part_bytes, most) = (self.line.limits().part_bytes.max(1), u64::from(self.line.most()));
        let mut after = 0;
        while let Some(file) = self.wanting.range(after..).next().copied() {
            after = file + 1;
            match &mut self.files[file].stage {
                Stage::Active(active) if active.failure.is_none() => {
                    if active.is_far_ahead() {
                        continue;
                    }
                    if let Some(range) = active.missing.next(part_bytes, most) {
                        return Some((file, range));
                    }
                }
                _ => {}
            }
            self.wanting.remove(&file);
        }
        None
    }

    pub(super) fn open(&mut self, file: usize) {
        let entry = &mut self.files[file];
        entry.stage = Stage::Opening;
        self.opening += 1;
        self.open += 1;
        let source = Source { store: Arc::clone(&entry.job.store), blob: entry.job.blob.clone() };
        let (to, line, advanced) = (entry.job.to.clone(), self.line, Arc::clone(&self.advanced));
        self.steps
            .push(Box::pin(async move { Step::Opened(file, open(line, file, source, to, advanced).await) }));
    }

    fn receive(&mut self, file: usize, range: Range<u64>) {
        let Stage::Active(active) = &mut self.files[file].stage else { return };
        active.under_way += 1;
        self.connections += 1;
        let (source, abandon, line) = (Arc::clone(&active.source), active.abandon.clone(), self.line);
        let mut writer = Writer::new(Arc::clone(&active.target));
        self.steps.push(Box::pin(async move {
            let mut sink = |at, bytes| writer.write(at, bytes);
            tokio::select! {
                received = line.receive(file, &source, range, &mut sink) => Step::Received(file, received),
                () = abandon.stopped() => Step::Received(file, Ok(())),
            }
        }));
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Opened(file, opened) => {
                self.opening -= 1;
                match opened {
                    Ok(Opened::Unchanged(provenance)) => {
                        self.open -= 1;
                        self.unchanged(file, provenance);
                    }
                    Ok(Opened::Begun { blob, target, afresh }) => self.begin(file, *blob, *target, afresh),
                    Err(error) => {
                        self.open -= 1;
                        self.fail(file, error, 0);
                    }
                }
            }
            Step::Headed(file, Ok(blob)) => {
                self.files[file].job.blob = *blob;
                self.open(file);
            }
            Step::Headed(file, Err(error)) => self.fail(file, error, 0),
            Step::Received(file, received) => {
                self.connections -= 1;
                self.under_way(file, received.err());
            }
            Step::Hashed(file, Ok(hashing)) => {
                if let Stage::Active(active) = &mut self.files[file].stage {
                    active.idle.push(hashing);
                }
                self.under_way(file, None);
            }
            Step::Hashed(file, Err(error)) => self.under_way(file, Some(error)),
        }
    }

    fn begin(&mut self, file: usize, blob: Blob, target: Target, afresh: Option<String>) {
        let bytes = blob.size;
        let limits = self.line.limits();
        if let Some(why) = afresh {
            self.line.tell(Event::Afresh { file, why });
        }
        self.line.tell(Event::Started { file, bytes });
        if target.resumed_from > 0 {
            self.line.tell(Event::Resumed { file, bytes: target.resumed_from });
        }
        let mut idle = vec![Hashing::sha256(Arc::clone(&target.back))];
        if blob.md5.is_some() && limits.check != Check::Ignored {
            idle.push(Hashing::md5(Arc::clone(&target.back)));
        }
        let entry = &mut self.files[file];
        let source = Arc::new(Source { store: Arc::clone(&entry.job.store), blob });
        let missing = target.missing();
        let hashed = idle.iter().map(Hashing::reached).collect();
        let (target, abandon) = (Arc::new(target), Stop::new());
        let active = Active { source, target, missing, idle, hashed, under_way: 0, failure: None, abandon };
        entry.stage = Stage::Active(Box::new(active));
        self.wanting.insert(file);
        self.active.insert(file);
        self.look_at(file);
    }

    fn unchanged(&mut self, file: usize, provenance: Box<Provenance>) {
        if let Some(tap) = self.tap {
            let to = &self.files[file].job.to;
            match File::open(to) {
                Ok(opened) => tap.advance(&Arc::new(opened), provenance.size),
                Err(error) => {
                    let error = at(to)(error);
                    return self.fail(file, error, 0);
                }
            }
        }
        self.line.tell(Event::Unchanged { file });
        self.end(file, Outcome::Unchanged(provenance));
    }

    /// Something that was under way came to its end.
    fn under_way(&mut self, file: usize, failure: Option<Error>) {
        let Stage::Active(active) = &mut self.files[file].stage else { return };
        active.under_way -= 1;
        if let Some(error) = failure {
            active.abandon.stop();
            active.failure.get_or_insert(error);
        }
        self.look_at(file);
    }

    fn look_at_all(&mut self) {
        for file in self.active.clone() {
            self.look_at(file);
        }
    }

    /// Gives names to what is whole.
    fn settle(&mut self) {
        if self.settling.is_none() && !self.pile.is_empty() {
            let (files, limits) = (std::mem::take(&mut self.pile), self.line.limits().clone());
            self.settling = Some(spawn_blocking(move || settle(files, &limits)));
        }
    }

    /// Hashes what is new at the beginning of a file; ends it if that was all.
    fn look_at(&mut self, file: usize) {
        let Stage::Active(active) = &mut self.files[file].stage else { return };
        if active.failure.is_some() {
            if active.under_way == 0 {
                self.gave_up(file);
            }
            return;
        }
        let (frontier, size) = (active.frontier(), active.source.blob.size);
        if let Some(tap) = self.tap {
            tap.advance(&active.target.back, frontier);
        }
        if active.under_way == 0 && active.idle.iter().all(|hashing| hashing.at() == size) {
            return self.verify(file);
        }
        let is_due = |hashing: &mut Hashing| due(hashing.at(), frontier, size).is_some();
        for mut hashing in active.idle.extract_if(.., is_due).collect::<Vec<_>>() {
            active.under_way += 1;
            let partial = active.target.beside.partial.clone();
            let (there, advanced) = (Arc::clone(&active.target.frontier), Arc::clone(&self.advanced));
            let abandon = active.abandon.clone();
            let hashed = spawn_blocking(move || {
                let next = |at| {
                    // There may be room for another range now.
                    advanced.notify_one();
                    due(at, there.load(Ordering::Acquire), size).filter(|_| !abandon.is_stopped())
                };
                hashing.go_on(next).map(|()| hashing)
            });
            self.steps.push(Box::pin(async move {
                Step::Hashed(
                    file,
                    joined(hashed.await, &partial).and_then(|hashed| hashed.map_err(at(&partial))),
                )
            }));
        }
    }
}

impl Active {
    fn frontier(&self) -> u64 {
        self.target.frontier.load(Ordering::Acquire)
    }

    /// Too much of what came in this run waits to be hashed. What an earlier run left is read back beside the download.
    fn is_far_ahead(&self) -> bool {
        let hashed = self.hashed.iter().map(|reached| reached.load(Ordering::Relaxed)).min();
        hashed.is_some_and(|hashed| {
            hashed >= self.target.resumed_from && self.frontier().saturating_sub(hashed) > HASH_BEHIND
        })
    }
}

/// How far a digest that is at `at` should go on in one go, if it is worth it.
fn due(at: u64, frontier: u64, size: u64) -> Option<u64> {
    let behind = frontier.saturating_sub(at);
    let is_worth_it = behind >= HASH_LEAST || (behind > 0 && frontier == size);
    is_worth_it.then(|| frontier.min(at + HASH_BYTES))
}

/// Waits for work that may not be there.
async fn ended<T>(work: &mut Option<JoinHandle<T>>) -> std::result::Result<T, JoinError> {
    match work {
        Some(handle) => {
            let done = handle.await;
            *work = None;
            done
        }
        None => std::future::pending().await,
    }
}

//! The pipeline: read, decode, count.
//!
//! A session is read in rounds of a fixed number of batches. While one round is being read, the batches of the round
//! before are decoded side by side, their packets sorted by shard, and the shards of the flow table take them side by
//! side, each in packet order. Rounds, batches and shards are the same for any number of threads, and so is the
//! result.

use rayon::prelude::*;

use capkeep_pcap::Timestamp;

use crate::analysis::{Analysis, Capture};
use crate::decodes::{Decodes, FileCounts, Load, Mix};
use crate::fragments::Fragments;
use crate::options::{Event, Input, Options};
use crate::record::{EndReason, FlowRecord};
use crate::sessions;
use crate::shard::Shard;
use crate::source::{Chain, Merge, Source};
use crate::summary;

/// Batches in a round. Chosen by measuring: fewer leave cores idle at the end of a round, more fall out of the cache.
const ROUND: usize = 8;

/// Flows handed out at once when a session ends (chosen: a few MB of records).
const FLUSH: usize = 1 << 13;

/// Sessions of small files are analysed side by side, this many at a time (chosen: their flows wait in memory until
/// it is their turn to be told).
const SIDE_BY_SIDE: usize = 64;

/// A file up to this size is small (chosen: two rounds; larger ones keep all cores busy by themselves).
const SMALL: u64 = 16 << 20;

/// Reads the inputs and tells what is in them. A file that cannot be read is an entry of
/// [`Analysis::captures`] with its error; it never stops the others.
///
/// Uses the rayon pool it is called in. The observer hears of [`Event::Flows`] in an order that depends on the input
/// alone.
pub fn analyze(inputs: &[Input], options: &Options, observer: &(dyn Fn(Event<'_>) + Sync)) -> Analysis {
    let mut analysis = Analysis::default();
    let mut queue = sessions::group(inputs, options.merge).into_iter().peekable();
    while let Some(session) = queue.next() {
        let first_session = analysis.captures.last().map_or(0, |capture| capture.session + 1);
        let start = analysis.captures.len() as u32;
        if !is_small(&session) {
            let files = enroll(&mut analysis, session, first_session);
            let result = run(files, start, options, observer, &mut |flows| observer(Event::Flows(&flows)));
            adopt(&mut analysis, result);
            continue;
        }
        let mut group = vec![(start, enroll(&mut analysis, session, first_session))];
        while group.len() < SIDE_BY_SIDE
            && let Some(next) = queue.next_if(|session| is_small(session))
        {
            let start = analysis.captures.len() as u32;
            let number = first_session + group.len() as u32;
            group.push((start, enroll(&mut analysis, next, number)));
        }
        let results: Vec<(SessionResult, Vec<FlowRecord>)> = group
            .into_par_iter()
            .map(|(start, files)| {
                let mut flows = Vec::new();
                let result = run(files, start, options, observer, &mut |more| flows.extend(more));
                (result, flows)
            })
            .collect();
        for (result, flows) in results {
            if !flows.is_empty() {
                observer(Event::Flows(&flows));
            }
            adopt(&mut analysis, result);
        }
    }
    analysis
}

fn is_small(session: &[Input]) -> bool {
    let size = |input: &Input| match input {
        Input::File(path) => std::fs::metadata(path).map_or(0, |meta| meta.len()),
        Input::Stdin => u64::MAX,
    };
    session.iter().map(size).fold(0, u64::saturating_add) <= SMALL
}

/// Gives the files of a session their places among the captures.
fn enroll(analysis: &mut Analysis, session: Vec<Input>, number: u32) -> Vec<(u32, Input)> {
    let mut files = Vec::with_capacity(session.len());
    for input in session {
        let path = match &input {
            Input::File(path) => path.clone(),
            Input::Stdin => "-".into(),
        };
        files.push((analysis.captures.len() as u32, input));
        analysis.captures.push(Capture { path, session: number, ..Capture::default() });
    }
    files
}

/// What one session gave: counts, and the files' shares of them.
struct SessionResult {
    counts: Analysis,
    captures: Vec<(u32, Capture)>,
}

fn adopt(analysis: &mut Analysis, result: SessionResult) {
    analysis.add_counts(&result.counts);
    for (index, found) in result.captures {
        if let Some(place) = analysis.captures.get_mut(index as usize) {
            let path = std::mem::take(&mut place.path);
            *place = Capture { path, session: place.session, ..found };
        }
    }
}

/// One batch on its way.
#[derive(Default)]
struct Slot {
    load: Load,
    decodes: Decodes,
}

/// The state of a session.
struct Session<'a> {
    options: &'a Options,
    shards: Vec<Shard>,
    fragments: Fragments,
    files: Vec<FileCounts>,
    /// Index of the first file.
    start: u32,
    mix: Mix,
    /// Latest packet time so far, and the one of the last sweep.
    now: Option<Timestamp>,
    swept: Option<Timestamp>,
    counts: Analysis,
}

/// Runs one session.
fn run(
    files: Vec<(u32, Input)>,
    start: u32,
    options: &Options,
    observer: &(dyn Fn(Event<'_>) + Sync),
    emit: &mut dyn FnMut(Vec<FlowRecord>),
) -> SessionResult {
    let count = files.len();
    let mut source: Box<dyn Source> =
        if options.merge { Box::new(Merge::new(files)) } else { Box::new(Chain::new(files)) };
    let mut session = Session {
        options,
        shards: (0..crate::meta::SHARDS).map(|_| Shard::default()).collect(),
        fragments: Fragments::default(),
        files: vec![FileCounts::default(); count],
        start,
        mix: Mix::default(),
        now: None,
        swept: None,
        counts: Analysis::default(),
    };
    let mut current: Vec<Slot> = Vec::new();
    let mut next: Vec<Slot> = Vec::new();
    let mut told_bytes = 0;
    let mut filled = fill(source.as_mut(), &mut current);
    while filled > 0 {
        let packets = current.iter().take(filled).map(|slot| slot.load.batch.frames.len() as u64).sum();
        let round = current.get_mut(..filled).unwrap_or_default();
        let (upcoming, ()) = rayon::join(|| fill(source.as_mut(), &mut next), || session.process(round));
        session.hand_out(emit);
        let bytes = source.bytes();
        observer(Event::Progress { bytes: bytes - told_bytes, packets });
        told_bytes = bytes;
        std::mem::swap(&mut current, &mut next);
        filled = upcoming;
    }
    session.finish(emit);
    session.result(source.as_mut())
}

/// Reads a round; how many batches there were.
fn fill(source: &mut dyn Source, slots: &mut Vec<Slot>) -> usize {
    for filled in 0..ROUND {
        if slots.len() <= filled {
            slots.push(Slot::default());
        }
        if !slots.get_mut(filled).is_some_and(|slot| source.next(&mut slot.load)) {
            return filled;
        }
    }
    ROUND
}

impl Session<'_> {
    /// Decodes and counts a round.
    fn process(&mut self, round: &mut [Slot]) {
        let options = self.options;
        round.par_iter_mut().for_each(|slot| slot.decodes.fill(&slot.load, options));
        for slot in round.iter_mut() {
            self.fragments.resolve(&mut slot.decodes);
            self.mix.merge(&slot.decodes.mix);
            for (capture, counts) in &slot.decodes.files {
                self.now = self.now.max(counts.latest);
                if let Some(file) = self.files.get_mut((capture - self.start) as usize) {
                    file.append(counts);
                }
            }
        }
        self.count(round.iter().map(|slot| &slot.decodes).collect());
    }

    /// Lets the shards take packets.
    fn count(&mut self, decodes: Vec<&Decodes>) {
        let idle_timeout = self.options.idle_timeout;
        let sweep = self.due_sweep();
        self.shards.par_iter_mut().enumerate().for_each(|(index, shard)| {
            for decodes in &decodes {
                if let Some(metas) = decodes.shards.get(index) {
                    shard.take(metas, &decodes.extras, idle_timeout);
                }
            }
            if let Some(now) = sweep {
                shard.sweep(now, idle_timeout);
            }
        });
        let live = self.shards.iter().map(Shard::live).sum();
        self.counts.totals.peak_live_flows = self.counts.totals.peak_live_flows.max(live);
    }

    /// The time to sweep at, if it is time: every eighth of the idle timeout, so that a flow is looked at a few times
    /// while it is silent and not at every round.
    fn due_sweep(&mut self) -> Option<Timestamp> {
        let timeout = self.options.idle_timeout?.as_nanos() as i64;
        let now = self.now?;
        let swept = *self.swept.get_or_insert(now);
        (now.since(swept) > timeout / 8).then(|| {
            self.swept = Some(now);
            now
        })
    }

    /// Hands out the flows that ended in this round.
    fn hand_out(&mut self, emit: &mut dyn FnMut(Vec<FlowRecord>)) {
        let mut ended: Vec<_> = self.shards.iter_mut().flat_map(|shard| shard.ended.drain(..)).collect();
        if ended.is_empty() {
            return;
        }
        ended.sort_by_key(|(_, flow)| flow.origin);
        let flows: Vec<FlowRecord> =
            ended.par_iter().with_min_len(64).map(|(reason, flow)| flow.finish(*reason)).collect();
        summary::add_flows(&mut self.counts, &flows);
        emit(flows);
    }

    /// Ends everything that still lives.
    fn finish(&mut self, emit: &mut dyn FnMut(Vec<FlowRecord>)) {
        let mut last = Decodes::default();
        self.fragments.flush(&mut last);
        self.count(vec![&last]);
        self.hand_out(emit);
        let mut live: Vec<((u32, u64), u32, u32)> = Vec::new();
        for (shard, number) in self.shards.iter().zip(0u32..) {
            live.extend(shard.slots().map(|(slot, flow)| (flow.origin, number, slot)));
        }
        live.par_sort_unstable();
        for chunk in live.chunks(FLUSH) {
            let flows: Vec<FlowRecord> = chunk
                .par_iter()
                .with_min_len(64)
                .filter_map(|(_, shard, slot)| self.shards.get(*shard as usize)?.flow(*slot))
                .map(|flow| flow.finish(EndReason::EndOfInput))
                .collect();
            summary::add_flows(&mut self.counts, &flows);
            emit(flows);
        }
    }

    /// The counts of the session and of its files.
    fn result(mut self, source: &mut dyn Source) -> SessionResult {
        let mut captures = Vec::new();
        for outcome in source.outcomes() {
            let counts = self.files.get_mut((outcome.capture - self.start) as usize).map(std::mem::take);
            let counts = counts.unwrap_or_default();
            let totals = &mut self.counts.totals;
            totals.packets += counts.packets;
            totals.wire_bytes += counts.wire_bytes;
            totals.captured_bytes += counts.captured_bytes;
            totals.skipped += counts.skipped.values().sum::<u64>();
            totals.first = totals.first.into_iter().chain(counts.earliest).min();
            totals.last = totals.last.max(counts.latest);
            let capture = Capture {
                file_bytes: outcome.file_bytes,
                facts: outcome.facts,
                link_types: counts.link_types.into_iter().collect(),
                packets: counts.packets,
                wire_bytes: counts.wire_bytes,
                captured_bytes: counts.captured_bytes,
                truncated_packets: counts.truncated,
                first: counts.earliest,
                last: counts.latest,
                time_goes_back: counts.time_goes_back,
                skipped: counts.skipped,
                error: outcome.error,
                ..Capture::default()
            };
            captures.push((outcome.capture, capture));
        }
        self.counts.protocols = self.mix.protocols().collect();
        self.counts.tunnels = std::mem::take(&mut self.mix.tunnels);
        self.counts.timeline = std::mem::take(&mut self.mix.timeline);
        SessionResult { counts: self.counts, captures }
    }
}

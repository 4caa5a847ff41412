//! The pipeline: read, decode, count.
//!
//! A session is read in rounds of a fixed number of batches. Each core reads a batch, one at a time, and decodes it
//! while its bytes are still in the cache; the packets are sorted by shard. Then the shards of the flow table take the
//! packets of the round side by side, each in packet order, while the next round is being read. Rounds, batches and
//! shards are the same for any number of threads, and so is the result.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use capkeep_pcap::{Stretch, Timestamp};

use crate::analysis::{Analysis, Capture};
use crate::apps::Room;
use crate::decodes::{Decodes, FileCounts, Load, Mix};
use crate::fragments::Fragments;
use crate::live::Flow;
use crate::options::{Event, Input, Options, Timeouts};
use crate::record::{EndReason, FlowRecord};
use crate::sessions;
use crate::shard::Shard;
use crate::source::{Chain, Merge, Source};
use crate::summary;

/// Batches in a round. Chosen by measuring: fewer leave cores idle at the end of a round, more fall out of the cache.
const ROUND: usize = 8;

/// Flows handed out at once (chosen by measuring: about 1.3 MB of records; fewer cost time in going to and fro between
/// finishing and counting them).
const FLUSH: usize = 1 << 12;

/// Sessions of small files are analysed side by side, this many at a time (chosen: their flows wait in memory until
/// it is their turn to be told).
const SIDE_BY_SIDE: usize = 64;

/// A file up to this size is small (chosen: four rounds; larger ones keep all cores busy by themselves).
const SMALL: u64 = 16 << 20;

/// Reads the inputs and tells what is in them. A file that cannot be read is an entry of
/// [`Analysis::captures`] with its error; it never stops the others.
///
/// Uses the rayon pool it is called in. The observer hears of [`Event::Flows`] in an order that depends on the input
/// alone.
pub fn analyze(inputs: &[Input], options: &Options, observer: &(dyn Fn(Event<'_>) + Sync)) -> Analysis {
    let mut analysis = Analysis::default();
    let mut queue = sessions::sessions(inputs, options.merge).into_iter().peekable();
    while let Some(session) = queue.next() {
        let first_session = analysis.captures.last().map_or(0, |capture| capture.session + 1);
        let start = analysis.captures.len() as u32;
        if !is_small(&session) {
            let files = enroll(&mut analysis, session, first_session, observer);
            let result = run(files, start, options, observer, &mut |flows| observer(Event::Flows(flows)));
            adopt(&mut analysis, result);
            continue;
        }
        let mut group = vec![(start, enroll(&mut analysis, session, first_session, observer))];
        while group.len() < SIDE_BY_SIDE
            && let Some(next) = queue.next_if(|session| is_small(session))
        {
            let start = analysis.captures.len() as u32;
            let number = first_session + group.len() as u32;
            group.push((start, enroll(&mut analysis, next, number, observer)));
        }
        let results: Vec<(SessionResult, Vec<FlowRecord>)> = group
            .into_par_iter()
            .map(|(start, files)| {
                let mut flows = Vec::new();
                let result = run(files, start, options, observer, &mut |more| flows.append(more));
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
        Input::File(path) => plain_size(path),
        Input::Bytes(bytes) => bytes.len() as u64,
        // What is compressed may be far more; a stream is not looked into before its turn.
        Input::Stdin | Input::Stream(_) => u64::MAX,
    };
    session.iter().map(size).fold(0, u64::saturating_add) <= SMALL
}

/// Size of a regular file that is not compressed: what it holds is no more than that. `u64::MAX` for others, 0 where
/// there is nothing to read.
fn plain_size(path: &Path) -> u64 {
    let Ok(metadata) = std::fs::metadata(path) else { return 0 };
    let is_plain = metadata.is_file()
        && File::open(path).is_ok_and(|mut file| {
            let mut magic = [0; 4];
            file.read(&mut magic)
                .is_ok_and(|read| !capkeep_pcap::is_compressed(magic.get(..read).unwrap_or_default()))
        });
    if is_plain { metadata.len() } else { u64::MAX }
}

/// Gives the files of a session their places among the captures, and tells of them.
fn enroll(
    analysis: &mut Analysis,
    inputs: Vec<Input>,
    session: u32,
    observer: &(dyn Fn(Event<'_>) + Sync),
) -> Vec<(u32, Input)> {
    let mut files = Vec::with_capacity(inputs.len());
    for input in inputs {
        let path = match &input {
            Input::File(path) => path.clone(),
            Input::Stdin => "-".into(),
            Input::Bytes(_) => "(memory)".into(),
            Input::Stream(stream) => stream.name.clone(),
        };
        let index = analysis.captures.len() as u32;
        observer(Event::Capture { index, path: &path, session });
        files.push((index, input));
        analysis.captures.push(Capture { path, session, ..Capture::default() });
    }
    files
}

/// What one session gave: counts, and the files' shares of them.
struct SessionResult {
    counts: Analysis,
    captures: Vec<(u32, Capture)>,
}

fn adopt(analysis: &mut Analysis, result: SessionResult) {
    analysis.add_counts(result.counts);
    for (index, found) in result.captures {
        if let Some(place) = analysis.captures.get_mut(index as usize) {
            let path = std::mem::take(&mut place.path);
            *place = Capture { path, session: place.session, ..found };
        }
    }
}

/// Where the batches of a session come from. Cores draw tickets, read side by side where the file allows it, and find
/// records in the order of their tickets.
struct Feed {
    source: Box<dyn Source>,
    /// Tickets drawn, and the one whose turn it is.
    drawn: u64,
    turn: u64,
    /// Tickets without a stretch whose turn has not been: they read where the last stretch ends, so none is given away
    /// behind their back.
    plain: u64,
    /// Batches found.
    found: u64,
    packets: u64,
    ended: bool,
    /// Memory to be used again. What was decoded keeps its load until the shards have taken its packets.
    loads: Vec<Load>,
    decodes: Vec<Decodes>,
}

/// A place in the order of batches.
struct Ticket {
    number: u64,
    load: Load,
    stretch: Option<Stretch>,
}

impl Feed {
    fn draw(&mut self) -> Option<Ticket> {
        if self.ended {
            return None;
        }
        let number = self.drawn;
        self.drawn += 1;
        let stretch = if self.plain == 0 { self.source.stretch() } else { None };
        self.plain += u64::from(stretch.is_none());
        Some(Ticket { number, load: self.loads.pop().unwrap_or_default(), stretch })
    }

    /// Finds the records of a ticket whose turn it is: its batch with its place in the order and what to decode it into.
    fn redeem(&mut self, ticket: Ticket, have: usize) -> Option<(u64, Load, Decodes)> {
        let Ticket { mut load, stretch, .. } = ticket;
        self.turn += 1;
        let found = if let Some(stretch) = &stretch {
            !self.ended && self.source.next_from(stretch, have, &mut load)
        } else {
            self.plain -= 1;
            self.ended = self.ended || !self.source.next(&mut load);
            !self.ended
        };
        if !found {
            self.loads.push(load);
            return None;
        }
        self.found += 1;
        self.packets += load.batch.frames.len() as u64;
        let mut decodes = self.decodes.pop().unwrap_or_default();
        self.loads.push(std::mem::take(&mut decodes.load));
        Some((self.found, load, decodes))
    }
}

/// Reads and decodes a round, in order. Empty only at the end of the session.
fn read_round(feed: &Mutex<Feed>, options: &Options) -> Vec<Decodes> {
    let lock = || feed.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let mut round: Vec<(u64, Decodes)> = (0..ROUND)
            .into_par_iter()
            .with_max_len(1)
            .filter_map(|_| {
                let mut ticket = lock().draw()?;
                let have = match &ticket.stretch {
                    Some(stretch) => stretch.read(&mut ticket.load.batch.data),
                    None => 0,
                };
                let (index, load, mut decodes) = wait_for_turn(feed, ticket.number).redeem(ticket, have)?;
                decodes.fill(load, options);
                Some((index, decodes))
            })
            .collect();
        if round.is_empty() && !lock().ended {
            // Nothing but the inside of a record longer than a round.
            continue;
        }
        round.sort_unstable_by_key(|(index, _)| *index);
        return round.into_iter().map(|(_, decodes)| decodes).collect();
    }
}

/// The feed once it is a ticket's turn. Whoever holds an earlier ticket is at work on another core and needs nothing
/// of this one; finding the records of a stretch takes microseconds.
fn wait_for_turn(feed: &Mutex<Feed>, number: u64) -> MutexGuard<'_, Feed> {
    let mut tries = 0u32;
    loop {
        let guard = feed.lock().unwrap_or_else(PoisonError::into_inner);
        if guard.turn == number {
            return guard;
        }
        drop(guard);
        tries += 1;
        if tries.is_multiple_of(64) {
            std::thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
}

/// The state of a session.
struct Session<'a> {
    options: &'a Options,
    shards: Vec<Shard>,
    fragments: Fragments,
    files: Vec<FileCounts>,
    /// Index of the first file.
    start: u32,
    /// Latest packet time so far.
    now: Option<Timestamp>,
    /// The session's clock: it only goes forward, round by round, to the middle one of the times at which the batches
    /// of the round end, so that a packet with a wild time does not move it. Flows are swept out by it.
    clock: Timestamp,
    /// The clock at the last sweep.
    swept: Option<Timestamp>,
    counts: Analysis,
}

/// Runs one session.
fn run(
    files: Vec<(u32, Input)>,
    start: u32,
    options: &Options,
    observer: &(dyn Fn(Event<'_>) + Sync),
    emit: &mut (dyn FnMut(&mut Vec<FlowRecord>) + Send),
) -> SessionResult {
    let count = files.len();
    let source: Box<dyn Source> =
        if options.merge { Box::new(Merge::new(files)) } else { Box::new(Chain::new(files)) };
    let feed = Feed {
        source,
        drawn: 0,
        turn: 0,
        plain: 0,
        found: 0,
        packets: 0,
        ended: false,
        loads: Vec::new(),
        decodes: Vec::new(),
    };
    let feed = Mutex::new(feed);
    let mut session = Session {
        options,
        shards: (0..crate::meta::SHARDS).map(|_| Shard::default()).collect(),
        fragments: Fragments::default(),
        files: vec![FileCounts::default(); count],
        start,
        now: None,
        clock: Timestamp::from_nanos(i64::MIN),
        swept: None,
        counts: Analysis::default(),
    };
    let mut told = (0, 0);
    let mut round = read_round(&feed, options);
    while !round.is_empty() {
        let (next, ()) = rayon::join(
            || read_round(&feed, options),
            || {
                session.process(&mut round);
                session.hand_out(emit);
            },
        );
        let mut feed = feed.lock().unwrap_or_else(PoisonError::into_inner);
        let now = (feed.source.bytes(), feed.packets);
        observer(Event::Progress { bytes: now.0 - told.0, packets: now.1 - told.1 });
        told = now;
        feed.decodes.append(&mut round);
        round = next;
    }
    session.finish(emit);
    session.result(&mut feed.into_inner().unwrap_or_else(PoisonError::into_inner))
}

impl Session<'_> {
    /// Counts a round.
    fn process(&mut self, round: &mut [Decodes]) {
        let mut times: Vec<Timestamp> = round
            .iter()
            .flat_map(|decodes| decodes.files.iter().filter_map(|(_, counts)| counts.closing))
            .collect();
        times.sort_unstable();
        if let Some(middle) = times.get(times.len() / 2) {
            self.clock = self.clock.max(*middle);
        }
        for decodes in round.iter_mut() {
            self.fragments.resolve(decodes);
            for (capture, counts) in &decodes.files {
                self.now = self.now.max(counts.latest);
                if let Some(file) = self.files.get_mut((capture - self.start) as usize) {
                    file.append(counts);
                }
            }
        }
        self.count(round);
    }

    /// Lets the shards take packets.
    fn count(&mut self, round: &[Decodes]) {
        let (clock, timeouts) = (self.clock, Timeouts::from(self.options));
        let health = self.options.health;
        let sweep = self.due_sweep(timeouts);
        self.shards.par_iter_mut().enumerate().for_each(|(index, shard)| {
            for decodes in round {
                shard.take(decodes, index, clock, timeouts, health);
            }
            if sweep {
                shard.sweep(clock, timeouts);
            }
        });
        let live = self.shards.iter().map(Shard::live).sum();
        self.counts.totals.peak_live_flows = self.counts.totals.peak_live_flows.max(live);
        self.make_room();
    }

    /// Bounds what the flows keep of what their applications said. By sums over all shards and in the order of the
    /// flows, because which shard a flow is in differs from run to run.
    fn make_room(&mut self) {
        let sum = |of: fn(Room) -> u64| self.shards.iter().map(|shard| of(shard.room())).sum::<u64>();
        let is_scarce = sum(|room| room.kept) > Room::KEPT;
        let waiting = sum(|room| room.waiting);
        self.shards.iter_mut().for_each(|shard| shard.make_scarce(is_scarce));
        if waiting <= Room::WAITING {
            return;
        }
        let mut flows: Vec<_> = self.shards.iter().flat_map(Shard::waiting).collect();
        flows.sort_unstable();
        // The oldest half goes: what they wait for is the least likely to come.
        let mut left = waiting;
        let enough = flows.iter().find(|(_, bytes)| {
            left = left.saturating_sub(*bytes);
            left <= Room::WAITING / 2
        });
        if let Some((until, _)) = enough.or(flows.last()).copied() {
            self.shards.par_iter_mut().for_each(|shard| shard.forget_waiting(until));
        }
    }

    /// Whether it is time to sweep: every eighth of the idle timeout, so that a flow is looked at a few times while it
    /// is silent and not at every round.
    fn due_sweep(&mut self, timeouts: Timeouts) -> bool {
        let swept = *self.swept.get_or_insert(self.clock);
        let due = timeouts.idle != i64::MAX && self.clock.since(swept) > timeouts.idle / 8;
        if due {
            self.swept = Some(self.clock);
        }
        due
    }

    /// Hands out the flows that ended in this round.
    fn hand_out(&mut self, emit: &mut (dyn FnMut(&mut Vec<FlowRecord>) + Send)) {
        let ended = self.shards.iter().flat_map(Shard::ended);
        tell(ended, &mut self.counts, emit);
        self.shards.iter_mut().for_each(Shard::forget_ended);
    }

    /// Ends everything that still lives.
    fn finish(&mut self, emit: &mut (dyn FnMut(&mut Vec<FlowRecord>) + Send)) {
        let mut last = Decodes::default();
        self.fragments.flush(&mut last);
        self.count(&[last]);
        self.hand_out(emit);
        self.shards.par_iter_mut().for_each(Shard::end_listening);
        // Not all that are over have been swept out: when that was done last depends on the batches.
        let (now, timeouts) = (self.now, Timeouts::from(self.options));
        let reason =
            |flow: &Flow| now.and_then(|now| flow.over(now, timeouts)).unwrap_or(EndReason::EndOfInput);
        let live = self.shards.iter().flat_map(Shard::flows).map(|flow| (reason(flow), flow));
        tell(live, &mut self.counts, emit);
    }

    /// The counts of the session and of its files.
    fn result(mut self, feed: &mut Feed) -> SessionResult {
        let mut mix = Mix::default();
        for decodes in &feed.decodes {
            mix.merge(&decodes.mix);
        }
        let mut captures = Vec::new();
        for outcome in feed.source.outcomes() {
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
                clock_jumps: counts.clock_jumps,
                longest_silence: counts.longest_silence,
                oversized: counts.oversized,
                skipped: counts.skipped,
                error: outcome.error,
                ..Capture::default()
            };
            captures.push((outcome.capture, capture));
        }
        self.counts.protocols = mix.protocols().collect();
        for (kind, timeline) in mix.timelines() {
            self.counts.timeline.merge(timeline);
            self.counts.series.insert(kind, timeline.clone());
        }
        self.counts.tunnels = mix.tunnels;
        SessionResult { counts: self.counts, captures }
    }
}

/// Finishes flows, counts them and hands them out, some at a time, in the order of their first packets.
fn tell<'a>(
    flows: impl Iterator<Item = (EndReason, &'a Flow)>,
    counts: &mut Analysis,
    emit: &mut (dyn FnMut(&mut Vec<FlowRecord>) + Send),
) {
    // The origins stand beside the flows: sorting must not fetch every flow from memory again and again.
    let mut flows: Vec<((u32, u64), EndReason, &Flow)> =
        flows.map(|(reason, flow)| (flow.origin, reason, flow)).collect();
    flows.par_sort_unstable_by_key(|(origin, ..)| *origin);
    let finish = |chunk: &[((u32, u64), EndReason, &Flow)]| {
        let finish = |(_, reason, flow): &((u32, u64), EndReason, &Flow)| flow.finish(*reason);
        chunk.par_iter().with_min_len(128).map(finish).collect::<Vec<_>>()
    };
    let mut chunks = flows.chunks(FLUSH);
    let mut records = chunks.next().map(finish).unwrap_or_default();
    while !records.is_empty() {
        // The next flows are finished while these are counted.
        let (next, ()) = rayon::join(
            || chunks.next().map(finish).unwrap_or_default(),
            || {
                summary::add_flows(counts, &records);
                emit(&mut records);
            },
        );
        records = next;
    }
}

//! One batch, decoded: packets sorted into shards, and everything that can be counted without a flow.

use std::collections::BTreeMap;
use std::ops::Range;

use capkeep_pcap::{Batch, Decoded, Fragment, Frame, LinkType, SkipReason, Timestamp, decode_into};

use crate::analysis::{Capture, Counts};
use crate::fragments::Piece;
use crate::meta::{Extra, Key, Meta, Packet, Place, SHARDS, Space, shard_of};
use crate::options::Options;
use crate::record::Protocol;
use crate::timeline::Timeline;
use crate::traffic::Traffic;

/// A batch and where its packets come from.
#[derive(Debug, Default)]
pub(crate) struct Load {
    pub(crate) batch: Batch,
    /// File of all its packets.
    pub(crate) capture: u32,
    /// File and number of each packet where they differ (inputs merged by time); empty otherwise.
    pub(crate) origins: Vec<(u32, u64)>,
}

/// What decoding a [`Load`] gives. Used again for the next one.
#[derive(Debug)]
pub(crate) struct Decodes {
    /// The packets' bytes.
    pub(crate) load: Load,
    /// All packets, and for each shard which of them are its own, in packet order.
    pub(crate) metas: Vec<Meta>,
    pub(crate) shards: Vec<Vec<u32>>,
    pub(crate) extras: Vec<Extra>,
    /// Fragments in packet order, for [`Fragments`](crate::fragments::Fragments).
    pub(crate) pieces: Vec<Piece>,
    pub(crate) files: Vec<(u32, FileCounts)>,
    /// Counts over all batches that were decoded into this.
    pub(crate) mix: Mix,
}

/// Counts of one file in one batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileCounts {
    pub(crate) packets: u64,
    pub(crate) wire_bytes: u64,
    pub(crate) captured_bytes: u64,
    pub(crate) truncated: u64,
    pub(crate) time_goes_back: u64,
    pub(crate) clock_jumps: u64,
    pub(crate) longest_silence: i64,
    pub(crate) oversized: u64,
    pub(crate) earliest: Option<Timestamp>,
    pub(crate) latest: Option<Timestamp>,
    /// Times of the first and the last packet in file order.
    pub(crate) opening: Option<Timestamp>,
    pub(crate) closing: Option<Timestamp>,
    pub(crate) link_types: Vec<(LinkType, u64)>,
    pub(crate) skipped: BTreeMap<SkipReason, u64>,
}

impl FileCounts {
    /// Counts packets that follow those counted so far.
    fn count(&mut self, frames: &[Frame]) {
        let mut previous = self.closing.map_or(0, Timestamp::nanos);
        let (mut earliest, mut latest) = (i64::MAX, i64::MIN);
        let (mut packets, mut link) = (0, frames.first().map_or(LinkType::NULL, |frame| frame.link_type));
        for frame in frames {
            let (wire_len, captured_len) = frame.lengths();
            self.wire_bytes += u64::from(wire_len);
            self.captured_bytes += u64::from(captured_len);
            self.truncated += u64::from(frame.captured_len < frame.wire_len);
            self.oversized += u64::from(wire_len > Capture::FRAME);
            if frame.link_type != link {
                bump(&mut self.link_types, link, packets);
                (packets, link) = (0, frame.link_type);
            }
            packets += 1;
            if frame.has_time {
                let at = frame.timestamp.nanos();
                if self.opening.is_some() {
                    self.step(at.saturating_sub(previous));
                }
                previous = at;
                earliest = earliest.min(at);
                latest = latest.max(at);
                if self.opening.is_none() {
                    self.opening = Some(frame.timestamp);
                }
                self.closing = Some(frame.timestamp);
            }
        }
        self.packets += frames.len() as u64;
        bump(&mut self.link_types, link, packets);
        if earliest <= latest {
            let (earliest, latest) = (Timestamp::from_nanos(earliest), Timestamp::from_nanos(latest));
            self.earliest = self.earliest.into_iter().chain([earliest]).min();
            self.latest = self.latest.max(Some(latest));
        }
    }

    /// Notes the time from one packet to the next.
    #[inline]
    fn step(&mut self, nanos: i64) {
        self.time_goes_back += u64::from(nanos < 0);
        self.clock_jumps += u64::from(nanos < -Capture::JUMP);
        self.longest_silence = self.longest_silence.max(nanos);
    }

    /// Adds the counts of the batch that follows.
    pub(crate) fn append(&mut self, next: &Self) {
        self.packets += next.packets;
        self.wire_bytes += next.wire_bytes;
        self.captured_bytes += next.captured_bytes;
        self.truncated += next.truncated;
        self.time_goes_back += next.time_goes_back;
        self.clock_jumps += next.clock_jumps;
        self.longest_silence = self.longest_silence.max(next.longest_silence);
        self.oversized += next.oversized;
        if let (Some(closing), Some(opening)) = (self.closing, next.opening) {
            self.step(opening.nanos().saturating_sub(closing.nanos()));
        }
        self.earliest = self.earliest.into_iter().chain(next.earliest).min();
        self.latest = self.latest.max(next.latest);
        self.opening = self.opening.or(next.opening);
        self.closing = next.closing.or(self.closing);
        for (link, packets) in &next.link_types {
            bump(&mut self.link_types, *link, *packets);
        }
        for (reason, packets) in &next.skipped {
            *self.skipped.entry(*reason).or_default() += packets;
        }
    }
}

/// Counts over all files.
#[derive(Debug)]
pub(crate) struct Mix {
    by_protocol: Vec<Counts>,
    arp: Counts,
    pub(crate) tunnels: BTreeMap<&'static str, Counts>,
    /// Packets over time by kind of traffic.
    timelines: [Timeline; Traffic::COUNT],
}

impl Default for Mix {
    fn default() -> Self {
        Self {
            by_protocol: vec![Counts::default(); 256],
            arp: Counts::default(),
            tunnels: BTreeMap::new(),
            timelines: std::array::from_fn(|_| Timeline::default()),
        }
    }
}

impl Mix {
    /// Protocols that occurred.
    pub(crate) fn protocols(&self) -> impl Iterator<Item = (Protocol, Counts)> {
        let numbered = self.by_protocol.iter().zip(0u8..=255).map(|(counts, n)| (Protocol::Ip(n), *counts));
        numbered.chain([(Protocol::Arp, self.arp)]).filter(|(_, counts)| counts.packets > 0)
    }

    /// Packets over time by kind of traffic, where there are any.
    pub(crate) fn timelines(&self) -> impl Iterator<Item = (Traffic, &Timeline)> {
        let all = Traffic::ALL.iter().copied().zip(&self.timelines);
        all.filter(|(_, timeline)| !timeline.buckets().1.is_empty())
    }

    /// Adds another's counts.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.by_protocol.iter_mut().zip(&other.by_protocol) {
            mine.add(*theirs);
        }
        self.arp.add(other.arp);
        for (kind, counts) in &other.tunnels {
            self.tunnels.entry(kind).or_default().add(*counts);
        }
        for (mine, theirs) in self.timelines.iter_mut().zip(&other.timelines) {
            mine.merge(theirs);
        }
    }

    #[inline]
    fn count(&mut self, packet: &Decoded, at: Option<Timestamp>, wire_len: u32) {
        let one = Counts { packets: 1, wire_bytes: u64::from(wire_len) };
        if packet.is_arp {
            self.arp.add(one);
        } else if let Some(counts) = self.by_protocol.get_mut(usize::from(packet.protocol)) {
            counts.add(one);
        }
        if let Some(tunnel) = &packet.tunnel {
            self.tunnels.entry(tunnel.kind.name()).or_default().add(one);
        }
        if let Some(at) = at
            && let Some(timeline) = self.timelines.get_mut(Traffic::of(packet) as usize)
        {
            timeline.add(at, u64::from(wire_len));
        }
    }
}

impl Default for Decodes {
    fn default() -> Self {
        Self {
            load: Load::default(),
            metas: Vec::new(),
            shards: (0..SHARDS).map(|_| Vec::new()).collect(),
            extras: Vec::new(),
            pieces: Vec::new(),
            files: Vec::new(),
            mix: Mix::default(),
        }
    }
}

impl Decodes {
    /// Forgets what was here, and makes room for so many packets.
    fn clear(&mut self, packets: usize) {
        self.metas.clear();
        self.metas.reserve(packets);
        self.shards.iter_mut().for_each(Vec::clear);
        self.extras.clear();
        self.pieces.clear();
        self.files.clear();
    }

    /// Puts a packet into the shard it belongs to.
    #[inline]
    pub(crate) fn push(&mut self, meta: Meta) {
        if let Some(shard) = self.shards.get_mut(shard_of(meta.hash)) {
            shard.push(self.metas.len() as u32);
            self.metas.push(meta);
        }
    }

    /// The packets of a shard, in order, at most so many at a time.
    pub(crate) fn of_shard(
        &self,
        shard: usize,
        most: usize,
    ) -> impl Iterator<Item = impl Iterator<Item = &Meta> + Clone> {
        let indices = self.shards.get(shard).map_or(&[][..], Vec::as_slice);
        indices.chunks(most).map(|some| some.iter().filter_map(|index| self.metas.get(*index as usize)))
    }

    /// A packet with its extra and its payload.
    #[inline]
    pub(crate) fn packet<'a>(&'a self, meta: &'a Meta) -> Packet<'a> {
        let extra = (meta.extra as usize).checked_sub(1).and_then(|index| self.extras.get(index));
        let (at, length) = (meta.payload_at as usize, meta.payload_captured as usize);
        let payload = self.load.batch.data.get(at..at + length).unwrap_or_default();
        Packet { meta, extra, payload }
    }

    /// Restores the order of packets after some were added to the end.
    pub(crate) fn sort(&mut self) {
        let metas = &self.metas;
        let order = |index: &u32| metas.get(*index as usize).map(|meta| meta.order);
        for shard in &mut self.shards {
            if !shard.is_sorted_by_key(order) {
                shard.sort_by_key(order);
            }
        }
    }

    /// Notes an extra; what a [`Meta`] refers to it by.
    pub(crate) fn note(&mut self, extra: Extra) -> u32 {
        self.extras.push(extra);
        self.extras.len() as u32
    }

    /// Decodes a load and keeps it, forgetting what was here.
    pub(crate) fn fill(&mut self, load: Load, options: &Options) {
        self.decode(&load, options);
        self.load = load;
    }

    fn decode(&mut self, load: &Load, options: &Options) {
        self.clear(load.batch.frames.len());
        let mut from = 0;
        while from < load.batch.frames.len() {
            let capture = load.origins.get(from).map_or(load.capture, |(capture, _)| *capture);
            // Packets of one file in a row; all of them where inputs are not merged.
            let until = match load.origins.get(from..) {
                Some(rest) if !rest.is_empty() => {
                    from + rest.iter().take_while(|(other, _)| *other == capture).count()
                }
                _ => load.batch.frames.len(),
            };
            let mut counts = match self.files.iter().position(|(file, _)| *file == capture) {
                Some(known) => self.files.swap_remove(known).1,
                None => FileCounts::default(),
            };
            self.stretch(load, from..until, capture, &mut counts, options);
            self.files.push((capture, counts));
            from = until;
        }
    }

    /// Decodes packets of one file that follow each other.
    fn stretch(
        &mut self,
        load: &Load,
        range: Range<usize>,
        capture: u32,
        counts: &mut FileCounts,
        options: &Options,
    ) {
        let first = range.start;
        let frames = load.batch.frames.get(range).unwrap_or_default();
        counts.count(frames);
        let mut packet = Decoded::default();
        for (frame, index) in frames.iter().zip(first..) {
            let number = match load.origins.get(index) {
                Some((_, number)) => *number,
                None => load.batch.first_number + index as u64,
            };
            let at = frame.timestamp;
            let outside = options.from.is_some_and(|from| at < from) || options.to.is_some_and(|to| at >= to);
            if outside && frame.has_time {
                *counts.skipped.entry(SkipReason::TimeRange).or_default() += 1;
                continue;
            }
            match decode_into(frame.link_type, load.batch.bytes(frame), frame.wire_len, &mut packet) {
                Err(reason) => *counts.skipped.entry(reason).or_default() += 1,
                Ok(()) if options.filter.as_ref().is_some_and(|f| !f.matches(&packet, frame.wire_len)) => {
                    *counts.skipped.entry(SkipReason::Filter).or_default() += 1;
                }
                Ok(()) => {
                    let (wire_len, captured_len) = frame.lengths();
                    let (order, has_time, start) = (index as u32, frame.has_time, frame.start);
                    let place = Place {
                        timestamp: at,
                        has_time,
                        order,
                        number,
                        capture,
                        start,
                        wire_len,
                        captured_len,
                    };
                    self.take(&packet, place);
                }
            }
        }
    }

    /// Sorts one packet into its shard.
    #[inline]
    fn take(&mut self, packet: &Decoded, place: Place) {
        self.mix.count(packet, place.has_time.then_some(place.timestamp), place.wire_len);
        let extra = match Extra::of(packet) {
            Some(extra) => self.note(extra),
            None => 0,
        };
        let meta = Meta::new(packet, place, extra);
        match packet.fragment {
            Fragment::No => self.push(meta),
            Fragment::First(id) => {
                self.pieces.push(Piece::new(packet, (id, 0), meta, true));
                self.push(meta);
            }
            Fragment::Later { id, offset } => self.pieces.push(Piece::new(packet, (id, offset), meta, false)),
        }
        if let Some(quote) = &packet.quoted {
            let of =
                Space { scope: packet.scope, protocol: quote.protocol, is_v6: quote.is_v6, is_arp: false };
            let source = (quote.source, quote.source_port);
            let destination = (quote.destination, quote.destination_port);
            let (key, _) = Key::new(source, destination, of);
            let bits = Meta::QUOTED | (meta.bits & Meta::TIMELESS);
            self.push(Meta { key, hash: key.hash(), bits, ..meta });
        }
    }
}

fn bump(table: &mut Vec<(LinkType, u64)>, link: LinkType, packets: u64) {
    if packets == 0 {
        return;
    }
    match table.iter_mut().find(|(known, _)| *known == link) {
        Some((_, count)) => *count += packets,
        None => table.push((link, packets)),
    }
}

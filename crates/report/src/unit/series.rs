//! Traffic over time by what it carries.

use std::collections::BTreeMap;

use capkeep_flow::{Analysis, Timeline, Traffic};
use serde::{Deserialize, Serialize};

/// Packets and bytes over time by kind of traffic, in buckets of `2^shift` nanoseconds that start at multiples of
/// their width: two series add up to the one of both, in any order and grouping.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// Width of a bucket: `2^shift` nanoseconds.
    pub shift: u32,
    /// Number of the first bucket: it starts at `base << shift` nanoseconds.
    pub base: i64,
    /// Buckets, the same number for each kind that occurred.
    pub lanes: BTreeMap<String, Lane>,
}

/// One kind of traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// Packets of each bucket.
    pub packets: Vec<u64>,
    /// Bytes on the wire of each bucket.
    pub wire_bytes: Vec<u64>,
}

impl Series {
    /// Most buckets.
    pub const MOST: usize = Timeline::MAX_BUCKETS;

    /// Of an analysis.
    pub(crate) fn of(analysis: &Analysis) -> Self {
        let (start, buckets) = analysis.timeline.buckets();
        if buckets.is_empty() {
            return Self::default();
        }
        let shift = analysis.timeline.bucket_nanos().max(1).ilog2();
        let mut all = Self { shift, base: start.nanos() >> shift, lanes: BTreeMap::new() };
        for kind in Traffic::ALL {
            let Some(timeline) = analysis.series.get(kind) else { continue };
            let (start, buckets) = timeline.buckets();
            let narrow = timeline.bucket_nanos().max(1).ilog2();
            for (at, counts) in (start.nanos() >> narrow..).zip(buckets) {
                if counts.packets > 0 {
                    all.put(kind.name(), at, narrow, counts.packets, counts.wire_bytes);
                }
            }
        }
        all.even();
        all
    }

    /// Width of a bucket; nanoseconds.
    pub const fn bucket_ns(&self) -> i64 {
        1 << if self.shift > 62 { 62 } else { self.shift }
    }

    /// Start of a bucket; nanoseconds since the epoch.
    pub const fn start_ns(&self, bucket: usize) -> i64 {
        self.base.saturating_add(bucket as i64).saturating_mul(self.bucket_ns())
    }

    /// Number of buckets.
    pub fn len(&self) -> usize {
        self.lanes.values().map(|lane| lane.packets.len()).max().unwrap_or(0)
    }

    /// True if nothing had a time.
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        if other.is_empty() {
            return;
        }
        if self.is_empty() {
            self.clone_from(other);
            return;
        }
        // The narrowest buckets in which both fit.
        let mut shift = self.shift.max(other.shift);
        while self.span(shift, other) > Self::MOST as i64 {
            shift += 1;
        }
        self.coarsen(shift);
        for (name, lane) in &other.lanes {
            for (i, (packets, wire_bytes)) in lane.packets.iter().zip(&lane.wire_bytes).enumerate() {
                if *packets > 0 {
                    self.put(name, other.base.saturating_add(i as i64), other.shift, *packets, *wire_bytes);
                }
            }
        }
        self.even();
    }

    /// Buckets that both take at a width.
    fn span(&self, shift: u32, other: &Self) -> i64 {
        let ends = [self, other].map(|series| {
            let by = shift.saturating_sub(series.shift).min(63);
            let last = series.base.saturating_add(series.len() as i64 - 1);
            (series.base >> by, last >> by)
        });
        let first = ends.iter().map(|(first, _)| *first).min().unwrap_or(0);
        let last = ends.iter().map(|(_, last)| *last).max().unwrap_or(0);
        last.saturating_sub(first).saturating_add(1)
    }

    /// Counts in the bucket that holds another of that width or less.
    fn put(&mut self, name: &str, bucket: i64, shift: u32, packets: u64, wire_bytes: u64) {
        let bucket = bucket >> self.shift.saturating_sub(shift).min(63);
        if bucket < self.base {
            let missing = usize::try_from(self.base.saturating_sub(bucket)).unwrap_or(0).min(Self::MOST);
            for lane in self.lanes.values_mut() {
                lane.packets.splice(0..0, std::iter::repeat_n(0, missing));
                lane.wire_bytes.splice(0..0, std::iter::repeat_n(0, missing));
            }
            self.base = bucket;
        }
        let slot = usize::try_from(bucket.saturating_sub(self.base)).unwrap_or(usize::MAX);
        if slot >= Self::MOST {
            return;
        }
        if !self.lanes.contains_key(name) {
            self.lanes.insert(name.to_owned(), Lane::default());
        }
        let Some(lane) = self.lanes.get_mut(name) else { return };
        if lane.packets.len() <= slot {
            lane.packets.resize(slot + 1, 0);
            lane.wire_bytes.resize(slot + 1, 0);
        }
        if let (Some(p), Some(b)) = (lane.packets.get_mut(slot), lane.wire_bytes.get_mut(slot)) {
            *p += packets;
            *b += wire_bytes;
        }
    }

    /// Gives all kinds the same number of buckets.
    fn even(&mut self) {
        let len = self.len();
        for lane in self.lanes.values_mut() {
            lane.packets.resize(len, 0);
            lane.wire_bytes.resize(len, 0);
        }
    }

    /// Makes buckets `2^shift` nanoseconds wide.
    fn coarsen(&mut self, shift: u32) {
        let by = shift.saturating_sub(self.shift).min(63);
        if by == 0 {
            return;
        }
        let base = self.base >> by;
        for lane in self.lanes.values_mut() {
            for counts in [&mut lane.packets, &mut lane.wire_bytes] {
                let mut wider: Vec<u64> = Vec::new();
                for (bucket, count) in (self.base..).zip(counts.iter()) {
                    let slot = ((bucket >> by) - base) as usize;
                    if slot >= wider.len() {
                        wider.resize(slot + 1, 0);
                    }
                    if let Some(sum) = wider.get_mut(slot) {
                        *sum += count;
                    }
                }
                *counts = wider;
            }
        }
        (self.base, self.shift) = (base, shift);
    }
}

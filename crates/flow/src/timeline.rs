//! Traffic over time, in a fixed number of buckets however long the capture is.

use crate::analysis::Counts;
use capkeep_pcap::Timestamp;

/// Packets and bytes per bucket of time.
///
/// Buckets are `2^shift` nanoseconds wide and start at multiples of their width, so that two timelines made of
/// different parts of the same traffic merge into the one that the whole would have made, in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    shift: u32,
    /// Number of the first bucket: its start is `base << shift`.
    base: i64,
    buckets: Vec<Counts>,
}

impl Timeline {
    /// Most buckets kept (chosen: four screens of 256 columns).
    pub const MAX_BUCKETS: usize = 1024;
    /// Narrowest bucket: 2^20 ns, about a millisecond (chosen: nobody looks closer in a summary).
    const MIN_SHIFT: u32 = 20;

    /// Width of a bucket in nanoseconds.
    pub fn bucket_nanos(&self) -> i64 {
        1 << self.shift.max(Self::MIN_SHIFT)
    }

    /// Start of the first bucket, and the buckets in order.
    pub fn buckets(&self) -> (Timestamp, &[Counts]) {
        (Timestamp::from_nanos(self.base << self.shift), &self.buckets)
    }

    /// Counts one packet.
    #[inline]
    pub fn add(&mut self, at: Timestamp, wire_bytes: u64) {
        let slot = (at.nanos() >> self.shift).wrapping_sub(self.base) as u64 as usize;
        if let Some(bucket) = self.buckets.get_mut(slot) {
            bucket.packets += 1;
            bucket.wire_bytes += wire_bytes;
        } else {
            self.add_outside(at, Counts { packets: 1, wire_bytes });
        }
    }

    /// Adds another timeline to this one.
    pub fn merge(&mut self, other: &Self) {
        if self.buckets.is_empty() {
            self.clone_from(other);
            return;
        }
        let (_, buckets) = other.buckets();
        for (i, counts) in buckets.iter().enumerate() {
            if counts.packets > 0 {
                self.coarsen(other.shift);
                self.add_outside(Timestamp::from_nanos((other.base + i as i64) << other.shift), *counts);
            }
        }
    }

    #[cold]
    fn add_outside(&mut self, at: Timestamp, counts: Counts) {
        if self.buckets.is_empty() {
            self.shift = self.shift.max(Self::MIN_SHIFT);
            self.base = at.nanos() >> self.shift;
            self.buckets.push(Counts::default());
        }
        loop {
            let slot = at.nanos() >> self.shift;
            let first = self.base.min(slot);
            let last = (self.base + self.buckets.len() as i64 - 1).max(slot);
            if last - first < Self::MAX_BUCKETS as i64 {
                if first < self.base {
                    let missing = (self.base - first) as usize;
                    self.buckets.splice(0..0, std::iter::repeat_n(Counts::default(), missing));
                    self.base = first;
                }
                self.buckets.resize((last - first + 1) as usize, Counts::default());
                if let Some(bucket) = self.buckets.get_mut((slot - first) as usize) {
                    bucket.packets += counts.packets;
                    bucket.wire_bytes += counts.wire_bytes;
                }
                return;
            }
            self.coarsen(self.shift + 1);
        }
    }

    /// Makes buckets at least `2^shift` nanoseconds wide.
    fn coarsen(&mut self, shift: u32) {
        if self.buckets.is_empty() {
            self.shift = self.shift.max(shift);
            return;
        }
        while self.shift < shift {
            let base = self.base >> 1;
            let mut wider = Vec::with_capacity(self.buckets.len() / 2 + 1);
            for (i, counts) in self.buckets.iter().enumerate() {
                let slot = (((self.base + i as i64) >> 1) - base) as usize;
                if slot == wider.len() {
                    wider.push(*counts);
                } else if let Some(last) = wider.last_mut() {
                    last.packets += counts.packets;
                    last.wire_bytes += counts.wire_bytes;
                }
            }
            self.base = base;
            self.buckets = wider;
            self.shift += 1;
        }
    }
}

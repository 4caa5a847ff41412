//! Values counted by size, in buckets that never move.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Numbers counted by size.
///
/// Values below 8 have a bucket each; above, every power of two is cut into eight equal parts, so that a bucket is at
/// most an eighth (12.5 %) wider than its lower end. The buckets are the same for whatever is counted: histograms add
/// up, in any order and grouping, to the one of everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// Values counted.
    pub count: u64,
    /// Their sum; held at the largest number there is.
    pub sum: u64,
    /// The smallest.
    pub min: Option<u64>,
    /// The largest.
    pub max: Option<u64>,
    /// Values by the number of their bucket; see [`Histogram::range`].
    pub buckets: BTreeMap<u16, u64>,
}

impl Histogram {
    /// Parts that a power of two is cut into, as a power of two (chosen: finer than a chart of 100 bars over a
    /// thousandfold can show).
    const PARTS: u32 = 3;

    /// Counts a value.
    pub fn add(&mut self, value: u64) {
        self.count += 1;
        self.sum = self.sum.saturating_add(value);
        self.min = Some(self.min.map_or(value, |min| min.min(value)));
        self.max = Some(self.max.map_or(value, |max| max.max(value)));
        *self.buckets.entry(Self::bucket(value)).or_default() += 1;
    }

    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.min = self.min.into_iter().chain(other.min).min();
        self.max = self.max.max(other.max);
        for (bucket, count) in &other.buckets {
            *self.buckets.entry(*bucket).or_default() += count;
        }
    }

    /// Number of the bucket of a value.
    pub fn bucket(value: u64) -> u16 {
        let bits = value.max(1).ilog2();
        if bits < Self::PARTS {
            return value as u16;
        }
        let part = (value >> (bits - Self::PARTS)) & ((1 << Self::PARTS) - 1);
        (((bits - Self::PARTS + 1) << Self::PARTS) as u64 + part) as u16
    }

    /// Smallest and largest value of a bucket.
    pub fn range(bucket: u16) -> (u64, u64) {
        let parts = 1u64 << Self::PARTS;
        let bucket = u64::from(bucket);
        if bucket < parts {
            return (bucket, bucket);
        }
        let shift = (bucket >> Self::PARTS) as u32 - 1;
        let of = |bucket: u64| {
            let wide = u128::from(parts + (bucket & (parts - 1))) << shift.min(64);
            u64::try_from(wide).unwrap_or(u64::MAX)
        };
        let low = of(bucket);
        let width = u64::try_from(1u128 << shift.min(64)).unwrap_or(u64::MAX);
        (low, low.saturating_add(width - 1))
    }

    /// The value that a share of all does not go beyond, in thousandths (500 is the median): the largest of its
    /// bucket, and never more than the largest of all. `None` of nothing.
    pub fn quantile(&self, thousandths: u32) -> Option<u64> {
        let max = self.max?;
        let wanted = (u128::from(self.count) * u128::from(thousandths.min(1_000))).div_ceil(1_000).max(1);
        let mut seen = 0u128;
        for (bucket, count) in &self.buckets {
            seen += u128::from(*count);
            if seen >= wanted {
                return Some(Self::range(*bucket).1.min(max));
            }
        }
        Some(max)
    }

    /// Mean; `None` of nothing.
    pub const fn mean(&self) -> Option<u64> {
        self.sum.checked_div(self.count)
    }

    /// True if nothing was counted.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_and_buckets_leave_no_gap() {
        for value in (0..5_000).chain([u64::MAX, u64::MAX / 3, 1 << 63, (1 << 63) - 1, 1_000_000_007]) {
            let (low, high) = Histogram::range(Histogram::bucket(value));
            assert!(low <= value && value <= high, "{value}: {low}..={high}");
            assert!(high - low <= (low / 8), "{value}: {low}..={high}");
        }
        let last = Histogram::bucket(u64::MAX);
        for bucket in 0..last {
            assert_eq!(Histogram::range(bucket).1 + 1, Histogram::range(bucket + 1).0, "{bucket}");
        }
        assert_eq!(Histogram::range(last).1, u64::MAX);
    }

    #[test]
    fn quantiles_are_right_to_a_bucket() {
        let mut all = Histogram::default();
        assert_eq!((all.quantile(500), all.mean()), (None, None));
        (1..=1_000).for_each(|value| all.add(value));
        assert_eq!((all.count, all.sum, all.min, all.max), (1_000, 500_500, Some(1), Some(1_000)));
        let median = all.quantile(500).unwrap();
        assert!((500..=575).contains(&median), "{median}");
        assert_eq!((all.quantile(1_000), all.quantile(0)), (Some(1_000), Some(1)));
    }
}

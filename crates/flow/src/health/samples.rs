//! Times of a flow, few enough to keep.

/// A bounded sample of times: exact smallest, largest and number; the rest thinned out evenly once there are too many.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples {
    /// In units of `1 << SHIFT` nanoseconds.
    kept: Vec<u32>,
    /// Every so many-th is kept, as a power of two.
    every: u32,
    count: u32,
    min: u32,
    max: u32,
}

impl Samples {
    /// Most times kept of a flow and direction (chosen: enough for a 95th percentile).
    const MOST: usize = 64;
    /// Times are kept in units of 64 ns: the largest is 275 s.
    const SHIFT: u32 = 6;

    /// Adds a time.
    pub(crate) fn add(&mut self, nanos: i64) {
        let value = u32::try_from(nanos.max(0) >> Self::SHIFT).unwrap_or(u32::MAX);
        (self.min, self.max) =
            if self.count == 0 { (value, value) } else { (self.min.min(value), self.max.max(value)) };
        if self.count & ((1 << self.every) - 1) == 0 {
            if self.kept.len() >= Self::MOST {
                // Every second one goes, from now on as well.
                let mut index = 0usize;
                self.kept.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.every = (self.every + 1).min(31);
            }
            if self.count & ((1 << self.every) - 1) == 0 {
                self.kept.push(value);
            }
        }
        self.count = self.count.saturating_add(1);
    }

    /// What there is to say of them.
    pub(crate) fn summary(&self) -> Option<Spread> {
        if self.count == 0 {
            return None;
        }
        let mut sorted = self.kept.clone();
        sorted.sort_unstable();
        let nanos = |value: u32| i64::from(value) << Self::SHIFT;
        let rank = |percent: usize| {
            let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            sorted.get(index).copied().map_or(0, nanos)
        };
        Some(Spread {
            count: u64::from(self.count),
            min: nanos(self.min),
            median: rank(50),
            p95: rank(95),
            max: nanos(self.max),
        })
    }
}

/// Smallest, middle and largest of some times; nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// Number of times.
    pub count: u64,
    /// Smallest.
    pub min: i64,
    /// Median (nearest rank), of an even sample where there are more than 64.
    pub median: i64,
    /// 95th percentile (nearest rank), of the same.
    pub p95: i64,
    /// Largest.
    pub max: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_exact_and_many_are_thinned_out_evenly() {
        let mut samples = Samples::default();
        assert_eq!(samples.summary(), None);
        for value in 1..=20 {
            samples.add(value * 6_400);
        }
        let spread = samples.summary().unwrap();
        assert_eq!((spread.count, spread.min, spread.max), (20, 6_400, 128_000));
        assert_eq!((spread.median, spread.p95), (64_000, 121_600));
        for value in 0..100_000i64 {
            samples.add(value * 64);
        }
        let spread = samples.summary().unwrap();
        assert!(samples.kept.len() <= Samples::MOST && samples.kept.len() >= Samples::MOST / 2);
        assert!((spread.median - 3_200_000).abs() < 320_000, "{spread:?}");
    }
}

//! Time stamps of pcapng interfaces.

use crate::Timestamp;

/// Nanoseconds of a second.
const SECOND: i128 = 1_000_000_000;

/// How an interface counts time: `if_tsresol` and `if_tsoffset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    /// Nanoseconds of one unit where they are whole and nothing is added; 0 otherwise.
    nanos: u64,
    resolution: u8,
    /// Seconds to add.
    offset: i64,
}

impl Clock {
    /// Microseconds: what holds without an `if_tsresol`.
    pub(super) const DEFAULT_RESOLUTION: u8 = 6;

    /// `resolution` is `if_tsresol`: a negative power of ten, or of two if the top bit is set. `offset` is
    /// `if_tsoffset` in seconds.
    pub(super) fn new(resolution: u8, offset: i64) -> Self {
        let nanos = match resolution {
            0..=9 if offset == 0 => 10_u64.pow(u32::from(9 - resolution)),
            _ => 0,
        };
        Self { nanos, resolution, offset }
    }

    /// The instant of a count of units since the epoch; a fraction of a nanosecond is dropped.
    #[inline]
    pub(super) fn timestamp(self, units: u64) -> Timestamp {
        match units.checked_mul(self.nanos).map(i64::try_from) {
            Some(Ok(nanos)) if self.nanos != 0 => Timestamp::from_nanos(nanos),
            _ => self.exactly(units),
        }
    }

    #[cold]
    fn exactly(self, units: u64) -> Timestamp {
        let exponent = u32::from(self.resolution & 0x7f);
        // 2^64 units of a second in nanoseconds stay below 2^94, so that neither product overflows.
        let nanos = i128::from(units) * SECOND;
        let nanos = if self.resolution & 0x80 != 0 {
            nanos >> exponent
        } else {
            10_i128.checked_pow(exponent).map_or(0, |unit| nanos / unit)
        };
        let nanos = nanos + i128::from(self.offset) * SECOND;
        Timestamp::from_nanos(nanos.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn every_resolution_and_any_count_gives_a_time() {
        for resolution in 0..=u8::MAX {
            for units in [0, 1, u64::from(u32::MAX), u64::MAX / 2, u64::MAX] {
                for offset in [0, 1, -1, i64::MAX, i64::MIN] {
                    let time = Clock::new(resolution, offset).timestamp(units);
                    if units == 0 && offset == 0 {
                        assert_eq!(time.nanos(), 0);
                    }
                }
            }
        }
    }

    #[test]
    fn units_are_powers_of_ten_or_two() {
        assert_eq!(Clock::new(6, 0).timestamp(1_500_000).nanos(), 1_500_000_000);
        assert_eq!(Clock::new(0, 0).timestamp(7).nanos(), 7_000_000_000);
        assert_eq!(Clock::new(9, 0).timestamp(7).nanos(), 7);
        assert_eq!(Clock::new(10, 0).timestamp(79).nanos(), 7);
        assert_eq!(Clock::new(12, 0).timestamp(1_999).nanos(), 1);
        assert_eq!(Clock::new(0x8a, 0).timestamp(1536).nanos(), 1_500_000_000);
        assert_eq!(Clock::new(6, -2).timestamp(1_000_000).nanos(), -1_000_000_000);
    }

    #[test]
    fn times_beyond_the_range_are_held_at_its_end() {
        assert_eq!(Clock::new(6, 0).timestamp(u64::MAX).nanos(), i64::MAX);
        assert_eq!(Clock::new(6, i64::MIN).timestamp(0).nanos(), i64::MIN);
    }
}

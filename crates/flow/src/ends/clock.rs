//! Offset and drift of two clocks, from packets that both captures have.

/// How the clock of the second capture stands to that of the first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Clocks {
    /// Second clock minus first, at [`Clocks::at`]; nanoseconds.
    pub offset: i64,
    /// How much faster the second one goes; parts per million.
    pub drift: f64,
    /// Where the offset is told: the middle of what both captures have, by the first clock; nanoseconds.
    pub at: i64,
}

impl Clocks {
    /// What the second clock shows more than the first when that one shows `at`; nanoseconds.
    pub fn offset_at(&self, at: i64) -> i64 {
        let since = at.saturating_sub(self.at) as f64;
        self.offset.saturating_add((since * self.drift / 1e6) as i64)
    }
}

/// A pair: time of the first capture, and how much later the second one has it, by its own clock.
pub(super) type Step = (i64, i64);

/// Stretches of time in which the fastest packets are looked for (chosen: enough for a slope, few enough that each has
/// fast ones).
const STRETCHES: i64 = 24;

/// From pairs that went from first to second, and from second to first.
pub(super) fn clocks(forth: &[Step], back: &[Step]) -> Option<Clocks> {
    let times = || forth.iter().chain(back).map(|(at, _)| *at);
    let (from, to) = (times().min()?, times().max()?);
    let length = ((to - from) / STRETCHES).max(1);
    // Without drift, the fastest ones alone.
    let least = forth.iter().map(|(_, step)| *step).min();
    let most = back.iter().map(|(_, step)| *step).max();
    let level = match (least, most) {
        (Some(least), Some(most)) => i64::midpoint(least, most),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return None,
    };
    let at = from + (to - from) / 2;
    // Both directions lean the same way where the clocks do: the lower edge of one, the upper edge of the other.
    let lower = edge(forth, from, length, |a, b| a < b);
    let upper = edge(back, from, length, |a, b| a > b);
    let slopes = [slope(&lower), slope(&upper)];
    let weights = [lower.len() as f64, upper.len() as f64];
    let (mut sum, mut weight) = (0.0, 0.0);
    for (slope, one) in slopes.iter().zip(weights) {
        if let Some(slope) = slope {
            sum += slope * one;
            weight += one;
        }
    }
    if weight == 0.0 || to == from {
        return Some(Clocks { offset: level, drift: 0.0, at });
    }
    let drift = sum / weight;
    let flat = |steps: &[Step]| -> Vec<i64> {
        steps.iter().map(|(time, step)| step - ((time - at) as f64 * drift) as i64).collect()
    };
    let least = flat(forth).into_iter().min();
    let most = flat(back).into_iter().max();
    let offset = match (least, most) {
        (Some(least), Some(most)) => i64::midpoint(least, most),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => level,
    };
    Some(Clocks { offset, drift: drift * 1e6, at })
}

/// The most extreme pair of each stretch.
fn edge(steps: &[Step], from: i64, length: i64, is_better: fn(i64, i64) -> bool) -> Vec<Step> {
    let mut best: Vec<Option<Step>> = vec![None; STRETCHES as usize + 1];
    for step in steps {
        let index = ((step.0 - from) / length).clamp(0, STRETCHES) as usize;
        if let Some(place) = best.get_mut(index)
            && place.is_none_or(|known| is_better(step.1, known.1))
        {
            *place = Some(*step);
        }
    }
    best.into_iter().flatten().collect()
}

/// Slope by the median of all slopes between two points (Theil–Sen): single late packets do not bend it.
fn slope(points: &[Step]) -> Option<f64> {
    let mut slopes = Vec::new();
    for (index, a) in points.iter().enumerate() {
        for b in points.iter().skip(index + 1) {
            if b.0 != a.0 {
                slopes.push((b.1 - a.1) as f64 / (b.0 - a.0) as f64);
            }
        }
    }
    slopes.sort_by(f64::total_cmp);
    slopes.get(slopes.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offset_and_drift_are_found_behind_delays() {
        let second = 1_000_000_000i64;
        let (offset, drift, way) = (3 * second, 50e-6, 10_000_000);
        let pairs = |sign: i64| -> Vec<Step> {
            (0..3_000i64)
                .map(|n| {
                    let at = n * 20_000_000;
                    let queue = (n * n * 7_919) % 4_000_000;
                    (at, offset + (at as f64 * drift) as i64 + sign * (way + queue))
                })
                .collect()
        };
        let clocks = clocks(&pairs(1), &pairs(-1)).unwrap();
        assert!((clocks.drift - 50.0).abs() < 1.0, "{clocks:?}");
        let expected = offset + (clocks.at as f64 * drift) as i64;
        assert!((clocks.offset - expected).abs() < 50_000, "{clocks:?} {expected}");
        assert!((clocks.offset_at(clocks.at + second) - clocks.offset - 50_000).abs() < 2_000);
    }

    #[test]
    fn one_direction_alone_gives_the_drift_and_an_offset_with_the_way_in_it() {
        let pairs: Vec<Step> = (0..100).map(|n| (n * 1_000_000_000, 5_000 + n * 20_000)).collect();
        let clocks = clocks(&pairs, &[]).unwrap();
        assert!((clocks.drift - 20.0).abs() < 0.1);
        assert!(super::clocks(&[], &[]).is_none());
    }
}

//! How many connections are used: a function of the bytes that came and of the troubles.

use std::time::Duration;

use tokio::time::Instant;

/// Connections at the beginning, where their number adapts (chosen: what browsers use, less than half of what pays off).
const FIRST: u16 = 4;
/// Most connections, where their number adapts (chosen: what is on the way in all of them is lost in a crash, and 16 are
/// ten times as fast as one where each is slow by itself).
const MOST: u16 = 16;
/// How long a level is measured (chosen: several round trips of a connection around the world).
const MEASURED: Duration = Duration::from_millis(150);
/// Longest time for that where few bytes come.
const MEASURED_AT_MOST: Duration = Duration::from_secs(2);
/// Bytes per connection that make a measurement worth something (chosen: beyond the slow start of TCP).
const MEASURED_BYTES: u64 = 256 << 10;
/// Requests per connection that do so as well, where small files are fetched (chosen: one more or less is no gain).
const MEASURED_REQUESTS: u64 = 8;
/// Part of what more connections would bring if each were as fast as the ones before, below which they are not kept
/// (chosen: between noise and a clear gain).
const MARGIN: f64 = 0.25;
/// How long a level stays that more connections did not improve; then it is tried again (chosen).
const SETTLED: Duration = Duration::from_secs(10);
/// How long there are no more connections after the service was busy or one broke off (chosen).
const CAREFUL: Duration = Duration::from_secs(3);
/// Troubles so close to each other count once: connections break off together.
const ONE_TROUBLE: Duration = Duration::from_secs(1);

/// Number of connections at once.
#[derive(Debug)]
pub(super) struct Ramp {
    level: u16,
    most: u16,
    adapts: bool,
    /// Level and bytes per second before the last step.
    before: Option<(u16, f64)>,
    stage: Stage,
    trouble: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The connections of a new level are made and become fast.
    Warming { since: Instant, from: Progress },
    /// What they bring is measured.
    Measuring { since: Instant, from: Progress },
    /// Nothing changes.
    Resting { until: Instant },
}

/// What has been done since the beginning.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// Bytes that came.
    pub(super) bytes: u64,
    /// Requests that were answered in full.
    pub(super) requests: u64,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The service asked for less.
    Busy,
    /// A connection broke off or stalled.
    Broken,
}

impl Ramp {
    pub(super) fn new(connections: Option<u16>, now: Instant) -> Self {
        let (level, most) = connections.map_or((FIRST, MOST), |most| (most.max(1), most.max(1)));
        let stage = Stage::Warming { since: now, from: Progress::default() };
        Self { level, most, adapts: connections.is_none(), before: None, stage, trouble: None }
    }

    /// Connections at once.
    pub(super) fn level(&self) -> u16 {
        self.level
    }

    /// Connections there may be.
    pub(super) fn most(&self) -> u16 {
        self.most
    }

    /// Less, after something went wrong.
    pub(super) fn trouble(&mut self, trouble: Trouble, now: Instant) {
        if self.trouble.is_none_or(|last| now >= last + ONE_TROUBLE) {
            self.trouble = Some(now);
            self.level = match trouble {
                Trouble::Busy => self.level / 2,
                Trouble::Broken => self.level - 1,
            }
            .max(1);
        }
        self.before = None;
        self.stage = Stage::Resting { until: now + CAREFUL };
    }

    /// Looks at how far it is; `is_used` if all connections are in use.
    pub(super) fn look(&mut self, now: Instant, progress: Progress, is_used: bool) {
        let warming = Stage::Warming { since: now, from: progress };
        match self.stage {
            Stage::Resting { until } if now < until => {}
            Stage::Resting { .. } => self.stage = warming,
            // Without demand there is nothing to be measured.
            _ if !is_used => self.stage = warming,
            Stage::Warming { since, from } if self.is_enough(now - since, from, progress) => {
                self.stage = Stage::Measuring { since: now, from: progress };
            }
            Stage::Measuring { since, from } if self.is_enough(now - since, from, progress) => {
                self.step((progress.bytes - from.bytes) as f64 / (now - since).as_secs_f64(), now);
                self.stage = match (self.adapts, self.before) {
                    (true, Some(_)) => warming,
                    (true, None) => Stage::Resting { until: now + SETTLED },
                    (false, _) => Stage::Resting { until: now + CAREFUL },
                };
            }
            _ => {}
        }
    }

    fn is_enough(&self, time: Duration, from: Progress, to: Progress) -> bool {
        let level = u64::from(self.level);
        let is_worth_something = to.bytes - from.bytes >= MEASURED_BYTES * level
            || to.requests - from.requests >= MEASURED_REQUESTS * level;
        time >= MEASURED_AT_MOST || (time >= MEASURED && is_worth_something)
    }

    fn step(&mut self, rate: f64, now: Instant) {
        if !self.adapts {
            // Back to what was asked for, after a trouble.
            self.level = self.most.min(self.level + 1);
            return;
        }
        if let Some((level, before)) = self.before.take() {
            let hoped = 1.0 + MARGIN * (f64::from(self.level) / f64::from(level) - 1.0);
            if rate < before * hoped {
                self.level = level;
                return;
            }
        }
        if self.level < self.most {
            self.before = Some((self.level, rate));
            // Doubled, but carefully where there was trouble.
            let is_careful = self.trouble.is_some_and(|last| now < last + 10 * CAREFUL);
            let step = if is_careful { 1 } else { self.level };
            self.level = self.most.min(self.level + step);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Level after some seconds of a network that brings `rate(level)` bytes in a second.
    fn after(ramp: &mut Ramp, start: Instant, seconds: u64, rate: impl Fn(u16) -> f64) -> Vec<u16> {
        let mut levels = vec![ramp.level()];
        let mut bytes = 0.0;
        for tick in 1..=seconds * 100 {
            bytes += rate(ramp.level()) / 100.0;
            let progress = Progress { bytes: bytes as u64, requests: 0 };
            ramp.look(start + Duration::from_millis(10) * tick as u32, progress, true);
            if levels.last() != Some(&ramp.level()) {
                levels.push(ramp.level());
            }
        }
        levels
    }

    #[tokio::test(start_paused = true)]
    async fn connections_grow_while_each_brings_its_share() {
        let start = Instant::now();
        let capped = |level: u16| f64::from(level) * 40e6;
        assert_eq!(after(&mut Ramp::new(None, start), start, 2, capped), [4, 8, 16]);
        let full = |level: u16| f64::from(level.min(9)) * 40e6;
        assert_eq!(after(&mut Ramp::new(None, start), start, 3, full), [4, 8, 16, 8]);
        assert_eq!(after(&mut Ramp::new(None, start), start, 3, |_| 900e6), [4, 8, 4]);
        assert_eq!(after(&mut Ramp::new(Some(16), start), start, 20, capped), [16]);
    }

    #[tokio::test(start_paused = true)]
    async fn troubles_cost_connections_once_each_and_they_come_back_slowly() {
        let start = Instant::now();
        let mut ramp = Ramp::new(Some(16), start);
        for _ in 0..16 {
            ramp.trouble(Trouble::Busy, start);
        }
        assert_eq!(ramp.level(), 8);
        let levels = after(&mut ramp, start, 60, |level| f64::from(level) * 40e6);
        assert_eq!(levels, [8, 9, 10, 11, 12, 13, 14, 15, 16]);
        let mut ramp = Ramp::new(None, start);
        ramp.trouble(Trouble::Broken, start);
        assert_eq!(ramp.level(), 3);
        for second in 2..100 {
            ramp.trouble(Trouble::Busy, start + Duration::from_secs(second));
        }
        assert_eq!(ramp.level(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn without_demand_nothing_grows() {
        let start = Instant::now();
        let mut ramp = Ramp::new(None, start);
        for tick in 1..100u64 {
            let progress = Progress { bytes: tick << 24, requests: tick };
            ramp.look(start + Duration::from_millis(100) * tick as u32, progress, false);
        }
        assert_eq!(ramp.level(), 4);
    }
}

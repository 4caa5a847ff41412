//! Whether to try again, and when: a function of the errors and their times.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;

/// First pause, doubled with each further error (chosen: unnoticed by a person, enough for a service that stumbles).
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause (chosen: a network that is back is noticed soon).
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// Answers in a row that make no sense before it is believed that there will be no other (chosen).
const SENSELESS_ANSWERS: u32 = 3;

/// What is left of the readiness to try again.
#[derive(Debug)]
pub(super) struct Patience {
    retry_for: Duration,
    /// When the last byte came.
    progress: Instant,
    errors: u32,
    senseless: u32,
}

impl Patience {
    /// Full of it.
    pub(super) fn new(retry_for: Duration, now: Instant) -> Self {
        Self { retry_for, progress: now, errors: 0, senseless: 0 }
    }

    /// Bytes came.
    pub(super) fn progressed(&mut self, now: Instant) {
        self.progress = now;
        self.errors = 0;
        self.senseless = 0;
    }

    /// How long to wait before trying again; nothing if that makes no sense. `jitter` is between 0 and 1.
    pub(super) fn after(&mut self, error: &Error, now: Instant, jitter: f64) -> Option<Duration> {
        let asked = match error {
            Error::Busy { retry_after, .. } => *retry_after,
            Error::Transport { .. } => None,
            Error::Unexpected { .. } => {
                self.senseless += 1;
                if self.senseless >= SENSELESS_ANSWERS {
                    return None;
                }
                None
            }
            _ => return None,
        };
        let pause = FIRST_PAUSE.saturating_mul(1 << self.errors.min(16)).min(LONGEST_PAUSE);
        self.errors += 1;
        // Between half of it and all of it, so that connections that broke off together do not come back together; never
        // before the time the service named.
        let pause = match asked {
            Some(asked) => asked + FIRST_PAUSE.mul_f64(jitter),
            None => pause.mul_f64(0.5 + 0.5 * jitter),
        };
        (now + pause < self.progress + self.retry_for).then_some(pause)
    }
}

/// A number between 0 and 1, another one each time.
pub(super) fn jitter() -> f64 {
    // A new state hashes nothing differently each time.
    (RandomState::new().build_hasher().finish() >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(retry_after: Option<Duration>) -> Error {
        Error::Busy { what: "x".into(), status: 503, code: String::new(), retry_after }
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_double_end_after_the_time_without_progress_and_begin_anew_with_it() {
        let start = Instant::now();
        let mut patience = Patience::new(Duration::from_mins(1), start);
        let mut now = start;
        let mut pauses = Vec::new();
        while let Some(pause) = patience.after(&busy(None), now, 1.0) {
            pauses.push(pause.as_millis());
            now += pause;
        }
        assert_eq!(pauses, [200, 400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000]);
        patience.progressed(now);
        assert_eq!(patience.after(&busy(None), now, 0.0), Some(Duration::from_millis(100)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_the_service_names_is_kept_and_is_not_waited_for_in_vain() {
        let now = Instant::now();
        let mut patience = Patience::new(Duration::from_mins(1), now);
        let pause = patience.after(&busy(Some(Duration::from_secs(20))), now, 0.5).unwrap();
        assert!(pause >= Duration::from_secs(20) && pause < Duration::from_secs(21));
        assert_eq!(patience.after(&busy(Some(Duration::from_mins(2))), now, 0.5), None);
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_are_final_and_nonsense_is_after_a_while() {
        let now = Instant::now();
        let mut patience = Patience::new(Duration::from_mins(1), now);
        let missing = Error::Missing { what: "x".into(), code: String::new() };
        assert_eq!(patience.after(&missing, now, 0.5), None);
        let senseless = Error::Unexpected { what: "x".into(), why: "y".into() };
        let tries = (0..10).take_while(|_| patience.after(&senseless, now, 0.5).is_some()).count();
        assert_eq!(tries, 2);
    }

    #[test]
    fn jitter_is_between_nothing_and_one_and_differs() {
        let all: Vec<_> = (0..100).map(|_| jitter()).collect();
        assert!(all.iter().all(|one| (0.0..1.0).contains(one)));
        assert!(all.iter().any(|one| *one < 0.5) && all.iter().any(|one| *one > 0.5));
    }
}

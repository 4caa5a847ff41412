//! How fast bytes may come.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Time lost that may be made up for (chosen: covers late timers, and is too short to be a burst).
const CATCH_UP: Duration = Duration::from_millis(50);

/// Most bytes in a second over all connections: each chunk books the time it takes, and waits until that is over.
#[derive(Debug)]
pub(super) struct Rate {
    bytes_per_second: Option<u64>,
    booked: Mutex<Instant>,
}

impl Rate {
    pub(super) fn new(bytes_per_second: Option<u64>, now: Instant) -> Self {
        Self { bytes_per_second: bytes_per_second.map(|rate| rate.max(1)), booked: Mutex::new(now) }
    }

    /// Waits as long as so many bytes take.
    pub(super) async fn take(&self, bytes: u64) {
        let Some(rate) = self.bytes_per_second else { return };
        let now = Instant::now();
        let until = {
            let mut booked = self.booked.lock().unwrap_or_else(PoisonError::into_inner);
            let from = now.checked_sub(CATCH_UP).map_or(*booked, |earliest| earliest.max(*booked));
            *booked = from + Duration::from_secs_f64(bytes as f64 / rate as f64);
            *booked
        };
        if until > now {
            sleep_until(until).await;
        }
    }
}

//! How much passed.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Counts bytes, and wakes who waits for them.
#[derive(Debug, Default)]
pub(super) struct Meter {
    bytes: Mutex<u64>,
    more: Condvar,
}

impl Meter {
    pub(super) fn add(&self, bytes: u64) {
        *self.bytes.lock().unwrap_or_else(PoisonError::into_inner) += bytes;
        self.more.notify_all();
    }

    pub(super) fn bytes(&self) -> u64 {
        *self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until so many passed; false if they do not in time.
    pub(super) fn wait_for(&self, bytes: u64, longest: Duration) -> bool {
        let all = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.more.wait_timeout_while(all, longest, |all| *all < bytes);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

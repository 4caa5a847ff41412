//! A word to stop, given from anywhere.

use std::sync::Arc;

use tokio::sync::watch;

/// Tells downloads to stop: the partial file stays, and the next run goes on with it. Its clones are one.
#[derive(Clone, Debug)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

impl Stop {
    /// Nobody has stopped yet.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Stops, from any thread.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// True once it was stopped.
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is stopped.
    pub async fn stopped(&self) {
        // The sender lives as long as `self`: it ends only with the word.
        let _ = self.0.subscribe().wait_for(|is_stopped| *is_stopped).await;
    }
}

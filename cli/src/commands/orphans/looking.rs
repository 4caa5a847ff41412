//! Progress of looking: how much was seen so far, on standard error.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A line where somebody looks, nothing elsewhere. It is there while something is looked at.
pub(super) struct Looking {
    is_seen: bool,
    bar: Mutex<Option<ProgressBar>>,
    files: AtomicUsize,
}

impl Looking {
    pub(super) fn new(quiet: bool) -> Self {
        let is_seen = !quiet && io::stderr().is_terminal();
        Self { is_seen, bar: Mutex::default(), files: AtomicUsize::new(0) }
    }

    pub(super) fn say(&self, what: &str) {
        if !self.is_seen {
            return;
        }
        let mut bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bar.get_or_insert_with(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        bar.set_message(what.to_owned());
    }

    pub(super) fn files(&self, more: usize) {
        let files = self.files.fetch_add(more, Ordering::Relaxed) + more;
        self.say(&format!("looking at files: {files}"));
    }

    /// Takes the line away.
    pub(super) fn rest(&self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.rest();
    }
}

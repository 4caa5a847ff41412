//! Progress of looking: how much was seen so far, on standard error.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A line where somebody looks, nothing elsewhere.
pub(super) struct Looking {
    bar: Option<ProgressBar>,
    files: AtomicUsize,
}

impl Looking {
    pub(super) fn new(quiet: bool) -> Self {
        let bar = (!quiet && io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar, files: AtomicUsize::new(0) }
    }

    pub(super) fn say(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.to_owned());
        }
    }

    pub(super) fn files(&self, more: usize) {
        let files = self.files.fetch_add(more, Ordering::Relaxed) + more;
        self.say(&format!("looking at files: {files}"));
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

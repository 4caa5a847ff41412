//! Progress on standard error: how much, how fast, how long still. Nothing where nobody looks.

use std::io::{self, IsTerminal};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Nothing is shown of an analysis that takes less (chosen: below it a bar is a flicker).
const PATIENCE: Duration = Duration::from_millis(400);

/// A progress bar that appears when there is something to wait for.
pub(crate) struct Progress {
    started: Instant,
    /// Bytes in all, if they are known.
    total: Option<u64>,
    shown: bool,
    bar: OnceLock<ProgressBar>,
    done: std::sync::atomic::AtomicU64,
}

impl Progress {
    pub(crate) fn new(total: Option<u64>, quiet: bool) -> Self {
        Self {
            started: Instant::now(),
            total,
            shown: !quiet && io::stderr().is_terminal(),
            bar: OnceLock::new(),
            done: std::sync::atomic::AtomicU64::new(0),
        }
    }

    /// Counts bytes that were read.
    pub(crate) fn add(&self, bytes: u64) {
        if !self.shown {
            return;
        }
        let done = self.done.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed) + bytes;
        if self.bar.get().is_some() || self.started.elapsed() > PATIENCE {
            self.bar.get_or_init(|| self.start()).set_position(done);
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }

    fn start(&self) -> ProgressBar {
        let bar = match self.total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::new_spinner(),
        };
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let template = match self.total {
            Some(_) => {
                "{bar:30} {percent:>3} %  {decimal_bytes} of {decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left"
            }
            None => "{spinner} {decimal_bytes}  {decimal_bytes_per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
        }
        bar.with_elapsed(self.started.elapsed())
    }
}

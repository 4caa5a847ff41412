//! Progress on standard error: how much, how fast, how long still. Nothing where nobody looks.

use std::io::{self, IsTerminal};
use std::sync::Once;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Nothing is shown of an analysis that takes less (chosen: below it a bar is a flicker).
const PATIENCE: Duration = Duration::from_millis(400);

/// A progress bar that appears when there is something to wait for.
pub(crate) struct Progress {
    /// None where nobody looks.
    bar: Option<ProgressBar>,
    started: Instant,
    appeared: Once,
}

impl Progress {
    pub(crate) fn new(total: Option<u64>, quiet: bool) -> Self {
        let seen = !quiet && io::stderr().is_terminal();
        Self { bar: seen.then(|| hidden(total)), started: Instant::now(), appeared: Once::new() }
    }

    /// Counts bytes that were read.
    pub(crate) fn add(&self, bytes: u64) {
        let Some(bar) = &self.bar else { return };
        bar.inc(bytes);
        if !self.appeared.is_completed() && self.started.elapsed() > PATIENCE {
            self.appeared.call_once(|| bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10)));
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A bar that counts, and is not drawn yet.
fn hidden(total: Option<u64>) -> ProgressBar {
    let template = match total {
        Some(_) => {
            "{bar:30} {percent:>3} %  {decimal_bytes} of {decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left"
        }
        None => "{spinner} {decimal_bytes}  {decimal_bytes_per_sec}",
    };
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(if total.is_some() {
            style.progress_chars("█▉▊▋▌▍▎▏ ")
        } else {
            style
        });
    }
    bar
}

//! Progress of a download on standard error: each file that is under way, and all together.

use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};

use capkeep_report::terminal::visible;
use capkeep_storage::download::Event;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Files that are shown at the same time (chosen: what fits above a prompt).
const MOST_SHOWN: usize = 8;

/// Bars where somebody looks, nothing elsewhere.
pub(crate) struct Fetching {
    bars: Option<Bars>,
}

struct Bars {
    names: Vec<String>,
    all: MultiProgress,
    total: ProgressBar,
    files: Mutex<HashMap<usize, File>>,
}

#[derive(Default)]
struct File {
    bar: Option<ProgressBar>,
    /// Bytes of it that are in the total.
    counted: u64,
}

impl Fetching {
    pub(crate) fn new(names: Vec<String>, bytes: u64, quiet: bool) -> Self {
        let is_seen = !quiet && io::stderr().is_terminal();
        Self { bars: is_seen.then(|| Bars::new(names, bytes)) }
    }

    /// Takes notice of an event.
    pub(crate) fn tell(&self, event: &Event) {
        if let Some(bars) = &self.bars {
            bars.tell(event);
        }
    }

    /// Takes the bars away.
    pub(crate) fn finish(&self) {
        if let Some(bars) = &self.bars {
            bars.total.finish_and_clear();
            let _ = bars.all.clear();
        }
    }
}

impl Bars {
    fn new(names: Vec<String>, bytes: u64) -> Self {
        let all = MultiProgress::new();
        let total = all.add(ProgressBar::new(bytes));
        total.set_style(style(
            "{bar:30} {percent:>3} %  {decimal_bytes} of {decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left",
        ));
        Self { names, all, total, files: Mutex::default() }
    }

    fn tell(&self, event: &Event) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started { file, bytes } => {
                let shown = files.values().filter(|file| file.bar.is_some()).count();
                let one = files.entry(*file).or_default();
                if shown < MOST_SHOWN && self.names.len() > 1 && one.bar.is_none() {
                    let bar = self.all.insert_before(&self.total, ProgressBar::new(*bytes));
                    bar.set_style(style("{bar:30} {percent:>3} %  {decimal_total_bytes:>10}  {msg}"));
                    bar.set_message(visible(self.names.get(*file).map_or("", String::as_str)));
                    one.bar = Some(bar);
                }
            }
            Event::Resumed { file, bytes } | Event::Bytes { file, bytes } => {
                let one = files.entry(*file).or_default();
                one.counted += bytes;
                self.total.inc(*bytes);
                if let Some(bar) = &one.bar {
                    bar.inc(*bytes);
                }
            }
            Event::Afresh { file, .. } => {
                let one = files.entry(*file).or_default();
                self.total.dec(one.counted);
                one.counted = 0;
                if let Some(bar) = &one.bar {
                    bar.set_position(0);
                }
            }
            Event::Done { file } | Event::Unchanged { file } | Event::Failed { file, .. } => {
                if let Some(File { bar: Some(bar), .. }) = files.remove(file) {
                    bar.finish_and_clear();
                    self.all.remove(&bar);
                }
            }
            _ => {}
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("█▉▊▋▌▍▎▏ ")
}

//! Labels and values of one thing, one below the other. Nothing is shortened: ids and addresses are there to be copied.

use std::fmt::Write;

use capkeep_report::terminal::visible;

/// Labels and values under a title.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    title: String,
    lines: Vec<(String, String, bool)>,
}

impl Sheet {
    /// An empty one.
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), lines: Vec::new() }
    }

    /// Adds a value; an empty label goes on with the one before.
    pub(crate) fn line(&mut self, label: &str, text: impl Into<String>) {
        self.lines.push((label.to_owned(), text.into(), false));
    }

    /// Adds a value that names a problem.
    pub(crate) fn problem(&mut self, label: &str, text: impl Into<String>) {
        self.lines.push((label.to_owned(), text.into(), true));
    }

    pub(super) fn draw(&self, color: bool) -> String {
        let wide = self.lines.iter().map(|(label, ..)| label.chars().count()).max().unwrap_or(0);
        let (bold, red, plain) = if color { ("\x1b[1m", "\x1b[31m", "\x1b[0m") } else { ("", "", "") };
        let mut text = format!("{bold}{}{plain}\n", visible(&self.title));
        for (label, value, is_problem) in &self.lines {
            let (on, off) = if *is_problem { (red, plain) } else { ("", "") };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {label:wide$}  {on}{}{off}", visible(value));
        }
        text
    }
}

//! Errors, told: what went wrong on the first line, then what can be done.

use std::fmt;
use std::io::{self, Write};

use capkeep_report::terminal::visible;

/// An error that knows a way out.
#[derive(Debug)]
pub(crate) struct Hinted {
    what: String,
    hint: String,
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Hinted {}

/// An error and what can be done about it.
pub(crate) fn hinted(what: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    Hinted { what: what.into(), hint: hint.into() }.into()
}

/// Writes an error to standard error. If even that is closed, nobody listens.
pub(crate) fn tell(error: &anyhow::Error) {
    let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    line(&format!("error: {}", visible(&chain.join(": "))));
    if let Some(hinted) = error.downcast_ref::<Hinted>() {
        for part in hinted.hint.lines() {
            line(&format!("  {}", visible(part)));
        }
    }
}

/// Writes a warning about something to standard error.
pub(crate) fn warn(about: &str, what: &str) {
    line(&format!("warning: {}: {}", visible(about), visible(what)));
}

fn line(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

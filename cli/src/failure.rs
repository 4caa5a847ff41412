//! Errors, told: what went wrong on the first line, then what can be done.

use std::fmt;
use std::io::{self, Write};

use capkeep_report::terminal::visible;

/// An error that knows a way out.
#[derive(Debug)]
pub(crate) struct Hinted {
    what: String,
    hint: String,
    code: u8,
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Hinted {}

/// An error and what can be done about it.
pub(crate) fn hinted(what: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    Hinted { what: what.into(), hint: hint.into(), code: ERROR }.into()
}

/// Exit code of an error.
const ERROR: u8 = 2;

/// Exit code after Ctrl-C: 128 and the number of SIGINT, as shells count.
const INTERRUPTED: u8 = 130;

/// What is said after Ctrl-C.
pub(crate) fn interrupted(what: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    Hinted { what: what.into(), hint: hint.into(), code: INTERRUPTED }.into()
}

/// The exit code that belongs to an error.
pub(crate) fn code(error: &anyhow::Error) -> u8 {
    error.downcast_ref::<Hinted>().map_or(ERROR, |hinted| hinted.code)
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

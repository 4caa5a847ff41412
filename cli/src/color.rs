//! How wide and how colourful standard output may be.

use std::env;
use std::io::{self, IsTerminal};

use capkeep_report::terminal::Page;
use clap::ValueEnum;

/// Columns where nothing says how many there are.
const WIDTH: usize = 80;

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// If standard output is a terminal, `NO_COLOR` is not set and TERM is not `dumb`
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The page standard output is.
pub(crate) fn page(color: ColorChoice, width: Option<u16>) -> Page {
    let terminal = io::stdout().is_terminal();
    let color = match color {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            terminal
                && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                && env::var_os("TERM").is_none_or(|term| term != "dumb")
        }
    };
    let width = width
        .map(usize::from)
        .or_else(|| env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()))
        .or_else(|| terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0.into()))
        .filter(|width| *width > 0)
        .unwrap_or(WIDTH);
    Page { width, color }
}

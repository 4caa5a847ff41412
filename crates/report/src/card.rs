//! A finding or another piece of news, with what backs it.

use crate::Value;
use crate::table::{Block, Facts};

/// How much a piece of news matters; the worst is the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Nothing is wrong.
    Fine,
    /// Good to know.
    Note,
    /// Worth a look.
    Warning,
    /// Something is broken.
    Critical,
}

impl Level {
    /// The word that people read.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// A piece of news that stands on its own: what it says, whom it is about, and what backs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// How much it matters.
    pub level: Level,
    /// What it says, in one sentence. It may hold names from a file: a renderer escapes it.
    pub title: String,
    /// Name of this card within its page, for links to it: letters, digits and `-`; nothing if none leads here.
    pub id: Option<String>,
    /// Labelled values: whom it is about, how sure it is, filters and commands to copy.
    pub lines: Vec<(&'static str, Vec<Value>)>,
    /// What backs it; folded away where that can be done.
    pub evidence: Vec<Block>,
}

impl Card {
    /// The card without its evidence as labelled values.
    pub fn facts(&self) -> Facts {
        Facts { title: format!("{}: {}", self.level.word(), self.title), lines: self.lines.clone() }
    }
}

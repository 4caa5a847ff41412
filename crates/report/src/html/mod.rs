//! Chapters of [`Block`]s as one HTML page that needs nothing but itself.
//!
//! A page asks nobody for anything: a content security policy forbids every request, and lets only the style and the
//! script run that are written here. It reads without JavaScript; with it tables are sorted and filtered, charts over
//! time are zoomed, and filters and commands are copied. Everything that reaches a page goes through [`escape`].

mod escape;

use std::fmt::Write as _;

use crate::{Block, Level};

/// A page to write.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// What it is, as its heading and in the title bar.
    pub title: &'a str,
    /// What it is about, in a line below the heading: how many captures, from when to when.
    pub about: &'a str,
    /// What a reader has to know first, the worst first, in plain words.
    pub lead: &'a [Headline],
    /// The chapters, in the order they are shown.
    pub chapters: &'a [Chapter],
    /// Links to other pages of the report, such as back to the index.
    pub links: &'a [Link],
    /// What made the page and of what, at its end: names and values.
    pub footer: &'a [(&'static str, String)],
}

/// A line of the lead.
#[derive(Clone, Debug, PartialEq)]
pub struct Headline {
    /// How much it matters.
    pub level: Level,
    /// What it says, in a sentence.
    pub words: String,
    /// Where it is told in full: `#` and the id of a chapter or a card, or a path relative to the page.
    pub to: Option<String>,
}

/// A chapter of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Chapter {
    /// Its name within the page, for links to it: letters, digits and `-`, unique.
    pub id: String,
    /// Its heading, short enough for the navigation.
    pub title: String,
    /// The question it answers.
    pub question: String,
    /// The answer; a chapter of no blocks is left out.
    pub blocks: Vec<Block>,
}

/// A link to another page of the report.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Its words.
    pub words: String,
    /// A path relative to the page.
    pub to: String,
}

/// The whole page, the same bytes for the same content.
pub fn page(page: &Page<'_>) -> String {
    let mut out = String::new();
    let _ = write!(out, "<!doctype html><title>{}</title>", escape::text(page.title));
    out
}

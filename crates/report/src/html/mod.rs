//! Chapters of [`Block`]s as one HTML page that needs nothing but itself.
//!
//! A page asks nobody for anything: a content security policy forbids every request, and lets only the style and the
//! script run that are written here. It reads without JavaScript; with it tables are sorted and filtered, charts over
//! time are zoomed, and filters and commands are copied. Everything that reaches a page goes through `escape`.

mod cell;
mod chart;
mod escape;
mod table;
mod words;

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

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

/// The style of a page.
const STYLE: &str = concat!(include_str!("assets/page.css"), include_str!("assets/chart.css"));
/// The script of a page; each file is a function of its own.
const SCRIPT: &str = concat!(
    include_str!("assets/page.js"),
    include_str!("assets/table.js"),
    include_str!("assets/time.js"),
    include_str!("assets/matrix.js"),
    include_str!("assets/ready.js"),
);

/// The whole page, the same bytes for the same content.
pub fn page(page: &Page<'_>) -> String {
    let mut out = String::with_capacity(1 << 16);
    head(&mut out, page.title);
    let _ = write!(
        out,
        "<body>{}<a class=\"skip\" href=\"#main\">Skip to the report</a><header class=\"top\">",
        words::shapes()
    );
    if !page.links.is_empty() {
        out.push_str("<nav aria-label=\"Pages\">");
        for link in page.links {
            let _ = write!(out, "<a href=\"{}\">{}</a> ", escape::link(&link.to), escape::text(&link.words));
        }
        out.push_str("</nav>");
    }
    let _ = write!(out, "<h1>{}</h1>", escape::text(page.title));
    if !page.about.is_empty() {
        let _ = write!(out, "<p class=\"about\">{}</p>", escape::text(page.about));
    }
    out.push_str("</header>");

    let chapters: Vec<(String, &Chapter)> = page
        .chapters
        .iter()
        .filter(|chapter| !chapter.blocks.is_empty())
        .map(|chapter| (escape::id(&chapter.id), chapter))
        .collect();
    out.push_str("<div class=\"layout\">");
    if chapters.len() > 1 {
        out.push_str("<nav class=\"chapters\" aria-label=\"Chapters\"><ul>");
        for (id, chapter) in &chapters {
            let mark = worst(&chapter.blocks).filter(|level| *level >= Level::Warning);
            let mark = mark.map(cell::shape).unwrap_or_default();
            let _ = write!(out, "<li><a href=\"#{id}\">{}{mark}</a></li>", escape::text(&chapter.title));
        }
        out.push_str("</ul></nav>");
    }
    out.push_str("<main id=\"main\">");
    words::lead(&mut out, page.lead);
    for (id, chapter) in &chapters {
        let _ = write!(
            out,
            "<section class=\"chapter\" id=\"{id}\" aria-labelledby=\"{id}-title\"><h2 id=\"{id}-title\">{}</h2>\
             <p class=\"question\">{}</p><div class=\"blocks\">",
            escape::text(&chapter.title),
            escape::text(&chapter.question)
        );
        blocks(&mut out, &chapter.blocks, id);
        out.push_str("</div></section>");
    }
    out.push_str("</main></div><footer><dl>");
    for (name, value) in page.footer {
        let _ = write!(out, "<div><dt>{}</dt><dd>{}</dd></div>", escape::text(name), escape::text(value));
    }
    let _ = write!(out, "</dl></footer><script>{SCRIPT}</script></body></html>");
    out.push('\n');
    out
}

/// What comes before the body. The policy allows no request; what may run and style is known by its hash.
fn head(out: &mut String, title: &str) {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src {}; script-src {}; \
         img-src data:; base-uri 'none'; form-action 'none'\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"referrer\" content=\"no-referrer\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{}</title><link rel=\"icon\" href=\"data:,\"><style>{STYLE}</style></head>",
        hash(STYLE),
        hash(SCRIPT),
        escape::text(title)
    );
}

/// The worst level of the cards among the blocks.
fn worst(blocks: &[Block]) -> Option<Level> {
    let levels =
        blocks.iter().filter_map(|block| if let Block::Card(card) = block { Some(card.level) } else { None });
    levels.max()
}

/// Blocks one after the other; `id` is unique to where they stand.
fn blocks(out: &mut String, blocks: &[Block], id: &str) {
    for (n, block) in blocks.iter().enumerate() {
        let id = format!("{id}-{n}");
        match block {
            Block::Words(words) => {
                let _ = write!(out, "<p class=\"block words\">{}</p>", escape::text(words));
            }
            Block::Card(card) => words::card(out, card, &id, |out| self::blocks(out, &card.evidence, &id)),
            Block::Table(it) => table::block(out, it, &id),
            Block::Facts(it) => words::facts(out, it, &id),
            Block::Chart(it) => chart::chart(out, it, &id),
            Block::Stack(it) => chart::stack(out, it, &id),
            Block::Histogram(it) => chart::histogram(out, it, &id),
            // Names, numbers and bars are a table already.
            Block::Bars(it) => table::block(out, &it.table(), &id),
            Block::Matrix(it) => chart::matrix(out, it, &id),
        }
    }
}

//! What is said in words: the lead, labelled values, cards.

use std::fmt::Write as _;

use super::{Headline, cell, escape};
use crate::{Card, Facts, Level, Value};

/// The lead of a page.
pub(super) fn lead(out: &mut String, lines: &[Headline]) {
    if lines.is_empty() {
        return;
    }
    out.push_str("<section class=\"lead\" aria-label=\"First of all\"><ul>");
    for line in lines {
        let words = escape::text(&line.words);
        let told = match &line.to {
            Some(to) => format!("<a href=\"{}\">{words}</a>", escape::link(to)),
            None => words,
        };
        let _ = write!(
            out,
            "<li class=\"{}\">{}<span>{told}</span></li>",
            line.level.word(),
            cell::badge(line.level)
        );
    }
    out.push_str("</ul></section>");
}

/// Labelled values as a block.
pub(super) fn facts(out: &mut String, facts: &Facts, id: &str) {
    let _ = write!(out, "<div class=\"block half\"><h3 id=\"{id}\">{}</h3>", escape::text(&facts.title));
    lines(out, &facts.lines);
    out.push_str("</div>");
}

/// Labels and values. A line without a label goes on with the one before.
fn lines(out: &mut String, lines: &[(&'static str, Vec<Value>)]) {
    if lines.iter().all(|(_, values)| values.iter().all(|value| value.words().is_empty())) {
        return;
    }
    let has_labels = lines.iter().any(|(label, _)| !label.is_empty());
    let (list, item) = if has_labels { ("dl", "dd") } else { ("ul", "li") };
    let _ = write!(out, "<{list} class=\"facts\">");
    for (n, (label, values)) in lines.iter().enumerate() {
        let values: Vec<String> = values.iter().map(cell::html).filter(|told| !told.is_empty()).collect();
        if values.is_empty() {
            continue;
        }
        if has_labels && (!label.is_empty() || n == 0) {
            let _ = write!(out, "<dt>{}</dt>", escape::text(label));
        }
        let _ = write!(out, "<{item}>{}</{item}>", values.join("<span class=\"dot\"> · </span>"));
    }
    let _ = write!(out, "</{list}>");
}

/// A card; `evidence` writes what backs it.
pub(super) fn card(out: &mut String, card: &Card, id: &str, evidence: impl FnOnce(&mut String)) {
    let id = card.id.as_deref().map_or_else(|| id.to_owned(), escape::id);
    let level = card.level.word();
    let _ = write!(
        out,
        "<article class=\"card {level}\" id=\"{id}\" aria-labelledby=\"{id}-says\">\
         <h3 id=\"{id}-says\">{}<span>{}</span></h3>",
        cell::badge(card.level),
        escape::text(&card.title)
    );
    lines(out, &card.lines);
    if !card.evidence.is_empty() {
        out.push_str("<details class=\"evidence\"><summary>Evidence</summary><div class=\"blocks\">");
        evidence(out);
        out.push_str("</div></details>");
    }
    out.push_str("</article>");
}

/// The shapes of levels, drawn once for a page: an octagon, a triangle, a circle and a tick.
pub(super) fn shapes() -> String {
    let mut out = String::from("<svg class=\"shapes\" width=\"0\" height=\"0\" aria-hidden=\"true\">");
    for level in [Level::Critical, Level::Warning, Level::Note, Level::Fine] {
        let drawn = match level {
            Level::Critical => {
                "<path d=\"M5 1h6l4 4v6l-4 4H5l-4-4V5z\"/><path class=\"in\" d=\"M5.5 5.5l5 5m0-5l-5 5\"/>"
            }
            Level::Warning => "<path d=\"M8 1l7.5 14H.5z\"/><path class=\"in\" d=\"M8 6v4.2m0 1.6v1.2\"/>",
            Level::Note => "<circle cx=\"8\" cy=\"8\" r=\"7\"/><path class=\"in\" d=\"M8 7v5m0-8v1.4\"/>",
            Level::Fine => {
                "<rect x=\"1\" y=\"1\" width=\"14\" height=\"14\" rx=\"3\"/><path class=\"in\" d=\"M4 8.5l3 3 5-7\"/>"
            }
        };
        let _ = write!(out, "<symbol id=\"shape-{}\" viewBox=\"0 0 16 16\">{drawn}</symbol>", level.word());
    }
    out.push_str("</svg>");
    out
}

//! A value as HTML, and as data for the rows that the script makes.

use serde_json::json;

use super::escape;
use crate::terminal::visible;
use crate::{Level, Value};

/// Characters of a command from which it scrolls in a box of its own (chosen: three lines).
const LONG: usize = 300;

/// The value as it stands in a line or a cell.
pub(super) fn html(value: &Value) -> String {
    let words = escape::text(&words(value));
    match value {
        Value::Nothing => String::new(),
        Value::Path(_) => format!("<span class=\"path\">{}</span>", breakable(&words)),
        Value::Aside(_) => format!("<span class=\"aside\">{words}</span>"),
        Value::Problem(_) => format!("<strong class=\"problem\">{words}</strong>"),
        Value::Command(command) if command.chars().count() > LONG => {
            format!("<code class=\"cmd long\" tabindex=\"0\">{words}</code>")
        }
        Value::Command(_) => format!("<code class=\"cmd\">{words}</code>"),
        Value::Link { to, .. } => format!("<a href=\"{}\">{}</a>", escape::link(to), breakable(&words)),
        Value::Level(level) => badge(*level),
        Value::Bar(share) => bar(*share),
        Value::Text(_)
        | Value::Count(_)
        | Value::Bytes(_)
        | Value::ByteRate(_)
        | Value::Share(_)
        | Value::Time(_)
        | Value::Span(_) => words,
    }
}

/// Names of files break behind their folders first.
fn breakable(words: &str) -> String {
    // Words are escaped: of what stands for a character nothing ends in a slash.
    words.replace('/', "/<wbr>")
}

/// What the value reads. Whole seconds go without their fraction, which a page of them would be full of.
fn words(value: &Value) -> String {
    let words = value.words();
    match value {
        Value::Time(_) => words.replace(".000000Z", "Z"),
        _ => words,
    }
}

/// A level by word, shape and colour.
pub(super) fn badge(level: Level) -> String {
    let word = level.word();
    format!("<span class=\"level {word}\">{}{word}</span>", shape(level))
}

/// The shape of a level alone.
pub(super) fn shape(level: Level) -> String {
    let word = level.word();
    format!("<svg class=\"shape {word}\" aria-hidden=\"true\"><use href=\"#shape-{word}\"/></svg>")
}

fn bar(share: f64) -> String {
    // What is there is never invisible.
    let width = if share > 0.0 { (share.min(1.0) * 100.0).max(0.5) } else { 0.0 };
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 100 1\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect width=\"{width:.1}\" height=\"1\"/></svg>"
    )
}

/// What the value is sorted by where that is not what it reads; a number.
pub(super) fn raw(value: &Value) -> Option<String> {
    match value {
        Value::Count(n) | Value::Bytes(n) => Some(n.to_string()),
        Value::ByteRate(n) | Value::Share(n) | Value::Bar(n) => n.is_finite().then(|| n.to_string()),
        Value::Time(at) => Some(at.nanos().to_string()),
        Value::Span(nanos) => Some(nanos.to_string()),
        Value::Level(level) => Some((*level as u8).to_string()),
        Value::Nothing
        | Value::Text(_)
        | Value::Path(_)
        | Value::Aside(_)
        | Value::Problem(_)
        | Value::Command(_)
        | Value::Link { .. } => None,
    }
}

/// The value for a row that the script makes: words; or words and a number to sort by; or an object with a kind.
pub(super) fn data(value: &Value) -> serde_json::Value {
    let words = visible(&words(value));
    match value {
        Value::Nothing | Value::Text(_) => json!(words),
        Value::Path(_) => json!({ "t": words, "k": "path" }),
        Value::Aside(_) => json!({ "t": words, "k": "aside" }),
        Value::Problem(_) => json!({ "t": words, "k": "problem" }),
        Value::Command(_) => json!({ "t": words, "k": "cmd" }),
        Value::Link { to, .. } => json!({ "t": words, "k": "link", "h": escape::link(to) }),
        Value::Level(level) => json!({ "t": words, "k": "level", "v": *level as u8 }),
        Value::Bar(share) => json!({ "t": "", "k": "bar", "v": share }),
        Value::Count(n) | Value::Bytes(n) => json!([words, n]),
        Value::ByteRate(n) | Value::Share(n) => json!([words, n]),
        Value::Time(at) => json!([words, at.nanos()]),
        Value::Span(nanos) => json!([words, nanos]),
    }
}

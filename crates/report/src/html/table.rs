//! Tables: the first rows as HTML, the rest as data for the script.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{cell, escape};
use crate::value::{count, counted};
use crate::{Align, Table, Value};

/// Rows that are written as HTML (chosen: a screen or two, which reads without JavaScript; what is beyond costs a browser
/// nothing until it is asked for).
const SHOWN: usize = 100;
/// Columns up to which a table stands beside another one (chosen: a name, a number, a share and a bar).
const FEW_COLUMNS: usize = 4;
/// Rows up to which a table stands beside another one (chosen: about half a screen).
const FEW_ROWS: usize = 15;

/// Least widths of columns of words, in characters; the style has a class for each.
const WIDTHS: &[usize] = &[8, 12, 16, 20, 26, 34, 40];
/// Widest least width of words that can be broken between them (chosen: a sentence in three lines, and the table of captures fits a small desktop).
const SENTENCE: usize = 26;
/// Widest least width of words that cannot (chosen: an IPv6 address in most fonts).
const ADDRESS: usize = 34;
/// Characters that a button beside a command takes.
const BUTTON: usize = 8;

/// Columns from which a table is set in smaller print (chosen: it reads with less scrolling).
const MANY_COLUMNS: usize = 8;

/// Heading and side of a column.
pub(super) type Head<'a> = (Cow<'a, str>, Align);

/// A table as a block with its title and notes.
pub(super) fn block(out: &mut String, table: &Table, id: &str) {
    let is_small = table.columns.len() <= FEW_COLUMNS && table.rows.len() <= FEW_ROWS;
    let class = if is_small { "block half" } else { "block" };
    let _ = write!(out, "<div class=\"{class}\"><h3 id=\"{id}\">{}</h3>", escape::text(&table.title));
    let heads: Vec<Head<'_>> =
        table.columns.iter().map(|column| (Cow::Borrowed(column.name), column.align)).collect();
    rows(out, &heads, &table.rows, id);
    notes(out, &table.notes);
    out.push_str("</div>");
}

/// Least width of a column of words: as wide as its longest where that is short, so that narrow pages scroll and do not
/// break every word.
fn least(rows: &[Vec<Value>], column: usize) -> Option<usize> {
    let cells = rows.iter().take(SHOWN).filter_map(|row| row.get(column));
    let longest = cells.filter_map(|value| match value {
        Value::Text(words)
        | Value::Aside(words)
        | Value::Path(words)
        | Value::Problem(words)
        | Value::Link { words, .. } => {
            let long = words.chars().count();
            // Digits and colons of an IPv6 address are narrower than most.
            Some(if words.contains([' ', '/']) { long.min(SENTENCE) } else { long.min(ADDRESS) })
        }
        Value::Command(words) => Some(words.chars().count() + BUTTON),
        _ => None,
    });
    let longest = longest.max()?;
    WIDTHS.iter().copied().find(|width| longest <= *width).or(Some(SENTENCE))
}

/// What stands below a table or a chart.
pub(super) fn notes(out: &mut String, notes: &[String]) {
    for note in notes {
        let _ = write!(out, "<p class=\"below\">{}</p>", escape::text(note));
    }
}

/// The table alone; `label` is the id of the element that names it.
pub(super) fn rows(out: &mut String, heads: &[Head<'_>], rows: &[Vec<Value>], label: &str) {
    if rows.is_empty() {
        out.push_str("<p class=\"none\">none</p>");
        return;
    }
    let class = if heads.len() >= MANY_COLUMNS { " class=\"wide\"" } else { "" };
    let _ = write!(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-labelledby=\"{label}\">\
         <table{class} aria-labelledby=\"{label}\"><thead><tr>"
    );
    for (n, (name, align)) in heads.iter().enumerate() {
        let class = match align {
            Align::Right => " class=\"r\"".to_owned(),
            Align::Left => least(rows, n).map_or(String::new(), |width| format!(" class=\"w{width}\"")),
        };
        if name.is_empty() {
            // An empty heading heads nothing.
            out.push_str("<td></td>");
        } else {
            let _ = write!(out, "<th scope=\"col\"{class}>{}</th>", escape::text(name));
        }
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows.iter().take(SHOWN) {
        out.push_str("<tr>");
        for ((_, align), value) in heads.iter().zip(row) {
            out.push_str("<td");
            if *align == Align::Right {
                out.push_str(" class=\"r\"");
            }
            if let Some(raw) = cell::raw(value) {
                let _ = write!(out, " data-v=\"{raw}\"");
            }
            let _ = write!(out, ">{}</td>", cell::html(value));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    if let Some(rest) = rows.get(SHOWN..).filter(|rest| !rest.is_empty()) {
        let _ = write!(
            out,
            "<p class=\"rest\">The first {} of {}. The others are shown where JavaScript is on, and stand in the \
             dataset beside this page.</p>",
            count(SHOWN as u64),
            counted(rows.len() as u64, "row", "rows")
        );
        let data: Vec<Vec<serde_json::Value>> =
            rest.iter().map(|row| row.iter().take(heads.len()).map(cell::data).collect()).collect();
        let _ =
            write!(out, "<script type=\"application/json\" class=\"rows\">{}</script>", escape::json(&data));
    }
}

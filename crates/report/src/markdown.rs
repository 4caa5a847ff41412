//! Blocks as Markdown, for tickets and mail.
//!
//! `CommonMark` with pipe tables. Everything that may come from a stranger is escaped: it is shown, and never a link, a
//! picture, HTML, or a line of its own.

use std::fmt::Write as _;

use crate::card::Card;
use crate::html::{Chapter, Headline};
use crate::table::{Align, Block, Facts, Table};
use crate::terminal::visible;
use crate::value::Value;

/// Rows of a table (chosen: what a ticket bears).
const ROWS: usize = 15;

/// A report in short.
pub fn page(title: &str, about: &str, lead: &[Headline], chapters: &[Chapter]) -> String {
    let mut out = format!("# {}\n\n{}\n", text(title), text(about));
    if !lead.is_empty() {
        out.push('\n');
    }
    for line in lead {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "- **{}**: {}", line.level.word(), text(&line.words));
    }
    for chapter in chapters {
        let _ = write!(out, "\n## {}\n\n{}\n", text(&chapter.title), text(&chapter.question));
        for block in &chapter.blocks {
            draw(&mut out, block);
        }
    }
    out
}

fn draw(out: &mut String, block: &Block) {
    match block {
        Block::Words(words) => {
            let _ = write!(out, "\n{}\n", text(words));
        }
        Block::Card(card) => draw_card(out, card),
        Block::Table(table) => draw_table(out, table),
        Block::Facts(facts) => draw_facts(out, facts),
        Block::Stack(stack) => draw_table(out, &stack.table()),
        Block::Histogram(histogram) => draw_marks(out, histogram),
        Block::Bars(bars) => draw_table(out, &bars.table()),
        Block::Matrix(_) | Block::Chart(_) => {}
    }
}

fn draw_card(out: &mut String, card: &Card) {
    let _ = write!(out, "\n### {}: {}\n", card.level.word(), text(&card.title));
    draw_facts(out, &Facts { title: String::new(), lines: card.lines.clone() });
    for block in &card.evidence {
        draw(out, block);
    }
}

fn draw_facts(out: &mut String, facts: &Facts) {
    out.push('\n');
    if !facts.title.is_empty() {
        let _ = write!(out, "**{}**\n\n", text(&facts.title));
    }
    for (label, values) in &facts.lines {
        let words: Vec<String> = values.iter().map(value).filter(|words| !words.is_empty()).collect();
        if !words.is_empty() {
            let _ = writeln!(out, "- {}: {}", text(label), words.join(" · "));
        }
    }
}

/// A distribution is told by what is marked in it.
fn draw_marks(out: &mut String, histogram: &crate::Histogram) {
    let marks: Vec<String> = histogram
        .marks
        .iter()
        .map(|(name, at)| format!("{name} {}", value(&histogram.unit.value(*at))))
        .collect();
    let _ = write!(out, "\n- {}: {}\n", text(&histogram.title), marks.join(", "));
}

fn draw_table(out: &mut String, table: &Table) {
    let shown: Vec<usize> = (0..table.columns.len())
        .filter(|index| {
            !table
                .rows
                .iter()
                .all(|row| matches!(row.get(*index), None | Some(Value::Nothing | Value::Bar(_))))
        })
        .collect();
    let columns: Vec<_> = shown.iter().filter_map(|index| table.columns.get(*index)).collect();
    if columns.is_empty() {
        return;
    }
    let _ = write!(out, "\n**{}**\n\n|", text(&table.title));
    for column in &columns {
        let _ = write!(out, " {} |", text(column.name));
    }
    out.push_str("\n|");
    for column in &columns {
        out.push_str(if column.align == Align::Right { "--:|" } else { "---|" });
    }
    out.push('\n');
    for row in table.rows.iter().take(ROWS) {
        out.push('|');
        for index in &shown {
            let _ = write!(out, " {} |", row.get(*index).map(value).unwrap_or_default());
        }
        out.push('\n');
    }
    let more = table.rows.len().saturating_sub(ROWS);
    if more > 0 {
        let _ = write!(out, "\nand {} rows more\n", crate::value::count(more as u64));
    }
    for note in &table.notes {
        let _ = write!(out, "\n{}\n", text(note));
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Command(words) => code(words),
        Value::Link { words, to } => format!("[{}](<{}>)", text(words), target(to)),
        other => text(&other.words()),
    }
}

/// Words in which nothing has a meaning.
fn text(words: &str) -> String {
    let mut out = String::new();
    for c in visible(words).chars() {
        if "\\`*_{}[]<>()#+!|~&".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Words to be copied: in as many backticks as they need. A bar would end a cell whatever it stands in.
fn code(words: &str) -> String {
    let words = visible(words);
    let longest = words.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if words.starts_with('`') || words.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{}{pad}{fence}", words.replace('|', "\\|"))
}

/// A path relative to the report, in which nothing ends the link.
fn target(to: &str) -> String {
    let mut out = String::new();
    for byte in to.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-#".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Column;

    #[test]
    fn names_of_strangers_have_no_meaning() {
        let evil = "[x](https://evil.example) <img src=x> | **b** `c`\n# head\u{202e}";
        let table = Table {
            title: evil.into(),
            columns: vec![Column::words("name")],
            rows: vec![vec![Value::text(evil)], vec![Value::Command(evil.into())]],
            notes: vec![evil.into()],
        };
        let chapter = Chapter {
            id: "x".into(),
            title: evil.into(),
            question: "?".into(),
            blocks: vec![Block::Table(table)],
        };
        let page = page(evil, evil, &[], &[chapter]);
        assert!(!page.contains("\n# head") && !page.contains('\u{202e}'), "{page}");
        // What is to be copied stands between backticks, more of them than are in it.
        let plain = page.replace(&code(evil), "");
        assert!(!plain.contains("[x](") && !plain.replace("\\<", "").contains("<img"), "{page}");
        for line in page.lines().filter(|line| line.starts_with('|')) {
            let bars = line.replace("\\|", "").matches('|').count();
            assert_eq!(bars, 2, "{line}");
        }
    }

    #[test]
    fn a_command_can_be_copied_whatever_is_in_it() {
        assert_eq!(code("a b"), "`a b`");
        assert_eq!(code("a `b`"), "`` a `b` ``");
    }
}

//! Blocks to lines of a terminal.
//!
//! Everything that reaches the terminal goes through [`visible`] here, so no file name, comment or interface
//! name can move the cursor, change colours or reorder text. Column widths are those of Unicode's East Asian
//! Width, by the `unicode-width` crate: a table crate would bring borders and colours that a summary does not
//! want, and would not know which columns an analyst can do without.

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::table::{Align, Block, Chart, Facts, Keep, Table};
use crate::value::{Value, counted, rated, span};
use crate::{Column, time};

/// Columns between two columns of a table (chosen).
const GAP: usize = 2;
/// Columns between two tables side by side (chosen).
const GUTTER: usize = 6;
/// Indent of everything below a title (chosen).
const INDENT: usize = 2;
/// Width of a bar (chosen: 5 % for each of its columns, 0.6 % for each of its eighths).
const BAR: usize = 20;
/// Width of a bar on a page narrower than [`ROOMY`] (chosen: 10 % for each of its columns, and hosts of IPv6 keep theirs).
const SHORT_BAR: usize = 10;
/// Columns from which bars are [`BAR`] wide; all bars of a page are equally wide, so that they compare (chosen).
const ROOMY: usize = 100;
/// Narrowest page; below it lines get longer than the terminal rather than unreadable (chosen).
const NARROWEST: usize = 40;
/// Lines a single value may fill (chosen: a comment can be a page long).
const VALUE_LINES: usize = 3;

/// A page to draw on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Columns.
    pub width: usize,
    /// True for colours: only the 16 of ANSI, dim and bold, which follow the reader's light or dark theme.
    pub color: bool,
}

impl Page {
    /// Draws the blocks one below the other, tables side by side where two fit. Ends in a line feed.
    pub fn draw(&self, blocks: &[Block]) -> String {
        let width = self.width.max(NARROWEST);
        let mut out = String::new();
        let mut blocks = blocks.iter().peekable();
        while let Some(block) = blocks.next() {
            if !out.is_empty() {
                out.push('\n');
            }
            if let (Block::Table(left), Some(Block::Table(right))) = (block, blocks.peek())
                && INDENT + natural(left, width) + GUTTER + INDENT + natural(right, width) <= width
            {
                let left = table(left, width);
                let right = table(right, width);
                let column = left.iter().map(Line::width).max().unwrap_or(0) + GUTTER;
                for i in 0..left.len().max(right.len()) {
                    let mut line = left.get(i).cloned().unwrap_or_default();
                    if let Some(beside) = right.get(i).filter(|beside| beside.width() > 0) {
                        line.pad(column);
                        line.0.extend(beside.0.iter().cloned());
                    }
                    line.write(&mut out, self.color);
                }
                blocks.next();
                continue;
            }
            let lines = match block {
                Block::Table(it) => table(it, width),
                Block::Facts(it) => facts(it, width),
                Block::Chart(it) => chart(it, width),
                Block::Words(it) => {
                    wrap(&visible(it), width).into_iter().map(|part| Line::new(Style::Plain, part)).collect()
                }
                Block::Card(it) => facts(&it.facts(), width),
                Block::Stack(it) => table(&it.table(), width),
                Block::Histogram(it) => table(&it.table(), width),
                Block::Bars(it) => table(&it.table(), width),
                Block::Matrix(it) => table(&it.table(), width),
            };
            for line in &lines {
                line.write(&mut out, self.color);
            }
        }
        out
    }
}

/// Text with every character made visible that could do something to a terminal: controls, line ends, and
/// the marks that reorder or hide text (Unicode bidi and zero-width characters) become `\u{…}`.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if is_hostile(c) => {
                let _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
            _ => out.push(c),
        }
    }
    out
}

/// Characters that act on a terminal or hide in it instead of being seen.
pub(crate) fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Plain,
    Title,
    Dim,
    Drawn,
    Problem,
}

impl Style {
    const fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Title => Some("1"),
            Self::Dim => Some("2"),
            Self::Drawn => Some("36"),
            Self::Problem => Some("31"),
        }
    }
}

/// A line in pieces of one style each, already visible.
#[derive(Clone, Debug, Default)]
struct Line(Vec<(Style, String)>);

impl Line {
    fn new(style: Style, text: impl Into<String>) -> Self {
        Self(vec![(style, text.into())])
    }

    fn push(&mut self, style: Style, text: impl Into<String>) {
        self.0.push((style, text.into()));
    }

    fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.width()).sum()
    }

    fn pad(&mut self, width: usize) {
        let missing = width.saturating_sub(self.width());
        if missing > 0 {
            self.push(Style::Plain, " ".repeat(missing));
        }
    }

    /// Writes the line without spaces at its end.
    fn write(&self, out: &mut String, color: bool) {
        let shown = self.0.iter().rposition(|(_, text)| !text.trim_end().is_empty());
        for (n, (style, text)) in self.0.iter().enumerate().take(shown.map_or(0, |last| last + 1)) {
            let text = if Some(n) == shown { text.trim_end() } else { text };
            match style.code() {
                Some(code) if color && !text.trim().is_empty() => {
                    let _ = write!(out, "\x1b[{code}m{text}\x1b[0m");
                }
                _ => out.push_str(text),
            }
        }
        out.push('\n');
    }
}

/// Shortens in the middle to at most `width` columns; the end, which names the file or the host, keeps more.
fn shorten(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let take = |chars: &mut dyn Iterator<Item = char>, room: usize| {
        let mut used = 0;
        chars
            .take_while(|c| {
                used += c.width().unwrap_or(0);
                used <= room
            })
            .collect::<Vec<_>>()
    };
    let head = take(&mut text.chars(), room * 2 / 5);
    let head_width: usize = head.iter().map(|c| c.width().unwrap_or(0)).sum();
    let tail = take(&mut text.chars().rev(), room - head_width);
    head.into_iter().chain(['…']).chain(tail.into_iter().rev()).collect()
}

/// Shortens a path to at most `width` columns: first its folder from the end, then the name in the middle.
fn shorten_path(path: &str, width: usize) -> String {
    let Some(at) = path.rfind(std::path::is_separator).filter(|_| path.width() > width) else {
        return shorten(path, width);
    };
    let (folder, name) = path.split_at(at);
    if name.width() >= width {
        return shorten(name.get(1..).unwrap_or(name), width);
    }
    let room = width - name.width() - 1;
    let mut used = 0;
    let kept = folder.chars().take_while(|c| {
        used += c.width().unwrap_or(0);
        used <= room
    });
    format!("{}…{name}", kept.collect::<String>())
}

fn cell(value: &Value) -> String {
    visible(&value.words())
}

const fn style(value: &Value) -> Style {
    match value {
        Value::Problem(_) => Style::Problem,
        Value::Aside(_) => Style::Dim,
        _ => Style::Plain,
    }
}

const fn bar_width(page: usize) -> usize {
    if page < ROOMY { SHORT_BAR } else { BAR }
}

/// Width of each column if there were room for everything.
fn widths(table: &Table, page: usize) -> Vec<usize> {
    let of_column = |(i, column): (usize, &Column)| {
        let cells = table.rows.iter().filter_map(|row| row.get(i)).map(|value| match value {
            Value::Bar(_) => bar_width(page),
            value => cell(value).width(),
        });
        cells.chain([column.name.width()]).max().unwrap_or(0)
    };
    table.columns.iter().enumerate().map(of_column).collect()
}

fn natural(table: &Table, page: usize) -> usize {
    let widths = widths(table, page);
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

fn table(table: &Table, page: usize) -> Vec<Line> {
    let room = page - INDENT;
    let mut widths = widths(table, page);
    let mut shown: Vec<usize> = (0..table.columns.len()).collect();
    let keep = |i: usize| table.columns.get(i).map_or(Keep::Always, |column| column.keep);
    let least = |i: usize, width: usize| match keep(i) {
        Keep::Shorten(columns) | Keep::ShortenOrDrop(columns, _) => width.min(columns.into()),
        _ => width,
    };
    let total = |shown: &[usize], widths: &[usize], of: &dyn Fn(usize, usize) -> usize| {
        let sum: usize = shown.iter().map(|&i| of(i, widths.get(i).copied().unwrap_or(0))).sum();
        sum + GAP * shown.len().saturating_sub(1)
    };
    // First leave out what can be done without, then take back what fits beside the rest, then shorten the widest words.
    let mut left_out = Vec::new();
    while total(&shown, &widths, &least) > room {
        let rank = |i: usize| match keep(i) {
            Keep::Drop(rank) | Keep::ShortenOrDrop(_, rank) => Some(rank),
            Keep::Always | Keep::Shorten(_) => None,
        };
        let Some(out) = shown.iter().copied().filter(|&i| rank(i).is_some()).max_by_key(|&i| rank(i)) else {
            break;
        };
        shown.retain(|&i| i != out);
        left_out.push(out);
    }
    for back in left_out.into_iter().rev() {
        let mut more = shown.clone();
        more.insert(more.partition_point(|&i| i < back), back);
        if total(&more, &widths, &least) <= room {
            shown = more;
        }
    }
    while total(&shown, &widths, &|_, width| width) > room {
        let of = |i: usize| widths.get(i).copied().unwrap_or(0);
        // First those that have more than the room they ask for.
        let widest = shown
            .iter()
            .copied()
            .filter(|&i| matches!(keep(i), Keep::Shorten(_) | Keep::ShortenOrDrop(..)))
            .max_by_key(|&i| (of(i) > least(i, of(i)), of(i)));
        match widest.and_then(|i| widths.get_mut(i)) {
            Some(width) if *width > 8 => *width -= 1,
            _ => break,
        }
    }

    let mut lines = vec![Line::new(Style::Title, shorten(&visible(&table.title), page))];
    let row = |cells: Vec<(Style, String, bool)>| {
        let mut line = Line::new(Style::Plain, " ".repeat(INDENT));
        for (n, ((style, text, is_path), &i)) in cells.into_iter().zip(&shown).enumerate() {
            if n > 0 {
                line.push(Style::Plain, " ".repeat(GAP));
            }
            let width = widths.get(i).copied().unwrap_or(0);
            let text = if is_path { shorten_path(&text, width) } else { shorten(&text, width) };
            let space = " ".repeat(width.saturating_sub(text.width()));
            if table.columns.get(i).is_some_and(|column| column.align == Align::Right) {
                line.push(Style::Plain, space);
                line.push(style, text);
            } else {
                line.push(style, text);
                line.push(Style::Plain, space);
            }
        }
        line
    };
    if table.rows.is_empty() {
        lines.push(Line::new(Style::Dim, format!("{}none", " ".repeat(INDENT))));
    } else {
        let heads = shown.iter().filter_map(|&i| table.columns.get(i));
        lines.push(row(heads.map(|column| (Style::Dim, column.name.to_owned(), false)).collect()));
    }
    for values in &table.rows {
        let cells = shown.iter().map(|&i| match values.get(i) {
            Some(Value::Bar(share)) => (Style::Drawn, bar(*share, bar_width(page)), false),
            Some(value @ (Value::Problem(_) | Value::Aside(_))) => (style(value), cell(value), false),
            Some(value) => (Style::Plain, cell(value), matches!(value, Value::Path(_))),
            None => (Style::Plain, String::new(), false),
        });
        lines.push(row(cells.collect()));
    }
    for note in &table.notes {
        for part in wrap(&visible(note), room) {
            lines.push(Line::new(Style::Dim, format!("{}{part}", " ".repeat(INDENT))));
        }
    }
    lines
}

/// A bar in eighths; what is there is never invisible.
fn bar(share: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * (width * 8) as f64).round() as usize;
    let eighths = if share > 0.0 { eighths.max(1) } else { 0 };
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS.get(eighths % 8).unwrap_or(&""))
}

/// Breaks at spaces where it can, anywhere else where it must.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let wide = word.width();
        if used > 0 && used + 1 + wide > width {
            lines.push(String::new());
            used = 0;
        }
        if used > 0 {
            if let Some(line) = lines.last_mut() {
                line.push(' ');
            }
            used += 1;
        }
        for c in word.chars() {
            let wide = c.width().unwrap_or(0);
            if used + wide > width {
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                line.push(c);
            }
            used += wide;
        }
    }
    lines
}

fn facts(facts: &Facts, page: usize) -> Vec<Line> {
    const APART: &str = " · ";
    let mut lines = vec![Line::new(Style::Title, shorten_path(&visible(&facts.title), page))];
    let label_width = facts.lines.iter().map(|(label, _)| label.width()).max().unwrap_or(0);
    let left = INDENT + label_width + GAP;
    let room = page.saturating_sub(left).max(8);
    for (label, values) in &facts.lines {
        let mut line = Line::new(Style::Plain, " ".repeat(INDENT));
        line.push(Style::Dim, *label);
        line.pad(left);
        for value in values.iter().filter(|value| **value != Value::Nothing) {
            let style = style(value);
            let text =
                if matches!(value, Value::Aside(_)) { shorten(&cell(value), room) } else { cell(value) };
            let used = line.width() - left;
            if used > 0 && used + APART.width() + text.width() > room {
                lines.push(std::mem::take(&mut line));
                line.pad(left);
            } else if used > 0 {
                line.push(Style::Dim, APART);
            }
            let mut parts = if matches!(value, Value::Command(_)) { vec![text] } else { wrap(&text, room) };
            if parts.len() > VALUE_LINES {
                parts.truncate(VALUE_LINES);
                if let Some(last) = parts.last_mut() {
                    *last = shorten(&format!("{last} …"), room);
                }
            }
            for (n, part) in parts.into_iter().enumerate() {
                if n > 0 {
                    lines.push(std::mem::take(&mut line));
                    line.pad(left);
                }
                line.push(style, part);
            }
        }
        lines.push(line);
    }
    lines
}

fn chart(chart: &Chart, page: usize) -> Vec<Line> {
    const LABELS: [&str; 2] = ["bits", "packets"];
    const PEAK: usize = 20;
    let label_width = LABELS.iter().map(|label| label.width()).max().unwrap_or(0);
    let left = INDENT + label_width + GAP;
    let narrow = chart.narrowed(page.saturating_sub(left + GAP + PEAK).max(8));
    let seconds = narrow.step as f64 / 1e9;
    let mut title = Line::new(Style::Title, visible(&chart.title));
    title.push(Style::Dim, format!("  each column {}", span(narrow.step)));
    let mut lines = vec![title];
    for (n, label) in LABELS.iter().enumerate() {
        if n > 0 {
            // A full bar would run into the bars above.
            lines.push(Line::default());
        }
        let values: Vec<u64> = narrow.steps.iter().map(|step| if n == 0 { step.1 } else { step.0 }).collect();
        let peak = values.iter().copied().max().unwrap_or(0);
        let rows = sparkline(&values, peak);
        let last = rows.len() - 1;
        for (i, row) in rows.into_iter().enumerate() {
            let mut line = Line::new(Style::Plain, " ".repeat(INDENT));
            line.push(Style::Dim, if i == last { *label } else { "" });
            line.pad(left);
            line.push(Style::Drawn, row);
            line.pad(left + values.len() + GAP);
            if i == last {
                let rate = peak as f64 / seconds;
                let words = if n == 0 { Value::ByteRate(rate).words() } else { format!("{}/s", rated(rate)) };
                line.push(Style::Dim, format!("peak {words}"));
            }
            lines.push(line);
        }
    }
    // The end is written where it lies, if both ends have room.
    let (first, last) = (chart.first, chart.last);
    let days_apart = time::utc_seconds(first).get(..10) != time::utc_seconds(last).get(..10);
    let clock = |at| if days_apart { time::utc_seconds(at) } else { time::clock(at, seconds < 0.5) };
    let mut axis = Line::new(Style::Plain, " ".repeat(left));
    axis.push(Style::Dim, clock(first));
    let last = clock(last);
    let at = (left + narrow.steps.len()).saturating_sub(last.width());
    axis.pad(at.max(axis.width() + GAP));
    axis.push(Style::Dim, format!("{last}{}", if days_apart { "" } else { " UTC" }));
    lines.push(axis);
    lines
}

/// Rows of a chart, top first, one column per value, in eighths of a row; an empty step is empty.
fn sparkline(values: &[u64], peak: u64) -> Vec<String> {
    const LEVELS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    /// Rows of a chart (chosen: sixteen levels are enough to see a shape).
    const ROWS: usize = 2;
    let level = |value: u64| match (value, peak) {
        (0, _) | (_, 0) => 0,
        _ => ((value as f64 / peak as f64 * (ROWS * 8) as f64).ceil() as usize).clamp(1, ROWS * 8),
    };
    (0..ROWS)
        .rev()
        .map(|row| {
            let block = |&value: &u64| level(value).saturating_sub(row * 8).min(8);
            values.iter().map(|value| LEVELS.get(block(value)).copied().unwrap_or(' ')).collect()
        })
        .collect()
}

/// The line that ends a report about files that were no captures.
pub(crate) fn not_captures(n: u64) -> String {
    format!("not captures: {}", counted(n, "file", "files"))
}

#[cfg(test)]
mod tests {
    use capkeep_pcap::Timestamp;

    use super::*;

    fn page(width: usize) -> Page {
        Page { width, color: false }
    }

    fn widest(text: &str) -> usize {
        text.lines().map(UnicodeWidthStr::width).max().unwrap_or(0)
    }

    fn hosts() -> Table {
        Table {
            title: "Hosts".into(),
            columns: vec![
                Column::words("host"),
                Column::number("packets"),
                Column::number("sent").drop(1),
                Column::number("received").drop(2),
                Column::number("share"),
                Column::words("").drop(3),
            ],
            rows: vec![vec![
                Value::text("2001:db8:1234:5678:9abc:def0:1234:5678"),
                Value::Count(1_002_061),
                Value::Bytes(12_345_678),
                Value::Bytes(12_345_678),
                Value::Share(0.5),
                Value::Bar(0.5),
            ]],
            notes: vec!["a note that is long enough to be broken where the page is narrow, as here".into()],
        }
    }

    #[test]
    fn a_table_fits_the_page_and_gives_up_the_least_needed_columns_first() {
        for width in 40..200 {
            let text = page(width).draw(&[Block::Table(hosts())]);
            assert!(widest(&text) <= width, "{width}:\n{text}");
            assert!(text.contains("packets"), "{text}");
        }
        let narrow = page(60).draw(&[Block::Table(hosts())]);
        assert!(!narrow.contains("received") && narrow.contains("share"), "{narrow}");
    }

    #[test]
    fn two_tables_stand_side_by_side_where_they_fit() {
        let blocks = [Block::Table(hosts()), Block::Table(hosts())];
        assert_eq!(page(100).draw(&blocks).matches("\nHosts").count(), 1);
        let wide = page(240).draw(&blocks);
        assert_eq!(wide.lines().next().map(|line| line.matches("Hosts").count()), Some(2), "{wide}");
        assert!(widest(&wide) <= 240);
    }

    #[test]
    fn nothing_from_outside_reaches_the_terminal_unseen() {
        let evil = "a\x1b[2Jb\u{202e}c\u{9b}d\r\ne\u{200b}f\x07";
        let mut facts = Facts { title: evil.into(), lines: Vec::new() };
        facts.line("comment", vec![Value::text(evil), Value::Problem(evil.into())]);
        let table = Table {
            title: evil.into(),
            columns: vec![Column::words("x")],
            rows: vec![vec![Value::text(evil)]],
            notes: vec![evil.into()],
        };
        let text = page(80).draw(&[Block::Facts(facts), Block::Table(table)]);
        assert!(text.chars().all(|c| c == '\n' || !is_hostile(c)), "{text:?}");
        assert!(text.contains("a\\u{1b}[2Jb\\u{202e}c"), "{text}");
    }

    #[test]
    fn colours_are_the_sixteen_of_ansi_and_only_where_wanted() {
        let blocks = [Block::Table(hosts())];
        assert!(!page(80).draw(&blocks).contains('\x1b'));
        let text = Page { width: 80, color: true }.draw(&blocks);
        assert!(text.contains("\x1b[1mHosts\x1b[0m"), "{text:?}");
        assert!(!text.contains("\x1b[38"), "{text:?}");
    }

    #[test]
    fn wide_characters_count_double() {
        assert_eq!(shorten("東京東京東京", 7).width(), 7);
        assert_eq!(shorten("abcdefghij", 5), "a…hij");
        assert_eq!(shorten("abc", 3), "abc");
        for width in 1..20 {
            assert!(shorten("東京a東京bcd東京", width).width() <= width);
        }
    }

    #[test]
    fn a_path_gives_up_its_folder_before_its_name() {
        let path = "web-and-dns/ring_00001.pcapng";
        assert_eq!(shorten_path(path, 29), path);
        assert_eq!(shorten_path(path, 28), "web-and-d…/ring_00001.pcapng");
        assert_eq!(shorten_path(path, 20), "w…/ring_00001.pcapng");
        assert_eq!(shorten_path(path, 19), "…/ring_00001.pcapng");
        assert_eq!(shorten_path(path, 18), "ring_00001.pcapng");
        assert_eq!(shorten_path(path, 9), "rin…capng");
        assert_eq!(shorten_path("ring_00001.pcapng", 9), "rin…capng");
        for width in 1..40 {
            assert!(shorten_path("東京/東京a東京/bcd東京.pcap", width).width() <= width);
        }
    }

    #[test]
    fn the_bars_of_a_chart_stay_apart() {
        let chart = Chart {
            title: "Traffic over time".into(),
            first: Timestamp::from_parts(0, 0),
            last: Timestamp::from_parts(3, 0),
            step: 1_000_000_000,
            steps: vec![(1, 100); 4],
        };
        let text = page(80).draw(&[Block::Chart(chart)]);
        let bars: Vec<bool> = text.lines().map(|line| line.contains('█')).collect();
        assert_eq!(bars, [false, true, true, false, true, true, false], "{text}");
    }

    #[test]
    fn a_column_that_was_left_out_comes_back_where_it_fits() {
        let mut table = hosts();
        // The bar goes last and would leave room for the columns that went before it.
        table.columns = vec![
            Column::words("host").at_least(39),
            Column::number("packets"),
            Column::number("sent").drop(2),
            Column::number("received").drop(3),
            Column::number("share").drop(4),
            Column::words("").drop(1),
        ];
        let text = page(60).draw(&[Block::Table(table)]);
        assert!(text.contains("sent") && !text.contains("received"), "{text}");
        assert!(widest(&text) <= 60, "{text}");
    }

    #[test]
    fn long_facts_wrap_below_themselves() {
        let mut facts = Facts { title: "x".repeat(300), lines: Vec::new() };
        facts.line("comment", vec![Value::text("word ".repeat(100)), Value::text("y".repeat(500))]);
        for width in [40, 80, 160] {
            let text = page(width).draw(&[Block::Facts(facts.clone())]);
            assert!(widest(&text) <= width, "{text}");
        }
    }

    #[test]
    fn a_chart_shows_its_peak_and_the_width_of_a_column() {
        let chart = Chart {
            title: "Traffic over time".into(),
            first: Timestamp::from_parts(1_700_000_000, 0),
            last: Timestamp::from_parts(1_700_000_300, 0),
            step: 1 << 30,
            steps: (0..300).map(|i| (i % 50, (i % 50) * 1000)).collect(),
        };
        for width in [40, 80, 160] {
            let text = page(width).draw(&[Block::Chart(chart.clone())]);
            assert!(text.contains("peak") && text.contains("each column"), "{text}");
            assert!(widest(&text) <= width, "{width}\n{text}");
        }
    }

    #[test]
    fn a_share_that_is_there_is_seen() {
        assert_eq!(bar(0.0, 20), "");
        assert_eq!(bar(1e-9, 20), "▏");
        assert_eq!(bar(1.0, 4), "████");
        assert_eq!(bar(2.0, 4), "████");
        assert_eq!(sparkline(&[0, 1, 1000], 1000), ["  █", " ▁█"]);
    }
}

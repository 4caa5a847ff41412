//! Numbers that are better seen than read: what a chart shows, before anything is drawn.
//!
//! Each has [`Table`]s of the same numbers for renderers that cannot draw, and for readers who cannot see.

use capkeep_pcap::Timestamp;

use crate::Value;
use crate::table::{Column, Table};

/// What a number counts, and so how people read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things of this name, in the plural: `flows`.
    Things(&'static str),
    /// Bytes.
    Bytes,
    /// A span in nanoseconds.
    Nanos,
    /// Bytes per second; shown as bits per second.
    BytesPerSecond,
    /// Millionths of a whole; shown in percent.
    Millionths,
}

impl Unit {
    /// The number as a value that knows its unit.
    pub fn value(self, n: u64) -> Value {
        match self {
            Self::Things(_) => Value::Count(n),
            Self::Bytes => Value::Bytes(n),
            Self::Nanos => Value::Span(i64::try_from(n).unwrap_or(i64::MAX)),
            Self::BytesPerSecond => Value::ByteRate(n as f64),
            Self::Millionths => Value::Share(n as f64 / 1e6),
        }
    }

    /// What is counted, in the plural.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Things(name) => name,
            Self::Bytes => "bytes",
            Self::Nanos => "time",
            Self::BytesPerSecond => "bit/s",
            Self::Millionths => "share",
        }
    }
}

/// Values over time, in steps of equal width, one layer upon the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    /// What it shows.
    pub title: String,
    /// What is counted in each step: bytes or things. Drawn as a rate, so that steps of any width compare.
    pub unit: Unit,
    /// When the first step begins.
    pub start: Timestamp,
    /// Width of a step in nanoseconds, at least 1.
    pub step: i64,
    /// The layers, the lowest first; each as long as the longest, or the rest is nothing.
    pub layers: Vec<Layer>,
    /// What to know about it, below it.
    pub notes: Vec<String>,
}

/// A layer of a [`Stack`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layer {
    /// Its name. It may come from a file: a renderer escapes it.
    pub name: String,
    /// One value for each step.
    pub values: Vec<u64>,
}

impl Stack {
    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.layers.iter().map(|layer| layer.values.len()).max().unwrap_or(0)
    }

    /// The same layers in at most `columns` steps, by joining neighbours.
    #[must_use]
    pub fn narrowed(&self, columns: usize) -> Self {
        let join = self.steps().div_ceil(columns.max(1)).max(1);
        let sum = |part: &[u64]| part.iter().fold(0u64, |a, b| a.saturating_add(*b));
        let layers = self.layers.iter().map(|layer| Layer {
            name: layer.name.clone(),
            values: layer.values.chunks(join).map(sum).collect(),
        });
        Self {
            layers: layers.collect(),
            step: self.step.saturating_mul(join as i64),
            title: self.title.clone(),
            notes: self.notes.clone(),
            ..*self
        }
    }

    /// When the step begins.
    pub fn instant(&self, step: usize) -> Timestamp {
        let after = self.step.saturating_mul(i64::try_from(step).unwrap_or(i64::MAX));
        Timestamp::from_nanos(self.start.nanos().saturating_add(after))
    }

    /// Sum, peak and time of the peak of each layer.
    pub fn table(&self) -> Table {
        let rows = self.layers.iter().map(|layer| {
            let sum = layer.values.iter().fold(0u64, |a, b| a.saturating_add(*b));
            // Of several peaks the first.
            let peak = layer.values.iter().enumerate().max_by_key(|(at, value)| (**value, usize::MAX - at));
            let (at, most) = peak.map_or((0, 0), |(at, value)| (at, *value));
            vec![
                Value::text(&layer.name),
                self.unit.value(sum),
                self.unit.value(most),
                Value::Time(self.instant(at)),
            ]
        });
        Table {
            title: self.title.clone(),
            columns: vec![
                Column::words("what"),
                Column::number("in all"),
                Column::number("most in a step"),
                Column::number("at").drop(1),
            ],
            rows: rows.collect(),
            notes: self.notes.clone(),
        }
    }
}

/// How often values fell between fixed edges.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// What it shows.
    pub title: String,
    /// What the edges are measured in.
    pub unit: Unit,
    /// What is counted.
    pub of: &'static str,
    /// The buckets in rising order: where each begins, and how many fell into it. A bucket ends where the next begins.
    pub buckets: Vec<(u64, u64)>,
    /// Where the last bucket ends; nothing if it has no end.
    pub end: Option<u64>,
    /// Values worth a mark, such as the median, with their names.
    pub marks: Vec<(&'static str, u64)>,
    /// What to know about it, below it.
    pub notes: Vec<String>,
}

impl Histogram {
    /// The buckets, from the first to the last that has anything in it.
    pub fn table(&self) -> Table {
        let all: u64 = self.buckets.iter().fold(0, |a, b| a.saturating_add(b.1));
        let rows = self.filled().map(|(from, to, n)| {
            let to = to.map_or(Value::Nothing, |to| self.unit.value(to));
            vec![self.unit.value(from), to, Value::Count(n), Value::share(n, all), Value::bar(n, all)]
        });
        Table {
            title: self.title.clone(),
            columns: vec![
                Column::number("from"),
                Column::number("to"),
                Column::number(self.of),
                Column::number("share").drop(1),
                Column::words("").drop(2),
            ],
            rows: rows.collect(),
            notes: self.notes.clone(),
        }
    }

    /// Begin, end and number of each bucket from the first to the last that has anything in it.
    pub(crate) fn filled(&self) -> impl Iterator<Item = (u64, Option<u64>, u64)> {
        let first = self.buckets.iter().position(|bucket| bucket.1 > 0).unwrap_or(0);
        let last = self.buckets.iter().rposition(|bucket| bucket.1 > 0).map_or(0, |last| last + 1);
        let ends = self.buckets.iter().skip(1).map(|next| Some(next.0)).chain([self.end]);
        self.buckets.iter().zip(ends).map(|((from, n), to)| (*from, to, *n)).take(last).skip(first)
    }
}

/// Things of one kind and how much of each, as bars side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Bars {
    /// What it shows.
    pub title: String,
    /// What is measured.
    pub unit: Unit,
    /// What the bars stand for, as the heading of a column.
    pub of: &'static str,
    /// Name (words or a link) and size of each, in the order they are shown.
    pub bars: Vec<(Value, u64)>,
    /// What to know about it, below it.
    pub notes: Vec<String>,
}

impl Bars {
    /// Names, sizes and bars; the longest bar is the largest.
    pub fn table(&self) -> Table {
        let largest = self.bars.iter().map(|bar| bar.1).max().unwrap_or(0);
        let rows = self
            .bars
            .iter()
            .map(|(name, n)| vec![name.clone(), self.unit.value(*n), Value::bar(*n, largest)]);
        Table {
            title: self.title.clone(),
            columns: vec![
                Column::words(self.of),
                Column::number(self.unit.name()),
                Column::words("").drop(1),
            ],
            rows: rows.collect(),
            notes: self.notes.clone(),
        }
    }
}

/// Who has how much to do with whom.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// What it shows.
    pub title: String,
    /// What is measured.
    pub unit: Unit,
    /// What stands in the rows and in the columns: `client`, `server`.
    pub of: (&'static str, &'static str),
    /// Names of the rows, in the order they are shown.
    pub rows: Vec<String>,
    /// Names of the columns, in the order they are shown.
    pub columns: Vec<String>,
    /// Row, column and size of each cell that has anything in it.
    pub cells: Vec<(usize, usize, u64)>,
    /// What to know about it, below it.
    pub notes: Vec<String>,
}

impl Matrix {
    /// The cells, the largest first.
    pub fn table(&self) -> Table {
        let mut cells = self.cells.clone();
        cells.sort_by_key(|&(row, column, n)| (std::cmp::Reverse(n), row, column));
        let all: u64 = cells.iter().fold(0, |a, b| a.saturating_add(b.2));
        let name = |names: &[String], at: usize| names.get(at).map_or(Value::Nothing, Value::text);
        let rows = cells.iter().map(|&(row, column, n)| {
            vec![name(&self.rows, row), name(&self.columns, column), self.unit.value(n), Value::share(n, all)]
        });
        Table {
            title: self.title.clone(),
            columns: vec![
                Column::words(self.of.0),
                Column::words(self.of.1),
                Column::number(self.unit.name()),
                Column::number("share").drop(1),
            ],
            rows: rows.collect(),
            notes: self.notes.clone(),
        }
    }
}

//! Data in the middle: what a section says, before anything is drawn.

use capkeep_pcap::Timestamp;

use crate::Value;
use crate::card::Card;
use crate::drawing::{Bars, Histogram, Matrix, Stack};

/// One piece of a report.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A paragraph.
    Words(String),
    /// A piece of news with what backs it.
    Card(Card),
    /// Layers over time.
    Stack(Stack),
    /// How often values fell between fixed edges.
    Histogram(Histogram),
    /// Things and how much of each.
    Bars(Bars),
    /// Who has how much to do with whom.
    Matrix(Matrix),
    /// Rows under named columns.
    Table(Table),
    /// Labelled values.
    Facts(Facts),
    /// Values over time.
    Chart(Chart),
}

/// Rows under named columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, each as long as `columns`.
    pub rows: Vec<Vec<Value>>,
    /// What to know about the rows, below them.
    pub notes: Vec<String>,
}

impl Table {
    /// Takes a column out that has nothing in any row.
    pub(crate) fn drop_if_empty(&mut self, column: &str) {
        let Some(place) = self.columns.iter().position(|known| known.name == column) else { return };
        if self.rows.iter().all(|row| row.get(place).is_none_or(|value| *value == Value::Nothing)) {
            self.columns.remove(place);
            for row in &mut self.rows {
                row.remove(place);
            }
        }
    }
}

/// A column of a [`Table`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its heading.
    pub name: &'static str,
    /// Which side its values lean on.
    pub align: Align,
    /// What happens to it where there is little room.
    pub keep: Keep,
}

impl Column {
    /// Room for words (chosen: most IPv6 addresses).
    const WORDS: u8 = 25;

    /// Words, leaning left, shortened in the middle where there is little room.
    pub const fn words(name: &'static str) -> Self {
        Self { name, align: Align::Left, keep: Keep::Shorten(Self::WORDS) }
    }

    /// The same column of words, with more room or less before others are left out.
    #[must_use]
    pub const fn at_least(self, columns: u8) -> Self {
        Self { keep: Keep::Shorten(columns), ..self }
    }

    /// The same column of words, always there and never shortened.
    #[must_use]
    pub const fn whole(self) -> Self {
        Self { keep: Keep::Always, ..self }
    }

    /// A number, leaning right, always there.
    pub const fn number(name: &'static str) -> Self {
        Self { name, align: Align::Right, keep: Keep::Always }
    }

    /// The same column of words with this room, left out where there is less; the highest rank goes first.
    #[must_use]
    pub const fn at_least_or_drop(self, columns: u8, rank: u8) -> Self {
        Self { keep: Keep::ShortenOrDrop(columns, rank), ..self }
    }

    /// The same column, left out where there is little room; the highest rank goes first.
    #[must_use]
    pub const fn drop(self, rank: u8) -> Self {
        Self { keep: Keep::Drop(rank), ..self }
    }
}

/// Which side the values of a column lean on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Left.
    Left,
    /// Right.
    Right,
}

/// What happens to a column where there is little room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It stays as it is.
    Always,
    /// Its values are shortened in the middle, but other columns are left out before they get narrower than this.
    Shorten(u8),
    /// It is left out, the highest rank first.
    Drop(u8),
    /// Its values are shortened in the middle to this width, and where that is not enough it is left out by its rank.
    ShortenOrDrop(u8, u8),
}

/// Labelled values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// What they are about; of a path the folder is shortened first.
    pub title: String,
    /// Label and values; the values stand in one line, apart.
    pub lines: Vec<(&'static str, Vec<Value>)>,
}

impl Facts {
    /// Adds a line, unless there is nothing to say.
    pub fn line(&mut self, label: &'static str, values: Vec<Value>) {
        if values.iter().any(|value| *value != Value::Nothing) {
            self.lines.push((label, values));
        }
    }
}

/// Values over time, in steps of equal width.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// The first instant there is a value for; it lies in the first step.
    pub first: Timestamp,
    /// The last instant there is a value for; it lies in the last step.
    pub last: Timestamp,
    /// Width of a step in nanoseconds.
    pub step: i64,
    /// One value per step: packets and bytes on the wire.
    pub steps: Vec<(u64, u64)>,
}

impl Chart {
    /// The same chart in at most `columns` steps, by joining neighbours.
    #[must_use]
    pub fn narrowed(&self, columns: usize) -> Self {
        let join = self.steps.len().div_ceil(columns.max(1)).max(1);
        let sum = |part: &[(u64, u64)]| {
            part.iter().fold((0u64, 0u64), |a, b| (a.0.saturating_add(b.0), a.1.saturating_add(b.1)))
        };
        Self {
            title: self.title.clone(),
            first: self.first,
            last: self.last,
            step: self.step.saturating_mul(join as i64),
            steps: self.steps.chunks(join).map(sum).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrowing_a_chart_keeps_its_sums() {
        let chart = Chart {
            title: String::new(),
            first: Timestamp::from_nanos(0),
            last: Timestamp::from_nanos(9_999),
            step: 10,
            steps: (0..1000u64).map(|i| (i, 2 * i)).collect(),
        };
        for columns in [1, 7, 76, 999, 1000, 5000] {
            let narrow = chart.narrowed(columns);
            assert!(narrow.steps.len() <= columns);
            assert_eq!(narrow.steps.iter().map(|s| s.0).sum::<u64>(), 499_500);
            assert_eq!(narrow.steps.iter().map(|s| s.1).sum::<u64>(), 999_000);
        }
    }
}

//! Columns of a table.

use polars_core::prelude::DataType;

use crate::unit::Unit;

/// Type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 64-bit signed integers.
    Int,
    /// True or false.
    Bool,
    /// Text.
    Text,
    /// Lists of 64-bit signed integers; empty, never null.
    Ints,
    /// Lists of texts; empty, never null.
    Texts,
}

impl Kind {
    /// Name in the schema.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int => "int64",
            Self::Bool => "bool",
            Self::Text => "string",
            Self::Ints => "list<int64>",
            Self::Texts => "list<string>",
        }
    }

    pub(super) fn dtype(self) -> DataType {
        match self {
            Self::Int => DataType::Int64,
            Self::Bool => DataType::Boolean,
            Self::Text => DataType::String,
            Self::Ints => DataType::List(Box::new(DataType::Int64)),
            Self::Texts => DataType::List(Box::new(DataType::String)),
        }
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnAbout {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Unit of its values; empty where they have none.
    pub unit: &'static str,
    /// True if a value can be missing.
    pub nullable: bool,
    /// What a value says.
    pub meaning: &'static str,
}

/// The first columns of every table, which say what it is ordered by.
pub(super) const FIRST: [ColumnAbout; 2] = [
    ColumnAbout {
        name: "vm",
        kind: Kind::Text,
        unit: "",
        nullable: true,
        meaning: "The virtual machine it was captured on; null where that is not known.",
    },
    ColumnAbout {
        name: "session",
        kind: Kind::Text,
        unit: "",
        nullable: false,
        meaning: "The session: a capture file, or files that follow on each other and share their flows.",
    },
];

/// How a column gets its value from a row.
pub(super) enum Get<X> {
    /// Of [`Kind::Int`].
    Int(fn(&Unit, &X) -> Option<i64>),
    /// Of [`Kind::Bool`].
    Bool(fn(&Unit, &X) -> Option<bool>),
    /// Of [`Kind::Text`].
    Text(fn(&Unit, &X) -> Option<String>),
    /// Of [`Kind::Ints`].
    Ints(fn(&Unit, &X) -> Vec<i64>),
    /// Of [`Kind::Texts`].
    Texts(fn(&Unit, &X) -> Vec<String>),
}

/// A column of a table of such rows.
pub(super) struct Column<X> {
    pub(super) about: ColumnAbout,
    pub(super) get: Get<X>,
}

impl<X> Column<X> {
    const fn new(
        name: &'static str,
        kind: Kind,
        unit: &'static str,
        meaning: &'static str,
        get: Get<X>,
    ) -> Self {
        Self { about: ColumnAbout { name, kind, unit, nullable: false, meaning }, get }
    }

    pub(super) const fn or_null(mut self) -> Self {
        self.about.nullable = true;
        self
    }
}

pub(super) const fn int<X>(
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
    get: fn(&Unit, &X) -> Option<i64>,
) -> Column<X> {
    Column::new(name, Kind::Int, unit, meaning, Get::Int(get))
}

pub(super) const fn flag<X>(
    name: &'static str,
    meaning: &'static str,
    get: fn(&Unit, &X) -> Option<bool>,
) -> Column<X> {
    Column::new(name, Kind::Bool, "", meaning, Get::Bool(get))
}

pub(super) const fn text<X>(
    name: &'static str,
    meaning: &'static str,
    get: fn(&Unit, &X) -> Option<String>,
) -> Column<X> {
    Column::new(name, Kind::Text, "", meaning, Get::Text(get))
}

pub(super) const fn ints<X>(
    name: &'static str,
    meaning: &'static str,
    get: fn(&Unit, &X) -> Vec<i64>,
) -> Column<X> {
    Column::new(name, Kind::Ints, "", meaning, Get::Ints(get))
}

pub(super) const fn texts<X>(
    name: &'static str,
    meaning: &'static str,
    get: fn(&Unit, &X) -> Vec<String>,
) -> Column<X> {
    Column::new(name, Kind::Texts, "", meaning, Get::Texts(get))
}

/// Counters are unsigned where they are counted; no captures hold 2^63 of anything.
pub(super) fn wide(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// As [`wide`], for a column.
#[expect(clippy::unnecessary_wraps, reason = "the columns want an option")]
pub(super) fn count(n: u64) -> Option<i64> {
    Some(wide(n))
}

//! A table: rows of a unit, and columns that get their values from a row.

use std::borrow::Cow;

use polars_core::error::PolarsResult;
use polars_core::frame::DataFrame;
use polars_core::prelude::{
    BooleanChunked, Column as Series, DataType, Field, Int64Chunked, Int64Type, IntoColumn, ListBuilderTrait,
    ListPrimitiveChunkedBuilder, ListStringChunkedBuilder, NewChunkedArray, StringChunked,
    StringChunkedBuilder,
};

use super::SCHEMA_NAME;
use super::columns::{Column, ColumnAbout, FIRST, Get, Kind};
use crate::flows::Layout;
use crate::unit::Unit;

/// A table of the dataset.
pub trait DatasetTable: Sync {
    /// Its name, which is that of its files.
    fn name(&self) -> &'static str;
    /// What a row is.
    fn about(&self) -> &'static str;
    /// The columns that its rows are ordered by.
    fn order(&self) -> &'static [&'static str];
    /// Its columns, in order.
    fn columns(&self) -> Vec<ColumnAbout>;
    /// The rows of a unit.
    ///
    /// # Errors
    /// What polars says.
    #[doc(hidden)]
    fn frame(&self, unit: &Unit) -> PolarsResult<DataFrame>;
}

/// A table of rows of one type.
pub(super) struct TableOf<X: Clone + 'static> {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) order: &'static [&'static str],
    pub(super) rows: for<'a> fn(&'a Unit) -> Cow<'a, [X]>,
    pub(super) columns: &'static [Column<X>],
}

impl<X: Clone + 'static> DatasetTable for TableOf<X> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn order(&self) -> &'static [&'static str] {
        self.order
    }

    fn columns(&self) -> Vec<ColumnAbout> {
        FIRST.into_iter().chain(self.columns.iter().map(|column| column.about)).collect()
    }

    fn frame(&self, unit: &Unit) -> PolarsResult<DataFrame> {
        let rows = (self.rows)(unit);
        let same = |name: &str, text: Option<&str>| -> Series {
            StringChunked::from_iter_options(name.into(), std::iter::repeat_n(text, rows.len())).into_column()
        };
        let mut all = vec![same("vm", unit.vm()), same("session", Some(&unit.session))];
        all.extend(self.columns.iter().map(|column| series(column, unit, &rows)));
        DataFrame::new(rows.len(), all)
    }
}

/// How the files of a table are laid out.
pub(super) fn layout(table: &dyn DatasetTable) -> Layout {
    let columns = table.columns();
    let field = |column: &ColumnAbout| Field::new(column.name.into(), column.kind.dtype());
    let is_text = |column: &&ColumnAbout| matches!(column.kind, Kind::Text | Kind::Texts);
    Layout {
        schema: columns.iter().map(field).collect(),
        name: SCHEMA_NAME,
        from_outside: columns.iter().filter(is_text).map(|column| column.name).collect(),
    }
}

fn series<X>(column: &Column<X>, unit: &Unit, rows: &[X]) -> Series {
    let name = column.about.name.into();
    match column.get {
        Get::Int(get) => {
            Int64Chunked::from_iter_options(name, rows.iter().map(|row| get(unit, row))).into_column()
        }
        Get::Bool(get) => {
            BooleanChunked::from_iter_options(name, rows.iter().map(|row| get(unit, row))).into_column()
        }
        Get::Text(get) => {
            let mut builder = StringChunkedBuilder::new(name, rows.len());
            for row in rows {
                match get(unit, row) {
                    Some(text) => builder.append_value(text),
                    None => builder.append_null(),
                }
            }
            builder.finish().into_column()
        }
        Get::Ints(get) => {
            let mut builder =
                ListPrimitiveChunkedBuilder::<Int64Type>::new(name, rows.len(), rows.len(), DataType::Int64);
            for row in rows {
                builder.append_slice(&get(unit, row));
            }
            builder.finish().into_column()
        }
        Get::Texts(get) => {
            let mut builder = ListStringChunkedBuilder::new(name, rows.len(), rows.len());
            for row in rows {
                let items = get(unit, row);
                builder.append_values_iter(items.iter().map(String::as_str));
            }
            builder.finish().into_column()
        }
    }
}

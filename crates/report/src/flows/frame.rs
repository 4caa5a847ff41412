//! Flows to a table of typed columns.

use std::collections::BTreeMap;

use capkeep_flow::FlowRecord;
use polars_core::error::PolarsResult;
use polars_core::frame::DataFrame;
use polars_core::prelude::{
    BooleanChunked, Column as Series, DataType, Field, Int64Chunked, IntoColumn, NewChunkedArray, Schema,
    StringChunkedBuilder,
};
use polars_core::runtime::RAYON;
use rayon::prelude::*;

use super::columns::{COLUMNS, Column, Get, Row};
use super::{Layout, SCHEMA_NAME};

/// What is known of the captures that flows begin in.
#[derive(Debug, Default)]
pub(crate) struct Captures(BTreeMap<u32, (String, Option<u32>)>);

impl Captures {
    pub(crate) fn insert(&mut self, index: u32, path: String, session: Option<u32>) {
        self.0.insert(index, (path, session));
    }

    fn row<'a>(&'a self, flow: &'a FlowRecord) -> Row<'a> {
        let capture = self.0.get(&flow.capture);
        Row {
            flow,
            path: capture.map(|(path, _)| path.as_str()),
            session: capture.and_then(|(_, session)| *session),
        }
    }
}

/// How a file of flows is laid out.
pub(super) fn layout() -> Layout {
    let outside = COLUMNS.iter().filter(|column| column.from_outside).map(|column| column.name);
    Layout { schema: schema(), name: SCHEMA_NAME, from_outside: outside.collect() }
}

/// Names and types of the columns.
fn schema() -> Schema {
    let field = |column: &Column| {
        let dtype = match column.get {
            Get::Int(_) => DataType::Int64,
            Get::Bool(_) => DataType::Boolean,
            Get::Text(_) => DataType::String,
        };
        Field::new(column.name.into(), dtype)
    };
    COLUMNS.iter().map(field).collect()
}

/// A table of the flows, in one chunk. With `parallel`, columns are made on polars' own threads: waiting for
/// those of the analysis could wait for a thread that waits for this table.
pub(crate) fn frame(flows: &[FlowRecord], captures: &Captures, parallel: bool) -> PolarsResult<DataFrame> {
    let rows: Vec<Row<'_>> = flows.iter().map(|flow| captures.row(flow)).collect();
    let columns = if parallel {
        RAYON.install(|| COLUMNS.par_iter().with_max_len(1).map(|column| series(column, &rows)).collect())
    } else {
        COLUMNS.iter().map(|column| series(column, &rows)).collect()
    };
    DataFrame::new(rows.len(), columns)
}

fn series(column: &Column, rows: &[Row<'_>]) -> Series {
    let name = column.name.into();
    match column.get {
        Get::Int(get) => {
            Int64Chunked::from_iter_options(name, rows.iter().map(|row| get(*row))).into_column()
        }
        Get::Bool(get) => {
            BooleanChunked::from_iter_options(name, rows.iter().map(|row| get(*row))).into_column()
        }
        Get::Text(get) => {
            let mut builder = StringChunkedBuilder::new(name, rows.len());
            let mut text = String::new();
            for row in rows {
                text.clear();
                if get(*row, &mut text) {
                    builder.append_value(&text);
                } else {
                    builder.append_null();
                }
            }
            builder.finish().into_column()
        }
    }
}

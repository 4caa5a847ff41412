//! Units as tables that other programs read.
//!
//! [`write()`] makes a file of every table of [`TABLES`] in every format asked for, with a row group of
//! [`FlowExport::ROWS`](crate::flows::FlowExport::ROWS) rows at a time; [`FlowLinks`] puts the files with flows beside
//! them, a folder a day. Rows are in the order of virtual machine, session and then the table's own. The same units
//! give the same bytes.
//!
//! Numbers are signed 64-bit integers, instants and spans are integer nanoseconds in columns that end
//! in `_ns`, lists hold integers or text, and what is not known is null: polars, pandas, `DuckDB`, pyarrow and Spark
//! read it alike.

mod captures;
mod columns;
mod conversations;
mod findings;
mod flows;
mod hosts;
mod protocols;
mod schema;
mod series;
mod services;
mod table;
#[cfg(test)]
mod tests;
mod write;

pub use columns::{ColumnAbout, Kind};
pub use flows::FlowLinks;
pub(crate) use flows::layout as flow_layout;
pub use schema::{json_schema, schema};
pub use table::DatasetTable;
pub use write::{Written, write};

/// Name and version of the tables. New columns may come at the end, and new tables, without a new version.
pub const SCHEMA_NAME: &str = "capkeep.dataset/1";

/// Every table but the flows, in the order in which they are described. A new one is a file here and a line in this
/// slice.
pub const TABLES: &[&dyn DatasetTable] = &[
    &captures::TABLE,
    &findings::TABLE,
    &hosts::TABLE,
    &conversations::TABLE,
    &services::TABLE,
    &series::TABLE,
    &protocols::TABLE,
];

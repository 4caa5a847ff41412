//! What an analysis found, in the forms people and programs read.
//!
//! - [`summary`] makes [`Block`]s (tables, facts, a chart) from an [`Analysis`](capkeep_flow::Analysis), one
//!   [`Section`] per question an analyst asks; [`terminal`] draws them and does all escaping.
//! - [`html`] draws chapters of the same [`Block`]s as one page that needs nothing but itself.
//! - [`json`] writes the whole analysis as one JSON object.
//! - [`ends`] shows two captures of the same traffic side by side.
//! - [`flows`] writes the flows themselves to Parquet, Arrow, CSV and JSON files while they end.
//! - [`mod@unit`] is what is kept of one session for a report over many.
//! - [`dataset`] writes units as tables that other programs read.
//! - [`picture`] is one picture of many units, and the chapters made of it; [`markdown`] writes them for tickets,
//!   [`baseline`] tells what is new since the last one.

pub mod baseline;
mod beside;
mod card;
pub mod dataset;
mod drawing;
pub mod ends;
#[cfg(test)]
mod fixture;
pub mod flows;
pub mod html;
pub mod json;
pub mod markdown;
mod names;
pub mod picture;
mod services;
pub mod summary;
mod table;
pub mod terminal;
mod time;
pub mod unit;
mod value;

pub use beside::beside;
pub use card::{Card, Level};
pub use drawing::{Bars, Histogram, Layer, Matrix, Stack, Unit};
pub use summary::{SECTIONS, Section, View};
pub use table::{Align, Block, Chart, Column, Facts, Keep, Table};
pub use time::utc;
pub use value::Value;

//! What is decided, planned, done and undone, over a model of a storage account.

// A test without its folder or file has nothing to test.
#![allow(clippy::unwrap_used)]

mod apply;
mod around;
mod audit;
mod decide;
mod killed;
mod laws;
mod model;
mod plan;
mod restore;
mod speed;
mod tag;
mod universe;
mod words;

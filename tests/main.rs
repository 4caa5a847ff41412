//! What the program does, tested from outside.
#![allow(clippy::unwrap_used)]

mod cli;
mod exports;
mod run;

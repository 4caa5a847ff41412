//! What the program does, tested from outside.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods)]

mod cli;
mod exports;
mod faults;
mod fetch;
mod findings;
mod hostile;
mod local;
mod microsoft;
mod readme;
mod report;
mod run;
mod same_bytes;
mod snapshots;
mod testdata;
mod whole_life;

//! Captures to a dataset: the same bytes however they are analysed, and the sums of their analyses whoever reads it.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, and be told where to look"
)]

mod make;
mod readers;
mod same;

/// Says it past the test harness, which keeps what a passing test prints to itself.
fn say(what: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{what}\n").as_bytes());
}

//! The REST API from outside, with an engine that captures nothing, on a clock that is moved by hand.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test ends where something is not as it should be, looks at the clock, and says what it skips"
)]

mod examples;
mod faults;
mod hostile;
mod life;
mod recorded;
mod server;
mod storing;
mod support;
mod uploading;

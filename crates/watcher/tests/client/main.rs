//! The client against servers of the test's own.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test ends where something is not as it should be, looks at the clock, and says what it skips"
)]

mod faults;
mod recorded;
mod support;

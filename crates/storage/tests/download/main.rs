//! The download engine against a store whose faults are scripted.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test ends where something is not as it should be, and says what it skips"
)]

mod crashes;
mod disks;
mod faults;
mod overwriting;
mod pace;
mod reading;
mod script;

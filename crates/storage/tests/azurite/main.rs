//! Stores of an account against Microsoft's emulator, with every kind of credential, and beside Microsoft's SDK.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test ends where something is not as it should be, and says what it skips"
)]

mod blobs;
mod credentials;
mod python;
mod service;

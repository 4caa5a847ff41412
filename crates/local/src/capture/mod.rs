//! Sessions that capture real packets of this machine, on Linux. Elsewhere no session starts.
//!
//! A [`Session`] has one thread: it takes packets that a filter of the kernel let through from an `AF_PACKET`
//! socket of a [`Machine`] and writes them to files, laid out as [`Layout`] says, until a limit or somebody ends it.

// What compiles filters is there everywhere, and used where there is a kernel that takes them.
#![cfg_attr(not(target_os = "linux"), allow(dead_code))]

mod assembler;
mod bpf;
#[cfg(test)]
mod bpf_tests;
mod error;
mod file;
#[cfg(target_os = "linux")]
mod frame;
#[cfg(target_os = "linux")]
mod namespace;
mod output;
mod rule;
mod session;
#[cfg_attr(not(target_os = "linux"), path = "elsewhere.rs")]
mod socket;
mod taken;
mod target;

pub use error::CaptureError;
pub use output::{Existing, Layout};
pub use session::{End, Session, Snapshot, Spec};
pub use target::Machine;

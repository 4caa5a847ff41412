//! Sessions that capture real packets of this machine, on Linux.
//!
//! A [`Session`] has one thread: it takes packets that a filter of the kernel let through from an `AF_PACKET`
//! socket of a [`Machine`] and writes them to files, laid out as [`Layout`] says, until a limit or somebody ends it.

mod assembler;
mod bpf;
#[cfg(test)]
mod bpf_tests;
mod error;
mod file;
mod output;
mod rule;
mod session;
mod socket;
mod target;

pub use error::CaptureError;
pub use output::{Existing, Layout};
pub use session::{End, Session, Snapshot, Spec};
pub use target::Machine;

//! The audit log: what was about to be done, and what became of it.

mod entry;
mod journal;
mod log;

pub use entry::{Archived, Deed, Entry, Target, What};
pub use journal::Journal;
pub use log::AuditLog;

use std::fmt::Write as _;

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

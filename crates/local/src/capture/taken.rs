//! A packet that was captured.

use std::time::SystemTime;

/// Bytes of a packet at most: the longest tcpdump keeps too (`MAXIMUM_SNAPLEN`), longer than any segment the kernel
/// hands on undivided.
pub(super) const MAX_PACKET: u32 = 262_144;

/// A packet taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken<'a> {
    /// When the kernel saw it, nanoseconds since the epoch.
    pub(super) time_ns: i64,
    /// Bytes it had.
    pub(super) wire_bytes: u32,
    /// The first of them.
    pub(super) bytes: &'a [u8],
}

/// Nanoseconds since the epoch, for a packet the kernel gave no time to.
#[expect(clippy::disallowed_methods, reason = "packets are captured now")]
pub(super) fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

//! What a download may use, and what it has to hold.

use std::time::Duration;

/// What a download may use, how long it tries, and what it does with what lies there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, over all files. `None`: begins with a few and takes more while that makes it faster.
    pub connections: Option<u16>,
    /// Most bytes that one request asks for; rounded up to whole blocks of the journal.
    pub part_bytes: u64,
    /// Most bytes in a second, over all connections.
    pub bytes_per_second: Option<u64>,
    /// A connection on which no byte came for so long is given up, and the rest asked for again. The answer itself may
    /// take three times as long, for the store may be waiting as the service told it to.
    pub stall: Duration,
    /// How long to try again without a single new byte before it is an error.
    pub retry_for: Duration,
    /// What to do about a file that has the name already.
    pub overwrite: Overwrite,
    /// The file gets the time the blob was last modified.
    pub keep_time: bool,
    /// What to do with the MD5 a blob may have.
    pub check: Check,
    /// The file is on the disk, not only handed to the system, before it has its name. Wanted where the blob is deleted
    /// afterwards; otherwise the blob is still there if the power fails, and the next run finds out that it did.
    pub durable: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: None,
            // Measured: smaller ones cost requests, larger ones are no faster.
            part_bytes: 8 << 20,
            bytes_per_second: None,
            // Chosen: longer than a busy service takes, shorter than a person waits.
            stall: Duration::from_secs(30),
            // Chosen: a router that starts anew, a laptop that changes networks.
            retry_for: Duration::from_mins(5),
            overwrite: Overwrite::Changed,
            keep_time: true,
            check: Check::Given,
            durable: false,
        }
    }
}

/// What to do about a file that has the name already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overwrite {
    /// It stays, and that is an error.
    Never,
    /// It stays if it was fetched from the same version of the blob and was not touched since; otherwise it is replaced.
    #[default]
    Changed,
    /// It is replaced.
    Always,
}

/// What to do with the MD5 a blob may have. Length, entity tag and SHA-256 are dealt with in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// Nothing: some blobs were given a wrong one by whoever wrote them.
    Ignored,
    /// A blob that has one must have that content.
    #[default]
    Given,
    /// A blob that has none is not fetched.
    Required,
}

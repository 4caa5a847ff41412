//! What happens during a download, and how it ends.

use std::time::Duration;

use super::provenance::Provenance;
use crate::blob::Etag;
use crate::error::Error;

/// Something that happened. `file` is the place of the file in the list of jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A file is begun.
    Started {
        /// Which.
        file: usize,
        /// Its length.
        bytes: u64,
    },
    /// So much of it was there from an earlier run, and was found to be whole. Comes after [`Event::Started`].
    Resumed {
        /// Which.
        file: usize,
        /// Bytes that need not be fetched.
        bytes: u64,
    },
    /// What was there of it cannot be used: its count begins at nothing. [`Event::Started`] follows.
    Afresh {
        /// Which.
        file: usize,
        /// Why.
        why: String,
    },
    /// Bytes arrived and were written.
    Bytes {
        /// Which.
        file: usize,
        /// How many.
        bytes: u64,
    },
    /// A request failed, or its answer broke off. What had arrived stays; the rest is asked for again.
    Retried {
        /// Which.
        file: usize,
        /// What happened.
        why: String,
        /// After so long.
        pause: Duration,
    },
    /// All of it is there and was checked.
    Verified {
        /// Which.
        file: usize,
        /// What became of the MD5.
        md5: Md5Check,
    },
    /// It has its name.
    Done {
        /// Which.
        file: usize,
    },
    /// It was there already.
    Unchanged {
        /// Which.
        file: usize,
    },
    /// It was given up.
    Failed {
        /// Which.
        file: usize,
        /// Why.
        why: String,
    },
    /// So many connections are used at most from now on.
    Connections(u16),
}

/// What became of the MD5 of the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Md5Check {
    /// It is the one the blob has.
    Verified,
    /// The blob has none.
    NotGiven,
    /// It was not looked at.
    Ignored,
}

/// How the download of one file ended.
#[derive(Debug)]
pub enum Outcome {
    /// It is there, whole and verified.
    Fetched(Fetched),
    /// It was there already, from the same version of the blob; what is known of it.
    Unchanged(Box<Provenance>),
    /// It is not there.
    Failed {
        /// Why.
        error: Error,
        /// Bytes of it that the next run need not fetch again.
        kept: u64,
    },
    /// It was told to stop before it was there.
    Stopped {
        /// Bytes of it that the next run need not fetch again.
        kept: u64,
    },
}

/// A file that is there, whole and verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its length.
    pub bytes: u64,
    /// Bytes that had been there from an earlier run.
    pub resumed_from: u64,
    /// Bytes that arrived in this run, those that had to be thrown away included.
    pub received: u64,
    /// SHA-256 of its content, in hexadecimal digits.
    pub sha256: String,
    /// What became of the MD5.
    pub md5: Md5Check,
    /// Version it is.
    pub etag: Etag,
}

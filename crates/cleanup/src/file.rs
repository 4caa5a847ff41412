//! A capture file, as a verdict needs it.

use capkeep_storage::Blob;
use jiff::Timestamp;

use crate::facts::Facts;

/// A capture file, or what might be one: a blob, the account it is in, and what else is known of it.
#[derive(Clone, Copy, Debug)]
pub struct CaptureFile<'a> {
    /// Name of the account, or of the folder that stands for one.
    pub account: &'a str,
    /// The blob.
    pub blob: &'a Blob,
    /// What a ledger or the blob itself tells of its capture.
    pub facts: Option<&'a Facts>,
}

impl CaptureFile<'_> {
    /// When its content was written: tagging a blob changes when it was "last modified", which the tag knows.
    pub fn written(&self) -> Timestamp {
        let before = self.facts.and_then(|facts| facts.written);
        before.map_or(self.blob.modified, |before| before.min(self.blob.modified))
    }
}

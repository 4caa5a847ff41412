//! An entry of the audit log.

use std::collections::BTreeMap;
use std::path::PathBuf;

use capkeep_storage::{BlobName, Etag, Tier};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::apply::Outcome;
use crate::decide::Verdict;
use crate::facts::Facts;
use crate::plan::Row;

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Number, from 1, without gaps.
    pub number: u64,
    /// When it was written.
    pub at: Timestamp,
    /// What it tells.
    #[serde(flatten)]
    pub what: What,
}

/// What an entry tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// A run begins.
    Begun {
        /// Program, its version, and who runs it.
        by: String,
        /// Digest of the plan; nothing for what has none.
        plan: Option<String>,
        /// What is done to each row.
        deed: Deed,
        /// How many rows.
        rows: usize,
    },
    /// Something is about to be done to a blob. It was not done before this was on the disk.
    Intent {
        /// What is done.
        deed: Deed,
        /// To which version of which blob.
        target: Box<Target>,
    },
    /// What became of an intent.
    Result {
        /// Number of the intent.
        of: u64,
        /// What became of it.
        outcome: Outcome,
    },
    /// A run has ended.
    Ended {
        /// Rows it got to.
        rows: usize,
        /// Why it ended before the last row.
        why: Option<String>,
    },
}

/// What is done to a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deed {
    /// It is deleted.
    Delete,
    /// It is moved to another access tier.
    Tier(Tier),
    /// Its delete is undone.
    Restore,
}

/// A version of a blob, and all that is needed to bring it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// URL of the account, without any secret.
    pub account: String,
    /// Container.
    pub container: String,
    /// Name.
    pub name: String,
    /// Version.
    pub etag: Etag,
    /// Bytes.
    pub size: u64,
    /// When it was last modified.
    pub modified: Timestamp,
    /// Verdict it was dealt with for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What spoke for the verdict.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub evidence: String,
    /// What else was known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Box<Facts>>,
    /// Its metadata.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Its index tags, as far as they could be read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Where a copy is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<Archived>,
}

/// A copy on this machine, whole and verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archived {
    /// Where.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the content in hexadecimal digits.
    pub sha256: String,
}

impl Target {
    /// Name of the blob.
    pub fn blob(&self) -> BlobName {
        BlobName::new(self.container.as_str(), self.name.as_str())
    }

    pub(crate) fn of(row: &Row) -> Self {
        Self {
            account: row.account.clone(),
            container: row.container.clone(),
            name: row.name.clone(),
            etag: row.etag.clone(),
            size: row.size,
            modified: row.modified,
            verdict: Some(row.verdict),
            evidence: row.evidence.clone(),
            facts: row.facts.clone(),
            metadata: BTreeMap::new(),
            tags: BTreeMap::new(),
            archived: None,
        }
    }
}

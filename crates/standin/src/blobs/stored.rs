//! What is stored, and how it came to be.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;

use super::content::Content;
use super::message::{IMMUTABLE_HOLD, IMMUTABLE_POLICY, LEASE_ID_MISMATCH, LEASE_ID_MISSING, Refusal};

/// One version of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its bytes.
    pub content: Content,
    /// Media type.
    pub content_type: String,
    /// MD5 that whoever wrote it gave, right or wrong.
    pub md5: Option<[u8; 16]>,
    /// Entity tag with its quotes.
    pub etag: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
    /// Metadata.
    pub metadata: BTreeMap<String, String>,
    /// Index tags.
    pub tags: BTreeMap<String, String>,
    /// `BlockBlob`, `AppendBlob`, `PageBlob`.
    pub kind: String,
    /// Access tier, if it was set.
    pub tier: Option<String>,
    /// Who holds a lease.
    pub lease: Option<String>,
    /// A legal hold lies on it.
    pub legal_hold: bool,
    /// It must not be changed before this time.
    pub immutable_until: Option<Timestamp>,
    /// Its version, where versions are kept.
    pub version: Option<String>,
    /// Time of the snapshot, if it is one.
    pub snapshot: Option<String>,
    /// When it was softly deleted.
    pub deleted: Option<Timestamp>,
}

impl Stored {
    /// Refuses what a lease forbids to those who do not hold it.
    pub(super) fn respect_lease(&self, id: Option<&str>) -> Result<(), Refusal> {
        match (&self.lease, id) {
            (Some(_), None) => Err(LEASE_ID_MISSING),
            (Some(held), Some(id)) if held != id => Err(LEASE_ID_MISMATCH),
            _ => Ok(()),
        }
    }

    /// Refuses what a legal hold or a policy forbids.
    pub(super) fn respect_holds(&self, now: Timestamp) -> Result<(), Refusal> {
        if self.legal_hold {
            return Err(IMMUTABLE_HOLD);
        }
        if self.immutable_until.is_some_and(|until| until > now) {
            return Err(IMMUTABLE_POLICY);
        }
        Ok(())
    }

    /// It is in the archive and cannot be read.
    pub(super) fn is_archived(&self) -> bool {
        self.tier.as_deref() == Some("Archive")
    }
}

/// A blob that is to be put there by a test.
#[derive(Clone, Debug)]
pub struct Made {
    /// Its bytes.
    pub content: Content,
    /// MD5 to tell; `None` tells none.
    pub md5: Option<[u8; 16]>,
    /// When it was made and last changed; `None` is now.
    pub modified: Option<Timestamp>,
    /// Metadata.
    pub metadata: BTreeMap<String, String>,
    /// Index tags.
    pub tags: BTreeMap<String, String>,
    /// `BlockBlob`, `AppendBlob`, `PageBlob`.
    pub kind: String,
    /// Access tier.
    pub tier: Option<String>,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            content: Content::default(),
            md5: None,
            modified: None,
            metadata: BTreeMap::new(),
            tags: BTreeMap::new(),
            kind: "BlockBlob".into(),
            tier: None,
        }
    }
}

/// What is under a name.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// The current version; softly deleted perhaps.
    pub(super) base: Option<Stored>,
    /// Older versions, oldest first.
    pub(super) versions: Vec<Stored>,
    /// Snapshots, oldest first.
    pub(super) snapshots: Vec<Stored>,
    /// Blocks that are in no list yet.
    pub(super) blocks: BTreeMap<String, Bytes>,
}

impl Entry {
    /// The current version, if it is there.
    pub(super) fn current(&self) -> Option<&Stored> {
        self.base.as_ref().filter(|stored| stored.deleted.is_none())
    }

    /// The current version, if it is there.
    pub(super) fn current_mut(&mut self) -> Option<&mut Stored> {
        self.base.as_mut().filter(|stored| stored.deleted.is_none())
    }

    /// A version, a snapshot, or the current one if neither is named; not what was softly deleted.
    pub(super) fn find(&self, version: Option<&str>, snapshot: Option<&str>) -> Option<&Stored> {
        let is_there = |stored: &&Stored| stored.deleted.is_none();
        match (version, snapshot) {
            (Some(version), _) => {
                let mut all = self.versions.iter().chain(&self.base);
                all.find(|stored| stored.version.as_deref() == Some(version)).filter(is_there)
            }
            (None, Some(snapshot)) => {
                self.snapshots.iter().find(|s| s.snapshot.as_deref() == Some(snapshot)).filter(is_there)
            }
            (None, None) => self.current(),
        }
    }

    /// Everything there, in the order of listings: snapshots and older versions before the current one.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Stored, bool)> {
        let older = self.snapshots.iter().chain(&self.versions).map(|stored| (stored, false));
        older.chain(self.base.iter().map(|stored| (stored, true)))
    }

    /// Nothing is left of it.
    pub(super) fn is_empty(&self) -> bool {
        self.base.is_none() && self.versions.is_empty() && self.snapshots.is_empty() && self.blocks.is_empty()
    }
}

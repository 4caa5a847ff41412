//! What is known of a blob.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Name of a blob: its container, and its name in there. Names are texts of strangers; they are no paths.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlobName {
    /// Container.
    pub container: String,
    /// Name in the container, not encoded.
    pub name: String,
}

impl BlobName {
    /// A name.
    pub fn new(container: impl Into<String>, name: impl Into<String>) -> Self {
        Self { container: container.into(), name: name.into() }
    }
}

impl fmt::Display for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.container, self.name)
    }
}

/// Entity tag of a version of a blob's content and properties, in its quotes: `"0x8DC…"`.
///
/// Listings tell it without quotes, other calls with them; two that differ only in that are the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Etag(String);

impl Etag {
    /// The text with its quotes, as `If-Match` wants it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: AsRef<str>> From<T> for Etag {
    fn from(text: T) -> Self {
        let text = text.as_ref().trim();
        let is_quoted = text.ends_with('"') && (text.starts_with('"') || text.starts_with("W/\""));
        Self(if is_quoted { text.to_owned() } else { format!("\"{}\"", text.trim_matches('"')) })
    }
}

impl From<Etag> for String {
    fn from(etag: Etag) -> Self {
        etag.0
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A blob as a listing or a look at its properties tells it. What was not asked for or is not known is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Which.
    pub name: BlobName,
    /// Bytes of its content.
    pub size: u64,
    /// Its entity tag.
    pub etag: Etag,
    /// When content, properties or metadata last changed.
    pub modified: Timestamp,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it was last read, where the account tracks that.
    pub accessed: Option<Timestamp>,
    /// MD5 of the content, where whoever wrote it gave one.
    pub md5: Option<[u8; 16]>,
    /// `BlockBlob`, `AppendBlob`, `PageBlob`.
    pub kind: String,
    /// Access tier: `Hot`, `Cool`, `Cold`, `Archive`.
    pub tier: Option<String>,
    /// Its lease.
    pub lease: LeaseState,
    /// A legal hold lies on it.
    pub legal_hold: bool,
    /// It must not be deleted before this time.
    pub immutable_until: Option<Timestamp>,
    /// Time of the snapshot, if it is one.
    pub snapshot: Option<String>,
    /// Version, where the account keeps versions.
    pub version: Option<String>,
    /// False for an older version.
    pub is_current: bool,
    /// When it was (softly) deleted, if it was.
    pub deleted: Option<Timestamp>,
    /// Days until a deleted one is gone for good.
    pub days_left: Option<u32>,
    /// Its metadata; keys in the case the service tells, compared without it.
    pub metadata: BTreeMap<String, String>,
    /// Its index tags.
    pub tags: BTreeMap<String, String>,
}

impl Blob {
    /// A block blob of which nothing more is known.
    pub fn new(name: BlobName, size: u64, etag: Etag, modified: Timestamp) -> Self {
        Self {
            name,
            size,
            etag,
            modified,
            created: None,
            accessed: None,
            md5: None,
            kind: "BlockBlob".into(),
            tier: None,
            lease: LeaseState::default(),
            legal_hold: false,
            immutable_until: None,
            snapshot: None,
            version: None,
            is_current: true,
            deleted: None,
            days_left: None,
            metadata: BTreeMap::new(),
            tags: BTreeMap::new(),
        }
    }
}

/// Whether somebody holds a lease, without which a blob can be neither changed nor deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeaseState {
    /// Nobody does.
    #[default]
    Free,
    /// Somebody does.
    Leased,
}

/// Access tier a blob can be moved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Cheaper to keep, dearer to read.
    Cool,
    /// Cheaper still.
    Cold,
    /// Cheapest; it takes hours until it can be read again.
    Archive,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_with_and_without_quotes_are_the_same() {
        assert_eq!(Etag::from("0x8D"), Etag::from("\"0x8D\""));
        assert_eq!(Etag::from("W/\"0x8D\"").as_str(), "W/\"0x8D\"");
    }
}

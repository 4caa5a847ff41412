//! The interface of what holds capture files: an account of Azure (or of what speaks like it), or a local folder.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Range;
use std::path::Path;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;

use crate::blob::{Blob, BlobName, Etag, Tier};
use crate::error::Result;

/// Bytes as they arrive.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// What holds capture files. One call is one request (and its retries); nothing is cached.
///
/// # Errors
///
/// Each call fails with the [`Error`](crate::Error) that says what a caller can do: `Missing` (404), `Changed` (412 for
/// an entity tag), `Kept` (409 and 412 for what protects the blob), `Denied` (401, 403), `Busy` (429 and 5xx after the
/// retries), `Transport`, `Unsupported`.
#[async_trait]
pub trait Store: Debug + Send + Sync {
    /// Name of the account or folder, to be told.
    fn account(&self) -> &str;

    /// URL of a blob without any secret, to be told and noted; for a folder a `file:` URL.
    fn url(&self, name: &BlobName) -> String;

    /// Containers, one page of them from `marker` on.
    async fn containers(&self, marker: Option<&str>) -> Result<Page<Container>>;

    /// Makes a container unless it is there. Where containers come with their first blob there is nothing to do.
    async fn make_container(&self, _container: &str) -> Result<()> {
        Ok(())
    }

    /// Blobs of a container in the order of their names, one page from `marker` on.
    async fn list(&self, container: &str, query: &Query, marker: Option<&str>) -> Result<Page<Blob>>;

    /// What is known of one blob (metadata included, tags not).
    async fn head(&self, name: &BlobName) -> Result<Blob>;

    /// A range of the content, which must not be empty, of exactly the version that `etag` names. The stream ends with an
    /// error unless it yields exactly the range; an answer for another range is an error before the first byte. A body
    /// that breaks off is not asked for again: that is for whoever knows what has been kept.
    async fn read(&self, name: &BlobName, range: Range<u64>, etag: &Etag) -> Result<ByteStream>;

    /// Stores a file as a block blob with its MD5, in blocks where it is large.
    async fn upload(&self, name: &BlobName, file: &Path, upload: &Upload) -> Result<Blob>;

    /// Deletes the version that `etag` names and nothing else: a blob with snapshots is `Kept`.
    async fn delete(&self, name: &BlobName, etag: &Etag) -> Result<()>;

    /// Takes back the soft delete of a blob.
    async fn undelete(&self, name: &BlobName) -> Result<()>;

    /// Makes an older version the current one where there is none; otherwise it is an error
    /// ([`Error::Exists`](crate::Error::Exists)).
    async fn promote(&self, name: &BlobName, version: &str) -> Result<()>;

    /// Index tags of a blob.
    async fn tags(&self, name: &BlobName) -> Result<BTreeMap<String, String>>;

    /// Replaces the index tags of a blob. Its entity tag stays.
    async fn set_tags(&self, name: &BlobName, tags: &BTreeMap<String, String>) -> Result<()>;

    /// Replaces the metadata of the version that `etag` names, and tells the new entity tag.
    async fn set_metadata(
        &self,
        name: &BlobName,
        metadata: &BTreeMap<String, String>,
        etag: &Etag,
    ) -> Result<Etag>;

    /// Moves a blob, of exactly the version that `etag` names, to another access tier.
    async fn set_tier(&self, name: &BlobName, tier: Tier, etag: &Etag) -> Result<()>;

    /// What of a delete can be undone here.
    async fn protection(&self) -> Result<Protection>;
}

/// Part of a list, and where it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next one begins; `None` on the last.
    pub next: Option<String>,
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Name.
    pub name: String,
    /// An immutability policy covers it.
    pub has_immutability_policy: bool,
    /// A legal hold lies on it.
    pub has_legal_hold: bool,
}

/// What to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Beginning of the names; any text.
    pub prefix: String,
    /// What to tell besides.
    pub include: Include,
}

/// What a listing tells besides the blobs and their properties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each asks for one thing, and any of them go together")]
pub struct Include {
    /// Metadata.
    pub metadata: bool,
    /// Index tags (asks for a permission of its own).
    pub tags: bool,
    /// Immutability policies and legal holds.
    pub holds: bool,
    /// Snapshots.
    pub snapshots: bool,
    /// Blobs that were softly deleted.
    pub deleted: bool,
    /// Older versions.
    pub versions: bool,
}

/// How to store a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upload {
    /// Replace a blob of that name; otherwise it is an error ([`Error::Exists`](crate::Error::Exists)).
    pub replace: bool,
    /// Its metadata.
    pub metadata: BTreeMap<String, String>,
    /// Its index tags.
    pub tags: BTreeMap<String, String>,
}

/// What of a delete can be undone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    /// Days a deleted blob can be taken back; `None` where soft delete is off.
    pub soft_delete_days: Option<u32>,
    /// Versions are kept; `None` where that cannot be asked.
    pub versions: Option<bool>,
}

impl Protection {
    /// True if a delete can be undone.
    pub fn can_undo(&self) -> bool {
        self.soft_delete_days.is_some() || self.versions == Some(true)
    }
}

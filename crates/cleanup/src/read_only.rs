//! A store that can be looked at and not changed.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use capkeep_storage::{
    Blob, BlobName, ByteStream, Container, Error, Etag, Page, Protection, Query, Result, Store, Tier, Upload,
};

/// A store that can be looked at and not changed: whatever would change something is refused before it is sent.
#[derive(Clone, Debug)]
pub struct ReadOnly(Arc<dyn Store>);

impl ReadOnly {
    /// The same store, to be looked at.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }
}

fn refused<T>(what: &impl ToString) -> Result<T> {
    Err(Error::Unsupported { what: what.to_string(), why: "nothing is changed in a dry run".into() })
}

#[async_trait]
impl Store for ReadOnly {
    fn account(&self) -> &str {
        self.0.account()
    }

    fn url(&self, name: &BlobName) -> String {
        self.0.url(name)
    }

    async fn containers(&self, marker: Option<&str>) -> Result<Page<Container>> {
        self.0.containers(marker).await
    }

    async fn list(&self, container: &str, query: &Query, marker: Option<&str>) -> Result<Page<Blob>> {
        self.0.list(container, query, marker).await
    }

    async fn head(&self, name: &BlobName) -> Result<Blob> {
        self.0.head(name).await
    }

    async fn read(&self, name: &BlobName, range: Range<u64>, etag: &Etag) -> Result<ByteStream> {
        self.0.read(name, range, etag).await
    }

    async fn tags(&self, name: &BlobName) -> Result<BTreeMap<String, String>> {
        self.0.tags(name).await
    }

    async fn protection(&self) -> Result<Protection> {
        self.0.protection().await
    }

    async fn upload(&self, name: &BlobName, _: &Path, _: &Upload) -> Result<Blob> {
        refused(name)
    }

    async fn delete(&self, name: &BlobName, _: &Etag) -> Result<()> {
        refused(name)
    }

    async fn undelete(&self, name: &BlobName) -> Result<()> {
        refused(name)
    }

    async fn promote(&self, name: &BlobName, _: &str) -> Result<()> {
        refused(name)
    }

    async fn set_tags(&self, name: &BlobName, _: &BTreeMap<String, String>) -> Result<()> {
        refused(name)
    }

    async fn set_metadata(&self, name: &BlobName, _: &BTreeMap<String, String>, _: &Etag) -> Result<Etag> {
        refused(name)
    }

    async fn set_tier(&self, name: &BlobName, _: Tier, _: &Etag) -> Result<()> {
        refused(name)
    }
}

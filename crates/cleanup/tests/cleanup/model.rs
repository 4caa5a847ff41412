//! A storage account in memory, or in a file that outlives the process: entity tags, leases, holds, snapshots, soft delete,
//! versions. Every call is noted.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use capkeep_storage::{
    Blob, BlobName, ByteStream, Container, Error, Etag, LeaseState, Page, Protection, Query, Result, Store,
    Tier, Upload,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A blob as the account keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) container: String,
    pub(crate) name: String,
    pub(crate) content: Vec<u8>,
    pub(crate) etag: String,
    pub(crate) modified: Timestamp,
    pub(crate) kind: String,
    pub(crate) tier: Option<String>,
    pub(crate) is_leased: bool,
    pub(crate) legal_hold: bool,
    pub(crate) immutable_until: Option<Timestamp>,
    pub(crate) snapshots: usize,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) blobs: Vec<Kept>,
    pub(crate) deleted: Vec<Kept>,
    pub(crate) versions: Vec<Kept>,
    pub(crate) soft_delete_days: Option<u32>,
    pub(crate) keeps_versions: bool,
    counter: u64,
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is done, and the answer is lost.
    LostAnswer,
    /// It is not done.
    Busy,
    Denied,
    /// It is there, and the answer is that it is not: it came a moment later.
    NotYet,
}

type Gate = Box<dyn Fn() + Send + Sync>;

pub(crate) struct Model {
    name: String,
    pub(crate) state: Mutex<State>,
    file: Option<PathBuf>,
    /// Verb and blob of every call.
    pub(crate) calls: Mutex<Vec<(&'static str, String)>>,
    pub(crate) faults: Mutex<HashMap<(&'static str, String), Fault>>,
    pub(crate) gate: Mutex<Option<Gate>>,
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Verbs that change something.
pub(crate) const WRITES: &[&str] =
    &["upload", "delete", "undelete", "promote", "set_tags", "set_metadata", "set_tier"];

impl Model {
    pub(crate) fn new(name: &str) -> Arc<Self> {
        Arc::new(Self::made(name, State { soft_delete_days: Some(7), ..State::default() }, None))
    }

    /// One that lives in a file.
    pub(crate) fn at(name: &str, file: &Path) -> Self {
        let state = std::fs::read(file).map(|bytes| serde_json::from_slice(&bytes).unwrap());
        let state = state.unwrap_or_else(|_| State { soft_delete_days: Some(7), ..State::default() });
        Self::made(name, state, Some(file.to_owned()))
    }

    fn made(name: &str, state: State, file: Option<PathBuf>) -> Self {
        Self {
            name: name.into(),
            state: Mutex::new(state),
            file,
            calls: Mutex::default(),
            faults: Mutex::default(),
            gate: Mutex::default(),
        }
    }

    /// Puts a blob there, with a new version.
    pub(crate) fn put(&self, name: &BlobName, content: &[u8], modified: Timestamp) {
        let mut state = self.state.lock().unwrap();
        let etag = state.next();
        state.blobs.retain(|kept| !kept.is(name));
        state.blobs.push(Kept {
            container: name.container.clone(),
            name: name.name.clone(),
            content: content.to_vec(),
            etag,
            modified,
            kind: "BlockBlob".into(),
            tier: Some("Hot".into()),
            ..Kept::default()
        });
        self.save(&state);
    }

    /// Changes a blob behind everybody's back, its entity tag excepted.
    pub(crate) fn change(&self, name: &BlobName, change: impl FnOnce(&mut Kept)) {
        let mut state = self.state.lock().unwrap();
        change(state.blobs.iter_mut().find(|kept| kept.is(name)).unwrap());
        self.save(&state);
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.state.lock().unwrap().blobs.iter().map(|kept| kept.name.clone()).collect();
        names.sort();
        names
    }

    pub(crate) fn blobs(&self) -> Vec<Blob> {
        self.state.lock().unwrap().blobs.iter().map(Kept::blob).collect()
    }

    pub(crate) fn writes(&self) -> Vec<(&'static str, String)> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|(verb, _)| WRITES.contains(verb)).cloned().collect()
    }

    fn save(&self, state: &State) {
        if let Some(file) = &self.file {
            let draft = file.with_extension("draft");
            std::fs::write(&draft, serde_json::to_vec(state).unwrap()).unwrap();
            std::fs::rename(draft, file).unwrap();
        }
    }

    fn gate(&self) {
        if let Some(gate) = &*self.gate.lock().unwrap() {
            gate();
        }
    }

    fn call<T>(
        &self,
        verb: &'static str,
        name: &BlobName,
        work: impl FnOnce(&mut State) -> Result<T>,
    ) -> Result<T> {
        self.gate();
        self.calls.lock().unwrap().push((verb, name.name.clone()));
        let fault = self.faults.lock().unwrap().remove(&(verb, name.name.clone()));
        let what = name.to_string();
        let result = match fault {
            Some(Fault::NotYet) => Err(Error::Missing { what, code: "BlobNotFound".into() }),
            Some(Fault::Busy) => {
                Err(Error::Busy { what, status: 503, code: "ServerBusy".into(), retry_after: None })
            }
            Some(Fault::Denied) => {
                Err(Error::Denied { what, status: 403, code: "AuthorizationFailure".into() })
            }
            Some(Fault::LostAnswer) | None => {
                let mut state = self.state.lock().unwrap();
                let result = work(&mut state);
                if result.is_ok() && WRITES.contains(&verb) {
                    self.save(&state);
                }
                match fault {
                    Some(_) => Err(Error::Transport { host: "sa1".into(), reason: "connection lost".into() }),
                    None => result,
                }
            }
        };
        self.gate();
        result
    }
}

impl State {
    fn next(&mut self) -> String {
        self.counter += 1;
        format!("\"{}\"", self.counter)
    }

    fn find(&mut self, name: &BlobName) -> Result<&mut Kept> {
        let missing = Error::Missing { what: name.to_string(), code: "BlobNotFound".into() };
        self.blobs.iter_mut().find(|kept| kept.is(name)).ok_or(missing)
    }

    fn matching(&mut self, name: &BlobName, etag: &Etag) -> Result<&mut Kept> {
        let kept = self.find(name)?;
        let by = |by, code: &str| Err(Error::Kept { what: name.to_string(), by, code: code.into() });
        if Etag::from(&kept.etag) != *etag {
            return Err(Error::Changed { what: name.to_string() });
        }
        if kept.is_leased {
            return by("a lease", "LeaseIdMissing");
        }
        if kept.legal_hold {
            return by("a legal hold", "BlobImmutableDueToLegalHold");
        }
        if kept.immutable_until.is_some() {
            return by("an immutability policy", "BlobImmutableDueToPolicy");
        }
        Ok(kept)
    }
}

impl Kept {
    fn is(&self, name: &BlobName) -> bool {
        self.container == name.container && self.name == name.name
    }

    fn blob(&self) -> Blob {
        let name = BlobName::new(self.container.as_str(), self.name.as_str());
        let size = self.content.len() as u64;
        Blob {
            kind: self.kind.clone(),
            tier: self.tier.clone(),
            lease: if self.is_leased { LeaseState::Leased } else { LeaseState::Free },
            legal_hold: self.legal_hold,
            immutable_until: self.immutable_until,
            metadata: self.metadata.clone(),
            tags: self.tags.clone(),
            ..Blob::new(name, size, Etag::from(&self.etag), self.modified)
        }
    }
}

#[async_trait]
impl Store for Model {
    fn account(&self) -> &str {
        &self.name
    }

    fn url(&self, name: &BlobName) -> String {
        format!("https://{}.blob.core.windows.net/{name}", self.name)
    }

    async fn containers(&self, _: Option<&str>) -> Result<Page<Container>> {
        Ok(Page { items: Vec::new(), next: None })
    }

    async fn list(&self, container: &str, query: &Query, marker: Option<&str>) -> Result<Page<Blob>> {
        self.call("list", &BlobName::new(container, query.prefix.as_str()), |state| {
            let mut all: Vec<Blob> = state.blobs.iter().map(Kept::blob).collect();
            if query.include.deleted {
                let deleted = Some(Timestamp::UNIX_EPOCH);
                all.extend(state.deleted.iter().map(|kept| Blob { deleted, ..kept.blob() }));
            }
            if query.include.versions {
                let version = |kept: &Kept| Some(kept.etag.clone());
                let old = |kept: &Kept| Blob { version: version(kept), is_current: false, ..kept.blob() };
                all.extend(state.versions.iter().map(old));
            }
            all.retain(|blob| blob.name.container == container && blob.name.name.starts_with(&query.prefix));
            all.sort_by(|a, b| a.name.name.cmp(&b.name.name));
            // Pages of two, to have some.
            let from: usize = marker.map_or(0, |marker| marker.parse().unwrap());
            let next = (from + 2 < all.len()).then(|| (from + 2).to_string());
            Ok(Page { items: all.into_iter().skip(from).take(2).collect(), next })
        })
    }

    async fn head(&self, name: &BlobName) -> Result<Blob> {
        self.call("head", name, |state| Ok(Blob { tags: BTreeMap::new(), ..state.find(name)?.blob() }))
    }

    async fn read(&self, name: &BlobName, range: Range<u64>, _: &Etag) -> Result<ByteStream> {
        self.call("read", name, |state| {
            let content = &state.find(name)?.content;
            let part = Bytes::copy_from_slice(&content[range.start as usize..range.end as usize]);
            Ok(Box::pin(futures_util::stream::iter([Ok(part)])) as ByteStream)
        })
    }

    async fn upload(&self, name: &BlobName, file: &Path, upload: &Upload) -> Result<Blob> {
        let content = std::fs::read(file).unwrap();
        self.call("upload", name, |state| {
            if state.find(name).is_ok() && !upload.replace {
                return Err(Error::Exists { what: name.to_string() });
            }
            let etag = state.next();
            let kept = Kept {
                container: name.container.clone(),
                name: name.name.clone(),
                content,
                etag,
                kind: "BlockBlob".into(),
                metadata: upload.metadata.clone(),
                tags: upload.tags.clone(),
                ..Kept::default()
            };
            let blob = kept.blob();
            state.blobs.retain(|kept| !kept.is(name));
            state.blobs.push(kept);
            Ok(blob)
        })
    }

    async fn delete(&self, name: &BlobName, etag: &Etag) -> Result<()> {
        self.call("delete", name, |state| {
            let kept = state.matching(name, etag)?;
            if kept.snapshots > 0 {
                let (what, code) = (name.to_string(), "SnapshotsPresent".into());
                return Err(Error::Kept { what, by: "its snapshots", code });
            }
            let kept = kept.clone();
            state.blobs.retain(|kept| !kept.is(name));
            if state.keeps_versions {
                state.versions.push(kept);
            } else if state.soft_delete_days.is_some() {
                state.deleted.retain(|kept| !kept.is(name));
                state.deleted.push(kept);
            }
            Ok(())
        })
    }

    async fn undelete(&self, name: &BlobName) -> Result<()> {
        self.call("undelete", name, |state| {
            let at = state.deleted.iter().position(|kept| kept.is(name));
            let missing = Error::Missing { what: name.to_string(), code: "BlobNotFound".into() };
            let kept = state.deleted.remove(at.ok_or(missing)?);
            state.blobs.push(kept);
            Ok(())
        })
    }

    async fn promote(&self, name: &BlobName, version: &str) -> Result<()> {
        self.call("promote", name, |state| {
            if state.find(name).is_ok() {
                return Err(Error::Exists { what: name.to_string() });
            }
            let etag = state.next();
            let kept = state.versions.iter().find(|kept| kept.is(name) && kept.etag == version);
            let kept = Kept { etag, ..kept.unwrap().clone() };
            state.blobs.push(kept);
            Ok(())
        })
    }

    async fn tags(&self, name: &BlobName) -> Result<BTreeMap<String, String>> {
        self.call("tags", name, |state| Ok(state.find(name)?.tags.clone()))
    }

    async fn set_tags(&self, name: &BlobName, tags: &BTreeMap<String, String>) -> Result<()> {
        self.call("set_tags", name, |state| {
            state.find(name)?.tags.clone_from(tags);
            Ok(())
        })
    }

    async fn set_metadata(
        &self,
        name: &BlobName,
        metadata: &BTreeMap<String, String>,
        etag: &Etag,
    ) -> Result<Etag> {
        self.call("set_metadata", name, |state| {
            let next = state.next();
            let kept = state.matching(name, etag)?;
            kept.metadata.clone_from(metadata);
            kept.etag = next;
            Ok(Etag::from(&kept.etag))
        })
    }

    async fn set_tier(&self, name: &BlobName, tier: Tier, etag: &Etag) -> Result<()> {
        self.call("set_tier", name, |state| {
            state.matching(name, etag)?.tier = Some(format!("{tier:?}"));
            Ok(())
        })
    }

    async fn protection(&self) -> Result<Protection> {
        let state = self.state.lock().unwrap();
        let versions = Some(state.keeps_versions);
        Ok(Protection { soft_delete_days: state.soft_delete_days, versions })
    }
}

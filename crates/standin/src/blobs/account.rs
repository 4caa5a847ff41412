//! An account of which tests and requests see the same state.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::content::Content;
use super::message::{CONTAINER_MISSING, Refusal};
use super::rules::Rules;
use super::stored::{Entry, Made, Stored};
use crate::seen::Seen;

/// An account: what is in it, how it behaves, and what it was asked. Clones are the same account.
#[derive(Clone, Debug, Default)]
pub struct Account {
    state: Arc<Mutex<State>>,
    pub(super) sent: Arc<AtomicU64>,
    hook: Hook,
}

type BeforeEach = Arc<dyn Fn(&Account, &Seen) + Send + Sync>;

#[derive(Clone, Default)]
struct Hook(Arc<Mutex<Option<BeforeEach>>>);

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// What is in an account.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) rules: Rules,
    pub(super) containers: BTreeMap<String, Container>,
    pub(super) seen: Vec<Seen>,
    last: Option<Timestamp>,
}

/// A container.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) etag: String,
    pub(super) modified: Timestamp,
    pub(super) has_policy: bool,
    pub(super) has_hold: bool,
    pub(super) blobs: BTreeMap<String, Entry>,
}

impl State {
    /// The time; never the same twice, and never shorter than Azure tells it (100 ns).
    pub(super) fn now(&mut self) -> Timestamp {
        let tick = SignedDuration::from_nanos(100);
        let now = Timestamp::now();
        let now = match self.last {
            Some(last) if now < last + tick => last + tick,
            _ => now,
        };
        self.last = Some(now);
        now
    }

    pub(super) fn container(&mut self, name: &str) -> Result<&mut Container, Refusal> {
        self.containers.get_mut(name).ok_or(CONTAINER_MISSING)
    }

    /// Makes a container, unless it is there.
    pub(super) fn make_container(&mut self, name: &str) -> &mut Container {
        let now = self.now();
        self.containers.entry(name.to_owned()).or_insert_with(|| Container {
            etag: etag(now),
            modified: now,
            has_policy: false,
            has_hold: false,
            blobs: BTreeMap::new(),
        })
    }

    /// Puts a new version under a name; what was there before is kept as far as the rules say.
    pub(super) fn replace(
        &mut self,
        container: &str,
        name: &str,
        mut new: Stored,
    ) -> Result<Stored, Refusal> {
        let now = self.now();
        let (soft, versions) = (self.rules.soft_delete_days.is_some(), self.rules.versions);
        new.version = versions.then(|| instant(now));
        let entry = self.container(container)?.blobs.entry(name.to_owned()).or_default();
        if let Some(mut old) = entry.base.take() {
            if old.deleted.is_some() || (soft && !versions) {
                old.deleted.get_or_insert(now);
                old.snapshot = Some(instant(now));
                entry.snapshots.push(old);
            } else if versions {
                old.lease = None;
                entry.versions.push(old);
            }
        }
        entry.base = Some(new.clone());
        Ok(new)
    }
}

impl Account {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes how it behaves.
    pub fn rules(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.state().rules);
    }

    /// Makes a container.
    pub fn container(&self, name: &str) {
        self.state().make_container(name);
    }

    /// Says whether an immutability policy covers a container, and whether a legal hold lies on it. It is only told;
    /// blobs are kept by what [`Account::change`] sets on them.
    pub fn protect_container(&self, name: &str, has_policy: bool, has_hold: bool) {
        let mut state = self.state();
        let container = state.make_container(name);
        (container.has_policy, container.has_hold) = (has_policy, has_hold);
    }

    /// Stores a blob with its MD5 as a client would, and tells its entity tag.
    pub fn put(&self, container: &str, name: &str, content: impl Into<Content>) -> String {
        let content = content.into();
        self.make(container, name, Made { md5: Some(content.md5()), content, ..Made::default() })
    }

    /// Stores a blob, and tells its entity tag.
    pub fn make(&self, container: &str, name: &str, made: Made) -> String {
        let mut state = self.state();
        state.make_container(container);
        let now = state.now();
        let modified = made.modified.unwrap_or(now);
        let stored = Stored {
            content: made.content,
            content_type: "application/octet-stream".into(),
            md5: made.md5,
            etag: etag(now),
            created: modified,
            modified,
            metadata: made.metadata,
            tags: made.tags,
            kind: made.kind,
            tier: made.tier,
            lease: None,
            legal_hold: false,
            immutable_until: None,
            version: None,
            snapshot: None,
            deleted: None,
        };
        // The container was made above.
        state.replace(container, name, stored).map(|stored| stored.etag).unwrap_or_default()
    }

    /// The current version of a blob.
    pub fn blob(&self, container: &str, name: &str) -> Option<Stored> {
        self.state().containers.get(container)?.blobs.get(name)?.current().cloned()
    }

    /// Names of the blobs in a container that are there.
    pub fn names(&self, container: &str) -> Vec<String> {
        let state = self.state();
        let blobs = state.containers.get(container).into_iter().flat_map(|container| &container.blobs);
        blobs.filter(|(_, entry)| entry.current().is_some()).map(|(name, _)| name.clone()).collect()
    }

    /// Everything under a name: snapshots, older versions, what was softly deleted, the current one last.
    pub fn all(&self, container: &str, name: &str) -> Vec<Stored> {
        let state = self.state();
        let entry = state.containers.get(container).and_then(|container| container.blobs.get(name));
        entry.into_iter().flat_map(Entry::all).map(|(stored, _)| stored.clone()).collect()
    }

    /// Changes the current version of a blob in any way (a lease, a hold, a policy, a wrong MD5); its entity tag stays.
    /// Without such a blob nothing happens.
    pub fn change(&self, container: &str, name: &str, change: impl FnOnce(&mut Stored)) {
        let mut state = self.state();
        let entry = state.containers.get_mut(container).and_then(|container| container.blobs.get_mut(name));
        if let Some(stored) = entry.and_then(Entry::current_mut) {
            change(stored);
        }
    }

    /// Removes all that is under a name, as if it never was.
    pub fn forget(&self, container: &str, name: &str) {
        if let Some(container) = self.state().containers.get_mut(container) {
            container.blobs.remove(name);
        }
    }

    /// The requests so far, in the order they came.
    pub fn requests(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// The requests so far that could change something.
    pub fn writes(&self) -> Vec<Seen> {
        self.state().seen.iter().filter(|seen| !seen.is_read()).cloned().collect()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        self.state().seen.clear();
    }

    /// Bytes of bodies that were sent so far.
    pub fn sent_bytes(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Does something before each request is answered: change a blob in the middle of a download, for one.
    pub fn before_each(&self, hook: impl Fn(&Self, &Seen) + Send + Sync + 'static) {
        *self.hook.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(hook));
    }

    /// Notes a request and calls what is to be called.
    pub(super) fn note(&self, seen: &Seen) {
        self.state().seen.push(seen.clone());
        let hook = self.hook.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(hook) = hook {
            hook(self, seen);
        }
    }
}

/// An entity tag, made of a time as Azure makes it: ticks of 100 ns since the year 1.
pub(super) fn etag(time: Timestamp) -> String {
    format!("\"0x{:X}\"", time.as_nanosecond() / 100 + 621_355_968_000_000_000)
}

/// A time as versions and snapshots are named.
pub(super) fn instant(time: Timestamp) -> String {
    format!("{time:.7}")
}

//! Files of sessions that are over, on their way to where they are stored.
//!
//! What is to be stored stands in the record of its capture until it is, so that neither a crash nor a failure loses it,
//! and nor does deleting the capture.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use capkeep_storage::{BlobName, Error, Settings, Store, Upload};
use md5::{Digest, Md5};

use super::Service;
use super::State;
use super::places::{self, BlobPlace};
use super::record::{Record, Session, Unstored};

/// How often a file is tried until the next start (chosen: with the pauses below, for more than an hour).
pub(super) const MOST_TRIES: u32 = 14;
/// Pause after the first try that failed; it doubles (chosen).
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// Longest pause between two tries (chosen).
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// A file that is stored now.
#[derive(Clone, Debug)]
struct Job {
    /// Key of its capture, and what tells that from a later one of the same name.
    key: String,
    of: String,
    file: PathBuf,
    place: BlobPlace,
    is_passing: bool,
}

/// The files of a session and where they go.
pub(super) fn unstored(session: &Session, data: &Path, files: &[PathBuf]) -> Vec<Unstored> {
    let Some(place) = &session.place else { return Vec::new() };
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let own = stem(&session.file);
    let of = |file: &PathBuf| {
        // A file of a ring keeps what tells it from the others.
        let path = match stem(file).strip_prefix(&own).filter(|rest| !rest.is_empty()) {
            None => place.path.clone(),
            Some(rest) => place.path.with_file_name(format!("{}{rest}.cap", stem(&place.path))),
        };
        Unstored {
            file: file.strip_prefix(data).unwrap_or(file).to_owned(),
            place: BlobPlace { path, ..place.clone() },
            tries: 0,
            again_ns: 0,
            problem: None,
        }
    };
    files.iter().map(of).collect()
}

/// After a start: all that is not stored is tried again soon.
pub(super) fn again(record: &mut Record) {
    for file in record.sessions.iter_mut().flat_map(|session| &mut session.unstored) {
        file.tries = file.tries.min(1);
        file.again_ns = 0;
    }
}

impl Service {
    /// Stores one file that is due; false if there is none. May take minutes, and several may work side by side.
    pub fn work(&self) -> bool {
        let Some(job) = self.next_job() else { return false };
        let outcome = self.store(&job);
        self.note(&job, &outcome);
        true
    }

    /// True if a file is due.
    pub fn has_work(&self) -> bool {
        let now_ns = self.now();
        let state = self.lock();
        due(&state, now_ns).next().is_some()
    }

    fn next_job(&self) -> Option<Job> {
        let now_ns = self.now();
        let mut state = self.lock();
        let job = due(&state, now_ns).next()?;
        state.storing.insert(job.file.clone());
        Some(job)
    }

    fn store(&self, job: &Job) -> Result<(), String> {
        if let Some((_, account)) = self.config.account(&job.place.account)
            && let Some(endpoint) = self.config.endpoint(&job.place.account)
        {
            let credential = account.credential().map_err(|error| error.to_string())?;
            let settings = Settings::default();
            let store =
                capkeep_storage::open(&endpoint, credential, &settings).map_err(|error| error.to_string())?;
            return upload(&*store, &job.place.blob(), &self.data.join(&job.file));
        }
        let folder = self.config.folder(&job.place.account, &self.data);
        let to = folder.join(&job.place.path);
        places::deliver(&self.data.join(&job.file), &to).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => format!("another file is at {} already", to.display()),
            _ => error.to_string(),
        })
    }

    fn note(&self, job: &Job, outcome: &Result<(), String>) {
        let now_ns = self.now();
        let mut guard = self.lock();
        let state = &mut *guard;
        state.storing.remove(&job.file);
        let entry = state.captures.get_mut(&job.key).map(|entry| &mut entry.record);
        let here = entry.filter(|record| record.running_id == job.of);
        let is_here = here.is_some();
        let Some(record) = here.or_else(|| state.leaving.get_mut(&job.of)) else { return };
        let is_stored = outcome.is_ok();
        for session in &mut record.sessions {
            match outcome {
                Ok(()) => session.unstored.retain(|file| file.file != job.file),
                Err(problem) => {
                    for file in session.unstored.iter_mut().filter(|file| file.file == job.file) {
                        file.tries += 1;
                        file.again_ns = now_ns.saturating_add(pause_ns(file.tries));
                        file.problem = Some(problem.clone());
                    }
                }
            }
        }
        let saved = if is_here { record.save(&self.data) } else { record.save_leaving(&self.data) };
        if !record.has_unstored() && !is_here {
            state.leaving.remove(&job.of);
        }
        drop(guard);
        // Where that it is stored could not be written down, it is stored again by the next process.
        if is_stored && job.is_passing && saved.is_ok() {
            // A copy that stays costs room and nothing else.
            let _ = std::fs::remove_file(self.data.join(&job.file));
        }
    }
}

/// Uploads a file, unless it is there already.
fn upload(store: &dyn Store, name: &BlobName, file: &Path) -> Result<(), String> {
    // Of its own: connections do not outlive the thread that stores.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let again = match store.upload(name, file, &Upload::default()).await {
            Err(Error::Missing { .. }) => {
                // The container; the service makes it too.
                store.make_container(&name.container).await.map_err(|error| error.to_string())?;
                store.upload(name, file, &Upload::default()).await
            }
            answer => answer,
        };
        match again {
            Ok(_) => Ok(()),
            // An earlier try of a process that was killed, or whose answer was lost.
            Err(Error::Exists { .. }) if is_same(store, name, file).await => Ok(()),
            Err(Error::Exists { .. }) => Err(format!("another blob is at {} already", store.url(name))),
            Err(error) => Err(error.to_string()),
        }
    })
}

/// True if a blob has the content of a file.
async fn is_same(store: &dyn Store, name: &BlobName, file: &Path) -> bool {
    let Ok(there) = store.head(name).await else { return false };
    let here = || -> io::Result<[u8; 16]> {
        let (mut hash, mut file) = (Md5::new(), File::open(file)?);
        let mut piece = vec![0; 256 << 10];
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(hash.finalize().into()),
                read => hash.update(piece.get(..read).unwrap_or_default()),
            }
        }
    };
    there.md5.is_some() && there.md5 == here().ok()
}

/// Nanoseconds to the next try.
fn pause_ns(tries: u32) -> i64 {
    let pause = FIRST_PAUSE.saturating_mul(1 << tries.saturating_sub(1).min(20)).min(LONGEST_PAUSE);
    i64::try_from(pause.as_nanos()).unwrap_or(i64::MAX)
}

/// Files that are due and that nobody stores.
fn due(state: &State, now_ns: i64) -> impl Iterator<Item = Job> {
    let here = state.active.iter().filter_map(|key| state.captures.get(key)).map(|entry| &entry.record);
    here.chain(state.leaving.values()).flat_map(move |record| {
        let sessions = record.sessions.iter().filter(|session| session.over.is_some());
        sessions.flat_map(move |session| {
            let is_due = move |file: &&Unstored| {
                file.tries < MOST_TRIES && file.again_ns <= now_ns && !state.storing.contains(&file.file)
            };
            session.unstored.iter().filter(is_due).map(move |file| Job {
                key: record.id.to_ascii_lowercase(),
                of: record.running_id.clone(),
                file: file.file.clone(),
                place: file.place.clone(),
                is_passing: session.is_passing,
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let seconds: Vec<i64> = (1..=10).map(|tries| pause_ns(tries) / 1_000_000_000).collect();
        assert_eq!(seconds, [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]);
        let all: i64 = (1..MOST_TRIES).map(pause_ns).sum();
        assert!((3_600..7_200).contains(&(all / 1_000_000_000)), "{all}");
    }
}

//! What happens by itself: captures settle, sessions end, their files are stored, and a new process tidies up.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use crate::capture::End;

use super::Service;
use super::error::ServiceError;
use super::places;
use super::random;
use super::record::{self, CUT_OFF, Entry, Over, Provisioning, Record, Session};

/// A session that is over and whose files are to be stored.
struct Work {
    key: String,
    index: usize,
    session: Session,
    end: End,
    files: Vec<PathBuf>,
}

impl Service {
    /// Looks after the sessions: those that are over are stored. To be called a few times a second.
    pub fn tick(&self) {
        for work in self.due() {
            // Without the lock: a capture file may be large.
            let errors = store(&work.session, &self.data, &work.files);
            let (reason, mut failed) = match work.end {
                End::Stopped(reason) => (Some(record::word(reason).to_owned()), Vec::new()),
                End::Failed(text) => (None, vec![text]),
            };
            let is_failure = reason.is_none();
            failed.extend(errors);
            let mut state = self.lock();
            let Some(entry) = state.captures.get_mut(&work.key) else { continue };
            entry.running[work.index] = None;
            entry.record.sessions[work.index].over = Some(Over { reason, errors: failed, is_failure });
            // If this is not written, a restart stores the same file again.
            let _ = entry.record.save(&self.data);
        }
        self.settle();
    }

    /// Asks all sessions to end and waits for none: [`Service::tick`] stores them.
    pub fn stop_all(&self) {
        let state = self.lock();
        let active = state.active.iter().filter_map(|key| state.captures.get(key));
        active.flat_map(|entry| &entry.running).flatten().for_each(|running| running.stop());
    }

    /// True while a session runs or is being stored.
    pub fn is_busy(&self) -> bool {
        let state = self.lock();
        state.active.iter().filter_map(|key| state.captures.get(key)).any(|entry| !entry.record.is_over())
    }

    fn due(&self) -> Vec<Work> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let mut out = Vec::new();
        for key in &state.active {
            let Some(entry) = state.captures.get_mut(key) else { continue };
            for (index, running) in entry.running.iter().enumerate() {
                let Some(running) = running.as_ref().filter(|_| !entry.storing[index]) else { continue };
                let now = running.snapshot();
                let session = &mut entry.record.sessions[index];
                session.packets = now.packets;
                session.bytes = now.bytes;
                session.drops = now.drops;
                if let Some(end) = now.over {
                    entry.storing[index] = true;
                    let (session, files) = (session.clone(), running.files());
                    out.push(Work { key: key.clone(), index, session, end, files });
                }
            }
        }
        out
    }

    /// Captures that have been `Updating` or `Deleting` long enough no longer are.
    fn settle(&self) {
        let now_ns = self.now();
        let mut guard = self.lock();
        let state = &mut *guard;
        for key in state.active.clone() {
            let Some(entry) = state.captures.get_mut(&key) else {
                state.active.remove(&key);
                continue;
            };
            let record = &mut entry.record;
            let is_over = record.is_over();
            match record.state {
                Provisioning::Updating if now_ns >= record.settled_ns => {
                    record.state = Provisioning::Succeeded;
                    record.etag = random::etag();
                    // If this is not written, a restart settles it again.
                    let _ = record.save(&self.data);
                    let (watcher, etag) = (record.watcher.clone(), record.etag.clone());
                    state.touched(&watcher, &etag);
                }
                Provisioning::Deleting if is_over && now_ns >= record.settled_ns => {
                    // If it stays, a restart removes it: it says `Deleting`.
                    let _ = record.remove(&self.data);
                    let watcher = record.watcher.clone();
                    state.captures.remove(&key);
                    state.active.remove(&key);
                    state.touched(&watcher, &random::etag());
                }
                Provisioning::Succeeded | Provisioning::Failed if is_over => {
                    state.active.remove(&key);
                }
                _ => {}
            }
        }
    }

    /// Takes up what an earlier process left.
    pub(super) fn resume(&self) -> Result<(), ServiceError> {
        for mut record in record::load(&self.data)? {
            let was_running = !record.is_over();
            for session in record.sessions.iter_mut().filter(|session| session.over.is_none()) {
                let mut errors = vec![CUT_OFF.to_owned()];
                errors.extend(rescue(session, &self.data));
                session.over = Some(Over { reason: None, errors, is_failure: false });
            }
            if record.state == Provisioning::Deleting {
                let removed = record.remove(&self.data);
                removed.map_err(ServiceError::file(&self.data))?;
                continue;
            }
            if record.state == Provisioning::Updating {
                record.state = no_session(&record);
            }
            if was_running || record.sessions.is_empty() {
                record.save(&self.data).map_err(ServiceError::file(&self.data))?;
            }
            let key = record.id.to_ascii_lowercase();
            let entry = Entry { record, running: Vec::new(), storing: Vec::new(), is_agent_gone: false };
            self.lock().captures.insert(key, entry);
        }
        Ok(())
    }
}

/// A process that ended between writing down a capture and beginning its sessions leaves one without any.
fn no_session(record: &Record) -> Provisioning {
    if record.sessions.is_empty() { Provisioning::Failed } else { Provisioning::Succeeded }
}

/// Cuts the files of a session at their last whole record and stores them; what went wrong.
fn rescue(session: &Session, data: &Path) -> Vec<String> {
    let mut errors = Vec::new();
    let files = left(&data.join(&session.file));
    for file in &files {
        let cut = places::whole_records(file)
            .and_then(|length| OpenOptions::new().write(true).open(file)?.set_len(length));
        if let Err(error) = cut {
            errors.push(format!("{}: {error}", file.display()));
        }
    }
    errors.extend(store(session, data, &files));
    errors
}

/// Files of a session whose process is gone: the capture file, or those of a ring, whose names go on with `_` and a
/// number.
fn left(file: &Path) -> Vec<PathBuf> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let is_of_ring = |path: &Path| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let number = name.strip_prefix(&stem).and_then(|rest| rest.strip_prefix('_'));
        path.extension() == file.extension()
            && number
                .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if file.is_file() {
        return vec![file.to_owned()];
    }
    let folder = file.parent().and_then(|folder| fs::read_dir(folder).ok());
    let paths = folder.into_iter().flatten().flatten().map(|item| item.path());
    let mut out: Vec<PathBuf> = paths.filter(|path| is_of_ring(path)).collect();
    out.sort();
    out
}

/// Copies files to their account; what went wrong. Files nobody named go once they are there.
fn store(session: &Session, data: &Path, files: &[PathBuf]) -> Vec<String> {
    let Some(stored) = &session.stored else { return Vec::new() };
    let own = data.join(&session.file);
    let own_stem = own.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut errors = Vec::new();
    for file in files {
        // A file of a ring keeps what tells it from the others.
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let to = match stem.strip_prefix(&own_stem).filter(|rest| !rest.is_empty()) {
            None => stored.clone(),
            Some(rest) => {
                let stem = stored.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                stored.with_file_name(format!("{stem}{rest}.cap"))
            }
        };
        let copied = places::deliver(file, &to);
        match copied {
            Ok(()) if session.is_passing => {
                // It is stored; a copy that stays costs room and nothing else.
                let _ = fs::remove_file(file);
            }
            Ok(()) => {}
            Err(error) => {
                errors.push("StorageFailed".to_owned());
                errors.push(format!("{} could not be stored: {error}", file.display()));
            }
        }
    }
    errors
}

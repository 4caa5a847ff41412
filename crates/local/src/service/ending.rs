//! What happens by itself: captures settle, sessions end, their files are stored, and a new process tidies up.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use crate::capture::End;

use super::Service;
use super::engine::Running;
use super::error::ServiceError;
use super::places;
use super::random;
use super::record::{self, CUT_OFF, Entry, Over, Provisioning, Record};
use super::storing;

impl Service {
    /// Looks after the sessions: what is over is written down and its files are handed to [`Service::work`]. To be called a
    /// few times a second; returns soon.
    pub fn tick(&self) {
        self.end_sessions();
        self.settle();
    }

    /// Asks all sessions to end and waits for none.
    pub fn stop_all(&self) {
        let state = self.lock();
        let active = state.active.iter().filter_map(|key| state.captures.get(key));
        active.flat_map(|entry| &entry.running).flatten().for_each(|running| running.stop());
    }

    /// True while a session runs, or a file is stored for the first time.
    pub fn is_busy(&self) -> bool {
        let state = self.lock();
        state.active.iter().filter_map(|key| state.captures.get(key)).any(|entry| !entry.record.is_over())
    }

    fn end_sessions(&self) {
        // They end their threads when they go, without the lock.
        let mut gone: Vec<Box<dyn Running>> = Vec::new();
        let mut guard = self.lock();
        let state = &mut *guard;
        for key in &state.active {
            let Some(Entry { record, running, .. }) = state.captures.get_mut(key) else { continue };
            let mut has_ended = false;
            for (session, slot) in record.sessions.iter_mut().zip(running) {
                let Some(now) = slot.as_ref().map(|running| running.snapshot()) else { continue };
                session.packets = now.packets;
                session.bytes = now.bytes;
                session.drops = now.drops;
                let Some(end) = now.over else { continue };
                let Some(running) = slot.take() else { continue };
                session.unstored = storing::unstored(session, &self.data, &running.files());
                session.over = Some(match end {
                    End::Stopped(reason) => {
                        Over { reason: Some(record::word(reason).to_owned()), ..Over::default() }
                    }
                    End::Failed(text) => Over { errors: vec![text], is_failure: true, ..Over::default() },
                });
                gone.push(running);
                has_ended = true;
            }
            if has_ended {
                // If this is not written, a restart takes the session for one that was cut off.
                let _ = record.save(&self.data);
            }
        }
        drop(guard);
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
                    // What cannot be written down would be lost: it is tried again with the next tick.
                    if record.has_unstored() && record.save_leaving(&self.data).is_err() {
                        continue;
                    }
                    // If it stays, a restart removes it: it says `Deleting`.
                    let _ = record.remove(&self.data);
                    let watcher = record.watcher.clone();
                    state.active.remove(&key);
                    if let Some(entry) = state.captures.remove(&key)
                        && entry.record.has_unstored()
                    {
                        state.leaving.insert(entry.record.running_id.clone(), entry.record);
                    }
                    state.touched(&watcher, &random::etag());
                }
                Provisioning::Succeeded | Provisioning::Failed if is_over && !record.has_unstored() => {
                    state.active.remove(&key);
                }
                _ => {}
            }
        }
    }

    /// Takes up what an earlier process left.
    pub(super) fn resume(&self) -> Result<(), ServiceError> {
        let file = || ServiceError::file(&self.data);
        let mut state = self.lock();
        for mut record in record::load_leaving(&self.data)? {
            storing::again(&mut record);
            state.leaving.insert(record.running_id.clone(), record);
        }
        for mut record in record::load(&self.data)? {
            storing::again(&mut record);
            let mut has_changed = record.sessions.is_empty();
            for session in record.sessions.iter_mut().filter(|session| session.over.is_none()) {
                let mut errors = vec![CUT_OFF.to_owned()];
                let files = left(&self.data.join(&session.file));
                errors.extend(files.iter().filter_map(|file| cut(file).err()));
                session.unstored = storing::unstored(session, &self.data, &files);
                session.over = Some(Over { errors, was_cut: true, ..Over::default() });
                has_changed = true;
            }
            if record.state == Provisioning::Deleting {
                if record.has_unstored() {
                    record.save_leaving(&self.data).map_err(file())?;
                    state.leaving.insert(record.running_id.clone(), record.clone());
                }
                record.remove(&self.data).map_err(file())?;
                continue;
            }
            if record.state == Provisioning::Updating {
                record.state = no_session(&record);
                has_changed = true;
            }
            if has_changed {
                record.save(&self.data).map_err(file())?;
            }
            let key = record.id.to_ascii_lowercase();
            if record.has_unstored() {
                state.active.insert(key.clone());
            }
            state.captures.insert(key, Entry { record, running: Vec::new(), is_agent_gone: false });
        }
        Ok(())
    }
}

/// A process that ended between writing down a capture and beginning its sessions leaves one without any.
fn no_session(record: &Record) -> Provisioning {
    if record.sessions.is_empty() { Provisioning::Failed } else { Provisioning::Succeeded }
}

/// Cuts a file at its last whole record; what went wrong.
fn cut(file: &Path) -> Result<(), String> {
    places::whole_records(file)
        .and_then(|length| OpenOptions::new().write(true).open(file)?.set_len(length))
        .map_err(|error| format!("{}: {error}", file.display()))
}

/// Files of a session whose process is gone: the capture file, or those of a ring, whose names go on with `_` and a
/// number.
pub(super) fn left(file: &Path) -> Vec<PathBuf> {
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

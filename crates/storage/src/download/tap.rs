//! What a reader sees of a file while it is fetched.

use std::fs::File;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::event::Outcome;

/// Between a download and whoever reads the file meanwhile.
#[derive(Debug, Default)]
pub(super) struct Tap {
    state: Mutex<Flow>,
    changed: Condvar,
}

/// How far the download is.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// The file, once it is begun.
    pub(super) file: Option<Arc<File>>,
    /// Bytes at its beginning that are there.
    pub(super) there: u64,
    /// How it ended.
    pub(super) outcome: Option<Outcome>,
}

impl Tap {
    fn lock(&self) -> MutexGuard<'_, Flow> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So much of this file is there.
    pub(super) fn advance(&self, file: &Arc<File>, there: u64) {
        let mut flow = self.lock();
        flow.file.get_or_insert_with(|| Arc::clone(file));
        flow.there = there;
        self.changed.notify_all();
    }

    /// True if somebody may have read what is to be thrown away now.
    pub(super) fn has_begun(&self) -> bool {
        self.lock().there > 0
    }

    /// Another file is begun.
    pub(super) fn restart(&self) {
        self.lock().file = None;
    }

    /// It ended.
    pub(super) fn end(&self, outcome: Outcome) {
        self.lock().outcome = Some(outcome);
        self.changed.notify_all();
    }

    /// It ended without a word, if it has not ended yet.
    pub(super) fn end_if_open(&self) {
        let mut flow = self.lock();
        flow.outcome.get_or_insert(Outcome::Stopped { kept: 0 });
        self.changed.notify_all();
    }

    /// Waits until there is more than `at`, or an end; and looks at it.
    pub(super) fn wait<T>(&self, is_enough: impl Fn(&Flow) -> bool, look: impl FnOnce(&mut Flow) -> T) -> T {
        let mut flow = self.lock();
        while !is_enough(&flow) {
            flow = self.changed.wait(flow).unwrap_or_else(PoisonError::into_inner);
        }
        look(&mut flow)
    }
}

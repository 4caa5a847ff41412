//! Carrying out a plan.
//!
//! For each row, right before anything is done: the blob is looked at, whether it is still the version of the plan and
//! whether something protects it; and the verdict is found again with the captures of that moment, which are listed anew
//! before the first row and then again and again. Only then an intent goes to the disk, then the one request that changes
//! something, with `If-Match`, then what became of it.

mod fresh;
mod outcome;
mod row;
mod run;
mod settle;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use capkeep_storage::{Blob, Store};
use jiff::Timestamp;

pub use outcome::Outcome;
pub use run::{Report, apply, rehearse};
pub use settle::settle;

use crate::audit::{Archived, Deed};
use crate::decide::Rules;
use crate::plan::Row;
use crate::world::World;

/// What carrying out a plan needs from around it.
#[async_trait]
pub trait Surroundings: Send + Sync {
    /// Lists the captures and machines there are now. An error, in words, ends the run.
    async fn world(&self) -> Result<World, String>;

    /// The time.
    fn now(&self) -> Timestamp;

    /// The store of an account, by the URL that the plan has.
    async fn store(&self, account: &str) -> Result<Arc<dyn Store>, String>;

    /// Fetches a blob of exactly this version into the archive, verifies it, and makes sure that it is on the disk.
    async fn archive(&self, store: &Arc<dyn Store>, row: &Row, blob: &Blob) -> Result<Archived, String>;

    /// Reads a blob of exactly this version, and keeps a summary of what is in it.
    async fn summarise(&self, store: &Arc<dyn Store>, row: &Row, blob: &Blob) -> Result<(), String>;

    /// True once somebody wants it to stop. What was begun with a blob is finished.
    fn is_stopped(&self) -> bool;
}

/// How to carry out a plan.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who does it: program, version, user.
    pub by: String,
    /// What is done to each row: [`Deed::Delete`] or [`Deed::Tier`].
    pub deed: Deed,
    /// Each file is fetched into the archive and verified before it is deleted.
    pub archive: bool,
    /// A summary of each file is kept before anything is done to it.
    pub summary: bool,
    /// Deletes may be for good. Without it nothing is deleted where that cannot be undone, unless it is archived.
    pub no_undo: bool,
    /// At most so many deeds.
    pub most: Option<usize>,
    /// So many newest rows of each machine stay.
    pub keep_newest: usize,
    /// So many blobs at once.
    pub at_once: usize,
    /// Captures are listed anew once the list is so old.
    pub fresh_for: Duration,
    /// Captures are listed anew after so many rows.
    pub batch: usize,
    /// What a verdict takes for near, young and long.
    pub rules: Rules,
}

impl Options {
    /// Deletes by the usual rules.
    pub fn new(by: impl Into<String>) -> Self {
        Self {
            by: by.into(),
            deed: Deed::Delete,
            archive: false,
            summary: false,
            no_undo: false,
            most: None,
            keep_newest: 0,
            // Chosen: what an account answers side by side without being busy, and few enough to be stopped soon.
            at_once: 8,
            // Chosen: a capture that begins now has no file for a while yet.
            fresh_for: Duration::from_mins(1),
            // Chosen: some seconds of deleting.
            batch: 250,
            rules: Rules::default(),
        }
    }
}

/// Something that happened while a plan is carried out.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The captures were listed.
    Listed {
        /// How many there are.
        captures: usize,
    },
    /// An intent is on the disk; the request is about to be sent.
    Intended {
        /// What it is about.
        row: &'a Row,
    },
    /// The request was answered.
    Answered {
        /// What it was about.
        row: &'a Row,
    },
    /// A row is done with.
    Row {
        /// Which.
        row: &'a Row,
        /// What became of it.
        outcome: &'a Outcome,
    },
}

/// Who is told what happens.
pub(crate) type Listener<'a> = &'a (dyn Fn(Event<'_>) + Sync);

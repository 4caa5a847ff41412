//! What can go wrong.

use std::io;
use std::path::PathBuf;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why nothing was done, or no more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text that is no plan.
    #[error("not a plan: {0}")]
    NoPlan(String),
    /// A plan of a version that is not known here.
    #[error("a plan of version {0}; this program knows version {known}", known = crate::plan::VERSION)]
    PlanVersion(u32),
    /// A plan that is not as it was made. Rows may be removed from it, and nothing else.
    #[error("the plan was changed: {0}")]
    PlanChanged(String),
    /// Deletes could not be undone, and that was not agreed to.
    #[error("what is deleted cannot be brought back in {}", .accounts.join(", "))]
    NoUndo {
        /// Accounts, each with the reason.
        accounts: Vec<String>,
    },
    /// The captures of now could not be listed: nothing is done without them.
    #[error("the captures there are now could not be listed: {0}")]
    NoWorld(String),
    /// An audit log that is damaged elsewhere than at its end.
    #[error("{}: line {line} {what}", .path.display())]
    LogDamaged {
        /// Which.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Another process writes the audit log.
    #[error("{}: another process is at work with it", .path.display())]
    LogLocked {
        /// Which.
        path: PathBuf,
    },
    /// A table of prices that is none.
    #[error("not a table of prices: {0}")]
    Prices(String),
    /// A pattern that is none.
    #[error("{pattern:?} is no pattern: {what}")]
    Pattern {
        /// As written.
        pattern: String,
        /// What is wrong.
        what: String,
    },
    /// A file or folder of this machine.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An answer of the storage that forbids to go on.
    #[error(transparent)]
    Storage(#[from] capkeep_storage::Error),
}

impl Error {
    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

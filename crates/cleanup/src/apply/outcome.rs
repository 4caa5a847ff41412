//! What became of a file.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::decide::Verdict;

/// What became of a file of a plan, or of an intent of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It would have been done: nothing was, in a dry run.
    Would,
    /// It was deleted.
    Deleted,
    /// It was moved to the other tier.
    Moved,
    /// It is back.
    Restored {
        /// How.
        how: String,
    },
    /// It is gone, but the answer that would have said that we did it was lost: the answer itself, or the process.
    FoundGone,
    /// It is as it was meant to be; who made it so, an answer that was lost would have said.
    FoundDone,
    /// It was gone already.
    Gone,
    /// It is another version than the plan's.
    Changed,
    /// Something protects it.
    Kept {
        /// What, in words.
        by: String,
    },
    /// It is no orphan any more.
    Saved {
        /// What it is now.
        verdict: Verdict,
        /// What speaks for that.
        evidence: String,
    },
    /// It could not be done, and was not.
    Failed {
        /// Why.
        why: String,
    },
    /// Whether it was done is not known. The next run finds out.
    Unclear {
        /// Why.
        why: String,
    },
    /// It was not done: it is there as it was. Found out later.
    NotDone,
    /// It was not its turn: the run was stopped, or had done as many as it was allowed to.
    NotTried,
}

impl Outcome {
    /// True if the storage is not as it was.
    pub const fn has_changed_something(&self) -> bool {
        matches!(
            self,
            Self::Deleted
                | Self::Moved
                | Self::Restored { .. }
                | Self::FoundGone
                | Self::FoundDone
                | Self::Unclear { .. }
        )
    }

    /// True if something went wrong that somebody should look at.
    pub const fn is_trouble(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Unclear { .. })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Would => f.write_str("would be done"),
            Self::Deleted => f.write_str("deleted"),
            Self::Moved => f.write_str("moved to the other tier"),
            Self::Restored { how } => write!(f, "restored: {how}"),
            Self::FoundGone => f.write_str("deleted; its answer was lost, and it was found to be gone"),
            Self::FoundDone => f.write_str("done; its answer was lost, and it was found to be so"),
            Self::Gone => f.write_str("gone already"),
            Self::Changed => f.write_str("kept: changed since the plan was made"),
            Self::Kept { by } => write!(f, "kept: protected by {by}"),
            Self::Saved { verdict, evidence } => write!(f, "kept: {verdict} now, {evidence}"),
            Self::Failed { why } => write!(f, "not done: {why}"),
            Self::Unclear { why } => write!(f, "not known whether done: {why}"),
            Self::NotDone => f.write_str("not done: there as before"),
            Self::NotTried => f.write_str("not tried"),
        }
    }
}

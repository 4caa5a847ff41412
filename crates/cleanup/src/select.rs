//! What of that which may go shall go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::decide::Verdict;
use crate::error::{Error, Result};
use crate::plan::Row;

/// What of that which may go shall go.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Written at least so long ago.
    pub older_than: Option<Duration>,
    /// With one of these verdicts; others than those that may go are left out in any case.
    pub verdicts: BTreeSet<Verdict>,
    /// Whose name one of these fits; all where there is none.
    pub only: Vec<Pattern>,
    /// Whose name none of these fits.
    pub keep_out: Vec<Pattern>,
    /// So many newest files of each machine stay, of those that could go.
    pub keep_newest: usize,
}

impl Default for Selection {
    fn default() -> Self {
        let verdicts = Verdict::ALL.iter().copied().filter(|verdict| verdict.may_go()).collect();
        Self { older_than: None, verdicts, only: Vec::new(), keep_out: Vec::new(), keep_newest: 0 }
    }
}

/// A pattern for names: `*` stands for any text, `?` for a character, `[ab]` for one of some. The case does not count.
///
/// It fits a blob by `ACCOUNT/CONTAINER/NAME`, `CONTAINER/NAME`, `NAME`, or by the name of its machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(glob::Pattern);

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// [`Error::Pattern`].
    pub fn new(pattern: &str) -> Result<Self> {
        let wrong =
            |error: glob::PatternError| Error::Pattern { pattern: pattern.into(), what: error.msg.into() };
        glob::Pattern::new(pattern).map(Self).map_err(wrong)
    }

    /// True if it fits this text.
    pub fn fits(&self, text: &str) -> bool {
        let options = glob::MatchOptions { case_sensitive: false, ..glob::MatchOptions::new() };
        self.0.matches_with(text, options)
    }

    fn fits_row(&self, row: &Row) -> bool {
        let name = &row.name;
        let in_container = format!("{}/{name}", row.container);
        let machine = row.machine.as_deref().and_then(|id| id.rsplit('/').next());
        self.fits(name)
            || self.fits(&in_container)
            || self.fits(&format!("{}/{in_container}", row.account_name()))
            || machine.is_some_and(|machine| self.fits(machine))
    }
}

impl Selection {
    /// True if a file shall go, apart from the newest that stay.
    pub fn takes(&self, row: &Row, now: Timestamp) -> bool {
        let age = now.duration_since(row.written());
        let older = self.older_than.map(|span| SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX));
        row.verdict.may_go()
            && self.verdicts.contains(&row.verdict)
            && older.is_none_or(|older| age >= older)
            && (self.only.is_empty() || self.only.iter().any(|pattern| pattern.fits_row(row)))
            && !self.keep_out.iter().any(|pattern| pattern.fits_row(row))
    }
}

/// Takes the newest files of each machine out of a list; how many that were.
pub(crate) fn leave_newest(rows: &mut Vec<Row>, keep: usize) -> usize {
    if keep == 0 {
        return 0;
    }
    let mut of: BTreeMap<String, Vec<(Timestamp, usize)>> = BTreeMap::new();
    for (at, row) in rows.iter().enumerate() {
        of.entry(row.group()).or_default().push((row.began.unwrap_or_else(|| row.written()), at));
    }
    let mut stay = BTreeSet::new();
    for files in of.values_mut() {
        files.sort_unstable();
        stay.extend(files.iter().rev().take(keep).map(|(_, at)| *at));
    }
    let mut at = 0;
    rows.retain(|_| {
        at += 1;
        !stay.contains(&(at - 1))
    });
    stay.len()
}

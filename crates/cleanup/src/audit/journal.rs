//! Reading the audit log.
//!
//! A line is `{"sum":"…","entry":{…}}`. The sum is the first half of the SHA-256 over the sum of the line before and the
//! text of the entry, so that a line that was changed, lost or moved is noticed. What follows the last line break was being
//! written when the process died: nothing was done after it.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::entry::{Deed, Entry, Target, What};
use super::hex;
use crate::apply::Outcome;
use crate::error::{Error, Result};

const HEAD: &str = "{\"sum\":\"";
const MIDDLE: &str = "\",\"entry\":";
const TAIL: &str = "}";
/// Digits of a sum: 128 bits (chosen: against mistakes).
const DIGITS: usize = 32;

/// What an audit log tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    /// Its entries.
    pub entries: Vec<Entry>,
    /// Bytes of the whole lines; what follows was cut off.
    pub whole: u64,
    /// What is wrong, if it does not only end in the middle of a line: line, from 1, and what.
    pub damage: Option<(usize, &'static str)>,
    pub(super) sum: String,
}

impl Journal {
    /// Reads a log. One that is not there is empty; of one that is damaged, what comes before counts.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Self::of(&bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Error::file(path)(error)),
        }
    }

    /// What these bytes tell.
    pub fn of(bytes: &[u8]) -> Self {
        let mut journal = Self::default();
        for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let Some(text) = line.strip_suffix(b"\n") else { break };
            match journal.line(text) {
                Ok((entry, sum)) => {
                    journal.entries.push(entry);
                    journal.sum = sum;
                    journal.whole += line.len() as u64;
                }
                Err(what) => {
                    // After a power failure the last line may hold anything.
                    let is_last = journal.whole as usize + line.len() == bytes.len();
                    journal.damage = (!is_last).then_some((at + 1, what));
                    break;
                }
            }
        }
        journal
    }

    fn line(&self, line: &[u8]) -> std::result::Result<(Entry, String), &'static str> {
        const FORM: &str = "is not of this log";
        let line = std::str::from_utf8(line).map_err(|_| FORM)?;
        let rest = line.strip_prefix(HEAD).ok_or(FORM)?;
        let (sum, rest) = rest.split_at_checked(DIGITS).ok_or(FORM)?;
        let text = rest.strip_prefix(MIDDLE).and_then(|rest| rest.strip_suffix(TAIL)).ok_or(FORM)?;
        if sum_of(&self.sum, text) != sum {
            return Err("was changed, or one before it is missing");
        }
        let entry: Entry = serde_json::from_str(text).map_err(|_| FORM)?;
        if entry.number != self.next() {
            return Err("has the wrong number");
        }
        Ok((entry, sum.to_owned()))
    }

    /// Number of the next entry.
    pub(super) fn next(&self) -> u64 {
        self.entries.last().map_or(1, |entry| entry.number + 1)
    }

    /// Intents, each with the last that is known of what became of it.
    pub fn deeds(&self) -> impl Iterator<Item = (&Entry, Deed, &Target, Option<&Outcome>)> {
        let mut results = std::collections::HashMap::new();
        for entry in &self.entries {
            if let What::Result { of, outcome } = &entry.what {
                results.insert(*of, outcome);
            }
        }
        self.entries.iter().filter_map(move |entry| match &entry.what {
            What::Intent { deed, target } => {
                Some((entry, *deed, &**target, results.get(&entry.number).copied()))
            }
            _ => None,
        })
    }

    /// Intents of which nobody knows what became: the process died, or the answer was lost.
    pub fn open(&self) -> impl Iterator<Item = (&Entry, Deed, &Target)> {
        let is_open = |outcome: Option<&Outcome>| {
            outcome.is_none_or(|outcome| matches!(outcome, Outcome::Unclear { .. }))
        };
        self.deeds()
            .filter(move |(.., outcome)| is_open(*outcome))
            .map(|(entry, deed, target, _)| (entry, deed, target))
    }
}

/// A line and its sum.
pub(super) fn line_of(before: &str, text: &str) -> (String, String) {
    let sum = sum_of(before, text);
    (format!("{HEAD}{sum}{MIDDLE}{text}{TAIL}\n"), sum)
}

fn sum_of(before: &str, text: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(before.as_bytes());
    hash.update(text.as_bytes());
    let mut sum = hex(&hash.finalize());
    sum.truncate(DIGITS);
    sum
}

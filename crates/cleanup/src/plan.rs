//! A plan: what shall go, for a person to read, and for [`apply`](crate::apply()) to do exactly that.
//!
//! A file of JSON. Each row has a digest over itself and the head of its plan, the head one over itself. A reviewer may
//! delete rows and put them into another order; a row that was changed, added, doubled or taken from another plan makes the
//! whole plan invalid. The digests are against mistakes. They are no signature: whoever can write the file can make new
//! ones, and is stopped by what `apply` finds out for itself.

use std::collections::{BTreeMap, BTreeSet};

use capkeep_storage::{Blob, BlobName, Etag};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::decide::{Finding, Verdict};
use crate::error::{Error, Result};
use crate::facts::Facts;
use crate::select::{Selection, leave_newest};

/// Version of the form of plans.
pub(crate) const VERSION: u32 = 1;

/// What a plan is called in its file.
const KIND: &str = "capkeep orphans";

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What it is about.
    pub header: Header,
    /// What shall go, oldest first.
    pub rows: Vec<Row>,
    digest: String,
}

/// What a plan is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// When it was made.
    pub made_at: Timestamp,
    /// Program that made it, and its version.
    pub by: String,
    /// What was looked at.
    pub scope: Scope,
    /// How many files there were, by verdict.
    pub seen: BTreeMap<String, usize>,
    /// How many files that could go were left out, by reason.
    pub left_out: BTreeMap<String, usize>,
    /// Rows it was made with.
    pub files: usize,
    /// Bytes of all of them.
    pub bytes: u64,
    /// What they cost a month, with the currency, and what prices that is by.
    pub cost_per_month: String,
}

/// What was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Ids of subscriptions.
    pub subscriptions: Vec<String>,
    /// URLs of accounts.
    pub accounts: Vec<String>,
    /// What was asked for, as it was written.
    pub asked: String,
    /// Seconds that a file had to be old: see [`Rules::min_age`](crate::Rules::min_age).
    pub min_age_s: u64,
    /// What could not be listed completely. All that depends on it was left out.
    pub incomplete: Vec<String>,
}

/// A file that was looked at: a blob of one version, and what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// URL of the account, without any secret.
    pub account: String,
    /// Container.
    pub container: String,
    /// Name of the blob.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was last modified.
    pub modified: Timestamp,
    /// Its version.
    pub etag: Etag,
    /// Access tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// Verdict.
    pub verdict: Verdict,
    /// What speaks for it.
    pub evidence: String,
    /// ARM id of the machine or scale set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// When the session began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<Timestamp>,
    /// What protects it, so that it cannot go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_by: Option<String>,
    /// What else is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Box<Facts>>,
}

/// What a plan is made with.
#[derive(Clone, Debug, Default)]
pub struct Unplanned {
    /// How many files there were, by verdict, besides the rows.
    pub seen: BTreeMap<Verdict, usize>,
    /// Program, and its version.
    pub by: String,
    /// What was looked at.
    pub scope: Scope,
    /// What the rows cost a month, in words.
    pub cost: String,
}

/// A plan as it is written.
#[derive(Serialize)]
struct Writing<'a> {
    plan: &'a str,
    version: u32,
    #[serde(flatten)]
    header: &'a Header,
    digest: &'a str,
    rows: Vec<WritingRow<'a>>,
}

#[derive(Serialize)]
struct WritingRow<'a> {
    #[serde(flatten)]
    row: &'a Row,
    digest: String,
}

/// A plan as it is read. What is not known here is found by the types behind the maps.
#[derive(Deserialize)]
struct Written {
    plan: String,
    version: u32,
    digest: String,
    rows: Vec<WrittenRow>,
    #[serde(flatten)]
    header: Map<String, Value>,
}

#[derive(Deserialize)]
struct WrittenRow {
    digest: String,
    #[serde(flatten)]
    row: Map<String, Value>,
}

impl Row {
    /// A row.
    pub fn new(account: &str, blob: &Blob, finding: Finding, facts: Option<Facts>) -> Self {
        Self {
            account: account.trim_end_matches('/').to_owned(),
            container: blob.name.container.clone(),
            name: blob.name.name.clone(),
            size: blob.size,
            modified: blob.modified,
            etag: blob.etag.clone(),
            tier: blob.tier.clone(),
            verdict: finding.verdict,
            evidence: finding.evidence,
            machine: finding.machine,
            began: finding.began,
            kept_by: protection(blob, Timestamp::MIN).map(str::to_owned),
            facts: facts.map(Box::new),
        }
    }

    /// Name of the blob.
    pub fn blob(&self) -> BlobName {
        BlobName::new(self.container.as_str(), self.name.as_str())
    }

    /// When the content was written; see [`CaptureFile::written`](crate::CaptureFile::written).
    pub fn written(&self) -> Timestamp {
        let before = self.facts.as_ref().and_then(|facts| facts.written);
        before.map_or(self.modified, |before| before.min(self.modified))
    }

    /// Name of the account. Emulators and folders have it last in their URL.
    pub fn account_name(&self) -> String {
        let rest = self.account.split_once("://").map_or(self.account.as_str(), |(_, rest)| rest);
        match rest.rsplit_once('/') {
            Some((_, name)) => name.to_owned(),
            None => crate::place::fold_account(rest),
        }
    }

    /// What tells files of one machine from those of others; without one, the folder.
    pub(crate) fn group(&self) -> String {
        self.machine.clone().unwrap_or_else(|| {
            let folder = self.name.rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{}/{}/{folder}", self.account, self.container)
        })
    }

    fn digest(&self, head: &str) -> Result<String> {
        Ok(digest(&[head.as_bytes(), &canonical(self)?]))
    }
}

/// What protects a blob as of `now`, as far as a look at it tells.
pub(crate) fn protection(blob: &Blob, now: Timestamp) -> Option<&'static str> {
    if blob.legal_hold {
        Some("a legal hold")
    } else if blob.immutable_until.is_some_and(|until| until > now) {
        Some("an immutability policy")
    } else if blob.lease == capkeep_storage::LeaseState::Leased {
        Some("a lease")
    } else {
        None
    }
}

impl Plan {
    /// A plan of what a selection takes of the rows. What may not go, what is protected and what the selection leaves is
    /// counted.
    ///
    /// # Errors
    ///
    /// Never by what rows may hold: only if they could not be written as JSON.
    pub fn new(rows: Vec<Row>, selection: &Selection, made: Unplanned, now: Timestamp) -> Result<Self> {
        let mut seen: BTreeMap<String, usize> =
            made.seen.iter().map(|(verdict, count)| (verdict.words().to_owned(), *count)).collect();
        let mut left_out = BTreeMap::new();
        let mut taken = Vec::new();
        let mut leave = |why: &str, count: usize| {
            if count > 0 {
                *left_out.entry(why.to_owned()).or_default() += count;
            }
        };
        for row in rows {
            *seen.entry(row.verdict.words().to_owned()).or_default() += 1;
            if !row.verdict.may_go() {
                continue;
            }
            if let Some(by) = &row.kept_by {
                leave(&format!("kept by {by}"), 1);
            } else if selection.takes(&row, now) {
                taken.push(row);
            } else {
                leave("not selected", 1);
            }
        }
        leave("among the newest of its machine", leave_newest(&mut taken, selection.keep_newest));
        taken.sort_by(|a, b| order(a).cmp(&order(b)));
        let header = Header {
            made_at: now,
            by: made.by,
            scope: made.scope,
            seen,
            left_out,
            files: taken.len(),
            bytes: taken.iter().map(|row| row.size).sum(),
            cost_per_month: made.cost,
        };
        let digest = header.digest()?;
        Ok(Self { header, rows: taken, digest })
    }

    /// Its digest: tells one plan from another, whichever of its rows are left.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The same plan with other words about its cost, which depends on what was taken.
    ///
    /// # Errors
    ///
    /// As [`Plan::new`].
    pub fn with_cost(mut self, cost: String) -> Result<Self> {
        self.header.cost_per_month = cost;
        self.digest = self.header.digest()?;
        Ok(self)
    }

    /// As a text to be stored and reviewed.
    ///
    /// # Errors
    ///
    /// As [`Plan::new`].
    pub fn write(&self) -> Result<String> {
        let rows = self.rows.iter().map(|row| Ok(WritingRow { row, digest: row.digest(&self.digest)? }));
        let written = Writing {
            plan: KIND,
            version: VERSION,
            header: &self.header,
            digest: &self.digest,
            rows: rows.collect::<Result<_>>()?,
        };
        let mut text = serde_json::to_string_pretty(&written).map_err(no_json)?;
        text.push('\n');
        Ok(text)
    }

    /// Reads a plan. Rows may have been removed from it, and nothing else.
    ///
    /// # Errors
    ///
    /// [`Error::NoPlan`], [`Error::PlanVersion`], [`Error::PlanChanged`].
    pub fn read(text: &str) -> Result<Self> {
        let written: Written =
            serde_json::from_str(text).map_err(|error| Error::NoPlan(error.to_string()))?;
        if written.plan != KIND {
            return Err(Error::NoPlan(format!("it calls itself {:?}", written.plan)));
        }
        if written.version != VERSION {
            return Err(Error::PlanVersion(written.version));
        }
        let header: Header = typed(written.header)?;
        let digest = header.digest()?;
        if digest != written.digest {
            return Err(Error::PlanChanged("its head is not as it was made".into()));
        }
        let mut seen = BTreeSet::new();
        let mut rows = Vec::with_capacity(written.rows.len());
        for (at, written) in written.rows.into_iter().enumerate() {
            let row: Row = typed(written.row)?;
            let told = || format!("row {} ({}/{})", at + 1, row.container, row.name);
            if row.digest(&digest)? != written.digest {
                return Err(Error::PlanChanged(format!("{} is not as it was made", told())));
            }
            if !row.verdict.may_go() {
                return Err(Error::PlanChanged(format!("{} is {} and may not go", told(), row.verdict)));
            }
            if !seen.insert(written.digest) {
                return Err(Error::PlanChanged(format!("{} is there twice", told())));
            }
            rows.push(row);
        }
        rows.sort_by(|a, b| order(a).cmp(&order(b)));
        Ok(Self { header, rows, digest })
    }
}

impl Header {
    fn digest(&self) -> Result<String> {
        Ok(digest(&[KIND.as_bytes(), &VERSION.to_be_bytes(), &canonical(self)?]))
    }
}

/// Oldest first; then by name, so that the order is always the same.
fn order(row: &Row) -> (Timestamp, &str, &str, &str) {
    (row.written(), &row.account, &row.container, &row.name)
}

/// The one way to write a value: the fields in the order of its type, without spaces.
fn canonical<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(no_json)
}

fn typed<T: DeserializeOwned>(map: Map<String, Value>) -> Result<T> {
    serde_json::from_value(Value::Object(map)).map_err(|error| Error::NoPlan(error.to_string()))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn no_json(error: serde_json::Error) -> Error {
    Error::NoPlan(error.to_string())
}

fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    crate::audit::hex(&hash.finalize())
}

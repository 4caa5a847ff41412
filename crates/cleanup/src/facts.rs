//! What is known of a capture file besides its name.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a ledger, or the tags and metadata of a blob, tell of it and of its capture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Who tells it.
    pub source: Source,
    /// ARM id of the capture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<String>,
    /// Name of the capture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// ARM id of the machine or scale set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// When the session began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<Timestamp>,
    /// When the capture was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Timestamp>,
    /// Who did what made it known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When the content was written, noted before the blob was tagged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Timestamp>,
    /// When something was last done with the capture, as far as the ledger knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touched: Option<Timestamp>,
    /// When the file was last fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched: Option<Timestamp>,
    /// A report of it exists.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_report: bool,
}

/// Who tells a fact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The blob itself, which keeps it as long as its content.
    #[default]
    Tag,
    /// The ledger of a machine, which knows the place and not the content.
    Ledger,
}

impl Facts {
    /// What the blob and the ledger tell together. What the blob says of its capture counts; the ledger adds when it was
    /// fetched, and whether there is a report.
    #[must_use]
    pub fn joined(of_blob: Option<Self>, of_ledger: Option<Self>) -> Option<Self> {
        match (of_blob, of_ledger) {
            (Some(blob), Some(ledger)) => {
                let is_same = match (&blob.capture, &ledger.capture) {
                    (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
                    _ => false,
                };
                let same = |fact: Option<Timestamp>| fact.filter(|_| is_same);
                Some(Self {
                    began: blob.began.or(same(ledger.began)),
                    deleted: blob.deleted.or(same(ledger.deleted)),
                    touched: blob.touched.max(ledger.touched),
                    fetched: blob.fetched.max(ledger.fetched),
                    has_report: blob.has_report || ledger.has_report,
                    ..blob
                })
            }
            (blob, ledger) => blob.or(ledger),
        }
    }
}

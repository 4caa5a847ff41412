//! Where a file came from, noted beside it.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::beside::{self, Beside};
use crate::blob::{Blob, Etag};

/// Longest note that is read, in bytes (chosen: hundreds of times what is written).
const LONGEST: u64 = 1 << 20;

/// Where a file came from: what `NAME.provenance.json` beside it holds. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Provenance {
    /// URL of the blob.
    pub source: String,
    /// Account, or folder that stands for one.
    pub account: String,
    /// Container.
    pub container: String,
    /// Name of the blob.
    pub name: String,
    /// Version of the blob.
    pub etag: Etag,
    /// Length in bytes.
    pub size: u64,
    /// When the blob was last modified.
    pub modified: Timestamp,
    /// MD5 of the content where the blob has one, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md5: Option<String>,
    /// SHA-256 of the content, in hexadecimal digits.
    pub sha256: String,
    /// When it was fetched.
    pub fetched: Timestamp,
    /// Program that fetched it, and its version.
    pub by: String,
    /// Time of the file when it had been fetched; another one now says that the file was touched.
    pub file_modified: Timestamp,
    /// The machine's run during which the file was left to the system to be written to the disk. In a later run it is
    /// read once before it is believed. Nothing if it was seen to be on the disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// What else was told with the job: facts of the capture.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub note: serde_json::Value,
}

impl Provenance {
    /// What is noted beside a file; nothing if there is no note, or none that makes sense.
    ///
    /// # Errors
    ///
    /// If there is one that cannot be read.
    pub fn of(file: &Path) -> io::Result<Option<Self>> {
        let Some(beside) = Beside::of(file) else { return Ok(None) };
        match beside::read(&beside.provenance, LONGEST) {
            Ok(text) => Ok(text.and_then(|text| serde_json::from_slice(&text).ok())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// True if it tells of this version of the blob.
    pub(super) fn is_of(&self, account: &str, blob: &Blob) -> bool {
        self.account == account
            && self.container == blob.name.container
            && self.name == blob.name.name
            && self.etag == blob.etag
            && self.size == blob.size
    }

    /// Writes it to a place that is none yet, to be renamed.
    pub(super) fn write(&self, draft: &Path) -> io::Result<File> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        let mut out = beside::create(draft)?;
        out.write_all(&text)?;
        Ok(out)
    }
}

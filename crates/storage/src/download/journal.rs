//! The journal: which blocks of the partial file are done, and what their checksums are.
//!
//! Text, a line per record, each with a checksum that covers the first line too: a record of another file, version or
//! length is none. Its claims are believed only after the blocks have been read back (see [`Target`](super::target)),
//! so that neither a power failure nor a damaged disk can make it claim what is not there.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::beside;
use super::blocks::MOST;

/// Longest journal that is read: the first line and as many records as there can be, twice over.
const LONGEST: u64 = (1 << 16) + 2 * MOST * RECORD_BYTES;
/// Longest record: a number of up to five digits, two checksums, two spaces, the end of the line.
const RECORD_BYTES: u64 = 5 + 2 * 16 + 3;

/// What a journal is about: one version of one blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    /// Version of this format.
    pub(super) capkeep_journal: u32,
    /// URL of the blob, without secrets.
    pub(super) source: String,
    /// Its version.
    pub(super) etag: String,
    /// Its length.
    pub(super) size: u64,
    /// Length of a block.
    pub(super) block_bytes: u64,
}

/// A block that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Which.
    pub(super) block: usize,
    /// XXH3 (64 bits) of its bytes.
    pub(super) checksum: u64,
}

/// A journal that is written.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    seed: u64,
}

impl Journal {
    /// Puts a journal in the place of what is there.
    pub(super) fn replace(path: &Path, draft: &Path, about: &About, records: &[Record]) -> io::Result<Self> {
        let header = serde_json::to_string(about)?;
        let seed = xxh3_64(header.as_bytes());
        let mut text = format!("{header} {seed:016x}\n");
        for record in records {
            text.push_str(&line(*record, seed));
        }
        let mut file = beside::create(draft)?;
        file.write_all(text.as_bytes())?;
        fs::rename(draft, path)?;
        Ok(Self { file, seed })
    }

    /// Adds a record, in one write: a process that is killed leaves all of it or nothing.
    pub(super) fn add(&mut self, record: Record) -> io::Result<()> {
        self.file.write_all(line(record, self.seed).as_bytes())
    }
}

fn line(record: Record, seed: u64) -> String {
    let text = format!("{} {:016x}", record.block, record.checksum);
    let check = xxh3_64_with_seed(text.as_bytes(), seed);
    format!("{text} {check:016x}\n")
}

/// What a journal claims; nothing if there is none.
///
/// # Errors
///
/// In words why it is not believed: it is of another version of the blob, or it is damaged. A last line that is not
/// whole is no damage but what a power failure leaves: it is dropped.
pub(super) fn read(path: &Path, about: &About) -> Result<Option<Vec<Record>>, String> {
    let damaged = || "the journal is damaged".to_owned();
    let content = match beside::read(path, LONGEST) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("the journal cannot be read: {error}")),
        Ok(content) => content.ok_or_else(damaged)?,
    };
    let whole = content.iter().rposition(|byte| *byte == b'\n').ok_or_else(damaged)?;
    let text = std::str::from_utf8(&content[..whole]).map_err(|_| damaged())?;
    let mut lines = text.split('\n');
    let (header, check) = lines.next().and_then(|line| line.rsplit_once(' ')).ok_or_else(damaged)?;
    let seed = xxh3_64(header.as_bytes());
    if check != format!("{seed:016x}") {
        return Err(damaged());
    }
    let found: About = serde_json::from_str(header).map_err(|_| damaged())?;
    if found != *about {
        return Err(if found.source == about.source && found.etag != about.etag {
            "the blob changed since".to_owned()
        } else {
            "the journal is of something else".to_owned()
        });
    }
    lines.map(|line| record(line, seed).ok_or_else(damaged)).collect::<Result<_, _>>().map(Some)
}

fn record(text: &str, seed: u64) -> Option<Record> {
    let (text, check) = text.rsplit_once(' ')?;
    if check != format!("{:016x}", xxh3_64_with_seed(text.as_bytes(), seed)) {
        return None;
    }
    let (block, checksum) = text.split_once(' ')?;
    Some(Record { block: block.parse().ok()?, checksum: u64::from_str_radix(checksum, 16).ok()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn about() -> About {
        About {
            capkeep_journal: 1,
            source: "https://a/b/c".into(),
            etag: "\"1\"".into(),
            size: 9 << 20,
            block_bytes: 1 << 20,
        }
    }

    fn written(records: &[Record]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::replace(&path, &folder.path().join("draft"), &about(), &[]).unwrap();
        for record in records {
            journal.add(*record).unwrap();
        }
        (folder, path)
    }

    proptest! {
        #[test]
        fn a_cut_journal_claims_a_beginning_of_what_was_written_and_a_damaged_one_nothing_else(
            records in prop::collection::vec((0..9usize, any::<u64>()), 0..12),
            cut in any::<prop::sample::Index>(), flip in any::<prop::sample::Index>(), bit in 0..8u32,
        ) {
            let records: Vec<_> = records.into_iter().map(|(block, checksum)| Record { block, checksum }).collect();
            let (_folder, path) = written(&records);
            prop_assert_eq!(read(&path, &about()), Ok(Some(records.clone())));
            let content = fs::read(&path).unwrap();
            let mut damaged = content.clone();
            damaged[flip.index(content.len())] ^= 1 << bit;
            for text in [&content[..cut.index(content.len())], &damaged] {
                fs::write(&path, text).unwrap();
                if let Ok(claimed) = read(&path, &about()) {
                    prop_assert!(records.starts_with(&claimed.unwrap()));
                }
            }
        }
    }

    #[test]
    fn a_journal_of_another_version_is_told_apart_from_one_of_another_blob() {
        let (_folder, path) = written(&[Record { block: 3, checksum: 4 }]);
        let changed = About { etag: "\"2\"".into(), ..about() };
        assert!(read(&path, &changed).unwrap_err().contains("changed"));
        let other = About { source: "https://a/b/d".into(), ..about() };
        assert!(read(&path, &other).unwrap_err().contains("something else"));
        assert_eq!(read(Path::new("/nowhere/at/all"), &other), Ok(None));
    }
}

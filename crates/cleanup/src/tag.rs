//! Tying a blob to its capture: metadata and index tags that say whose it was, for every colleague and every tool.
//!
//! Metadata holds everything and travels with the content. Index tags can be searched for, and hold what fits into them:
//! at most ten on a blob, keys of 1 to 128 and values of 0 to 256 characters out of letters, digits, space and
//! `+ - . / : = _` (Azure, "Set Blob Tags"). Metadata keys are C# identifiers, and values are sent as HTTP headers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use capkeep_storage::{Blob, Error, Etag, Result, Store};
use jiff::Timestamp;

use crate::facts::{Facts, Source};

/// Most index tags on a blob.
pub const MOST_TAGS: usize = 10;
/// Longest value of an index tag, in characters.
pub const LONGEST_VALUE: usize = 256;

// No hyphens: the parser of one emulator does not take them.
const CAPTURE: &str = "capkeep_capture";
const CAPTURE_ID: &str = "capkeep_capture_id";
const MACHINE: &str = "capkeep_vm";
const BEGAN: &str = "capkeep_began";
const DELETED: &str = "capkeep_deleted";
const BY: &str = "capkeep_by";
const WRITTEN: &str = "capkeep_written";

/// Metadata and index tags of a blob.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Metadata.
    pub metadata: BTreeMap<String, String>,
    /// Index tags.
    pub tags: BTreeMap<String, String>,
}

/// What says whose a blob is. Tags that do not fit into the rules are left out: half an id would be the id of something
/// else.
pub fn marks(facts: &Facts) -> Marks {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    // In the order of their use: where a blob has tags of its own, the last ones go without.
    let all = [
        (CAPTURE, facts.name.clone()),
        (CAPTURE_ID, facts.capture.clone()),
        (MACHINE, facts.machine.clone()),
        (BEGAN, time(facts.began)),
        (DELETED, time(facts.deleted)),
        (BY, facts.by.clone()),
        (WRITTEN, time(facts.written)),
    ];
    let mut marks = Marks::default();
    for (key, value) in all {
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        if fits(&value) {
            marks.tags.insert(key.to_owned(), value.clone());
        }
        marks.metadata.insert(key.to_owned(), encode(&value));
    }
    marks
}

fn fits(value: &str) -> bool {
    value.len() <= LONGEST_VALUE
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" +-./:=_".contains(&byte))
}

/// Marks a blob, and tells its new version. What others put on it stays. A blob whose tags may not be written gets the
/// metadata all the same.
///
/// # Errors
///
/// Those of [`Store::set_metadata`]: `Changed` where it is not this version of the blob any more.
pub async fn tag(store: &dyn Store, blob: &Blob, facts: &Facts) -> Result<(Etag, Option<Error>)> {
    let facts = Facts { written: facts.written.or(Some(blob.modified)), ..facts.clone() };
    let Marks { metadata: ours, tags: our_tags } = marks(&facts);
    let mut metadata = blob.metadata.clone();
    metadata.retain(|key, _| !ours.keys().any(|our| our.eq_ignore_ascii_case(key)));
    metadata.extend(ours);
    let etag = store.set_metadata(&blob.name, &metadata, &blob.etag).await?;
    let tagged = async {
        let mut tags = store.tags(&blob.name).await?;
        tags.retain(|key, _| !our_tags.contains_key(key));
        for key in [CAPTURE, CAPTURE_ID, MACHINE, BEGAN, DELETED, BY, WRITTEN] {
            if let Some(value) = our_tags.get(key).filter(|_| tags.len() < MOST_TAGS) {
                tags.insert(key.to_owned(), value.clone());
            }
        }
        store.set_tags(&blob.name, &tags).await
    };
    Ok((etag, tagged.await.err()))
}

impl Facts {
    /// What a blob says of its capture in its metadata and, where that says nothing, in its tags.
    pub fn of_blob(blob: &Blob) -> Option<Self> {
        let value = |key: &str| {
            let of = |map: &BTreeMap<String, String>| {
                let found = map.iter().find(|(known, _)| known.eq_ignore_ascii_case(key));
                found.map(|(_, value)| decode(value)).filter(|value| !value.is_empty())
            };
            of(&blob.metadata).or_else(|| of(&blob.tags))
        };
        let time = |key: &str| value(key).and_then(|text| text.parse().ok());
        let (name, capture) = (value(CAPTURE), value(CAPTURE_ID));
        if name.is_none() && capture.is_none() {
            return None;
        }
        Some(Self {
            source: Source::Tag,
            capture,
            name,
            machine: value(MACHINE),
            began: time(BEGAN),
            deleted: time(DELETED),
            by: value(BY),
            written: time(WRITTEN),
            ..Self::default()
        })
    }
}

/// A text as an HTTP header may hold it.
fn encode(value: &str) -> String {
    value.trim().bytes().fold(String::new(), |mut text, byte| {
        if byte == b'%' || !(b' '..=b'~').contains(&byte) {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        } else {
            text.push(char::from(byte));
        }
        text
    })
}

fn decode(value: &str) -> String {
    crate::place::decoded(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use capkeep_storage::BlobName;

    fn blob(marks: Marks) -> Blob {
        let name = BlobName::new("c", "n");
        Blob {
            metadata: marks.metadata,
            tags: marks.tags,
            ..Blob::new(name, 1, Etag::from("1"), Timestamp::UNIX_EPOCH)
        }
    }

    fn facts() -> Facts {
        Facts {
            capture: Some("/subscriptions/s/resourceGroups/Gr(ü)n 100%/x".into()),
            name: Some("über".into()),
            machine: Some("/m".into()),
            began: Some(Timestamp::UNIX_EPOCH),
            by: Some("ann@web".into()),
            ..Facts::default()
        }
    }

    #[test]
    fn what_is_put_on_a_blob_is_read_back() {
        let facts = facts();
        let marks = marks(&facts);
        assert!(marks.metadata.values().all(|value| value.is_ascii()));
        assert_eq!(Facts::of_blob(&blob(marks)), Some(facts));
    }

    #[test]
    fn tags_keep_to_the_rules_and_are_whole_or_not_there() {
        let long = Facts { machine: Some("m".repeat(257)), ..facts() };
        let marks = marks(&long);
        assert_eq!(marks.tags.keys().collect::<Vec<_>>(), [BEGAN]);
        assert!(marks.metadata.len() < MOST_TAGS);
        assert!(marks.metadata.keys().all(|key| !key.contains('-') && key.len() <= 128));
        let only_tags = Marks { metadata: BTreeMap::new(), ..marks };
        assert_eq!(Facts::of_blob(&blob(only_tags)), None);
    }

    #[test]
    fn keys_are_found_in_any_case() {
        let metadata = [("CapKeep_Capture_ID".to_owned(), "/x".to_owned())].into();
        let found = Facts::of_blob(&blob(Marks { metadata, tags: BTreeMap::new() })).unwrap();
        assert_eq!(found.capture.as_deref(), Some("/x"));
    }
}

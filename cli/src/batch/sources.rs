//! Inputs → sessions, each with a key that says whether it was analysed before.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use capkeep_flow::{Input, sessions};
use capkeep_report::unit::Origin;
use capkeep_storage::CapturePath;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::inputs::Inputs;
use crate::targets::Found;

/// Bytes at the beginning and at the end of a file that its version rests on, besides its size and its time (chosen: a
/// capture's first packets and its last ones; reading all of it would cost as much as analysing it).
const ENDS: u64 = 64 << 10;

/// Hexadecimal digits of names made of digests (chosen: 64 bits; with a million sessions two share one with a
/// probability of 3 × 10⁻⁸).
const DIGITS: usize = 16;

/// What is known of the files in storage, by the names of their streams.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    distant: HashMap<PathBuf, Origin>,
}

/// Files whose flows go together.
#[derive(Debug)]
pub(crate) struct Session {
    /// What it is called in the dataset: it depends on the names of its files alone.
    pub(crate) id: String,
    /// What it was made of, and how: it changes with every file, option and version of the program.
    pub(crate) key: String,
    pub(crate) origins: Vec<Origin>,
    pub(crate) inputs: Vec<Input>,
    /// Bytes of its files, 0 where they are not known.
    pub(crate) bytes: u64,
    /// True if a file comes over a network.
    pub(crate) is_distant: bool,
}

impl Sources {
    /// Notes what is known of a file in storage.
    pub(crate) fn note(&mut self, found: &Found) {
        let origin = origin(found);
        self.distant.insert(PathBuf::from(found.url()), origin);
    }

    /// The sessions of these inputs; `how` stands for everything else that a result depends on.
    pub(crate) fn sessions(&self, inputs: &Inputs, merge: bool, how: &str) -> Vec<Session> {
        let mut found: Vec<Session> =
            sessions(&inputs.list, merge).into_iter().map(|files| self.session(files, how)).collect();
        // In an order that the order of the inputs has no part in.
        found.sort_by(|one, other| one.names().cmp(other.names()));
        found
    }

    fn session(&self, inputs: Vec<Input>, how: &str) -> Session {
        let mut names = Sha256::new();
        let mut all = Sha256::new();
        all.update(how.as_bytes());
        let mut session = Session {
            id: String::new(),
            key: String::new(),
            origins: Vec::new(),
            inputs: Vec::new(),
            bytes: 0,
            is_distant: false,
        };
        for input in &inputs {
            let (origin, version) = match input {
                Input::Stream(stream) => {
                    let known = self.distant.get(&stream.name).cloned();
                    let origin = known.unwrap_or_else(|| Origin {
                        name: stream.name.display().to_string(),
                        bytes: Some(stream.bytes),
                        ..Origin::default()
                    });
                    session.is_distant = true;
                    let version = origin.version.clone().unwrap_or_default();
                    (origin, version)
                }
                Input::File(path) => local(path),
                Input::Stdin | Input::Bytes(_) => {
                    (Origin { name: "-".into(), ..Origin::default() }, String::new())
                }
            };
            session.bytes = session.bytes.saturating_add(origin.bytes.unwrap_or(0));
            for (digest, text) in [(&mut names, &origin.name), (&mut all, &origin.name)] {
                digest.update(text.len().to_be_bytes());
                digest.update(text.as_bytes());
            }
            all.update(version.len().to_be_bytes());
            all.update(version.as_bytes());
            session.origins.push(origin);
        }
        session.inputs = inputs;
        session.id = hex(&names.finalize());
        session.key = hex(&all.finalize());
        session
    }
}

impl Session {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.origins.iter().map(|origin| origin.name.as_str())
    }

    /// What units are ordered by in a dataset, as [`Unit::order`](capkeep_report::unit::Unit::order).
    pub(crate) fn order(&self) -> (Option<&str>, &str) {
        (self.origins.iter().find_map(|origin| origin.vm.as_deref()), &self.id)
    }

    /// True if standard input is part of it: it cannot be read again, and nothing tells what it was.
    pub(crate) fn is_fleeting(&self) -> bool {
        self.inputs.iter().any(|input| matches!(input, Input::Stdin))
    }
}

/// What is known of a file in storage.
fn origin(found: &Found) -> Origin {
    let text = |key: &str| found.note.get(key).and_then(Value::as_str).map(str::to_owned);
    let path = CapturePath::parse(&found.blob.name.name);
    // What the service told of is there; what only the ledger remembers is gone.
    let capture_exists = text("capture").map(|_| found.note.get("ledger").is_none());
    Origin {
        name: found.url(),
        vm: path.map(|path| path.name).or_else(|| last(&text("target")?)),
        capture: text("name"),
        storage_path: Some(found.url()),
        bytes: Some(found.blob.size),
        version: Some(found.blob.etag.as_str().to_owned()),
        capture_exists,
    }
}

/// The last word of a resource id.
fn last(id: &str) -> Option<String> {
    id.rsplit('/').next().filter(|word| !word.is_empty()).map(str::to_owned)
}

/// What is known of a file of this machine, and its version. What cannot be opened is told by the analysis.
fn local(path: &Path) -> (Origin, String) {
    let name = path.display().to_string();
    let provenance = provenance(path);
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let source = provenance.as_ref().and_then(|all| text(all, "source"));
    let note = provenance.as_ref().and_then(|all| all.get("note"));
    let path_says = |text: &str| CapturePath::parse(text.get(text.find("subscriptions/")?..)?);
    let layout = source.as_deref().and_then(path_says).or_else(|| path_says(&name));
    let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file);
    let origin = Origin {
        name,
        vm: layout.map(|layout| layout.name).or_else(|| last(&note.and_then(|note| text(note, "target"))?)),
        capture: note.and_then(|note| text(note, "name")),
        storage_path: source,
        bytes: metadata.as_ref().map(std::fs::Metadata::len),
        version: None,
        capture_exists: None,
    };
    let Some(metadata) = metadata else { return (origin, String::new()) };
    let modified = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let ends = ends(path, metadata.len()).unwrap_or_default();
    let version = format!("{} {} {ends}", metadata.len(), modified.map_or(0, |at| at.as_nanos()));
    (origin, version)
}

/// What `capkeep fetch` wrote beside a file.
fn provenance(path: &Path) -> Option<Value> {
    let mut name = path.as_os_str().to_owned();
    name.push(".provenance.json");
    let text = std::fs::read(name).ok()?;
    serde_json::from_slice(&text).ok()
}

/// A digest of the beginning and the end of a file.
fn ends(path: &Path, bytes: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut ends = Vec::new();
    (&mut file).take(ENDS).read_to_end(&mut ends)?;
    file.seek(SeekFrom::Start(bytes.saturating_sub(ENDS)))?;
    file.take(ENDS).read_to_end(&mut ends)?;
    Ok(hex(&Sha256::digest(&ends)))
}

fn hex(digest: &[u8]) -> String {
    let mut text = String::new();
    for byte in digest.iter().take(DIGITS / 2) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn sessions_of(folder: &Path, how: &str) -> Vec<Session> {
        let inputs = Inputs::expand(&[folder.to_owned()], &mut |_| Ok(Vec::new())).unwrap();
        Sources::default().sessions(&inputs, false, how)
    }

    fn pcap(packets: u8) -> Vec<u8> {
        let mut bytes = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend([0xff, 0xff, 0, 0, 1, 0, 0, 0]);
        for packet in 0..packets {
            bytes.extend([packet, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, packet]);
        }
        bytes
    }

    #[test]
    fn a_key_changes_with_content_and_options_and_an_id_with_names_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one.pcap"), folder.path().join("two.pcap"));
        fs::write(&one, pcap(3)).unwrap();
        fs::write(&two, pcap(3)).unwrap();
        let keys = |how| sessions_of(folder.path(), how).into_iter().map(|session| (session.id, session.key));
        let first: Vec<_> = keys("a").collect();
        assert_eq!(first, keys("a").collect::<Vec<_>>(), "nothing changed");
        assert_ne!(first[0], first[1]);
        let other: Vec<_> = keys("b").collect();
        assert!(first.iter().zip(&other).all(|(one, other)| one.0 == other.0 && one.1 != other.1));
        // Same size, same time, other bytes.
        let time = fs::metadata(&two).unwrap().modified().unwrap();
        let mut bytes = pcap(3);
        *bytes.last_mut().unwrap() = 77;
        fs::write(&two, bytes).unwrap();
        File::options().write(true).open(&two).unwrap().set_modified(time).unwrap();
        let now: Vec<_> = keys("a").collect();
        assert_eq!(first[0], now[0]);
        assert_eq!(first[1].0, now[1].0);
        assert_ne!(first[1].1, now[1].1);
    }

    #[test]
    fn what_was_fetched_knows_where_it_came_from() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("slow.cap");
        fs::write(&file, pcap(1)).unwrap();
        let source = "https://logs.blob.core.windows.net/network-watcher-logs/subscriptions/0/resourcegroups/rg/providers/microsoft.compute/virtualmachines/web1/2026/11/24/packetcapture_11_55_33_090.cap";
        let beside = serde_json::json!({ "source": source, "note": { "name": "slow" } });
        fs::write(folder.path().join("slow.cap.provenance.json"), beside.to_string()).unwrap();
        let (origin, _) = local(&file);
        assert_eq!(origin.vm.as_deref(), Some("web1"));
        assert_eq!(origin.capture.as_deref(), Some("slow"));
        assert_eq!(origin.storage_path.as_deref(), Some(source));
    }
}

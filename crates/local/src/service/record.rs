//! What is known of a capture: in memory, and in a file of its own so that it outlives the process.

use std::fs;
use std::path::{Path, PathBuf};

use capkeep_watcher::{Parameters, StopReason, TargetType};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::engine::Running;
use super::error::ServiceError;
use super::places::{self, BlobPlace};
use super::storing::MOST_TRIES;
use super::time;

/// What is told of a session that was cut off.
pub(super) const CUT_OFF: &str =
    "the local watcher ended while it ran; the file holds what was captured up to then";

/// A capture.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) watcher: String,
    pub(super) etag: String,
    pub(super) state: Provisioning,
    /// As answered.
    pub(super) parameters: Parameters,
    pub(super) created_ns: i64,
    /// `Updating` until then.
    pub(super) settled_ns: i64,
    /// Told as running at its watcher.
    pub(super) running_id: String,
    /// Why it did not begin on some machine.
    pub(super) not_begun: Vec<String>,
    pub(super) sessions: Vec<Session>,
}

/// How far its making has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Provisioning {
    Updating,
    Succeeded,
    Deleting,
    Failed,
}

/// A session on one machine.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Session {
    pub(super) machine: String,
    /// ARM id of the machine or instance.
    pub(super) target: String,
    pub(super) started_ns: i64,
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) drops: u64,
    /// The capture file, or what the files of a ring are named after. Relative to the data folder.
    pub(super) file: PathBuf,
    /// True if the client named no file: it goes once it is stored.
    pub(super) is_passing: bool,
    /// Where its file goes when it ends, if it is stored.
    pub(super) place: Option<BlobPlace>,
    /// `None` while it runs.
    pub(super) over: Option<Over>,
    /// Files that are not stored yet.
    pub(super) unstored: Vec<Unstored>,
}

/// A file that is to be stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unstored {
    /// Relative to the data folder.
    pub(super) file: PathBuf,
    pub(super) place: BlobPlace,
    /// How often it was tried.
    pub(super) tries: u32,
    /// Not tried again before.
    pub(super) again_ns: i64,
    /// Why the last try failed.
    pub(super) problem: Option<String>,
}

/// How a session ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Over {
    /// `TimeExceeded`, `SizeExceeded`, `Manual`; absent where something broke.
    pub(super) reason: Option<String>,
    /// What broke.
    pub(super) errors: Vec<String>,
    /// True if the session itself broke, not only what came after.
    pub(super) is_failure: bool,
    /// True if it ended with the process.
    pub(super) was_cut: bool,
}

impl Session {
    /// True once nothing captures any more and its files are stored, or were tried to be.
    pub(super) fn is_over(&self) -> bool {
        let is_tried = || self.unstored.iter().all(|file| file.tries > 0);
        self.over.as_ref().is_some_and(|over| over.was_cut || is_tried())
    }

    /// What is told of files that could not be stored: the code, and a sentence for each.
    fn storage_errors(&self) -> Vec<String> {
        let mut out = Vec::new();
        for Unstored { file, tries, problem, .. } in &self.unstored {
            let Some(problem) = problem else { continue };
            if out.is_empty() {
                out.push("StorageFailed".to_owned());
            }
            let again =
                if *tries < MOST_TRIES { "soon" } else { "when the local watcher is started the next time" };
            let file = file.display();
            out.push(format!("{file} could not be stored: {problem}; it is kept and tried again {again}"));
        }
        out
    }
}

/// A capture in memory.
pub(super) struct Entry {
    pub(super) record: Record,
    /// The sessions that run, by their index.
    pub(super) running: Vec<Option<Box<dyn Running>>>,
    /// A fault: its agent is gone.
    pub(super) is_agent_gone: bool,
}

/// The word for a reason.
pub(super) fn word(reason: StopReason) -> &'static str {
    match reason {
        StopReason::TimeExceeded => "TimeExceeded",
        StopReason::SizeExceeded => "SizeExceeded",
        StopReason::Manual => "Manual",
        StopReason::Other => "Other",
    }
}

impl Record {
    /// True once nothing captures any more and everything is stored, or was tried to be.
    pub(super) fn is_over(&self) -> bool {
        self.sessions.iter().all(Session::is_over)
    }

    /// True while a file is not stored.
    pub(super) fn has_unstored(&self) -> bool {
        self.sessions.iter().any(|session| !session.unstored.is_empty())
    }

    /// The resource, as answered.
    pub(super) fn resource(&self, etag: &str) -> Value {
        let state = match self.state {
            Provisioning::Updating => "Updating",
            Provisioning::Succeeded => "Succeeded",
            Provisioning::Deleting => "Deleting",
            Provisioning::Failed => "Failed",
        };
        let mut properties = serde_json::to_value(&self.parameters).unwrap_or_default();
        properties["provisioningState"] = json!(state);
        json!({
            "name": self.name,
            "id": self.id,
            "etag": etag,
            "type": "Microsoft.Network/networkWatchers/packetCaptures",
            "properties": properties,
        })
    }

    /// The status, as answered.
    pub(super) fn status(&self, is_agent_gone: bool) -> Value {
        let mut out = Map::new();
        out.insert("name".into(), json!(self.name));
        out.insert("id".into(), json!(self.id));
        if let Some(started) = self.sessions.iter().map(|session| session.started_ns).min() {
            out.insert("captureStartTime".into(), json!(time::rfc3339(started)));
        }
        let overs: Vec<&Over> = self.sessions.iter().filter_map(|session| session.over.as_ref()).collect();
        let mut errors = self.not_begun.clone();
        errors.extend(overs.iter().flat_map(|over| over.errors.clone()));
        errors.extend(self.sessions.iter().flat_map(Session::storage_errors));
        let state = if is_agent_gone {
            let gone =
                |session: &Session| format!("{} does not exist or is in stopped state.", session.target);
            errors = self.sessions.iter().map(gone).collect();
            "Stopped"
        } else if self.sessions.is_empty() {
            "Error"
        } else if !self.is_over() {
            "Running"
        } else if overs.iter().all(|over| over.is_failure) {
            "Error"
        } else {
            "Stopped"
        };
        out.insert("packetCaptureStatus".into(), json!(state));
        if state == "Stopped"
            && !is_agent_gone
            && let Some(reason) = self.reason(&overs)
        {
            out.insert("stopReason".into(), json!(reason));
        }
        out.insert("packetCaptureError".into(), json!(errors));
        // Not in the specification, and only there where a file lacks packets.
        let drops: u64 = self.sessions.iter().map(|session| session.drops).sum();
        if drops > 0 {
            out.insert("kernelDrops".into(), json!(drops));
        }
        Value::Object(out)
    }

    /// One word, or for a scale set the service's sentence.
    fn reason(&self, overs: &[&Over]) -> Option<String> {
        let mut words: Vec<&str> = overs.iter().filter_map(|over| over.reason.as_deref()).collect();
        if self.parameters.target_type() != Some(TargetType::ScaleSet) {
            return words.first().map(|word| (*word).to_owned());
        }
        words.sort_unstable();
        let counted = words
            .chunk_by(|a, b| a == b)
            .map(|same| format!("{} VM Instance(s) stopped due to {} Reasons. ", same.len(), same[0]));
        Some(counted.collect::<String>()).filter(|text| !text.is_empty())
    }

    /// Where it is while the capture is there.
    fn path(&self, data: &Path) -> PathBuf {
        let lower = |text: &str| text.to_ascii_lowercase();
        data.join("captures").join(lower(&self.watcher)).join(format!("{}.json", lower(&self.name)))
    }

    /// Writes it down. A record that cannot be written is told to nobody: the session is worth more.
    pub(super) fn save(&self, data: &Path) -> std::io::Result<()> {
        places::write(&self.path(data), &serde_json::to_vec_pretty(self)?)
    }

    /// Forgets it. Its files stay.
    pub(super) fn remove(&self, data: &Path) -> std::io::Result<()> {
        fs::remove_file(self.path(data))
    }

    /// Where it is when the capture is deleted and its files are still to be stored.
    fn leaving_path(&self, data: &Path) -> PathBuf {
        data.join(LEAVING).join(format!("{}.json", self.running_id))
    }

    /// Writes down what is still to be stored of a deleted capture; forgets it where that is nothing.
    pub(super) fn save_leaving(&self, data: &Path) -> std::io::Result<()> {
        let path = self.leaving_path(data);
        if self.has_unstored() {
            return places::write(&path, &serde_json::to_vec_pretty(self)?);
        }
        fs::remove_file(path)
    }
}

/// Folder of captures that were deleted before their files were stored.
const LEAVING: &str = "leaving";

/// All records of a data folder.
///
/// # Errors
///
/// If a folder cannot be read, or a file in it is no record.
pub(super) fn load(data: &Path) -> Result<Vec<Record>, ServiceError> {
    let mut out = Vec::new();
    let folder = data.join("captures");
    fs::create_dir_all(&folder).map_err(ServiceError::file(&folder))?;
    for watcher in fs::read_dir(&folder).map_err(ServiceError::file(&folder))? {
        let watcher = watcher.map_err(ServiceError::file(&folder))?.path();
        if watcher.is_dir() {
            load_folder(&watcher, &mut out)?;
        }
    }
    Ok(out)
}

/// Those of captures that were deleted before their files were stored.
///
/// # Errors
///
/// As above.
pub(super) fn load_leaving(data: &Path) -> Result<Vec<Record>, ServiceError> {
    let (mut out, folder) = (Vec::new(), data.join(LEAVING));
    if folder.is_dir() {
        load_folder(&folder, &mut out)?;
    }
    Ok(out)
}

fn load_folder(folder: &Path, out: &mut Vec<Record>) -> Result<(), ServiceError> {
    for file in fs::read_dir(folder).map_err(ServiceError::file(folder))? {
        let path = file.map_err(ServiceError::file(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') && name.ends_with(".part") {
            // Of a process that was killed while it wrote; the old content is in its place.
            let _ = fs::remove_file(&path);
        }
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let bytes = fs::read(&path).map_err(ServiceError::file(&path))?;
        // A capture must not be gone because its record is damaged.
        let record = serde_json::from_slice::<Record>(&bytes).map_err(std::io::Error::from);
        out.push(record.map_err(ServiceError::file(&path))?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_tells_what_could_not_be_stored() {
        let place = places::blob("https://sa1.blob.core.windows.net/c/a.cap", None, None).unwrap();
        let problem = Some("no room".to_owned());
        let file = Unstored { file: "passing/a.cap".into(), place, tries: 1, again_ns: 0, problem };
        let mut session = Session { unstored: vec![file], ..Session::default() };
        let told = session.storage_errors();
        assert_eq!(told[0], "StorageFailed");
        assert_eq!(told[1], "passing/a.cap could not be stored: no room; it is kept and tried again soon");
        session.unstored[0].tries = MOST_TRIES;
        assert!(session.storage_errors()[1].ends_with("started the next time"));
    }

    #[test]
    fn a_damaged_record_is_told_with_its_name() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("captures/watcher");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("half.json"), "{\"name\":").unwrap();
        let error = load(data.path()).unwrap_err().to_string();
        assert!(error.contains("half.json"), "{error}");
    }
}

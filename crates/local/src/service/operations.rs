//! Long-running operations and the two places they are asked after.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::message::{Reply, Request};
use super::places;
use super::random::{self, Signer};

/// Operations remembered (chosen: an hour of one a second and some; the oldest are forgotten).
const REMEMBERED: usize = 5_000;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Task {
    Create,
    Stop,
    Delete,
    QueryStatus,
}

/// An operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Operation {
    pub(super) task: Task,
    /// Tells its capture from a later one of the same name.
    pub(super) of: String,
    /// Key of its capture.
    pub(super) capture: String,
    pub(super) region: String,
    /// It is `InProgress` at least until then.
    pub(super) ready_ns: i64,
    /// Code and message, if it fails.
    pub(super) failure: Option<(String, String)>,
    /// A fault: it never ends.
    #[serde(skip)]
    pub(super) is_endless: bool,
    /// Characters of its signature; 0 for none.
    pub(super) signature_length: usize,
}

/// The operations there are: in memory, and in a file with a line for each, so that they are known after a restart.
#[derive(Default)]
pub(super) struct Operations {
    known: BTreeMap<String, Operation>,
    order: VecDeque<String>,
    path: PathBuf,
    file: Option<File>,
    lines: usize,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    id: String,
    #[serde(flatten)]
    operation: Operation,
}

/// Which of the two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Status,
    Result,
}

impl Operations {
    /// Those of a data folder. A line that cannot be read was cut off by a crash: its operation is not known.
    pub(super) fn open(data: &Path) -> Self {
        let path = data.join("operations.ndjson");
        let text = fs::read(&path).unwrap_or_default();
        let mut this = Self { path, ..Self::default() };
        for line in String::from_utf8_lossy(&text).lines() {
            if let Ok(Line { id, operation }) = serde_json::from_str(line) {
                this.remember(&id, operation);
            }
        }
        this.rewrite();
        this
    }

    pub(super) fn begin(&mut self, operation: Operation) -> String {
        let id = random::guid();
        // A status is asked for again sooner than its result.
        if operation.task != Task::QueryStatus {
            self.write(&id, &operation);
        }
        self.remember(&id, operation);
        id
    }

    /// What cannot be written is not known after a restart; nothing else depends on it.
    fn write(&mut self, id: &str, operation: &Operation) {
        if self.lines > 2 * REMEMBERED {
            self.rewrite();
        }
        let line = Line { id: id.to_owned(), operation: operation.clone() };
        let Ok(mut text) = serde_json::to_vec(&line) else { return };
        text.push(b'\n');
        self.lines += 1;
        let _ = self.file.as_mut().map(|file| file.write_all(&text));
    }

    /// Leaves out of the file what is forgotten.
    fn rewrite(&mut self) {
        let known = self.order.iter().filter_map(|id| Some((id, self.known.get(id)?)));
        let known = known.filter(|(_, operation)| operation.task != Task::QueryStatus);
        let mut text = Vec::new();
        self.lines = 0;
        for (id, operation) in known {
            let line = Line { id: id.clone(), operation: operation.clone() };
            if serde_json::to_writer(&mut text, &line).is_ok() {
                text.push(b'\n');
                self.lines += 1;
            }
        }
        let written = places::write(&self.path, &text);
        self.file = written.and_then(|()| File::options().append(true).open(&self.path)).ok();
    }

    fn remember(&mut self, id: &str, operation: Operation) {
        self.order.push_back(id.to_owned());
        self.known.insert(id.to_owned(), operation);
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }

    pub(super) fn get(&self, id: &str, region: &str) -> Option<&Operation> {
        self.known.get(&id.to_ascii_lowercase()).filter(|known| known.region.eq_ignore_ascii_case(region))
    }
}

/// What URLs of an operation are made of.
pub(super) struct Urls<'a> {
    pub(super) base: String,
    pub(super) subscription: &'a str,
    pub(super) version: &'a str,
    pub(super) signer: &'a Signer,
    pub(super) now_ns: i64,
}

impl Urls<'_> {
    /// URL of a place, absolute and, where wanted, signed.
    pub(super) fn of(&self, id: &str, operation: &Operation, place: Place) -> String {
        let Self { base, subscription, version, signer, now_ns } = self;
        let word = if place == Place::Status { "operations" } else { "operationResults" };
        let region = &operation.region;
        let url = format!(
            "{base}/subscriptions/{subscription}/providers/Microsoft.Network/locations/{region}/{word}/{id}\
             ?api-version={version}"
        );
        if operation.signature_length == 0 {
            return url;
        }
        // Ticks of 100 ns since the year 1, as in the service's URLs.
        let t = (now_ns / 100 + 621_355_968_000_000_000).to_string();
        let c = signer.filler(&format!("c/{id}"), operation.signature_length);
        let s = signer.sign(&signed(place, id, &t, &c));
        let h = signer.sign(&c);
        format!("{url}&t={t}&c={c}&s={s}&h={h}")
    }
}

fn signed(place: Place, id: &str, t: &str, c: &str) -> String {
    format!("{place:?}\n{id}\n{t}\n{c}")
}

/// What to answer a poll whose URL is not the one that was given out.
pub(super) fn refuse(
    request: &Request,
    id: &str,
    operation: &Operation,
    place: Place,
    signer: &Signer,
) -> Option<Reply> {
    if operation.signature_length == 0 {
        return None;
    }
    let part = |name: &str| request.parameter(name).unwrap_or_default();
    let (t, c) = (part("t"), part("c"));
    let is_right = signer.verify(&signed(place, &id.to_ascii_lowercase(), &t, &c), &part("s"))
        && signer.verify(&c, &part("h"));
    (!is_right).then(|| {
        let message =
            "The signature of the URL is wrong. Send back the URL of the header exactly as it came.";
        Reply::error(403, "InvalidOperationSignature", message)
    })
}

/// Body of a status.
pub(super) fn status(operation: &Operation, is_done: bool) -> Value {
    match (&operation.failure, is_done) {
        (_, false) => json!({ "status": "InProgress" }),
        (Some((code, message)), true) => {
            json!({ "status": "Failed", "error": { "code": code, "message": message, "details": [] } })
        }
        // Only a stop says that it has no properties.
        (None, true) if operation.task == Task::Stop => json!({ "status": "Succeeded", "properties": {} }),
        (None, true) => json!({ "status": "Succeeded" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(task: Task) -> Operation {
        Operation {
            task,
            of: "of".into(),
            capture: "key".into(),
            region: "westus".into(),
            ready_ns: 7,
            failure: Some(("Code".into(), "words".into())),
            is_endless: true,
            signature_length: 3,
        }
    }

    #[test]
    fn operations_are_known_after_a_restart_and_old_ones_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut operations = Operations::open(folder.path());
        let ids: Vec<String> = (0..REMEMBERED * 3).map(|_| operations.begin(operation(Task::Stop))).collect();
        let status = operations.begin(operation(Task::QueryStatus));
        // Cut off by a crash.
        fs::OpenOptions::new()
            .append(true)
            .open(folder.path().join("operations.ndjson"))
            .and_then(|mut file| file.write_all(b"{\"id\":\"x"))
            .unwrap();
        let operations = Operations::open(folder.path());
        let last = operations.get(ids.last().unwrap(), "WESTUS").unwrap();
        assert_eq!((last.ready_ns, last.is_endless), (7, false));
        assert_eq!(last.failure, Some(("Code".into(), "words".into())));
        assert!(operations.get(&ids[0], "westus").is_none() && operations.get(&status, "westus").is_none());
        assert_eq!(operations.order.len(), REMEMBERED);
        let lines = fs::read_to_string(folder.path().join("operations.ndjson")).unwrap();
        assert_eq!(lines.lines().count(), REMEMBERED);
    }
}

//! Captures of others with an answer key, which lie beside the project or nowhere.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use capkeep_flow::{Analysis, Event, FlowRecord, Input, Options, analyze};
use serde_json::Value;

/// Says it past the test harness, which keeps what a passing test prints to itself.
pub(crate) fn say(what: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{what}\n").as_bytes());
}

/// A capture of the key: its name, its path, and what the key says of it.
pub(crate) struct Keyed {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) truth: Value,
}

/// The captures of the key; `None` if there is none, which is said.
pub(crate) fn captures() -> Option<Vec<Keyed>> {
    let named = std::env::var_os("CAPKEEP_CAPTURES").map(PathBuf::from);
    let from_here = |up: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join(up).join("shared/captures");
    // Beside the checkout, or one folder up where it is one of several.
    let mut folders = named.into_iter().chain(["../../..", "../../../.."].map(from_here));
    let Some(folder) = folders.find(|folder| folder.join("key.jsonl").is_file()) else {
        say("SKIPPED: no captures with an answer key (set CAPKEEP_CAPTURES)");
        return None;
    };
    let key = std::fs::read_to_string(folder.join("key.jsonl")).unwrap();
    let keyed = key.lines().map(|line| {
        let truth: Value = serde_json::from_str(line).unwrap();
        let name = truth["path"].as_str().unwrap().to_owned();
        Keyed { path: folder.join("files").join(&name), name, truth }
    });
    let keyed: Vec<_> = keyed.collect();
    assert!(!keyed.is_empty(), "the key is empty");
    Some(keyed)
}

/// Without idle timeout: tshark never ends a stream by silence.
pub(crate) fn read(path: &Path) -> (Analysis, Vec<FlowRecord>) {
    let flows = Mutex::new(Vec::new());
    let options = Options { idle_timeout: None, ..Options::default() };
    let analysis = analyze(&[Input::File(path.into())], &options, &|event| {
        if let Event::Flows(more) = event {
            flows.lock().unwrap().extend_from_slice(more);
        }
    });
    (analysis, flows.into_inner().unwrap())
}

//! Ctrl-C, closed pipes, and what is printed for programs.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::{CONFIG, Local, is_root};
use crate::run::{stderr, stdout};

fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

/// Deeds and names in the ledger.
fn ledger(local: &Local) -> Vec<(String, String)> {
    let ledger = rusqlite::Connection::open(local.folder.path().join("ledger.sqlite")).unwrap();
    let mut rows = ledger.prepare("SELECT deed, name FROM captures ORDER BY rowid").unwrap();
    rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

#[test]
fn ctrl_c_leaves_a_capture_as_it_is_and_says_how_to_pick_it_up_again() {
    if !is_root("ctrl_c_leaves_a_capture_as_it_is_and_says_how_to_pick_it_up_again") {
        return;
    }
    let fault = "[[fault]]\nmethod = \"PUT\"\npath = \"packetCaptures\"\naction = \"operation_never_ends\"\n";
    let local = Local::with(CONFIG, fault);
    let mut create = local.command();
    let words = "capture create left --vm web1 --storage logs".split_whitespace();
    let child = create.args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !local.run("capture show left").status.success() {}
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("capkeep capture status left"), "{}", stderr(&output));
    assert_eq!(ledger(&local), [("created".to_owned(), "left".to_owned())]);
    assert_eq!(local.json("capture status left --json")["packetCaptureStatus"], "Running");
}

#[test]
fn ctrl_c_is_heard_while_the_service_is_asked() {
    if !is_root("ctrl_c_is_heard_while_the_service_is_asked") {
        return;
    }
    let mut local = Local::start("");
    assert_eq!(local.run("capture create on --vm web1 --storage logs").status.code(), Some(0));
    let slow = "[[fault]]\nmethod = \"POST\"\ntimes = 9\naction = { delay = { ms = 60000 } }\n";
    // The first question is answered at once, the second not for a minute.
    let first = "[[fault]]\nmethod = \"POST\"\naction = { delay = { ms = 0 } }\n";
    let faults = format!("{first}{slow}");
    local.restart("-TERM", &faults);
    assert_eq!(local.run("capture create two --vm web1 --storage logs --no-wait").status.code(), Some(0));
    let mut watch = local.command();
    let words = "capture status two --watch --every 1s".split_whitespace();
    let mut child = watch.args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "two");
    // Long enough for the second question to be on its way.
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
}

#[test]
fn who_closes_the_pipe_ends_a_watch() {
    if !is_root("who_closes_the_pipe_ends_a_watch") {
        return;
    }
    let local = Local::start("");
    assert_eq!(local.run("capture create on --vm web1 --storage logs").status.code(), Some(0));
    let mut watch = local.command();
    let words = "capture status on --watch --every 1s".split_whitespace();
    let mut child = watch.args(words).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(local.run("capture stop on").status.code(), Some(0));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_is_not_waited_for_is_told_as_json_too() {
    if !is_root("what_is_not_waited_for_is_told_as_json_too") {
        return;
    }
    let local = Local::start("");
    let made = local.json("capture create on --vm web1 --storage logs --no-wait --json");
    assert_eq!(
        (&made["name"], &made["properties"]["storageLocation"]["storagePath"]),
        (&"on".into(), &Value::Null)
    );
    assert_eq!(local.json("capture stop on --no-wait --json")["name"], "on");
    let lines = stdout(&local.run("doctor --vm web1 -o ndjson"));
    assert!(lines.lines().count() > 5, "{lines}");
    assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).unwrap()["verdict"].is_string()));
}

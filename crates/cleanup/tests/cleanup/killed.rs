//! A process that is killed at every point of a run. Log and storage agree afterwards, and the run can be gone on with.

#![allow(clippy::disallowed_methods, reason = "the child is told by its environment what to do")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use capkeep_cleanup::{AuditLog, Event, Journal, Options, Outcome, Plan, What, apply};

use crate::around::Around;
use crate::model::Model;
use crate::words::{at, block_on, capture, fill, plan, world};

const FOLDER: &str = "CAPKEEP_TEST_FOLDER";
const POINT: &str = "CAPKEEP_TEST_POINT";
const ORPHANS: usize = 16;
/// What the child prints when it has reached its point.
const REACHED: &str = "reached:";

fn store(folder: &Path) -> Model {
    Model::at("sa1", &folder.join("storage.json"))
}

/// Carries out the plan in a folder. Calls `point` before and after everything that leaves a trace.
fn go(folder: &Path, at_once: usize, point: impl Fn(&str) + Send + Sync + 'static) {
    let point = Arc::new(point);
    let store = Arc::new(store(folder));
    let gate = Arc::clone(&point);
    *store.gate.lock().unwrap() = Some(Box::new(move || gate("call")));
    let plan = Plan::read(&fs::read_to_string(folder.join("plan.json")).unwrap()).unwrap();
    let world = world(vec![capture("s1", "Web1", "alive", at(0.0))]);
    let mut log = AuditLog::open(&folder.join("audit.jsonl")).unwrap();
    point("opened");
    let options = Options { at_once, ..Options::new("test") };
    let report =
        block_on(apply(&plan, &Around::new(&store, world), &options, &mut log, &|event| match event {
            Event::Listed { .. } => point("listed"),
            Event::Intended { .. } => point("intended"),
            Event::Answered { .. } => point("answered"),
            Event::Row { .. } => point("noted"),
            _ => {}
        }));
    assert!(report.unwrap().stopped.is_none());
    point("ended");
}

/// Not a test of its own: what the others start as a process and kill.
#[test]
fn child() {
    let (Ok(folder), Ok(wanted)) = (std::env::var(FOLDER), std::env::var(POINT)) else { return };
    let wanted: usize = wanted.parse().unwrap();
    let count = AtomicUsize::new(0);
    // One thread at a time gets here.
    let turn = Mutex::new(());
    go(Path::new(&folder), 1 + wanted % 3, move |what| {
        let _turn = turn.lock().unwrap();
        if count.fetch_add(1, Ordering::Relaxed) + 1 == wanted {
            // Not by println: the harness may hold it back.
            writeln!(std::io::stdout(), "\n{REACHED}{what}").unwrap();
            std::io::stdout().flush().unwrap();
            // Until it is killed.
            let _ = std::io::stdin().read(&mut [0]);
        }
    });
}

/// Runs the child up to a point and kills it there; what the point is, or nothing if it came to its end.
fn killed_at(folder: &Path, point: usize) -> Option<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::child", "--nocapture"])
        .env(FOLDER, folder)
        .env(POINT, point.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let reached = lines.map_while(Result::ok).find_map(|line| line.strip_prefix(REACHED).map(str::to_owned));
    // SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    reached
}

/// Log and storage tell the same story: what is gone was meant to go, and what is noted to be gone is.
fn agree(folder: &Path, plan: &Plan) -> usize {
    let names = store(folder).names();
    let journal = Journal::read(&folder.join("audit.jsonl")).unwrap();
    assert_eq!(journal.damage, None);
    let mut last: BTreeMap<&str, Option<&Outcome>> = BTreeMap::new();
    for (_, _, target, outcome) in journal.deeds() {
        last.insert(&target.name, outcome);
    }
    for row in &plan.rows {
        let is_there = names.contains(&row.name);
        match last.get(row.name.as_str()) {
            None => assert!(is_there, "{} is gone and nothing is noted", row.name),
            // Nobody knows, and that is noted.
            Some(None) => {}
            Some(Some(Outcome::Deleted | Outcome::FoundGone)) => assert!(!is_there, "{}", row.name),
            Some(Some(outcome)) => assert!(is_there, "{}: {outcome}", row.name),
        }
    }
    assert!(names.contains(&"notes.txt".to_owned()) && names.len() >= 2);
    journal.open().count()
}

#[test]
fn log_and_storage_agree_wherever_it_is_killed() {
    let (mut points, mut open, mut torn) = (0, 0, 0);
    for point in 1.. {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fill(&store(folder), ORPHANS);
        let plan = plan(&world(vec![capture("s1", "Web1", "alive", at(0.0))]), &Arc::new(store(folder)));
        assert_eq!(plan.rows.len(), ORPHANS);
        fs::write(folder.join("plan.json"), plan.write().unwrap()).unwrap();
        let Some(what) = killed_at(folder, point) else { break };
        points += 1;
        let at_once = 1 + point % 3;
        let left_open = agree(folder, &plan);
        assert!(left_open <= at_once, "{left_open} open");
        open += left_open;
        // Killed while it wrote the line: the request was not sent yet, or the answer not noted yet.
        if at_once == 1 && matches!(what.as_str(), "intended" | "noted") && point % 2 == 0 {
            let path = folder.join("audit.jsonl");
            let bytes = fs::read(&path).unwrap();
            let last =
                bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let cut = last + point % (bytes.len() - last);
            fs::write(&path, &bytes[..cut]).unwrap();
            torn += 1;
            agree(folder, &plan);
        }
        go(folder, at_once, |_| {});
        assert_eq!(agree(folder, &plan), 0, "nothing is left open");
        assert_eq!(store(folder).names().len(), 2, "the rest of the plan was done");
        let journal = Journal::read(&folder.join("audit.jsonl")).unwrap();
        let ended = journal.entries.iter().filter(|entry| matches!(entry.what, What::Ended { .. })).count();
        assert!(ended >= 1);
        for row in &plan.rows {
            let deleted = journal.deeds().filter(|(_, _, target, outcome)| {
                target.name == row.name && matches!(outcome, Some(Outcome::Deleted | Outcome::FoundGone))
            });
            assert_eq!(deleted.count(), 1, "{} was deleted once", row.name);
        }
    }
    assert!(points >= 100, "{points} points");
    assert!(open > 20 && torn > 5, "{open} open, {torn} torn");
}

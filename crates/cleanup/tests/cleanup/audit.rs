//! The audit log, whatever happens to it.

use std::fs;
use std::path::Path;

use capkeep_cleanup::{AuditLog, Error, Journal, Options, What, apply};

use crate::around::Around;
use crate::words::{block_on, orphans, plan};

/// A log of a run over three orphans.
fn log(path: &Path) -> Vec<u8> {
    let (store, world) = orphans(3);
    let plan = plan(&world, &store);
    let mut log = AuditLog::open(path).unwrap();
    let options = Options { at_once: 1, ..Options::new("test") };
    block_on(apply(&plan, &Around::new(&store, world), &options, &mut log, &|_| {})).unwrap();
    drop(log);
    fs::read(path).unwrap()
}

#[test]
fn a_log_has_an_entry_before_and_after_each_deed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/audit.jsonl");
    let bytes = log(&path);
    let journal = Journal::read(&path).unwrap();
    assert_eq!(journal, Journal::of(&bytes));
    let kinds: Vec<_> = journal
        .entries
        .iter()
        .map(|entry| match &entry.what {
            What::Begun { .. } => 'b',
            What::Intent { .. } => 'i',
            What::Result { .. } => 'r',
            What::Ended { .. } => 'e',
        })
        .collect();
    assert_eq!(kinds.iter().collect::<String>(), "biririre");
    assert_eq!(journal.open().count(), 0);
    for line in String::from_utf8(bytes).unwrap().lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).unwrap()["entry"]["at"].is_string());
    }
}

#[test]
fn a_log_that_is_cut_anywhere_is_read_and_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let bytes = log(&path);
    let whole = Journal::of(&bytes);
    for cut in 0..=bytes.len() {
        let journal = Journal::of(&bytes[..cut]);
        assert_eq!(journal.damage, None, "cut at {cut}");
        assert_eq!(journal.entries, whole.entries[..journal.entries.len()], "cut at {cut}");
        let lines = bytes[..cut].split(|byte| *byte == b'\n').count() - 1;
        assert_eq!(journal.entries.len(), lines);
    }
    for cut in (0..=bytes.len()).step_by(37) {
        fs::write(&path, &bytes[..cut]).unwrap();
        let (store, world) = orphans(1);
        let plan = plan(&world, &store);
        let mut log = AuditLog::open(&path).unwrap();
        let options = Options::new("test");
        block_on(apply(&plan, &Around::new(&store, world), &options, &mut log, &|_| {})).unwrap();
        drop(log);
        let journal = Journal::read(&path).unwrap();
        assert_eq!((journal.damage, journal.open().count()), (None, 0), "cut at {cut}");
    }
}

#[test]
fn a_log_that_was_changed_is_noticed_and_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let bytes = log(&path);
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let without = |left_out: usize| {
        let kept = lines.iter().enumerate().filter(|(at, _)| *at != left_out);
        kept.flat_map(|(_, line)| [line, "\n"]).collect::<String>()
    };
    let swapped = {
        let mut lines = lines.clone();
        lines.swap(1, 3);
        lines.join("\n") + "\n"
    };
    for (changed, line) in [
        (text.replacen("\"deleted\"", "\"not_done\"", 1), 3),
        (without(0), 1),
        (without(2), 3),
        (swapped, 2),
        (text.replacen("\"sum\":\"", "\"sum\":\"0", 1), 1),
        (text.replacen('{', "é", 1), 1),
    ] {
        fs::write(&path, &changed).unwrap();
        assert_eq!(Journal::of(changed.as_bytes()).damage.unwrap().0, line);
        assert!(matches!(AuditLog::open(&path), Err(Error::LogDamaged { line: at, .. }) if at == line));
        assert_eq!(fs::read(&path).unwrap(), changed.as_bytes(), "it stays as it is");
    }
}

#[test]
fn two_processes_do_not_write_one_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let first = AuditLog::open(&path).unwrap();
    assert!(matches!(AuditLog::open(&path), Err(Error::LogLocked { .. })));
    drop(first);
    assert!(AuditLog::open(&path).is_ok());
}

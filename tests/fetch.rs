//! Fetching capture files, and reading them where they lie.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::local::{Local, is_root, traffic as packets_on_loopback};
use crate::run::{capkeep, stderr, stdout, traffic};

/// A folder that stands for an account, with blobs in container `c`.
fn account(folder: &Path, blobs: &[(&str, &[u8])]) -> String {
    for (name, content) in blobs {
        let path = folder.join("acc/c").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    format!("file://{}", folder.join("acc").display())
}

fn fetch(folder: &Path, arguments: &[&str]) -> Output {
    capkeep()
        .arg("fetch")
        .args(arguments)
        .env("CAPKEEP_LEDGER", folder.join("ledger.sqlite"))
        .current_dir(folder)
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{}", stderr(output)))
}

#[test]
fn a_blob_is_fetched_with_a_note_of_where_it_came_from_and_then_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, _) = traffic();
    let base = account(folder.path(), &[("a/b.cap", &bytes)]);
    let target = format!("{base}//c/a/b.cap");
    let first = fetch(folder.path(), &[&target, "--into", "out"]);
    assert_eq!(code(&first), 0, "{}", stderr(&first));
    assert_eq!(fs::read(folder.path().join("out/b.cap")).unwrap(), bytes);
    let note: Value =
        serde_json::from_slice(&fs::read(folder.path().join("out/b.cap.provenance.json")).unwrap()).unwrap();
    assert_eq!((&note["source"], &note["size"]), (&Value::from(target.as_str()), &Value::from(bytes.len())));
    let left: Vec<_> = fs::read_dir(folder.path().join("out")).unwrap().collect();
    assert_eq!(left.len(), 2, "nothing unfinished stays: {left:?}");

    let again = fetch(folder.path(), &[&target, "--into", "out", "--json"]);
    let line: Value = serde_json::from_str(&stdout(&again)).unwrap();
    assert_eq!(line["status"], "unchanged");
    let never = fetch(folder.path(), &[&target, "--into", "out", "--overwrite", "never"]);
    assert_eq!(code(&never), 2, "{}", stdout(&never));
    fs::write(folder.path().join("acc/c/a/b.cap"), b"another").unwrap();
    let changed = fetch(folder.path(), &[&target, "--into", "out"]);
    assert_eq!(code(&changed), 0, "{}", stderr(&changed));
    assert_eq!(fs::read(folder.path().join("out/b.cap")).unwrap(), b"another");
}

#[test]
fn the_beginning_of_names_stands_for_all_of_them_and_patterns_leave_out() {
    let folder = tempfile::tempdir().unwrap();
    let base =
        account(folder.path(), &[("x/1.cap", b"1"), ("x/2.cap", b"22"), ("x/y/1.cap", b"333"), ("z", b"4")]);
    let target = format!("{base}//c/x/");
    let dry = fetch(folder.path(), &[&target, "--into", "out", "--dry-run"]);
    assert_eq!((code(&dry), stdout(&dry).lines().count()), (0, 3), "{}", stdout(&dry));
    assert!(!folder.path().join("out").exists(), "nothing is written by a dry run");
    let output = fetch(folder.path(), &[&target, "--into", "out", "--exclude", "*/2.cap"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let there = |name: &str| folder.path().join("out").join(name).is_file();
    assert!(there("1.cap") && there("y/1.cap") && !there("2.cap"), "{}", stdout(&output));
}

#[test]
fn mistakes_are_told_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let base = account(folder.path(), &[("a.cap", b"1")]);
    for (arguments, words) in [
        (vec![format!("{base}//c/b.cap")], "nothing is there"),
        (vec![format!("{base}//nowhere/b.cap")], "not there"),
        (vec![base.clone()], "names no container"),
        (vec!["c/a.cap".to_owned()], "neither a capture nor a URL"),
        (vec!["https://user:SECRET@acc.blob.core.windows.net/c".to_owned()], "user or a password"),
        (vec![format!("{base}//c/a.cap"), "--vm".into(), "web1".into()], "no capture file is left"),
        (vec![format!("{base}//c/a.cap"), "--limit-rate".into(), "0".into()], "0"),
    ] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = fetch(folder.path(), &arguments);
        let told = stderr(&output);
        assert_eq!(code(&output), 2, "{arguments:?}: {told}");
        assert!(told.contains(words) && !told.contains("SECRET"), "{arguments:?}: {told}");
    }
}

#[test]
fn a_blob_is_analysed_where_it_lies_as_its_file_would_be() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, _) = traffic();
    let base = account(folder.path(), &[("a/b.cap", &bytes)]);
    let target = format!("{base}//c/a/b.cap");
    let summary = |arguments: &[&str]| {
        let output =
            capkeep().args(["analyze", "--json"]).args(arguments).current_dir(&folder).output().unwrap();
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let mut summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        summary["captures"] = Value::Null;
        summary
    };
    let of_file = summary(&["acc/c/a/b.cap"]);
    assert_eq!(summary(&[&target]), of_file);
    assert!(!folder.path().join("b.cap").exists(), "nothing touches the disk");
    assert_eq!(summary(&[&target, "--keep", "kept"]), of_file);
    assert_eq!(fs::read(folder.path().join("kept/b.cap")).unwrap(), bytes);
}

#[test]
fn a_capture_is_fetched_by_its_name_even_when_it_is_deleted() {
    if !is_root("a_capture_is_fetched_by_its_name_even_when_it_is_deleted") {
        return;
    }
    let local = Local::start("");
    let created = local.run("capture create first --vm web1 --storage logs");
    assert_eq!(created.status.code(), Some(0), "{}", stderr(&created));
    packets_on_loopback(2);
    let at = |folder: &str| local.folder.path().join(folder);
    let run = |line: &str, into: &Path| {
        local.command().args(line.split_whitespace()).arg("--into").arg(into).output().unwrap()
    };
    let early = run("fetch first", &at("early"));
    assert_eq!(early.status.code(), Some(2), "{}", stdout(&early));
    assert!(stderr(&early).contains("still runs") && stderr(&early).contains("--wait"), "{}", stderr(&early));
    assert_eq!(local.run("capture stop first").status.code(), Some(0));

    let stored: Vec<PathBuf> = local.files();
    let fetched = run("fetch first", &at("one"));
    assert_eq!(fetched.status.code(), Some(0), "{}", stderr(&fetched));
    assert_eq!(fs::read(at("one/first.cap")).unwrap(), fs::read(&stored[0]).unwrap());
    let analysed = local.run("analyze capture:first --json");
    assert_eq!(analysed.status.code(), Some(0), "{}", stderr(&analysed));

    let deleted = local.run("capture delete first");
    assert_eq!(deleted.status.code(), Some(0), "{}", stderr(&deleted));
    assert_eq!(stderr(&deleted), "", "the file was tagged");
    let after = run("fetch first", &at("two"));
    assert_eq!(after.status.code(), Some(0), "{}", stderr(&after));
    assert_eq!(fs::read(at("two/first.cap")).unwrap(), fs::read(&stored[0]).unwrap());
    let all = run("fetch --all --vm web1", &at("all"));
    assert_eq!(all.status.code(), Some(0), "{}", stderr(&all));
    let unknown = run("fetch second", &at("none"));
    assert_eq!(unknown.status.code(), Some(2));
}

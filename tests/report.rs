//! Reports over many captures.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use capkeep_testkit::{Packet, Pcap, Traffic, encode};
use serde_json::Value;

use crate::run::{capkeep, stderr, stdout};

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata").join(name)
}

fn report(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = capkeep();
    command
        .arg("report")
        .args(arguments)
        .current_dir(folder)
        .env("CAPKEEP_LEDGER", folder.join("ledger.sqlite"));
    command.output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{}", stderr(output)))
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Captures that differ, one of them large enough to be read by all cores.
fn captures(folder: &Path, count: u64) {
    fs::create_dir_all(folder).unwrap();
    for seed in 0..count {
        let packets = if seed == 2 { 40_000 } else { 1_500 };
        let all: Vec<Packet> = Traffic::mix(packets, 60, seed).packets().collect();
        let bytes = encode(&mut Pcap::ETHERNET.clone(), &all);
        fs::write(folder.join(format!("capture-{seed:02}.pcap")), bytes).unwrap();
    }
}

/// Everything that readers see, by its path.
fn seen(out: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(folder: &Path, out: &Path, all: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap() == ".capkeep" {
                continue;
            }
            if path.is_dir() {
                walk(&path, out, all);
            } else {
                all.insert(path.strip_prefix(out).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(out, out, &mut all);
    all
}

fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (seen(one), seen(other));
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (path, bytes) in &one {
        assert!(*bytes == other[path], "{} differs", path.display());
    }
}

#[test]
fn its_totals_are_the_sum_of_what_analyze_says_of_each_capture() {
    let folder = tempfile::tempdir().unwrap();
    let data = testdata("");
    let output = report(folder.path(), &[data.to_str().unwrap(), "-o", "out", "--json"]);
    assert_eq!(code(&output), 1, "some are damaged on purpose: {}", stderr(&output));
    let short: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(short, json(&folder.path().join("out/report.json")));
    let analyze = |paths: &[&Path]| -> Value {
        let output = capkeep().args(["analyze", "--json"]).args(paths).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    };
    // Everything at once knows the flows; each by itself must give the same packets.
    let all = analyze(&[&data]);
    assert_eq!(short["flows"], all["totals"]["flows"]);
    let captures = all["captures"].as_array().unwrap();
    assert_eq!(short["captures"], captures.len());
    let (mut packets, mut bytes) = (0, 0);
    for capture in captures {
        let path = PathBuf::from(capture["path"].as_str().unwrap());
        let one = analyze(&[&path]);
        packets += one["totals"]["packets"].as_u64().unwrap();
        bytes += one["totals"]["wire_bytes"].as_u64().unwrap();
    }
    assert_eq!((&short["packets"], &short["wire_bytes"]), (&packets.into(), &bytes.into()));
}

#[test]
fn any_split_into_batches_and_any_number_of_threads_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    captures(&folder.path().join("in"), 7);
    let run = |arguments: &[&str]| {
        let output = report(folder.path(), arguments);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
    };
    let formats = ["--format", "parquet", "--format", "csv", "--format", "ndjson"];
    run(&[&["in", "-o", "one", "--threads", "1"][..], &formats].concat());
    for (out, threads, batches) in [
        ("two", "2", vec![]),
        ("three", "3", vec![vec!["in/capture-05.pcap"], vec!["in/capture-02.pcap", "in/capture-00.pcap"]]),
        ("eight", "8", vec![vec!["in/capture-06.pcap", "in/capture-01.pcap"]]),
    ] {
        for batch in batches {
            run(&[&batch[..], &["-o", out, "--threads", threads], &formats].concat());
        }
        run(&[&["in", "-o", out, "--threads", threads], &formats[..]].concat());
        assert_same(&folder.path().join("one"), &folder.path().join(out));
    }
    // The order in which they are named has no part in it either.
    let mut names: Vec<String> = (0..7).map(|seed| format!("in/capture-{seed:02}.pcap")).collect();
    names.reverse();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    run(&[&names[..], &["-o", "back", "--memory", "1MB"], &formats].concat());
    assert_same(&folder.path().join("one"), &folder.path().join("back"));
}

#[test]
fn a_run_that_is_killed_goes_on_and_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    captures(&folder.path().join("in"), 12);
    let whole = report(folder.path(), &["in", "-o", "whole"]);
    assert_eq!(code(&whole), 0, "{}", stderr(&whole));
    for after in [0, 4, 9] {
        let out = folder.path().join(format!("killed-{after}"));
        let mut child = capkeep()
            .args(["report", "in", "--threads", "1", "-o"])
            .arg(&out)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let units = out.join(".capkeep/units");
        let count = || fs::read_dir(&units).map_or(0, Iterator::count);
        let begun = Instant::now();
        while count() <= after && child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_mins(1), "nothing happens");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let again = report(folder.path(), &["in", "-o", out.to_str().unwrap()]);
        assert_eq!(code(&again), 0, "{}", stderr(&again));
        assert_same(&folder.path().join("whole"), &out);
    }
}

#[test]
fn a_second_run_does_only_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    captures(&folder.path().join("in"), 3);
    let counts = |arguments: &[&str]| {
        let output = report(folder.path(), arguments);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        stdout(&output).lines().last().unwrap().to_owned()
    };
    assert!(counts(&["in", "-o", "out"]).starts_with("3 analysed;"));
    assert!(counts(&["in", "-o", "out"]).starts_with("0 analysed, 3 known"));
    // Same length, other packets.
    let all: Vec<Packet> = Traffic::mix(1_500, 60, 99).packets().collect();
    fs::write(folder.path().join("in/capture-01.pcap"), encode(&mut Pcap::ETHERNET.clone(), &all)).unwrap();
    assert!(counts(&["in", "-o", "out"]).starts_with("1 analysed, 2 known"));
    assert!(counts(&["in", "-o", "out", "--idle-timeout", "1m"]).starts_with("3 analysed;"));
    assert!(counts(&["in", "-o", "out", "--idle-timeout", "1m", "--fresh"]).starts_with("3 analysed;"));
    // What is not named any more is not in the report, and not kept.
    assert!(counts(&["in/capture-00.pcap", "-o", "out"]).starts_with("1 analysed;"));
    assert_eq!(json(&folder.path().join("out/report.json"))["captures"], 1);
    assert_eq!(fs::read_dir(folder.path().join("out/.capkeep/units")).unwrap().count(), 1);
}

#[test]
fn what_cannot_be_read_is_a_line_with_its_reason_and_never_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("in");
    captures(&inside, 2);
    let whole = fs::read(inside.join("capture-00.pcap")).unwrap();
    fs::write(inside.join("cut.pcap"), &whole[..whole.len() - 7]).unwrap();
    let gone = inside.join("gone.pcap");
    let text = inside.join("README.md");
    fs::write(&text, "no capture").unwrap();
    let arguments = ["in", gone.to_str().unwrap(), text.to_str().unwrap(), "-o", "out"];
    let output = report(folder.path(), &arguments);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    let page = fs::read_to_string(folder.path().join("out/report.md")).unwrap();
    assert!(page.contains("3 of 5 capture files could not be read"), "{page}");
    for words in ["cut short", "gone.pcap", "README.md", "No such file"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let only = report(folder.path(), &[gone.to_str().unwrap(), "-o", "none"]);
    assert_eq!(code(&only), 2, "{}", stdout(&only));
    assert!(stderr(&only).contains("nothing could be read"), "{}", stderr(&only));
}

#[test]
fn a_report_tells_what_changed_since_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let quiet = testdata("web-and-dns");
    let faulty = testdata("findings/probe-refused.pcap.gz");
    let (quiet, faulty) = (quiet.to_str().unwrap(), faulty.to_str().unwrap());
    let first = report(folder.path(), &[quiet, "-o", "out", "--fail-on", "critical"]);
    assert_eq!(code(&first), 0, "{}", stderr(&first));
    fs::copy(folder.path().join("out/report.json"), folder.path().join("last.json")).unwrap();
    let same = report(folder.path(), &[quiet, "-o", "out", "--compare", "last.json"]);
    assert_eq!(code(&same), 0, "{}", stderr(&same));
    let page = fs::read_to_string(folder.path().join("out/report.md")).unwrap();
    assert!(page.contains("Findings are the same as last time"), "{page}");
    let worse = report(folder.path(), &[quiet, faulty, "-o", "out", "--compare", "last.json"]);
    assert_eq!(code(&worse), 1, "{}", stderr(&worse));
    let page = fs::read_to_string(folder.path().join("out/report.md")).unwrap();
    assert!(page.contains("| new | critical |"), "{page}");
    let failed = report(folder.path(), &[faulty, "-o", "other", "--fail-on", "critical"]);
    assert_eq!(code(&failed), 1);
    let no_report = report(folder.path(), &[quiet, "-o", "out", "--compare", quiet]);
    assert_eq!(code(&no_report), 2);
}

#[test]
fn capture_files_in_storage_are_read_where_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    captures(&folder.path().join("in"), 2);
    let machine = "subscriptions/0/resourcegroups/rg/providers/microsoft.compute/virtualmachines";
    for (name, vm) in [("capture-00.pcap", "web1"), ("capture-01.pcap", "web2")] {
        let place = folder.path().join(format!(
            "acc/network-watcher-logs/{machine}/{vm}/2026/11/24/packetcapture_11_55_33_090.cap"
        ));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(folder.path().join("in").join(name), place).unwrap();
    }
    let target = format!("file://{}/acc//network-watcher-logs", folder.path().display());
    let both = report(folder.path(), &[&target, "-o", "out", "--format", "ndjson"]);
    assert_eq!(code(&both), 0, "{}", stderr(&both));
    let rows = fs::read_to_string(folder.path().join("out/data/captures.ndjson")).unwrap();
    let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let vms: Vec<&str> = rows.iter().map(|row| row["vm"].as_str().unwrap()).collect();
    assert_eq!(vms, ["web1", "web2"], "sorted by machine");
    let one = report(folder.path(), &[&target, "-o", "out", "--vm", "web2", "--since", "1h"]);
    assert_eq!(code(&one), 0, "{}", stderr(&one));
    assert!(stdout(&one).contains("0 analysed, 1 known"), "{}", stdout(&one));
    assert_eq!(json(&folder.path().join("out/report.json"))["captures"], 1);
}

#[test]
fn commands_that_cut_packets_out_are_told_where_they_find_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let faulty = testdata("findings/probe-refused.pcap.gz");
    let page = |arguments: &[&str]| {
        let output = report(folder.path(), &[&[faulty.to_str().unwrap(), "-o", "out"], arguments].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        fs::read_to_string(folder.path().join("out/report.md")).unwrap()
    };
    let plain = page(&[]);
    let command = plain.lines().find(|line| line.contains("capkeep slice")).unwrap();
    assert!(command.contains("--finding health_probe:1"), "{command}");
    assert!(
        !page(&["--filter", "tcp"]).contains("capkeep slice"),
        "numbers of packets and findings are others"
    );
}

#[test]
fn mistakes_are_told_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    captures(&folder.path().join("in"), 1);
    fs::create_dir(folder.path().join("mine")).unwrap();
    fs::write(folder.path().join("mine/thesis.txt"), "years of work").unwrap();
    fs::write(folder.path().join("a-file"), "").unwrap();
    for (arguments, words) in [
        (vec!["in", "-o", "mine"], "holds something else than a report"),
        (vec!["in", "-o", "a-file"], "cannot make the folder"),
        (vec!["nothing-here/*.pcap", "-o", "out"], "no file matches"),
        (vec!["in", "--vm", "web1", "-o", "out"], "--since and --vm choose files in storage"),
        (vec!["in", "--compare", "in/capture-00.pcap", "-o", "out"], "no report in short"),
        (vec!["in", "--format", "xlsx", "-o", "out"], "invalid value 'xlsx'"),
        (vec!["-o", "out"], "required"),
    ] {
        let output = report(folder.path(), &arguments);
        assert_eq!(code(&output), 2, "{arguments:?}");
        assert!(stderr(&output).contains(words), "{arguments:?}: {}", stderr(&output));
    }
    assert!(folder.path().join("mine/thesis.txt").exists());
}

#[test]
fn a_report_opens_in_a_browser() {
    let test = "a_report_opens_in_a_browser";
    let Some(modules) = std::env::var_os("CAPKEEP_TEST_BROWSER") else {
        eprintln!(
            "SKIPPED: {test}: CAPKEEP_TEST_BROWSER names no folder with playwright-core (cargo xtask test makes one)"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures/files");
    let mut inputs = vec![testdata("")];
    if shared.is_dir() {
        inputs.push(shared);
    } else {
        eprintln!("SKIPPED: part of {test}: no ../shared/captures");
    }
    for (number, input) in inputs.iter().enumerate() {
        let out = folder.path().join(number.to_string());
        let output = report(folder.path(), &[input.to_str().unwrap(), "-o", out.to_str().unwrap()]);
        assert!(matches!(code(&output), 0 | 1), "{}", stderr(&output));
        // The largest page of a capture, besides that of all.
        let pages = fs::read_dir(out.join("captures")).unwrap().map(|entry| entry.unwrap().path());
        let largest = pages.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
        let looked = std::process::Command::new("node")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/browser/look.js"))
            .arg(folder.path())
            .args([out.join("index.html"), largest])
            .env("CAPKEEP_TEST_BROWSER", &modules)
            .output()
            .unwrap();
        assert!(looked.status.success(), "{}", stderr(&looked));
        let verdicts: Value = serde_json::from_slice(&looked.stdout).unwrap();
        for verdict in verdicts.as_array().unwrap() {
            assert_eq!(verdict["wrong"], Value::Array(Vec::new()), "{}: {verdict:#}", input.display());
        }
        let chapters = verdicts[0]["seen"]["chapters"].as_u64().unwrap();
        assert!(chapters >= 10, "{verdicts:#}");
    }
}

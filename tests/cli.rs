//! What the command line promises.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::run::{capkeep, run, stderr, stdout, traffic, traffic_in};

#[test]
fn help_and_version_go_to_standard_output() {
    let version = run(["--version"]);
    assert!(version.status.success());
    assert_eq!(stdout(&version), format!("capkeep {}\n", env!("CARGO_PKG_VERSION")));
    let help = stdout(&run(["analyze", "--help"]));
    for words in ["Examples:", "Exit codes:", "--flows", "--idle-timeout", "capkeep schema flows"] {
        assert!(help.contains(words), "{words}\n{help}");
    }
    assert!(!help.contains('\x1b'));
}

#[test]
fn a_wrong_command_line_ends_with_2_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = traffic_in(folder.path());
    let path = path.to_str().unwrap();
    let cases: [(&[&str], &str); 12] = [
        (&[], "Usage"),
        (&["analyse"], "analyze"),
        (&["analyze"], "PATH"),
        (&["analyze", path, "--threads", "0"], "--threads"),
        (&["analyze", path, "--from", "yesterday"], "RFC 3339"),
        (&["analyze", path, "--from", "5", "--to", "5"], "--from is not before --to"),
        (&["analyze", path, "--idle-timeout", "30"], "with a unit"),
        (&["analyze", path, "--flows", "flows.xlsx"], ".parquet, .arrow, .csv, .json or .ndjson"),
        (&["analyze", path, "--flows", "/nonexistent/flows.csv"], "/nonexistent/flows.csv"),
        (&["analyze", path, "--filter", "tcp and and"], "--filter"),
        (&["analyze", "/nonexistent/*.pcap"], "no file matches"),
        (&["analyze", "-", "-"], "- is named twice"),
    ];
    for (arguments, words) in cases {
        let output = capkeep().args(arguments).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(words), "{arguments:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_filter_error_points_at_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = traffic_in(folder.path());
    let output = run(["analyze", path.to_str().unwrap(), "--filter", "tcp prt 443"]);
    let error = stderr(&output);
    let lines: Vec<&str> = error.lines().collect();
    assert!(lines[0].starts_with("error: --filter: "), "{error}");
    assert_eq!(lines[1], "  tcp prt 443");
    assert_eq!(lines[2], "      ^");
}

#[test]
fn a_capture_read_to_its_end_ends_with_0_and_nothing_on_standard_error() {
    let folder = tempfile::tempdir().unwrap();
    let (path, truth) = traffic_in(folder.path());
    let output = run(["analyze", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "");
    let text = stdout(&output);
    assert!(text.contains("2,000 packets"), "{text}");
    assert!(!text.contains('\x1b'), "no colours where nobody looks");
    let json = run(["analyze", path.to_str().unwrap(), "--json"]);
    let value: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(value["totals"]["packets"].as_u64(), Some(truth.packets));
    assert_eq!(value["totals"]["wire_bytes"].as_u64(), Some(truth.wire_bytes));
    assert_eq!(value["captures"][0]["path"].as_str(), path.to_str());
    assert!(value["captures"][0]["error"].is_null());
}

#[test]
fn a_damaged_capture_ends_with_1_and_the_place_of_the_damage() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = traffic_in(folder.path());
    let cut = folder.path().join("cut.pcap");
    let bytes = fs::read(&path).unwrap();
    fs::write(&cut, &bytes[..bytes.len() - 5]).unwrap();
    for output in [run(["analyze", cut.to_str().unwrap()]), run(["analyze", folder.path().to_str().unwrap()])]
    {
        assert_eq!(output.status.code(), Some(1));
        let error = stderr(&output);
        assert!(
            error.starts_with("warning: ") && error.contains("cut.pcap") && error.contains("byte "),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let json = run(["analyze", "--quiet", "--json", cut.to_str().unwrap()]);
    assert_eq!(json.status.code(), Some(1));
    let value: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(value["totals"]["packets"].as_u64(), Some(1_999));
    assert!(value["captures"][0]["error"]["offset"].as_u64().is_some());
}

#[test]
fn nothing_usable_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    fs::write(&text, "no capture at all").unwrap();
    let empty = folder.path().join("empty.pcap");
    fs::write(&empty, "").unwrap();
    let gone = folder.path().join("gone.pcap");
    for path in [&text, &empty, &gone] {
        let output = run(["analyze", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2), "{path:?}");
        assert!(stderr(&output).contains(path.file_name().unwrap().to_str().unwrap()), "{}", stderr(&output));
    }
    // A file among good ones is only that.
    let (good, _) = traffic_in(folder.path());
    let output = run(["analyze", good.to_str().unwrap(), gone.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("2,000 packets"));
}

#[test]
fn a_folder_counts_what_is_no_capture() {
    let folder = tempfile::tempdir().unwrap();
    traffic_in(folder.path());
    fs::write(folder.path().join("README.md"), "# no capture").unwrap();
    fs::write(folder.path().join(".hidden"), "x").unwrap();
    let output = run(["analyze", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("not captures: 2 files"), "{}", stdout(&output));
    let json = run(["analyze", "--json", folder.path().to_str().unwrap()]);
    let value: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(value["not_captures"].as_u64(), Some(2));
}

#[test]
fn standard_input_is_a_capture_too() {
    let (bytes, truth) = traffic();
    let mut child = capkeep()
        .args(["analyze", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["totals"]["packets"].as_u64(), Some(truth.packets));
    assert_eq!(value["captures"][0]["path"], "-");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = traffic_in(folder.path());
    let path = path.to_str().unwrap();
    for arguments in [&["analyze", path][..], &["analyze", path, "--json"], &["schema", "analysis"], &["man"]]
    {
        let mut child =
            capkeep().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
        assert_eq!(stderr(&output), "", "{arguments:?}");
    }
}

#[test]
fn colours_come_when_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = traffic_in(folder.path());
    let path = path.to_str().unwrap();
    let always = stdout(&run(["analyze", path, "--color", "always"]));
    assert!(always.contains("\x1b[1m"));
    let plain = stdout(&run(["analyze", path]));
    let no_color = capkeep().args(["analyze", path]).env("NO_COLOR", "1").output().unwrap();
    assert_eq!(plain, stdout(&no_color));
    let mut stripped = always.clone();
    for code in ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[36m"] {
        stripped = stripped.replace(code, "");
    }
    assert_eq!(stripped, plain, "colours change nothing else");
}

#[test]
fn the_summary_keeps_to_its_width() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = traffic_in(folder.path());
    for width in [80, 160] {
        let output = run(["analyze", path.to_str().unwrap(), "--width", &width.to_string()]);
        // Commands are to be copied: they stay in one piece.
        for line in stdout(&output).lines().filter(|line| !line.starts_with("    capkeep ")) {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
    }
}

#[test]
#[cfg(unix)]
fn a_hostile_file_name_does_nothing_to_the_terminal() {
    use std::os::unix::ffi::OsStringExt;

    let folder = tempfile::tempdir().unwrap();
    let name = std::ffi::OsString::from_vec(b"a\x1b]0;owned\x07\n\xe2\x80\xae\xff.pcap".to_vec());
    let path = folder.path().join(name);
    let (bytes, _) = traffic();
    fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    let output = capkeep().arg("analyze").arg(&path).arg("--width").arg("200").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    for text in [stdout(&output), stderr(&output)] {
        assert!(text.contains("\\u{1b}]0;owned\\u{7}\\n\\u{202e}"), "{text:?}");
        assert!(text.chars().all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')), "{text:?}");
    }
}

#[test]
fn times_and_filters_leave_packets_out_and_count_them() {
    let folder = tempfile::tempdir().unwrap();
    let (path, truth) = traffic_in(folder.path());
    let path = path.to_str().unwrap();
    let totals = |more: &[&str]| {
        let output = capkeep().args(["analyze", "--json", path]).args(more).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(value["totals"]["packets"].as_u64(), Some(truth.packets));
        let number = |key: &str| value["totals"][key].as_u64().unwrap();
        assert_eq!(number("packets_in_flows") + number("skipped"), truth.packets);
        (number("packets_in_flows"), value["captures"][0]["skipped"].clone())
    };
    let (all, _) = totals(&[]);
    let (early, skipped) = totals(&["--to", "2026-03-02T09:00:01Z"]);
    let (late, _) = totals(&["--from", "1772442001"]);
    assert_eq!(early + late, all);
    assert!(early > 0 && late > 0);
    assert_eq!(skipped["time_range"].as_u64(), Some(truth.packets - early));
    let (tcp, skipped) = totals(&["--filter", "tcp"]);
    let (rest, _) = totals(&["--filter", "not tcp"]);
    assert_eq!(tcp + rest, all);
    assert_eq!(skipped["filter"].as_u64(), Some(truth.packets - tcp));
}

#[test]
fn completions_and_manual_pages_are_made() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = run(["completions", shell]);
        assert!(output.status.success() && stdout(&output).contains("analyze"), "{shell}");
    }
    assert!(stdout(&run(["man"])).contains(".TH capkeep"));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("man1");
    assert!(run(["man", "--out", out.to_str().unwrap()]).status.success());
    assert!(fs::read_to_string(out.join("capkeep-analyze.1")).unwrap().contains("idle"));
}

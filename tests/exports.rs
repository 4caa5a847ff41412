//! Flow files hold what the summary counts.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::run::{capkeep, run, stderr, stdout, traffic_in};

/// Columns whose sums the summary knows.
const SUMS: [(&str, &str, &str); 3] = [
    ("client_packets", "server_packets", "packets_in_flows"),
    ("client_wire_bytes", "server_wire_bytes", "wire_bytes"),
    ("client_captured_bytes", "server_captured_bytes", "captured_bytes"),
];

fn export(folder: &Path, more: &[&str]) -> (Vec<String>, Value) {
    let (path, _) = traffic_in(folder);
    let files: Vec<String> = ["parquet", "arrow", "csv", "json", "ndjson"]
        .iter()
        .map(|ending| folder.join(format!("out.{ending}")).to_str().unwrap().to_owned())
        .collect();
    let mut command = capkeep();
    command.args(["analyze", "--json", path.to_str().unwrap()]).args(more);
    for file in &files {
        command.args(["--flows", file]);
    }
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    (files, serde_json::from_slice(&output.stdout).unwrap())
}

fn check(rows: &[Value], summary: &Value, what: &str) {
    let totals = &summary["totals"];
    assert_eq!(rows.len() as u64, totals["flows"].as_u64().unwrap(), "{what}");
    for (client, server, total) in SUMS {
        let sum: u64 =
            rows.iter().map(|row| row[client].as_u64().unwrap() + row[server].as_u64().unwrap()).sum();
        assert_eq!(sum, totals[total].as_u64().unwrap(), "{what}: {total}");
    }
    let first = rows.iter().map(|row| row["first_ns"].as_i64().unwrap()).min();
    assert_eq!(first, totals["first_ns"].as_i64(), "{what}");
}

/// Lines of CSV as JSON rows; the values of this capture need no quotes.
fn csv_rows(text: &str) -> Vec<Value> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| {
        let values: Vec<&str> = line.split(',').collect();
        assert_eq!(values.len(), names.len(), "{line}");
        let value = |text: &str| match text.parse::<i64>() {
            Ok(number) => Value::from(number),
            Err(_) if text.is_empty() => Value::Null,
            Err(_) if text == "true" || text == "false" => Value::from(text == "true"),
            Err(_) => Value::from(text),
        };
        names.iter().zip(values).map(|(name, text)| ((*name).to_owned(), value(text))).collect()
    };
    lines.map(row).map(Value::Object).collect()
}

#[test]
fn every_format_holds_the_flows_the_summary_counts() {
    let folder = tempfile::tempdir().unwrap();
    let (files, summary) = export(folder.path(), &[]);
    let json: Vec<Value> = serde_json::from_slice(&fs::read(&files[3]).unwrap()).unwrap();
    check(&json, &summary, "json");
    let ndjson = fs::read_to_string(&files[4]).unwrap();
    let ndjson: Vec<Value> = ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(ndjson, json);
    let csv = csv_rows(&fs::read_to_string(&files[2]).unwrap());
    assert_eq!(csv, json);
    assert!(fs::read(&files[0]).unwrap().starts_with(b"PAR1"));
    assert!(fs::read(&files[1]).unwrap().starts_with(b"ARROW1"));
    let path = folder.path().join("traffic.pcap");
    let from_there = |row: &Value| row["capture"].as_str() == path.to_str() && row["session"] == 0;
    assert!(json.iter().all(from_there), "{}", json[0]);
}

#[test]
fn flow_files_are_the_same_for_any_number_of_threads() {
    let one = tempfile::tempdir().unwrap();
    let (files, _) = export(one.path(), &["--threads", "1"]);
    let first: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    for threads in ["2", "3", "8"] {
        let (files, _) = export(one.path(), &["--threads", threads]);
        let again: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
        assert!(first == again, "{threads} threads");
    }
}

#[test]
fn the_documented_columns_are_the_columns() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = export(folder.path(), &[]);
    let csv = fs::read_to_string(&files[2]).unwrap();
    let documented: Vec<String> = stdout(&run(["schema", "flows"]))
        .lines()
        .skip(2)
        .map(|line| line.split('`').nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(csv.lines().next().unwrap().split(',').collect::<Vec<_>>(), documented);
    let schema: Value = serde_json::from_str(&stdout(&run(["schema", "analysis"]))).unwrap();
    assert!(schema["properties"]["captures"].is_object());
}

#[test]
fn a_capture_is_never_overwritten_by_its_flows() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = traffic_in(folder.path());
    let named = folder.path().join("capture.csv");
    fs::rename(&path, &named).unwrap();
    let before = fs::read(&named).unwrap();
    let output = run(["analyze", named.to_str().unwrap(), "--flows", named.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(fs::read(&named).unwrap() == before);
}

#[test]
#[cfg(unix)]
fn an_interrupt_leaves_no_half_written_file() {
    use std::process::{Command, Stdio};

    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("flows.csv");
    let mut child = capkeep()
        .args(["analyze", "-", "--flows", target.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let files = || fs::read_dir(folder.path()).unwrap().count();
    while files() == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it began");
        std::thread::yield_now();
    }
    // Waiting would close it, and the end of the input would race with the signal.
    let stdin = child.stdin.take();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(stdin);
    assert_eq!(files(), 0);
}

//! Findings: the display filters select what they name, and slices hold the same packets.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::run::{capkeep, run, stderr, stdout, traffic_in};

/// Numbers of the packets of a file that a display filter selects, each with time, lengths and bytes.
fn tshark(file: &Path, filter: &str) -> Vec<String> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(["-n", "-T", "fields", "-e", "frame.number", "-e", "frame.time_epoch"]);
    command.args(["-e", "frame.len", "-e", "frame.cap_len"]);
    let output = command.args(["-Y", filter]).output().unwrap();
    assert!(output.status.success() || !output.stdout.is_empty() || filter.is_empty(), "{filter}");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// The bytes of packets, in hexadecimal digits.
fn bytes(file: &Path, filter: &str) -> Vec<String> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(["-n", "-T", "jsonraw", "-Y", filter]);
    let output = command.output().unwrap();
    let packets: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let packets = packets.as_array().cloned().unwrap_or_default();
    let raw = |packet: &Value| packet["_source"]["layers"]["frame_raw"][0].as_str().map(str::to_owned);
    packets.iter().filter_map(raw).collect()
}

fn captures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders = vec![root.join("testdata")];
    let shared = root.join("../shared/captures/files");
    if shared.is_dir() {
        folders.push(shared);
    } else {
        eprintln!("SKIPPED: {} is not there", shared.display());
    }
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_string_lossy();
            if path.is_dir() {
                folders.push(path);
            } else if [".pcap", ".pcapng", ".cap", ".gz"].iter().any(|end| name.ends_with(end)) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[test]
fn filters_select_the_packets_named_and_slices_hold_them() {
    if Command::new("tshark").arg("-v").output().is_err() {
        eprintln!("SKIPPED: there is no tshark");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let slice = folder.path().join("slice.pcapng");
    let mut checked = 0;
    for file in captures() {
        let name = file.to_str().unwrap();
        let output = run(["analyze", "-q", "--json", name]);
        let Ok(report) = serde_json::from_slice::<Value>(&output.stdout) else { continue };
        for finding in report["findings"].as_array().into_iter().flatten() {
            let id = finding["id"].as_str().unwrap();
            if let Some(filter) = finding["context_filter"].as_str() {
                tshark(&file, filter);
            }
            let Some(packets) = finding["packets"].as_array().and_then(|packets| packets.first()) else {
                continue;
            };
            let wanted: BTreeSet<u64> =
                packets["numbers"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
            let filter = packets["display_filter"].as_str().unwrap();
            let before = tshark(&file, filter);
            let number = |line: &String| line.split('\t').next().unwrap().parse().unwrap();
            assert_eq!(before.iter().map(number).collect::<BTreeSet<u64>>(), wanted, "{name} {id}");
            let arguments = ["slice", name, "--finding", id, "--force", "-o", slice.to_str().unwrap()];
            let output = run(arguments);
            assert!(output.status.code().is_some_and(|code| code < 2), "{name} {id}: {}", stderr(&output));
            let after = tshark(&slice, "frame");
            let rest = |line: &String| line.split_once('\t').map(|(_, rest)| rest.to_owned());
            assert_eq!(
                before.iter().map(rest).collect::<Vec<_>>(),
                after.iter().map(rest).collect::<Vec<_>>(),
                "{name} {id}"
            );
            assert_eq!(bytes(&file, filter), bytes(&slice, "frame"), "{name} {id}");
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked}");
}

#[test]
fn slices_replace_nothing_unless_told_to_and_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = traffic_in(folder.path());
    let (capture, out) = (path.to_str().unwrap(), folder.path().join("out.pcapng"));
    let arguments = ["slice", capture, "--packets", "2,5-7", "-o", out.to_str().unwrap()];
    assert!(run(arguments).status.success());
    let again = run(arguments);
    assert_eq!(again.status.code(), Some(2));
    assert!(stderr(&again).contains("--force"), "{}", stderr(&again));
    assert!(run(arguments.into_iter().chain(["--force"])).status.success());
    let report: Value =
        serde_json::from_slice(&run(["analyze", "-q", "--json", out.to_str().unwrap()]).stdout).unwrap();
    assert_eq!(report["totals"]["packets"], 4);
    let none = folder.path().join("none.pcapng");
    let nothing = run(["slice", capture, "--packets", "999999", "-o", none.to_str().unwrap()]);
    assert_eq!((nothing.status.code(), none.exists()), (Some(2), false));
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 2, "the capture and the slice");
    let own = run(["slice", capture, "--packets", "1", "--force", "-o", capture]);
    assert_eq!(own.status.code(), Some(2), "{}", stderr(&own));
}

#[test]
fn explain_knows_every_detector_and_prints_thresholds_that_analyze_takes() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = traffic_in(folder.path());
    let list = stdout(&run(["explain"]));
    let ids: Vec<&str> =
        list.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split(' ').next()).collect();
    assert!(ids.len() > 25, "{list}");
    for id in ids {
        assert!(stdout(&run(["explain", id])).contains("What to do next"), "{id}");
    }
    let file = folder.path().join("thresholds.toml");
    std::fs::write(&file, stdout(&run(["explain", "--thresholds"]))).unwrap();
    let with =
        |file: &Path| run(["analyze", "-q", path.to_str().unwrap(), "--thresholds", file.to_str().unwrap()]);
    assert!(with(&file).status.success());
    std::fs::write(&file, "[vertical_scan]\nport = 3").unwrap();
    let wrong = with(&file);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(stderr(&wrong).contains("port"), "{}", stderr(&wrong));
    assert_eq!(run(["explain", "zero_windows"]).status.code(), Some(2));
}

/// The findings and packets of a slice, whatever it says of where it is from.
fn content(slice: &Path) -> Value {
    let mut report: Value =
        serde_json::from_slice(&run(["analyze", "-q", "--json", slice.to_str().unwrap()]).stdout).unwrap();
    report["captures"] = Value::Null;
    report
}

#[test]
fn slices_out_of_standard_input_and_storage_are_those_out_of_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/findings");
    let folder = tempfile::tempdir().unwrap();
    let blob = folder.path().join("acc/c/x.pcap.gz");
    std::fs::create_dir_all(blob.parent().unwrap()).unwrap();
    std::fs::copy(root.join("loss-download.pcap.gz"), &blob).unwrap();
    let target = format!("file://{}//c/x.pcap.gz", folder.path().join("acc").display());
    let report = content(&blob);
    let finding = report["findings"].as_array().unwrap().iter().find(|finding| finding["packet_count"] != 0);
    let finding = finding.unwrap();
    let (id, flow) = (finding["id"].as_str().unwrap(), finding["flows"][0].as_str().unwrap());
    let out = folder.path().join("out.pcapng");
    for what in [["--finding", id], ["--flow", flow], ["--filter", "tcp"], ["--packets", "3-7"]] {
        let slice = |capture: &str, stdin: Stdio| {
            let mut command = capkeep();
            command.args(["slice", capture, "--force", "-o"]).arg(&out).args(what).stdin(stdin);
            let output = command.output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{capture} {what:?}: {}", stderr(&output));
            content(&out)
        };
        let of_file = slice(blob.to_str().unwrap(), Stdio::null());
        assert_eq!(slice(&target, Stdio::null()), of_file, "{what:?}");
        assert_eq!(slice("-", std::fs::File::open(&blob).unwrap().into()), of_file, "{what:?}");
        let names: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "no copy stays: {names:?}");
    }
}

#[test]
#[cfg(unix)]
fn an_interrupted_slice_leaves_no_copy() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("out.pcapng");
    let mut child = capkeep()
        .args(["slice", "-", "--finding", "retransmissions", "-o", target.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    while files() < 2 {
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

#[test]
fn captures_with_nothing_in_common_are_an_error_with_a_hint_and_no_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/findings");
    let paths = ["loss-download.pcap.gz", "dns-nxdomain.pcap.gz"].map(|name| root.join(name));
    for json in [&[][..], &["--json"]] {
        let output = capkeep().arg("compare").args(&paths).args(json).output().unwrap();
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""));
        let told = stderr(&output);
        assert!(told.starts_with("error: the two captures have no packet in common\n"), "{told}");
        assert!(told.contains("packets read") && told.contains("at the same time"), "{told}");
    }
}

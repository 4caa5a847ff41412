//! Input that somebody chose to do harm, or that is simply not what it should be.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::run::{capkeep, run, stderr, stdout, traffic, traffic_in};

fn json(path: &Path) -> Value {
    let output = capkeep().args(["analyze", "--json"]).arg(path).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Some of these are an empty capture, most are an error with a place; none is a crash.
#[test]
fn a_file_that_only_begins_like_a_capture_ends_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let beginnings: &[&[u8]] = &[
        b"\xd4\xc3\xb2\xa1",
        b"\xa1\xb2\x3c\x4d",
        b"\x0a\x0d\x0d\x0a\x1c\0\0\0",
        b"GMBU\x00\x02",
        b"RTSS\x00\x01",
        b"snoop\0\0\0",
        b"\x1f\x8b\x08",
        b"\x28\xb5\x2f\xfd",
        b"\x04\x22\x4d\x18",
        b"\xfd7zXZ\0",
    ];
    for (beginning, filler) in beginnings.iter().flat_map(|it| [(it, 0), (it, 0xff)]) {
        for length in [beginning.len(), 24, 300] {
            let mut bytes = beginning.to_vec();
            bytes.resize(length.max(beginning.len()), filler);
            let path = folder.path().join("beginning.cap");
            fs::write(&path, &bytes).unwrap();
            let output = run(["analyze", path.to_str().unwrap()]);
            let error = stderr(&output);
            match output.status.code() {
                Some(0) => assert_eq!(error, "", "{bytes:?}"),
                Some(1) => assert!(error.starts_with("warning: "), "{bytes:?}: {error}"),
                Some(2) => assert!(error.contains("error: "), "{bytes:?}: {error}"),
                code => panic!("{code:?}, {bytes:?}: {error}"),
            }
            assert!(!error.contains("panicked"), "{bytes:?}: {error}");
        }
    }
}

#[test]
fn a_record_that_claims_gigabytes_is_an_error_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (mut bytes, _) = traffic();
    let end = bytes.len();
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f]);
    let path = folder.path().join("lies.pcap");
    fs::write(&path, bytes).unwrap();
    let capture = &json(&path)["captures"][0];
    assert_eq!(capture["packets"], 2_000);
    assert_eq!(capture["error"]["offset"], end);
}

#[test]
fn names_in_flow_files_are_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, _) = traffic();
    // Quotes, a comma and what a spreadsheet takes for a formula: the table has one cell for it.
    let name = "=cmd|'-2+3',\"a\".pcap";
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let csv = folder.path().join("flows.csv");
    let ndjson = folder.path().join("flows.ndjson");
    let mut command = capkeep();
    command.arg("analyze").arg(&path).arg("--flows").arg(&csv).arg("--flows").arg(&ndjson);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let csv = fs::read_to_string(csv).unwrap();
    let quoted = format!("\"{}\"", path.to_str().unwrap().replace('"', "\"\""));
    for line in csv.lines().skip(1) {
        assert!(line.starts_with(&quoted), "{line}");
    }
    let rows = fs::read_to_string(ndjson).unwrap();
    for row in rows.lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        assert_eq!(row["capture"].as_str(), path.to_str());
    }
}

/// A cell that begins like a formula would be run by a spreadsheet: in CSV an apostrophe stands before it.
#[test]
fn a_name_that_looks_like_a_formula_is_none_in_csv() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, _) = traffic();
    for name in ["=1+1.pcap", "+1.pcap", "@a.pcap", "-1.pcap"] {
        fs::write(folder.path().join(name), &bytes).unwrap();
        let mut command = capkeep();
        command.current_dir(folder.path()).args([
            "analyze",
            "--flows",
            "flows.csv",
            "--flows",
            "flows.ndjson",
            "--",
            name,
        ]);
        assert_eq!(command.output().unwrap().status.code(), Some(0));
        let csv = fs::read_to_string(folder.path().join("flows.csv")).unwrap();
        for line in csv.lines().skip(1) {
            assert!(line.starts_with(&format!("'{name},")), "{line}");
        }
        let rows = fs::read_to_string(folder.path().join("flows.ndjson")).unwrap();
        let row: Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
        assert_eq!(row["capture"], name, "JSON is no spreadsheet");
    }
}

#[test]
fn a_control_character_in_a_name_is_escaped_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, _) = traffic();
    let path = folder.path().join("a\u{1b}[31m\r\n.pcap");
    if fs::write(&path, bytes).is_err() {
        // Not a name this system allows.
        return;
    }
    let output = capkeep().args(["analyze", "--json"]).arg(&path).output().unwrap();
    let text = stdout(&output);
    assert!(text.trim_end().chars().all(|c| !c.is_control()), "{text:?}");
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["captures"][0]["path"].as_str(), path.to_str());
}

/// A raw IP packet of UDP.
fn datagram(from: ([u8; 4], u16), to: ([u8; 4], u16), payload: &[u8]) -> Vec<u8> {
    let udp = 8 + payload.len() as u16;
    let mut packet = vec![0x45, 0];
    packet.extend((20 + udp).to_be_bytes());
    packet.extend([0, 1, 0, 0, 64, 17, 0, 0]);
    packet.extend(from.0);
    packet.extend(to.0);
    for field in [from.1, to.1, udp, 0] {
        packet.extend(field.to_be_bytes());
    }
    packet.extend(payload);
    packet
}

/// A DNS answer that gives a name, of one strange label and `example`, to an address.
fn answer(label: &[u8], address: [u8; 4]) -> Vec<u8> {
    let mut message = vec![0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    message.push(label.len() as u8);
    message.extend(label);
    message.extend(b"\x07example\0\0\x01\0\x01");
    message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
    message.extend(address);
    message
}

/// A capture in which each of these labels is the name of `192.0.2.N`, which then gets a packet.
fn names(labels: &[&[u8]]) -> Vec<u8> {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    file.extend([0xff, 0xff, 0, 0, 101, 0, 0, 0]);
    let mut packets = Vec::new();
    for (n, label) in (1..).zip(labels) {
        let host = [192, 0, 2, n];
        let port = 40_000 + u16::from(n);
        packets.push(datagram(([10, 0, 0, 53], 53), ([10, 0, 0, 4], port), &answer(label, host)));
        packets.push(datagram(([10, 0, 0, 4], port), (host, 9_999), &[0; 400]));
    }
    for (second, packet) in (0u32..).zip(packets) {
        file.extend(second.to_le_bytes());
        file.extend([0; 4]);
        file.extend([(packet.len() as u32).to_le_bytes(), (packet.len() as u32).to_le_bytes()].concat());
        file.extend(packet);
    }
    file
}

#[test]
fn names_of_strangers_harm_neither_terminal_nor_json_nor_spreadsheet() {
    let labels: &[&[u8]] = &[
        b"\x1b[2J\x1b]0;owned\x07",
        b"=cmd|' /C calc'!A0",
        "\u{202e}moc.knab".as_bytes(),
        b"a\r\nb\t\0",
        b"\xff\xfe\x80",
        b"@SUM(1+1)",
        b"-2+3",
        b"+1",
        "\u{200b}\u{feff}".as_bytes(),
        b"\",\"x\":\"",
        &[b'w'; 63],
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("names.pcap");
    fs::write(&path, names(labels)).unwrap();
    let value = json(&path);
    let named: Vec<&Value> = value["top_hosts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|host| host["ip"].as_str().is_some_and(|ip| ip.starts_with("192.0.2.")))
        .collect();
    assert!(named.len() >= 8, "{value}");
    for host in named {
        let name = host["name"].as_str().unwrap_or_else(|| panic!("{host}"));
        assert!(name.ends_with(".example") && name.chars().all(|c| !c.is_control()), "{name:?}");
        assert_eq!(host["name_from"], "capture");
    }
    for arguments in [&["--width", "80"][..], &["--width", "200", "--color", "always"]] {
        let output = capkeep().args(["analyze", "--top", "20"]).args(arguments).arg(&path).output().unwrap();
        let text = stdout(&output);
        // Of escape sequences only those that colour.
        let mut plain = String::new();
        for (n, part) in text.split('\u{1b}').enumerate() {
            let ours = part.strip_prefix('[').and_then(|rest| rest.split_once('m'));
            let (code, rest) = if n == 0 { ("", part) } else { ours.unwrap_or(("?", part)) };
            assert!(code.chars().all(|c| c.is_ascii_digit()), "{part:?}");
            plain.push_str(rest);
        }
        let reorders = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{feff}');
        let is_odd = |c: char| c != '\n' && (c.is_control() || reorders(c));
        assert!(!plain.chars().any(is_odd), "{plain:?}");
        assert!(plain.contains("\\027["), "{plain}");
    }
    let csv = folder.path().join("flows.csv");
    let mut command = capkeep();
    let output = command.arg("analyze").arg(&path).arg("--flows").arg(&csv).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let csv = fs::read_to_string(csv).unwrap();
    for formula in ["=cmd", "@SUM", "-2+3", "+1"] {
        assert!(csv.contains(&format!(",'{formula}")), "{formula}: {csv}");
        assert!(!csv.contains(&format!(",{formula}")) && !csv.contains(&format!("\"{formula}")), "{csv}");
    }
}

#[test]
fn a_folder_without_captures_says_how_many_files_it_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.txt"), "nothing").unwrap();
    fs::write(folder.path().join("picture.png"), b"\x89PNG\r\n").unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    for (path, looked_at) in [(folder.path().to_owned(), "2"), (folder.path().join("empty"), "0")] {
        let output = capkeep().arg("analyze").arg(&path).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        let error = stderr(&output);
        assert!(error.starts_with("error: no captures in ") && error.contains(looked_at), "{error}");
    }
}

#[test]
fn empty_input_is_an_error_and_a_capture_without_packets_is_none() {
    let output = capkeep().args(["analyze", "-"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("empty"), "{}", stderr(&output));
    let folder = tempfile::tempdir().unwrap();
    let (bytes, _) = traffic();
    let path = folder.path().join("none.pcap");
    fs::write(&path, &bytes[..24]).unwrap();
    let output = run(["analyze", path.to_str().unwrap()]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    assert!(stdout(&output).contains("0 packets"), "{}", stdout(&output));
    // The same for the flow file: a table without rows.
    let csv = folder.path().join("flows.csv");
    let output = run(["analyze", path.to_str().unwrap(), "--flows", csv.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(fs::read_to_string(csv).unwrap().lines().count(), 1);
}

#[test]
#[cfg(unix)]
fn a_file_that_may_not_be_read_is_told_and_stops_none_of_the_others() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let (good, _) = traffic_in(folder.path());
    let closed = folder.path().join("closed.pcap");
    fs::copy(&good, &closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&closed).is_ok() {
        println!("SKIPPED: this user may read everything");
        return;
    }
    for path in [folder.path(), &closed] {
        let output = capkeep().arg("analyze").arg(path).output().unwrap();
        assert_eq!(output.status.code(), Some(if path == folder.path() { 1 } else { 2 }));
        let error = stderr(&output);
        assert!(
            error.contains("closed.pcap") && error.to_lowercase().contains("permission denied"),
            "{error}"
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_opens_but_cannot_be_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (good, _) = traffic_in(folder.path());
    // Address 0 of a process is mapped to nothing, so reading there is an error.
    let output = run(["analyze", "/proc/self/mem", good.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).starts_with("warning: /proc/self/mem: "), "{}", stderr(&output));
    assert!(stdout(&output).contains("2,000 packets"));
}

#[test]
#[cfg(unix)]
fn a_link_to_nowhere_and_a_pipe_in_a_folder_are_no_captures() {
    let folder = tempfile::tempdir().unwrap();
    let (good, _) = traffic_in(folder.path());
    std::os::unix::fs::symlink("/nonexistent", folder.path().join("broken.pcap")).unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
    // Opening a pipe nobody writes to would wait for ever.
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe.pcap")).status();
    let value = json(folder.path());
    assert_eq!(value["totals"]["captures"], 1);
    assert_eq!(value["captures"][0]["path"].as_str(), good.to_str());
    assert_eq!(value["not_captures"], 2 + u64::from(made.is_ok_and(|status| status.success())));
}

/// Where nothing can be written, the exit code says so.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = traffic_in(folder.path());
    for arguments in [&[][..], &["--json"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output =
            capkeep().arg("analyze").arg(&path).args(arguments).stdout(full).stderr(Stdio::piped()).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).starts_with("error: "), "{}", stderr(&output));
    }
}

//! The same captures give the same bytes, whatever the number of threads.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use capkeep_testkit::{Packet, Pcap, Traffic, encode};

use crate::run::{capkeep, stderr};

const THREADS: [&str; 3] = ["2", "3", "8"];

/// `--json`, the flow file and standard error of one run.
fn bytes(inputs: &[&Path], threads: &str, flows: &str) -> [Vec<u8>; 3] {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(flows);
    let mut command = capkeep();
    command.args(["analyze", "--json", "--threads", threads, "--flows"]).arg(&file).args(inputs);
    let output = command.output().unwrap();
    // Captures that are damaged on purpose end with 1.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{inputs:?}: {}", stderr(&output));
    [output.stdout, fs::read(file).unwrap(), output.stderr]
}

fn check(inputs: &[&Path], flows: &str) {
    let one = bytes(inputs, "1", flows);
    assert!(!one[0].is_empty() && !one[1].is_empty());
    for threads in THREADS {
        let many = bytes(inputs, threads, flows);
        for (what, (one, many)) in ["--json", flows, "standard error"].iter().zip(one.iter().zip(&many)) {
            // Not `assert_eq`, which would print megabytes.
            if let Some(at) = (0..one.len().max(many.len())).find(|at| one.get(*at) != many.get(*at)) {
                let near = |bytes: &[u8]| {
                    let near = at.saturating_sub(200).min(bytes.len())..(at + 100).min(bytes.len());
                    String::from_utf8_lossy(&bytes[near]).into_owned()
                };
                panic!(
                    "{inputs:?}: {what} with 1 and with {threads} threads differ at byte {at}:\n{}\n{}",
                    near(one),
                    near(many)
                );
            }
        }
    }
}

#[test]
fn of_testdata() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata");
    for flows in ["flows.ndjson", "flows.parquet"] {
        check(&[&folder], flows);
    }
    // Every case by itself too: in a folder of small files each one is on a single thread for most of the time.
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            check(&[&path], "flows.ndjson");
        }
    }
}

#[test]
fn of_a_capture_that_keeps_all_threads_busy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.pcap");
    let packets: Vec<Packet> = Traffic::mix(200_000, 10_000, 99).packets().collect();
    let file = encode(&mut Pcap::ETHERNET.clone(), &packets);
    drop(packets);
    fs::write(&path, &file).unwrap();
    for flows in ["flows.ndjson", "flows.parquet", "flows.arrow", "flows.csv"] {
        check(&[&path], flows);
    }
    // Cut anywhere, it is the same for any number of threads too.
    let cut = folder.path().join("cut.pcap");
    fs::write(&cut, &file[..=file.len() * 2 / 3]).unwrap();
    check(&[&cut], "flows.ndjson");
}

/// Captures that are no part of this project: set `CAPKEEP_CAPTURES` to a folder with `files/`, or have it beside
/// the checkout.
#[test]
fn of_captures_beside_the_checkout() {
    let named = std::env::var_os("CAPKEEP_CAPTURES").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures");
    let Some(folder) = named.into_iter().chain([beside]).map(|it| it.join("files")).find(|it| it.is_dir())
    else {
        // Not `eprintln`, which is kept back when a test passes.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED same_bytes::of_captures_beside_the_checkout: there are none (set CAPKEEP_CAPTURES)"
        );
        return;
    };
    check(&[&folder], "flows.ndjson");
}

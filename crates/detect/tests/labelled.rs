//! Captures of which it is known what is in them: what has to be found is found, and nothing else.
//!
//! Those of `testdata/findings`, and those of the folder that `CAPKEEP_FINDINGS` names (`make.py --into FOLDER`).

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, and be told where to look"
)]

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use capkeep_detect::{Detection, Finding, Settings, Severity};
use capkeep_flow::{Event, Input, Options, analyze};
use serde_json::Value;

fn findings(path: &Path) -> Vec<Finding> {
    let detection = Mutex::new(Detection::new(Settings::default()));
    let analysis = analyze(&[Input::File(path.into())], &Options::default(), &|event| {
        if let Event::Flows(flows) = event {
            detection.lock().unwrap().observe(flows);
        }
    });
    detection.into_inner().unwrap().finish(&analysis).list
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// True if the finding is what has to be there: detector, at least that severity, one of the addresses.
fn is_expected(finding: &Finding, expected: &Value) -> bool {
    let least = Severity::ALL.iter().find(|severity| severity.name() == expected["severity"]).unwrap();
    let addresses: Vec<IpAddr> =
        texts(&expected["addresses"]).iter().map(|text| text.parse().unwrap()).collect();
    let hosts = finding.subject.hosts();
    finding.detector == expected["detector"]
        && finding.severity >= *least
        && (addresses.is_empty() || hosts.iter().any(|host| addresses.contains(host)))
}

/// What is wrong with the findings of a capture.
fn judge(label: &Value, found: &[Finding]) -> Vec<String> {
    let expected = label["expect"].as_array().unwrap();
    let may = texts(&label["may"]);
    let missed =
        expected.iter().filter(|expected| !found.iter().any(|finding| is_expected(finding, expected)));
    let wrong = found.iter().filter(|finding| {
        !may.contains(&finding.detector)
            && !expected.iter().any(|expected| expected["detector"] == finding.detector)
    });
    let missed = missed.map(|expected| format!("missed {expected}"));
    missed.chain(wrong.map(|finding| format!("wrong {}: {}", finding.detector, finding.sentence))).collect()
}

#[test]
fn what_has_to_be_found_is_found_and_nothing_else() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/findings");
    let more = std::env::var_os("CAPKEEP_FINDINGS").map(PathBuf::from);
    let mut trouble = Vec::new();
    let mut judged = 0;
    for folder in [committed].into_iter().chain(more) {
        let truth = std::fs::read_to_string(folder.join("truth.json")).unwrap();
        let truth: Value = serde_json::from_str(&truth).unwrap();
        for label in truth["captures"].as_array().unwrap() {
            let file = label["file"].as_str().unwrap();
            judged += 1;
            for what in judge(label, &findings(&folder.join(file))) {
                // Of hard ones it is told, not decided.
                let is_hard = label["is_hard"].as_bool().unwrap();
                let told = if is_hard { "hard" } else { "easy" };
                let line = format!("{file} ({told}): {what}");
                if is_hard {
                    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes());
                } else {
                    trouble.push(line);
                }
            }
        }
    }
    assert!(judged > 50, "{judged} captures");
    assert!(trouble.is_empty(), "{judged} captures:\n{}", trouble.join("\n"));
}

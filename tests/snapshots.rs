//! Whole summaries, as they were last looked at and found right.
//!
//! After a change that is meant to change them: `CAPKEEP_BLESS=1 cargo test -p capkeep snapshots`, then read the
//! difference before it is committed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{capkeep, stdout};

/// Name of the snapshot, and the command line after `capkeep`.
const SNAPSHOTS: &[(&str, &[&str])] = &[
    ("web-and-dns-80", &["analyze", "testdata/web-and-dns", "--width", "80"]),
    ("web-and-dns-160", &["analyze", "testdata/web-and-dns", "--width", "160"]),
    ("cut-80", &["analyze", "testdata/cut", "--width", "80"]),
    ("ring-80", &["analyze", "testdata/ring", "--width", "80"]),
    ("tunnels-160", &["analyze", "testdata/tunnels", "--width", "160", "--top", "3"]),
    (
        "all-80",
        &[
            "analyze",
            "testdata/any-device",
            "testdata/azure-shape",
            "testdata/cut",
            "testdata/formats",
            "testdata/fragments",
            "testdata/ring",
            "testdata/snap34",
            "testdata/tunnels",
            "testdata/web-and-dns",
            "--width",
            "80",
        ],
    ),
    ("analyze-help", &["analyze", "--help"]),
    ("schema-flows", &["schema", "flows"]),
];

#[test]
fn summaries_look_as_they_were_last_found_right() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = root.join("tests/snapshots");
    let mut wrong: Vec<PathBuf> = Vec::new();
    for (name, arguments) in SNAPSHOTS {
        let text = stdout(&capkeep().args(*arguments).current_dir(&root).output().unwrap());
        let path = folder.join(format!("{name}.txt"));
        if std::env::var_os("CAPKEEP_BLESS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, text).unwrap();
        } else if fs::read_to_string(&path).unwrap_or_default() != text {
            println!("--- {name}\n{text}");
            wrong.push(path);
        }
    }
    assert!(wrong.is_empty(), "not as in {wrong:?}; if that is meant: CAPKEEP_BLESS=1");
}

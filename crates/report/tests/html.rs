//! The HTML page: what its text holds, and what a browser makes of it.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test"
)]

mod pages;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use pages::HOSTILE;

/// What is written where nothing is: the frame, style and script of a page, in bytes.
const ROOM: usize = 64 * 1024;

#[test]
fn the_same_content_is_the_same_bytes() {
    assert_eq!(pages::report(300), pages::report(300));
}

#[test]
fn a_page_asks_nobody_for_anything() {
    let text = pages::report(50);
    for begin in
        [" src=", "@import", "url(", "<iframe", "<object", "<embed", "<base", "fetch(", "XMLHttp", "eval("]
    {
        // Names that say so are shown, and so escaped.
        let text = text.replace("&lt;img src=x", "").replace("\\u003cimg src=x", "");
        assert!(!text.contains(begin), "{begin}");
    }
    assert!(text.contains("default-src 'none'") && !text.contains("unsafe"));
}

#[test]
fn hostile_names_are_text_and_nothing_else() {
    let text = pages::report(3);
    assert_eq!(text.matches("<script").count(), text.matches("</script>").count());
    let run = text.matches("<script>").count();
    assert_eq!(run, 1, "one script runs");
    assert!(!text.contains("<img") && !text.contains("<svg onload"));
    assert!(text.chars().all(|c| !c.is_control() || c == '\n'));
    assert!(!text.contains(['\u{202e}', '\u{200b}', '\u{feff}', '\u{2028}']));
    assert!(text.contains("invoice\\u{202e}fdp.exe"));
}

#[test]
fn ids_are_unique_and_links_within_the_page_lead_somewhere() {
    let text = pages::report(3);
    let all = |begin: &str| -> Vec<&str> {
        text.match_indices(begin)
            .filter_map(|(at, _)| text[at + begin.len()..].split_once('"').map(|(id, _)| id))
            .collect()
    };
    let ids = all(" id=\"");
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(ids.len(), unique.len());
    for to in all("href=\"#") {
        // A hostile name may lead nowhere within the page, but not out of it.
        let is_hostile = HOSTILE.iter().any(|name| name.contains('#'));
        assert!(unique.contains(&to) || (is_hostile && to == "e"), "{to}");
    }
}

#[test]
fn a_page_is_small_beside_its_data() {
    let nothing = capkeep_report::html::page(&capkeep_report::html::Page {
        title: "",
        about: "",
        lead: &[],
        chapters: &[],
        links: &[],
        footer: &[],
    });
    assert!(nothing.len() < ROOM, "{}", nothing.len());
    assert!(pages::report(50).len() < 500_000, "{}", pages::report(50).len());
    let (few, many) = (pages::report(100).len(), pages::report(2_100).len());
    assert!((many - few) / 2_000 < 300, "{} bytes a row", (many - few) / 2_000);
}

/// Folder with the driver's modules.
fn modules(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("CAPKEEP_TEST_BROWSER").map(PathBuf::from);
    let folder = folder.filter(|folder| folder.join("node_modules/playwright-core").exists());
    if folder.is_none() {
        eprintln!(
            "SKIPPED: {test}: CAPKEEP_TEST_BROWSER names no folder with playwright-core (cargo xtask test makes one)"
        );
    }
    folder
}

#[test]
fn pages_work_in_a_browser_and_are_accessible() {
    let Some(modules) = modules("pages_work_in_a_browser_and_are_accessible") else { return };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    fs::create_dir_all(&folder).unwrap();
    let names = ["report", "capture", "crowd"];
    let texts = [pages::report(2_000), pages::capture(), pages::crowd()];
    let files: Vec<PathBuf> = names.iter().map(|name| folder.join(format!("{name}.html"))).collect();
    for (file, text) in files.iter().zip(texts) {
        fs::write(file, text).unwrap();
    }
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/browser/look.js");
    let output = Command::new("node")
        .arg(driver)
        .arg(&folder)
        .args(&files)
        .env("CAPKEEP_TEST_BROWSER", modules)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let verdicts: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (name, verdict) in names.iter().zip(verdicts.as_array().unwrap()) {
        assert_eq!(verdict["wrong"], Value::Array(Vec::new()), "{name}: {verdict:#}");
        // No limit: that would be a test of the machine.
        println!("{name}: usable after {} ms", verdict["usable_ms"]);
    }
    let report = &verdicts[0]["seen"];
    for (what, least) in [("sorted", 10), ("filtered", 2), ("zoomed", 2), ("copied", 1)] {
        assert!(report[what].as_u64().unwrap() >= least, "{what}: {report:#}");
    }
}

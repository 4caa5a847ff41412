//! Captures that others made, without labels: all that is found is listed, with what a person thinks of it.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use serde_json::Value;

use super::{find, judge::Found, truth::text};
use crate::root;

/// Microsoft's captures of its protocols (<https://github.com/microsoft/prot-od-netcaps>), where they lie beside the project.
const BESIDE: &[&str] = &[
    "../shared/captures/files/microsoft__prot-od-netcaps",
    "../../shared/captures/files/microsoft__prot-od-netcaps",
];

/// What people thought: a list of `{"file": part of the name, "detector": id, "judgement": text}`.
const JUDGED: &str = "benches/judged.json";

/// Markdown: each finding and its judgement.
pub(crate) fn look(capkeep: &Path) -> Result<String> {
    let mut out = String::from("\n## Microsoft's captures\n\n");
    let Some(folder) = BESIDE.iter().map(|path| root().join(path)).find(|path| path.is_dir()) else {
        eprintln!("SKIPPED: Microsoft's captures do not lie beside the project");
        out.push_str("Not there when the table was made.\n");
        return Ok(out);
    };
    let judged: Value = serde_json::from_str(&fs::read_to_string(root().join(JUDGED)).unwrap_or_default())
        .unwrap_or(Value::Null);
    let mut files = Vec::new();
    captures(&folder, &mut files);
    files.sort();
    let mut rows = String::new();
    let mut quiet = 0;
    for file in &files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let found = find(capkeep, file)?;
        quiet += usize::from(found.is_empty());
        for one in &found {
            // Writing into a string does not fail.
            let _ = writeln!(rows, "{}", row(&name, one, &judged));
        }
    }
    let _ =
        writeln!(out, "{} captures, in {quiet} of which nothing is found. Everything else:\n", files.len());
    out.push_str(
        "| capture | detector | severity | what it says | judged by a person |\n|---|---|---|---|---|\n",
    );
    Ok(out + &rows)
}

fn row(name: &str, found: &Found, judged: &Value) -> String {
    let known = judged
        .as_array()
        .into_iter()
        .flatten()
        .find(|one| name.contains(&text(one, "file")) && text(one, "detector") == found.detector);
    let judgement = known.map_or_else(|| "not yet".to_owned(), |one| text(one, "judgement"));
    let short: String = name.chars().take(40).collect();
    format!(
        "| {short} | `{}` | {} | {}: {} | {judgement} |",
        found.detector, found.severity, found.subject, found.sentence
    )
}

fn captures(folder: &Path, into: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            captures(&path, into);
        } else if path
            .extension()
            .is_some_and(|extension| ["cap", "pcap", "pcapng"].iter().any(|e| extension == *e))
        {
            into.push(path);
        }
    }
}

//! `cargo xtask detectors`: what detectors find in captures of which it is known what has to be found.

mod judge;
mod strangers;
mod table;
mod truth;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use self::{
    judge::{Found, Outcome},
    truth::Labelled,
};
use crate::{root, target_directory};

/// What to judge.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where to write the table
    #[arg(long, default_value = "benches/DETECTORS.md", value_name = "FILE")]
    out: PathBuf,
    /// Make every case so often, with other numbers each time, if the target folder does not have them; needs root
    #[arg(long, default_value_t = 3, value_name = "N")]
    variants: u64,
    /// Judge the captures of testdata/findings only
    #[arg(long)]
    committed: bool,
    /// Binary to judge, instead of building one
    #[arg(long, value_name = "FILE")]
    capkeep: Option<PathBuf>,
}

/// A capture with what was found in it.
pub(crate) struct Judged {
    labelled: Labelled,
    found: Vec<Found>,
    outcomes: Vec<Outcome>,
}

/// Judges and reports.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let committed = root().join("testdata/findings");
    let made = target_directory().join("findings");
    let mut folders = vec![committed];
    if !arguments.committed {
        make(&made, arguments.variants)?;
        folders.push(made);
    }
    let capkeep = match &arguments.capkeep {
        Some(path) => path.clone(),
        None => build()?,
    };
    let mut all = Vec::new();
    for folder in &folders {
        for labelled in truth::read(folder)? {
            let found = find(&capkeep, &folder.join(&labelled.file))?;
            let outcomes = judge::judge(&labelled, &found);
            all.push(Judged { labelled, found, outcomes });
        }
    }
    if all.is_empty() {
        bail!(
            "no labelled captures in {}",
            folders.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(", ")
        );
    }
    let strangers = strangers::look(&capkeep)?;
    let text = table::markdown(&all, &ids(&capkeep, &all), &capkeep) + &strangers;
    let out = root().join(&arguments.out);
    fs::write(&out, &text).with_context(|| format!("cannot write {}", out.display()))?;
    println!("{text}");
    Ok(())
}

/// Makes the variants that are missing.
fn make(folder: &Path, variants: u64) -> Result<()> {
    let cases = output(Command::new("python3").arg("testdata/findings/make.py").arg("--list"))?;
    let known: Vec<(String, u64)> = if folder.join("truth.json").exists() {
        truth::read(folder)?.into_iter().map(|labelled| (labelled.case, labelled.seed)).collect()
    } else {
        Vec::new()
    };
    for seed in 1..=variants {
        let missing: Vec<_> =
            cases.lines().filter(|case| !known.contains(&((*case).to_owned(), seed))).collect();
        if missing.is_empty() {
            continue;
        }
        eprintln!("making {} captures, seed {seed}", missing.len());
        let status = Command::new("python3")
            .arg("testdata/findings/make.py")
            .args(["--variants", "1", "--first", &seed.to_string(), "--into"])
            .arg(folder)
            .args(missing)
            .current_dir(root())
            .stdout(Stdio::null())
            .status()
            .context("cannot run python3")?;
        if !status.success() {
            eprintln!("not every capture could be made; the table has the others");
        }
    }
    Ok(())
}

fn build() -> Result<PathBuf> {
    let status = Command::new("cargo")
        .args(["build", "--package", "capkeep"])
        .current_dir(root())
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!("capkeep does not build: {status}");
    }
    Ok(target_directory().join("debug/capkeep"))
}

fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command
        .current_dir(root())
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {name}"))?;
    // 1: something was found.
    if !matches!(done.status.code(), Some(0 | 1)) {
        bail!("{name} failed: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// What the program finds in a capture.
fn find(capkeep: &Path, file: &Path) -> Result<Vec<Found>> {
    let text = output(Command::new(capkeep).args(["analyze", "--quiet", "--json"]).arg(file))?;
    let report: Value = serde_json::from_str(&text)
        .with_context(|| format!("what is said of {} is no JSON", file.display()))?;
    let Some(findings) = report.get("findings").and_then(Value::as_array) else {
        bail!("{} tells no findings", capkeep.display());
    };
    Ok(findings.iter().filter_map(Found::read).collect())
}

/// Ids of all detectors: those of `capkeep explain`, or those that are spoken of.
fn ids(capkeep: &Path, all: &[Judged]) -> Vec<String> {
    let listed = output(Command::new(capkeep).args(["explain", "--json"])).ok();
    let listed = listed.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let mut ids: Vec<String> = listed
        .as_ref()
        .and_then(|value| value.get("detectors").unwrap_or(value).as_array())
        .into_iter()
        .flatten()
        .filter_map(|one| Some(one.get("id")?.as_str()?.to_owned()))
        .collect();
    for judged in all {
        let found = judged.found.iter().map(|found| &found.detector);
        let expected = judged.labelled.expect.iter().map(|expected| &expected.detector);
        for id in found.chain(expected) {
            if !ids.contains(id) {
                ids.push(id.clone());
            }
        }
    }
    ids
}

//! `cargo xtask arrows`: who may depend on whom.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};

use crate::root;

/// Crates of the workspace and those among them that each may name, tests aside. A crate that is not here may not
/// exist; one that is here need not exist yet.
const ALLOWED: &[(&str, &[&str])] = &[
    ("capkeep-pcap", &[]),
    ("capkeep-flow", &["capkeep-pcap"]),
    ("capkeep-detect", &["capkeep-flow", "capkeep-pcap"]),
    ("capkeep-report", &["capkeep-detect", "capkeep-flow", "capkeep-pcap"]),
    ("capkeep-watcher", &[]),
    ("capkeep-storage", &[]),
    ("capkeep-cleanup", &["capkeep-watcher", "capkeep-storage"]),
    ("capkeep-local", &["capkeep-watcher", "capkeep-storage"]),
    (
        "capkeep",
        &[
            "capkeep-pcap",
            "capkeep-flow",
            "capkeep-detect",
            "capkeep-report",
            "capkeep-watcher",
            "capkeep-storage",
            "capkeep-cleanup",
            "capkeep-local",
        ],
    ),
    ("capkeep-testkit", &[]),
    ("capkeep-standin", &[]),
    ("xtask", &["capkeep-testkit"]),
];

/// What the analysis half may not pull in, through any number of steps: it has no network and no tables.
const BANNED: &[(&str, &[&str])] = &[
    ("capkeep-pcap", NO_NETWORK_NO_TABLES),
    ("capkeep-flow", NO_NETWORK_NO_TABLES),
    ("capkeep-detect", NO_NETWORK_NO_TABLES),
];

const NO_NETWORK_NO_TABLES: &[&str] = &["tokio", "reqwest", "hyper", "polars", "polars-core", "polars-io"];

/// Prints what is wrong; exit code 1 if anything is.
pub(crate) fn run() -> Result<ExitCode> {
    let members = members()?;
    let mut wrong = Vec::new();
    for member in &members {
        let direct: BTreeSet<_> =
            dependencies(member, Some(1))?.into_iter().filter(|d| members.contains(d)).collect();
        wrong.extend(forbidden_arrows(member, &direct));
    }
    for (member, banned) in BANNED.iter().filter(|(member, _)| members.contains(*member)) {
        let all = dependencies(member, None)?;
        wrong.extend(
            banned.iter().filter(|name| all.contains(**name)).map(|name| format!("{member} pulls in {name}")),
        );
    }
    for line in &wrong {
        println!("{line}");
    }
    if wrong.is_empty() {
        println!("all arrows of {} crates point the right way", members.len());
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::from(1))
}

/// What is wrong with the crates of the workspace that `member` names.
fn forbidden_arrows(member: &str, direct: &BTreeSet<String>) -> Vec<String> {
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    match allowed.get(member) {
        None => vec![format!("{member} is not in the list of crates (xtask/src/arrows.rs)")],
        Some(may) => direct
            .iter()
            .filter(|name| !may.contains(&name.as_str()))
            .map(|name| format!("{member} may not depend on {name}"))
            .collect(),
    }
}

fn tree(arguments: &[&str]) -> Result<BTreeSet<String>> {
    let output = Command::new("cargo")
        .args(["tree", "--prefix", "none", "--format", "{p}", "--edges", "normal,build"])
        .args(arguments)
        .current_dir(root())
        .output()
        .context("cannot run cargo tree")?;
    if !output.status.success() {
        bail!("cargo tree {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(names(&String::from_utf8_lossy(&output.stdout)))
}

/// Package names out of lines such as `capkeep-flow v0.1.0 (/path) (*)`: what stands before the version.
fn names(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            let version = words.iter().position(|w| {
                w.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            })?;
            words.get(version.checked_sub(1)?).map(|name| (*name).to_owned())
        })
        .collect()
}

fn members() -> Result<BTreeSet<String>> {
    tree(&["--workspace", "--depth", "0"])
}

/// Packages that `member` depends on, so many steps deep, without itself.
fn dependencies(member: &str, depth: Option<usize>) -> Result<BTreeSet<String>> {
    let depth = depth.map(|depth| depth.to_string());
    let mut arguments = vec!["--package", member];
    if let Some(depth) = &depth {
        arguments.extend(["--depth", depth]);
    }
    let mut all = tree(&arguments)?;
    all.remove(member);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::{forbidden_arrows, names};

    #[test]
    fn names_stand_before_versions() {
        let text = "capkeep v0.1.0 (/x/cli)\ncapkeep-flow v0.1.0 (/x y/flow)\nserde v1.0.0 (*)\n\n";
        let found: Vec<_> = names(text).into_iter().collect();
        assert_eq!(found, ["capkeep", "capkeep-flow", "serde"]);
    }

    #[test]
    fn an_arrow_that_points_back_is_found() {
        let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect();
        assert!(forbidden_arrows("capkeep-flow", &names(&["capkeep-pcap"])).is_empty());
        assert_eq!(
            forbidden_arrows("capkeep-pcap", &names(&["capkeep-flow"])),
            ["capkeep-pcap may not depend on capkeep-flow"]
        );
        assert_eq!(forbidden_arrows("capkeep-new", &names(&[])).len(), 1);
    }
}

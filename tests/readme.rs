//! The commands of the README work as they are typed.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Programs of other people that commands use; without them a command is left out.
const OTHERS: &[&str] = &["jq", "gzip", "duckdb"];

#[test]
#[cfg(unix)]
fn every_command_of_the_readme_that_runs_capkeep_ends_well() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root.join("testdata"), folder.path().join("testdata")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_capkeep")).parent().unwrap();
    // Python with what reads the files, where it is there.
    let clients = std::env::var("CAPKEEP_TEST_CLIENTS").ok();
    let others = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{}:{others}", program.display(), clients.as_deref().unwrap_or_default());
    let is_there = |name: &str| path.split(':').any(|folder| Path::new(folder).join(name).is_file());
    let (mut count, mut is_shell) = (0, false);
    for line in readme.lines() {
        if line.starts_with("```") {
            is_shell = line == "```sh";
            continue;
        }
        if !is_shell {
            continue;
        }
        let uses = |name: &str| line.split_whitespace().any(|word| word == name);
        let is_python = line.starts_with("python ") && clients.is_some();
        if !(uses("capkeep") || is_python) || OTHERS.iter().any(|name| uses(name) && !is_there(name)) {
            continue;
        }
        let shell = ["sh", "-c", line];
        let output = Command::new(shell[0])
            .args(&shell[1..])
            .current_dir(&folder)
            .env("PATH", &path)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        // The captures that are cut on purpose are a warning, wherever the whole folder is read.
        assert!(matches!(output.status.code(), Some(0 | 1)), "{line}\n{error}");
        assert!(error.lines().all(|line| line.starts_with("warning: testdata/cut/")), "{line}\n{error}");
        assert!(!output.stdout.is_empty(), "{line}");
        count += 1;
    }
    assert!(count > 8, "{count} commands");
}

#[test]
fn every_link_of_the_readme_into_the_project_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    for part in readme.split("](").skip(1) {
        let link = part.split(')').next().unwrap();
        assert!(link.starts_with("https://") || root.join(link).exists(), "{link}");
    }
}

#[test]
#[cfg(unix)]
fn the_lines_to_try_it_without_azure_work_as_they_are_typed() {
    if !crate::local::is_root("the_lines_to_try_it_without_azure_work_as_they_are_typed") {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let block = readme.split("## Try it without Azure").nth(1).unwrap();
    let lines = block.split("```console\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(lines.lines().count(), 5);
    let home = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_capkeep")).parent().unwrap();
    // Python with what reads the files, where it is there.
    let clients = std::env::var("CAPKEEP_TEST_CLIENTS").ok();
    let others = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{}:{others}", program.display(), clients.as_deref().unwrap_or_default());
    // What stays in the background would hold the pipes open.
    let script = format!("set -e; trap 'kill %1; wait' EXIT\n{lines}");
    let output = Command::new("bash")
        .args(["-c", &script])
        .env("HOME", home.path())
        .env("PATH", &path)
        .output()
        .unwrap();
    let (text, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}{error}");
    assert!(text.contains("stopped by hand") && text.contains("8443/tcp"), "{text}{error}");
}

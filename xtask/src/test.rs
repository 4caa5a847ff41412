//! `cargo xtask test`: all tests, with the programs that some of them compare with.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, ExitCode, ExitStatus, Stdio},
    thread,
};

use anyhow::{Context, Result};
use clap::Args;

use crate::root;

/// What to pass on.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Further arguments of `cargo test`, such as a part of a test's name
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Programs that tests compare with, and the Debian packages they are in.
const PROGRAMS: &[(&str, &str)] =
    &[("tshark", "tshark"), ("tcpdump", "tcpdump"), ("zstd", "zstd"), ("lz4", "lz4"), ("xz", "xz-utils")];

/// Runs the tests; their exit code is this one's.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let missing = missing();
    if !missing.is_empty() {
        install(&missing);
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--workspace", "--locked"]).args(&arguments.rest).current_dir(root());
    let (status, skipped) = run_and_listen(cargo)?;
    if !skipped.is_empty() {
        eprintln!("\nNot everything was tested:");
    }
    for line in &skipped {
        eprintln!("{line}");
    }
    Ok(exit_code(status))
}

/// Programs that are not in the search path, with their packages.
fn missing() -> Vec<(&'static str, &'static str)> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = env::split_paths(&path).collect();
    let is_there = |program: &str| folders.iter().any(|folder| folder.join(program).is_file());
    PROGRAMS.iter().filter(|(program, _)| !is_there(program)).copied().collect()
}

/// Installs packages, or says why not; the tests that need them say that they are skipped.
fn install(missing: &[(&str, &str)]) {
    let programs: Vec<&str> = missing.iter().map(|(program, _)| *program).collect();
    let packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    let programs = programs.join(", ");
    if !is_debian() {
        eprintln!("{programs}: missing, and this is not Debian; some tests will be skipped");
    } else if !is_root() {
        eprintln!("{programs}: missing; some tests will be skipped unless you run");
        eprintln!("    sudo apt-get install --no-install-recommends {}", packages.join(" "));
    } else {
        eprintln!("installing {}", packages.join(" "));
        let apt = |arguments: &[&str]| {
            let mut command = Command::new("apt-get");
            command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        let install = [&["install", "-y", "-qq", "--no-install-recommends"][..], &packages].concat();
        if !(apt(&["update", "-qq"]) && apt(&install)) {
            eprintln!("{programs}: could not be installed; some tests will be skipped");
        }
    }
}

fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists()
}

/// By who owns this process's entry in `/proc`: a chore needs no unsafe code.
fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let user = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    user.and_then(|ids| ids.split_whitespace().nth(1)) == Some("0")
}

/// Runs a command whose output passes through, and returns what it said was skipped.
fn run_and_listen(mut command: Command) -> Result<(ExitStatus, Vec<String>)> {
    let mut child = command.stderr(Stdio::piped()).spawn().context("cargo cannot be run")?;
    let stderr = child.stderr.take().context("cargo has no output")?;
    let listener = thread::spawn(move || {
        let mut skipped = Vec::new();
        let mut reader = BufReader::new(stderr);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let _ = std::io::stderr().write_all(&line);
            let text = String::from_utf8_lossy(&line);
            if let Some(at) = text.find("SKIPPED") {
                skipped.push(text.get(at..).unwrap_or_default().trim_end().to_owned());
            }
            line.clear();
        }
        skipped
    });
    let status = child.wait()?;
    let skipped = listener.join().unwrap_or_default();
    Ok((status, skipped))
}

/// As a shell gives it: 128 and the signal's number for a command that was killed.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().unwrap_or(128);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

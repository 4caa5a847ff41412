//! `cargo xtask test`: all tests, with the programs that some of them compare with.

use std::{
    env,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus, Stdio},
    thread,
};

use anyhow::{Context, Result};
use clap::Args;

use crate::{root, target_directory};

/// What to pass on.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Further arguments of `cargo test`, such as a part of a test's name
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// Programs that tests compare with, and the Debian packages they are in.
const PROGRAMS: &[(&str, &str)] = &[
    ("tshark", "tshark"),
    ("tcpdump", "tcpdump"),
    ("zstd", "zstd"),
    ("lz4", "lz4"),
    ("xz", "xz-utils"),
    ("ip", "iproute2"),
    ("curl", "curl"),
    ("python3", "python3-venv"),
    ("npm", "npm"),
    ("nginx", "nginx-light"),
    ("chromium", "chromium"),
];

/// Microsoft's clients, and programs that read datasets, from the Python Package Index.
const CLIENTS: &[&str] =
    &["azure-cli", "azure-mgmt-network", "azure-storage-blob", "duckdb", "pandas", "polars", "pyarrow"];

/// Microsoft's emulator of blob storage, from the npm registry. The first version that knows the REST API of today's
/// clients.
const EMULATOR: &str = "azurite@3.37.0";

/// What drives the browser that opens reports, and what judges how accessible they are, from the npm registry. The browser
/// is Debian's.
const BROWSER: &[&str] = &["playwright-core@1.65.1", "axe-core@4.14.1"];

/// Runs the tests; their exit code is this one's.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let missing = missing();
    if !missing.is_empty() {
        install(&missing);
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--workspace", "--locked"]).args(&arguments.rest).current_dir(root());
    if let Some(folder) = clients() {
        cargo.env("CAPKEEP_TEST_CLIENTS", folder);
    }
    if let Some(program) = emulator() {
        cargo.env("CAPKEEP_TEST_AZURITE", program);
    }
    if let Some(folder) = browser() {
        cargo.env("CAPKEEP_TEST_BROWSER", folder);
    }
    let (status, skipped) = run_and_listen(cargo)?;
    if !skipped.is_empty() {
        eprintln!("\nNot everything was tested:");
    }
    for line in &skipped {
        eprintln!("{line}");
    }
    Ok(exit_code(status))
}

/// Folder of the programs of a virtual environment that has the [`CLIENTS`]; made where there is none. Without one
/// the tests that need it say that they are skipped.
fn clients() -> Option<PathBuf> {
    let folder = target_directory().join("clients");
    let (bin, done) = (folder.join("bin"), folder.join("done"));
    if fs::read_to_string(&done).is_ok_and(|known| known == CLIENTS.join(" ")) {
        return Some(bin);
    }
    eprintln!("installing {} into {}", CLIENTS.join(" "), folder.display());
    let run = |program: &Path, arguments: &[&OsStr]| {
        let mut command = Command::new(program);
        command.args(arguments).stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let make =
        || run(Path::new("python3"), &["-m".as_ref(), "venv".as_ref(), "--clear".as_ref(), folder.as_ref()]);
    // Debian's Python has no venv of its own.
    let is_made = make() || (is_debian() && is_root() && apt(&["python3-venv"]) && make());
    let mut install: Vec<&OsStr> =
        ["install", "--quiet", "--disable-pip-version-check"].map(OsStr::new).to_vec();
    install.extend(CLIENTS.iter().map(OsStr::new));
    if is_made && run(&bin.join("pip"), &install) && fs::write(&done, CLIENTS.join(" ")).is_ok() {
        return Some(bin);
    }
    eprintln!("{}: could not be installed; some tests will be skipped", CLIENTS.join(", "));
    None
}

/// The emulator's program; installed where it is missing. Without it the tests that need it say that they are skipped.
fn emulator() -> Option<PathBuf> {
    // It asks for a newer Node.js than Debian's and works with that one all the same.
    let folder = from_npm("azurite", &[EMULATOR])?;
    Some(folder.join("node_modules/.bin/azurite-blob")).filter(|program| program.is_file())
}

/// Folder with the modules that drive the browser; installed where they are missing. Without them, or without a browser,
/// the tests that need it say that they are skipped.
fn browser() -> Option<PathBuf> {
    from_npm("browser", BROWSER)
}

/// A folder below the target directory with these packages of the npm registry.
fn from_npm(name: &str, packages: &[&str]) -> Option<PathBuf> {
    let folder = target_directory().join(name);
    let done = folder.join("done");
    if fs::read_to_string(&done).is_ok_and(|known| known == packages.join(" ")) {
        return Some(folder);
    }
    eprintln!("installing {} into {}", packages.join(" "), folder.display());
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--loglevel", "error", "--prefix"])
        .arg(&folder)
        .args(packages);
    let is_there = fs::create_dir_all(&folder).is_ok()
        && npm.stdout(Stdio::null()).status().is_ok_and(|status| status.success())
        && fs::write(&done, packages.join(" ")).is_ok();
    if !is_there {
        eprintln!("{}: could not be installed; some tests will be skipped", packages.join(", "));
    }
    is_there.then_some(folder)
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
        if !apt(&packages) {
            eprintln!("{programs}: could not be installed; some tests will be skipped");
        }
    }
}

/// Installs Debian packages.
pub(crate) fn apt(packages: &[&str]) -> bool {
    let run = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let install = [&["install", "-y", "-qq", "--no-install-recommends"][..], packages].concat();
    run(&["update", "-qq"]) && run(&install)
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

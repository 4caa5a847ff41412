//! `cargo xtask bench-storage`: fetching and its peers, from a server on this machine.

mod away;
mod data;
mod kill;
mod orphans;
mod rows;
mod server;
mod tables;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use clap::Args;

use self::{rows::Row, server::Server};
use super::machine;
use crate::{root, target_directory};

/// Version of azcopy that is measured.
const AZCOPY_VERSION: &str = "10.32.2";

/// How to measure.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Rounds, each of which runs every command once
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Where to write the results
    #[arg(long, default_value = "benches/STORAGE.md", value_name = "FILE")]
    out: PathBuf,
    /// Binary to measure, instead of building one
    #[arg(long, value_name = "FILE")]
    capkeep: Option<PathBuf>,
    /// Measure with what is there, install nothing
    #[arg(long)]
    no_install: bool,
    /// Measure only commands with this in their name or group
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// Measures and reports.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = target_directory().join("bench-storage");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    if !arguments.no_install {
        install(&folder);
    }
    let program = match &arguments.capkeep {
        Some(path) => fs::canonicalize(path).with_context(|| format!("cannot find {}", path.display()))?,
        None => super::build()?,
    };
    let azcopy = Some(azcopy(&folder)).filter(|path| path.is_file());
    let large = data::make(&folder)?;
    let server = Server::start(&folder, &large.md5)?;
    let peers = format!(
        "{}, azcopy {AZCOPY_VERSION} (npm), {}",
        machine::first_line("curl", &["--version"]).split(" (").next().unwrap_or("curl"),
        machine::first_line("sh", &["-c", "nginx -v 2>&1"]),
    );
    let machine = machine::describe(&program, &peers);
    let is_wanted = |row: &Row| {
        let name = format!("{:?} {}", row.group, row.name).to_lowercase();
        arguments.only.as_ref().is_none_or(|text| name.contains(&text.to_lowercase()))
    };
    rows::tidy(&folder)?;
    let mut rows = rows::rows(&program, azcopy.as_deref(), &server);
    rows.retain(is_wanted);
    for round in 0..arguments.rounds {
        for row in &mut rows {
            row.run(round, &folder)?;
        }
    }
    rows::tidy(&folder)?;
    let whole = rows.iter().find(|row| row.name == rows::FETCH).and_then(Row::wall);
    let is_all = arguments.only.is_none();
    let killed = match whole {
        Some(seconds) if is_all => {
            kill::killed(&program, &server, &folder, Duration::from_secs_f64(seconds))?
        }
        _ => Vec::new(),
    };
    let orphans = if is_all { Some(orphans::measure(&program, &folder, arguments.rounds)?) } else { None };
    let text = tables::markdown(&rows, &killed, orphans.as_ref(), large.bytes, &machine);
    if is_all {
        let out = root().join(&arguments.out);
        fs::write(&out, &text).with_context(|| format!("cannot write {}", out.display()))?;
    }
    println!("{text}");
    Ok(())
}

/// Where npm puts azcopy.
fn azcopy(folder: &Path) -> PathBuf {
    folder.join("node_modules/@azure-tools/azcopy-linux/dist/bin/azcopy_linux_amd64")
}

/// Installs server and peers; what cannot be installed is left out, but for the server.
fn install(folder: &Path) {
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let is_there = |package: &&&str| run("dpkg-query", &["-W", package]);
    let missing: Vec<&str> = server::PACKAGES.iter().filter(|package| !is_there(package)).copied().collect();
    if !missing.is_empty() {
        eprintln!("installing {}", missing.join(" "));
        let install = [&["install", "-y", "--no-install-recommends"][..], &missing].concat();
        if !run("apt-get", &["update"]) || !run("apt-get", &install) {
            eprintln!("{} cannot be installed", missing.join(" "));
        }
    }
    let program = azcopy(folder);
    if !program.is_file() {
        let package = format!("@azure-tools/azcopy-linux@{AZCOPY_VERSION}");
        eprintln!("installing {package}");
        let path = program.display().to_string();
        // The package forgets to say that it is a program.
        let arguments = ["install", "--no-save", "--no-audit", "--no-fund", "--prefix", ".", &package];
        if !run("npm", &arguments) || !run("chmod", &["+x", &path]) {
            eprintln!("azcopy cannot be installed and will be left out");
        }
    }
}

//! Chores of the project: `cargo xtask --help`.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore talks to a person, reads the environment and the clock"
)]

mod arrows;
mod bench;
mod detectors;
mod fuzz;
mod generate;
mod test;
mod truth;
mod truth_json;

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// Chores of the project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

/// One of them.
#[derive(Debug, Subcommand)]
enum Chore {
    /// Write a capture file whose truth is known, and the truth beside it
    Gen(generate::Arguments),
    /// Measure capkeep and its peers on the same files
    Bench(bench::Arguments),
    /// Measure fetching, reading in storage and listing orphans, beside curl and azcopy
    BenchStorage(bench::storage::Arguments),
    /// Count what was sent again and what came late, where it is known, beside tshark, tcptrace and argus
    Truth(truth::Arguments),
    /// Judge the detectors on captures of which it is known what has to be found
    Detectors(detectors::Arguments),
    /// Check that crates depend on each other, and on others, as the architecture says
    Arrows,
    /// Run all tests, with the programs that some of them compare with
    Test(test::Arguments),
    /// Run every fuzz target for a while
    Fuzz(fuzz::Arguments),
}

/// The workspace's root.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Where cargo puts what it builds.
fn target_directory() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

fn main() -> ExitCode {
    let done = match Arguments::parse().chore {
        Chore::Gen(arguments) => generate::run(&arguments).map(|()| ExitCode::SUCCESS),
        Chore::Bench(arguments) => bench::run(&arguments).map(|()| ExitCode::SUCCESS),
        Chore::BenchStorage(arguments) => bench::storage::run(&arguments).map(|()| ExitCode::SUCCESS),
        Chore::Truth(arguments) => truth::run(&arguments).map(|()| ExitCode::SUCCESS),
        Chore::Detectors(arguments) => detectors::run(&arguments).map(|()| ExitCode::SUCCESS),
        Chore::Arrows => arrows::run(),
        Chore::Test(arguments) => test::run(&arguments),
        Chore::Fuzz(arguments) => fuzz::run(&arguments),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}

//! capkeep: exact flows from every capture file.
//!
//! The only place that knows of the terminal, the environment, the clock and exit codes. Each subcommand is one
//! file in `commands`.
#![allow(clippy::disallowed_methods)]

mod azure;
mod batch;
mod color;
mod commands;
mod distant;
mod export;
mod failure;
mod fetching;
mod inputs;
mod interrupt;
mod ledger;
mod output;
mod progress;
mod reading;
mod storage;
mod targets;
mod thresholds;
mod times;
mod units;

use std::process::ExitCode;

use clap::Parser;

use commands::{Command, Done};

/// Flows begin on one core and end on another, by the thousand.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Reads Azure Network Watcher captures, and any other: exact flows from every capture file.
#[derive(Debug, Parser)]
#[command(name = "capkeep", version, about, long_about = LONG_ABOUT, after_long_help = AFTER_HELP)]
#[command(subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const LONG_ABOUT: &str = "\
Reads Azure Network Watcher captures, and any other: exact flows from every capture file.

Every packet is counted once: in a flow, or under the reason why it is in none. \
The same captures give the same output, byte for byte, on any machine and with any number of threads.";

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  done, but something could not be read completely, or was found with --fail-on; the output says what
  2  error: nothing usable could be read, or the command line is wrong

`capkeep help COMMAND` tells more.";

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command.run() {
        Ok(Done::Fully) => ExitCode::SUCCESS,
        Ok(Done::Partly) => ExitCode::from(1),
        Err(error) => {
            failure::tell(&error);
            ExitCode::from(failure::code(&error))
        }
    }
}

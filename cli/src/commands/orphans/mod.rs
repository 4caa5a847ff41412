//! `capkeep orphans`: the subcommands, one file each.

mod apply;
mod around;
mod keep;
mod list;
mod looking;
mod plan;
mod restore;
mod scope;
mod survey;
mod tag;
mod words;

use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;

use super::Done;
use crate::ledger::state_folder;

/// Find capture files whose capture is gone, and clean them up: list, plan, apply, tag, restore
///
/// Deleting a capture keeps its file, and nobody is told. These commands find such files, and delete them only in steps that
/// you can look at:
///
///   list     shows every capture file, what became of its capture, and what it costs. Changes nothing.
///   plan     writes down which files shall go, for you to read and to shorten. Changes nothing.
///   apply    tells what it would do with a plan. Only with --execute it does it: that, and nothing else.
///   restore  brings back what apply deleted.
///   tag      writes on blobs whose they were, so that everybody can tell later.
///
/// A file is left alone whenever something about it is not certain: a subscription that could not be listed completely, a
/// file that is young, a name that the service did not choose, a blob that changed, a lease, a legal hold, a snapshot.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct OrphansCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    List(Box<list::List>),
    Plan(Box<plan::PlanCommand>),
    Apply(Box<apply::Apply>),
    Tag(Box<tag::Tag>),
    Restore(Box<restore::Restore>),
}

const AFTER_HELP: &str = "\
Verdicts:
  live            its capture exists: it names this file, or is of the same machine and time
  orphan          its capture is known, from the blob or from the ledger of this machine, and is gone
  orphan by path  the service named the file; machine and time match no capture
  VM gone         the same, and the machine is gone too
  unknown         not named by the service, and nothing is known of it; never touched
  unsure          something it depends on is not known; never touched

Examples:
  capkeep orphans list
  capkeep orphans plan -o plan.json --older-than 30d --keep-out '*/web1/*'
  capkeep orphans apply plan.json
  capkeep orphans apply plan.json --archive /srv/old-captures --execute
  capkeep orphans restore --execute '*packetcapture_11_55_33_090.cap'

Exit codes:
  0  done
  1  done, but something could not be listed, was kept, or failed; the output says what
  2  error: nothing was done, or the command line is wrong";

impl OrphansCommand {
    pub(crate) fn run(self) -> anyhow::Result<Done> {
        match self.what {
            What::List(it) => it.run(),
            What::Plan(it) => it.run(),
            What::Apply(it) => it.run(),
            What::Tag(it) => it.run(),
            What::Restore(it) => it.run(),
        }
    }
}

/// This program and its version.
const PROGRAM: &str = concat!("capkeep ", env!("CARGO_PKG_VERSION"));

/// Who is at work: program, version, user.
fn by() -> String {
    whoever().map_or_else(|| PROGRAM.to_owned(), |user| format!("{PROGRAM}, {user}"))
}

/// Who is at work here.
fn whoever() -> Option<String> {
    ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok()).filter(|name| !name.is_empty())
}

/// The audit log that was named, or the usual one.
fn audit_log(named: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
    let usual = || state_folder().map(|folder| folder.join("orphans.audit.jsonl"));
    named.cloned().or_else(usual).context("no home folder: name the audit log with --audit")
}

/// Runs what waits for the network, and works besides.
fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    // One thread writes what arrives while the other asks and hashes.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.context("cannot wait for the network")?.block_on(work)
}

//! The subcommands, one file each.

mod analyze;
pub(crate) mod capture;
mod compare;
mod completions;
mod doctor;
mod explain;
mod fetch;
mod man;
mod orphans;
mod report;
mod schema;
mod serve;
mod slice;
mod vm;

use clap::Subcommand;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Analyze(Box<analyze::Analyze>),
    Report(Box<report::Report>),
    Compare(compare::Compare),
    Explain(explain::Explain),
    Slice(Box<slice::Slice>),
    Capture(capture::CaptureCommand),
    Fetch(Box<fetch::Fetch>),
    Orphans(orphans::OrphansCommand),
    Vm(vm::Vm),
    Doctor(doctor::Doctor),
    Serve(serve::Serve),
    Schema(schema::Schema),
    Completions(completions::Completions),
    Man(man::Man),
}

/// How a command ended, if not with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// Everything was done.
    Fully,
    /// Something could not be read completely, or something was found.
    Partly,
}

impl Command {
    pub(crate) fn run(self) -> anyhow::Result<Done> {
        match self {
            Self::Analyze(it) => it.run(),
            Self::Report(it) => it.run(),
            Self::Compare(it) => it.run(),
            Self::Explain(it) => it.run(),
            Self::Slice(it) => it.run(),
            Self::Capture(it) => it.run(),
            Self::Fetch(it) => it.run(),
            Self::Orphans(it) => it.run(),
            Self::Vm(it) => it.run(),
            Self::Doctor(it) => it.run(),
            Self::Serve(it) => it.run(),
            Self::Schema(it) => it.run(),
            Self::Completions(it) => it.run(),
            Self::Man(it) => it.run(),
        }
    }
}

/// The whole command line, for what is made from it.
fn definition() -> clap::Command {
    <crate::Cli as clap::CommandFactory>::command()
}

//! `capkeep capture`: the subcommands, one file each.

mod create;
mod delete;
mod list;
mod sheet;
mod show;
mod status;
mod stop;
mod story;
mod wait;

use std::time::Duration;

use anyhow::Context;
use capkeep_report::{Block, Table, terminal::visible};
use capkeep_watcher::{Operation, Progress};
use clap::{Subcommand, ValueEnum};
use serde::Serialize;

pub(crate) use sheet::Sheet;

use super::Done;
use crate::azure::told;
use crate::color::{ColorChoice, page};
use crate::failure::hinted;
use crate::output;

/// Manage captures: create, list, show, status, stop, delete, wait
///
/// A capture is a resource of a network watcher, one watcher per region. Creating it begins a session on a virtual
/// machine or on the instances of a scale set; the session ends by itself at a limit, or when it is stopped, and leaves a
/// file in a storage account, on the machine, or both. Deleting a capture never deletes its file.
///
/// What is created, stopped and deleted is noted in a ledger on this machine (`CAPKEEP_LEDGER`, by default
/// ~/.local/state/capkeep/ledger.sqlite): after a delete nothing else ties a file to its capture.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct CaptureCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Create(Box<create::Create>),
    List(list::List),
    Show(show::Show),
    Status(status::Status),
    Stop(stop::Stop),
    Delete(delete::Delete),
    Wait(wait::Wait),
}

const AFTER_HELP: &str = "\
Examples:
  capkeep capture create slow-login --vm web1 --storage logs --time-limit 10m --filter protocol=TCP,local-port=443
  capkeep capture list
  capkeep capture status slow-login --watch
  capkeep capture stop slow-login
  capkeep capture delete slow-login

Exit codes:
  0  done
  1  done, but a session ended with an error, or not everything could be asked
  2  error: nothing was done, or the command line is wrong";

impl CaptureCommand {
    pub(crate) fn run(self) -> anyhow::Result<Done> {
        match self.what {
            What::Create(it) => it.run(),
            What::List(it) => it.run(),
            What::Show(it) => it.run(),
            What::Status(it) => it.run(),
            What::Stop(it) => it.run(),
            What::Delete(it) => it.run(),
            What::Wait(it) => it.run(),
        }
    }
}

/// How to print.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Printing {
    /// Form of the output
    #[arg(long, short, value_name = "FORM", default_value = "table")]
    output: Form,

    /// Print JSON; the same as --output json
    #[arg(long, conflicts_with = "output")]
    json: bool,

    /// When to use colours
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
}

/// Form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Table,
    /// One JSON value
    Json,
    /// One JSON value per line
    Ndjson,
}

impl Printing {
    /// Prints one thing.
    pub(crate) fn one(&self, value: &impl Serialize, sheet: &Sheet) -> anyhow::Result<()> {
        match self.form() {
            Form::Table => output::print(sheet.draw(page(self.color, None).color).as_bytes()),
            Form::Json => lines(&[serde_json::to_string_pretty(value)?]),
            Form::Ndjson => lines(&[serde_json::to_string(value)?]),
        }
    }

    /// Prints many things, for people as a table.
    pub(crate) fn many<T: Serialize>(&self, values: &[T], table: Table) -> anyhow::Result<()> {
        match self.form() {
            Form::Table => output::print(page(self.color, None).draw(&[Block::Table(table)]).as_bytes()),
            Form::Json => lines(&[serde_json::to_string_pretty(values)?]),
            Form::Ndjson => lines(&values.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?),
        }
    }

    /// Prints words where people read, and nothing else.
    pub(crate) fn words(&self, text: &str) -> anyhow::Result<()> {
        if self.is_for_people() { lines(&[visible(text)]) } else { Ok(()) }
    }

    /// True if people read it.
    pub(crate) fn is_for_people(&self) -> bool {
        self.form() == Form::Table
    }

    const fn form(&self) -> Form {
        if self.json { Form::Json } else { self.output }
    }
}

fn lines(lines: &[String]) -> anyhow::Result<()> {
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    output::print(text.as_bytes())
}

/// How long to wait for an operation, unless told otherwise (chosen: creating takes half a minute, more on a machine that
/// is busy).
const DEADLINE: &str = "10m";

/// Waits for an operation. Ctrl-C leaves it as it is.
async fn finish(
    mut operation: Operation,
    name: &str,
    deadline: i64,
) -> anyhow::Result<Option<serde_json::Value>> {
    if let Progress::Done(body) = operation.progress() {
        return Ok(body);
    }
    let deadline = Duration::from_secs(deadline.unsigned_abs());
    tokio::select! {
        done = operation.finish(deadline) => done.map_err(told),
        interrupt = tokio::signal::ctrl_c() => {
            interrupt.context("cannot listen for Ctrl-C")?;
            Err(left(name))
        }
    }
}

/// What is said after Ctrl-C: nothing was undone.
fn left(name: &str) -> anyhow::Error {
    hinted(
        "interrupted; the capture goes on as it is",
        format!("pick it up again: capkeep capture status {name}"),
    )
}

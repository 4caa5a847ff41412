//! `capkeep capture`: the subcommands, one file each.

mod create;
mod delete;
mod list;
mod sheet;
mod show;
pub(crate) mod status;
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
use crate::failure::interrupted;
use crate::output;
use crate::units::seconds;

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
  1  done, but the session that was asked about ended with an error, or not everything could be asked
  2  error: it was not done, or the command line is wrong
  130  interrupted; what was begun goes on";

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
    /// For commands that have no more to choose from than JSON or not.
    pub(crate) const fn plain(json: bool) -> Self {
        Self { output: Form::Table, json, color: ColorChoice::Auto }
    }

    /// Prints one thing.
    pub(crate) fn one(&self, value: &impl Serialize, sheet: &Sheet) -> anyhow::Result<()> {
        self.offer(value, sheet).map(|_| ())
    }

    /// Prints one thing; false if nobody reads any more.
    fn offer(&self, value: &impl Serialize, sheet: &Sheet) -> anyhow::Result<bool> {
        let text = match self.form() {
            Form::Table => sheet.draw(page(self.color, None).color),
            Form::Json => serde_json::to_string_pretty(value)? + "\n",
            Form::Ndjson => serde_json::to_string(value)? + "\n",
        };
        output::offer(text.as_bytes())
    }

    /// Prints things that people read as one.
    pub(crate) fn all<T: Serialize>(&self, values: &[T], sheet: &Sheet) -> anyhow::Result<()> {
        match self.form() {
            Form::Ndjson => values.iter().try_for_each(|value| self.one(value, sheet)),
            Form::Table | Form::Json => self.one(&values, sheet),
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

    /// True if each value has a line of its own.
    pub(crate) fn is_lines(&self) -> bool {
        self.form() == Form::Ndjson
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

/// Whether and how long to wait for an operation.
#[derive(Debug, clap::Args)]
struct Waiting {
    /// Only ask: do not wait until the service has done it
    #[arg(long)]
    no_wait: bool,

    /// How long to wait at most for the service to do it
    #[arg(long, value_name = "SPAN", value_parser = seconds, default_value = DEADLINE)]
    deadline: i64,
}

/// How long to wait for an operation, unless told otherwise (chosen: creating takes half a minute, more on a machine that
/// is busy).
const DEADLINE: &str = "10m";

/// Waits for an operation. Ctrl-C leaves it as it is.
async fn finish(
    operation: Operation,
    name: &str,
    deadline: i64,
) -> anyhow::Result<Option<serde_json::Value>> {
    unless_interrupted(|| left(name), until_done(operation, deadline)).await
}

async fn until_done(mut operation: Operation, deadline: i64) -> anyhow::Result<Option<serde_json::Value>> {
    if let Progress::Done(body) = operation.progress() {
        return Ok(body);
    }
    operation.finish(Duration::from_secs(deadline.unsigned_abs())).await.map_err(told)
}

/// Does something unless Ctrl-C comes before it is done. From the first time on Ctrl-C is heard only here, so all that
/// may take long has to be in it.
async fn unless_interrupted<T>(
    otherwise: impl FnOnce() -> anyhow::Error,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    tokio::select! {
        done = work => done,
        interrupt = tokio::signal::ctrl_c() => {
            interrupt.context("cannot listen for Ctrl-C")?;
            Err(otherwise())
        }
    }
}

/// What is said after Ctrl-C: nothing was undone.
fn left(name: &str) -> anyhow::Error {
    interrupted(
        "interrupted; the capture goes on as it is",
        format!("pick it up again: capkeep capture status {name}"),
    )
}

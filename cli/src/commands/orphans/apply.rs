//! `capkeep orphans apply`.

use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::Context;
use capkeep_cleanup::{AuditLog, Deed, Error, Event, Options, Outcome, Plan, Report, Row, apply, rehearse};
use capkeep_report::terminal::visible;
use capkeep_storage::Tier;
use capkeep_storage::download::Stop;
use clap::ValueEnum;
use serde_json::json;

use super::around::{Around, until_stopped};
use super::list::tell_lacks;
use super::scope::Scope;
use super::survey::Survey;
use super::words::{bytes, draw, files, place};
use super::{audit_log, block_on, by};
use crate::commands::Done;
use crate::commands::capture::{Printing, Sheet};
use crate::failure::{hinted, interrupted, warn};
use crate::ledger::state_folder;
use crate::output;

/// Do what a plan says, or tell what would be done: without --execute nothing is changed
///
/// Without --execute everything is looked at in the same way, and nothing but reads is sent.
///
/// With it, for each row, oldest first: the captures that exist now are compared again, and the blob must be the version of
/// the plan, without lease, hold or snapshots. Then that version is deleted, and nothing else. A row that is no orphan any
/// more stays. Ctrl-C stops between two blobs, and the same command goes on.
///
/// Every deed is written into an audit log before and after. `capkeep orphans restore` reads it and undoes deletes: with
/// what the account keeps (soft delete, versions) or from --archive. Where neither would work, --no-undo is wanted.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
#[allow(clippy::struct_excessive_bools)] // switches of a command line
pub(super) struct Apply {
    /// Plan, as `capkeep orphans plan` wrote it; rows may have been deleted from it
    #[arg(value_name = "PLAN")]
    plan: PathBuf,

    /// Do it
    #[arg(long)]
    execute: bool,

    /// Do not ask
    #[arg(long, requires = "execute")]
    yes: bool,

    /// Fetch each file into this folder and verify it before it is deleted
    #[arg(long, value_name = "FOLDER", conflicts_with = "tier", help_heading = "What is kept")]
    archive: Option<PathBuf>,

    /// Analyse each file first, and keep its summary (JSON) and its flows (Parquet) in this folder
    /// [default: that of --archive, or ~/.local/state/capkeep/summaries]
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, require_equals = true, help_heading = "What is kept")]
    #[allow(clippy::option_option)] // clap's way of an option with an optional value
    summary: Option<Option<PathBuf>>,

    /// Move files to a cheaper tier instead of deleting them
    #[arg(long, value_name = "TIER", help_heading = "What is kept")]
    tier: Option<Cheaper>,

    /// Leave so many newest files of each machine
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "What is kept")]
    keep_newest: usize,

    /// At most so many files; the next run goes on
    #[arg(long, value_name = "N")]
    max: Option<usize>,

    /// Delete for good where an account keeps nothing of what is deleted
    #[arg(long)]
    no_undo: bool,

    /// Audit log [default: ~/.local/state/capkeep/orphans.audit.jsonl]
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,

    /// Print one JSON object per file
    #[arg(long)]
    json: bool,

    /// Show no progress
    #[arg(long, short)]
    quiet: bool,

    #[command(flatten)]
    scope: Scope,
}

/// Cheaper tiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Cheaper {
    /// Cheaper to keep, dearer to read
    Cool,
    /// Cheaper still
    Cold,
    /// Cheapest; it takes hours until it can be read again
    Archive,
}

const AFTER_HELP: &str = "\
Examples:
  capkeep orphans apply plan.json
      What would be done. Changes nothing.
  capkeep orphans apply plan.json --archive /srv/old-captures --execute
      Every file is fetched and verified before it is deleted.
  capkeep orphans apply plan.json --execute --max 1
      One file, to see how it goes.
  capkeep orphans apply plan.json --tier cold --execute --yes
      Nothing is deleted; it costs less.";

impl Apply {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        let text = std::fs::read_to_string(&self.plan)
            .with_context(|| format!("cannot read {}", self.plan.display()))?;
        let plan = Plan::read(&text).map_err(|error| self.told(error))?;
        let survey = Survey::new(&self.scope, self.quiet);
        let stop = Stop::new();
        let summaries = self.summaries()?;
        let around = Around::new(&survey, self.archive.clone(), summaries, stop.clone())?;
        let report = block_on(async {
            let lacks = around.begin().await?;
            tell_lacks(&lacks);
            until_stopped(&stop, self.go(&plan, &around, &stop)).await
        })?;
        let Some(report) = report else {
            if stop.is_stopped() {
                return Err(interrupted("interrupted", "nothing was done"));
            }
            return Err(hinted("nothing was done", "you did not agree"));
        };
        self.sum_up(&report)?;
        if stop.is_stopped() {
            return Err(interrupted("interrupted", "the same command goes on where this one was"));
        }
        let is_done = |outcome: &Outcome| {
            outcome.has_changed_something() && !outcome.is_trouble()
                || matches!(outcome, Outcome::Would | Outcome::Gone)
                || *outcome == Outcome::NotTried && report.stopped.is_none()
        };
        let is_settled = report.settled.iter().all(|(_, outcome)| !outcome.is_trouble());
        let all = report.rows.iter().all(|(_, outcome)| is_done(outcome));
        Ok(if all && is_settled && report.stopped.is_none() { Done::Fully } else { Done::Partly })
    }

    fn options(&self, plan: &Plan) -> Options {
        let deed = match self.tier {
            None => Deed::Delete,
            Some(Cheaper::Cool) => Deed::Tier(Tier::Cool),
            Some(Cheaper::Cold) => Deed::Tier(Tier::Cold),
            Some(Cheaper::Archive) => Deed::Tier(Tier::Archive),
        };
        let usual = Options::new(by());
        let is_long = self.archive.is_some() || self.summary.is_some();
        Options {
            deed,
            archive: self.archive.is_some(),
            summary: self.summary.is_some(),
            no_undo: self.no_undo,
            most: self.max,
            keep_newest: self.keep_newest,
            rules: self.scope.rules(Some(plan)),
            // Each of them has connections enough.
            at_once: if is_long { 2 } else { usual.at_once },
            ..usual
        }
    }

    fn summaries(&self) -> anyhow::Result<Option<PathBuf>> {
        let Some(named) = &self.summary else { return Ok(None) };
        let folder = named.clone().or_else(|| self.archive.clone());
        let folder = folder.or_else(|| state_folder().map(|folder| folder.join("summaries")));
        folder.map(Some).context("no home folder: name one with --summary=FOLDER")
    }

    /// Rehearses or does it; nothing if it was not agreed to.
    async fn go(&self, plan: &Plan, around: &Around<'_>, stop: &Stop) -> anyhow::Result<Option<Report>> {
        let options = self.options(plan);
        if !self.execute {
            let report = rehearse(plan, around, &options, &|event| self.tell(&event)).await;
            return report.map(Some).map_err(|error| self.told(error));
        }
        if !self.yes {
            let would = rehearse(plan, around, &options, &|_| {}).await.map_err(|error| self.told(error))?;
            if !self.is_agreed(&would, stop).await? {
                return Ok(None);
            }
        }
        let path = audit_log(self.audit.as_ref())?;
        let mut log = AuditLog::open(&path).map_err(|error| self.told(error))?;
        let report = apply(plan, around, &options, &mut log, &|event| self.tell(&event)).await;
        report.map(Some).map_err(|error| self.told(error))
    }

    /// Asks, once it is known what would be done. Ctrl-C is a no.
    async fn is_agreed(&self, would: &Report, stop: &Stop) -> anyhow::Result<bool> {
        let going: Vec<&Row> =
            would.rows.iter().filter(|(_, outcome)| *outcome == Outcome::Would).map(|(row, _)| row).collect();
        if going.is_empty() {
            return Ok(true);
        }
        if !io::stdin().is_terminal() {
            return Err(hinted(
                "nobody can be asked here: standard input is no terminal",
                "look at what would be done without --execute, then say --yes",
            ));
        }
        self.ask(&going)?;
        // A thread of its own: nothing can end a read of the terminal, and nobody waits for it after Ctrl-C.
        let (sender, answer) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = io::stdin().lock().read_line(&mut line);
            let _ = sender.send(read.map(|_| line));
        });
        tokio::select! {
            answer = answer => Ok(answer.context("nothing was answered")??.trim() == going.len().to_string()),
            () = stop.stopped() => Ok(false),
        }
    }

    fn ask(&self, going: &[&Row]) -> io::Result<()> {
        let mut of: BTreeMap<String, usize> = BTreeMap::new();
        for row in going {
            *of.entry(row.account_name()).or_default() += 1;
        }
        let size = bytes(going.iter().map(|row| row.size).sum());
        let verb = if self.tier.is_some() { "move to another tier" } else { "delete" };
        let accounts: Vec<String> =
            of.iter().map(|(name, count)| format!("{} of {}", files(*count), visible(name))).collect();
        let mut out = io::stderr().lock();
        writeln!(out, "About to {verb}: {}; {size}", accounts.join(", "))?;
        if self.archive.is_some() && self.tier.is_none() {
            writeln!(out, "Each is fetched and verified first.")?;
        } else if self.no_undo && self.tier.is_none() {
            writeln!(out, "Where an account keeps nothing of what is deleted, it is gone for good.")?;
        }
        write!(out, "Type the number of files to go on: ")?;
        out.flush()
    }

    fn tell(&self, event: &Event<'_>) {
        let Event::Row { row, outcome } = event else { return };
        let line = if self.json {
            let told = json!({
                "account": row.account,
                "container": row.container,
                "name": row.name,
                "size": row.size,
                "etag": row.etag,
                "result": outcome,
            });
            format!("{told}\n")
        } else if outcome.is_trouble() {
            return warn(&place(row), &outcome.to_string());
        } else if **outcome == Outcome::NotTried {
            return;
        } else {
            let said = match outcome {
                Outcome::Would if self.tier.is_some() => "would be moved".to_owned(),
                Outcome::Would => "would be deleted".to_owned(),
                outcome => outcome.to_string(),
            };
            format!("{}  {}  {}\n", visible(&place(row)), bytes(row.size), visible(&said))
        };
        // Who does not listen any more does not stop it: Ctrl-C does.
        let _ = output::print(line.as_bytes());
    }

    fn sum_up(&self, report: &Report) -> anyhow::Result<()> {
        for (target, outcome) in &report.settled {
            let what = format!("{}/{}", target.container, target.name);
            warn(&what, &format!("left open by an earlier run: {outcome}"));
        }
        if let Some(why) = &report.stopped {
            warn("not all of the plan was tried", why);
        }
        if self.json {
            return Ok(());
        }
        let mut sums: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
        for (row, outcome) in &report.rows {
            let sum = sums.entry(kind(outcome)).or_default();
            sum.0 += 1;
            sum.1 += row.size;
        }
        let mut sheet = Sheet::new(format!("Plan {}", self.plan.display()));
        for (kind, (count, size)) in sums {
            sheet.line(kind, format!("{}, {}", files(count), bytes(size)));
        }
        if report.rows.is_empty() {
            sheet.line("files", "none are left in it");
        }
        if !self.execute && report.count(|outcome| *outcome == Outcome::Would) == 0 {
            sheet.line("next", "nothing was changed, and nothing would be");
        } else if !self.execute {
            sheet.line("next", "nothing was changed; the same command with --execute does it");
        } else if report.count(|outcome| matches!(outcome, Outcome::Deleted | Outcome::FoundGone)) > 0 {
            sheet.line("undo", "`capkeep orphans restore` tells what can be brought back");
        }
        draw(&Printing::plain(false), &sheet)
    }

    /// An error, with what can be done about it.
    fn told(&self, error: Error) -> anyhow::Error {
        let hint = match &error {
            Error::NoPlan(_) | Error::PlanVersion(_) => "`capkeep orphans plan -o FILE` writes one".to_owned(),
            Error::PlanChanged(_) => {
                "rows may be deleted from a plan, and nothing else may be changed: make a new one".to_owned()
            }
            Error::NoUndo { accounts } if accounts.iter().all(|account| account.starts_with("file:")) => {
                "a folder keeps nothing of what is deleted: keep copies with --archive FOLDER, or agree with --no-undo"
                    .to_owned()
            }
            Error::NoUndo { .. } => {
                "turn on soft delete (`az storage account blob-service-properties update --enable-delete-retention true \
                 --delete-retention-days 14 --account-name NAME`),\nkeep copies with --archive FOLDER, or agree with --no-undo"
                    .to_owned()
            }
            Error::NoWorld(_) => "nothing was done: without them a capture that exists could lose its file".to_owned(),
            Error::LogLocked { .. } => "wait until it has ended".to_owned(),
            Error::LogDamaged { path, .. } => format!(
                "nothing was done; look at it, then move it away: mv {} {}.damaged",
                path.display(),
                path.display()
            ),
            _ => return anyhow::Error::new(error),
        };
        let what = match &error {
            Error::NoPlan(_) | Error::PlanVersion(_) | Error::PlanChanged(_) => {
                format!("{}: {error}", self.plan.display())
            }
            error => error.to_string(),
        };
        hinted(what, hint)
    }
}

/// What an outcome is summed up under.
const fn kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Would => "would go",
        Outcome::Deleted | Outcome::FoundGone => "deleted",
        Outcome::Moved | Outcome::FoundDone => "moved",
        Outcome::Restored { .. } => "restored",
        Outcome::Gone => "gone already",
        Outcome::Changed => "changed, kept",
        Outcome::Kept { .. } => "protected, kept",
        Outcome::Saved { .. } => "no orphans, kept",
        Outcome::Failed { .. } | Outcome::NotDone => "failed, kept",
        Outcome::Unclear { .. } => "not known",
        Outcome::NotTried => "not tried",
    }
}

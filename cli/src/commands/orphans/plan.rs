//! `capkeep orphans plan`.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use capkeep_cleanup::{Pattern, Plan, Scope as Looked, Selection, Unplanned, Verdict};

use super::list::{find, prices, tell_lacks};
use super::scope::Scope;
use super::survey::Survey;
use super::words::{bytes, files, money};
use super::{block_on, by};
use crate::commands::Done;
use crate::commands::capture::{Printing, Sheet};
use crate::failure::hinted;
use crate::units::seconds;

/// Write down which files shall go, for a person to read; changes nothing
///
/// The plan is a file of JSON with a row for each file: where it is, its size, its version (entity tag), the verdict and what
/// speaks for it. Read it. You may delete rows from it; any other change makes it invalid, so that nothing gets into it by
/// accident.
///
/// Only orphans get into a plan, never what is live, unsure or unknown. What a lease, a legal hold or an immutability
/// policy protects is left out.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(super) struct PlanCommand {
    /// File to write the plan to; it must not be there yet
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,

    /// Only files that were written at least so long ago: 30d, 12h
    #[arg(long, value_name = "SPAN", value_parser = seconds, help_heading = "What shall go")]
    older_than: Option<i64>,

    /// Only files with these verdicts [default: all three]
    #[arg(long, value_name = "VERDICT", value_delimiter = ',', help_heading = "What shall go")]
    verdict: Vec<Going>,

    /// Only files that this pattern fits (`*`, `?`, `[ab]`; repeatable): a name, CONTAINER/NAME, ACCOUNT/CONTAINER/NAME, or the
    /// name of a machine
    #[arg(long, value_name = "PATTERN", help_heading = "What shall go")]
    only: Vec<String>,

    /// No files that this pattern fits (repeatable)
    #[arg(long, value_name = "PATTERN", help_heading = "What shall go")]
    keep_out: Vec<String>,

    /// Leave out so many newest files of each machine
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "What shall go")]
    keep_newest: usize,

    /// Prices in TOML: `capkeep orphans list --print-prices` shows the usual ones
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,

    /// Show no progress
    #[arg(long, short)]
    quiet: bool,

    /// Print what is about the plan as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    scope: Scope,
}

/// Verdicts that a file may go with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Going {
    /// Its capture is known, and gone
    Orphan,
    /// Machine and time match no capture
    OrphanByPath,
    /// The same, and the machine is gone too
    VmGone,
}

const AFTER_HELP: &str = "\
Examples:
  capkeep orphans plan -o plan.json --older-than 30d
  capkeep orphans plan -o plan.json --verdict orphan --keep-newest 1
      Only files whose capture is known to be gone, and not the newest of any machine.
  jq -r '.rows[] | [.size, .verdict, .evidence, .name] | @tsv' plan.json
      To read it.";

impl PlanCommand {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        let is_there = || {
            hinted(
                format!("{} is there already", self.out.display()),
                "a plan that somebody may have read is not replaced: choose another name, or remove it",
            )
        };
        if self.out.exists() {
            return Err(is_there());
        }
        let selection = self.selection()?;
        let prices = prices(self.prices.as_ref())?;
        let survey = Survey::new(&self.scope, self.quiet);
        let found = block_on(find(&survey, &prices, |row| row.verdict.may_go()))?;
        drop(survey);
        let besides = |(verdict, (count, ..)): (&Verdict, &(usize, u64, f64))| {
            (!verdict.may_go()).then_some((*verdict, *count))
        };
        let made = Unplanned {
            seen: found.totals.iter().filter_map(besides).collect(),
            by: by(),
            scope: Looked {
                subscriptions: found.subscriptions,
                accounts: found.accounts,
                asked: self.asked(),
                min_age_s: self.scope.rules(None).min_age.as_secs(),
                incomplete: found.lacks.clone(),
            },
            cost: String::new(),
        };
        let plan = Plan::new(found.rows, &selection, made, jiff::Timestamp::now())?;
        let cost: f64 = plan.rows.iter().map(|row| prices.of(row.size, row.tier.as_deref())).sum();
        let cost = format!("{} {}", money(cost), prices.currency());
        let plan = plan.with_cost(format!("{cost} ({})", prices.about()))?;
        let text = plan.write()?;
        let written = std::fs::OpenOptions::new().write(true).create_new(true).open(&self.out);
        let written = match written {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(is_there()),
            written => written.and_then(|mut file| file.write_all(text.as_bytes())),
        };
        written.with_context(|| format!("cannot write {}", self.out.display()))?;
        let mut sheet = Sheet::new(format!("Plan {}", self.out.display()));
        let (count, size) = (plan.rows.len(), plan.header.bytes);
        sheet.line("shall go", format!("{}, {}, {cost} a month", files(count), bytes(size)));
        for (what, count) in &plan.header.left_out {
            sheet.line("left out", format!("{}: {what}", files(*count)));
        }
        for verdict in [Verdict::Live, Verdict::Unsure, Verdict::Unknown] {
            if let Some(count) = plan.header.seen.get(verdict.words()) {
                sheet.line("stay", format!("{}: {verdict}", files(*count)));
            }
        }
        sheet.line("next", "nothing was changed; read the plan, delete the rows you want to keep, then");
        sheet.line("", format!("capkeep orphans apply {}   tells what it would do", self.out.display()));
        Printing::plain(self.json).one(&plan.header, &sheet)?;
        tell_lacks(&found.lacks);
        Ok(if found.lacks.is_empty() { Done::Fully } else { Done::Partly })
    }

    fn selection(&self) -> anyhow::Result<Selection> {
        let patterns =
            |all: &[String]| all.iter().map(|text| Pattern::new(text)).collect::<Result<Vec<_>, _>>();
        let mut selection = Selection {
            older_than: self.older_than.map(|span| Duration::from_secs(span.unsigned_abs())),
            only: patterns(&self.only)?,
            keep_out: patterns(&self.keep_out)?,
            keep_newest: self.keep_newest,
            ..Selection::default()
        };
        if !self.verdict.is_empty() {
            let verdict = |going: &Going| match going {
                Going::Orphan => Verdict::Orphan,
                Going::OrphanByPath => Verdict::OrphanByPath,
                Going::VmGone => Verdict::VmGone,
            };
            selection.verdicts = self.verdict.iter().map(verdict).collect();
        }
        Ok(selection)
    }

    /// What was asked for, as it is written.
    fn asked(&self) -> String {
        let mut words = vec![self.scope.asked()];
        words.extend(self.older_than.map(|span| format!("--older-than {span}s")));
        let verdicts: Vec<String> = self.verdict.iter().map(|going| format!("{going:?}")).collect();
        words.extend((!verdicts.is_empty()).then(|| format!("--verdict {}", verdicts.join(","))));
        words.extend(self.only.iter().map(|pattern| format!("--only {pattern:?}")));
        words.extend(self.keep_out.iter().map(|pattern| format!("--keep-out {pattern:?}")));
        words.extend((self.keep_newest > 0).then(|| format!("--keep-newest {}", self.keep_newest)));
        words.join(" ")
    }
}

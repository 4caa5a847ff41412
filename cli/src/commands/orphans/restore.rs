//! `capkeep orphans restore`.

use std::path::PathBuf;

use anyhow::Context;
use capkeep_cleanup::{AuditLog, Gone, Journal, Outcome, Pattern, Plan, gone, restore};
use capkeep_report::terminal::visible;
use capkeep_storage::download::Stop;
use serde_json::json;

use super::around::{Around, until_stopped};
use super::scope::Scope;
use super::survey::Survey;
use super::words::{bytes, draw, files};
use super::{audit_log, block_on, by};
use crate::commands::Done;
use crate::commands::capture::{Printing, Sheet};
use crate::failure::{hinted, interrupted, warn};
use crate::output;
use crate::units::seconds;

/// Bring back what apply deleted, as the audit log knows it; without --execute nothing is changed
///
/// What the account still keeps comes first: a soft delete is taken back, the last version becomes the current one again.
/// Otherwise the copy in the archive is verified and uploaded, with the metadata and tags the blob had. A blob that is
/// there now is never replaced.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(super) struct Restore {
    /// Only blobs that one of these patterns fits (`*`, `?`, `[ab]`): a name, CONTAINER/NAME or ACCOUNT/CONTAINER/NAME [default: all]
    #[arg(value_name = "PATTERN")]
    patterns: Vec<String>,

    /// Only what was deleted by this plan
    #[arg(long, value_name = "PLAN")]
    plan: Option<PathBuf>,

    /// Only what was deleted in this span until now: 1h, 7d
    #[arg(long, value_name = "SPAN", value_parser = seconds)]
    since: Option<i64>,

    /// Do it
    #[arg(long)]
    execute: bool,

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

const AFTER_HELP: &str = "\
Examples:
  capkeep orphans restore
      What was deleted, and whether it can be brought back.
  capkeep orphans restore --since 1h --execute
      All that was deleted in the last hour.
  capkeep orphans restore '*packetcapture_11_55_33_090.cap' --execute";

impl Restore {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        let path = audit_log(self.audit.as_ref())?;
        let journal = Journal::read(&path)?;
        if let Some((line, what)) = journal.damage {
            let so_far = format!("line {line} {what}; what comes before it counts");
            warn(&path.display().to_string(), &so_far);
        }
        let gone = self.chosen(gone(&journal))?;
        if gone.is_empty() {
            return Err(hinted(
                "nothing that fits was deleted and is still gone",
                format!(
                    "the audit log is {}; patterns and --since leave out what they do not fit",
                    path.display()
                ),
            ));
        }
        let survey = Survey::new(&self.scope, self.quiet);
        let stop = Stop::new();
        let around = Around::new(&survey, None, None, stop.clone())?;
        let mut log = if self.execute { Some(AuditLog::open(&path)?) } else { None };
        let all = block_on(async {
            if let Err(error) = around.begin().await {
                warn("not listed", &format!("{error:#}; accounts are opened by their address"));
            }
            let on = |gone: &Gone, outcome: &Outcome| self.tell(gone, outcome);
            Ok(until_stopped(&stop, restore(gone, &around, &by(), log.as_mut(), &on)).await?)
        })?;
        let is_back = |outcome: &Outcome| matches!(outcome, Outcome::Restored { .. } | Outcome::Would);
        let back = all.iter().filter(|restored| is_back(&restored.outcome)).count();
        if !self.json {
            let mut sheet = Sheet::new("Blobs to restore");
            sheet.line(if self.execute { "restored" } else { "could be restored" }, files(back));
            if back < all.len() {
                sheet.line("not", files(all.len() - back));
            }
            if !self.execute && back > 0 {
                sheet.line("next", "nothing was changed; the same command with --execute does it");
            }
            draw(&Printing::plain(false), &sheet)?;
        }
        if stop.is_stopped() {
            return Err(interrupted("interrupted", "the same command goes on where this one was"));
        }
        Ok(if back == all.len() { Done::Fully } else { Done::Partly })
    }

    fn chosen(&self, mut all: Vec<Gone>) -> anyhow::Result<Vec<Gone>> {
        let patterns: Vec<Pattern> =
            self.patterns.iter().map(|text| Pattern::new(text)).collect::<Result<_, _>>()?;
        let plan = match &self.plan {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                Some(Plan::read(&text).with_context(|| path.display().to_string())?)
            }
            None => None,
        };
        let since = self.since.map(|span| jiff::Timestamp::now().as_second().saturating_sub(span));
        all.retain(|gone| {
            let target = &gone.target;
            let in_container = format!("{}/{}", target.container, target.name);
            let names = [
                target.name.clone(),
                format!("{}/{in_container}", target.account.rsplit('/').next().unwrap_or_default()),
                format!("{}/{in_container}", account(gone)),
                in_container,
            ];
            let fits = |pattern: &Pattern| names.iter().any(|name| pattern.fits(name));
            (patterns.is_empty() || patterns.iter().any(fits))
                && plan.as_ref().is_none_or(|plan| gone.plan.as_deref() == Some(plan.digest()))
                && since.is_none_or(|since| gone.at.as_second() >= since)
        });
        Ok(all)
    }

    fn tell(&self, gone: &Gone, outcome: &Outcome) {
        let target = &gone.target;
        let line = if self.json {
            let told = json!({
                "account": target.account,
                "container": target.container,
                "name": target.name,
                "size": target.size,
                "deleted": gone.at,
                "result": outcome,
            });
            format!("{told}\n")
        } else {
            let place = format!("{}/{}/{}", account(gone), target.container, target.name);
            if outcome.is_trouble() {
                return warn(&place, &outcome.to_string());
            }
            let said = match outcome {
                Outcome::Would => "can be restored".to_owned(),
                Outcome::Kept { .. } => "not restored: a blob is there now".to_owned(),
                outcome => outcome.to_string(),
            };
            format!("{}  {}  {}\n", visible(&place), bytes(target.size), visible(&said))
        };
        // Who does not listen any more does not stop it: Ctrl-C does.
        let _ = output::print(line.as_bytes());
    }
}

/// Name of the account.
fn account(gone: &Gone) -> &str {
    let rest = gone.target.account.split_once("://").map_or(gone.target.account.as_str(), |(_, rest)| rest);
    match rest.rsplit_once('/') {
        Some((_, name)) => name,
        None => rest.split('.').next().unwrap_or(rest),
    }
}

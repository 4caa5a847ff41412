//! `capkeep orphans tag`.

use capkeep_cleanup::{CaptureFile, Decider, Facts, Prices, Row, Source, Verdict, tag};
use capkeep_report::terminal::visible;
use serde_json::json;

use super::around::noted;
use super::list::{find, tell_lacks};
use super::scope::Scope;
use super::survey::Survey;
use super::words::{draw, files, place};
use super::{block_on, whoever};
use crate::commands::Done;
use crate::commands::capture::{Printing, Sheet};
use crate::failure::warn;
use crate::ledger::{FileDeed, FileNote, Ledger};
use crate::output;
use capkeep_storage::Location;

/// Write on blobs whose they were, as the ledger of this machine knows it; without --execute nothing is changed
///
/// A file whose capture is gone tells nothing of it. What this machine's ledger remembers is written on the blob as metadata
/// and index tags: name and id of the capture, its machine, its times, who. Every colleague and every tool can read it
/// then. `capkeep capture delete` does the same beforehand.
///
/// The content stays as it is. Writing metadata makes a new version (entity tag) of the blob, so make plans afterwards.
#[derive(Debug, clap::Args)]
pub(super) struct Tag {
    /// Do it
    #[arg(long)]
    execute: bool,

    /// Print one JSON object per file
    #[arg(long)]
    json: bool,

    /// Show no progress
    #[arg(long, short)]
    quiet: bool,

    #[command(flatten)]
    scope: Scope,
}

impl Tag {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        let survey = Survey::new(&self.scope, self.quiet);
        let prices = Prices::chosen()?;
        // Only what the ledger knows, and what fits to what it knows.
        let is_wanted = |row: &Row| {
            row.verdict == Verdict::Orphan
                && row.facts.as_ref().is_some_and(|facts| facts.source == Source::Ledger)
        };
        let (found, wrong) = block_on(async {
            let found = find(&survey, &prices, is_wanted).await?;
            tell_lacks(&found.lacks);
            let mut wrong = 0;
            if self.execute && !found.rows.is_empty() {
                let ledger = Ledger::open()?;
                // The captures of now: what was found a while ago may have changed.
                let look = survey.look().await?;
                let accounts = survey.accounts(&look)?;
                let decider = Decider::new(look.world, self.scope.rules(None));
                for row in &found.rows {
                    let done = match accounts.iter().find(|account| account.url() == row.account) {
                        Some(account) => {
                            self.one(&survey, &account.at, account.is_told, &decider, row, &ledger).await
                        }
                        None => Err(anyhow::anyhow!("its account is not to be seen any more")),
                    };
                    if let Err(error) = done {
                        wrong += 1;
                        warn(&place(row), &format!("{error:#}"));
                    }
                }
            }
            anyhow::Ok((found, wrong))
        })?;
        drop(survey);
        if !self.execute {
            for row in &found.rows {
                self.tell(row, "would be tagged")?;
            }
        }
        if !self.json {
            let mut sheet = Sheet::new("Blobs to tag");
            let what = if self.execute { "tagged" } else { "would be tagged" };
            sheet.line(what, files(found.rows.len() - wrong));
            if !self.execute && !found.rows.is_empty() {
                sheet.line("next", "nothing was changed; the same command with --execute does it");
            }
            draw(&Printing::plain(false), &sheet)?;
        }
        Ok(if wrong == 0 && found.lacks.is_empty() { Done::Fully } else { Done::Partly })
    }

    async fn one(
        &self,
        survey: &Survey<'_>,
        at: &Location,
        is_told: bool,
        decider: &Decider,
        row: &Row,
        ledger: &Ledger,
    ) -> anyhow::Result<()> {
        let store = survey.stores.open(at, is_told)?;
        let blob = store.head(&row.blob()).await?;
        let known = row.facts.as_deref();
        let file = CaptureFile { account: store.account(), blob: &blob, facts: known };
        let finding = decider.decide(&file, jiff::Timestamp::now());
        let Some(known) = known.filter(|_| blob.etag == row.etag && finding.verdict == Verdict::Orphan)
        else {
            anyhow::bail!("not tagged: it changed, or it is {} now", finding.verdict);
        };
        let facts = Facts { by: whoever(), ..known.clone() };
        let (etag, refused) = tag(store.as_ref(), &blob, &facts).await?;
        if let Some(refused) = refused {
            warn(&place(row), &format!("has metadata now, and no index tags: {refused}"));
        }
        let note = FileNote { etag: etag.as_str().to_owned(), ..noted(store.as_ref(), row) };
        ledger.note_file(FileDeed::Tagged, &note)?;
        self.tell(row, "tagged")
    }

    fn tell(&self, row: &Row, what: &str) -> anyhow::Result<()> {
        let name = row.facts.as_ref().and_then(|facts| facts.name.clone()).unwrap_or_default();
        if self.json {
            let line = json!({
                "account": row.account,
                "container": row.container,
                "name": row.name,
                "capture": row.facts.as_ref().and_then(|facts| facts.capture.clone()),
                "result": what,
            });
            return output::print(format!("{line}\n").as_bytes());
        }
        output::print(format!("{}  {what} as of {}\n", visible(&place(row)), visible(&name)).as_bytes())
    }
}

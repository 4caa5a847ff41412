//! `capkeep orphans list`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use capkeep_cleanup::{Decider, Prices, Row, Verdict};
use capkeep_report::{Column, Table, Value};
use clap::ValueEnum;
use serde::Serialize;
use serde_json::json;

use super::block_on;
use super::scope::Scope;
use super::survey::{Remembered, Survey, Totals};
use super::words::{age, count, day, draw, money, place, write_totals};
use crate::commands::Done;
use crate::commands::capture::{Printing, Sheet};
use crate::failure::warn;
use crate::output;

/// Show capture files, what became of their captures, and what they cost; changes nothing
///
/// All captures of all subscriptions, regions and watchers that you see are compared with all files of all storage accounts
/// that you see. What could not be listed completely is told, and whatever depends on it is unsure and not an orphan.
///
/// The costs are estimates: see --prices.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
#[allow(clippy::struct_excessive_bools)] // switches of a command line
pub(super) struct List {
    /// Show files with these verdicts only [default: all but live and unknown]
    #[arg(long, value_name = "VERDICT", value_delimiter = ',')]
    verdict: Vec<Kind>,

    /// Show all files
    #[arg(long, conflicts_with = "verdict")]
    all: bool,

    /// Show what speaks for each verdict
    #[arg(long)]
    why: bool,

    /// Rows of the table, dearest first; 0 shows all
    #[arg(long, value_name = "N", default_value_t = 50)]
    top: usize,

    /// Prices in TOML, instead of those that `capkeep orphans list --print-prices` shows
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,

    /// Print the prices that are used otherwise, to be edited
    #[arg(long)]
    print_prices: bool,

    /// Show no progress
    #[arg(long, short)]
    quiet: bool,

    #[command(flatten)]
    printing: Printing,

    #[command(flatten)]
    scope: Scope,
}

/// A verdict, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Its capture exists
    Live,
    /// Its capture is known, and gone
    Orphan,
    /// Machine and time match no capture
    OrphanByPath,
    /// The same, and the machine is gone too
    VmGone,
    /// Not named by the service, and nothing is known of it
    Unknown,
    /// Something it depends on is not known
    Unsure,
}

impl Kind {
    pub(super) const fn verdict(self) -> Verdict {
        match self {
            Self::Live => Verdict::Live,
            Self::Orphan => Verdict::Orphan,
            Self::OrphanByPath => Verdict::OrphanByPath,
            Self::VmGone => Verdict::VmGone,
            Self::Unknown => Verdict::Unknown,
            Self::Unsure => Verdict::Unsure,
        }
    }
}

const AFTER_HELP: &str = "\
Examples:
  capkeep orphans list
      Files whose capture is gone, and those nothing certain can be said of.
  capkeep orphans list --why --verdict unsure
      Why something is not certain.
  capkeep orphans list --account logs --json | jq '.files[] | select(.size > 1e9)'
  capkeep orphans list --account 'https://logs.blob.core.windows.net/own?sv=…&sig=…'
      One container, with a signature (SAS).";

/// What was found, apart from what is not shown.
pub(super) struct Found {
    pub(super) rows: Vec<Row>,
    pub(super) totals: Totals,
    /// What could not be listed.
    pub(super) lacks: Vec<String>,
    pub(super) subscriptions: Vec<String>,
    pub(super) accounts: Vec<String>,
}

/// Looks at everything, and keeps the rows that are wanted.
pub(super) async fn find(
    survey: &Survey<'_>,
    prices: &Prices,
    wanted: impl Fn(&Row) -> bool + Sync,
) -> anyhow::Result<Found> {
    let look = survey.look().await?;
    let accounts = survey.accounts(&look)?;
    let remembered = Remembered::load()?;
    let mut lacks = look.lacks;
    let subscriptions = look.world.subscriptions.keys().cloned().collect();
    let decider = Decider::new(look.world, survey.scope.rules(None));
    let found: Mutex<(Vec<Row>, Totals)> = Mutex::default();
    let sink = |row: Row| {
        let (rows, totals) = &mut *found.lock().unwrap_or_else(PoisonError::into_inner);
        count(totals, &row, prices);
        if wanted(&row) {
            rows.push(row);
        }
    };
    lacks.extend(survey.files(&accounts, &decider, &remembered, &sink).await);
    let (rows, totals) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let accounts = accounts.iter().map(super::survey::Account::url).collect();
    Ok(Found { rows, totals, lacks, subscriptions, accounts })
}

/// The prices that were named, or the usual ones.
pub(super) fn prices(named: Option<&PathBuf>) -> anyhow::Result<Prices> {
    let Some(path) = named else { return Ok(Prices::chosen()?) };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Prices::read(&text).with_context(|| format!("cannot use {}", path.display()))
}

/// Tells what could not be listed.
pub(super) fn tell_lacks(lacks: &[String]) {
    for lack in lacks {
        warn("not listed completely", lack);
    }
}

impl List {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        if self.print_prices {
            output::print(Prices::text().as_bytes())?;
            return Ok(Done::Fully);
        }
        let prices = prices(self.prices.as_ref())?;
        let chosen: BTreeSet<Verdict> = if self.all {
            Verdict::ALL.iter().copied().collect()
        } else if self.verdict.is_empty() {
            let is_usual = |verdict: &Verdict| !matches!(verdict, Verdict::Live | Verdict::Unknown);
            Verdict::ALL.iter().copied().filter(is_usual).collect()
        } else {
            self.verdict.iter().map(|kind| kind.verdict()).collect()
        };
        let survey = Survey::new(&self.scope, self.quiet);
        let mut found = block_on(find(&survey, &prices, |row| chosen.contains(&row.verdict)))?;
        drop(survey);
        let cost = |row: &Row| prices.of(row.size, row.tier.as_deref());
        found.rows.sort_unstable_by(|a, b| {
            cost(b)
                .total_cmp(&cost(a))
                .then_with(|| (&a.account, &a.container, &a.name).cmp(&(&b.account, &b.container, &b.name)))
        });
        if self.printing.is_for_people() {
            self.draw(&found, &prices)?;
        } else {
            self.write(&found, &prices)?;
        }
        tell_lacks(&found.lacks);
        Ok(if found.lacks.is_empty() { Done::Fully } else { Done::Partly })
    }

    fn draw(&self, found: &Found, prices: &Prices) -> anyhow::Result<()> {
        let now = jiff::Timestamp::now();
        let top = if self.top == 0 { usize::MAX } else { self.top };
        let mut columns = vec![
            Column::words("verdict").whole(),
            Column::words("machine").at_least(8),
            Column::words("session").whole().drop(2),
            Column::number("size"),
            Column::number("age"),
            Column::number("a month"),
            Column::words("fetched").whole().drop(3),
            Column::words("report").whole().drop(4),
            Column::words("file").at_least(20),
        ];
        if self.why {
            columns.push(Column::words("why").whole());
        }
        let last = |id: &str| id.rsplit('/').next().unwrap_or_default().to_owned();
        let rows = found.rows.iter().take(top).map(|row| {
            let facts = row.facts.as_deref();
            let fetched = facts.and_then(|facts| facts.fetched);
            let report = facts.is_some_and(|facts| facts.has_report);
            let cost = prices.of(row.size, row.tier.as_deref());
            let mut values = vec![
                Value::text(row.verdict.words()),
                row.machine.as_deref().map_or(Value::Nothing, |id| Value::Text(last(id))),
                row.began.map_or(Value::Nothing, |time| Value::Text(day(time))),
                Value::Bytes(row.size),
                Value::Text(age(row.written(), now)),
                Value::Text(money(cost)),
                fetched.map_or(Value::Nothing, |time| Value::Text(day(time))),
                Value::text(if report { "yes" } else { "" }),
                Value::Path(place(row)),
            ];
            if self.why {
                values.push(Value::text(&row.evidence));
            }
            values
        });
        let rows: Vec<_> = rows.collect();
        let mut notes = Vec::new();
        if found.rows.len() > rows.len() {
            notes.push(format!("and {} more: --top 0 shows all", found.rows.len() - rows.len()));
        }
        let table = Table { title: "Capture files".to_owned(), columns, rows, notes };
        self.printing.many::<()>(&[], table)?;
        let mut sheet = Sheet::new("All together");
        write_totals(&mut sheet, &found.totals, prices);
        sheet.line("costs", prices.about());
        let may_go = |totals: &Totals| totals.keys().any(|verdict| verdict.may_go());
        if may_go(&found.totals) {
            sheet.line(
                "next",
                "nothing was changed; `capkeep orphans plan -o plan.json` writes down what could go",
            );
        }
        draw(&self.printing, &sheet)
    }

    /// As JSON, without holding it as a whole.
    fn write(&self, found: &Found, prices: &Prices) -> anyhow::Result<()> {
        const CHUNK: usize = 1 << 16;
        #[derive(Serialize)]
        struct Priced<'a> {
            #[serde(flatten)]
            row: &'a Row,
            cost_per_month: f64,
        }
        let is_lines = self.printing.is_lines();
        let mut out = Vec::with_capacity(2 * CHUNK);
        if !is_lines {
            out.extend_from_slice(b"{\"files\":[\n");
        }
        for (at, row) in found.rows.iter().enumerate() {
            let cost_per_month = prices.of(row.size, row.tier.as_deref());
            if at > 0 && !is_lines {
                out.extend_from_slice(b",\n");
            }
            serde_json::to_writer(&mut out, &Priced { row, cost_per_month })?;
            if is_lines {
                out.push(b'\n');
            }
            if out.len() > CHUNK {
                output::print(&out)?;
                out.clear();
            }
        }
        if !is_lines {
            let totals = found.totals.iter().map(|(verdict, (count, bytes, cost))| {
                json!({ "verdict": verdict, "files": count, "bytes": bytes, "cost_per_month": cost })
            });
            let rest = json!({
                "totals": totals.collect::<Vec<_>>(),
                "incomplete": found.lacks,
                "subscriptions": found.subscriptions,
                "accounts": found.accounts,
                "currency": prices.currency(),
                "prices": prices.about(),
            });
            let rest = rest.to_string();
            out.extend_from_slice(b"\n],");
            out.extend_from_slice(rest.strip_prefix('{').unwrap_or(&rest).as_bytes());
            out.push(b'\n');
        }
        output::print(&out)
    }
}

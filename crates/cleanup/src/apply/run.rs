//! All rows.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt;

use super::fresh::Fresh;
use super::outcome::Outcome;
use super::row::{consider, prepare, send};
use super::settle::settle;
use super::{Event, Listener, Options, Surroundings};
use crate::audit::{AuditLog, Deed, Target, What};
use crate::error::{Error, Result};
use crate::plan::{Plan, Row};
use crate::select::leave_newest;

/// What became of a plan.
#[derive(Debug, Default)]
pub struct Report {
    /// Rows, oldest first, and what became of each.
    pub rows: Vec<(Row, Outcome)>,
    /// What an earlier process had left open, and what became of that.
    pub settled: Vec<(Target, Outcome)>,
    /// Why it ended before the last row, if it did.
    pub stopped: Option<String>,
}

impl Report {
    /// Rows with an outcome that fits.
    pub fn count(&self, fits: impl Fn(&Outcome) -> bool) -> usize {
        self.rows.iter().filter(|(_, outcome)| fits(outcome)).count()
    }
}

/// Tells what [`apply`] would do now. Everything is looked at in the same way, and nothing but reads is sent.
///
/// # Errors
///
/// [`Error::NoWorld`].
pub async fn rehearse(
    plan: &Plan,
    around: &dyn Surroundings,
    options: &Options,
    on: Listener<'_>,
) -> Result<Report> {
    let run = Run::new(around, options, on, None);
    run.fresh.decider().await?;
    Ok(run.all(plan).await)
}

/// Carries out a plan. What an earlier process left open is settled first.
///
/// # Errors
///
/// [`Error::NoUndo`] and [`Error::NoWorld`] before anything was done, and those of the log. What goes wrong with a row is in
/// the report; a log that cannot be written and captures that cannot be listed any more end the run, and the report says
/// so.
pub async fn apply(
    plan: &Plan,
    around: &dyn Surroundings,
    options: &Options,
    log: &mut AuditLog,
    on: Listener<'_>,
) -> Result<Report> {
    let settled = settle(log, around).await?;
    can_be_undone(plan, around, options).await?;
    let begun = What::Begun {
        by: options.by.clone(),
        plan: Some(plan.digest().to_owned()),
        deed: options.deed,
        rows: plan.rows.len(),
    };
    let log = Mutex::new(log);
    let run = Run::new(around, options, on, Some(&log));
    run.fresh.decider().await?;
    run.add(begun)?;
    let mut report = run.all(plan).await;
    report.settled = settled;
    let rows = report.count(|outcome| *outcome != Outcome::NotTried);
    let ended = run.add(What::Ended { rows, why: report.stopped.clone() });
    if report.stopped.is_none() {
        ended?;
    }
    Ok(report)
}

/// Refuses where a delete would be for good.
async fn can_be_undone(plan: &Plan, around: &dyn Surroundings, options: &Options) -> Result<()> {
    if options.deed != Deed::Delete || options.no_undo || options.archive {
        return Ok(());
    }
    let accounts: BTreeSet<&str> = plan.rows.iter().map(|row| row.account.as_str()).collect();
    let mut for_good = Vec::new();
    for account in accounts {
        // An account that cannot be opened fails row by row, which says more.
        let Ok(store) = around.store(account).await else { continue };
        match store.protection().await {
            Ok(protection) if protection.can_undo() => {}
            Ok(_) => for_good.push(format!("{account} (soft delete is off)")),
            Err(error) => {
                for_good.push(format!("{account} (whether soft delete is on is not known: {error})"));
            }
        }
    }
    if for_good.is_empty() { Ok(()) } else { Err(Error::NoUndo { accounts: for_good }) }
}

struct Run<'a> {
    around: &'a dyn Surroundings,
    options: &'a Options,
    on: Listener<'a>,
    fresh: Fresh<'a>,
    /// Nothing in a dry run.
    log: Option<&'a Mutex<&'a mut AuditLog>>,
    /// Deeds that may still be done.
    left: AtomicUsize,
    /// Why no more is done.
    stopped: Mutex<Option<String>>,
}

impl<'a> Run<'a> {
    fn new(
        around: &'a dyn Surroundings,
        options: &'a Options,
        on: Listener<'a>,
        log: Option<&'a Mutex<&'a mut AuditLog>>,
    ) -> Self {
        Self {
            around,
            options,
            on,
            fresh: Fresh::new(around, options, on),
            log,
            left: AtomicUsize::new(options.most.unwrap_or(usize::MAX)),
            stopped: Mutex::new(None),
        }
    }

    async fn all(&self, plan: &Plan) -> Report {
        let mut rows = plan.rows.clone();
        leave_newest(&mut rows, self.options.keep_newest);
        let outcomes: Vec<Outcome> = futures_util::stream::iter(&rows)
            .map(|row| async move {
                let outcome = self.one(row).await;
                (self.on)(Event::Row { row, outcome: &outcome });
                outcome
            })
            .buffered(self.options.at_once.max(1))
            .collect()
            .await;
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner).take();
        Report { rows: rows.into_iter().zip(outcomes).collect(), settled: Vec::new(), stopped }
    }

    async fn one(&self, row: &Row) -> Outcome {
        match self.step(row).await {
            Ok(outcome) => outcome,
            Err(error) => {
                self.stop(&error.to_string());
                Outcome::NotTried
            }
        }
    }

    async fn step(&self, row: &Row) -> Result<Outcome> {
        if self.is_stopped() || self.left.load(Ordering::Relaxed) == 0 {
            return Ok(Outcome::NotTried);
        }
        let mut ready = match consider(row, self.around, &self.fresh).await? {
            Ok(ready) => ready,
            Err(outcome) => return Ok(outcome),
        };
        if !self.takes_one() {
            return Ok(Outcome::NotTried);
        }
        if self.log.is_none() {
            return Ok(Outcome::Would);
        }
        let target = match prepare(row, &ready, self.around, self.options).await {
            Ok(target) => target,
            Err(outcome) => return Ok(outcome),
        };
        if self.options.archive || self.options.summary {
            // That may have taken a while.
            ready = match consider(row, self.around, &self.fresh).await? {
                Ok(ready) => ready,
                Err(outcome) => return Ok(outcome),
            };
        }
        if self.is_stopped() {
            return Ok(Outcome::NotTried);
        }
        let deed = self.options.deed;
        let of = self.add(What::Intent { deed, target: Box::new(target) })?;
        (self.on)(Event::Intended { row });
        let outcome = send(deed, row, ready.store.as_ref()).await;
        (self.on)(Event::Answered { row });
        if let Err(error) = self.add(What::Result { of, outcome: outcome.clone() }) {
            // It was done: that is told, and the next run finds out what this line would have said.
            self.stop(&error.to_string());
        }
        Ok(outcome)
    }

    /// Takes one of the deeds that may still be done.
    fn takes_one(&self) -> bool {
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        taken.is_ok()
    }

    fn is_stopped(&self) -> bool {
        if self.around.is_stopped() {
            self.stop("it was told to stop");
        }
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn stop(&self, why: &str) {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| why.to_owned());
    }

    fn add(&self, what: What) -> Result<u64> {
        let Some(log) = self.log else { return Ok(0) };
        log.lock().unwrap_or_else(PoisonError::into_inner).add(self.around.now(), what)
    }
}

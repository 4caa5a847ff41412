//! Carrying out plans.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use capkeep_cleanup::{
    AuditLog, Deed, Error, Facts, Options, Outcome, Plan, Report, Row, Verdict, apply, rehearse,
};
use capkeep_storage::Tier;
use tempfile::TempDir;

use crate::around::Around;
use crate::model::{Fault, Model};
use crate::words::{at, block_on, capture, orphans, partly, plan};

struct Run {
    folder: TempDir,
    options: Options,
}

impl Run {
    fn new() -> Self {
        let options = Options { at_once: 1, ..Options::new("test") };
        Self { folder: tempfile::tempdir().unwrap(), options }
    }

    fn go(&self, plan: &Plan, around: &Around) -> Result<Report, Error> {
        let mut log = AuditLog::open(&self.folder.path().join("audit.jsonl"))?;
        block_on(apply(plan, around, &self.options, &mut log, &|_| {}))
    }
}

fn outcomes(report: &Report) -> Vec<&Outcome> {
    report.rows.iter().map(|(_, outcome)| outcome).collect()
}

#[test]
fn a_plan_is_carried_out_and_nothing_else() {
    let (store, world) = orphans(4);
    let plan = plan(&world, &store);
    let run = Run::new();
    let report = run.go(&plan, &Around::new(&store, world)).unwrap();
    assert!(report.rows.iter().all(|(_, outcome)| *outcome == Outcome::Deleted));
    assert_eq!(store.names().len(), 2, "the live one and the notes");
    let verbs: Vec<_> = store.writes().into_iter().map(|(verb, _)| verb).collect();
    assert_eq!(verbs, ["delete"; 4]);
}

#[test]
fn a_rehearsal_sends_nothing_but_reads() {
    let (store, world) = orphans(4);
    let plan = plan(&world, &store);
    let around = Around { archive: Some("/nowhere".into()), ..Around::new(&store, world) };
    for (deed, archive) in [(Deed::Delete, false), (Deed::Delete, true), (Deed::Tier(Tier::Cool), false)] {
        let options = Options { deed, archive, summary: true, ..Options::new("test") };
        let report = block_on(rehearse(&plan, &around, &options, &|_| {})).unwrap();
        assert_eq!(outcomes(&report), [&Outcome::Would; 4]);
    }
    assert_eq!(store.writes(), []);
    assert_eq!(store.names().len(), 6);
    assert!(around.summaries.lock().unwrap().is_empty());
}

#[test]
fn a_capture_that_appears_saves_its_file() {
    let (store, world) = orphans(3);
    let plan = plan(&world, &store);
    let mut now = world.clone();
    now.captures.push(capture("s1", "Web1", "new", at(-2.0 * 3_600.0 + 1.45)));
    let report = Run::new().go(&plan, &Around::new(&store, now)).unwrap();
    let saved = |outcome: &Outcome| matches!(outcome, Outcome::Saved { verdict: Verdict::Live, .. });
    assert_eq!(report.count(saved), 1);
    assert!(store.names().iter().any(|name| name.contains("_08_15_")));
    // Or a list that is not complete any more.
    let mut partial = world;
    partial.add_subscription("s1", partly("403"));
    let report = Run::new().go(&plan, &Around::new(&store, partial)).unwrap();
    assert_eq!(report.count(|outcome| matches!(outcome, Outcome::Saved { .. })), 1);
    assert_eq!(report.count(|outcome| *outcome == Outcome::Gone), 2);
}

#[test]
fn captures_are_listed_again_while_it_goes_on() {
    let (store, world) = orphans(6);
    let plan = plan(&world, &store);
    let mut later = world.clone();
    later.captures.push(capture("s1", "Web1", "new", at(-3_600.0 + 1.45)));
    let around = Around::new(&store, world);
    around.worlds.lock().unwrap().push_back(later);
    let mut run = Run::new();
    run.options.batch = 3;
    let report = run.go(&plan, &around).unwrap();
    assert!(around.listed.load(Ordering::Relaxed) >= 2);
    assert!(matches!(outcomes(&report)[5], Outcome::Saved { .. }));
}

#[test]
fn without_the_captures_of_now_nothing_is_done() {
    let (store, world) = orphans(3);
    let plan = plan(&world, &store);
    let around = Around::new(&store, world.clone());
    around.worlds.lock().unwrap().clear();
    assert!(matches!(Run::new().go(&plan, &around), Err(Error::NoWorld(_))));
    assert_eq!(store.writes(), []);
    // Nor any more, once they cannot be listed any more.
    let around = Around::new(&store, world);
    let mut run = Run::new();
    run.options.batch = 2;
    let worlds = &around.worlds;
    let mut log = AuditLog::open(&run.folder.path().join("audit.jsonl")).unwrap();
    let report = block_on(apply(&plan, &around, &run.options, &mut log, &|event| {
        if matches!(event, capkeep_cleanup::Event::Listed { .. }) {
            worlds.lock().unwrap().clear();
        }
    }));
    let report = report.unwrap();
    assert_eq!(outcomes(&report)[2], &Outcome::NotTried);
    assert!(report.stopped.unwrap().contains("throttled"));
}

#[test]
fn what_changed_or_is_protected_stays() {
    let (store, world) = orphans(6);
    let plan = plan(&world, &store);
    let names: Vec<_> = plan.rows.iter().map(Row::blob).collect();
    store.put(&names[0], b"another", at(0.0));
    store.change(&names[1], |blob| blob.is_leased = true);
    store.change(&names[2], |blob| blob.legal_hold = true);
    store.change(&names[3], |blob| blob.immutable_until = Some(at(1e9)));
    store.change(&names[4], |blob| blob.snapshots = 1);
    let report = Run::new().go(&plan, &Around::new(&store, world)).unwrap();
    let found = outcomes(&report);
    assert_eq!(found[0], &Outcome::Changed);
    for outcome in &found[1..5] {
        assert!(matches!(outcome, Outcome::Kept { .. }), "{outcome}");
    }
    assert_eq!(found[5], &Outcome::Deleted);
    assert_eq!(store.names().len(), 7);
}

#[test]
fn a_blob_that_changes_at_the_last_moment_stays() {
    let (store, world) = orphans(1);
    let plan = plan(&world, &store);
    let name = plan.rows[0].blob();
    let around = Around::new(&store, world);
    let run = Run::new();
    let mut log = AuditLog::open(&run.folder.path().join("audit.jsonl")).unwrap();
    let report = block_on(apply(&plan, &around, &run.options, &mut log, &|event| {
        if matches!(event, capkeep_cleanup::Event::Intended { .. }) {
            store.put(&name, b"another", at(0.0));
        }
    }));
    assert_eq!(outcomes(&report.unwrap()), [&Outcome::Changed]);
    assert_eq!(store.names().len(), 3);
}

#[test]
fn an_answer_that_is_lost_is_looked_into() {
    let (store, world) = orphans(4);
    let plan = plan(&world, &store);
    let fault = |row: usize, verb: &'static str, fault: Fault| {
        store.faults.lock().unwrap().insert((verb, plan.rows[row].name.clone()), fault);
    };
    fault(0, "delete", Fault::LostAnswer);
    fault(1, "delete", Fault::Busy);
    fault(2, "delete", Fault::Denied);
    fault(3, "head", Fault::Denied);
    let report = Run::new().go(&plan, &Around::new(&store, world)).unwrap();
    let found = outcomes(&report);
    assert_eq!(found[0], &Outcome::FoundGone);
    for outcome in &found[1..] {
        assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome}");
    }
    assert_eq!(store.names().len(), 5);
}

#[test]
fn where_deletes_are_for_good_that_has_to_be_agreed_to() {
    let (store, world) = orphans(2);
    store.state.lock().unwrap().soft_delete_days = None;
    let plan = plan(&world, &store);
    let mut run = Run::new();
    let around = Around { archive: Some(run.folder.path().into()), ..Around::new(&store, world) };
    let refused = run.go(&plan, &around).unwrap_err();
    assert!(matches!(&refused, Error::NoUndo { accounts } if accounts[0].contains("soft delete is off")));
    assert_eq!(store.writes(), []);
    run.options.most = Some(1);
    run.options.archive = true;
    assert_eq!(run.go(&plan, &around).unwrap().count(|outcome| *outcome == Outcome::Deleted), 1);
    run.options.archive = false;
    run.options.no_undo = true;
    assert_eq!(run.go(&plan, &around).unwrap().count(|outcome| *outcome == Outcome::Deleted), 1);
}

#[test]
fn so_many_at_a_time_get_through_a_plan_oldest_first() {
    let (store, world) = orphans(5);
    let plan = plan(&world, &store);
    let around = Around::new(&store, world);
    let mut run = Run::new();
    run.options.most = Some(2);
    run.options.keep_newest = 1;
    run.options.at_once = 3;
    let mut left = Vec::new();
    for _ in 0..4 {
        run.go(&plan, &around).unwrap();
        left.push(store.names().len());
    }
    assert_eq!(left, [5, 3, 3, 3], "two, two, and the newest stays");
    assert!(store.names().iter().any(|name| name.contains("_09_15_")));
}

#[test]
fn a_copy_that_cannot_be_made_keeps_the_blob() {
    let (store, world) = orphans(2);
    let plan = plan(&world, &store);
    let mut run = Run::new();
    run.options.archive = true;
    let report = run.go(&plan, &Around::new(&store, world)).unwrap();
    assert!(
        report
            .rows
            .iter()
            .all(|(_, outcome)| matches!(outcome, Outcome::Failed { why } if why.contains("no room")))
    );
    assert_eq!(store.writes(), []);
}

#[test]
fn a_summary_that_cannot_be_kept_keeps_the_blob() {
    let (store, world) = orphans(1);
    let facts = Facts {
        capture: Some(crate::words::id("s1", "gone")),
        name: Some("gone".into()),
        ..Facts::default()
    };
    let damaged = crate::words::custom("damaged.cap");
    store.put(&damaged.name, b"x", damaged.modified);
    store.change(&damaged.name, |blob| blob.metadata = capkeep_cleanup::marks(&facts).metadata);
    let plan = plan(&world, &store);
    assert_eq!(plan.rows.len(), 2);
    let mut run = Run::new();
    run.options.summary = true;
    let report = run.go(&plan, &Around::new(&store, world)).unwrap();
    assert_eq!(report.count(|outcome| *outcome == Outcome::Deleted), 1);
    assert!(store.names().contains(&"damaged.cap".to_owned()));
}

#[test]
fn blobs_can_be_moved_to_another_tier_instead() {
    let (store, world) = orphans(2);
    store.state.lock().unwrap().soft_delete_days = None;
    let plan = plan(&world, &store);
    let mut run = Run::new();
    run.options.deed = Deed::Tier(Tier::Archive);
    let report = run.go(&plan, &Around::new(&store, world)).unwrap();
    assert_eq!(outcomes(&report), [&Outcome::Moved; 2]);
    let is_archived = |blob: &capkeep_storage::Blob| blob.tier.as_deref() == Some("Archive");
    assert_eq!(store.blobs().iter().filter(|blob| is_archived(blob)).count(), 2);
}

#[test]
fn it_stops_between_blobs() {
    let (store, world) = orphans(4);
    let plan = plan(&world, &store);
    let around = Around { stop_after: 3, ..Around::new(&store, world) };
    let report = Run::new().go(&plan, &around).unwrap();
    assert_eq!(report.count(|outcome| *outcome == Outcome::Deleted), 1);
    assert_eq!(report.count(|outcome| *outcome == Outcome::NotTried), 3);
    assert!(report.stopped.is_some());
}

#[test]
fn an_account_that_cannot_be_opened_fails_its_rows_only() {
    let (store, world) = orphans(2);
    let other = Model::new("sa2");
    crate::words::fill(&other, 1);
    let mut rows = crate::words::rows(&world, &store);
    rows.extend(crate::words::rows(&world, &other));
    let plan =
        Plan::new(rows, &capkeep_cleanup::Selection::default(), crate::words::made(), crate::words::now());
    let report = Run::new().go(&plan.unwrap(), &Around::new(&store, world)).unwrap();
    assert_eq!(report.count(|outcome| *outcome == Outcome::Deleted), 2);
    assert_eq!(report.count(|outcome| matches!(outcome, Outcome::Failed { .. })), 1);
    assert_eq!(Arc::strong_count(&other), 1);
}

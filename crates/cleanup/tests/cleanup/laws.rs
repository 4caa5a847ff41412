//! Random captures and files: what is planned and deleted, against a model that knows whose each file is.
//!
//! A file is protected if the capture that wrote it exists, whether or not a list shows it; if nothing ties it to a
//! capture; or if it is young.

use std::collections::BTreeSet;
use std::sync::Arc;

use capkeep_cleanup::{
    AuditLog, CaptureFile, Decider, Facts, Options, Outcome, Plan, Row, Rules, Selection, Source, apply,
    marks, rehearse,
};
use capkeep_storage::Store;
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::around::Around;
use crate::model::Model;
use crate::universe::{Kind, Truth, Universe, machine_id, universes};
use crate::words::{LOGS, block_on, made, now};

/// Puts the files of a universe into two accounts, and decides them all.
fn planned(universe: &Universe, files: &[Truth]) -> ([Arc<Model>; 2], Plan) {
    let stores = [Model::new("sa0"), Model::new("sa1")];
    let world = universe.world(|made| made.exists);
    let decider = Decider::new(world, Rules::default());
    let mut rows = Vec::new();
    for truth in files {
        let store = &stores[truth.account];
        store.put(&truth.blob, b"content", truth.written);
        if let Some(facts) = truth.facts.as_ref().filter(|facts| facts.source == Source::Tag) {
            store.change(&truth.blob, |blob| blob.metadata = marks(facts).metadata);
        }
        let blob = block_on(store.head(&truth.blob)).unwrap();
        let of_ledger = truth.facts.clone().filter(|facts| facts.source == Source::Ledger);
        let facts = Facts::joined(Facts::of_blob(&blob), of_ledger);
        let file = CaptureFile { account: store.account(), blob: &blob, facts: facts.as_ref() };
        let finding = decider.decide(&file, now());
        rows.push(Row::new(&url(truth.account), &blob, finding, facts));
    }
    for row in &rows {
        assert!(!row.evidence.is_empty());
    }
    (stores, Plan::new(rows, &Selection::default(), made(), now()).unwrap())
}

fn url(account: usize) -> String {
    format!("https://sa{account}.blob.core.windows.net")
}

fn find<'a>(files: &'a [Truth], row: &Row) -> &'a Truth {
    files.iter().find(|truth| truth.blob == row.blob() && url(truth.account) == row.account).unwrap()
}

fn is_young(truth: &Truth) -> bool {
    now().duration_since(truth.written) < SignedDuration::from_hours(1)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_live_unsure_or_unknown_is_ever_planned(universe in universes()) {
        let files = universe.files();
        let (_, plan) = planned(&universe, &files);
        for row in &plan.rows {
            let truth = find(&files, row);
            let Some(owner) = truth.owner else { panic!("{} is nobody's: {}", row.name, row.evidence) };
            let made = &universe.captures[owner];
            prop_assert!(!made.exists, "{} is live: {}", row.name, row.evidence);
            prop_assert!(!is_young(truth), "{} is young: {}", row.name, row.evidence);
            prop_assert_eq!(universe.listed[made.subscription], 0, "{} depends on a list that lacks something", &row.name);
            if truth.blob.container == "own" {
                prop_assert!(!universe.listed.contains(&1), "{} may be anybody's", row.name);
                prop_assert!(truth.facts.is_some(), "{}: nothing is known of it", row.name);
            }
        }
    }

    #[test]
    fn what_nothing_speaks_for_is_planned(universe in universes()) {
        let files = universe.files();
        let (_, plan) = planned(&universe, &files);
        if universe.listed != [0; 3] {
            return Ok(());
        }
        // Files that the service named, of a machine that has no capture at all any more, nor its group a scale set.
        for truth in &files {
            let Some(made) = truth.owner.map(|owner| &universe.captures[owner]) else { continue };
            let nearby = universe.captures.iter().any(|other| {
                let is_set = matches!(other.kind, Kind::ScaleSet | Kind::FlexibleSet);
                other.exists
                    && other.subscription == made.subscription
                    && (is_set || machine_id(other) == machine_id(made) || other.name == made.name)
            });
            if !nearby && !is_young(truth) && truth.blob.container == LOGS {
                let is_planned = plan.rows.iter().any(|row| row.blob() == truth.blob);
                prop_assert!(is_planned, "{} is left", truth.blob);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn only_what_is_planned_and_still_an_orphan_is_deleted(universe in universes(), at_once in 1..5usize) {
        let files = universe.files();
        let (stores, plan) = planned(&universe, &files);
        let mut changed = BTreeSet::new();
        for (truth, fate) in files.iter().zip(universe.fates.iter().cycle()) {
            let store = &stores[truth.account];
            let key = (truth.account, truth.blob.clone());
            match fate {
                0 => store.put(&truth.blob, b"another", truth.written),
                1 => store.change(&truth.blob, |blob| blob.is_leased = true),
                2 => store.change(&truth.blob, |blob| blob.legal_hold = true),
                3 => store.change(&truth.blob, |blob| blob.snapshots = 1),
                _ => continue,
            }
            changed.insert(key);
        }
        let world = universe.world(|made| made.returns);
        let around = Around {
            stores: (0..2).map(|account| (url(account), Arc::clone(&stores[account]))).collect(),
            ..Around::new(&stores[0], world)
        };
        let options = Options { at_once, ..Options::new("test") };
        let rehearsed = block_on(rehearse(&plan, &around, &options, &|_| {})).unwrap();
        prop_assert!(stores.iter().all(|store| store.writes().is_empty()));
        let folder = tempfile::tempdir().unwrap();
        let mut log = AuditLog::open(&folder.path().join("audit.jsonl")).unwrap();
        let report = block_on(apply(&plan, &around, &options, &mut log, &|_| {})).unwrap();
        for ((row, would), (_, did)) in rehearsed.rows.iter().zip(&report.rows) {
            // A look does not tell of snapshots.
            let is_same = would == did || *would == Outcome::Would;
            prop_assert!(is_same, "{}: {would}, {did}", row.name);
        }
        for truth in &files {
            let is_there = stores[truth.account].names().contains(&truth.blob.name);
            let row = plan.rows.iter().find(|row| row.blob() == truth.blob && row.account == url(truth.account));
            let returns = truth.owner.is_some_and(|owner| universe.captures[owner].returns);
            let is_changed = changed.contains(&(truth.account, truth.blob.clone()));
            if row.is_none() || returns || is_changed {
                prop_assert!(is_there, "{} is gone", truth.blob);
            }
            let outcome = report.rows.iter().find(|(row, _)| row.blob() == truth.blob && row.account == url(truth.account));
            prop_assert_eq!(outcome.is_some_and(|(_, outcome)| *outcome == Outcome::Deleted), !is_there);
        }
    }
}

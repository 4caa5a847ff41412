//! Undoing deletes.

use std::path::Path;
use std::sync::Arc;

use capkeep_cleanup::{AuditLog, Facts, Gone, Journal, Options, Outcome, apply, gone, marks, restore};

use crate::around::Around;
use crate::model::{Fault, Model};
use crate::words::{at, block_on, id, orphans, plan};

/// Deletes three orphans; what is left of them.
fn deleted(
    prepare: impl FnOnce(&Model),
    archive: bool,
) -> (tempfile::TempDir, Arc<Model>, Around, Vec<Gone>) {
    let folder = tempfile::tempdir().unwrap();
    let (store, world) = orphans(3);
    prepare(&store);
    let plan = plan(&world, &store);
    let around = Around { archive: Some(folder.path().into()), ..Around::new(&store, world) };
    let mut log = AuditLog::open(&path(&folder)).unwrap();
    let options = Options { archive, no_undo: true, ..Options::new("test") };
    let report = block_on(apply(&plan, &around, &options, &mut log, &|_| {})).unwrap();
    assert_eq!(report.count(|outcome| *outcome == Outcome::Deleted), 3);
    let gone = gone(log.journal());
    assert_eq!(gone.len(), 3);
    assert!(gone.iter().all(|gone| gone.plan.as_deref() == Some(plan.digest())));
    (folder, store, around, gone)
}

fn path(folder: &tempfile::TempDir) -> std::path::PathBuf {
    folder.path().join("audit.jsonl")
}

fn bring_back(log: &Path, around: &Around, gone: Vec<Gone>) -> Vec<Outcome> {
    let mut log = AuditLog::open(log).unwrap();
    let all = block_on(restore(gone, around, "test", Some(&mut log), &|_, _| {})).unwrap();
    all.into_iter().map(|restored| restored.outcome).collect()
}

fn is_back(outcome: &Outcome, how: &str) -> bool {
    matches!(outcome, Outcome::Restored { how: found } if found.contains(how))
}

#[test]
fn what_was_softly_deleted_is_undeleted() {
    let (folder, store, around, all) = deleted(|_| {}, false);
    let rehearsed = block_on(restore(all.clone(), &around, "test", None, &|_, _| {})).unwrap();
    assert!(rehearsed.iter().all(|restored| restored.outcome == Outcome::Would));
    assert_eq!(store.names().len(), 2);
    let outcomes = bring_back(&path(&folder), &around, all.clone());
    assert!(outcomes.iter().all(|outcome| is_back(outcome, "taken back")), "{outcomes:?}");
    assert_eq!(store.names().len(), 5);
    assert_eq!(gone(&Journal::read(&path(&folder)).unwrap()), []);
    let again = bring_back(&path(&folder), &around, all);
    assert!(again.iter().all(|outcome| matches!(outcome, Outcome::Kept { .. })));
}

#[test]
fn an_older_version_becomes_the_current_one() {
    let (folder, store, around, all) =
        deleted(|store| store.state.lock().unwrap().keeps_versions = true, false);
    let outcomes = bring_back(&path(&folder), &around, all);
    assert!(outcomes.iter().all(|outcome| is_back(outcome, "version")), "{outcomes:?}");
    assert_eq!(store.names().len(), 5);
}

#[test]
fn a_copy_comes_back_with_what_stood_on_the_blob() {
    let facts = Facts { capture: Some(id("s1", "gone")), name: Some("gone".into()), ..Facts::default() };
    let for_good = |store: &Model| {
        let mut state = store.state.lock().unwrap();
        state.soft_delete_days = None;
        for blob in &mut state.blobs {
            let marks = marks(&facts);
            (blob.metadata, blob.tags) = (marks.metadata, marks.tags);
        }
        let is_ours = |name: &str| name.starts_with("subscriptions");
        state.blobs.retain(|blob| is_ours(&blob.name));
    };
    let (folder, store, around, all) = deleted(for_good, true);
    let outcomes = bring_back(&path(&folder), &around, all.clone());
    assert!(outcomes.iter().all(|outcome| is_back(outcome, "archive")), "{outcomes:?}");
    let back: Vec<_> =
        store.blobs().into_iter().filter(|blob| blob.name.name == all[0].target.name).collect();
    assert_eq!(Facts::of_blob(&back[0]).unwrap().name.as_deref(), Some("gone"));
    assert!(back[0].tags.contains_key("capkeep_capture"));
    assert_eq!(store.state.lock().unwrap().blobs.last().unwrap().content, b"orphan 0");
}

#[test]
fn what_is_there_now_is_never_overwritten() {
    let (folder, store, around, all) =
        deleted(|store| store.state.lock().unwrap().soft_delete_days = None, true);
    let name = all[0].target.blob();
    store.put(&name, b"another", at(0.0));
    let outcomes = bring_back(&path(&folder), &around, all);
    assert!(matches!(outcomes[0], Outcome::Kept { .. }));
    let state = store.state.lock().unwrap();
    assert_eq!(state.blobs.iter().find(|blob| blob.name == name.name).unwrap().content, b"another");
}

#[test]
fn what_comes_at_the_last_moment_is_not_overwritten_either() {
    let (folder, store, around, all) =
        deleted(|store| store.state.lock().unwrap().soft_delete_days = None, true);
    let name = all[0].target.blob();
    store.put(&name, b"another", at(0.0));
    store.faults.lock().unwrap().insert(("head", name.name.clone()), Fault::NotYet);
    let outcomes = bring_back(&path(&folder), &around, all);
    assert!(matches!(outcomes[0], Outcome::Kept { .. }), "{}", outcomes[0]);
    let state = store.state.lock().unwrap();
    assert_eq!(state.blobs.iter().find(|blob| blob.name == name.name).unwrap().content, b"another");
}

#[test]
fn a_copy_that_was_touched_is_not_uploaded() {
    let (folder, store, around, all) =
        deleted(|store| store.state.lock().unwrap().soft_delete_days = None, true);
    std::fs::write(&all[0].target.archived.as_ref().unwrap().path, b"rubbish").unwrap();
    std::fs::remove_file(&all[1].target.archived.as_ref().unwrap().path).unwrap();
    let outcomes = bring_back(&path(&folder), &around, all);
    for outcome in &outcomes[..2] {
        assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome}");
    }
    assert!(is_back(&outcomes[2], "archive"));
    assert_eq!(store.names().len(), 3);
}

#[test]
fn what_is_gone_for_good_is_said_to_be() {
    let (folder, _, around, all) =
        deleted(|store| store.state.lock().unwrap().soft_delete_days = None, false);
    for outcome in bring_back(&path(&folder), &around, all) {
        let why = outcome.to_string();
        assert!(why.contains("nothing to bring back") && why.contains("no copy"), "{why}");
    }
}

#[test]
fn what_was_deleted_later_under_the_name_does_not_come_back_instead() {
    let (folder, store, around, all) = deleted(|_| {}, false);
    let name = all[0].target.blob();
    store.put(&name, b"another of another length", at(0.0));
    let etag = store.blobs().into_iter().find(|blob| blob.name == name).unwrap().etag;
    block_on(capkeep_storage::Store::delete(store.as_ref(), &name, &etag)).unwrap();
    let outcomes = bring_back(&path(&folder), &around, all);
    assert!(matches!(outcomes[0], Outcome::Failed { .. }), "{}", outcomes[0]);
}

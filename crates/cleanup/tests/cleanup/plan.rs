//! Plans: what gets into one, and what may be changed about it.

use std::time::Duration;

use capkeep_cleanup::{Error, Pattern, Plan, Row, Selection, Verdict};
use serde_json::Value;

use crate::words::{made, now, orphans, plan, rows};

/// What is changed about a plan, and how.
type Change<'a> = (&'a str, &'a dyn Fn(&mut Value));

#[test]
fn a_plan_is_read_back_as_it_was_written() {
    let (store, world) = orphans(3);
    let plan = plan(&world, &store);
    assert_eq!(plan.rows.len(), 3);
    assert!(plan.rows.is_sorted_by_key(Row::written), "oldest first");
    let read = Plan::read(&plan.write().unwrap()).unwrap();
    assert_eq!(read, plan);
    assert_eq!(read.write().unwrap(), plan.write().unwrap());
    assert_eq!(read.header.seen["live"], 1);
    assert_eq!(read.header.seen["unknown"], 1);
}

#[test]
fn rows_may_be_removed_and_put_into_another_order() {
    let (store, world) = orphans(3);
    let plan = plan(&world, &store);
    let mut json: Value = serde_json::from_str(&plan.write().unwrap()).unwrap();
    let rows = json["rows"].as_array_mut().unwrap();
    rows.remove(1);
    rows.reverse();
    let read = Plan::read(&json.to_string()).unwrap();
    assert_eq!(read.rows, [plan.rows[0].clone(), plan.rows[2].clone()]);
    assert_eq!(read.digest(), plan.digest());
}

#[test]
fn a_plan_that_was_changed_otherwise_is_refused() {
    let (store, world) = orphans(2);
    let text = plan(&world, &store).write().unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    let other = {
        let (store, world) = orphans(3);
        serde_json::from_str::<Value>(&plan(&world, &store).write().unwrap()).unwrap()
    };
    let changes: &[Change<'_>] = &[
        ("a name", &|json| json["rows"][0]["name"] = "x".into()),
        ("a version", &|json| json["rows"][0]["etag"] = "\"9\"".into()),
        ("a verdict", &|json| json["rows"][0]["verdict"] = "live".into()),
        ("a word of evidence", &|json| json["rows"][0]["evidence"] = "because".into()),
        ("a time", &|json| json["made_at"] = "2026-11-24T12:00:00Z".into()),
        ("a new field", &|json| json["rows"][0]["force"] = true.into()),
        ("a new field of the head", &|json| json["force"] = true.into()),
        ("a row without a field", &|json| {
            json["rows"][0].as_object_mut().unwrap().remove("machine");
        }),
        ("a row twice", &|json| {
            let row = json["rows"][0].clone();
            json["rows"].as_array_mut().unwrap().push(row);
        }),
        ("a row of another plan", &|json| json["rows"][0] = other["rows"][0].clone()),
        ("a digest", &|json| json["rows"][0]["digest"] = "00".into()),
        ("the version of the form", &|json| json["version"] = 2.into()),
        ("what it calls itself", &|json| json["plan"] = "groceries".into()),
    ];
    for (what, change) in changes {
        let mut json = json.clone();
        change(&mut json);
        assert!(Plan::read(&json.to_string()).is_err(), "{what}");
    }
    assert!(Plan::read(&json.to_string()).is_ok());
    for cut in 0..text.len() - 1 {
        assert!(Plan::read(&text[..cut]).is_err(), "cut at {cut}");
    }
    let newer = text.replace("\"version\": 1", "\"version\": 7");
    assert!(matches!(Plan::read(&newer), Err(Error::PlanVersion(7))));
}

#[test]
fn a_row_that_may_not_go_is_refused_even_with_a_digest_that_fits() {
    let (store, world) = orphans(1);
    let mut plan = plan(&world, &store);
    plan.rows[0].verdict = Verdict::Live;
    assert!(matches!(Plan::read(&plan.write().unwrap()), Err(Error::PlanChanged(_))));
}

#[test]
fn a_selection_takes_what_it_is_told_to() {
    let (store, world) = orphans(6);
    let all = rows(&world, &store);
    let count = |selection: &Selection| Plan::new(all.clone(), selection, made(), now()).unwrap().rows.len();
    let pattern = |text: &str| vec![Pattern::new(text).unwrap()];
    let usual = Selection::default();
    assert_eq!(count(&usual), 6);
    assert_eq!(count(&Selection { older_than: Some(Duration::from_hours(24 * 30)), ..usual.clone() }), 0);
    assert_eq!(count(&Selection { older_than: Some(Duration::from_hours(24 * 5 + 4)), ..usual.clone() }), 4);
    assert_eq!(count(&Selection { verdicts: [Verdict::Orphan].into(), ..usual.clone() }), 0);
    assert_eq!(
        count(&Selection { verdicts: Verdict::ALL.iter().copied().collect(), ..usual.clone() }),
        6,
        "what may not go does not go, whatever is selected"
    );
    assert_eq!(count(&Selection { only: pattern("WEB1"), ..usual.clone() }), 6);
    assert_eq!(count(&Selection { only: pattern("db*"), ..usual.clone() }), 0);
    assert_eq!(count(&Selection { keep_out: pattern("*_09_15_*"), ..usual.clone() }), 5);
    assert_eq!(count(&Selection { keep_out: pattern("sa1/network-watcher-logs/*"), ..usual.clone() }), 0);
    let newest = Plan::new(all, &Selection { keep_newest: 2, ..usual }, made(), now()).unwrap();
    assert_eq!(newest.rows.len(), 4);
    assert!(newest.rows.iter().all(|row| !row.name.contains("_09_15_") && !row.name.contains("_08_15_")));
    assert_eq!(newest.header.left_out["among the newest of its machine"], 2);
    assert!(Pattern::new("[").is_err());
}

#[test]
fn what_is_protected_is_not_planned() {
    let (store, world) = orphans(3);
    let names: Vec<_> = plan(&world, &store).rows.iter().map(Row::blob).collect();
    store.change(&names[0], |blob| blob.is_leased = true);
    store.change(&names[1], |blob| blob.legal_hold = true);
    let plan = plan(&world, &store);
    assert_eq!(plan.rows.len(), 1);
    assert_eq!(plan.header.left_out["kept by a lease"], 1);
    assert_eq!(plan.header.left_out["kept by a legal hold"], 1);
}

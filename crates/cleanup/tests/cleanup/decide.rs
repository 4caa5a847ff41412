//! Verdicts, case by case.

use std::collections::BTreeSet;

use capkeep_cleanup::{Completeness, Facts, KnownCapture, Listed, Source, Verdict};
use capkeep_storage::BlobName;
use capkeep_watcher::Capture;
use jiff::SignedDuration;

use crate::words::{
    LOGS, URL, at, capture, custom, decide, decide_in, file, id, listed, name, now, partly, set, vm, world,
};

fn tagged(capture: &str) -> Facts {
    Facts { capture: Some(id("s1", capture)), machine: Some(vm("s1", "Web1")), ..Facts::default() }
}

fn noted(capture: &str) -> Facts {
    Facts { source: Source::Ledger, began: Some(at(0.0)), deleted: Some(at(700.0)), ..tagged(capture) }
}

#[test]
fn a_file_that_its_capture_names_is_live_however_it_is_written() {
    let blob = file(&vm("s1", "Web1"), at(-1.45));
    for change in [
        |path: String| path,
        |path: String| path.to_uppercase(),
        |path: String| path.replace("sa1.blob", "sa1-secondary.blob"),
        |path: String| path.replace("sa1.blob.core.windows.net", "sa1.z12.blob.storage.azure.net"),
        |path: String| path.replace("https://sa1.blob.core.windows.net", "http://127.0.0.1:10000/sa1"),
        |path: String| path.replace("https://sa1.blob.core.windows.net", "https://files.example.com"),
        |path: String| path.replace("packetcapture", "packet%63apture"),
        |path: String| format!("{path}?sig=x"),
    ] {
        let mut live = capture("s1", "other", "c", at(1e6));
        live.storage_path = Some(change(format!("{URL}/{}", blob.name)));
        let found = decide(&world(vec![live]), &blob, None);
        assert_eq!(found.verdict, Verdict::Live, "{}", found.evidence);
    }
}

#[test]
fn a_place_in_another_account_is_no_proof_of_either() {
    let mut live = capture("s1", "Web1", "c", at(1e6));
    live.storage_path = Some(format!("{URL}/own/a.cap"));
    let found = decide_in("copies", &world(vec![live]), &custom("a.cap"), Some(&tagged("gone")));
    assert_eq!(found.verdict, Verdict::Unsure, "{}", found.evidence);
}

#[test]
fn machine_and_time_make_a_file_live() {
    let target = vm("s1", "Web1");
    let mut live = capture("s1", "WEB1", "c", at(0.0));
    // An exact place: near counts.
    for (seconds, verdict) in
        [(-1.3, Verdict::Live), (-9.0, Verdict::Live), (9.0, Verdict::Live), (-30.0, Verdict::OrphanByPath)]
    {
        assert_eq!(decide(&world(vec![live.clone()]), &file(&target, at(seconds)), None).verdict, verdict);
    }
    // No place: far counts too.
    live.storage_path = None;
    for (seconds, verdict) in
        [(-500.0, Verdict::Live), (500.0, Verdict::Live), (-700.0, Verdict::OrphanByPath)]
    {
        assert_eq!(decide(&world(vec![live.clone()]), &file(&target, at(seconds)), None).verdict, verdict);
    }
    // No time either: nothing can be said of the machine.
    live.began = None;
    assert!(live.needs_status());
    assert_eq!(decide(&world(vec![live.clone()]), &file(&target, at(-1e6)), None).verdict, Verdict::Unsure);
    assert_eq!(decide(&world(vec![live]), &file(&vm("s1", "db1"), at(-1e6)), None).verdict, Verdict::VmGone);
}

#[test]
fn of_several_captures_within_a_second_those_that_exist_save_theirs() {
    let captures: Vec<KnownCapture> =
        (0..3).map(|n| capture("s1", "Web1", &format!("c{n}"), at(f64::from(n) / 4.0))).collect();
    for n in 0..3 {
        let blob = file(&vm("s1", "Web1"), at(f64::from(n) / 4.0 - 1.45));
        assert_eq!(decide(&world(captures.clone()), &blob, None).verdict, Verdict::Live);
    }
}

#[test]
fn of_two_captures_within_seconds_the_file_of_the_one_that_is_gone_may_go_if_that_is_known() {
    let live = capture("s1", "Web1", "second", at(3.0));
    let blob = file(&vm("s1", "Web1"), at(-1.45));
    assert_eq!(decide(&world(vec![live.clone()]), &blob, None).verdict, Verdict::Live);
    for facts in [tagged("first"), noted("first")] {
        assert_eq!(decide(&world(vec![live.clone()]), &blob, Some(&facts)).verdict, Verdict::Orphan);
    }
    assert_ne!(decide(&world(vec![live.clone()]), &blob, Some(&tagged("second"))).verdict, Verdict::Orphan);
    // A capture that does not say where its file is may mean this one.
    let vague = KnownCapture { storage_path: None, ..live };
    assert_eq!(decide(&world(vec![vague]), &blob, Some(&tagged("first"))).verdict, Verdict::Live);
}

#[test]
fn files_of_a_ring_are_live_as_long_as_its_session_may_be() {
    let target = vm("s1", "Web1");
    let mut ring = capture("s1", "Web1", "ring", at(0.0));
    ring.is_ring = true;
    ring.time_limit = std::time::Duration::from_hours(7 * 24);
    let mut segment = file(&target, at(-1.45));
    segment.name.name = segment.name.name.replace(".cap", "_00007.cap");
    assert_eq!(decide(&world(vec![ring.clone()]), &segment, None).verdict, Verdict::Live);
    for (days, verdict) in [(1.0, Verdict::Live), (-1.0, Verdict::OrphanByPath)] {
        let blob = file(&target, at(days * 86_400.0));
        assert_eq!(decide(&world(vec![ring.clone()]), &blob, None).verdict, verdict, "{days}");
    }
    // A place of its own: all that begins like it, and whatever is of the machine while it may run.
    ring.storage_path = Some(format!("{URL}/own/ring.cap"));
    for name in ["ring.cap", "ring_1.cap", "RING00001.cap", "ring/x.cap"] {
        let found = decide(&world(vec![ring.clone()]), &custom(name), Some(&tagged("gone")));
        assert_eq!(found.verdict, Verdict::Live, "{name}");
    }
    ring.began = None;
    assert!(ring.needs_status());
    assert_eq!(decide(&world(vec![ring]), &file(&target, at(-1e6)), None).verdict, Verdict::Unsure);
}

#[test]
fn files_of_instances_are_live_with_the_capture_of_their_scale_set() {
    let target = set("s1", "Pool");
    let mut of_set = capture("s1", "Web1", "c", at(0.0));
    of_set.target.clone_from(&target);
    of_set.is_set = true;
    let prefix = format!("{}/2026/11/20/packetCapture_10_14_58_550", &target[1..]);
    of_set.storage_path = Some(format!("{URL}/{LOGS}/{prefix}"));
    let folder = target[1..].to_lowercase();
    for name in [
        prefix.clone(),
        format!("{}/virtualMachines/0/x.cap", prefix.to_lowercase()),
        format!("{prefix}_0.cap"),
        format!("{folder}/virtualmachines/3/2026/11/20/packetcapture_10_14_59_000.cap"),
    ] {
        let mut blob = file(&target, at(-1.45));
        blob.name = BlobName::new(LOGS, name);
        let found = decide(&world(vec![of_set.clone()]), &blob, None);
        assert_eq!(found.verdict, Verdict::Live, "{}: {}", blob.name, found.evidence);
    }
    // The instance of a flexible set is a machine of the same group.
    let found = decide(&world(vec![of_set.clone()]), &file(&vm("s1", "pool_1"), at(-1.45)), None);
    assert_eq!(found.verdict, Verdict::Unsure, "{}", found.evidence);
    let found = decide(&world(vec![of_set]), &file(&vm("s1", "Web1"), at(-1e5)), None);
    assert_eq!(found.verdict, Verdict::OrphanByPath, "{}", found.evidence);
}

#[test]
fn a_file_whose_capture_is_gone_is_an_orphan() {
    let world = world(vec![capture("s1", "Web1", "alive", at(0.0))]);
    let found = decide(&world, &custom("a.cap"), Some(&tagged("gone")));
    assert_eq!(found.verdict, Verdict::Orphan);
    assert!(found.evidence.contains("\"gone\" is gone (the blob says so itself)"), "{}", found.evidence);
    let found = decide(&world, &custom("a.cap"), Some(&noted("gone")));
    assert_eq!(found.verdict, Verdict::Orphan);
    assert!(found.evidence.contains("was deleted 2026-11-20"), "{}", found.evidence);
}

#[test]
fn a_file_that_matches_no_capture_is_an_orphan_by_path_or_its_machine_is_gone_too() {
    let world = world(vec![capture("s1", "Web1", "alive", at(0.0))]);
    let found = decide(&world, &file(&vm("s1", "web1"), at(-7_200.0)), None);
    assert_eq!(found.verdict, Verdict::OrphanByPath);
    assert!(found.evidence.starts_with("none of 1 capture in its subscription"), "{}", found.evidence);
    let found = decide(&world, &file(&vm("s1", "db1"), at(-7_200.0)), None);
    assert_eq!(found.verdict, Verdict::VmGone);
    let mut world = world;
    world.add_subscription("s1", Listed { machines: Completeness::Partly("403".into()), ..listed() });
    assert_eq!(decide(&world, &file(&vm("s1", "db1"), at(-7_200.0)), None).verdict, Verdict::OrphanByPath);
}

#[test]
fn what_nothing_is_known_of_is_unknown() {
    let world = world(Vec::new());
    let copy = BlobName::new("evidence", name(&vm("s1", "Web1"), at(0.0)));
    for name in [
        BlobName::new("own", "a.cap"),
        BlobName::new(LOGS, "packetcapture_10_15_00_000.cap"),
        BlobName::new(LOGS, ""),
        copy,
    ] {
        let mut blob = custom("x");
        blob.name = name;
        assert_eq!(decide(&world, &blob, None).verdict, Verdict::Unknown, "{}", blob.name);
        // Who fetched it is no word about whose it is.
        let fetched = Facts { fetched: Some(at(1e3)), ..Facts::default() };
        assert_eq!(decide(&world, &blob, Some(&fetched)).verdict, Verdict::Unknown);
    }
}

#[test]
fn nothing_is_an_orphan_where_its_captures_were_not_all_listed() {
    let (by_path, own) = (file(&vm("s1", "Web1"), at(0.0)), custom("a.cap"));
    let mut partial = world(Vec::new());
    partial.add_subscription("s1", partly("westeurope: 403"));
    for (blob, facts) in [(&by_path, None), (&own, Some(tagged("gone"))), (&by_path, Some(tagged("gone")))] {
        let found = decide(&partial, blob, facts.as_ref());
        assert_eq!(found.verdict, Verdict::Unsure);
        assert!(found.evidence.contains("westeurope: 403"), "{}", found.evidence);
    }
    let elsewhere = file(&vm("s9", "Web1"), at(0.0));
    let found = decide(&world(Vec::new()), &elsewhere, None);
    assert!(found.verdict == Verdict::Unsure && found.evidence.contains("s9 were not listed"));
    // A place of one's own may be that of any capture; one the service chose is not.
    let mut other = world(Vec::new());
    other.add_subscription("s2", partly("throttled"));
    assert_eq!(decide(&other, &own, Some(&tagged("gone"))).verdict, Verdict::Unsure);
    assert_eq!(decide(&other, &by_path, None).verdict, Verdict::OrphanByPath);
}

#[test]
fn a_watcher_that_may_be_hidden_makes_its_region_unsure() {
    let blob = file(&vm("s1", "Web1"), at(0.0));
    for (regions, verdict) in [
        (vec![], Verdict::Unsure),
        (vec!["northeurope"], Verdict::Unsure),
        (vec!["West Europe"], Verdict::OrphanByPath),
    ] {
        let mut world = world(Vec::new());
        let regions: BTreeSet<String> = regions.into_iter().map(str::to_owned).collect();
        world.add_subscription("s1", Listed { regions: Some(regions), ..listed() });
        let found = decide(&world, &blob, None);
        assert_eq!(found.verdict, verdict, "{}", found.evidence);
        // Nor is anything known of where a machine was that is gone.
        assert_eq!(decide(&world, &file(&vm("s1", "db1"), at(0.0)), None).verdict, Verdict::Unsure);
    }
}

#[test]
fn a_file_that_is_young_or_from_the_future_is_left_alone() {
    let world = world(Vec::new());
    let target = vm("s1", "Web1");
    let minutes = |minutes: i64| now() - SignedDuration::from_mins(minutes);
    let mut blob = file(&target, at(0.0));
    for (modified, verdict) in [
        (minutes(59), Verdict::Unsure),
        (minutes(61), Verdict::OrphanByPath),
        (minutes(-1), Verdict::Unsure),
        (minutes(-60), Verdict::Unsure),
        (at(-3_600.0), Verdict::Unsure),
    ] {
        blob.modified = modified;
        let found = decide(&world, &blob, None);
        assert_eq!(found.verdict, verdict, "{modified}: {}", found.evidence);
    }
    assert_eq!(decide(&world, &file(&target, minutes(-60)), None).verdict, Verdict::Unsure);
    // Something was done with the capture just now: it may not be in the list yet.
    let touched = Facts { touched: Some(minutes(5)), ..tagged("new") };
    assert_eq!(decide(&world, &custom("a.cap"), Some(&touched)).verdict, Verdict::Unsure);
    // Tagging changes when it was last modified, and not how old it is.
    blob.modified = minutes(1);
    let tagged = Facts { written: Some(at(600.0)), ..tagged("gone") };
    assert_eq!(decide(&world, &blob, Some(&tagged)).verdict, Verdict::Orphan);
}

#[test]
fn a_capture_that_exists_again_keeps_what_may_be_its_own() {
    let again = capture("s1", "Web1", "nightly", at(86_400.0));
    // Written before it began: of an earlier one of the name.
    let found = decide(&world(vec![again.clone()]), &custom("a.cap"), Some(&tagged("NIGHTLY")));
    assert_eq!(found.verdict, Verdict::Orphan, "{}", found.evidence);
    let mut later = custom("a.cap");
    later.modified = at(86_400.0 + 60.0);
    assert_eq!(
        decide(&world(vec![again.clone()]), &later, Some(&tagged("nightly"))).verdict,
        Verdict::Unsure
    );
    let vague = KnownCapture { storage_path: None, ..again };
    let found = decide(&world(vec![vague]), &custom("a.cap"), Some(&tagged("nightly")));
    assert_eq!(found.verdict, Verdict::Unsure, "{}", found.evidence);
}

#[test]
fn what_the_ledger_knows_is_only_believed_of_the_content_it_can_mean() {
    let world = world(Vec::new());
    let mut blob = custom("a.cap");
    blob.modified = at(86_400.0);
    let found = decide(&world, &blob, Some(&noted("gone")));
    assert_eq!(found.verdict, Verdict::Unsure, "{}", found.evidence);
    blob.modified = at(-86_400.0);
    assert_eq!(decide(&world, &blob, Some(&noted("gone"))).verdict, Verdict::Unsure);
    let nothing = Facts { began: None, deleted: None, ..noted("gone") };
    assert_eq!(decide(&world, &custom("a.cap"), Some(&nothing)).verdict, Verdict::Unsure);
}

#[test]
fn a_capture_that_tells_nothing_makes_its_subscription_unsure() {
    let blob = file(&vm("s1", "Web1"), at(-1e5));
    let vague =
        KnownCapture { target: String::new(), storage_path: None, ..capture("s1", "x", "c", at(0.0)) };
    assert_eq!(decide(&world(vec![vague.clone()]), &blob, None).verdict, Verdict::Unsure);
    let nobody = KnownCapture { id: "?".into(), ..vague.clone() };
    assert_eq!(decide(&world(vec![nobody]), &blob, None).verdict, Verdict::Unsure);
    let elsewhere = KnownCapture { id: id("s2", "c"), ..vague };
    assert_eq!(decide(&world(vec![elsewhere.clone()]), &blob, None).verdict, Verdict::OrphanByPath);
    assert_eq!(decide(&world(vec![elsewhere]), &custom("a"), Some(&tagged("gone"))).verdict, Verdict::Unsure);
}

#[test]
fn snapshots_older_versions_and_other_kinds_of_blobs_are_left_alone() {
    let world = world(Vec::new());
    let blob = file(&vm("s1", "Web1"), at(0.0));
    for blob in [
        capkeep_storage::Blob { snapshot: Some("t".into()), ..blob.clone() },
        capkeep_storage::Blob { is_current: false, ..blob.clone() },
        capkeep_storage::Blob { deleted: Some(at(0.0)), ..blob.clone() },
        capkeep_storage::Blob { kind: "AppendBlob".into(), ..blob },
    ] {
        assert_eq!(decide(&world, &blob, None).verdict, Verdict::Unsure);
    }
}

#[test]
fn what_the_service_answers_is_taken_over() {
    let json = r#"{"name":"c","id":"/x","properties":{"target":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/p/virtualMachines/3",
        "timeLimitInSeconds":0,"storageLocation":{"storageId":"","storagePath":"https://a.blob.core.windows.net/c/x?sig=s"}}}"#;
    let answer: Capture = serde_json::from_str(json).unwrap();
    let known = KnownCapture::new(&answer, None);
    assert!(known.is_set && !known.is_ring && known.storage_id.is_none() && known.is_over.is_none());
    assert_eq!(known.storage_path.as_deref(), Some("https://a.blob.core.windows.net/c/x"));
    assert_eq!(known.time_limit.as_secs(), 18_000);
}

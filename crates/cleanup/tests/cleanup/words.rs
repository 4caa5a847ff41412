//! Captures, blobs and worlds in few words.

use std::sync::Arc;
use std::time::Duration;

use capkeep_cleanup::{
    CaptureFile, Completeness, Decider, Facts, Finding, KnownCapture, Listed, Plan, Row, Rules, Selection,
    Unplanned, World,
};
use capkeep_storage::{Blob, BlobName, Etag, Store};
use jiff::{SignedDuration, Timestamp};

use crate::model::Model;

pub(crate) const NOW: &str = "2026-11-25T12:00:00Z";
pub(crate) const LOGS: &str = "network-watcher-logs";
pub(crate) const URL: &str = "https://sa1.blob.core.windows.net";

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// A time so many seconds before a quarter past ten on the 20th.
pub(crate) fn at(seconds: f64) -> Timestamp {
    let base: Timestamp = "2026-11-20T10:15:00Z".parse().unwrap();
    base + SignedDuration::from_secs_f64(seconds)
}

pub(crate) fn vm(subscription: &str, name: &str) -> String {
    format!(
        "/subscriptions/{subscription}/resourceGroups/RG/providers/Microsoft.Compute/virtualMachines/{name}"
    )
}

pub(crate) fn set(subscription: &str, name: &str) -> String {
    format!(
        "/subscriptions/{subscription}/resourceGroups/RG/providers/Microsoft.Compute/virtualMachineScaleSets/{name}"
    )
}

/// Folders of a time and beginning of a file's name.
pub(crate) fn dated(time: Timestamp) -> String {
    time.strftime("%Y/%m/%d/packetcapture_%H_%M_%S_%3f").to_string()
}

/// Name the service gives to the file of a machine.
pub(crate) fn name(target: &str, time: Timestamp) -> String {
    format!("{}/{}.cap", target[1..].to_lowercase(), dated(time))
}

pub(crate) fn id(subscription: &str, capture: &str) -> String {
    format!(
        "/subscriptions/{subscription}/resourceGroups/NetworkWatcherRG/providers/Microsoft.Network/networkWatchers/NetworkWatcher_westeurope/packetCaptures/{capture}"
    )
}

/// A capture that is over, of a machine, with the place the service chose.
pub(crate) fn capture(subscription: &str, machine: &str, capture: &str, began: Timestamp) -> KnownCapture {
    let target = vm(subscription, machine);
    let path = format!("{URL}/{LOGS}/{}", name(&target, began - SignedDuration::from_millis(1_450)));
    KnownCapture {
        id: id(subscription, capture),
        name: capture.into(),
        target,
        storage_id: Some(format!(
            "/subscriptions/{subscription}/resourceGroups/RG/providers/Microsoft.Storage/storageAccounts/sa1"
        )),
        storage_path: Some(path),
        began: Some(began),
        time_limit: Duration::from_hours(5),
        is_ring: false,
        is_set: false,
        is_over: Some(true),
    }
}

pub(crate) fn listed() -> Listed {
    Listed { captures: Completeness::Whole, machines: Completeness::Whole, regions: None }
}

pub(crate) fn partly(why: &str) -> Listed {
    Listed { captures: Completeness::Partly(why.into()), ..listed() }
}

/// Subscription s1 with the machine web1, and these captures.
pub(crate) fn world(captures: Vec<KnownCapture>) -> World {
    let mut world = World { captures, ..World::default() };
    world.add_subscription("S1", listed());
    world.add_machine(&vm("s1", "Web1"), "West Europe");
    world
}

/// A file that the service named, written ten minutes after its session began.
pub(crate) fn file(target: &str, time: Timestamp) -> Blob {
    let name = BlobName::new(LOGS, name(target, time));
    Blob::new(name, 1_000, Etag::from("1"), time + SignedDuration::from_mins(10))
}

pub(crate) fn custom(name: &str) -> Blob {
    Blob::new(BlobName::new("own", name), 1_000, Etag::from("1"), at(600.0))
}

pub(crate) fn decide(world: &World, blob: &Blob, facts: Option<&Facts>) -> Finding {
    decide_in("sa1", world, blob, facts)
}

pub(crate) fn decide_in(account: &str, world: &World, blob: &Blob, facts: Option<&Facts>) -> Finding {
    let decider = Decider::new(world.clone(), Rules::default());
    decider.decide(&CaptureFile { account, blob, facts }, now())
}

/// All that a model holds, decided.
pub(crate) fn rows(world: &World, store: &Arc<Model>) -> Vec<Row> {
    let decider = Decider::new(world.clone(), Rules::default());
    let all = store.blobs().into_iter().map(|blob| {
        let facts = Facts::of_blob(&blob);
        let file = CaptureFile { account: store.account(), blob: &blob, facts: facts.as_ref() };
        let finding = decider.decide(&file, now());
        Row::new(&format!("https://{}.blob.core.windows.net", store.account()), &blob, finding, facts)
    });
    all.collect()
}

pub(crate) fn plan(world: &World, store: &Arc<Model>) -> Plan {
    Plan::new(rows(world, store), &Selection::default(), made(), now()).unwrap()
}

pub(crate) fn made() -> Unplanned {
    Unplanned { by: "capkeep test".into(), ..Unplanned::default() }
}

/// An account with so many orphans, a file that is live, and one that is nobody's; the world they are in.
pub(crate) fn orphans(count: usize) -> (Arc<Model>, World) {
    let store = Model::new("sa1");
    fill(&store, count);
    (store, world(vec![capture("s1", "Web1", "alive", at(0.0))]))
}

pub(crate) fn fill(store: &Model, count: usize) {
    for number in 0..count {
        let blob = file(&vm("s1", "Web1"), at(-3_600.0 * (number + 1) as f64));
        store.put(&blob.name, format!("orphan {number}").as_bytes(), blob.modified);
    }
    let live = file(&vm("s1", "Web1"), at(-1.45));
    store.put(&live.name, b"live", live.modified);
    let notes = custom("notes.txt");
    store.put(&notes.name, b"notes", notes.modified);
}

/// Runs what waits.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

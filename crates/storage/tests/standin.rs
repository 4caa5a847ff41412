//! What the emulator of Azure cannot do, against a service that answers as documented; and what no service should do.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use capkeep_standin::{Blobs, Canned, Content, Fault, Listing, Plan, Proxy};
use capkeep_storage::{
    BlobName, ConnectionString, Credential, Error, Etag, Include, Location, Query, Result, Secret, Settings,
    Store, Tier, Upload, open, pages,
};
use futures_util::{StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};

const C: &str = "network-watcher-logs";

/// A service with one blob `a/b.cap` of 100 bytes.
fn service() -> (Blobs, Arc<dyn Store>, BlobName) {
    let blobs = Blobs::start().unwrap();
    blobs.put(C, "a/b.cap", Content::Pattern { seed: 1, size: 100 });
    let store = with_key(&blobs);
    (blobs, store, BlobName::new(C, "a/b.cap"))
}

/// Nothing is tried twice.
fn hasty() -> Settings {
    Settings { retry_for: Duration::ZERO, ..Settings::default() }
}

fn with_key(blobs: &Blobs) -> Arc<dyn Store> {
    let text = ConnectionString::parse(&blobs.connection_string()).unwrap();
    open(text.location(), text.credential().clone(), &hasty()).unwrap()
}

fn with_sas(url: &str) -> Arc<dyn Store> {
    let sas = Credential::Sas(Secret::new(Blobs::sas()));
    open(&Location::parse(url).unwrap(), sas, &hasty()).unwrap()
}

async fn all(store: &dyn Store, include: Include) -> Result<Vec<capkeep_storage::Blob>> {
    let query = Query { include, ..Query::default() };
    pages(store, C, &query).try_concat().await
}

fn kept(answer: Result<()>) -> (&'static str, String) {
    match answer {
        Err(Error::Kept { by, code, .. }) => (by, code),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_softly_deleted_is_told_and_comes_back() {
    let (blobs, store, name) = service();
    assert!(!store.protection().await.unwrap().can_undo());
    blobs.rules(|rules| rules.soft_delete_days = Some(7));
    let protection = store.protection().await.unwrap();
    assert_eq!((protection.soft_delete_days, protection.can_undo()), (Some(7), true));
    let was = store.head(&name).await.unwrap();
    store.delete(&name, &was.etag).await.unwrap();
    assert!(matches!(store.head(&name).await, Err(Error::Missing { .. })));
    assert_eq!(all(&*store, Include::default()).await.unwrap(), []);
    let listed = all(&*store, Include { deleted: true, ..Include::default() }).await.unwrap();
    assert_eq!((listed.len(), listed[0].days_left), (1, Some(7)));
    assert!(listed[0].deleted.is_some());
    store.undelete(&name).await.unwrap();
    let back = store.head(&name).await.unwrap();
    assert_eq!((back.etag, back.size, back.md5), (was.etag, 100, was.md5));
    let none = BlobName::new(C, "never");
    assert!(matches!(store.undelete(&none).await, Err(Error::Missing { .. })));
}

#[tokio::test]
async fn an_older_version_is_listed_and_becomes_the_current_one() {
    for is_signed in [false, true] {
        let (blobs, _, name) = service();
        let store = if is_signed { with_sas(&blobs.url()) } else { with_key(&blobs) };
        blobs.rules(|rules| rules.versions = true);
        blobs.put(C, &name.name, "first");
        blobs.put(C, &name.name, "second");
        let etag = store.head(&name).await.unwrap().etag;
        store.delete(&name, &etag).await.unwrap();
        let listed = all(&*store, Include { versions: true, ..Include::default() }).await.unwrap();
        let versions: Vec<_> = listed.iter().filter(|blob| blob.version.is_some()).collect();
        assert_eq!((versions.len(), versions.iter().filter(|blob| blob.is_current).count()), (2, 0));
        let version = versions[0].version.as_deref().unwrap();
        store.promote(&name, version).await.unwrap();
        // What appeared meanwhile stays.
        assert!(matches!(store.promote(&name, version).await, Err(Error::Exists { .. })));
        assert_eq!(blobs.blob(C, &name.name).unwrap().content.all(), "first");
        assert_eq!(store.protection().await.unwrap().versions, Some(true));
        // The source of a copy has a signature only where everything has.
        let copies = blobs.writes();
        let source = copies.iter().find_map(|seen| seen.header("x-ms-copy-source")).unwrap();
        assert_eq!(source.contains("sig="), is_signed);
    }
}

#[tokio::test]
async fn what_protects_a_blob_is_told_in_words() {
    let (blobs, store, name) = service();
    let etag = store.head(&name).await.unwrap().etag;
    let delete = || store.delete(&name, &etag);

    blobs.change(C, &name.name, |blob| blob.lease = Some("somebody".into()));
    assert_eq!(kept(delete().await), ("a lease", "LeaseIdMissing".into()));
    blobs.change(C, &name.name, |blob| {
        blob.lease = None;
        blob.legal_hold = true;
    });
    assert_eq!(kept(delete().await), ("a legal hold", "BlobImmutableDueToLegalHold".into()));
    let until =
        Timestamp::from_second(Timestamp::now().as_second()).unwrap() + SignedDuration::from_hours(48);
    blobs.change(C, &name.name, |blob| {
        blob.legal_hold = false;
        blob.immutable_until = Some(until);
    });
    assert_eq!(kept(delete().await), ("an immutability policy", "BlobImmutableDueToPolicy".into()));
    let meta = BTreeMap::from([("who".to_owned(), "me".to_owned())]);
    let changed = store.set_metadata(&name, &meta, &etag).await.map(drop);
    assert_eq!(kept(changed), ("an immutability policy", "BlobImmutableDueToPolicy".into()));
    blobs.change(C, &name.name, |blob| blob.immutable_until = None);

    blobs.change(C, &name.name, |blob| blob.tier = Some("Archive".into()));
    let read = store.read(&name, 0..10, &etag).await.map(drop);
    assert_eq!(kept(read), ("its archive tier", "BlobArchived".into()));
    assert!(blobs.blob(C, &name.name).is_some());
}

#[tokio::test]
async fn what_protects_a_blob_is_known_before() {
    let (blobs, store, name) = service();
    let until =
        Timestamp::from_second(Timestamp::now().as_second()).unwrap() + SignedDuration::from_hours(48);
    blobs.change(C, &name.name, |blob| {
        blob.lease = Some("somebody".into());
        blob.legal_hold = true;
        blob.immutable_until = Some(until);
        blob.tier = Some("Cold".into());
        blob.tags.insert("vm".into(), "web1".into());
    });
    let include = Include { holds: true, tags: true, ..Include::default() };
    let listed = all(&*store, include).await.unwrap().remove(0);
    let seen = store.head(&name).await.unwrap();
    for blob in [&listed, &seen] {
        assert_eq!(blob.lease, capkeep_storage::LeaseState::Leased);
        assert!(blob.legal_hold);
        assert_eq!(blob.immutable_until, Some(until));
        assert_eq!(blob.tier.as_deref(), Some("Cold"));
        assert_eq!((&blob.etag, blob.size, blob.md5), (&seen.etag, 100, seen.md5));
    }
    assert_eq!(listed.tags.get("vm").map(String::as_str), Some("web1"));
    blobs.protect_container(C, true, true);
    let containers = store.containers(None).await.unwrap().items;
    assert!(containers[0].has_immutability_policy && containers[0].has_legal_hold);
}

#[tokio::test]
async fn a_tier_is_changed_only_on_the_version_that_was_meant() {
    let (blobs, store, name) = service();
    let etag = store.head(&name).await.unwrap().etag;
    store.set_tier(&name, Tier::Archive, &etag).await.unwrap();
    assert_eq!(blobs.blob(C, &name.name).unwrap().tier.as_deref(), Some("Archive"));
    blobs.put(C, &name.name, "changed");
    let answer = store.set_tier(&name, Tier::Cool, &etag).await;
    assert!(matches!(answer, Err(Error::Changed { .. })), "{answer:?}");
    assert_eq!(blobs.blob(C, &name.name).unwrap().tier, None);
}

#[tokio::test]
async fn looking_and_reading_send_nothing_that_could_change_anything() {
    let (blobs, store, name) = service();
    let etag = store.head(&name).await.unwrap().etag;
    let everything =
        Include { metadata: true, tags: true, holds: true, snapshots: true, deleted: true, versions: true };
    all(&*store, everything).await.unwrap();
    store.containers(None).await.unwrap();
    store.protection().await.unwrap();
    store.tags(&name).await.unwrap();
    let bytes: Vec<_> = store.read(&name, 10..20, &etag).await.unwrap().try_collect().await.unwrap();
    assert_eq!(bytes.concat(), Content::Pattern { seed: 1, size: 100 }.range(10..20));
    assert_eq!(blobs.writes(), []);
    assert_eq!(blobs.requests().len(), 6);
}

#[tokio::test]
async fn odd_names_are_listed_and_reached() {
    let (blobs, store, _) = service();
    let long = "n".repeat(1_024);
    let odd = [
        "../../etc/passwd",
        "/absolute",
        "a//b",
        "a/./b",
        "nul\0in it",
        "line\r\nbreak",
        "\u{1}\u{1b}[31m",
        "50%20x",
        "q?x=1&sig=2#f",
        "é ü/\u{202e}txt.exe",
        "a&b<c>\"d'",
        " space ",
        "C:\\CON",
        "--help",
        long.as_str(),
    ];
    for name in odd {
        blobs.put(C, name, name.to_owned());
    }
    let listed = all(&*store, Include::default()).await.unwrap();
    for name in odd {
        let blob = listed.iter().find(|blob| blob.name.name == name);
        let blob = blob.unwrap_or_else(|| panic!("{name:?} is not listed"));
        let body = store.read(&blob.name, 0..blob.size, &blob.etag).await;
        let body: Vec<_> =
            body.unwrap_or_else(|error| panic!("{name:?}: {error}")).try_collect().await.unwrap();
        assert_eq!(body.concat(), name.as_bytes(), "{name:?}");
    }
}

/// An error, and where it leads to.
fn whole(error: &Error) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(inner) = source {
        write!(text, " {inner} {inner:?}").unwrap();
        source = inner.source();
    }
    text
}

#[tokio::test]
async fn a_list_without_an_end_is_given_up() {
    let (blobs, store, _) = service();
    blobs.rules(|rules| rules.listing = Listing::EmptyPages);
    let answer = all(&*store, Include::default()).await;
    assert!(matches!(answer, Err(Error::Unexpected { .. })), "{answer:?}");
    assert!((1_000..100_000).contains(&blobs.requests().len()), "{}", blobs.requests().len());
}

#[tokio::test]
async fn hostile_listings_are_errors_and_end() {
    let (blobs, store, _) = service();
    for listing in [
        Listing::SameMarker,
        Listing::Bomb,
        Listing::LongName(200 << 20),
        Listing::Deep(1_000_000),
        Listing::CutOff,
        Listing::Garbage,
    ] {
        blobs.rules(|rules| rules.listing = listing);
        let before = blobs.requests().len();
        let answer = all(&*store, Include::default()).await;
        assert!(matches!(answer, Err(Error::Unexpected { .. })), "{listing:?}: {answer:?}");
        assert!(blobs.requests().len() - before < 5, "{listing:?}");
        let error = whole(&answer.unwrap_err());
        assert!(
            error.len() < 2_000 && !error.chars().any(|c| c.is_control() && c != '\n'),
            "{listing:?}: {error}"
        );
    }
    // What never ends is whoever asks' to leave, page by page.
    for listing in [Listing::NewMarkers, Listing::EmptyPages] {
        blobs.rules(|rules| rules.listing = listing);
        let query = Query::default();
        let some: Vec<_> = pages(&*store, C, &query).take(100).try_collect().await.unwrap();
        assert_eq!(some.len(), 100, "{listing:?}");
    }
}

/// Every call once, each with its name.
async fn every_call(store: &dyn Store, name: &BlobName) -> Vec<(&'static str, Result<()>)> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "content").unwrap();
    let (etag, tags) = (Etag::from("0x1"), BTreeMap::from([("a".to_owned(), "b".to_owned())]));
    let query = Query::default();
    vec![
        ("containers", store.containers(None).await.map(drop)),
        ("list", store.list(C, &query, None).await.map(drop)),
        ("head", store.head(name).await.map(drop)),
        ("read", store.read(name, 0..10, &etag).await.map(drop)),
        ("upload", store.upload(name, &file, &Upload::default()).await.map(drop)),
        ("delete", store.delete(name, &etag).await),
        ("undelete", store.undelete(name).await),
        ("promote", store.promote(name, "2026-11-23T12:00:00.0000000Z").await),
        ("tags", store.tags(name).await.map(drop)),
        ("set_tags", store.set_tags(name, &tags).await),
        ("set_metadata", store.set_metadata(name, &tags, &etag).await.map(drop)),
        ("set_tier", store.set_tier(name, Tier::Cool, &etag).await),
        ("protection", store.protection().await.map(drop)),
    ]
}

#[tokio::test]
async fn nobody_is_followed_to_another_host() {
    let (blobs, _, name) = service();
    let elsewhere = Blobs::start().unwrap();
    for status in [301, 302, 303, 307, 308] {
        let to = format!("{}/{C}/a/b.cap?{}", elsewhere.url(), Blobs::sas());
        blobs.rules(|rules| rules.canned = vec![Canned::redirect(status, to)]);
        for store in [with_key(&blobs), with_sas(&blobs.url())] {
            for (call, answer) in every_call(&*store, &name).await {
                assert!(matches!(answer, Err(Error::Elsewhere { .. })), "{call}, {status}: {answer:?}");
                let text = whole(&answer.unwrap_err());
                assert!(!text.contains(&elsewhere.address().to_string()), "{call}: {text}");
            }
        }
    }
    assert_eq!(elsewhere.requests(), []);
    // Neither at home: a blob is where it is.
    blobs.rules(|rules| rules.canned = vec![Canned::redirect(307, format!("{}/other", blobs.url()))]);
    for (call, answer) in every_call(&*with_key(&blobs), &name).await {
        assert!(answer.is_err(), "{call}");
    }
    assert!(!blobs.requests().iter().any(|seen| seen.path.contains("other")));
}

#[tokio::test]
async fn no_error_holds_a_signature_or_a_key() {
    let (blobs, _, name) = service();
    let is_clean = |what: &str, text: &str| {
        for secret in [Blobs::SIGNATURE, "sig=", Blobs::KEY] {
            assert!(!text.contains(secret), "{what}: {text}");
        }
    };
    let location = Location::parse(&format!("{}/{C}/a/b.cap?{}", blobs.url(), Blobs::sas())).unwrap();
    is_clean("location", &format!("{location} {location:?}"));
    let by_url = open(&location, Credential::Nobody, &hasty()).unwrap();
    assert_eq!(by_url.head(&name).await.unwrap().size, 100);
    let refusals = [
        (403, "AuthorizationPermissionMismatch"),
        (401, ""),
        (404, "BlobNotFound"),
        (409, "BlobImmutableDueToPolicy"),
        (412, "ConditionNotMet"),
        (429, ""),
        (500, "InternalError"),
        (503, "ServerBusy"),
        (400, "InvalidHeaderValue"),
        (416, "InvalidRange"),
        (204, ""),
    ];
    for store in [with_key(&blobs), with_sas(&blobs.url()), by_url] {
        is_clean("store", &format!("{store:?} {store:#?} {} {}", store.account(), store.url(&name)));
        for (status, code) in refusals {
            blobs.rules(|rules| rules.canned = vec![Canned::refusal("", status, code)]);
            for (call, answer) in every_call(&*store, &name).await {
                if let Err(error) = answer {
                    is_clean(call, &whole(&error));
                }
            }
        }
    }
    blobs.rules(|rules| rules.canned.clear());
    // Broken lines: the place where an address slips into errors.
    let etag = store_etag(&blobs, &name).await;
    for fault in
        [Fault::Cut(0), Fault::Reset(0), Fault::Cut(50), Fault::Reset(50), Fault::Whole, Fault::Short(9)]
    {
        let plan = Plan { first: vec![Some(fault.clone())], ..Plan::default() };
        let proxy = Proxy::start(blobs.address(), plan).unwrap();
        let store = with_sas(&proxy.through(&blobs.url()));
        let body = store.read(&name, 0..100, &etag).await;
        let error = match body {
            Ok(mut body) => loop {
                match body.next().await {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => break error,
                    None => panic!("{fault:?} was not noticed"),
                }
            },
            Err(error) => error,
        };
        is_clean(&format!("{fault:?}"), &whole(&error));
    }
    let address = blobs.url();
    drop(blobs);
    for (call, answer) in every_call(&*with_sas(&address), &name).await {
        let error = answer.unwrap_err();
        assert!(matches!(error, Error::Transport { .. }), "{call}: {error:?}");
        is_clean(call, &whole(&error));
    }
}

async fn store_etag(blobs: &Blobs, name: &BlobName) -> Etag {
    with_key(blobs).head(name).await.unwrap().etag
}

#[tokio::test]
async fn answers_for_another_range_are_no_content() {
    let (blobs, _, name) = service();
    let etag = store_etag(&blobs, &name).await;
    for fault in [Fault::WrongRange(5), Fault::Short(1), Fault::Whole] {
        let plan = Plan { first: vec![Some(fault.clone())], ..Plan::default() };
        let proxy = Proxy::start(blobs.address(), plan).unwrap();
        let store = with_sas(&proxy.through(&blobs.url()));
        let answer = store.read(&name, 10..60, &etag).await.map(drop);
        assert!(matches!(answer, Err(Error::Unexpected { .. })), "{fault:?}: {answer:?}");
    }
}

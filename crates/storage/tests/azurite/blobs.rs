//! The calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use capkeep_storage::{
    Blob, BlobName, Error, Include, LeaseState, Protection, Query, Store, Tier, Upload, pages,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use md5::{Digest, Md5};

use crate::service::{Azurite, azurite};

async fn put(store: &dyn Store, name: &BlobName, content: &[u8], upload: &Upload) -> Blob {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    store.upload(name, file.path(), upload).await.unwrap()
}

async fn read(store: &dyn Store, blob: &Blob, range: std::ops::Range<u64>) -> Vec<u8> {
    let pieces: Vec<Bytes> =
        store.read(&blob.name, range, &blob.etag).await.unwrap().try_collect().await.unwrap();
    pieces.concat()
}

/// The emulator with a container of the test's own.
async fn with_container(test: &str, container: &str) -> Option<(Arc<Azurite>, Arc<dyn Store>)> {
    let azurite = azurite(test)?;
    azurite.container(container).await;
    let store = azurite.store();
    Some((azurite, store))
}

#[tokio::test]
async fn small_and_large_files_are_stored_with_their_md5_and_read_by_range() {
    let Some((_azurite, store)) = with_container("small_and_large_files", "files").await else { return };
    for size in [0usize, 1, 5_000, (8 << 20) + 1, 20 << 20] {
        let content: Vec<u8> = (0..size).map(|n| (n / 7) as u8).collect();
        let name = BlobName::new("files", format!("{size}.cap"));
        let labels = BTreeMap::from([("capkeep_capture".to_owned(), "c1".to_owned())]);
        let upload = Upload { replace: false, metadata: labels.clone(), tags: labels.clone() };
        let stored = put(&*store, &name, &content, &upload).await;
        let found = store.head(&name).await.unwrap();
        assert_eq!((found.size, found.etag.clone()), (size as u64, stored.etag.clone()));
        assert_eq!(found.md5, Some(Md5::digest(&content).into()));
        assert_eq!((stored.md5, &found.metadata), (found.md5, &labels));
        assert_eq!(store.tags(&name).await.unwrap(), labels);
        if size > 0 {
            assert_eq!(read(&*store, &found, 0..size as u64).await, content);
            assert_eq!(read(&*store, &found, size as u64 - 1..size as u64).await, content[size - 1..]);
        }
        let again = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(again.path(), vec![1; size.max(1)]).unwrap();
        let error = store.upload(&name, again.path(), &Upload::default()).await.unwrap_err();
        assert!(matches!(error, Error::Exists { .. }), "{error:?}");
        let upload = Upload { replace: true, ..Upload::default() };
        store.upload(&name, again.path(), &upload).await.unwrap();
        // The version that was read before is gone.
        let error = store.read(&name, 0..1, &found.etag).await.err().unwrap();
        assert!(matches!(error, Error::Changed { .. }), "{error:?}");
    }
    let past = store.head(&BlobName::new("files", "1.cap")).await.unwrap();
    let error = store.read(&past.name, 5..9, &past.etag).await.err().unwrap();
    assert!(matches!(error, Error::Unexpected { .. }), "{error:?}");
}

#[tokio::test]
async fn more_than_five_thousand_blobs_are_listed_over_pages() {
    let Some((_azurite, store)) = with_container("more_than_five_thousand", "many").await else { return };
    let (empty, upload) = (tempfile::NamedTempFile::new().unwrap(), Upload::default());
    let (path, upload, from) = (empty.path(), &upload, &store);
    stream::iter(0..5_005)
        .for_each_concurrent(16, |number| async move {
            let name = BlobName::new("many", format!("a/{number:05}"));
            from.upload(&name, path, upload).await.unwrap();
        })
        .await;
    let first = store.list("many", &Query::default(), None).await.unwrap();
    assert_eq!((first.items.len(), first.next.is_some()), (5_000, true));
    let query = Query::default();
    let all: Vec<Blob> = pages(&*store, "many", &query).try_concat().await.unwrap();
    assert_eq!(all.len(), 5_005);
    assert!(all.is_sorted_by(|a, b| a.name < b.name));
    // A prefix is a text, and need not end where a name has a slash.
    let query = Query { prefix: "a/0500".into(), include: Include::default() };
    assert_eq!(store.list("many", &query, None).await.unwrap().items.len(), 5);
    let containers = store.containers(None).await.unwrap();
    assert!(containers.items.iter().any(|container| container.name == "many"));
}

#[tokio::test]
async fn a_delete_is_for_the_version_that_was_seen() {
    let Some((azurite, store)) = with_container("a_delete_is_for_the_version", "deletes").await else {
        return;
    };
    let name = BlobName::new("deletes", "x/y.cap");
    let first = put(&*store, &name, b"1", &Upload::default()).await;
    let second = put(&*store, &name, b"2", &Upload { replace: true, ..Upload::default() }).await;
    assert!(matches!(store.delete(&name, &first.etag).await, Err(Error::Changed { .. })));

    azurite.send("PUT", "deletes/x/y.cap", "comp=snapshot", &[], "").await;
    let error = store.delete(&name, &second.etag).await.unwrap_err();
    assert!(matches!(error, Error::Kept { by: "its snapshots", .. }), "{error:?}");
    let query = Query { prefix: String::new(), include: Include { snapshots: true, ..Include::default() } };
    let listed = store.list("deletes", &query, None).await.unwrap().items;
    assert_eq!(listed.iter().filter(|blob| blob.snapshot.is_some() && !blob.is_current).count(), 1);

    let name = BlobName::new("deletes", "leased");
    let leased = put(&*store, &name, b"3", &Upload::default()).await;
    let lease = [("x-ms-lease-action", "acquire"), ("x-ms-lease-duration", "-1")];
    azurite.send("PUT", "deletes/leased", "comp=lease", &lease, "").await;
    let error = store.delete(&name, &leased.etag).await.unwrap_err();
    assert!(matches!(error, Error::Kept { by: "a lease", .. }), "{error:?}");
    assert_eq!(store.head(&name).await.unwrap().lease, LeaseState::Leased);

    let name = BlobName::new("deletes", "free");
    let free = put(&*store, &name, b"4", &Upload::default()).await;
    store.delete(&name, &free.etag).await.unwrap();
    assert!(matches!(store.delete(&name, &free.etag).await, Err(Error::Missing { .. })));
    let error = store.list("nowhere", &Query::default(), None).await.unwrap_err();
    assert!(matches!(&error, Error::Missing { code, .. } if code == "ContainerNotFound"), "{error:?}");
}

#[tokio::test]
async fn tags_leave_the_entity_tag_and_metadata_change_it() {
    let Some((_azurite, store)) = with_container("tags_leave_the_entity_tag", "labels").await else { return };
    let name = BlobName::new("labels", "x");
    let blob = put(&*store, &name, b"1", &Upload::default()).await;
    // Not an empty value, which Azure takes and the emulator does not.
    let labels = BTreeMap::from([
        ("capkeep-capture".to_owned(), "/subscriptions/s: a+b=c".to_owned()),
        ("k_2".to_owned(), "x.y".to_owned()),
    ]);
    store.set_tags(&name, &labels).await.unwrap();
    assert_eq!(store.tags(&name).await.unwrap(), labels);
    let metadata =
        BTreeMap::from([("capkeep_a".to_owned(), "1".to_owned()), ("capkeep1".to_owned(), "b c".to_owned())]);
    let etag = store.set_metadata(&name, &metadata, &blob.etag).await.unwrap();
    assert_ne!(etag, blob.etag);
    let error = store.set_metadata(&name, &metadata, &blob.etag).await.unwrap_err();
    assert!(matches!(error, Error::Changed { .. }), "{error:?}");
    let include = Include { metadata: true, tags: true, ..Include::default() };
    let listed = store.list("labels", &Query { prefix: "x".into(), include }, None).await.unwrap().items;
    assert_eq!((&listed[0].tags, &listed[0].metadata, &listed[0].etag), (&labels, &metadata, &etag));
    store.set_tags(&name, &BTreeMap::new()).await.unwrap();
    assert!(store.tags(&name).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_blob_moves_to_another_tier_if_it_is_still_the_same() {
    let Some((_azurite, store)) = with_container("a_blob_moves_to_another_tier", "tiers").await else {
        return;
    };
    let name = BlobName::new("tiers", "x");
    let blob = put(&*store, &name, b"1", &Upload::default()).await;
    let other = capkeep_storage::Etag::from("0x1");
    assert!(matches!(store.set_tier(&name, Tier::Cool, &other).await, Err(Error::Changed { .. })));
    store.set_tier(&name, Tier::Cool, &blob.etag).await.unwrap();
    assert_eq!(store.head(&name).await.unwrap().tier.as_deref(), Some("Cool"));
    store.set_tier(&name, Tier::Archive, &blob.etag).await.unwrap();
    let error = store.read(&name, 0..1, &blob.etag).await.err().unwrap();
    assert!(matches!(error, Error::Kept { by: "its archive tier", .. }), "{error:?}");
}

#[tokio::test]
async fn odd_names_are_stored_found_read_and_deleted_as_they_are() {
    let Some((_azurite, store)) = with_container("odd_names", "odd").await else { return };
    let names = [
        "50%20x",
        "a//b",
        "/a",
        "a/",
        "~",
        "#?&é",
        "a b+c",
        "dot/../up",
        "../x",
        "a/./b",
        "%",
        "日本",
        "a=b;c",
        "x'(1)*!@$,:",
    ];
    for text in names {
        let name = BlobName::new("odd", text);
        put(&*store, &name, text.as_bytes(), &Upload::default()).await;
    }
    let query = Query::default();
    let listed: Vec<Blob> = pages(&*store, "odd", &query).try_concat().await.unwrap();
    let mut found: Vec<&str> = listed.iter().map(|blob| blob.name.name.as_str()).collect();
    let mut expected = names.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    for blob in &listed {
        assert_eq!(read(&*store, blob, 0..blob.size).await, blob.name.name.as_bytes());
        let url = capkeep_storage::Location::parse(&store.url(&blob.name)).unwrap();
        assert_eq!(url.blob().as_ref(), Some(&blob.name));
        store.delete(&blob.name, &blob.etag).await.unwrap();
    }
    for text in ["", ".", ".."] {
        assert!(matches!(store.head(&BlobName::new("odd", text)).await, Err(Error::Missing { .. })));
    }
}

#[tokio::test]
async fn what_protects_is_asked_and_what_cannot_be_done_is_said() {
    let Some((azurite, store)) = with_container("what_protects_is_asked", "protection").await else { return };
    let name = BlobName::new("protection", "x");
    put(&*store, &name, b"1", &Upload::default()).await;
    let none = Protection { soft_delete_days: None, versions: Some(false) };
    assert_eq!(store.protection().await.unwrap(), none);
    let body = "<?xml version=\"1.0\"?><StorageServiceProperties><DeleteRetentionPolicy><Enabled>true</Enabled>\
                <Days>7</Days></DeleteRetentionPolicy></StorageServiceProperties>";
    let xml = [("content-type", "application/xml")];
    azurite.send("PUT", "", "restype=service&comp=properties", &xml, body).await;
    assert_eq!(store.protection().await.unwrap().soft_delete_days, Some(7));
    assert!(matches!(store.undelete(&name).await, Err(Error::Unsupported { .. })));
}

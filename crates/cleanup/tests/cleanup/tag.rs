//! Tagging blobs.

use capkeep_cleanup::{Facts, MOST_TAGS, tag};
use capkeep_storage::{BlobName, Error, Etag, Store};

use crate::model::{Fault, Model};
use crate::words::{at, block_on, id, vm};

fn facts() -> Facts {
    Facts {
        capture: Some(id("s1", "slow-login")),
        name: Some("slow-login".into()),
        machine: Some(vm("s1", "web1")),
        began: Some(at(0.0)),
        deleted: Some(at(60.0)),
        by: Some("ann@desk".into()),
        ..Facts::default()
    }
}

#[test]
fn a_tagged_blob_says_whose_it_was_and_when_it_was_written() {
    let store = Model::new("sa1");
    let name = BlobName::new("own", "a.cap");
    store.put(&name, b"x", at(30.0));
    store.change(&name, |blob| {
        blob.metadata =
            [("Theirs".to_owned(), "1".to_owned()), ("CAPKEEP_VM".to_owned(), "old".to_owned())].into();
        blob.tags = (0..6).map(|n| (format!("theirs{n}"), "1".to_owned())).collect();
    });
    let blob = block_on(store.head(&name)).unwrap();
    let (etag, lost) = block_on(tag(store.as_ref(), &blob, &facts())).unwrap();
    assert!(lost.is_none());
    let tagged = store.blobs().remove(0);
    assert_eq!(tagged.etag, etag);
    let found = Facts::of_blob(&tagged).unwrap();
    assert_eq!(found, Facts { written: Some(at(30.0)), ..facts() });
    assert_eq!(tagged.metadata["Theirs"], "1");
    assert!(!tagged.metadata.contains_key("CAPKEEP_VM"));
    assert_eq!(tagged.tags.len(), MOST_TAGS);
    assert!(tagged.tags.contains_key("theirs5") && tagged.tags.contains_key("capkeep_capture_id"));
}

#[test]
fn another_version_is_not_tagged_and_a_refused_tag_leaves_the_metadata() {
    let store = Model::new("sa1");
    let name = BlobName::new("own", "a.cap");
    store.put(&name, b"x", at(30.0));
    let mut blob = block_on(store.head(&name)).unwrap();
    store.faults.lock().unwrap().insert(("tags", name.name.clone()), Fault::Denied);
    let (etag, lost) = block_on(tag(store.as_ref(), &blob, &facts())).unwrap();
    assert!(matches!(lost, Some(Error::Denied { .. })));
    assert!(Facts::of_blob(&store.blobs()[0]).is_some());
    blob.etag = Etag::from("1");
    assert_ne!(blob.etag, etag);
    assert!(matches!(block_on(tag(store.as_ref(), &blob, &facts())), Err(Error::Changed { .. })));
}

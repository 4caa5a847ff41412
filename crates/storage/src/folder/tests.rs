use futures_util::TryStreamExt;

use super::*;
use crate::store::Include;

fn store() -> (tempfile::TempDir, FolderStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = FolderStore::new(&folder.path().join("root"));
    (folder, store)
}

fn put(store: &FolderStore, name: &str, content: &[u8]) {
    let path = store.root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

async fn content(store: &FolderStore, name: &BlobName, range: Range<u64>, etag: &Etag) -> Result<Vec<u8>> {
    let pieces: Vec<Bytes> = store.read(name, range, etag).await?.try_collect().await?;
    Ok(pieces.concat())
}

#[tokio::test]
async fn files_are_listed_in_the_order_of_their_names_without_hidden_ones_and_links() {
    let (_folder, store) = store();
    for name in ["c/a/b.cap", "c/a-b.cap", "c/a.cap", "c/.x.part", "c/.hidden/y", "d/z", ".capkeep/x.json"] {
        put(&store, name, b"1234");
    }
    std::os::unix::fs::symlink("/etc", store.root.join("c/etc")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", store.root.join("c/passwd")).unwrap();
    let page = store.list("c", &Query::default(), None).await.unwrap();
    let names: Vec<_> = page.items.iter().map(|blob| blob.name.name.as_str()).collect();
    assert_eq!(names, ["a-b.cap", "a.cap", "a/b.cap"]);
    assert_eq!((page.next, page.items[0].size), (None, 4));
    for (prefix, count) in [("a", 3), ("a/", 1), ("a/b", 1), ("a/bc", 0), ("b", 0), ("../d", 0)] {
        let query = Query { prefix: prefix.into(), include: Include::default() };
        assert_eq!(store.list("c", &query, None).await.unwrap().items.len(), count, "{prefix}");
    }
    let containers = store.containers(None).await.unwrap();
    assert_eq!(containers.items.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["c", "d"]);
    for container in ["none", "..", ".capkeep", "", "c/a"] {
        let error = store.list(container, &Query::default(), None).await.unwrap_err();
        assert!(matches!(error, Error::Missing { .. }), "{container} {error}");
    }
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let (_folder, store) = store();
    fs::create_dir_all(store.root.join("c")).unwrap();
    for number in 0..=PAGE {
        fs::write(store.root.join(format!("c/{number:05}")), b"").unwrap();
    }
    let first = store.list("c", &Query::default(), None).await.unwrap();
    let second = store.list("c", &Query::default(), first.next.as_deref()).await.unwrap();
    assert_eq!((first.items.len(), second.items.len(), second.next), (PAGE, 1, None));
}

#[tokio::test]
async fn names_that_are_no_plain_path_are_missing() {
    let (folder, store) = store();
    fs::write(folder.path().join("secret"), b"x").unwrap();
    put(&store, "c/a", b"x");
    std::os::unix::fs::symlink(folder.path(), store.root.join("c/out")).unwrap();
    std::os::unix::fs::symlink("a", store.root.join("c/link")).unwrap();
    nix::unistd::mkfifo(&store.root.join("c/pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    for (container, name) in [
        ("c", "../../secret"),
        ("..", "secret"),
        ("c", "/etc/passwd"),
        ("c", "a//b"),
        ("c", "a/"),
        ("c", "."),
        ("c", ""),
        ("c", "a\0"),
        ("c", "a/b"),
        ("c", "out/secret"),
        ("c", "link"),
        ("c", "pipe"),
        ("c", "out"),
        ("c", &"x".repeat(300)),
        (".capkeep", "x.json"),
    ] {
        let name = BlobName::new(container, name);
        let error = store.head(&name).await.unwrap_err();
        assert!(matches!(error, Error::Missing { .. }), "{name:?} {error}");
        assert!(store.delete(&name, &Etag::from("x")).await.is_err());
    }
    let (out, secret) = (BlobName::new("c", "out/new"), folder.path().join("secret"));
    assert!(store.upload(&out, &secret, &Upload::default()).await.is_err());
    assert!(!folder.path().join("new").exists());
}

#[tokio::test]
async fn a_range_of_one_state_of_a_file_is_read() {
    let (_folder, store) = store();
    let bytes: Vec<u8> = (0..600_000u32).map(|n| n as u8).collect();
    put(&store, "c/a", &bytes);
    let name = BlobName::new("c", "a");
    let etag = store.head(&name).await.unwrap().etag;
    assert_eq!(content(&store, &name, 0..600_000, &etag).await.unwrap(), bytes);
    assert_eq!(content(&store, &name, 5..9, &etag).await.unwrap(), bytes[5..9]);
    assert!(matches!(content(&store, &name, 0..600_001, &etag).await, Err(Error::Unexpected { .. })));
    let mut stream = store.read(&name, 0..600_000, &etag).await.unwrap();
    stream.try_next().await.unwrap();
    put(&store, "c/a", b"short");
    assert!(stream.try_collect::<Vec<_>>().await.is_err());
    assert!(matches!(content(&store, &name, 0..1, &etag).await, Err(Error::Changed { .. })));
}

#[tokio::test]
async fn a_file_is_stored_once_with_its_labels() {
    let (folder, store) = store();
    let (from, name) = (folder.path().join("x"), BlobName::new("new", "a/b.cap"));
    fs::write(&from, b"hello").unwrap();
    let labels = BTreeMap::from([("capture".to_owned(), "c1".to_owned())]);
    let upload = Upload { replace: false, metadata: labels.clone(), tags: labels.clone() };
    let stored = store.upload(&name, &from, &upload).await.unwrap();
    assert_eq!(stored.md5.unwrap(), <[u8; 16]>::from(Md5::digest(b"hello")));
    assert_eq!(store.head(&name).await.unwrap(), stored);
    assert!(matches!(store.upload(&name, &from, &upload).await, Err(Error::Exists { .. })));
    store.upload(&name, &from, &Upload { replace: true, ..upload }).await.unwrap();
    assert_eq!(fs::read_dir(store.root.join("new/a")).unwrap().count(), 1);
    assert_eq!(store.tags(&name).await.unwrap(), labels);
    // Another content has no labels.
    put(&store, "new/a/b.cap", b"other");
    assert!(store.head(&name).await.unwrap().metadata.is_empty());
    let url = store.url(&name);
    assert_eq!(crate::Location::parse(&url).unwrap().blob(), Some(name));
}

#[tokio::test]
async fn labels_and_deletes_are_for_the_state_that_was_seen() {
    let (_folder, store) = store();
    put(&store, "c/a", b"hello");
    let name = BlobName::new("c", "a");
    let etag = store.head(&name).await.unwrap().etag;
    let labels = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    store.set_tags(&name, &labels).await.unwrap();
    assert_eq!(store.set_metadata(&name, &labels, &etag).await.unwrap(), etag);
    let known = store.head(&name).await.unwrap();
    assert_eq!((&known.tags, &known.metadata, &known.etag), (&labels, &labels, &etag));
    put(&store, "c/a", b"hello!");
    assert!(matches!(store.set_metadata(&name, &labels, &etag).await, Err(Error::Changed { .. })));
    assert!(matches!(store.delete(&name, &etag).await, Err(Error::Changed { .. })));
    let etag = store.head(&name).await.unwrap().etag;
    store.delete(&name, &etag).await.unwrap();
    assert!(matches!(store.delete(&name, &etag).await, Err(Error::Missing { .. })));
    assert!(matches!(store.undelete(&name).await, Err(Error::Unsupported { .. })));
}

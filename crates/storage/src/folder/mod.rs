//! A local folder as a store: `ROOT/CONTAINER/NAME`.

mod place;
mod record;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use jiff::Timestamp;
use md5::{Digest, Md5};
use nix::errno::Errno;

use self::place::Place;
use self::record::Record;
use crate::azure::shown;
use crate::blob::{Blob, BlobName, Etag, Tier};
use crate::encoding::encoded;
use crate::error::{Error, Result};
use crate::labels::{check_metadata, check_tags};
use crate::location::file_url;
use crate::store::{ByteStream, Container, Page, Protection, Query, Store, Upload};

/// Most entries of a page: as many as Azure tells.
const PAGE: usize = 5_000;

/// Bytes read at a time (chosen: few calls, little memory).
const PIECE: usize = 256 << 10;

/// Files below a folder. Hidden ones are not there for it, symbolic links are not followed, and names that are no plain
/// relative path are `Missing`. Metadata, tags and MD5 are kept in `ROOT/.capkeep`, each for one state of its file.
#[derive(Clone, Debug)]
pub(crate) struct FolderStore {
    root: Arc<Path>,
    account: String,
}

impl FolderStore {
    /// Neither is looked at before the first call.
    pub(crate) fn new(root: &Path) -> Self {
        let account = root.file_name().unwrap_or(root.as_os_str()).to_string_lossy().into_owned();
        Self { root: root.into(), account }
    }

    fn place(&self, name: &BlobName) -> Result<Place> {
        Place::of(&self.root, name).ok_or_else(|| missing(name))
    }

    /// Runs what reads and writes files beside everything else.
    async fn run<T: Send + 'static>(
        &self,
        name: &BlobName,
        work: impl FnOnce(&Place) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let place = self.place(name)?;
        let path = place.path();
        let done = tokio::task::spawn_blocking(move || work(&place)).await;
        done.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(|error| failed(name, path, error))
    }

    async fn listing<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let root = Arc::clone(&self.root);
        let failed = |error| Error::File { path: self.root.to_path_buf(), source: io::Error::other(error) };
        tokio::task::spawn_blocking(move || work(&root)).await.map_err(failed)?
    }
}

#[async_trait]
impl Store for FolderStore {
    fn account(&self) -> &str {
        &self.account
    }

    fn url(&self, name: &BlobName) -> String {
        format!("{}//{}/{}", file_url(&self.root), encoded(&name.container), encoded(&name.name))
    }

    async fn containers(&self, marker: Option<&str>) -> Result<Page<Container>> {
        let marker = marker.map(str::to_owned);
        self.listing(move |root| {
            let (mut names, _) = entries(root).map_err(|error| not_listed(root, "", error))?;
            names.sort();
            let mut page = page_of(names, marker.as_deref());
            let container = |name| Container { name, has_immutability_policy: false, has_legal_hold: false };
            Ok(Page { items: page.items.drain(..).map(container).collect(), next: page.next })
        })
        .await
    }

    async fn list(&self, container: &str, query: &Query, marker: Option<&str>) -> Result<Page<Blob>> {
        let (container, query, marker) = (container.to_owned(), query.clone(), marker.map(str::to_owned));
        self.listing(move |root| {
            if !place::is_word(&container) {
                return Err(not_listed(root, &container, Errno::ENOENT.into()));
            }
            let names = names(&root.join(&container), &query.prefix)
                .map_err(|error| not_listed(root, &container, error))?;
            let page = page_of(names, marker.as_deref());
            let mut items = Vec::with_capacity(page.items.len());
            for name in page.items {
                let name = BlobName::new(&*container, name);
                let Some(place) = Place::of(root, &name) else { continue };
                match place.open().and_then(|file| file.metadata()) {
                    Ok(known) => items.push(told(root, &name, &known)),
                    // It went away meanwhile.
                    Err(error) if is_missing(&error) => {}
                    Err(source) => return Err(Error::File { path: place.path(), source }),
                }
            }
            Ok(Page { items, next: page.next })
        })
        .await
    }

    async fn head(&self, name: &BlobName) -> Result<Blob> {
        let (root, of) = (Arc::clone(&self.root), name.clone());
        self.run(name, move |place| Ok(told(&root, &of, &place.open()?.metadata()?))).await
    }

    async fn read(&self, name: &BlobName, range: Range<u64>, etag: &Etag) -> Result<ByteStream> {
        let what = shown(name);
        let opened = self
            .run(name, move |place| {
                let mut file = place.open()?;
                let known = file.metadata()?;
                file.seek(SeekFrom::Start(range.start))?;
                Ok((file, etag_of(&known), known.len()))
            })
            .await?;
        let (file, found, size) = opened;
        if found != *etag {
            return Err(Error::Changed { what });
        }
        if range.is_empty() || range.end > size {
            return Err(Error::Unexpected { what, why: "it has no such range".into() });
        }
        let path = self.place(name)?.path();
        let rest = (file, range.end - range.start, found, what, path);
        Ok(Box::pin(stream::try_unfold(rest, |(file, left, etag, what, path)| async move {
            if left == 0 {
                return Ok(None);
            }
            let failed = |source| Error::File { path: path.clone(), source };
            let read = tokio::task::spawn_blocking(move || piece_of(file, left)).await;
            let (piece, file, now) =
                read.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(failed)?;
            if now != etag {
                return Err(Error::Changed { what });
            }
            let left = left - piece.len() as u64;
            Ok(Some((piece, (file, left, etag, what, path))))
        })))
    }

    async fn upload(&self, name: &BlobName, file: &Path, upload: &Upload) -> Result<Blob> {
        check_metadata(&upload.metadata)?;
        check_tags(&upload.tags)?;
        let (from, upload, root, of) =
            (file.to_owned(), upload.clone(), Arc::clone(&self.root), name.clone());
        let stored = self.run(name, move |place| {
            let mut from = File::open(from)?;
            let mut md5 = Md5::new();
            let file = place.write(upload.replace, |to| copy(&mut from, to, &mut md5))?;
            let known = file.metadata()?;
            let Upload { metadata, tags, .. } = upload;
            let record = Record { metadata, tags, md5: Some(md5.finalize().into()) };
            record.write(&root, &of, &etag_of(&known))?;
            Ok(told(&root, &of, &known))
        });
        match stored.await {
            Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                Err(Error::Exists { what: shown(name) })
            }
            stored => stored,
        }
    }

    async fn delete(&self, name: &BlobName, etag: &Etag) -> Result<()> {
        let (root, of, etag) = (Arc::clone(&self.root), name.clone(), etag.clone());
        let is_that = self
            .run(name, move |place| {
                let is_that = etag_of(&place.open()?.metadata()?) == etag;
                if is_that {
                    place.remove()?;
                    Record::remove(&root, &of);
                }
                Ok(is_that)
            })
            .await?;
        if is_that { Ok(()) } else { Err(Error::Changed { what: shown(name) }) }
    }

    async fn undelete(&self, name: &BlobName) -> Result<()> {
        Err(not_here(name, "undo a delete"))
    }

    async fn promote(&self, name: &BlobName, _: &str) -> Result<()> {
        Err(not_here(name, "keep versions"))
    }

    async fn tags(&self, name: &BlobName) -> Result<BTreeMap<String, String>> {
        Ok(self.head(name).await?.tags)
    }

    async fn set_tags(&self, name: &BlobName, tags: &BTreeMap<String, String>) -> Result<()> {
        check_tags(tags)?;
        let (root, of, tags) = (Arc::clone(&self.root), name.clone(), tags.clone());
        self.run(name, move |place| {
            let etag = etag_of(&place.open()?.metadata()?);
            let mut record = Record::read(&root, &of, &etag);
            record.tags = tags;
            record.write(&root, &of, &etag)
        })
        .await
    }

    async fn set_metadata(
        &self,
        name: &BlobName,
        metadata: &BTreeMap<String, String>,
        etag: &Etag,
    ) -> Result<Etag> {
        check_metadata(metadata)?;
        let (root, of, metadata, wanted) =
            (Arc::clone(&self.root), name.clone(), metadata.clone(), etag.clone());
        let found = self
            .run(name, move |place| {
                let found = etag_of(&place.open()?.metadata()?);
                if found == wanted {
                    let mut record = Record::read(&root, &of, &found);
                    record.metadata = metadata;
                    record.write(&root, &of, &found)?;
                }
                Ok(found)
            })
            .await?;
        if found == *etag { Ok(found) } else { Err(Error::Changed { what: shown(name) }) }
    }

    async fn set_tier(&self, name: &BlobName, _: Tier, _: &Etag) -> Result<()> {
        Err(not_here(name, "move it to a tier"))
    }

    async fn protection(&self) -> Result<Protection> {
        Ok(Protection { soft_delete_days: None, versions: Some(false) })
    }
}

/// A file as a blob.
fn told(root: &Path, name: &BlobName, known: &fs::Metadata) -> Blob {
    let etag = etag_of(known);
    let Record { metadata, tags, md5 } = Record::read(root, name, &etag);
    let modified = i128::from(known.mtime()) * 1_000_000_000 + i128::from(known.mtime_nsec());
    let modified = Timestamp::from_nanosecond(modified).unwrap_or(Timestamp::UNIX_EPOCH);
    Blob { md5, metadata, tags, ..Blob::new(name.clone(), known.len(), etag, modified) }
}

/// Another file, another content: another tag.
fn etag_of(known: &fs::Metadata) -> Etag {
    Etag::from(format!("{:x}-{:x}.{:x}-{:x}", known.ino(), known.mtime(), known.mtime_nsec(), known.len()))
}

/// The next bytes, and what the file is after they were read.
fn piece_of(mut file: File, left: u64) -> io::Result<(Bytes, File, Etag)> {
    let length = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
    let mut piece = vec![0; length];
    file.read_exact(&mut piece)?;
    let now = etag_of(&file.metadata()?);
    Ok((piece.into(), file, now))
}

fn copy(from: &mut File, to: &mut File, md5: &mut Md5) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece)? {
            0 => return Ok(()),
            length => {
                md5.update(&piece[..length]);
                to.write_all(&piece[..length])?;
            }
        }
    }
}

/// Names of the folders and of the files in a folder; hidden ones, links and what is not UTF-8 are left out.
fn entries(folder: &Path) -> io::Result<(Vec<String>, Vec<String>)> {
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if !place::is_word(&name) {
            continue;
        }
        if kind.is_dir() {
            folders.push(name);
        } else if kind.is_file() {
            files.push(name);
        }
    }
    Ok((folders, files))
}

/// Names of all files below a container that begin with a prefix, in order.
fn names(container: &Path, prefix: &str) -> io::Result<Vec<String>> {
    if !container.symlink_metadata()?.is_dir() {
        return Err(Errno::ENOENT.into());
    }
    let mut found = Vec::new();
    let mut open = vec![String::new()];
    while let Some(below) = open.pop() {
        let (folders, files) = match entries(&container.join(&below)) {
            Ok(entries) => entries,
            // It went away meanwhile.
            Err(error) if !below.is_empty() && is_missing(&error) => continue,
            Err(error) => return Err(error),
        };
        found.extend(
            files.iter().map(|file| format!("{below}{file}")).filter(|name| name.starts_with(prefix)),
        );
        // A folder counts if names in it can begin so.
        let folders = folders.iter().map(|folder| format!("{below}{folder}/"));
        open.extend(
            folders.filter(|folder| folder.starts_with(prefix) || prefix.starts_with(folder.as_str())),
        );
    }
    found.sort();
    Ok(found)
}

/// What follows a marker, which is the last name of the page before.
fn page_of(names: Vec<String>, marker: Option<&str>) -> Page<String> {
    let begin = marker.map_or(0, |marker| names.partition_point(|name| name.as_str() <= marker));
    let is_more = names.len() - begin > PAGE;
    let items: Vec<String> = names.into_iter().skip(begin).take(PAGE).collect();
    let next = if is_more { items.last().cloned() } else { None };
    Page { items, next }
}

/// Neither there nor on the way: a link is not there either.
fn is_missing(error: &io::Error) -> bool {
    let absent =
        [Errno::ENOENT, Errno::ENOTDIR, Errno::ELOOP, Errno::ENAMETOOLONG, Errno::EMLINK, Errno::EISDIR];
    error.raw_os_error().is_some_and(|code| absent.contains(&Errno::from_raw(code)))
}

fn missing(name: &BlobName) -> Error {
    Error::Missing { what: shown(name), code: "BlobNotFound".into() }
}

fn failed(name: &BlobName, path: PathBuf, source: io::Error) -> Error {
    if is_missing(&source) { missing(name) } else { Error::File { path, source } }
}

fn not_listed(root: &Path, container: &str, source: io::Error) -> Error {
    let path = root.join(container);
    if is_missing(&source) {
        let what = path.display().to_string();
        let what = if what.contains(char::is_control) { what.escape_debug().to_string() } else { what };
        Error::Missing { what, code: "ContainerNotFound".into() }
    } else {
        Error::File { path, source }
    }
}

fn not_here(name: &BlobName, what: &str) -> Error {
    Error::Unsupported { what: shown(name), why: format!("a folder cannot {what}") }
}

#[cfg(test)]
mod tests;

//! Stores of an account where the line breaks, the service is busy, or it is a plain web server.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test ends where something is not as it should be, and says what it skips"
)]

mod faults;
mod nginx;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use capkeep_standin::Blobs;
use capkeep_storage::{BlobName, Credential, Etag, Location, Result, Secret, Settings, Store, open};
use futures_util::TryStreamExt;

/// Settings under which nothing is tried twice.
fn once() -> Settings {
    Settings { retry_for: Duration::ZERO, silence: Duration::from_secs(5), ..Settings::default() }
}

/// A store at a URL, with a signature.
fn signed(url: &str, settings: &Settings) -> Arc<dyn Store> {
    let at = Location::parse(url).unwrap();
    open(&at, Credential::Sas(Secret::new(Blobs::sas())), settings).unwrap()
}

async fn read(
    store: &dyn Store,
    name: &BlobName,
    range: std::ops::Range<u64>,
    etag: &Etag,
) -> Result<Vec<u8>> {
    let pieces: Vec<Bytes> = store.read(name, range, etag).await?.try_collect().await?;
    Ok(pieces.concat())
}

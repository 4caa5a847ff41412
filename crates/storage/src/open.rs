//! A store for a location.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::{Stream, stream};

use crate::azure::{AzureStore, Credential, Settings};
use crate::blob::Blob;
use crate::error::{Error, Result};
use crate::folder::FolderStore;
use crate::location::{Base, Location};
use crate::store::{Query, Store};

/// Most pages of a list with few entries on each: a thousand pages for nothing, and one more for each hundred entries
/// (chosen: full pages have 5,000; a service that goes on and on with nearly empty ones is broken or hostile).
const PAGES: usize = 1_000;
const ENTRIES_PER_PAGE: usize = 100;

/// The store that a location names. Container and name do not matter; its signature is used where the credential is
/// [`Credential::Nobody`]. Nothing is sent, and no folder is made.
///
/// # Errors
///
/// [`Error::Setting`].
pub fn open(at: &Location, credential: Credential, settings: &Settings) -> Result<Arc<dyn Store>> {
    Ok(match at.base() {
        Base::Account(_) => Arc::new(AzureStore::open(at, credential, settings)?),
        Base::Folder(folder) => Arc::new(FolderStore::new(folder)),
    })
}

/// All blobs of a container that a query asks for, page by page. A list that goes in a circle or does not end is an
/// error.
pub fn pages<'a>(
    store: &'a dyn Store,
    container: &'a str,
    query: &'a Query,
) -> impl Stream<Item = Result<Vec<Blob>>> + Send + 'a {
    let begin = (Some(None::<String>), HashSet::new(), 0);
    stream::try_unfold(begin, move |(at, mut seen, mut entries)| async move {
        let Some(marker) = at else { return Ok(None) };
        let page = store.list(container, query, marker.as_deref()).await?;
        entries += page.items.len();
        let is_new = page.next.clone().is_none_or(|next| seen.insert(next));
        if !is_new || seen.len() > PAGES + entries / ENTRIES_PER_PAGE {
            let why = if is_new { "a list that does not end" } else { "a list that goes in a circle" };
            return Err(Error::Unexpected { what: format!("the list of {container:?}"), why: why.into() });
        }
        Ok(Some((page.items, (page.next.map(Some), seen, entries))))
    })
}

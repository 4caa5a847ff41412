//! The calls.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::http::headers::Headers;
use azure_core::http::{Context, Etag as HttpEtag, Method, PipelineStreamOptions, Request};
use azure_storage_blob::models::{
    AccessTier, BlobClientDeleteOptions, BlobClientSetMetadataOptions, BlobClientStartCopyFromUrlOptions,
    BlobContainerClientListBlobsOptions, BlobServiceClientListContainersOptions, BlobTags,
    ListBlobsIncludeItem, ListContainersIncludeType,
};
use futures_util::StreamExt;

use super::convert::{container, header, listed, tags, told_by};
use super::exact::Exact;
use super::failure::{by_status, code_of};
use super::guard::{Tries, retry_after};
use super::{AzureStore, counted, shown};
use crate::blob::{Blob, BlobName, Etag, Tier};
use crate::encoding::encoded;
use crate::error::{Error, Result};
use crate::labels::{check_metadata, check_tags};
use crate::store::{ByteStream, Container, Include, Page, Protection, Query, Store, Upload};

/// Most entries of a page: the service's limit.
const PAGE: i32 = 5_000;

/// How often and how long a copy is waited for (chosen: within an account it is done at once).
const COPY_POLLS: u32 = 600;
const COPY_PAUSE: Duration = Duration::from_secs(1);

#[async_trait]
impl Store for AzureStore {
    fn account(&self) -> &str {
        &self.account
    }

    fn url(&self, name: &BlobName) -> String {
        let base = self.base.as_str().trim_end_matches('/');
        format!("{base}/{}/{}", encoded(&name.container), encoded(&name.name))
    }

    async fn containers(&self, marker: Option<&str>) -> Result<Page<Container>> {
        let what = "the list of containers";
        let unexpected = |why: &str| Error::Unexpected { what: what.into(), why: why.into() };
        let options = BlobServiceClientListContainersOptions {
            // Those of the service itself: `$root`, `$web`, where files may be as well.
            include: Some(vec![ListContainersIncludeType::System]),
            marker: marker.map(str::to_owned),
            maxresults: Some(PAGE),
            ..Default::default()
        };
        let pages =
            self.service()?.list_containers(Some(options)).map_err(|error| self.told(what, &error))?;
        let mut pages = pages.into_pages();
        let page = self.call(what, async { pages.next().await.transpose() }).await?;
        let page = page.ok_or_else(|| unexpected("no page"))?;
        let page = page.into_model().map_err(|error| self.told(what, &error))?;
        let next = page.next_marker.filter(|next| !next.is_empty());
        if next.is_some() && next.as_deref() == marker {
            return Err(unexpected("a list that does not go on"));
        }
        Ok(Page { items: page.container_items.into_iter().filter_map(container).collect(), next })
    }

    async fn make_container(&self, container: &str) -> Result<()> {
        match self.call(container, self.container(container)?.create(None)).await {
            Ok(_) | Err(Error::Exists { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn list(&self, container: &str, query: &Query, marker: Option<&str>) -> Result<Page<Blob>> {
        let what = format!("the list of {container:?}");
        let unexpected = |why: &str| Error::Unexpected { what: what.clone(), why: why.to_owned() };
        let options = BlobContainerClientListBlobsOptions {
            include: Some(included(query.include)).filter(|include| !include.is_empty()),
            marker: marker.map(str::to_owned),
            maxresults: Some(PAGE),
            prefix: Some(query.prefix.clone()).filter(|prefix| !prefix.is_empty()),
            ..Default::default()
        };
        let client = self.container(container)?;
        let pages = client.list_blobs(Some(options)).map_err(|error| self.told(&what, &error))?;
        let mut pages = pages.into_pages();
        let page = self.call(&what, async { pages.next().await.transpose() }).await?;
        let page = page.ok_or_else(|| unexpected("no page"))?;
        let page = page.into_model().map_err(|error| self.told(&what, &error))?;
        let next = page.next_marker.filter(|next| !next.is_empty());
        if next.is_some() && next.as_deref() == marker {
            return Err(unexpected("a list that does not go on"));
        }
        let mut items = Vec::with_capacity(page.blob_items.len());
        for item in page.blob_items {
            let blob = listed(container, item).map_err(unexpected)?;
            if !blob.name.name.starts_with(&query.prefix) {
                return Err(unexpected("a name that was not asked for"));
            }
            items.push(blob);
        }
        Ok(Page { items, next })
    }

    async fn head(&self, name: &BlobName) -> Result<Blob> {
        Ok(self.look(name).await?.0)
    }

    async fn read(&self, name: &BlobName, range: Range<u64>, etag: &Etag) -> Result<ByteStream> {
        let what = shown(name);
        let unexpected = |why: String| Error::Unexpected { what: what.clone(), why };
        let length = range.end.saturating_sub(range.start);
        if length == 0 {
            return Err(unexpected("an empty range was asked for".into()));
        }
        let mut request = Request::new(self.url_of(name)?, Method::Get);
        request.insert_header("range", format!("bytes={}-{}", range.start, range.end - 1));
        request.insert_header("if-match", etag.as_str().to_owned());
        request.insert_header("x-ms-version", self.version.clone());
        let options = PipelineStreamOptions { skip_checks: true, ..Default::default() };
        let context = Context::new();
        let answer = self.pipeline.stream(&context, &mut request, Some(options));
        let (status, headers, body) = self.call(&what, answer).await?.deconstruct();
        match u16::from(status) {
            206 => {}
            200 => return Err(unexpected("all of it instead of a range".into())),
            status => return Err(by_status(&what, status, code_of(&headers), retry_after(&headers))),
        }
        if let Some(found) = header(&headers, "etag")
            && Etag::from(found) != *etag
        {
            return Err(Error::Changed { what });
        }
        check_range(&headers, &range).map_err(unexpected)?;
        Ok(Box::pin(Exact::new(body, length, what, self.host.clone())))
    }

    async fn upload(&self, name: &BlobName, file: &Path, upload: &Upload) -> Result<Blob> {
        self.put(name, file, upload).await
    }

    async fn delete(&self, name: &BlobName, etag: &Etag) -> Result<()> {
        let tries = Tries::default();
        let options = BlobClientDeleteOptions {
            if_match: Some(HttpEtag::from(etag.as_str())),
            method_options: counted(&tries),
            ..Default::default()
        };
        let client = self.blob(name)?;
        let error = match self.call(&shown(name), client.delete(Some(options))).await {
            Ok(_) => return Ok(()),
            // No blob has another entity tag, too.
            Err(changed @ Error::Changed { .. }) => self.head(name).await.err().unwrap_or(changed),
            Err(error) => error,
        };
        match error {
            // The answer to an earlier try was lost: the blob was there when it was asked for.
            Error::Missing { code, .. } if tries.are_many() && code != "ContainerNotFound" => Ok(()),
            error => Err(error),
        }
    }

    async fn undelete(&self, name: &BlobName) -> Result<()> {
        let client = self.blob(name)?;
        self.call(&shown(name), client.undelete(None)).await.map(drop)
    }

    async fn promote(&self, name: &BlobName, version: &str) -> Result<()> {
        let what = shown(name);
        let failed = |why: &str| Error::Unexpected { what: what.clone(), why: why.to_owned() };
        let mut source = self.url_of(name)?;
        source.query_pairs_mut().append_pair("versionid", version);
        let client = self.blob(name)?;
        let tries = Tries::default();
        let options = BlobClientStartCopyFromUrlOptions {
            if_none_match: Some(HttpEtag::from("*")),
            method_options: counted(&tries),
            ..Default::default()
        };
        let answer = match self.call(&what, client.start_copy_from_url(source.into(), Some(options))).await {
            Ok(answer) => answer,
            // The answer to an earlier try may have been lost.
            Err(Error::Exists { .. } | Error::Changed { .. }) if tries.are_many() => {
                return Err(failed("there is a current version now: of an earlier try, or somebody else's"));
            }
            Err(Error::Changed { what }) => return Err(Error::Exists { what }),
            Err(error) => return Err(error),
        };
        self.versions.note(answer.headers());
        let mut status = header(answer.headers(), "x-ms-copy-status").map(str::to_owned);
        for _ in 0..COPY_POLLS {
            match status.as_deref() {
                None | Some("success") => return Ok(()),
                Some("pending") => tokio::time::sleep(COPY_PAUSE).await,
                Some(_) => return Err(failed("the copy of the older version failed")),
            }
            status = header(&self.look(name).await?.1, "x-ms-copy-status").map(str::to_owned);
        }
        Err(failed("the copy of the older version does not end"))
    }

    async fn tags(&self, name: &BlobName) -> Result<BTreeMap<String, String>> {
        let (client, what) = (self.blob(name)?, shown(name));
        let answer = self.call(&what, client.get_tags(None)).await?;
        Ok(tags(answer.into_model().map_err(|error| self.told(&what, &error))?))
    }

    async fn set_tags(&self, name: &BlobName, tags: &BTreeMap<String, String>) -> Result<()> {
        check_tags(tags)?;
        let (client, what) = (self.blob(name)?, shown(name));
        let tags = BlobTags::from(tags.clone().into_iter().collect::<HashMap<_, _>>());
        let body = tags.try_into().map_err(|error| self.told(&what, &error))?;
        self.call(&what, client.set_tags(body, None)).await.map(drop)
    }

    async fn set_metadata(
        &self,
        name: &BlobName,
        metadata: &BTreeMap<String, String>,
        etag: &Etag,
    ) -> Result<Etag> {
        check_metadata(metadata)?;
        let (client, what, tries) = (self.blob(name)?, shown(name), Tries::default());
        let options = BlobClientSetMetadataOptions {
            if_match: Some(HttpEtag::from(etag.as_str())),
            method_options: counted(&tries),
            ..Default::default()
        };
        let wanted: HashMap<String, String> = metadata.clone().into_iter().collect();
        match self.call(&what, client.set_metadata(&wanted, Some(options))).await {
            Ok(answer) => {
                self.versions.note(answer.headers());
                let told = header(answer.headers(), "etag").map(Etag::from);
                told.ok_or_else(|| Error::Unexpected { what, why: "no entity tag".into() })
            }
            // Perhaps it was an earlier try of ours that changed it.
            Err(Error::Changed { .. }) if tries.are_many() => {
                let found = self.head(name).await?;
                let is_ours = lower(&found.metadata) == lower(metadata);
                if is_ours { Ok(found.etag) } else { Err(Error::Changed { what }) }
            }
            Err(error) => Err(error),
        }
    }

    async fn set_tier(&self, name: &BlobName, tier: Tier, etag: &Etag) -> Result<()> {
        // The service knows no condition for this; a tier is no content.
        if self.head(name).await?.etag != *etag {
            return Err(Error::Changed { what: shown(name) });
        }
        let tier = match tier {
            Tier::Cool => AccessTier::Cool,
            Tier::Cold => AccessTier::Cold,
            Tier::Archive => AccessTier::Archive,
        };
        let client = self.blob(name)?;
        self.call(&shown(name), client.set_tier(tier, None)).await.map(drop)
    }

    async fn protection(&self) -> Result<Protection> {
        let what = "the properties of the account";
        let client = self.service()?;
        let answer = self.call(what, client.get_properties(None)).await?;
        let told = answer.into_model().map_err(|error| self.told(what, &error))?;
        let policy = told.delete_retention_policy.filter(|policy| policy.enabled == Some(true));
        let days = policy.and_then(|policy| u32::try_from(policy.days?).ok());
        Ok(Protection { soft_delete_days: days, versions: self.versions.are_kept() })
    }
}

impl AzureStore {
    /// What is known of a blob, and the headers that told it.
    async fn look(&self, name: &BlobName) -> Result<(Blob, Headers)> {
        let (client, what) = (self.blob(name)?, shown(name));
        let answer = self.call(&what, client.get_properties(None)).await?;
        let headers = answer.headers();
        let blob = told_by(name, headers)
            .map_err(|why| Error::Unexpected { what, why: format!("the answer has {why}") })?;
        Ok((blob, headers.clone()))
    }
}

fn included(include: Include) -> Vec<ListBlobsIncludeItem> {
    use ListBlobsIncludeItem as Item;
    let all = [
        (include.metadata, Item::Metadata),
        (include.tags, Item::Tags),
        (include.holds, Item::ImmutabilityPolicy),
        (include.holds, Item::LegalHold),
        (include.snapshots, Item::Snapshots),
        (include.deleted, Item::Deleted),
        (include.versions, Item::Versions),
    ];
    all.into_iter().filter(|(is_wanted, _)| *is_wanted).map(|(_, item)| item).collect()
}

/// Whether an answer is for the range that was asked for.
fn check_range(headers: &Headers, range: &Range<u64>) -> std::result::Result<(), String> {
    let told = header(headers, "content-range").ok_or("a part without saying which")?;
    let parsed = || {
        let (first_last, total) = told.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = first_last.split_once('-')?;
        let is_long_enough = total == "*" || total.parse::<u64>().ok()? >= range.end;
        Some(
            first.parse::<u64>().ok()? == range.start
                && last.parse::<u64>().ok()? == range.end - 1
                && is_long_enough,
        )
    };
    if parsed() != Some(true) {
        return Err(format!("another range than bytes {}-{}", range.start, range.end - 1));
    }
    if header(headers, "content-encoding").is_some_and(|encoding| encoding != "identity")
        && header(headers, "x-ms-blob-type").is_none()
    {
        return Err("an encoded range".into());
    }
    match header(headers, "content-length").map(str::parse::<u64>) {
        Some(Ok(length)) if length != range.end - range.start => Err(format!("{length} bytes for the range")),
        _ => Ok(()),
    }
}

/// Names of metadata have no case.
fn lower(metadata: &BTreeMap<String, String>) -> BTreeMap<String, &str> {
    metadata.iter().map(|(key, value)| (key.to_ascii_lowercase(), value.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_for_another_range_is_refused() {
        let check = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = Headers::new();
            for (name, value) in pairs {
                headers.insert(*name, *value);
            }
            check_range(&headers, &(10..20))
        };
        for told in ["bytes 10-19/100", "bytes 10-19/20", "bytes 10-19/*"] {
            assert_eq!(check(&[("content-range", told), ("content-length", "10")]), Ok(()));
            assert_eq!(check(&[("content-range", told)]), Ok(()));
        }
        for told in [
            "",
            "bytes 10-18/100",
            "bytes 0-19/100",
            "bytes 10-20/100",
            "bytes 10-19/19",
            "bytes */100",
            "10-19/100",
        ] {
            assert!(check(&[("content-range", told)]).is_err(), "{told}");
        }
        assert!(check(&[]).is_err());
        assert!(check(&[("content-range", "bytes 10-19/100"), ("content-length", "9")]).is_err());
        let zipped = [("content-range", "bytes 10-19/100"), ("content-encoding", "gzip")];
        assert!(check(&zipped).is_err());
    }
}

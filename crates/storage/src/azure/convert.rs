//! Answers of the service as what this crate tells.

use std::collections::{BTreeMap, HashMap};

use azure_core::http::headers::{HeaderName, Headers};
use azure_core::time::OffsetDateTime;
use azure_storage_blob::models::{BlobItem, BlobTags, ContainerItem, LeaseState as Lease, LeaseStatus};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use jiff::fmt::rfc2822;

use crate::blob::{Blob, BlobName, Etag, LeaseState};
use crate::store::Container;

/// A blob out of a listing; what is wrong with it if it is none.
pub(super) fn listed(container: &str, item: BlobItem) -> Result<Blob, &'static str> {
    let name = item.name.filter(|name| !name.is_empty()).ok_or("a blob without a name")?;
    let known = item.properties.unwrap_or_default();
    let size = known.content_length.ok_or("a blob without a size")?;
    let etag = known.etag.ok_or("a blob without an entity tag")?;
    let modified = known.last_modified.and_then(time).ok_or("a blob without a time")?;
    let mut blob = Blob::new(BlobName::new(container, name), size, Etag::from(etag.as_ref()), modified);
    blob.created = known.creation_time.and_then(time);
    blob.accessed = known.last_accessed_on.and_then(time);
    blob.md5 = known.content_md5.and_then(|md5| md5.try_into().ok());
    if let Some(kind) = known.blob_type {
        blob.kind = kind.to_string();
    }
    blob.tier = known.access_tier.map(|tier| tier.to_string());
    let is_leased = known.lease_status == Some(LeaseStatus::Locked)
        || matches!(known.lease_state, Some(Lease::Leased | Lease::Breaking));
    if is_leased {
        blob.lease = LeaseState::Leased;
    }
    blob.legal_hold = known.legal_hold.unwrap_or(false);
    blob.immutable_until = known.immutability_policy_expires_on.and_then(time);
    blob.snapshot = item.snapshot.filter(|snapshot| !snapshot.is_empty());
    blob.version = item.version_id.filter(|version| !version.is_empty());
    let is_latest = blob.version.is_none() || item.is_current_version == Some(true);
    blob.is_current = blob.snapshot.is_none() && is_latest;
    if item.deleted == Some(true) {
        blob.deleted = Some(known.deleted_time.and_then(time).unwrap_or(modified));
        blob.days_left = known.remaining_retention_days.and_then(|days| u32::try_from(days).ok());
    }
    blob.metadata =
        item.metadata.and_then(|metadata| metadata.values).unwrap_or_default().into_iter().collect();
    blob.tags = item.blob_tags.map(tags).unwrap_or_default();
    Ok(blob)
}

/// A container out of a listing.
pub(super) fn container(item: ContainerItem) -> Option<Container> {
    let name = item.name.filter(|name| !name.is_empty())?;
    let known = item.properties.unwrap_or_default();
    Some(Container {
        name,
        has_immutability_policy: known.has_immutability_policy.unwrap_or(false),
        has_legal_hold: known.has_legal_hold.unwrap_or(false),
    })
}

/// A blob out of the headers that tell of it; what is missing if something is.
pub(super) fn told_by(name: &BlobName, headers: &Headers) -> Result<Blob, &'static str> {
    let get = |name: &'static str| header(headers, name);
    let at = |name| get(name).and_then(date);
    let is = |name, value: &str| get(name).is_some_and(|text| text.eq_ignore_ascii_case(value));
    let size = get("content-length").and_then(|text| text.parse().ok()).ok_or("no size of it")?;
    let etag = get("etag").ok_or("no entity tag of it")?;
    let modified = at("last-modified").ok_or("no time of its last change")?;
    let mut blob = Blob::new(name.clone(), size, Etag::from(etag), modified);
    blob.created = at("x-ms-creation-time");
    blob.accessed = at("x-ms-last-access-time");
    blob.md5 = get("content-md5").and_then(|text| BASE64_STANDARD.decode(text).ok()?.try_into().ok());
    if let Some(kind) = get("x-ms-blob-type") {
        kind.clone_into(&mut blob.kind);
    }
    blob.tier = get("x-ms-access-tier").map(str::to_owned);
    if is("x-ms-lease-status", "locked")
        || is("x-ms-lease-state", "leased")
        || is("x-ms-lease-state", "breaking")
    {
        blob.lease = LeaseState::Leased;
    }
    blob.legal_hold = is("x-ms-legal-hold", "true");
    blob.immutable_until = at("x-ms-immutability-policy-until-date");
    blob.version = get("x-ms-version-id").map(str::to_owned);
    blob.is_current = blob.version.is_none() || !is("x-ms-is-current-version", "false");
    blob.metadata = headers
        .iter()
        .filter_map(|(name, value)| {
            Some((name.as_str().strip_prefix("x-ms-meta-")?.to_owned(), value.as_str().to_owned()))
        })
        .collect();
    Ok(blob)
}

/// A header that says something.
pub(super) fn header<'a>(headers: &'a Headers, name: &'static str) -> Option<&'a str> {
    let text = headers.get_optional_str(&HeaderName::from_static(name)).map(str::trim);
    text.filter(|text| !text.is_empty())
}

/// Tags as the service lists them.
pub(super) fn tags(tags: BlobTags) -> BTreeMap<String, String> {
    HashMap::from(tags).into_iter().collect()
}

/// A date as HTTP writes it.
pub(super) fn date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

fn time(at: OffsetDateTime) -> Option<Timestamp> {
    Timestamp::from_nanosecond(at.unix_timestamp_nanos()).ok()
}

//! Writing blobs, and what is about them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::BytesMut;
use jiff::Timestamp;
use md5::{Digest, Md5};
use url::{Url, form_urlencoded};

use super::account::{State, etag, instant};
use super::content::Content;
use super::message::{
    ARCHIVED, Answer, BLOB_EXISTS, BLOB_MISSING, IMMUTABLE_POLICY, INVALID_BLOCKS, INVALID_HEADER,
    INVALID_XML, MD5_MISMATCH, Refusal, Reply, Request, SOURCE_UNVERIFIED, TAGS_INVALID, decoded,
};
use super::read::changed;
use super::stored::{Entry, Stored};
use super::xml::texts;
use super::{conditions, parsed_date};

/// Refuses to write over what must stay.
fn may_write(state: &mut State, request: &Request) -> Result<(), Refusal> {
    let now = state.now();
    let versions = state.rules.versions;
    let entry = state.container(&request.container)?.blobs.get(&request.name);
    let current = entry.and_then(Entry::current);
    let is_new_only = request.header("if-none-match").is_some_and(|value| value.trim() == "*");
    if current.is_some() && is_new_only {
        return Err(BLOB_EXISTS);
    }
    conditions::met(request, current)?;
    let Some(current) = current else { return Ok(()) };
    current.respect_lease(request.header("x-ms-lease-id"))?;
    // Where versions are kept, what must stay stays as an older version.
    if versions { Ok(()) } else { current.respect_holds(now) }
}

/// Writes a blob of this content with what the headers say, and answers with what is stored.
fn write(
    state: &mut State,
    request: &Request,
    content: Content,
    md5: Option<[u8; 16]>,
) -> Result<Stored, Refusal> {
    let now = state.now();
    let header = |name: &str| request.header(name).map(str::to_owned);
    let old = state.container(&request.container)?.blobs.get(&request.name).and_then(Entry::current);
    let (created, lease) = (old.map(|old| old.created), old.and_then(|old| old.lease.clone()));
    let tags = form_urlencoded::parse(request.header("x-ms-tags").unwrap_or_default().as_bytes());
    let stored = Stored {
        content,
        content_type: header("x-ms-blob-content-type")
            .or_else(|| header("content-type"))
            .unwrap_or_else(|| "application/octet-stream".into()),
        md5,
        etag: etag(now),
        created: created.unwrap_or(now),
        modified: now,
        metadata: request.metadata(),
        tags: tags.into_owned().collect(),
        kind: header("x-ms-blob-type").unwrap_or_else(|| "BlockBlob".into()),
        tier: header("x-ms-access-tier"),
        lease,
        legal_hold: request.header("x-ms-legal-hold") == Some("true"),
        immutable_until: request.header("x-ms-immutability-policy-until-date").and_then(parsed_date),
        version: None,
        snapshot: None,
        deleted: None,
    };
    state.replace(&request.container, &request.name, stored)
}

/// The MD5 in a header.
fn md5_header(request: &Request, name: &str) -> Result<Option<[u8; 16]>, Refusal> {
    let Some(text) = request.header(name) else { return Ok(None) };
    let md5 = BASE64_STANDARD.decode(text).ok().and_then(|md5| md5.try_into().ok());
    md5.map(Some).ok_or(INVALID_HEADER)
}

/// Refuses a body that is not what its MD5 says.
fn check_body(request: &Request) -> Result<[u8; 16], Refusal> {
    let is = Md5::digest(&request.body).into();
    match md5_header(request, "content-md5")? {
        Some(md5) if md5 != is => Err(MD5_MISMATCH),
        _ => Ok(is),
    }
}

/// Put Blob.
pub(super) fn put(state: &mut State, request: &Request) -> Answer {
    let is = check_body(request)?;
    may_write(state, request)?;
    let md5 = md5_header(request, "x-ms-blob-content-md5")?.unwrap_or(is);
    let stored = write(state, request, Content::Bytes(request.body.clone()), Some(md5))?;
    Ok(changed(201, &stored).with("content-md5", BASE64_STANDARD.encode(is)))
}

/// Put Block.
pub(super) fn block(state: &mut State, request: &Request) -> Answer {
    check_body(request)?;
    let id = request.parameter("blockid").ok_or(INVALID_HEADER)?.to_owned();
    let container = state.container(&request.container)?;
    let entry = container.blobs.entry(request.name.clone()).or_default();
    entry.blocks.insert(id, request.body.clone());
    Ok(Reply::new(201).with("x-ms-request-server-encrypted", "true"))
}

/// Put Block List.
pub(super) fn block_list(state: &mut State, request: &Request) -> Answer {
    may_write(state, request)?;
    let text = std::str::from_utf8(&request.body).map_err(|_| INVALID_XML)?;
    let entry = state.container(&request.container)?.blobs.entry(request.name.clone()).or_default();
    let mut all = BytesMut::new();
    for (_, id) in texts(text, &["Latest", "Uncommitted", "Committed"]) {
        all.extend_from_slice(entry.blocks.get(&id).ok_or(INVALID_BLOCKS)?);
    }
    entry.blocks.clear();
    // Nobody knows the MD5 of what came in blocks, unless the client says it.
    let md5 = md5_header(request, "x-ms-blob-content-md5")?;
    write(state, request, Content::Bytes(all.freeze()), md5).map(|stored| changed(201, &stored))
}

/// Copy Blob, Copy Blob From URL, Put Blob From URL; the source has to be here.
pub(super) fn copy(state: &mut State, request: &Request) -> Answer {
    let source = request.header("x-ms-copy-source").unwrap_or_default();
    let url = Url::parse(source).map_err(|_| INVALID_HEADER)?;
    let is_asynchronous =
        request.header("x-ms-requires-sync").is_none() && request.header("x-ms-blob-type").is_none();
    let is_signed = url.query_pairs().any(|(key, _)| key == "sig");
    // Only Copy Blob believes the key of the account for a source in the same account.
    if !is_asynchronous && !is_signed && request.header("x-ms-copy-source-authorization").is_none() {
        return Err(SOURCE_UNVERIFIED);
    }
    let mut parts = url.path().trim_start_matches('/').splitn(3, '/').skip(1).map(decoded);
    let (container, name) = parts.next().zip(parts.next()).ok_or(SOURCE_UNVERIFIED)?;
    let parameter = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value);
    let (version, snapshot) = (parameter("versionid"), parameter("snapshot"));
    let entry = state.containers.get(&container).and_then(|container| container.blobs.get(&name));
    let source = entry
        .and_then(|entry| entry.find(version.as_deref(), snapshot.as_deref()))
        .cloned()
        .ok_or(BLOB_MISSING)?;
    if source.is_archived() {
        return Err(ARCHIVED);
    }
    may_write(state, request)?;
    let mut stored = write(state, request, source.content.clone(), source.md5)?;
    // Without metadata of its own a copy has that of its source; tags it has not.
    let has_own = !stored.metadata.is_empty();
    let entry = state.container(&request.container)?.blobs.get_mut(&request.name);
    if let Some(base) = entry.and_then(Entry::current_mut) {
        base.kind = source.kind;
        base.content_type = source.content_type;
        if !has_own {
            base.metadata = source.metadata;
        }
        stored = base.clone();
    }
    let status = if request.header("x-ms-blob-type").is_some() { 201 } else { 202 };
    let reply = changed(status, &stored);
    Ok(if status == 201 {
        reply
    } else {
        reply.with("x-ms-copy-id", "5741d100-0000-0000-0000-000000000000").with("x-ms-copy-status", "success")
    })
}

/// The current version, which must be there, with the time.
fn current<'a>(state: &'a mut State, request: &Request) -> Result<(&'a mut Stored, Timestamp), Refusal> {
    let now = state.now();
    let entry = state.container(&request.container)?.blobs.get_mut(&request.name).ok_or(BLOB_MISSING)?;
    entry.current_mut().map(|stored| (stored, now)).ok_or(BLOB_MISSING)
}

/// Set Blob Metadata.
pub(super) fn metadata(state: &mut State, request: &Request) -> Answer {
    let (stored, now) = current(state, request)?;
    conditions::met(request, Some(stored))?;
    stored.respect_lease(request.header("x-ms-lease-id"))?;
    stored.respect_holds(now)?;
    if stored.is_archived() {
        return Err(ARCHIVED);
    }
    let new = Stored { metadata: request.metadata(), etag: etag(now), modified: now, ..stored.clone() };
    if state.rules.versions {
        return state.replace(&request.container, &request.name, new).map(|stored| changed(200, &stored));
    }
    let (stored, _) = current(state, request)?;
    *stored = new;
    Ok(changed(200, stored))
}

/// Set Blob Tags.
pub(super) fn tags(state: &mut State, request: &Request) -> Answer {
    let text = std::str::from_utf8(&request.body).map_err(|_| INVALID_XML)?;
    let mut tags = BTreeMap::new();
    let mut key = None;
    for (tag, text) in texts(text, &["Key", "Value"]) {
        match (tag, key.take()) {
            ("Key", _) => key = Some(text),
            (_, Some(key)) => drop(tags.insert(key, text)),
            _ => return Err(INVALID_XML),
        }
    }
    if tags.len() > 10 || tags.iter().any(|(key, value)| !is_tag(key, 1, 128) || !is_tag(value, 0, 256)) {
        return Err(TAGS_INVALID);
    }
    let (stored, _) = current(state, request)?;
    conditions::with_prefix(request, "x-ms-blob-", Some(stored))?;
    stored.respect_lease(request.header("x-ms-lease-id"))?;
    stored.tags = tags;
    Ok(Reply::new(204))
}

/// What keys and values of tags may be (<https://learn.microsoft.com/rest/api/storageservices/set-blob-tags>).
fn is_tag(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.chars().count())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || " +-./:=_".contains(c))
}

/// Set Blob Tier. It knows no conditions; entity tag and time stay.
pub(super) fn tier(state: &mut State, request: &Request) -> Answer {
    conditions::none(request)?;
    let tier = request.header("x-ms-access-tier").ok_or(INVALID_HEADER)?.to_owned();
    if !["Hot", "Cool", "Cold", "Archive"].contains(&tier.as_str()) {
        return Err(INVALID_HEADER);
    }
    let (stored, _) = current(state, request)?;
    stored.respect_lease(request.header("x-ms-lease-id"))?;
    let status = if stored.is_archived() { 202 } else { 200 };
    stored.tier = Some(tier);
    Ok(Reply::new(status))
}

/// Snapshot Blob.
pub(super) fn snapshot(state: &mut State, request: &Request) -> Answer {
    let now = state.now();
    let entry = state.container(&request.container)?.blobs.get_mut(&request.name).ok_or(BLOB_MISSING)?;
    let current = entry.current().ok_or(BLOB_MISSING)?;
    conditions::met(request, Some(current))?;
    let snapshot = Stored { snapshot: Some(instant(now)), lease: None, version: None, ..current.clone() };
    let reply = changed(201, &snapshot);
    entry.snapshots.push(snapshot);
    Ok(reply)
}

/// Set Blob Immutability Policy.
pub(super) fn policy(state: &mut State, request: &Request) -> Answer {
    let until = request.header("x-ms-immutability-policy-until-date").and_then(parsed_date);
    let until = until.ok_or(INVALID_HEADER)?;
    let (stored, _) = current(state, request)?;
    stored.immutable_until = Some(until);
    Ok(Reply::new(200).with("x-ms-immutability-policy-mode", "unlocked"))
}

/// Delete Blob Immutability Policy; a policy that is not locked can go.
pub(super) fn no_policy(state: &mut State, request: &Request) -> Answer {
    let (stored, _) = current(state, request)?;
    stored.immutable_until.take().map(|_| Reply::new(200)).ok_or(IMMUTABLE_POLICY)
}

/// Set Blob Legal Hold.
pub(super) fn hold(state: &mut State, request: &Request) -> Answer {
    let is_held =
        request.header("x-ms-legal-hold").and_then(|text| text.parse().ok()).ok_or(INVALID_HEADER)?;
    let (stored, _) = current(state, request)?;
    stored.legal_hold = is_held;
    Ok(Reply::new(200).with("x-ms-legal-hold", is_held.to_string()))
}

//! Reading blobs.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest, Md5};

use super::account::{State, instant};
use super::body::Payload;
use super::content::crc64;
use super::message::{
    ARCHIVED, Answer, BLOB_MISSING, CONDITION_NOT_MET, INVALID_HEADER, INVALID_RANGE, Refusal, Reply, Request,
};
use super::stored::Stored;
use super::xml::element;
use super::{conditions, date};
use crate::seen::range;

/// Longest range whose checksum is told, in bytes (<https://learn.microsoft.com/rest/api/storageservices/get-blob>).
const CHECKED_BYTES: u64 = 4 << 20;

/// The version that a request names.
pub(super) fn found<'a>(state: &'a mut State, request: &Request) -> Result<(&'a Stored, bool), Refusal> {
    let entry = state.container(&request.container)?.blobs.get(&request.name).ok_or(BLOB_MISSING)?;
    let (version, snapshot) = (request.parameter("versionid"), request.parameter("snapshot"));
    let stored = entry.find(version, snapshot).ok_or(BLOB_MISSING)?;
    let is_current = entry.current().is_some_and(|current| std::ptr::eq(current, stored));
    Ok((stored, is_current))
}

/// 304 where a condition of a read was about what the client has already.
fn conditions(request: &Request, stored: &Stored) -> Result<(), Refusal> {
    let is_cached =
        request.header("if-none-match").is_some() || request.header("if-modified-since").is_some();
    conditions::met(request, Some(stored))
        .map_err(|refusal| if is_cached { Refusal { status: 304, ..CONDITION_NOT_MET } } else { refusal })
}

/// Headers that reading a blob and looking at it have in common.
fn headers(stored: &Stored, is_current: bool) -> Reply {
    let lease = if stored.lease.is_some() { ("locked", "leased") } else { ("unlocked", "available") };
    let mut reply = Reply::new(200)
        .with("last-modified", date(stored.modified))
        .with("etag", stored.etag.clone())
        .with("content-type", stored.content_type.clone())
        .with("accept-ranges", "bytes")
        .with("x-ms-creation-time", date(stored.created))
        .with("x-ms-blob-type", stored.kind.clone())
        .with("x-ms-lease-status", lease.0)
        .with("x-ms-lease-state", lease.1)
        .with("x-ms-server-encrypted", "true")
        .with("x-ms-access-tier", stored.tier.clone().unwrap_or_else(|| "Hot".into()))
        .maybe("x-ms-access-tier-inferred", stored.tier.is_none().then_some("true"))
        .maybe("x-ms-tag-count", (!stored.tags.is_empty()).then(|| stored.tags.len().to_string()))
        .maybe("x-ms-version-id", stored.version.clone())
        .maybe("x-ms-is-current-version", (stored.version.is_some() && is_current).then_some("true"))
        .maybe("x-ms-immutability-policy-until-date", stored.immutable_until.map(date))
        .maybe("x-ms-immutability-policy-mode", stored.immutable_until.map(|_| "unlocked"))
        .maybe("x-ms-legal-hold", stored.legal_hold.then_some("true"));
    for (name, value) in &stored.metadata {
        reply = reply.with(&format!("x-ms-meta-{name}"), value.clone());
    }
    reply
}

/// Get Blob Properties.
pub(super) fn head(state: &mut State, request: &Request) -> Answer {
    let (stored, is_current) = found(state, request)?;
    conditions(request, stored)?;
    Ok(headers(stored, is_current)
        .with("content-length", stored.content.size().to_string())
        .maybe("content-md5", stored.md5.map(|md5| BASE64_STANDARD.encode(md5))))
}

/// Get Blob.
pub(super) fn get(state: &mut State, request: &Request) -> Answer {
    let (stored, is_current) = found(state, request)?;
    conditions(request, stored)?;
    if stored.is_archived() {
        return Err(ARCHIVED);
    }
    let size = stored.content.size();
    let md5 = stored.md5.map(|md5| BASE64_STANDARD.encode(md5));
    let reply = headers(stored, is_current);
    let Some(range) = request.header("x-ms-range").or_else(|| request.header("range")).and_then(range) else {
        let body = Payload::range(stored.content.clone(), 0..size);
        return Ok(reply.maybe("content-md5", md5).body(body));
    };
    if range.start >= size {
        return Ok(INVALID_RANGE.reply().with("content-range", format!("bytes */{size}")));
    }
    let range = range.start..range.end.min(size);
    let wants = |name: &str| request.header(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let (with_md5, with_crc) = (wants("x-ms-range-get-content-md5"), wants("x-ms-range-get-content-crc64"));
    if (with_md5 || with_crc) && range.end - range.start > CHECKED_BYTES {
        return Err(INVALID_HEADER);
    }
    let bytes = (with_md5 || with_crc).then(|| stored.content.range(range.clone()));
    let checksum = |wanted: bool, of: &dyn Fn(&[u8]) -> Vec<u8>| {
        bytes.as_ref().filter(|_| wanted).map(|bytes| BASE64_STANDARD.encode(of(bytes)))
    };
    Ok(Reply { status: 206, ..reply }
        .with("content-range", format!("bytes {}-{}/{size}", range.start, range.end - 1))
        .maybe("x-ms-blob-content-md5", md5)
        .maybe("content-md5", checksum(with_md5, &|bytes| Md5::digest(bytes).to_vec()))
        .maybe("x-ms-content-crc64", checksum(with_crc, &|bytes| crc64(bytes).to_le_bytes().to_vec()))
        .body(Payload::range(stored.content.clone(), range)))
}

/// Get Blob Tags.
pub(super) fn tags(state: &mut State, request: &Request) -> Answer {
    let (stored, _) = found(state, request)?;
    conditions::with_prefix(request, "x-ms-blob-", Some(stored))?;
    Ok(Reply::xml(format!("\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>{}", tag_elements(stored))))
}

/// The tags of a blob as XML.
pub(super) fn tag_elements(stored: &Stored) -> String {
    let pair = |(key, value): (&String, &String)| {
        format!("<Tag>{}{}</Tag>", element("Key", key), element("Value", value))
    };
    let all: String = stored.tags.iter().map(pair).collect();
    format!("<Tags><TagSet>{all}</TagSet></Tags>")
}

/// Get Block List, of which only the blocks in no list are known.
pub(super) fn block_list(state: &mut State, request: &Request) -> Answer {
    let entry = state.container(&request.container)?.blobs.get(&request.name).ok_or(BLOB_MISSING)?;
    let block = |(id, bytes): (&String, &bytes::Bytes)| {
        format!("<Block>{}<Size>{}</Size></Block>", element("Name", id), bytes.len())
    };
    let blocks: String = entry.blocks.iter().map(block).collect();
    Ok(Reply::xml(format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList><CommittedBlocks /><UncommittedBlocks>{blocks}</UncommittedBlocks></BlockList>"
    )))
}

/// Headers of an answer to a request that changed a blob.
pub(super) fn changed(status: u16, stored: &Stored) -> Reply {
    Reply::new(status)
        .with("etag", stored.etag.clone())
        .with("last-modified", date(stored.modified))
        .with("x-ms-request-server-encrypted", "true")
        .maybe("x-ms-version-id", stored.version.clone())
        .maybe("x-ms-snapshot", stored.snapshot.clone())
        .maybe("x-ms-deleted-time", stored.deleted.map(instant))
}

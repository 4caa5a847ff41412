//! Requests, answers and refusals.

use std::collections::BTreeMap;

use bytes::Bytes;
use url::form_urlencoded;

use super::body::Payload;
use super::xml::escaped;
use crate::seen::Seen;

/// A request whose address was taken apart.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) seen: Seen,
    pub(super) container: String,
    /// Name of the blob, decoded; empty for a container.
    pub(super) name: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) body: Bytes,
}

impl Request {
    /// Takes the address apart: `/account/container/name`.
    pub(super) fn new(seen: Seen, body: Bytes) -> Self {
        let path = seen.path.trim_start_matches('/');
        let (_, inside) = path.split_once('/').unwrap_or((path, ""));
        let (container, name) = inside.split_once('/').unwrap_or((inside, ""));
        let query = form_urlencoded::parse(seen.query.as_bytes()).into_owned().collect();
        Self { container: decoded(container), name: decoded(name), query, body, seen }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.seen.header(name)
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    pub(super) fn comp(&self) -> &str {
        self.parameter("comp").unwrap_or_default()
    }

    /// Metadata that it brings.
    pub(super) fn metadata(&self) -> BTreeMap<String, String> {
        let pairs = self.seen.headers.iter();
        pairs
            .filter_map(|(name, value)| Some((name.strip_prefix("x-ms-meta-")?.to_owned(), value.clone())))
            .collect()
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Payload,
}

impl Reply {
    pub(super) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Payload::default() }
    }

    pub(super) fn xml(text: impl Into<Bytes>) -> Self {
        Self::new(200).with("content-type", "application/xml").body(Payload::from(text))
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn maybe(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub(super) fn body(mut self, body: Payload) -> Self {
        self.body = body;
        self
    }
}

/// An answer, or why there is none.
pub(super) type Answer = Result<Reply, Refusal>;

/// A refusal as Azure words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: &'static str,
}

impl Refusal {
    pub(super) const fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message }
    }

    pub(super) fn reply(&self) -> Reply {
        let text = format!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{}</Code><Message>{}</Message></Error>",
            self.code,
            escaped(self.message)
        );
        Reply { status: self.status, ..Reply::xml(text) }.with("x-ms-error-code", self.code)
    }
}

/// Codes and messages as <https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes> has them.
macro_rules! refusals {
    ($($name:ident = $status:literal $code:literal $message:literal;)*) => {
        $(pub(super) const $name: Refusal = Refusal::new($status, $code, $message);)*
    };
}

refusals! {
    ARCHIVED = 409 "BlobArchived" "This operation is not permitted on an archived blob.";
    BLOB_EXISTS = 409 "BlobAlreadyExists" "The specified blob already exists.";
    BLOB_MISSING = 404 "BlobNotFound" "The specified blob does not exist.";
    CONDITIONS_UNSUPPORTED = 400 "ConditionHeadersNotSupported" "Condition headers are not supported.";
    CONDITION_NOT_MET = 412 "ConditionNotMet" "The condition specified using HTTP conditional header(s) is not met.";
    CONTAINER_EXISTS = 409 "ContainerAlreadyExists" "The specified container already exists.";
    CONTAINER_MISSING = 404 "ContainerNotFound" "The specified container does not exist.";
    EXPIRED = 403 "AuthenticationFailed" "Server failed to authenticate the request. Signature not valid in the specified time frame.";
    IMMUTABLE_HOLD = 409 "BlobImmutableDueToLegalHold" "This operation is not permitted as the blob is immutable due to one or more legal holds.";
    IMMUTABLE_POLICY = 409 "BlobImmutableDueToPolicy" "This operation is not permitted as the blob is immutable due to a policy.";
    INVALID_BLOCKS = 400 "InvalidBlockList" "The specified block list is invalid.";
    INVALID_HEADER = 400 "InvalidHeaderValue" "The value for one of the HTTP headers is not in the correct format.";
    INVALID_RANGE = 416 "InvalidRange" "The range specified is invalid for the current size of the resource.";
    INVALID_XML = 400 "InvalidXmlDocument" "XML specified is not syntactically valid.";
    LEASE_ID_MISMATCH = 412 "LeaseIdMismatchWithBlobOperation" "The lease ID specified did not match the lease ID for the blob.";
    LEASE_ID_MISSING = 412 "LeaseIdMissing" "There is currently a lease on the blob and no lease ID was specified in the request.";
    LEASE_NOT_PRESENT = 412 "LeaseNotPresentWithBlobOperation" "There is currently no lease on the blob.";
    LEASE_TAKEN = 409 "LeaseAlreadyPresent" "There is already a lease present.";
    MD5_MISMATCH = 400 "Md5Mismatch" "The MD5 value specified in the request did not match the MD5 value calculated by the server.";
    NO_AUTHENTICATION = 401 "NoAuthenticationInformation" "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.";
    ROOT_BLOB = 403 "OperationNotAllowedOnRootBlob" "The operation is not allowed on root blob.";
    SNAPSHOTS_PRESENT = 409 "SnapshotsPresent" "This operation is not permitted while the blob has snapshots.";
    SOURCE_UNVERIFIED = 404 "CannotVerifyCopySource" "The specified resource does not exist.";
    TAGS_INVALID = 400 "InvalidTag" "The tags specified are invalid. It contains characters that are not permitted.";
    UNSUPPORTED = 400 "UnsupportedHttpVerb" "The resource doesn't support the specified HTTP verb.";
}

/// Undoes percent-encoding; bytes that are no UTF-8 are replaced.
pub(super) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let pair = text.get(at + 1..at + 3).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        if let (b'%', Some(value)) = (byte, pair) {
            out.push(value);
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str, query: &str) -> Request {
        let seen = Seen { method: "GET".into(), path: path.into(), query: query.into(), headers: vec![] };
        Request::new(seen, Bytes::new())
    }

    #[test]
    fn names_are_all_that_follows_the_container() {
        let names = |path: &str| {
            let request = request(path, "");
            (request.container, request.name)
        };
        let pair = |container: &str, name: &str| (container.to_owned(), name.to_owned());
        assert_eq!(names("/standin"), pair("", ""));
        assert_eq!(names("/standin/logs"), pair("logs", ""));
        assert_eq!(names("/standin/logs/a//b/..%2Fc"), pair("logs", "a//b/../c"));
        assert_eq!(names("/standin/logs/50%2520x+%C3%A9%zz"), pair("logs", "50%20x+é%zz"));
    }

    #[test]
    fn queries_are_decoded() {
        assert_eq!(request("/a/b", "prefix=a%2Fb&comp=list").parameter("prefix"), Some("a/b"));
    }
}

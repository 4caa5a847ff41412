//! Requests signed with the key of the account. Source: Microsoft's page "Authorize with Shared Key".

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::Secret;
use azure_core::error::ErrorKind;
use azure_core::hmac::hmac_sha256;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Request};
use azure_core::time::{OffsetDateTime, to_rfc7231};

/// Signs each try anew: the time is part of what is signed.
#[derive(Debug)]
pub(super) struct SharedKey {
    pub(super) account: String,
    pub(super) key: Secret,
}

#[async_trait]
impl Policy for SharedKey {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        request.insert_header("x-ms-date", to_rfc7231(&OffsetDateTime::now_utc()));
        let signature = hmac_sha256(&to_sign(&self.account, request), &self.key)?;
        request.insert_header("authorization", format!("SharedKey {}:{signature}", self.account));
        match next.split_first() {
            Some((first, rest)) => first.send(context, request, rest).await,
            None => Err(azure_core::Error::with_message(ErrorKind::Other, "nothing sends this")),
        }
    }
}

/// The text whose signature goes into the header.
fn to_sign(account: &str, request: &Request) -> String {
    let headers: BTreeMap<String, &str> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_ascii_lowercase(), value.as_str()))
        .collect();
    let header = |name: &str| headers.get(name).copied().unwrap_or_default();
    let length = request.body().len().filter(|length| *length > 0).map(|length| length.to_string());
    let mut text = format!("{}\n", request.method());
    for name in ["content-encoding", "content-language"] {
        let _ = writeln!(text, "{}", header(name));
    }
    let _ = writeln!(text, "{}", length.unwrap_or_default());
    // The time is in x-ms-date.
    for name in ["content-md5", "content-type", "", "if-modified-since", "if-match", "if-none-match"] {
        let _ = writeln!(text, "{}", header(name));
    }
    for name in ["if-unmodified-since", "range"] {
        let _ = writeln!(text, "{}", header(name));
    }
    let mut own: Vec<_> = headers.iter().filter(|(name, _)| name.starts_with("x-ms-")).collect();
    own.sort_by_key(|(name, _)| (weights(name), *name));
    for (name, value) in own {
        let _ = writeln!(text, "{name}:{}", value.trim());
    }
    let url = request.url();
    let _ = write!(text, "/{account}{}", url.path());
    let mut query: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in url.query_pairs() {
        query.entry(name.to_lowercase()).or_default().push(value.into_owned());
    }
    for (name, mut values) in query {
        values.sort();
        let _ = write!(text, "\n{name}:{}", values.join(","));
    }
    text
}

/// The service sorts names of headers as Windows sorts words: hyphens do not count, `_` and the like come before digits,
/// and digits before letters.
fn weights(name: &str) -> Vec<u16> {
    let weight = |byte: u8| match byte {
        b'0'..=b'9' => 0x200 + u16::from(byte),
        b'a'..=b'z' => 0x300 + u16::from(byte),
        byte => u16::from(byte),
    };
    name.bytes().filter(|byte| *byte != b'-').map(weight).collect()
}

#[cfg(test)]
mod tests {
    use azure_core::http::Method;

    use super::*;

    #[test]
    fn what_is_signed_is_as_documented() {
        // The example of Microsoft's page, with what is sent today.
        let url = "https://myaccount.blob.core.windows.net/mycontainer?restype=container&comp=metadata&timeout=20&a=%2F";
        let mut request = Request::new(url.parse().unwrap(), Method::Put);
        for (name, value) in [
            ("x-ms-meta-a1", "1"),
            ("x-ms-meta-a_b", " 2 "),
            ("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT"),
            ("x-ms-version", "2015-02-21"),
            ("range", "bytes=0-1"),
            ("if-match", "\"x\""),
        ] {
            request.insert_header(name, value);
        }
        assert_eq!(
            to_sign("myaccount", &request),
            "PUT\n\n\n\n\n\n\n\n\"x\"\n\n\nbytes=0-1\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-meta-a_b:2\n\
             x-ms-meta-a1:1\nx-ms-version:2015-02-21\n/myaccount/mycontainer\na:/\ncomp:metadata\n\
             restype:container\ntimeout:20"
        );
        request.set_body("abc");
        assert!(to_sign("myaccount", &request).starts_with("PUT\n\n\n3\n"));
    }
}

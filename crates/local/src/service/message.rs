//! What goes in and comes out, whatever carries it.

use std::time::Duration;

use serde_json::{Value, json};

/// A request, as the server hands it over.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET`, `PUT`, …
    pub method: String,
    /// Path as sent, percent-encoded, without the query.
    pub path: String,
    /// Query as sent, without the question mark.
    pub query: String,
    /// Names in any case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// `http` or `https`: URLs in answers begin as the client's did.
    pub scheme: &'static str,
}

/// The answer to a request.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// What the carrier shall do wrong; nothing unless a fault was asked for.
    pub mishap: Mishap,
}

/// What the carrier of a reply does wrong on purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mishap {
    /// Waits so long before it answers.
    pub delay: Duration,
    /// Breaks the connection off instead of answering.
    pub reset: bool,
}

impl Request {
    /// Value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// A parameter of the query, decoded; its name in any case.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(known, _)| decode(known).is_some_and(|known| known.eq_ignore_ascii_case(name)))
            .and_then(|(_, value)| decode(value))
    }

    /// Scheme and host the client used: what URLs in answers begin with. A host that could not stand in a header is not
    /// repeated.
    pub fn base(&self) -> String {
        let plain = |host: &&str| {
            !host.is_empty()
                && host.len() <= 255
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:-[]_".contains(&byte))
        };
        let host = self.header("host").filter(plain).unwrap_or("localhost");
        let scheme = if self.scheme.is_empty() { "http" } else { self.scheme };
        format!("{scheme}://{host}")
    }
}

impl Reply {
    /// An answer without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// An answer with a JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json; charset=utf-8".to_owned())];
        Self { status, headers, body: body.to_string().into_bytes(), mishap: Mishap::default() }
    }

    /// An error as ARM words it.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({ "error": { "code": code, "message": message, "details": [] } }))
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Value of a header; its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// Text without its percent-encoding; `None` where that is no UTF-8 or no encoding.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |byte: u8| (byte as char).to_digit(16);
        let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
        out.push((high * 16 + low) as u8);
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_is_undone_and_half_of_one_refused() {
        assert_eq!(decode("a%2fb%C3%a4").as_deref(), Some("a/bä"));
        for wrong in ["%", "%2", "%zz", "%ff"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_host_that_could_break_a_header_is_not_repeated() {
        let mut request = Request { scheme: "https", ..Request::default() };
        request.headers.push(("Host".into(), "localhost:8443".into()));
        assert_eq!(request.base(), "https://localhost:8443");
        request.headers[0].1 = "evil/\"<x>".into();
        assert_eq!(request.base(), "https://localhost");
    }
}

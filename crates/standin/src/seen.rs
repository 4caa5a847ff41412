//! A request that was seen.

use std::ops::Range;

/// A request that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Method.
    pub method: String,
    /// Path as it was sent, encoded.
    pub path: String,
    /// Query as it was sent, without the question mark; the signature of a SAS included.
    pub query: String,
    /// Names and values of the headers, the names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Seen {
    /// Value of a header, named in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// It had a header `Authorization`.
    pub fn has_authorization(&self) -> bool {
        self.header("authorization").is_some()
    }

    /// It had the signature of a SAS.
    pub fn has_signature(&self) -> bool {
        self.query.split('&').any(|pair| pair.starts_with("sig="))
    }

    /// It can change nothing.
    pub fn is_read(&self) -> bool {
        self.method == "GET" || self.method == "HEAD"
    }

    /// The bytes it asked for. The end is what was asked for, not what there is; `u64::MAX` where it was left open.
    pub fn range(&self) -> Option<Range<u64>> {
        // What Azure's own header says goes before the standard one.
        range(self.header("x-ms-range").or_else(|| self.header("range"))?)
    }
}

/// Bytes that a header of the form `bytes=a-b` or `bytes=a-` names.
pub(crate) fn range(text: &str) -> Option<Range<u64>> {
    let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
    let first = first.parse().ok()?;
    let end = if last.is_empty() { u64::MAX } else { last.parse::<u64>().ok()?.checked_add(1)? };
    (first < end).then_some(first..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_they_are_written() {
        assert_eq!(range("bytes=0-9"), Some(0..10));
        assert_eq!(range("bytes=5-"), Some(5..u64::MAX));
        for text in ["bytes=-5", "bytes=9-3", "items=0-1", "bytes=0-1,4-5", ""] {
            assert_eq!(range(text), None, "{text}");
        }
    }

    #[test]
    fn a_signature_is_noticed_wherever_it_stands() {
        let seen = |query: &str| Seen {
            method: "GET".into(),
            path: "/".into(),
            query: query.into(),
            headers: vec![],
        };
        assert!(seen("sv=2026&sig=abc").has_signature());
        assert!(!seen("comp=list&design=abc").has_signature());
    }
}

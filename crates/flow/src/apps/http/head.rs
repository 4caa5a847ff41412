//! The head of a message, read by `httparse`.
//!
//! It reads as far as a head is there: of one that is cut or broken what came before counts.

use httparse::{EMPTY_HEADER, ParserConfig, Request, Response};

/// Most header fields that are read (chosen: servers refuse more than a hundred).
const MOST_FIELDS: usize = 100;

/// Methods (IANA's registry, and those of UPnP, WebDAV, Windows' transfer services and RPC over HTTP), each with the
/// space behind it.
const METHODS: &[&[u8]] = &[
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"PATCH ",
    b"CONNECT ",
    b"TRACE ",
    b"PROPFIND ",
    b"PROPPATCH ",
    b"MKCOL ",
    b"COPY ",
    b"MOVE ",
    b"LOCK ",
    b"UNLOCK ",
    b"REPORT ",
    b"SEARCH ",
    b"SUBSCRIBE ",
    b"UNSUBSCRIBE ",
    b"NOTIFY ",
    b"M-SEARCH ",
    b"BITS_POST ",
    b"CCM_POST ",
    b"RPC_IN_DATA ",
    b"RPC_OUT_DATA ",
];

/// Longest first line that is waited for, in bytes (chosen: what servers take).
const LONGEST_LINE: usize = 8192;

/// True if a message begins here: a request with a version behind its target or a target that goes on, or a response.
#[inline]
pub(crate) fn is_start(bytes: &[u8]) -> bool {
    match bytes.first() {
        Some(b'A'..=b'Z') => is_response(bytes) || is_request(bytes),
        _ => false,
    }
}

/// `HTTP/1.1 200`.
pub(super) fn is_response(bytes: &[u8]) -> bool {
    matches!(bytes, [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9', b' ', a, b, c, ..]
        if a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_digit())
}

fn is_request(bytes: &[u8]) -> bool {
    let Some(method) = METHODS.iter().find(|method| bytes.starts_with(method)) else { return false };
    let rest = bytes.get(method.len()..LONGEST_LINE.min(bytes.len())).unwrap_or_default();
    match rest.iter().position(|byte| *byte == b'\n') {
        Some(end) => {
            let line = rest.get(..end).unwrap_or_default().trim_ascii_end();
            match line.iter().rposition(|byte| *byte == b' ') {
                // SIP and RTSP have some of the methods too.
                Some(space) => line.get(space + 1..).is_some_and(|version| version.starts_with(b"HTTP/")),
                // Version 0.9; databases have a GET as well.
                None => line.starts_with(b"/"),
            }
        }
        None => rest.iter().all(|byte| !byte.is_ascii_control()),
    }
}

/// What is wanted of a head.
#[allow(clippy::struct_excessive_bools, reason = "four things that a head has or has not")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head<'a> {
    pub(super) method: Option<&'a [u8]>,
    pub(super) path_len: usize,
    /// A proxy is asked: the target is a whole URL, or `CONNECT`.
    pub(super) asks_proxy: bool,
    pub(super) code: Option<u16>,
    pub(super) host: Option<&'a [u8]>,
    pub(super) server: Option<&'a [u8]>,
    pub(super) user_agent: Option<&'a [u8]>,
    pub(super) content_length: Option<u32>,
    pub(super) is_chunked: bool,
    pub(super) has_authorization: bool,
    pub(super) is_basic: bool,
    pub(super) has_cookies: bool,
}

impl<'a> Head<'a> {
    /// Reads a head, or what there is of it.
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        let mut fields = [EMPTY_HEADER; MOST_FIELDS];
        let mut config = ParserConfig::default();
        config.allow_spaces_after_header_name_in_responses(true);
        config.allow_obsolete_multiline_headers_in_responses(true);
        config.ignore_invalid_headers_in_responses(true);
        config.ignore_invalid_headers_in_requests(true);
        let mut head = Self::default();
        // Whatever comes out, what was read before stands in the request and the fields.
        if is_response(bytes) {
            let mut response = Response::new(&mut fields);
            let _ = config.parse_response(&mut response, bytes);
            head.code = bytes.get(9..12).map(|digits| {
                digits.iter().fold(0, |code, digit| 10 * code + u16::from(digit.wrapping_sub(b'0')))
            });
        } else {
            let mut request = Request::new(&mut fields);
            let _ = config.parse_request(&mut request, bytes);
            head.path_len = request.path.map_or(0, str::len);
            let space = bytes.iter().position(|byte| *byte == b' ');
            head.method = space.and_then(|space| bytes.get(..space));
            // Of all other methods the target is a path, or `*`.
            let is_url = request.path.is_some_and(|path| path.contains("://") && !path.starts_with('/'));
            head.asks_proxy = is_url || head.method == Some(b"CONNECT");
        }
        for field in &fields {
            head.note(field.name, field.value);
        }
        head
    }

    fn note(&mut self, name: &str, value: &'a [u8]) {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if is("host") {
            self.host = self.host.or(Some(value));
        } else if is("content-length") {
            self.content_length = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse().ok());
        } else if is("transfer-encoding") {
            self.is_chunked = true;
        } else if is("authorization") || is("proxy-authorization") {
            self.has_authorization = true;
            self.is_basic |= value.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic "));
        } else if is("cookie") {
            self.has_cookies = true;
        } else if is("server") {
            self.server = self.server.or(Some(value));
        } else if is("user-agent") {
            self.user_agent = self.user_agent.or(Some(value));
        }
    }
}

/// Where the head ends that begins here: behind its empty line.
pub(super) fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let line = bytes.get(from..)?.iter().position(|byte| *byte == b'\n')?;
        from += line + 1;
        match bytes.get(from..)? {
            [b'\n', ..] => return Some(from + 1),
            [b'\r', b'\n', ..] => return Some(from + 2),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Head, end_of_head, is_start};

    const REQUEST: &[u8] =
        b"GET /a/b?c HTTP/1.1\r\nHost: example.com\r\nUser-Agent: x\r\nAuthorization: Basic c2VjcmV0\r\n\
        Cookie: id=secret\r\nContent-Length: 12\r\n\r\n";

    #[test]
    fn a_request_of_a_proxy_is_told_from_one_of_the_host() {
        for (request, asks_proxy) in [
            (&b"GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n"[..], true),
            (b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", true),
            (b"GET /?to=http://example.com/ HTTP/1.1\r\nHost: a\r\n\r\n", false),
            (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", false),
        ] {
            assert_eq!(Head::read(request).asks_proxy, asks_proxy, "{}", request.escape_ascii());
        }
    }

    #[test]
    fn a_request_says_what_is_asked_and_that_there_are_credentials() {
        let head = Head::read(REQUEST);
        assert_eq!(head.method, Some(&b"GET"[..]));
        assert_eq!((head.path_len, head.host), (6, Some(&b"example.com"[..])));
        assert!(head.has_authorization && head.is_basic && head.has_cookies);
        assert_eq!(head.content_length, Some(12));
        assert!(!format!("{head:?}").contains("secret"));
        assert_eq!(end_of_head(REQUEST), Some(REQUEST.len()));
    }

    #[test]
    fn a_cut_head_says_what_is_there() {
        for end in 0..REQUEST.len() {
            let cut = Head::read(&REQUEST[..end]);
            if end >= 40 {
                assert_eq!(cut.host, Some(&b"example.com"[..]), "{end}");
            }
            assert_eq!(end_of_head(&REQUEST[..end]), None);
        }
        assert_eq!(Head::read(b"HTTP/1.1 404 Not Found\r\nServer: nginx\r\nDat").server, Some(&b"nginx"[..]));
        assert_eq!(Head::read(b"HTTP/1.1 404").code, Some(404));
    }

    #[test]
    fn other_protocols_with_these_words_are_no_http() {
        assert!(is_start(REQUEST) && is_start(b"HTTP/1.0 200 OK\r\n") && is_start(b"GET /very/long"));
        assert!(!is_start(b"OPTIONS sip:a@b SIP/2.0\r\n\r\n"));
        assert!(!is_start(b"GET key\r\n") && is_start(b"GET /\r\n"));
        assert!(!is_start(b"HTTP/1.1 abc") && !is_start(b"") && !is_start(b"GETAWAY"));
    }
}

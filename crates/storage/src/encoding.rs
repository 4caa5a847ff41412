//! Names in URLs and back.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

/// Everything but the unreserved characters (RFC 3986, section 2.3), `/`, and the `$` of `$root` and `$logs`.
const NAME: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/').remove(b'$');
/// The same with `/`.
const WORD: &AsciiSet = &NAME.add(b'/');

/// A name as the path of a URL. A name with `.` or `..` between its slashes has these encoded, so that nothing on the
/// way takes it for a path to be walked.
pub(crate) fn encoded(name: &str) -> String {
    if name.split('/').any(is_step) {
        // Encoded dots would still be steps (WHATWG URL, "double-dot path segment"); encoded slashes end no segment.
        let text = utf8_percent_encode(name, WORD).to_string();
        if is_step(&text) { text.replace('.', "%2E") } else { text }
    } else {
        utf8_percent_encode(name, NAME).to_string()
    }
}

/// The text that was encoded; `None` if it is no UTF-8. A `%` that is not followed by two digits is one.
pub(crate) fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}

/// URL of a container; `None` for a name no URL can ask for.
pub(crate) fn container_url(base: &Url, container: &str) -> Option<Url> {
    below(base, container, None)
}

/// URL of a name in a container; `None` for names no URL can ask for.
pub(crate) fn url_of(base: &Url, container: &str, name: &str) -> Option<Url> {
    below(base, container, Some(name))
}

fn below(base: &Url, container: &str, name: Option<&str>) -> Option<Url> {
    if [Some(container), name].into_iter().flatten().any(|word| word.is_empty() || is_step(word)) {
        return None;
    }
    let before = base.path().trim_end_matches('/');
    let mut path = format!("{before}/{}", utf8_percent_encode(container, WORD));
    if let Some(name) = name {
        path = format!("{path}/{}", encoded(name));
    }
    let mut url = base.clone();
    url.set_path(&path);
    // What the parser would have changed is another name.
    (url.path() == path).then_some(url)
}

fn is_step(word: &str) -> bool {
    matches!(word, "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_like_steps_are_asked_for_as_they_are() {
        let base = Url::parse("http://127.0.0.1:1/acc").unwrap();
        let path = |name: &str| url_of(&base, "c", name).map(|url| url.path().to_owned());
        assert_eq!(path("a/../../b").unwrap(), "/acc/c/a%2F..%2F..%2Fb");
        assert_eq!(path("../x").unwrap(), "/acc/c/..%2Fx");
        assert_eq!(path("a//b").unwrap(), "/acc/c/a//b");
        assert_eq!(path("50%20x #?&é\t\\").unwrap(), "/acc/c/50%2520x%20%23%3F%26%C3%A9%09%5C");
        assert_eq!((path(".."), path("."), path("")), (None, None, None));
        assert_eq!(url_of(&base, "..", "x"), None);
    }
}

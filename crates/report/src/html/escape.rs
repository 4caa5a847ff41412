//! Names that come from captures, made harmless.

use std::fmt::Write as _;

use serde::Serialize;

use crate::terminal::visible;

/// Words for the text of an element or a quoted attribute. Controls, and the marks that reorder or hide text, are shown
/// as `\u{…}`.
pub(super) fn text(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for c in visible(words).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// A place of the report as the value of `href`: a relative path, and behind the first `#` a place in it. It cannot lead
/// anywhere else: a colon is encoded, so there is no scheme, and slashes at its begin are dropped, so there is no host.
pub(super) fn link(to: &str) -> String {
    let (path, place) = to.split_once('#').map_or((to, None), |(path, place)| (path, Some(place)));
    let mut out = String::with_capacity(to.len());
    for byte in path.trim_start_matches(['/', '\\']).bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    if let Some(place) = place {
        out.push('#');
        out.push_str(&id(place));
    }
    out
}

/// A name within a page: letters, digits and `-`, beginning with a letter.
pub(super) fn id(words: &str) -> String {
    let mut out: String = words.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    if !out.starts_with(|c: char| c.is_ascii_alphabetic()) {
        out.insert_str(0, "x-");
    }
    out
}

/// Data for the script, to stand in an element of its own that is not run.
pub(super) fn json(data: &impl Serialize) -> String {
    // What is written here serialises: strings, numbers and lists of them.
    let text = serde_json::to_string(data).unwrap_or_else(|_| "null".into());
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::is_hostile;

    #[test]
    fn markup_is_shown_and_not_meant() {
        assert_eq!(text("<b a='1' c=\"2\">&amp;"), "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;amp;");
    }

    #[test]
    fn marks_that_reorder_or_hide_text_are_shown_as_what_they_are() {
        let shown = text("exe.\u{202e}fdp\u{200b}\0\r\n\t\u{9b}\u{feff}");
        assert!(shown.chars().all(|c| !is_hostile(c)), "{shown:?}");
        assert!(shown.starts_with("exe.\\u{202e}fdp\\u{200b}\\u{0}\\r\\n\\t"), "{shown}");
    }

    #[test]
    fn a_link_leads_nowhere_but_into_the_report() {
        assert_eq!(link("captures/web 1.html#f-2"), "captures/web%201.html#f-2");
        assert_eq!(link("../index.html"), "../index.html");
        assert_eq!(link("#findings"), "#findings");
        assert_eq!(link("javascript:alert(1)"), "javascript%3Aalert%281%29");
        assert_eq!(link("//evil.example/x"), "evil.example/x");
        assert_eq!(link("\\\\evil\\x"), "evil%5Cx");
        assert_eq!(link("a\"b'<c>"), "a%22b%27%3Cc%3E");
        assert_eq!(link("a?b=c&d#e f\""), "a%3Fb%3Dc%26d#e-f-");
    }

    #[test]
    fn data_cannot_end_the_element_it_stands_in() {
        let data = json(&["</script><!--", "a&b"]);
        assert!(!data.contains(['<', '>', '&']), "{data}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&data).unwrap(), ["</script><!--", "a&b"]);
    }

    #[test]
    fn a_name_within_a_page_is_letters_digits_and_hyphens() {
        assert_eq!(id("tcp health"), "tcp-health");
        assert_eq!(id("10.0.0.4"), "x-10-0-0-4");
        assert_eq!(id(""), "x-");
    }
}

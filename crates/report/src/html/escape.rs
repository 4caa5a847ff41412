//! Names that come from captures, made harmless.

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

//! The little XML there is.

use std::fmt::Write as _;

/// A text as XML holds it; a bare carriage return would be read as a line's end. Characters that XML 1.0 cannot hold are
/// left to the caller.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\r', "&#xD;")
}

/// True if XML 1.0 can hold it.
fn is_expressible(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..))
}

/// An element with a name of a blob: one that XML cannot hold is encoded and says so.
pub(super) fn name(tag: &str, name: &str) -> String {
    if is_expressible(name) {
        return element(tag, name);
    }
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(byte as char);
        } else {
            // A text takes all that is written.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    format!("<{tag} Encoded=\"true\">{encoded}</{tag}>")
}

/// An element with a text.
pub(super) fn element(tag: &str, text: &str) -> String {
    if text.is_empty() { format!("<{tag} />") } else { format!("<{tag}>{}</{tag}>", escaped(text)) }
}

/// Texts of all elements of these names, with the names, in their order. Enough for what clients send: no attributes.
pub(super) fn texts<'a>(xml: &'a str, tags: &[&str]) -> Vec<(&'a str, String)> {
    let mut found = Vec::new();
    let mut rest = xml;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((tag, inside)) = after.split_once('>') else { break };
        rest = inside;
        if tags.contains(&tag)
            && let Some((text, _)) = inside.split_once('<')
        {
            found.push((tag, unescaped(text)));
        } else if let Some(empty) = tag.strip_suffix('/').map(str::trim_end)
            && tags.contains(&empty)
        {
            found.push((empty, String::new()));
        }
    }
    found
}

fn unescaped(text: &str) -> String {
    let named = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    named.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_xml_cannot_hold_are_encoded() {
        assert_eq!(name("Name", "a&b<c>/é"), "<Name>a&amp;b&lt;c&gt;/é</Name>");
        assert_eq!(name("Name", "a\0b/c\u{1}"), "<Name Encoded=\"true\">a%00b/c%01</Name>");
        assert_eq!(name("Name", "\u{ffff}"), "<Name Encoded=\"true\">%EF%BF%BF</Name>");
    }

    #[test]
    fn texts_are_found_in_their_order() {
        let xml =
            "<?xml version=\"1.0\"?><Tags><TagSet><Tag><Key>a&amp;b</Key><Value/></Tag></TagSet></Tags>";
        let expected = [("Key", "a&b".to_owned()), ("Value", String::new())];
        assert_eq!(texts(xml, &["Key", "Value"]), expected);
    }
}

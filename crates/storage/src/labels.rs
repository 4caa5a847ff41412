//! What metadata and tags may be. Source: Microsoft's pages "Set Blob Metadata" and "Set Blob Tags".

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// Most tags of a blob, and the longest key and value of one, in characters.
const TAGS: usize = 10;
const TAG_KEY_CHARS: usize = 128;
const TAG_VALUE_CHARS: usize = 256;

/// Most metadata of a blob, names and values together, in bytes.
const METADATA_BYTES: usize = 8 << 10;

/// Names are identifiers, values are header values.
///
/// # Errors
///
/// [`Error::Setting`] with what is wrong.
pub(crate) fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<()> {
    let mut bytes = 0;
    for (key, value) in metadata {
        bytes += key.len() + value.len();
        let is_identifier = !key.is_empty()
            && !key.starts_with(|c: char| c.is_ascii_digit())
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_identifier {
            return Err(Error::Setting(format!("{key:?} is no name of metadata: letters, digits and _")));
        }
        let is_value = value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && value.trim() == value;
        if !is_value {
            return Err(Error::Setting(format!("the value of {key} has more than letters of ASCII in it")));
        }
    }
    let is_much = bytes > METADATA_BYTES;
    if is_much {
        Err(Error::Setting(format!("metadata of {bytes} bytes; {METADATA_BYTES} are possible")))
    } else {
        Ok(())
    }
}

/// Up to ten, of letters, digits, spaces and `+-./:=_`.
///
/// # Errors
///
/// [`Error::Setting`] with what is wrong.
pub(crate) fn check_tags(tags: &BTreeMap<String, String>) -> Result<()> {
    if tags.len() > TAGS {
        return Err(Error::Setting(format!("{} tags; {TAGS} are possible", tags.len())));
    }
    let is_text = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || " +-./:=_".contains(c));
    for (key, value) in tags {
        if key.is_empty() || key.len() > TAG_KEY_CHARS || !is_text(key) {
            return Err(Error::Setting(format!("{key:?} is no key of a tag")));
        }
        if value.len() > TAG_VALUE_CHARS || !is_text(value) {
            return Err(Error::Setting(format!("{value:?} is no value of the tag {key}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(key: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(key.to_owned(), value.to_owned())])
    }

    #[test]
    fn metadata_is_checked_before_it_is_sent() {
        assert!(check_metadata(&map("capkeep_capture", "/subscriptions/s: x y")).is_ok());
        for (key, value) in
            [("", "x"), ("1a", "x"), ("a-b", "x"), ("a", "é"), ("a", "x\r\ny: z"), ("a", " x")]
        {
            assert!(check_metadata(&map(key, value)).is_err(), "{key} {value}");
        }
        assert!(check_metadata(&map("a", &"x".repeat(8 << 10))).is_err());
    }

    #[test]
    fn tags_are_checked_before_they_are_sent() {
        assert!(check_tags(&map("capkeep-capture", "a b+c-d./:=_")).is_ok());
        for (key, value) in [("", "x"), ("a", "é"), ("a&b", "x"), ("a", "x;y")] {
            assert!(check_tags(&map(key, value)).is_err(), "{key} {value}");
        }
        assert!(check_tags(&(0..11).map(|n| (n.to_string(), String::new())).collect()).is_err());
    }
}

//! Conditional headers.

use super::message::{CONDITION_NOT_MET, CONDITIONS_UNSUPPORTED, Refusal, Request};
use super::parsed_date;
use super::stored::Stored;

/// Headers that are conditions.
const HEADERS: &[&str] = &["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"];

/// True if an entity tag is among those of a header; with and without quotes are the same to Azure.
fn names(header: &str, etag: &str) -> bool {
    let bare = |text: &str| text.trim().trim_matches('"').to_owned();
    header.split(',').any(|one| one.trim() == "*" || bare(one) == bare(etag))
}

/// Refuses a request whose conditions do not hold for what is there now.
pub(super) fn met(request: &Request, stored: Option<&Stored>) -> Result<(), Refusal> {
    with_prefix(request, "", stored)
}

/// The same for the headers whose names begin so.
pub(super) fn with_prefix(request: &Request, prefix: &str, stored: Option<&Stored>) -> Result<(), Refusal> {
    let header = |name: &str| request.header(&format!("{prefix}{name}"));
    let time = |name: &str| header(name).and_then(parsed_date).map(jiff::Timestamp::as_second);
    let modified = stored.map(|stored| stored.modified.as_second());
    let fails = [
        header("if-match").is_some_and(|tags| !stored.is_some_and(|stored| names(tags, &stored.etag))),
        header("if-none-match").is_some_and(|tags| stored.is_some_and(|stored| names(tags, &stored.etag))),
        time("if-modified-since").zip(modified).is_some_and(|(since, modified)| modified <= since),
        time("if-unmodified-since").zip(modified).is_some_and(|(since, modified)| modified > since),
        request
            .header("x-ms-if-tags")
            .zip(stored)
            .is_some_and(|(expression, stored)| !tags_are(expression, stored)),
    ];
    if fails.contains(&true) { Err(CONDITION_NOT_MET) } else { Ok(()) }
}

/// Refuses a request that has conditions where there can be none.
pub(super) fn none(request: &Request) -> Result<(), Refusal> {
    if HEADERS.iter().any(|name| request.header(name).is_some()) {
        Err(CONDITIONS_UNSUPPORTED)
    } else {
        Ok(())
    }
}

/// `"key" = 'value' AND …`; other operators are no condition.
fn tags_are(expression: &str, stored: &Stored) -> bool {
    expression.split(" AND ").all(|term| {
        let Some((key, value)) = term.split_once('=') else { return true };
        let (key, value) = (key.trim().trim_matches('"'), value.trim().trim_matches('\''));
        stored.tags.get(key).is_some_and(|is| is == value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_match_with_and_without_quotes() {
        for header in ["\"0x1\"", "0x1", "*", "\"0x0\", \"0x1\""] {
            assert!(names(header, "\"0x1\""), "{header}");
        }
        assert!(!names("\"0x2\"", "\"0x1\""));
    }
}

//! Where a capture says that its file is, in all the ways this can be said.
//!
//! A place that is missed here makes a live capture look as if it were gone. So every reading of a URL counts.

use capkeep_watcher::ResourceId;

/// Where a capture says that its file is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Container and name, joined by `/` and folded; several where the URL can be read in several ways.
    pub(crate) keys: Vec<String>,
    /// Names its account may have, folded.
    pub(crate) accounts: Vec<String>,
}

/// A text without what does not tell two names apart: the case, and which way the slashes lean.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        let mut text = text.to_ascii_lowercase();
        if text.contains('\\') {
            text = text.replace('\\', "/");
        }
        text
    } else {
        text.to_lowercase().replace('\\', "/")
    }
}

/// Name of an account, without what names another door to the same one.
pub(crate) fn fold_account(name: &str) -> String {
    let name = fold(name);
    let name = name.split_once("://").map_or(name.as_str(), |(_, rest)| rest);
    let first = name.split(['.', '/', ':']).next().unwrap_or_default();
    first.strip_suffix("-secondary").unwrap_or(first).to_owned()
}

impl Place {
    /// The place a URL names, and the account an ARM id does.
    pub(crate) fn of(url: &str, storage_id: Option<&str>) -> Self {
        let mut place = Self::default();
        if let Some(id) = storage_id {
            let name = id.parse::<ResourceId>().map_or_else(
                |_| id.rsplit('/').next().unwrap_or_default().to_owned(),
                |id| id.name().to_owned(),
            );
            place.accounts.push(fold_account(&name));
        }
        let Some((scheme, rest)) = url.trim().split_once("://") else { return place };
        let rest = rest.split('?').next().unwrap_or_default();
        let (host, path) = rest.split_once(['/', '\\']).unwrap_or((rest, ""));
        place.accounts.push(fold_account(host));
        let is_file = scheme.eq_ignore_ascii_case("file");
        for path in [path.to_owned(), decoded(path)] {
            let path = fold(&path);
            let words: Vec<&str> = path.split('/').collect();
            // An emulator and a domain of one's own look alike: with the account as first word, or without.
            let most = if is_file { words.len().saturating_sub(1) } else { 2.min(words.len()) };
            for skipped in 0..most {
                let rest = words.get(skipped..).unwrap_or_default();
                if let Some(account) = skipped.checked_sub(1).and_then(|at| words.get(at)) {
                    place.accounts.push(fold_account(account));
                }
                match rest {
                    [container, _, ..] if !container.is_empty() => place.keys.push(rest.join("/")),
                    [name] if !name.is_empty() && skipped == 0 => place.keys.push(format!("$root/{name}")),
                    _ => {}
                }
            }
        }
        place.keys.retain(|key| !key.ends_with('/'));
        place.keys.sort_unstable();
        place.keys.dedup();
        place.accounts.retain(|account| !account.is_empty());
        place.accounts.sort_unstable();
        place.accounts.dedup();
        place
    }
}

/// A key without the ending of capture files: what the names of a ring's or scale set's files begin with.
pub(crate) fn stem(key: &str) -> &str {
    key.strip_suffix(".cap").unwrap_or(key)
}

/// A path without its `%XX`; those that are none stay.
pub(crate) fn decoded(path: &str) -> String {
    let mut out = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let hex = (byte == b'%').then(|| {
            let mut ahead = bytes.clone();
            let digit = |byte: u8| char::from(byte).to_digit(16);
            Some((digit(ahead.next()?)? * 16 + digit(ahead.next()?)?) as u8)
        });
        if let Some(Some(value)) = hex {
            out.push(value);
            bytes.nth(1);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_place_names_it() {
        for url in [
            "https://sa1.blob.core.windows.net/Logs/a/B.cap",
            "HTTPS://SA1.BLOB.core.windows.net:443/logs/a/b.cap",
            "https://sa1-secondary.blob.core.windows.net/logs/a/b.cap",
            "https://sa1.z12.blob.storage.azure.net/logs/a/b.cap",
            "https://sa1.dfs.core.windows.net/logs/a/b.cap",
            "https://sa1.privatelink.blob.core.windows.net/logs/a/b.cap",
            "https://sa1.blob.core.windows.net/logs/a%2Fb.cap",
            "https://sa1.blob.core.windows.net/logs/a/b.cap?sv=1&sig=x",
            "http://127.0.0.1:10000/sa1/logs/a/b.cap",
            "file:///srv/storage/sa1/logs/a/b.cap",
        ] {
            let place = Place::of(url, None);
            assert!(place.keys.iter().any(|key| key == "logs/a/b.cap"), "{url}: {place:?}");
            assert!(place.accounts.contains(&"sa1".to_owned()), "{url}: {place:?}");
        }
        let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/Sa1";
        let place = Place::of("https://files.example.com/logs/a/b.cap", Some(id));
        assert!(
            place.accounts.contains(&"sa1".to_owned()) && place.keys.contains(&"logs/a/b.cap".to_owned())
        );
        assert_eq!(Place::of("https://sa1.blob.core.windows.net/b.cap", None).keys, ["$root/b.cap"]);
    }

    #[test]
    fn what_names_no_blob_names_none() {
        for url in ["", "x", "https://sa1.blob.core.windows.net", "https://sa1.blob.core.windows.net/"] {
            assert_eq!(Place::of(url, None).keys, Vec::<String>::new(), "{url}");
        }
    }

    #[test]
    fn a_percent_that_encodes_nothing_stays() {
        assert_eq!(decoded("50%%20x%2"), "50% x%2");
        assert_eq!(decoded("%"), "%");
    }
}

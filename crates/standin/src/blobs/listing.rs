//! Listings of blobs.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;

use super::account::State;
use super::date;
use super::hostile;
use super::message::{Answer, INVALID_HEADER, Reply, Request};
use super::read::tag_elements;
use super::rules::Listing;
use super::stored::Stored;
use super::xml::{element, escaped, name as name_element};

/// What a listing shall tell besides.
#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "a list of switches")]
struct Wanted {
    metadata: bool,
    tags: bool,
    snapshots: bool,
    deleted: bool,
    versions: bool,
    holds: bool,
}

impl Wanted {
    fn new(include: &str) -> Self {
        let has = |word: &str| include.split(',').any(|one| one.trim() == word);
        Self {
            metadata: has("metadata"),
            tags: has("tags"),
            snapshots: has("snapshots"),
            deleted: has("deleted"),
            versions: has("versions"),
            holds: has("immutabilitypolicy") || has("legalhold"),
        }
    }

    fn takes(self, stored: &Stored, is_base: bool) -> bool {
        let is_version = !is_base && stored.snapshot.is_none();
        (self.deleted || stored.deleted.is_none())
            && (self.snapshots || stored.snapshot.is_none())
            && (self.versions || !is_version)
    }
}

/// A listing under way.
pub(super) struct Listed {
    /// Elements of the blobs.
    pub(super) items: String,
    /// Where the next page begins; empty on the last.
    pub(super) next: String,
}

/// List Blobs, without a delimiter.
pub(super) fn blobs(state: &mut State, request: &Request) -> Answer {
    let (now, rules) = (state.now(), state.rules.clone());
    let marker = request.parameter("marker").unwrap_or_default();
    let wanted = Wanted::new(request.parameter("include").unwrap_or_default());
    let prefix = request.parameter("prefix").unwrap_or_default();
    let most = match request.parameter("maxresults").map(str::parse) {
        None => rules.page,
        Some(Ok(most)) if most > 0 => rules.page.min(most),
        Some(_) => return Err(INVALID_HEADER),
    };
    let container = state.container(&request.container)?;
    if rules.listing != Listing::Honest {
        return Ok(hostile::page(rules.listing, request));
    }
    let (from, skip) = place(marker).ok_or(INVALID_HEADER)?;
    let from = if from.as_str() < prefix { prefix.to_owned() } else { from };
    let mut listed = Listed { items: String::new(), next: String::new() };
    let mut count = 0;
    'all: for (name, entry) in
        container.blobs.range(from.clone()..).take_while(|(name, _)| name.starts_with(prefix))
    {
        for (at, (stored, is_base)) in entry.all().enumerate() {
            if !wanted.takes(stored, is_base) || (*name == from && at < skip) {
                continue;
            }
            if count == most {
                listed.next = marker_at(name, at);
                break 'all;
            }
            count += 1;
            let days = rules.soft_delete_days.unwrap_or_default();
            item(&mut listed.items, name, stored, is_base, wanted, days, now);
        }
    }
    Ok(Reply::xml(document(request, &listed)))
}

/// The whole document.
pub(super) fn document(request: &Request, listed: &Listed) -> String {
    let given = |tag: &str, parameter: &str| {
        request.parameter(parameter).map(|value| element(tag, value)).unwrap_or_default()
    };
    format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"http://{}/\" ContainerName=\"{}\">{}{}{}<Blobs>{}</Blobs>{}</EnumerationResults>",
        escaped(request.header("host").unwrap_or_default()),
        escaped(&request.container),
        given("Prefix", "prefix"),
        given("Marker", "marker"),
        given("MaxResults", "maxresults"),
        listed.items,
        element("NextMarker", &listed.next),
    )
}

/// A marker: opaque, of the form that Azure's have.
fn marker_at(name: &str, at: usize) -> String {
    let inside = BASE64_URL_SAFE_NO_PAD.encode(format!("{at}/{name}"));
    format!("2!{}!{inside}", inside.len())
}

/// Where a marker says a page begins.
fn place(marker: &str) -> Option<(String, usize)> {
    if marker.is_empty() {
        return Some((String::new(), 0));
    }
    let inside = BASE64_URL_SAFE_NO_PAD.decode(marker.splitn(3, '!').nth(2)?).ok()?;
    let text = String::from_utf8(inside).ok()?;
    let (at, name) = text.split_once('/')?;
    Some((name.to_owned(), at.parse().ok()?))
}

fn item(
    out: &mut String,
    name: &str,
    stored: &Stored,
    is_base: bool,
    wanted: Wanted,
    retention_days: u32,
    now: Timestamp,
) {
    out.push_str("<Blob>");
    out.push_str(&name_element("Name", name));
    if stored.deleted.is_some() {
        out.push_str("<Deleted>true</Deleted>");
    }
    if let Some(snapshot) = &stored.snapshot {
        out.push_str(&element("Snapshot", snapshot));
    } else if let Some(version) = &stored.version {
        out.push_str(&element("VersionId", version));
        if is_base && stored.deleted.is_none() {
            out.push_str("<IsCurrentVersion>true</IsCurrentVersion>");
        }
    }
    out.push_str("<Properties>");
    out.push_str(&element("Creation-Time", &date(stored.created)));
    out.push_str(&element("Last-Modified", &date(stored.modified)));
    out.push_str(&element("Etag", stored.etag.trim_matches('"')));
    out.push_str(&element("Content-Length", &stored.content.size().to_string()));
    out.push_str(&element("Content-Type", &stored.content_type));
    out.push_str("<Content-Encoding /><Content-Language /><Content-CRC64 />");
    let md5 = stored.md5.map(|md5| BASE64_STANDARD.encode(md5)).unwrap_or_default();
    out.push_str(&element("Content-MD5", &md5));
    out.push_str("<Cache-Control /><Content-Disposition />");
    out.push_str(&element("BlobType", &stored.kind));
    out.push_str(&element("AccessTier", stored.tier.as_deref().unwrap_or("Hot")));
    if stored.tier.is_none() {
        out.push_str("<AccessTierInferred>true</AccessTierInferred>");
    }
    if stored.snapshot.is_none() {
        out.push_str(match stored.lease {
            Some(_) => "<LeaseStatus>locked</LeaseStatus><LeaseState>leased</LeaseState><LeaseDuration>infinite</LeaseDuration>",
            None => "<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>",
        });
    }
    out.push_str("<ServerEncrypted>true</ServerEncrypted>");
    if let Some(deleted) = stored.deleted {
        let days = (now.duration_since(deleted).as_hours() / 24) as u32;
        out.push_str(&element("DeletedTime", &date(deleted)));
        out.push_str(&element("RemainingRetentionDays", &retention_days.saturating_sub(days).to_string()));
    }
    if wanted.holds {
        if let Some(until) = stored.immutable_until {
            out.push_str(&element("ImmutabilityPolicyUntilDate", &date(until)));
            out.push_str("<ImmutabilityPolicyMode>unlocked</ImmutabilityPolicyMode>");
        }
        if stored.legal_hold {
            out.push_str("<LegalHold>true</LegalHold>");
        }
    }
    if !stored.tags.is_empty() {
        out.push_str(&element("TagCount", &stored.tags.len().to_string()));
    }
    out.push_str("</Properties>");
    if wanted.metadata {
        out.push_str("<Metadata>");
        stored.metadata.iter().for_each(|(key, value)| out.push_str(&element(key, value)));
        out.push_str("</Metadata>");
    }
    if wanted.tags && !stored.tags.is_empty() {
        out.push_str(&tag_elements(stored));
    }
    out.push_str("<OrMetadata /></Blob>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_says_where_it_was_made() {
        for (name, at) in [("", 0), ("a/b c/é", 3), ("\0!/", 12)] {
            assert_eq!(place(&marker_at(name, at)), Some((name.to_owned(), at)));
        }
        assert_eq!(place(""), Some((String::new(), 0)));
        assert_eq!(place("nonsense"), None);
    }
}

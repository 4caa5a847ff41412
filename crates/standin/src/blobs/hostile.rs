//! Listings nobody should send.

use std::fmt::Write as _;

use super::body::Payload;
use super::content::Content;
use super::listing::{Listed, document};
use super::message::{Reply, Request};
use super::rules::Listing;

/// A page of a hostile listing.
pub(super) fn page(listing: Listing, request: &Request) -> Reply {
    // Hostile markers are numbers.
    let page: u64 = request.parameter("marker").and_then(|marker| marker.parse().ok()).unwrap_or_default();
    let of = |items: String, next: String| document(request, &Listed { items, next });
    match listing {
        Listing::Honest | Listing::SameMarker => Reply::xml(of(invented("again"), "1".into())),
        Listing::NewMarkers => Reply::xml(of(invented(&format!("{page:09}")), (page + 1).to_string())),
        Listing::EmptyPages => Reply::xml(of(String::new(), (page + 1).to_string())),
        Listing::Bomb => Reply::xml(bomb()),
        Listing::LongName(bytes) => {
            let head = "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs><Blob><Name>";
            Reply::xml("").body(Payload::after(head, Content::Repeated { byte: b'a', size: bytes }))
        }
        Listing::Deep(levels) => Reply::xml(of("<Blob>".repeat(levels as usize), String::new())),
        Listing::CutOff => {
            let mut text = of(invented("whole"), String::new());
            text.truncate(text.len() / 2);
            Reply::xml(text)
        }
        Listing::Garbage => Reply::xml(Content::Pattern { seed: page, size: 10_000 }.all()),
    }
}

/// Ten levels of ten references: 10¹⁰ words.
fn bomb() -> String {
    let mut text = String::from("<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY lol0 \"lol\">");
    for level in 1..=10 {
        let inner = format!("&lol{};", level - 1).repeat(10);
        // A text takes all that is written.
        let _ = write!(text, "<!ENTITY lol{level} \"{inner}\">");
    }
    text.push_str(
        "]><EnumerationResults><Blobs><Blob><Name>&lol10;</Name></Blob></Blobs></EnumerationResults>",
    );
    text
}

/// A blob that nobody stored.
fn invented(name: &str) -> String {
    format!(
        "<Blob><Name>{name}</Name><Properties><Creation-Time>Mon, 23 Nov 2026 12:00:00 GMT</Creation-Time>\
         <Last-Modified>Mon, 23 Nov 2026 12:00:00 GMT</Last-Modified><Etag>0x8DE2A00000000000</Etag>\
         <Content-Length>1</Content-Length><Content-Type>application/octet-stream</Content-Type>\
         <BlobType>BlockBlob</BlobType><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>\
         </Properties><OrMetadata /></Blob>"
    )
}

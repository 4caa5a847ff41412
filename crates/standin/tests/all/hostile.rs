use capkeep_standin::{Blobs, Canned, Listing};

use crate::client::{Answer, ask};

fn list(blobs: &Blobs, marker: &str) -> Answer {
    let target = format!("/standin/c?restype=container&comp=list&marker={marker}");
    ask(blobs.address(), "GET", &target, &[], b"")
}

#[test]
fn listings_do_what_the_test_says() {
    let blobs = Blobs::start().unwrap();
    blobs.container("c");
    let page = |listing, marker: &str| {
        blobs.rules(|rules| rules.listing = listing);
        list(&blobs, marker)
    };
    for marker in ["", "1"] {
        assert!(page(Listing::SameMarker, marker).text().contains("<NextMarker>1</NextMarker>"));
    }
    assert!(page(Listing::NewMarkers, "41").text().contains("<NextMarker>42</NextMarker>"));
    assert!(!page(Listing::EmptyPages, "41").text().contains("<Blob>"));
    assert!(page(Listing::Bomb, "").text().contains("<!ENTITY lol10"));
    assert!(page(Listing::LongName(1 << 20), "").body.len() > 1 << 20);
    assert_eq!(page(Listing::Deep(1_000), "").text().matches("<Blob>").count(), 1_000);
    assert!(!page(Listing::CutOff, "").text().contains("</EnumerationResults>"));
    assert_eq!(page(Listing::Garbage, "").body.len(), 10_000);
}

#[test]
fn odd_names_are_listed_as_azure_lists_them() {
    let blobs = Blobs::start().unwrap();
    blobs.put("c", "../../etc/passwd", "");
    blobs.put("c", "nul\0name", "");
    let text = list(&blobs, "").text();
    assert!(text.contains("<Name>../../etc/passwd</Name>"), "{text}");
    assert!(text.contains("<Name Encoded=\"true\">nul%00name</Name>"), "{text}");
    assert_eq!(ask(blobs.address(), "HEAD", "/standin/c/../../etc/passwd", &[], b"").status, 200);
    assert_eq!(ask(blobs.address(), "HEAD", "/standin/c/nul%00name", &[], b"").status, 200);
}

#[test]
fn answers_can_be_given_by_the_test() {
    let blobs = Blobs::start().unwrap();
    blobs.put("c", "b", "");
    let twice =
        Canned { times: Some(2), method: "HEAD", ..Canned::refusal("/c/b", 403, "AuthorizationFailure") };
    blobs.rules(|rules| rules.canned = vec![twice]);
    let head = || ask(blobs.address(), "HEAD", "/standin/c/b", &[], b"").status;
    assert_eq!((head(), head(), head()), (403, 403, 200));
    blobs.rules(|rules| rules.canned = vec![Canned::redirect(302, "http://127.0.0.2:9/x")]);
    let answer = list(&blobs, "");
    assert_eq!((answer.status, answer.header("location")), (302, Some("http://127.0.0.2:9/x")));
}

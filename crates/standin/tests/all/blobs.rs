use capkeep_standin::{Blobs, Content, Made};
use jiff::Timestamp;

use crate::client::{Answer, ask};

/// A service with a container `c` and a blob `b` of ten bytes in it.
fn service() -> Blobs {
    let blobs = Blobs::start().unwrap();
    blobs.put("c", "b", "0123456789");
    blobs
}

fn on(blobs: &Blobs, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
    ask(blobs.address(), method, &format!("/standin/{target}"), headers, b"")
}

fn listed(blobs: &Blobs, query: &str) -> String {
    let answer = on(blobs, "GET", &format!("c?restype=container&comp=list{query}"), &[]);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text()
}

#[test]
fn ranges_are_answered_as_ranges() {
    let blobs = service();
    let whole = on(&blobs, "GET", "c/b", &[]);
    assert_eq!((whole.status, whole.text().as_str()), (200, "0123456789"));
    assert_eq!(whole.header("content-md5"), Some("eB5eJF1ptWaXm4bijSPyxw=="));
    let part = on(&blobs, "GET", "c/b", &[("range", "bytes=2-4"), ("x-ms-range-get-content-md5", "true")]);
    assert_eq!((part.status, part.text().as_str()), (206, "234"));
    assert_eq!(part.header("content-range"), Some("bytes 2-4/10"));
    assert_eq!(part.header("content-md5"), Some("KJ3/B2adeiPeDviNL3Ep5w=="));
    assert_eq!(part.header("x-ms-blob-content-md5"), whole.header("content-md5"));
    let crc =
        on(&blobs, "GET", "c/b", &[("x-ms-range", "bytes=0-8"), ("x-ms-range-get-content-crc64", "true")]);
    assert!(crc.header("x-ms-content-crc64").is_some());
    assert_eq!(
        on(&blobs, "GET", "c/b", &[("range", "bytes=5-99")]).header("content-range"),
        Some("bytes 5-9/10")
    );
    assert_eq!(on(&blobs, "GET", "c/b", &[("range", "bytes=10-")]).refusal(), (416, "InvalidRange"));
    let head = on(&blobs, "HEAD", "c/b", &[]);
    assert_eq!((head.header("content-length"), head.body.len()), (Some("10"), 0));
}

#[test]
fn conditions_are_for_one_version() {
    let blobs = service();
    let etag = blobs.blob("c", "b").unwrap().etag;
    for method in ["GET", "HEAD", "DELETE"] {
        let answer = on(&blobs, method, "c/b", &[("if-match", "\"0x1\"")]);
        assert_eq!(answer.refusal(), (412, "ConditionNotMet"), "{method}");
    }
    assert_eq!(on(&blobs, "GET", "c/b", &[("if-none-match", &etag)]).status, 304);
    assert_eq!(on(&blobs, "GET", "c/b", &[("if-match", etag.trim_matches('"'))]).status, 200);
    assert_eq!(on(&blobs, "PUT", "c/b", &[("if-none-match", "*")]).refusal(), (409, "BlobAlreadyExists"));
    let tier = on(&blobs, "PUT", "c/b?comp=tier", &[("if-match", &etag), ("x-ms-access-tier", "Cool")]);
    assert_eq!(tier.refusal(), (400, "ConditionHeadersNotSupported"));
    blobs.put("c", "b", "other");
    assert_eq!(on(&blobs, "DELETE", "c/b", &[("if-match", &etag)]).status, 412);
    let etag = blobs.blob("c", "b").unwrap().etag;
    assert_eq!(on(&blobs, "DELETE", "c/b", &[("if-match", &etag)]).status, 202);
    assert_eq!(on(&blobs, "GET", "c/b", &[]).refusal(), (404, "BlobNotFound"));
    assert_eq!(on(&blobs, "GET", "d/b", &[]).refusal(), (404, "ContainerNotFound"));
}

#[test]
fn what_was_softly_deleted_is_listed_and_comes_back() {
    let blobs = service();
    blobs.rules(|rules| rules.soft_delete_days = Some(7));
    let properties = on(&blobs, "GET", "?restype=service&comp=properties", &[]).text();
    assert!(
        properties.contains("<DeleteRetentionPolicy><Enabled>true</Enabled><Days>7</Days>"),
        "{properties}"
    );
    let deleted = on(&blobs, "DELETE", "c/b", &[]);
    assert_eq!((deleted.status, deleted.header("x-ms-delete-type-permanent")), (202, Some("false")));
    assert_eq!(on(&blobs, "HEAD", "c/b", &[]).status, 404);
    assert!(!listed(&blobs, "").contains("<Name>b</Name>"));
    let text = listed(&blobs, "&include=deleted");
    for part in
        ["<Deleted>true</Deleted>", "<DeletedTime>", "<RemainingRetentionDays>7</RemainingRetentionDays>"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(on(&blobs, "PUT", "c/b?comp=undelete", &[]).status, 200);
    assert_eq!(on(&blobs, "GET", "c/b", &[]).text(), "0123456789");
    assert_eq!(on(&blobs, "PUT", "c/none?comp=undelete", &[]).refusal(), (404, "BlobNotFound"));
}

#[test]
fn an_older_version_becomes_the_current_one_by_a_copy() {
    let blobs = service();
    blobs.rules(|rules| rules.versions = true);
    blobs.put("c", "b", "first");
    blobs.put("c", "b", "second");
    let first = blobs.all("c", "b")[1].version.clone().unwrap();
    assert_eq!(on(&blobs, "GET", &format!("c/b?versionid={first}"), &[]).text(), "first");
    assert_eq!(on(&blobs, "DELETE", "c/b", &[]).status, 202);
    assert_eq!(on(&blobs, "GET", "c/b", &[]).status, 404);
    let text = listed(&blobs, "&include=versions");
    assert_eq!(text.matches("<VersionId>").count(), 2, "{text}");
    assert!(!text.contains("IsCurrentVersion"));
    let source = format!("{}/c/b?versionid={first}", blobs.url());
    let synchronous =
        on(&blobs, "PUT", "c/b", &[("x-ms-copy-source", &source), ("x-ms-requires-sync", "true")]);
    assert_eq!(synchronous.refusal(), (404, "CannotVerifyCopySource"));
    let copied = on(&blobs, "PUT", "c/b", &[("x-ms-copy-source", &source)]);
    assert_eq!((copied.status, copied.header("x-ms-copy-status")), (202, Some("success")));
    assert_eq!(on(&blobs, "GET", "c/b", &[]).text(), "first");
    let current = blobs.blob("c", "b").unwrap().version.unwrap();
    let refused = on(&blobs, "DELETE", &format!("c/b?versionid={current}"), &[]);
    assert_eq!(refused.refusal(), (403, "OperationNotAllowedOnRootBlob"));
    assert_eq!(on(&blobs, "DELETE", &format!("c/b?versionid={first}"), &[]).status, 202);
    assert_eq!(on(&blobs, "GET", &format!("c/b?versionid={first}"), &[]).status, 404);
}

#[test]
fn leases_holds_policies_and_snapshots_keep_a_blob() {
    let blobs = service();
    let delete = |expected: (u16, &str)| assert_eq!(on(&blobs, "DELETE", "c/b", &[]).refusal(), expected);
    blobs.change("c", "b", |stored| stored.lease = Some("mine".into()));
    delete((412, "LeaseIdMissing"));
    let other = on(&blobs, "DELETE", "c/b", &[("x-ms-lease-id", "yours")]);
    assert_eq!(other.refusal(), (412, "LeaseIdMismatchWithBlobOperation"));
    assert_eq!(on(&blobs, "HEAD", "c/b", &[]).header("x-ms-lease-state"), Some("leased"));
    assert!(listed(&blobs, "").contains("<LeaseState>leased</LeaseState>"));
    blobs.change("c", "b", |stored| stored.lease = None);

    assert_eq!(on(&blobs, "PUT", "c/b?comp=legalhold", &[("x-ms-legal-hold", "true")]).status, 200);
    delete((409, "BlobImmutableDueToLegalHold"));
    assert_eq!(on(&blobs, "HEAD", "c/b", &[]).header("x-ms-legal-hold"), Some("true"));
    assert!(listed(&blobs, "&include=legalhold").contains("<LegalHold>true</LegalHold>"));
    blobs.change("c", "b", |stored| stored.legal_hold = false);

    let until = Timestamp::now() + jiff::SignedDuration::from_hours(24);
    blobs.change("c", "b", |stored| stored.immutable_until = Some(until));
    delete((409, "BlobImmutableDueToPolicy"));
    assert!(listed(&blobs, "&include=immutabilitypolicy").contains("<ImmutabilityPolicyUntilDate>"));
    blobs.change("c", "b", |stored| stored.immutable_until = Some(Timestamp::UNIX_EPOCH));

    let snapshot = on(&blobs, "PUT", "c/b?comp=snapshot", &[]);
    let time = snapshot.header("x-ms-snapshot").unwrap().to_owned();
    delete((409, "SnapshotsPresent"));
    assert!(listed(&blobs, "&include=snapshots").contains(&format!("<Snapshot>{time}</Snapshot>")));
    assert_eq!(on(&blobs, "DELETE", &format!("c/b?snapshot={time}"), &[]).status, 202);
    assert_eq!(on(&blobs, "DELETE", "c/b", &[]).status, 202);
}

#[test]
fn archived_blobs_are_not_read() {
    let blobs = service();
    let etag = blobs.blob("c", "b").unwrap().etag;
    assert_eq!(on(&blobs, "PUT", "c/b?comp=tier", &[("x-ms-access-tier", "Archive")]).status, 200);
    assert_eq!(on(&blobs, "GET", "c/b", &[]).refusal(), (409, "BlobArchived"));
    let head = on(&blobs, "HEAD", "c/b", &[]);
    assert_eq!(
        (head.header("x-ms-access-tier"), head.header("etag")),
        (Some("Archive"), Some(etag.as_str()))
    );
}

#[test]
fn blocks_metadata_and_tags_are_kept() {
    let blobs = service();
    let put = |target: &str, headers: &[(&str, &str)], body: &[u8]| {
        ask(blobs.address(), "PUT", &format!("/standin/{target}"), headers, body)
    };
    assert_eq!(put("c/n?comp=block&blockid=QQ%3D%3D", &[], b"one,").status, 201);
    assert_eq!(put("c/n?comp=block&blockid=Qg%3D%3D", &[], b"two").status, 201);
    assert_eq!(on(&blobs, "GET", "c/n", &[]).status, 404);
    let list = b"<?xml version=\"1.0\"?><BlockList><Latest>QQ==</Latest><Latest>Qg==</Latest></BlockList>";
    assert_eq!(
        put("c/n?comp=blocklist", &[("x-ms-meta-who", "me"), ("x-ms-tags", "a=b%20c")], list).status,
        201
    );
    assert_eq!(on(&blobs, "GET", "c/n", &[]).text(), "one,two");
    let etag = blobs.blob("c", "n").unwrap().etag;
    let tags = b"<Tags><TagSet><Tag><Key>vm</Key><Value>web1</Value></Tag></TagSet></Tags>";
    assert_eq!(put("c/n?comp=tags", &[], tags).status, 204);
    assert!(on(&blobs, "GET", "c/n?comp=tags", &[]).text().contains("<Key>vm</Key><Value>web1</Value>"));
    assert_eq!(blobs.blob("c", "n").unwrap().etag, etag);
    let bad = b"<Tags><TagSet><Tag><Key>a?b</Key><Value>x</Value></Tag></TagSet></Tags>";
    assert_eq!(put("c/n?comp=tags", &[], bad).status, 400);
    assert_eq!(put("c/n?comp=metadata", &[("x-ms-meta-why", "test")], b"").status, 200);
    assert_ne!(blobs.blob("c", "n").unwrap().etag, etag);
    let text = listed(&blobs, "&include=metadata,tags");
    assert!(text.contains("<why>test</why>") && text.contains("<Value>web1</Value>"), "{text}");
    assert_eq!(
        put("c/m", &[("content-md5", "eB5eJF1ptWaXm4bijSPyxw==")], b"x").refusal(),
        (400, "Md5Mismatch")
    );
}

#[test]
fn pages_cover_everything_once() {
    let blobs = Blobs::start().unwrap();
    for at in 0..1_003 {
        let content = Content::Pattern { seed: at, size: 1 << 40 };
        blobs.make("c", &format!("p/{at:05}"), Made { content, ..Made::default() });
    }
    blobs.put("c", "q", "");
    let (mut marker, mut names, mut pages) = (String::new(), 0, 0);
    loop {
        let text = listed(&blobs, &format!("&prefix=p%2F&maxresults=250&marker={marker}"));
        names += text.matches("<Name>p/").count();
        pages += 1;
        let (_, rest) = text.split_once("<NextMarker").unwrap();
        match rest.strip_prefix('>') {
            Some(rest) => marker = rest.split('<').next().unwrap().to_owned(),
            None => break,
        }
    }
    assert_eq!((names, pages), (1_003, 5));
}

#[test]
fn requests_are_remembered_and_need_credentials() {
    let blobs = service();
    blobs.forget_requests();
    on(&blobs, "GET", "c/b?x=1", &[("range", "bytes=0-3")]);
    on(&blobs, "DELETE", "c/none", &[]);
    let seen = blobs.requests();
    assert_eq!((seen[0].path.as_str(), seen[0].query.as_str()), ("/standin/c/b", "x=1"));
    assert_eq!(seen[0].range(), Some(0..4));
    assert!(seen[0].has_authorization() && !seen[0].has_signature());
    assert_eq!(blobs.writes().len(), 1);
    assert!(blobs.sent_bytes() > 4);
    let without = ask(blobs.address(), "GET", "/standin/c/b?sig=abc&se=2020-01-01T00%3A00%3A00Z", &[], b"");
    assert_eq!(without.refusal(), (403, "AuthenticationFailed"));
}

use proptest::prelude::*;

use super::*;

#[test]
fn every_form_of_a_url_gives_account_container_and_name() {
    for (text, base, account, container, name) in [
        ("https://sa1.blob.core.windows.net", "https://sa1.blob.core.windows.net/", "sa1", None, None),
        ("https://sa1.blob.core.windows.net/", "https://sa1.blob.core.windows.net/", "sa1", None, None),
        (
            "HTTPS://SA1.Blob.core.windows.net/captures",
            "https://sa1.blob.core.windows.net/",
            "sa1",
            Some("captures"),
            None,
        ),
        (
            "https://sa1.blob.core.windows.net/captures/",
            "https://sa1.blob.core.windows.net/",
            "sa1",
            Some("captures"),
            None,
        ),
        (
            " https://sa1.blob.core.windows.net/network-watcher-logs/subscriptions/S/resourcegroups/rg/x.cap\n",
            "https://sa1.blob.core.windows.net/",
            "sa1",
            Some("network-watcher-logs"),
            Some("subscriptions/S/resourcegroups/rg/x.cap"),
        ),
        (
            "https://sa1.blob.core.chinacloudapi.cn:443/c/a/",
            "https://sa1.blob.core.chinacloudapi.cn/",
            "sa1",
            Some("c"),
            Some("a/"),
        ),
        (
            "https://sa1.z12.blob.storage.azure.net/c/a.cap",
            "https://sa1.z12.blob.storage.azure.net/",
            "sa1",
            Some("c"),
            Some("a.cap"),
        ),
        (
            "https://sa1-secondary.blob.core.windows.net/$logs/a",
            "https://sa1-secondary.blob.core.windows.net/",
            "sa1",
            Some("$logs"),
            Some("a"),
        ),
        (
            "https://captures.example.com/c/a.cap",
            "https://captures.example.com/",
            "captures.example.com",
            Some("c"),
            Some("a.cap"),
        ),
        (
            "http://127.0.0.1:10000/devstoreaccount1/c/a/b.cap",
            "http://127.0.0.1:10000/devstoreaccount1",
            "devstoreaccount1",
            Some("c"),
            Some("a/b.cap"),
        ),
        (
            "http://localhost:10000/devstoreaccount1",
            "http://localhost:10000/devstoreaccount1",
            "devstoreaccount1",
            None,
            None,
        ),
        ("http://[::1]:10000/acc/c/a", "http://[::1]:10000/acc", "acc", Some("c"), Some("a")),
        ("https://azurite:10000/acc/c/a", "https://azurite:10000/acc", "acc", Some("c"), Some("a")),
        (
            "http://acc.blob.localhost:10000/c/a",
            "http://acc.blob.localhost:10000/",
            "acc",
            Some("c"),
            Some("a"),
        ),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/", "127.0.0.1:8080", None, None),
    ] {
        let found = Location::parse(text).unwrap();
        assert_eq!(found.account_url().unwrap().as_str(), base, "{text}");
        assert_eq!(found.account(), account, "{text}");
        assert_eq!((found.container(), found.name()), (container, name), "{text}");
        assert_eq!(Location::parse(&found.to_string()).unwrap(), found, "{text}");
    }
}

#[test]
fn odd_names_are_decoded_once_and_stay_as_they_are() {
    for (path, name) in [
        ("50%2520x", "50%20x"),
        ("50% off", "50% off"),
        ("a%2Fb", "a/b"),
        ("a//b", "a//b"),
        ("/a", "/a"),
        ("../x", "../x"),
        ("a/%2e%2e/b", "a/../b"),
        ("a/../../b", "a/../../b"),
        ("~", "~"),
        ("%23%3F%26%C3%A9", "#?&é"),
        ("é b+c", "é b+c"),
        ("a\\b", "a\\b"),
        ("..", ".."),
    ] {
        let found = Location::parse(&format!("https://sa1.blob.core.windows.net/c/{path}")).unwrap();
        assert_eq!(found.name(), Some(name), "{path}");
        assert_eq!(Location::parse(&found.to_string()).unwrap(), found, "{path}");
    }
}

#[test]
fn what_is_no_location_is_refused_without_telling_secrets() {
    for text in [
        "",
        "x",
        "sa1/c/a.cap",
        "/subscriptions/s/resourceGroups/rg",
        "https://",
        "https:///c/a",
        "ftp://sa1.blob.core.windows.net/c",
        "http://sa1.blob.core.windows.net/c?sig=SECRET",
        "http://10.0.0.1:10000/acc/c",
        "http://127.0.0.1.example.com/acc/c",
        "http://localhost.example.com/c",
        "https://user:SECRET@sa1.blob.core.windows.net/c",
        "https://evil\\@sa1.blob.core.windows.net/c",
        "https://sa1.blob.core.windows.net//c/a",
        "https://sa1.blob.core.windows.net/../c",
        "https://sa1.blob.core.windows.net/%2e%2e/c",
        "https://sa1.blob.core.windows.net/a%2Fb/c",
        "https://sa1.blob.core.windows.net/c/a%FF",
        "https://sa1.blob.core.windows.net/c/a#b",
        "https://sa1.blob.core.windows.net/c/a?b",
        "https://sa1.blob.core.windows.net/c/a?snapshot=2026-01-01T00:00:00.0000000Z&sig=SECRET",
        "https://sa1.blob.core.windows.net/c/a?versionid=2026&sig=SECRET",
        "https://sa1.blob.core.windows.net/c/a%FF?sv=1&sig=SECRET",
        "https://sa1.blob.core.windows.net/c/%FF&sig=SECRET",
        "file://elsewhere/folder",
        "file:folder",
        "file:///folder?sig=SECRET",
        "file:///fol%00der",
    ] {
        let error = Location::parse(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("SECRET"), "{error:?}");
    }
    assert!(Location::parse(&format!("https://a.blob.x/c/{}", "é".repeat(1_024))).is_ok());
    assert!(Location::parse(&format!("https://a.blob.x/c/{}", "é".repeat(1_025))).is_err());
    assert!(Location::parse_plain("http://10.0.0.1:10000/acc/c").is_ok());
}

#[test]
fn a_signature_stands_apart_and_is_never_shown() {
    let found = Location::parse(
        "https://sa1.blob.core.windows.net/c/a.cap?restype=container&comp=list&sv=2024&sp=r&sig=SE%2BCRET%3D",
    )
    .unwrap();
    assert_eq!(found.sas().unwrap().secret(), "sv=2024&sp=r&sig=SE%2BCRET%3D");
    let shown = format!("{found} {found:?} {:?}", found.base());
    assert!(!shown.contains("CRET"), "{shown}");
    assert!(shown.contains("signed"));
}

#[test]
fn folders_are_locations_too() {
    let found = Location::parse("file:///var/lib/my%20store").unwrap();
    assert_eq!(found.folder(), Some(Path::new("/var/lib/my store")));
    assert_eq!((found.account().as_str(), found.container()), ("my store", None));
    let found = Location::parse("file:///var/store//captures/a/b%23.cap").unwrap();
    assert_eq!(found.folder(), Some(Path::new("/var/store")));
    assert_eq!(found.blob(), Some(BlobName::new("captures", "a/b#.cap")));
    assert_eq!(Location::parse(&found.to_string()).unwrap(), found);
}

#[test]
fn a_storage_path_is_found_at_the_real_endpoint() {
    let path = Location::parse("https://acc.blob.core.windows.net/c/a/b.cap").unwrap();
    for (at, url) in [
        ("http://127.0.0.1:10000/acc?sv=1&sig=S", "http://127.0.0.1:10000/acc/c/a/b.cap"),
        ("https://acc.z1.blob.storage.azure.net", "https://acc.z1.blob.storage.azure.net/c/a/b.cap"),
        ("file:///var/store", "file:///var/store//c/a/b.cap"),
    ] {
        assert_eq!(path.with_endpoint(&Location::parse(at).unwrap()).to_string(), url);
    }
    let signed = path.with_endpoint(&Location::parse("http://127.0.0.1:10000/acc?sv=1&sig=S").unwrap());
    assert_eq!(signed.sas().unwrap().secret(), "sv=1&sig=S");
}

#[test]
fn a_path_below_the_endpoint_is_split_there() {
    for (text, at, container, name) in [
        ("http://127.0.0.1:8080/data/1g.bin", "http://127.0.0.1:8080", "data", Some("1g.bin")),
        ("http://127.0.0.1:8080/data/x/1g.bin", "http://127.0.0.1:8080/", "data", Some("x/1g.bin")),
        ("http://127.0.0.1:8080/acc/c/n", "http://127.0.0.1:8080/acc", "c", Some("n")),
        ("file:///var/store/c/a/b", "file:///var/store", "c", Some("a/b")),
        ("file:///var/store//c/a/b", "file:///var/store", "c", Some("a/b")),
    ] {
        let found = Location::parse(text).unwrap().with_endpoint(&Location::parse(at).unwrap());
        assert_eq!((found.container(), found.name()), (Some(container), name), "{text}");
    }
}

proptest! {
    #[test]
    fn any_name_survives_being_written_and_read(name in "\\PC{1,40}", container in "[a-z$][a-z0-9-]{2,20}") {
        for base in ["https://sa1.blob.core.windows.net", "http://127.0.0.1:1/acc", "file:///store"] {
            let place = Location::parse(base).unwrap().with_blob(&BlobName::new(&*container, &*name));
            prop_assert_eq!(Location::parse(&place.to_string()).unwrap(), place);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "(https?|file)://\\PC{0,60}") {
        let _ = Location::parse(&text).map(|found| found.to_string());
    }
}

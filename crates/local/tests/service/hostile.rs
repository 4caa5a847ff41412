//! What nobody should send.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use crate::support::{Stand, body, capture, config, local_body};

#[test]
fn no_path_leaves_the_data_folder() {
    let stand = Stand::new(config());
    for path in [
        "/var/captures/../../../../escape.cap",
        "..\\escape.cap",
        "C:\\..\\..\\escape.cap",
        "/etc/escape.cap",
        "/var/captures/esc\0ape.cap",
        "\\\\.\\pipe\\con.cap",
        "con.cap",
        "a/aux.cap",
        "a:stream.cap",
    ] {
        let reply = stand.put("cap", &local_body("vm1", path));
        assert_eq!(reply.status, 400, "{path:?}");
    }
    for path in
        ["../../escape.cap", "%2e%2e/%2e%2e/escape.cap", "%2fescape.cap", "..%5cescape.cap", "a%00.cap"]
    {
        let mut request = body("vm1");
        request["properties"]["storageLocation"]["storagePath"] =
            json!(format!("https://sa1.blob.core.windows.net/box/{path}"));
        assert_eq!(stand.put("cap", &request).status, 400, "{path:?}");
    }
    assert!(stand.engine.sessions.lock().unwrap().is_empty());
}

#[test]
fn names_of_captures_are_no_paths() {
    let stand = Stand::new(config());
    for name in ["..", "%2e%2e", "a%2fb", "a%5cb", "a%00b", ".a", "%C3%A4"] {
        let reply = stand.put(name, &body("vm1"));
        assert!(reply.status >= 400, "{name}");
    }
    assert!(stand.engine.sessions.lock().unwrap().is_empty());
}

/// Files below a folder.
fn files(folder: &Path) -> usize {
    let items = fs::read_dir(folder).into_iter().flatten().flatten();
    items.map(|item| if item.path().is_dir() { files(&item.path()) } else { 1 }).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_request_is_answered(method in "[A-Z]{1,7}|\\PC{0,9}", path in "\\PC{0,80}", query in "\\PC{0,40}", body in any::<Vec<u8>>()) {
        let stand = Stand::new(config());
        let reply = stand.ask(&method, &format!("{path}?{query}"), &body);
        prop_assert!((200..600).contains(&reply.status));
        let reply = stand.ask(&method, &capture(&path), &body);
        prop_assert!((200..600).contains(&reply.status));
        for verb in ["PUT", "POST", "DELETE", "GET"] {
            stand.ask(verb, &capture("cap"), &body);
            stand.ask(verb, &format!("/subscriptions/sub/{path}?api-version={query}"), &body);
        }
    }

    #[test]
    fn any_file_a_client_names_is_below_its_machine(path in "[a-zA-Z0-9./\\\\: \\x00\u{e4}-]{0,40}\\.cap") {
        let stand = Stand::new(config());
        let reply = stand.put("cap", &local_body("vm1", &path));
        let root = fs::canonicalize(stand.data()).unwrap().join("machines/vm1");
        for session in stand.engine.sessions.lock().unwrap().iter() {
            let file = fs::canonicalize(&session.lock().unwrap().order.file).unwrap();
            prop_assert!(file.starts_with(&root), "{path:?} became {}", file.display());
        }
        prop_assert_eq!(files(&root), usize::from(reply.status == 201));
    }
}

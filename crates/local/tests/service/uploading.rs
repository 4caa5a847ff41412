//! Files that go to blob storage, which is played by a server of the tests.

use std::fs;
use std::sync::mpsc;

use capkeep_local::Config;
use capkeep_standin::{Blobs, Canned};
use serde_json::json;

use crate::support::{SECOND, Stand, body, capture, json, pcap};

const BOX: &str = "network-watcher-logs";
const BLOB: &str = "subscriptions/sub/resourcegroups/rg/providers/microsoft.compute/virtualmachines/vm1/2023/11/14/\
                    packetcapture_22_13_20_000.cap";

/// A service whose account sa1 is blob storage.
fn stand(blobs: &Blobs) -> Stand {
    let text = format!(
        "subscription = \"sub\"\nregions = [\"westus\"]\n[machines.vm1]\n[machines.vm2]\n[storage.sa2]\n\
         [storage.sa1]\nendpoint = \"{}\"\nconnection_string_env = \"LOGIN\"",
        blobs.url()
    );
    let login = |name: &str| (name == "LOGIN").then(|| blobs.connection_string());
    Stand::new(Config::from_toml(&text, login).unwrap())
}

#[test]
fn a_file_goes_to_its_blob_with_the_md5_of_its_content() {
    let blobs = Blobs::start().unwrap();
    let stand = stand(&blobs);
    let made = json(&stand.put("cap", &body("vm1")));
    let path = made["properties"]["storageLocation"]["storagePath"].as_str().unwrap();
    assert_eq!(path, format!("{}/{BOX}/{BLOB}", blobs.url()));
    let kept = stand.session(0).lock().unwrap().order.file.clone();
    stand.post("cap", "stop");
    let status = stand.status("cap");
    assert_eq!(
        (&status["packetCaptureStatus"], &status["packetCaptureError"]),
        (&json!("Stopped"), &json!([]))
    );
    let stored = blobs.blob(BOX, BLOB).unwrap();
    assert_eq!(stored.content.size(), pcap().len() as u64);
    assert!(stored.md5.is_some());
    assert!(!kept.exists());
}

#[test]
fn an_account_that_refuses_is_told_as_azure_does_and_asked_again() {
    let blobs = Blobs::start().unwrap();
    let stand = stand(&blobs);
    stand.put("cap", &body("vm1"));
    blobs.rules(|rules| rules.canned.push(Canned::refusal(BOX, 403, "AuthorizationFailure")));
    stand.post("cap", "stop");
    let status = stand.status("cap");
    assert_eq!(
        (&status["packetCaptureStatus"], &status["stopReason"]),
        (&json!("Stopped"), &json!("Manual"))
    );
    let errors = &status["packetCaptureError"];
    assert_eq!(errors[0], "StorageFailed");
    let told = errors[1].as_str().unwrap();
    assert!(told.contains("not permitted (AuthorizationFailure); it is kept and tried again soon"), "{told}");
    // The capture may go; its file is on its way.
    stand.ask("DELETE", &capture("cap"), b"");
    blobs.rules(|rules| rules.canned.clear());
    let stand = stand.restarted();
    stand.settle();
    assert!(blobs.blob(BOX, BLOB).is_some());
}

#[test]
fn a_blob_that_is_there_is_not_overwritten_and_one_that_is_the_same_is_the_end() {
    let blobs = Blobs::start().unwrap();
    let stand = stand(&blobs);
    blobs.container(BOX);
    blobs.put(BOX, BLOB, "something else");
    stand.put("cap", &body("vm1"));
    stand.post("cap", "stop");
    let errors = stand.status("cap")["packetCaptureError"].clone();
    assert!(errors[1].as_str().unwrap().contains(&format!("another blob is at {}", blobs.url())), "{errors}");
    assert_eq!(blobs.blob(BOX, BLOB).unwrap().content.size(), 14);
    blobs.forget(BOX, BLOB);
    blobs.put(BOX, BLOB, pcap());
    stand.pass(5 * SECOND);
    assert_eq!(stand.status("cap")["packetCaptureError"], json!([]));
}

#[test]
fn an_account_that_does_not_answer_holds_nobody_up() {
    let blobs = Blobs::start().unwrap();
    let stand = stand(&blobs);
    let (asked, is_asked) = mpsc::channel();
    let (go_on, goes_on) = mpsc::channel::<()>();
    let (asked, goes_on) = (std::sync::Mutex::new(asked), std::sync::Mutex::new(goes_on));
    blobs.before_each(move |_, _| {
        let _ = asked.lock().unwrap().send(());
        let _ = goes_on.lock().unwrap().recv();
    });
    stand.put("a-slow", &body("vm1"));
    let mut other = body("vm2");
    let account = "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/sa2";
    other["properties"]["storageLocation"]["storageId"] = json!(account);
    stand.put("b-quick", &other);
    for session in [0, 1] {
        stand.session(session).lock().unwrap().snapshot.over =
            Some(capkeep_local::capture::End::Stopped(capkeep_watcher::StopReason::TimeExceeded));
    }
    stand.service.tick();
    let begun = |name: &str| json(&stand.service.handle(&request(name)))["packetCaptureStatus"].clone();
    std::thread::scope(|scope| {
        scope.spawn(|| stand.service.work());
        is_asked.recv().unwrap();
        assert!(stand.service.work(), "the other file is stored meanwhile");
        assert_eq!((begun("a-slow"), begun("b-quick")), (json!("Running"), json!("Stopped")));
        drop(go_on);
    });
    assert_eq!(begun("a-slow"), "Stopped");
    assert!(blobs.blob(BOX, BLOB).is_some());
    let files = glob(&stand.data().join("storage/sa2"));
    assert_eq!(files, 1);
}

fn request(name: &str) -> capkeep_local::Request {
    let path = capture(name).split('?').next().unwrap().to_owned() + "/queryStatus";
    capkeep_local::Request {
        method: "POST".into(),
        path,
        query: "api-version=2022-01-01".into(),
        headers: Vec::new(),
        body: Vec::new(),
        scheme: "http",
    }
}

/// Capture files below a folder.
fn glob(folder: &std::path::Path) -> usize {
    let items = fs::read_dir(folder).into_iter().flatten().flatten().map(|item| item.path());
    items
        .map(
            |path| {
                if path.is_dir() {
                    glob(&path)
                } else {
                    usize::from(path.extension() == Some("cap".as_ref()))
                }
            },
        )
        .sum()
}

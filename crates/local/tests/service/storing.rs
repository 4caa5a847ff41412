//! Files on their way to where they are stored, and what must not get lost there.

use std::fs;
use std::sync::Arc;

use capkeep_local::{Config, Service, ServiceError};
use serde_json::{Value, json};

use crate::support::{SECOND, Stand, body, capture, config, json, local_body, pcap, target};

/// A capture whose blob has a name of its own.
fn named(blob: &str) -> Value {
    let mut body = body("vm1");
    body["properties"]["storageLocation"]["storagePath"] =
        json!(format!("https://sa1.blob.core.windows.net/{blob}"));
    body
}

/// Nothing can be stored in container `box` while a file is in its place.
fn block(stand: &Stand) -> std::path::PathBuf {
    fs::create_dir_all(stand.data().join("storage/sa1")).unwrap();
    let container = stand.data().join("storage/sa1/box");
    fs::write(&container, "in the way").unwrap();
    container
}

#[test]
fn a_file_that_cannot_be_stored_is_told_kept_and_tried_again() {
    let stand = Stand::new(config());
    let container = block(&stand);
    stand.put("cap", &named("box/a.cap"));
    stand.post("cap", "stop");
    let status = stand.status("cap");
    assert_eq!(
        (&status["packetCaptureStatus"], &status["stopReason"]),
        (&json!("Stopped"), &json!("Manual"))
    );
    assert_eq!(status["packetCaptureError"][0], "StorageFailed");
    let kept = stand.session(0).lock().unwrap().order.file.clone();
    assert!(
        status["packetCaptureError"][1].as_str().unwrap().contains("kept and tried again soon"),
        "{status}"
    );
    assert_eq!(fs::read(&kept).unwrap(), pcap());

    fs::remove_file(&container).unwrap();
    stand.pass(SECOND);
    assert_eq!(stand.status("cap")["packetCaptureError"][0], "StorageFailed", "not before its time");
    stand.pass(5 * SECOND);
    assert_eq!(stand.status("cap")["packetCaptureError"], json!([]));
    assert_eq!(fs::read(container.join("a.cap")).unwrap(), pcap());
    assert!(!kept.exists(), "nobody named it");
}

#[test]
fn neither_deleting_nor_a_restart_loses_a_file_that_is_not_stored() {
    let stand = Stand::new(config());
    let container = block(&stand);
    stand.put("cap", &named("box/a.cap"));
    stand.post("cap", "stop");
    stand.pass(SECOND);
    stand.ask("DELETE", &capture("cap"), b"");
    stand.pass(SECOND);
    assert_eq!(stand.get(&capture("cap")).status, 404);
    // Its place is taken until it is there.
    assert_eq!(stand.put("other", &named("box/a.cap")).status, 409);
    let stand = stand.restarted();
    stand.settle();
    assert!(container.is_file());
    let stand = stand.restarted();
    fs::remove_file(&container).unwrap();
    stand.settle();
    assert_eq!(fs::read(container.join("a.cap")).unwrap(), pcap());
    let left = |folder: &str| fs::read_dir(stand.data().join(folder)).unwrap().count();
    assert_eq!((left("leaving"), left("machines/vm1/passing")), (0, 0));
    assert_eq!(stand.restarted().get(&capture("cap")).status, 404);
}

#[test]
fn trying_ends_and_begins_again_with_the_next_start() {
    let stand = Stand::new(config());
    let container = block(&stand);
    stand.put("cap", &named("box/a.cap"));
    stand.post("cap", "stop");
    for _ in 0..20 {
        stand.pass(700 * SECOND);
        stand.settle();
    }
    let told = stand.status("cap")["packetCaptureError"][1].as_str().unwrap().to_owned();
    assert!(told.ends_with("when the local watcher is started the next time"), "{told}");
    assert!(!stand.service.has_work());
    fs::remove_file(&container).unwrap();
    let stand = stand.restarted();
    assert_eq!(stand.status("cap")["packetCaptureError"], json!([]));
    assert!(container.join("a.cap").is_file());
}

#[test]
fn what_an_earlier_capture_left_is_not_overwritten() {
    let stand = Stand::new(config());
    stand.put("cap", &local_body("vm1", "/var/captures/a.cap"));
    stand.put("blob", &named("box/a.cap"));
    for name in ["cap", "blob"] {
        stand.post(name, "stop");
        stand.settle();
        stand.pass(SECOND);
        stand.ask("DELETE", &capture(name), b"");
        stand.pass(SECOND);
    }
    let again = stand.put("cap", &local_body("vm1", "/var/captures/a.cap"));
    assert_eq!((again.status, json(&again)["error"]["code"].as_str()), (409, Some("Conflict")));
    assert!(json(&again)["error"]["message"].as_str().unwrap().contains("machines/vm1/var/captures/a.cap"));
    assert_eq!(stand.put("blob", &named("box/a.cap")).status, 409);
    // Another machine has files of its own.
    assert_eq!(stand.put("cap", &local_body("vm2", "/var/captures/a.cap")).status, 201);
    fs::write(stand.data().join("machines/vm1/var/captures/ring_00007.cap"), "old").unwrap();
    let location = json!({ "localPath": "/var/captures/ring.cap" });
    let ring = json!({ "properties": { "target": target("vm1"), "continuousCapture": true, "storageLocation": location } });
    assert_eq!(stand.put("ring", &ring).status, 409);
}

#[test]
fn a_second_process_does_not_get_the_folder() {
    let stand = Stand::new(config());
    let second = Service::open(config(), stand.data(), Arc::new(stand.engine.clone()), Arc::new(|| 0));
    assert!(matches!(second.err(), Some(ServiceError::Taken { .. })));
}

#[test]
fn operations_are_known_after_a_restart() {
    let stand = Stand::new(config());
    let signed = |url: String| url.replace("2022-01-01", "2024-07-01");
    let made = stand.ask("PUT", &signed(capture("cap")), body("vm1").to_string().as_bytes());
    let stopped = stand.ask("POST", &signed(capture("cap").replace('?', "/stop?")), b"");
    let place = |reply: &capkeep_local::Reply, name: &str| reply.header(name).unwrap().to_owned();
    let polls = [place(&made, "azure-asyncoperation"), place(&stopped, "azure-asyncoperation")];
    let result = place(&stopped, "location");
    assert!(polls[0].contains("&s="), "{}", polls[0]);
    let stand = stand.restarted();
    stand.pass(SECOND);
    for poll in polls {
        assert_eq!(json(&stand.get(&poll))["status"], "Succeeded");
        assert_eq!(stand.get(&poll.replace("&s=", "&s=x")).status, 403);
    }
    assert_eq!((stand.get(&result).status, json(&stand.get(&result))), (200, Value::Null));
}

#[test]
fn a_capture_that_never_began_can_be_made_again() {
    let stand = Stand::new(config());
    *stand.engine.refusal.lock().unwrap() = Some("not allowed".into());
    stand.put("cap", &body("vm1"));
    stand.engine.refusal.lock().unwrap().take();
    stand.pass(SECOND);
    assert_eq!(stand.put("cap", &body("vm2")).status, 201);
    stand.pass(SECOND);
    assert_eq!(stand.status("cap")["packetCaptureStatus"], "Running");
}

#[test]
fn accounts_say_where_they_are_and_blobs_are_below_that() {
    let text = r#"
        subscription = "sub"
        regions = ["westus"]
        [machines.vm1]
        [storage.sa1]
        endpoint = "http://127.0.0.1:10000/sa1"
        sas = "sv=1&sig=x"
        [storage.sa2]
        folder = "/srv/a b"
        [storage.sa3]
    "#;
    let stand = Stand::new(Config::from_toml(text, |_| None).unwrap());
    let at = "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts";
    let blob = |name: &str| {
        let account = json(&stand.get(&format!("{at}/{name}?api-version=2023-05-01")));
        account["properties"]["primaryEndpoints"]["blob"].as_str().unwrap().to_owned()
    };
    assert_eq!(blob("sa1"), "http://127.0.0.1:10000/sa1/");
    assert_eq!(blob("sa2"), "file:///srv/a%20b/");
    let folder = fs::canonicalize(stand.data()).unwrap();
    assert_eq!(blob("sa3"), format!("file://{}/storage/sa3/", folder.display()));
    let path = |request: &Value| {
        let made = stand.put("cap", request);
        assert_eq!(made.status, 201, "{}", json(&made));
        json(&made)["properties"]["storageLocation"]["storagePath"].as_str().unwrap().to_owned()
    };
    assert!(
        path(&body("vm1")).starts_with("http://127.0.0.1:10000/sa1/network-watcher-logs/subscriptions/sub/")
    );
    stand.pass(SECOND);
    // The same request is answered the same.
    path(&body("vm1"));
    stand.post("cap", "stop");
    stand.ask("DELETE", &capture("cap"), b"");
    stand.pass(SECOND);
    assert_eq!(path(&named("box/a%20b.cap")), "http://127.0.0.1:10000/sa1/box/a%20b.cap");
}

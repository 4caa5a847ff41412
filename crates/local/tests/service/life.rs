//! The life of a capture.

use std::fs;

use capkeep_local::capture::End;
use capkeep_watcher::StopReason;
use serde_json::{Value, json};

use crate::support::{SECOND, Stand, body, capture, captures, config, json, local_body, pcap};

const BLOB: &str = "storage/sa1/network-watcher-logs/subscriptions/sub/resourcegroups/rg/providers/\
                    microsoft.compute/virtualmachines/vm1/2023/11/14/packetcapture_22_13_20_000.cap";

#[test]
fn a_capture_is_made_runs_is_stopped_stored_and_deleted() {
    let stand = Stand::new(config());
    let made = stand.put("cap", &body("vm1"));
    assert_eq!((made.status, made.header("retry-after")), (201, Some("1")));
    let poll = made.header("azure-asyncoperation").unwrap().to_owned();
    assert!(poll.starts_with(
        "https://localhost:8443/subscriptions/sub/providers/Microsoft.Network/locations/westus/"
    ));
    assert_eq!(json(&stand.get(&poll)), json!({ "status": "InProgress" }));
    stand.pass(SECOND);
    assert_eq!(json(&stand.get(&poll)), json!({ "status": "Succeeded" }));
    let got = stand.get(&capture("CAP"));
    assert_eq!(json(&got)["properties"]["provisioningState"], "Succeeded");
    assert_ne!(json(&got)["etag"], json(&made)["etag"]);
    assert_eq!(got.header("etag"), json(&got)["etag"].as_str());

    let running = stand.post("cap", "querystatus");
    assert_eq!(running.status, 202);
    assert!(running.header("azure-asyncoperation").is_none());
    assert_eq!(json(&running)["packetCaptureStatus"], "Running");
    let result = stand.get(running.header("location").unwrap());
    assert_eq!((result.status, json(&result)), (200, json(&running)));
    assert!(!stand.data().join(BLOB).exists());

    let stopped = stand.post("cap", "stop");
    assert_eq!((stopped.status, stopped.body.len()), (202, 0));
    let (status, result) =
        (stopped.header("azure-asyncoperation").unwrap(), stopped.header("location").unwrap());
    assert_eq!(stand.get(result).status, 202);
    stand.pass(SECOND);
    assert_eq!(json(&stand.get(status)), json!({ "status": "Succeeded", "properties": {} }));
    assert_eq!(stand.get(result).body, b"null");
    let over = stand.post("cap", "queryStatus");
    assert_eq!((over.status, over.header("location")), (200, None));
    assert_eq!(json(&over)["stopReason"], "Manual");
    assert_eq!(fs::read(stand.data().join(BLOB)).unwrap(), pcap());

    let deleted = stand.ask("DELETE", &capture("cap"), b"");
    assert_eq!((deleted.status, deleted.body.len()), (202, 0));
    assert_eq!(json(&stand.get(&capture("cap")))["properties"]["provisioningState"], "Deleting");
    stand.pass(SECOND);
    assert_eq!(
        json(&stand.get(deleted.header("azure-asyncoperation").unwrap())),
        json!({ "status": "Succeeded" })
    );
    assert_eq!(stand.get(deleted.header("location").unwrap()).status, 204);
    assert_eq!(json(&stand.get(&captures())), json!({ "value": [] }));
    assert_eq!(stand.get(&capture("cap")).status, 404);
    assert_eq!(stand.ask("DELETE", &capture("cap"), b"").status, 204);
    assert!(stand.data().join(BLOB).exists(), "deleting a capture keeps its file");
}

#[test]
fn what_is_not_there_is_told_as_the_service_tells_it() {
    let stand = Stand::new(config());
    let reply = stand.get(&capture("nope"));
    let id = capture("nope");
    let message = format!("Resource {} not found.", id.split('?').next().unwrap());
    assert_eq!(reply.status, 404);
    assert_eq!(json(&reply), json!({ "error": { "code": "NotFound", "message": message, "details": [] } }));
    for (method, url, status) in [
        ("POST", capture("nope").replace('?', "/stop?"), 404),
        ("POST", capture("nope").replace('?', "/queryStatus?"), 404),
        ("GET", captures().replace("_westus", "_mars"), 404),
        ("GET", captures().replace("/sub/", "/other/"), 404),
        ("GET", "/subscriptions/sub/resourceGroups".into(), 400),
        ("GET", "/nothing/here".into(), 404),
        ("PATCH", capture("nope"), 405),
    ] {
        let reply = stand.ask(method, &url, b"");
        assert_eq!(reply.status, status, "{method} {url}");
        assert!(json(&reply)["error"]["message"].is_string(), "{method} {url}");
    }
}

#[test]
fn a_file_on_the_machine_is_kept_there_and_only_there() {
    let stand = Stand::new(config());
    stand.put("cap", &local_body("vm1", "/var/captures/a.cap"));
    stand.post("cap", "stop");
    assert_eq!(stand.status("cap")["packetCaptureStatus"], "Stopped");
    assert_eq!(fs::read(stand.data().join("machines/vm1/var/captures/a.cap")).unwrap(), pcap());
    assert!(!stand.data().join("storage").exists());
}

#[test]
fn a_session_tells_why_it_ended_and_what_the_kernel_dropped() {
    let stand = Stand::new(config());
    for (index, (end, state, reason, errors)) in [
        (End::Stopped(StopReason::TimeExceeded), "Stopped", json!("TimeExceeded"), json!([])),
        (End::Stopped(StopReason::SizeExceeded), "Stopped", json!("SizeExceeded"), json!([])),
        (End::Failed("the disk is full".into()), "Error", Value::Null, json!(["the disk is full"])),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("cap{index}");
        stand.put(&name, &local_body("vm1", &format!("/var/captures/{name}.cap")));
        let session = stand.session(index);
        session.lock().unwrap().snapshot.drops = 7;
        session.lock().unwrap().snapshot.over = Some(end);
        let status = stand.status(&name);
        assert_eq!(status["packetCaptureStatus"], state);
        assert_eq!(status["stopReason"], reason);
        assert_eq!(status["packetCaptureError"], errors);
        assert_eq!(status["kernelDrops"], 7);
    }
}

#[test]
fn a_session_that_does_not_begin_fails_its_operation_with_the_reason() {
    let stand = Stand::new(config());
    *stand.engine.refusal.lock().unwrap() = Some("not allowed to capture".into());
    let made = stand.put("cap", &body("vm1"));
    assert_eq!(made.status, 201);
    stand.pass(SECOND);
    let status = json(&stand.get(made.header("azure-asyncoperation").unwrap()));
    assert_eq!(status["status"], "Failed");
    assert_eq!(status["error"]["message"], "vm1: not allowed to capture");
    assert_eq!(json(&stand.get(&capture("cap")))["properties"]["provisioningState"], "Failed");
    assert_eq!(stand.status("cap")["packetCaptureStatus"], "Error");
}

#[test]
fn a_restart_keeps_what_ended_and_tells_the_truth_about_what_ran() {
    let stand = Stand::new(config());
    stand.put("done", &local_body("vm1", "/var/captures/done.cap"));
    stand.post("done", "stop");
    stand.pass(SECOND);
    let (before, resource) = (stand.status("done"), json(&stand.get(&capture("done"))));
    let name = "network-watcher-logs/custom/ran.cap";
    let mut request = body("vm1");
    request["properties"]["storageLocation"]["storagePath"] =
        json!(format!("https://sa1.blob.core.windows.net/{name}"));
    stand.put("ran", &request);
    stand.pass(SECOND);
    stand.get(&captures());
    // The process was killed in the middle of a record.
    let file = stand.session(1).lock().unwrap().order.file.clone();
    fs::write(&file, [pcap(), vec![9; 5]].concat()).unwrap();
    let stand = stand.restarted();
    assert_eq!(stand.status("done"), before);
    assert_eq!(json(&stand.get(&capture("done"))), resource);
    let ran = stand.status("ran");
    assert_eq!(ran["packetCaptureStatus"], "Stopped");
    assert_eq!(ran.get("stopReason"), None);
    assert!(ran["packetCaptureError"][0].as_str().unwrap().contains("the local watcher ended while it ran"));
    assert_eq!(fs::read(stand.data().join("storage/sa1").join(name)).unwrap(), pcap());
}

#[test]
fn a_name_that_is_taken_answers_the_same_request_and_refuses_another() {
    let stand = Stand::new(config());
    assert_eq!(stand.put("cap", &body("vm1")).status, 201);
    assert_eq!(stand.put("cap", &body("vm1")).status, 201);
    assert_eq!(stand.engine.sessions.lock().unwrap().len(), 1);
    let other = stand.put("cap", &body("vm2"));
    assert_eq!((other.status, json(&other)["error"]["code"].as_str()), (409, Some("Conflict")));
    assert_eq!(stand.put("b", &local_body("vm1", "/var/captures/x.cap")).status, 201);
    assert_eq!(stand.put("c", &local_body("vm1", "/var/captures/x.cap")).status, 409);
}

#[test]
fn more_sessions_or_captures_than_allowed_are_refused_with_the_number() {
    let stand = Stand::new(capkeep_local::Config { sessions_at_most: 1, captures_at_most: 2, ..config() });
    assert_eq!(stand.put("a", &local_body("vm1", "a.cap")).status, 201);
    let refused = stand.put("b", &local_body("vm2", "b.cap"));
    assert_eq!(refused.status, 400);
    assert!(json(&refused)["error"]["message"].as_str().unwrap().contains("1 may run at once"));
    stand.post("a", "stop");
    assert_eq!(stand.put("b", &local_body("vm2", "b.cap")).status, 201);
    stand.post("b", "stop");
    let full = stand.put("c", &local_body("vm2", "c.cap"));
    assert_eq!(json(&full)["error"]["code"], "PacketCaptureCountLimitReached");
}

#[test]
fn a_list_in_pages_has_every_capture_once() {
    let stand = Stand::new(capkeep_local::Config { page_size: 2, ..config() });
    for name in ["a", "b", "c", "d", "E"] {
        stand.put(name, &local_body("vm1", &format!("{name}.cap")));
    }
    let (mut url, mut names, mut pages) = (captures(), Vec::new(), 0);
    loop {
        let page = json(&stand.get(&url));
        pages += 1;
        names.extend(
            page["value"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["nextLink"].as_str() else { break };
        url = next.to_owned();
    }
    assert_eq!((names, pages), (["a", "b", "c", "d", "E"].map(str::to_owned).to_vec(), 3));
}

#[test]
fn what_is_wrong_with_a_request_is_told_field_by_field() {
    let stand = Stand::new(config());
    let mut wrong = body("vm1");
    wrong["properties"]["filters"] = json!([{ "localIPAddress": "1.1.1.1-255.255.255" }]);
    wrong["properties"]["timeLimitInSeconds"] = json!(18_001);
    let reply = stand.put("cap", &wrong);
    let error = json(&reply)["error"].clone();
    assert_eq!((reply.status, error["code"].as_str()), (400, Some("InvalidRequestFormat")));
    let targets: Vec<&str> = error["details"]
        .as_array()
        .unwrap()
        .iter()
        .map(|detail| detail["target"].as_str().unwrap())
        .collect();
    assert_eq!(targets, ["properties.timeLimitInSeconds", "properties.filters[0].localIPAddress"]);
    assert_eq!(stand.put("cap", &body("vm9")).status, 400);
    assert_eq!(stand.put("-", &body("vm1")).status, 400);
    assert_eq!(stand.ask("PUT", &capture("cap"), b"{").status, 400);
    assert!(stand.engine.sessions.lock().unwrap().is_empty());
}

//! The examples of the specification, and what was seen of newer versions.

use std::fs;
use std::path::Path;

use capkeep_local::Config;
use serde_json::{Value, json};

use crate::support::{SECOND, Stand, body, capture, config, json, target};

fn example(name: &str) -> Option<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/rest-examples");
    let path = folder.join(name);
    let Ok(text) = fs::read_to_string(&path) else {
        eprintln!("SKIPPED: no example at {}", path.display());
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

#[test]
fn the_creates_of_the_specification_are_answered_as_it_says() {
    for name in [
        "NetworkWatcherPacketCaptureCreate.2019-02-01.json",
        "NetworkWatcherPacketCaptureCreate.2024-05-01.json",
    ] {
        let Some(example) = example(name) else { return };
        let text = r#"
            subscription = "subid"
            resource_group = "rg2"
            regions = []
            [watchers.nw1]
            region = "westus"
            resource_group = "rg1"
            [machines.vm1]
        "#;
        let stand = Stand::new(Config::from_toml(text, |_| None).unwrap());
        let version = example["parameters"]["api-version"].as_str().unwrap();
        let url = format!(
            "/subscriptions/subid/resourceGroups/rg1/providers/Microsoft.Network/networkWatchers/nw1/packetCaptures/pc1\
             ?api-version={version}"
        );
        let body = example["parameters"]["parameters"].to_string();
        let reply = stand.ask("PUT", &url, body.as_bytes());
        assert_eq!(reply.status, 201, "{}", String::from_utf8_lossy(&reply.body));
        let mut expected = example["responses"]["201"]["body"].clone();
        // The service fills these in, whatever the example says.
        expected["properties"]["filters"][0]["remoteIPAddress"] = json!("");
        expected["properties"]["filters"][0]["remotePort"] = json!("");
        let mut ours = json(&reply);
        let ours = ours.as_object_mut().unwrap();
        ours.remove("etag");
        ours.remove("type");
        assert_eq!(Value::Object(ours.clone()), expected, "{name}");
        stand.pass(2 * SECOND);
        assert_eq!(stand.get(&url).status, 200);
        let status = stand.ask("POST", &url.replace('?', "/queryStatus?"), b"");
        assert_eq!(status.status, 202);
        for field in ["name", "id", "captureStartTime", "packetCaptureStatus", "packetCaptureError"] {
            assert!(json(&status).get(field).is_some(), "{field}");
        }
    }
}

#[test]
fn a_scale_set_is_answered_with_scope_and_filters_filled_in() {
    let stand = Stand::new(config());
    let set = "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Compute/virtualMachineScaleSets/set1";
    let request = json!({ "properties": {
        "target": set,
        "targetType": "AzureVMSS",
        "scope": { "include": ["0", "2"] },
        "storageLocation": { "filePath": "C:\\tmp\\Capture.cap" },
        "filters": [
            { "protocol": "Tcp", "remoteIPAddress": "127.0.0.1-127.0.0.255", "localPort": "80", "remotePort": "80-120" },
            { "localIPAddress": "127.0.0.1" },
        ],
    } });
    let reply = stand.put("cap", &request);
    let filters = json!([
        { "protocol": "TCP", "localIPAddress": "", "localPort": "80", "remoteIPAddress": "127.0.0.1-127.0.0.255",
          "remotePort": "80-120" },
        { "protocol": "Any", "localIPAddress": "127.0.0.1", "localPort": "", "remoteIPAddress": "", "remotePort": "" },
    ]);
    let scope = json!({ "include": [format!("{set}/virtualMachines/0"), format!("{set}/virtualMachines/2")], "exclude": [] });
    let expected = json!({
        "provisioningState": "Updating", "target": set, "scope": scope, "targetType": "AzureVMSS",
        "bytesToCapturePerPacket": 0, "totalBytesPerSession": 1_073_741_824u64, "timeLimitInSeconds": 18_000,
        "storageLocation": { "storagePath": "", "filePath": "C:\\tmp\\Capture.cap" }, "filters": filters,
    });
    assert_eq!(json(&reply)["properties"], expected);
    assert_eq!(reply.header("location"), None);
    assert_eq!(stand.engine.sessions.lock().unwrap().len(), 2);
    stand.post("cap", "stop");
    assert_eq!(stand.status("cap")["stopReason"], "2 VM Instance(s) stopped due to Manual Reasons. ");
}

#[test]
fn a_ring_is_answered_without_the_limits_of_a_classic_session() {
    let stand = Stand::new(config());
    let settings = json!({ "fileCount": 2, "fileSizeInBytes": 102_400, "sessionTimeLimitInSeconds": 60 });
    let request = json!({ "properties": {
        "target": target("vm1"), "storageLocation": { "localPath": "C:\\captures\\Capture.cap" },
        "continuousCapture": false, "captureSettings": settings,
    } });
    let reply = stand.ask(
        "PUT",
        &capture("ring").replace("2022-01-01", "2024-07-01"),
        request.to_string().as_bytes(),
    );
    let expected = json!({
        "provisioningState": "Updating", "target": target("vm1"), "bytesToCapturePerPacket": 0,
        "storageLocation": { "storagePath": "", "localPath": "C:\\captures\\Capture.cap" },
        "continuousCapture": false, "captureSettings": settings, "filters": [],
    });
    assert_eq!(json(&reply)["properties"], expected);
    assert_eq!(reply.header("azure-asyncnotification"), Some("Enabled"));
}

#[test]
fn poll_urls_of_new_versions_are_signed_and_other_signatures_refused() {
    let stand = Stand::new(config());
    let url = capture("cap").replace("2022-01-01", "2024-07-01");
    let reply = stand.ask("PUT", &url, body("vm1").to_string().as_bytes());
    let poll = reply.header("azure-asyncoperation").unwrap().to_owned();
    assert!(poll.len() > 2_700 && poll.contains("&t=") && poll.contains("&h="), "{poll}");
    assert_eq!(stand.get(&poll).status, 200);
    let bare = poll.split('&').next().unwrap();
    assert_eq!(stand.get(bare).status, 403);
    assert_eq!(stand.get(&poll.replace("&s=", "&s=A")).status, 403);
    // A signature is good for its place only.
    assert_eq!(stand.get(&poll.replace("/operations/", "/operationResults/")).status, 403);
}

#[test]
fn the_default_place_of_a_blob_holds_machine_and_time() {
    let stand = Stand::new(config());
    let reply = json(&stand.put("cap", &body("vm1")));
    assert_eq!(
        reply["properties"]["storageLocation"]["storagePath"],
        "https://sa1.blob.core.windows.net/network-watcher-logs/subscriptions/sub/resourcegroups/rg/providers/\
         microsoft.compute/virtualmachines/vm1/2023/11/14/packetcapture_22_13_20_000.cap"
    );
}

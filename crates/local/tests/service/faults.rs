//! Faults on purpose.

use std::time::Duration;

use capkeep_local::Fault;
use serde_json::{Value, json};

use crate::support::{SECOND, Stand, body, capture, captures, config, json, target};

fn stand(faults: &Value) -> Stand {
    let mut stand = Stand::new(config());
    let faults: Vec<Fault> = serde_json::from_value(faults.clone()).unwrap();
    stand.service = stand.service.with_faults(faults);
    stand
}

#[test]
fn a_fault_strikes_as_often_as_it_says_and_where_it_says() {
    let stand = stand(&json!([
        { "method": "GET", "path": "/PacketCaptures", "times": 2, "action": { "throttle": { "retry_after_s": 7 } } },
        { "path": "/packetcaptures", "action": "internal_error" },
        { "path": "/packetcaptures", "action": { "redirect": { "url": "https://elsewhere/" } } },
        { "path": "/packetcaptures", "action": "reset" },
        { "path": "/packetcaptures", "action": { "delay": { "ms": 30 } } },
    ]));
    assert_eq!(stand.get("/subscriptions?api-version=1").status, 200);
    for _ in 0..2 {
        let reply = stand.get(&captures());
        assert_eq!((reply.status, reply.header("retry-after")), (429, Some("7")));
    }
    assert_eq!(stand.get(&captures()).status, 500);
    let reply = stand.get(&captures());
    assert_eq!((reply.status, reply.header("location")), (307, Some("https://elsewhere/")));
    assert!(stand.get(&captures()).mishap.reset);
    let late = stand.get(&captures());
    assert_eq!((late.status, late.mishap.delay), (200, Duration::from_millis(30)));
    assert_eq!(stand.get(&captures()).mishap.delay, Duration::ZERO);
}

#[test]
fn an_operation_fails_with_http_200_or_never_ends_on_purpose() {
    let stand = stand(&json!([
        { "method": "PUT", "action": { "operation_fails": { "code": "Broken", "message": "it broke" } } },
        { "method": "POST", "path": "stop", "action": "operation_never_ends" },
    ]));
    let made = stand.put("cap", &body("vm1"));
    stand.pass(SECOND);
    let poll = stand.get(made.header("azure-asyncoperation").unwrap());
    let error = json!({ "code": "Broken", "message": "it broke", "details": [] });
    assert_eq!((poll.status, json(&poll)), (200, json!({ "status": "Failed", "error": error })));
    let stopped = stand.post("cap", "stop");
    stand.pass(1_000 * SECOND);
    assert_eq!(json(&stand.get(stopped.header("azure-asyncoperation").unwrap()))["status"], "InProgress");
}

#[test]
fn an_agent_that_vanished_is_told_as_the_service_tells_it() {
    let stand = stand(&json!([{ "path": "queryStatus", "action": "agent_vanished" }]));
    stand.put("cap", &body("vm1"));
    let status = stand.status("cap");
    assert_eq!(status["packetCaptureStatus"], "Stopped");
    assert_eq!(status.get("stopReason"), None);
    let text = format!("{} does not exist or is in stopped state.", target("vm1"));
    assert_eq!(status["packetCaptureError"], json!([text]));
    assert_eq!(stand.get(&capture("cap")).status, 200);
}

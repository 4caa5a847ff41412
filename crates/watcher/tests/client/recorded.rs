//! The client against what Azure really answered: every recorded exchange is played back, and what the client sends is
//! compared with what Microsoft's client sent.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{Answer, Server};
use capkeep_watcher::{Capture, CaptureRequest, CaptureStatus, Page, ResourceId, State, StopReason};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

fn shared(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(folder);
    if !path.is_dir() {
        eprintln!("SKIPPED: {folder} is not beside the repository");
        return None;
    }
    Some(path)
}

#[derive(Clone, Deserialize)]
struct Exchange {
    request: Sent,
    response: Got,
}

#[derive(Clone, Deserialize)]
struct Sent {
    method: String,
    url: String,
    body: Option<String>,
}

#[derive(Clone, Deserialize)]
struct Got {
    status: u16,
    headers: std::collections::BTreeMap<String, String>,
    body: Option<String>,
}

/// Body of a recorded request: JSON, or how Python prints its bytes.
fn body(sent: &Sent) -> Option<Value> {
    let text = sent.body.as_deref()?;
    let text = text.strip_prefix("b'").and_then(|text| text.strip_suffix('\'')).unwrap_or(text);
    let text = text.replace("\\\\", "\\");
    serde_json::from_str(&text).ok()
}

fn split(url: &str) -> (String, String) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let at = rest.find('/').unwrap_or(rest.len());
    (url[..url.len() - rest.len() + at].to_owned(), rest[at..].to_owned())
}

#[tokio::test]
async fn every_recorded_exchange_is_played_back() {
    let Some(folder) = shared("recordings") else { return };
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    assert!(!files.is_empty());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let exchanges: Vec<Exchange> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        play(exchanges.clone()).await;
        play(exchanges.into_iter().map(bent).collect()).await;
    }
}

/// The same as another version of the service might say it: names of headers in capitals, addresses without a host, fields
/// nobody knows.
fn bent(exchange: Exchange) -> Exchange {
    let Exchange { request, mut response } = exchange;
    let home = split(&request.url).0;
    let headers = response.headers.into_iter();
    response.headers =
        headers.map(|(name, value)| (name.to_ascii_uppercase(), value.replace(&home, ""))).collect();
    let body = response.body.as_deref().and_then(|body| serde_json::from_str::<Value>(body).ok());
    if let Some(mut body) = body.filter(Value::is_object) {
        body["newer"] = serde_json::json!({ "field": [1, null] });
        if let Some(properties) = body.get_mut("properties").filter(|properties| properties.is_object()) {
            properties["newer"] = Value::Null;
        }
        response.body = Some(body.to_string());
    }
    Exchange { request, response }
}

async fn play(exchanges: Vec<Exchange>) {
    let home = split(&exchanges[0].request.url).0;
    let left = Arc::new(Mutex::new(VecDeque::from(exchanges.clone())));
    let script = Arc::clone(&left);
    let server = Server::start(move |asked, base| {
        let mut left = script.lock().unwrap();
        let Some(next) = left.front().cloned() else {
            return Answer::new(410, &[], "nothing more was recorded");
        };
        let (path, recorded) = (asked.target.split('?').next().unwrap(), split(&next.request.url).1);
        let expected = recorded.split('?').next().unwrap();
        if asked.method != next.request.method || !path.eq_ignore_ascii_case(expected) {
            return Answer::new(410, &[], &format!("{} {path} instead of {expected}", asked.method));
        }
        left.pop_front();
        if expected.contains("/operation") {
            assert_eq!(asked.target, recorded, "poll addresses go back as they came");
        }
        if let Some(body) = body(&next.request) {
            assert_eq!(serde_json::from_str::<Value>(&asked.body).unwrap(), body);
        }
        // Lengths are of the recorded bodies before the host was changed.
        let headers =
            next.response.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
        let headers = headers.map(|(name, value)| (name.clone(), value.replace(&home, base))).collect();
        Answer::Reply { status: next.response.status, headers, body: next.response.body.unwrap_or_default() }
    });
    let client = server.client();
    let mut played = 0;
    loop {
        let Some(Exchange { request, response }) = left.lock().unwrap().front().cloned() else { break };
        let path = split(&request.url).1.split('?').next().unwrap().to_owned();
        let lower = path.to_ascii_lowercase();
        let subscription = path.split('/').nth(2).unwrap().to_owned();
        let failing = response.status >= 400;
        let id = || path.parse::<ResourceId>().unwrap();
        let action = || path.rsplit_once('/').unwrap().0.parse::<ResourceId>().unwrap();
        let minute = Duration::from_mins(1);
        let outcome = match request.method.as_str() {
            "PUT" => {
                let create: CaptureRequest = serde_json::from_value(body(&request).unwrap()).unwrap();
                match client.create(&id(), &create).await {
                    Ok(mut operation) => operation.finish(minute).await.map(|made| {
                        let made: Capture = serde_json::from_value(made.unwrap()).unwrap();
                        assert_eq!(made.properties.provisioning_state.as_deref(), Some("Succeeded"));
                    }),
                    Err(error) => Err(error),
                }
            }
            "DELETE" => match client.delete(&id()).await {
                // az does not ask for the result of a delete; that it is not there changes nothing.
                Ok(mut operation) => operation.finish(minute).await.map(|_| ()),
                Err(error) => Err(error),
            },
            "POST" if lower.ends_with("/stop") => match client.stop(&action()).await {
                Ok(mut operation) => operation.finish(minute).await.map(|body| assert_eq!(body, None)),
                Err(error) => Err(error),
            },
            "POST" => client.status(&action()).await.map(|status| assert_ne!(status.state(), State::Unknown)),
            "GET" if lower.ends_with("/packetcaptures") => {
                let watcher = action();
                let recorded: Page<Value> = serde_json::from_str(response.body.as_deref().unwrap()).unwrap();
                client.captures(&watcher).await.map(|found| assert_eq!(found.len(), recorded.value.len()))
            }
            "GET" if lower.ends_with("/networkwatchers") => client
                .watchers(&subscription)
                .await
                .map(|found| assert!(found.iter().all(|w| !w.location.is_empty()))),
            "GET" if lower.contains("/packetcaptures/") => client.capture(&id()).await.map(|_| ()),
            "GET" if lower.contains("/operationresults/") => {
                // The end of an operation whose client asked for more than ours.
                left.lock().unwrap().pop_front();
                Ok(())
            }
            "GET" => client.machine(&id()).await.map(|machine| assert!(!machine.location.is_empty())),
            other => panic!("{other} is not played"),
        };
        assert_eq!(outcome.is_err(), failing, "{} {path}: {outcome:?}", request.method);
        played += 1;
        assert!(played <= exchanges.len(), "stuck at {} {path}", request.method);
    }
}

fn same<T: Serialize + DeserializeOwned>(value: &Value, what: &str) {
    let typed: T = serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(serde_json::to_value(&typed).unwrap(), *value, "{what}");
}

#[test]
fn the_examples_of_the_specification_come_back_without_loss() {
    let Some(folder) = shared("reference/rest-examples") else { return };
    let mut bodies = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let example: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        if let Some(request) = example.pointer("/parameters/parameters") {
            same::<CaptureRequest>(request, &name);
            bodies += 1;
        }
        for (status, response) in example.get("responses").and_then(Value::as_object).into_iter().flatten() {
            let Some(body) = response.get("body") else { continue };
            let what = format!("{name} {status}");
            if body.get("value").is_some() {
                same::<Page<Capture>>(body, &what);
            } else if body.get("properties").is_some() {
                same::<Capture>(body, &what);
            } else {
                same::<CaptureStatus>(body, &what);
            }
            bodies += 1;
        }
    }
    assert!(bodies >= 8, "{bodies} bodies");
}

#[test]
fn deviations_seen_in_the_wild_are_understood() {
    let status = |text: &str| serde_json::from_str::<CaptureStatus>(text).unwrap();
    let gone = status(
        r#"{"packetCaptureStatus":"Stopped","packetCaptureError":[".../0 does not exist or is in stopped state."]}"#,
    );
    assert!(gone.is_over() && gone.reason().is_none());
    let set = status(
        r#"{"packetCaptureStatus":"Stopped","stopReason":"3 VM Instance(s) stopped due to TimeExceeded Reasons. "}"#,
    );
    assert_eq!(set.reason(), Some(StopReason::TimeExceeded));
    assert_eq!(
        status(r#"{"packetCaptureStatus":"Stopped","stopReason":"Manual"}"#).reason(),
        Some(StopReason::Manual)
    );
    let text = r#"{"name":"c","id":"i","properties":{"target":"t","queryPacketCaptureLastOperationId":"g","storageLocation":{"storagePath":"","localPath":"C:\\c.cap"},"continuousCapture":false,"filters":[{"protocol":"Tcp","localPort":""}]}}"#;
    let value: Value = serde_json::from_str(text).unwrap();
    same::<Capture>(&value, "unknown fields");
}

//! Exchanges with the real service, played again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use capkeep_local::{Config, MachineConfig, Reply, ScaleSet};
use capkeep_watcher::ResourceId;
use serde_json::Value;

use crate::support::{SECOND, Stand, json};

/// Fields whose values are different each time, or depend on the account.
const FREE: &[&str] =
    &["etag", "captureStartTime", "runningOperationIds", "queryPacketCaptureLastOperationId"];
/// Fields of our own.
const OURS: &[&str] = &["kernelDrops"];

/// What differs in shape or in a value that is no accident.
fn differences(at: &str, theirs: &Value, ours: &Value, out: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (key, value) in theirs {
                let at = format!("{at}.{key}");
                match ours.get(key) {
                    None => out.push(format!("{at} is missing")),
                    Some(_) if FREE.contains(&key.as_str()) => {}
                    Some(our) => differences(&at, value, our, out),
                }
            }
            let more = ours.keys().filter(|key| !theirs.contains_key(*key) && !OURS.contains(&key.as_str()));
            out.extend(more.map(|key| format!("{at}.{key} is too much")));
        }
        (Value::Array(theirs), Value::Array(ours)) if theirs.len() == ours.len() => {
            for (index, (their, our)) in theirs.iter().zip(ours).enumerate() {
                differences(&format!("{at}[{index}]"), their, our, out);
            }
        }
        _ if theirs == ours => {}
        _ => out.push(format!("{at} is {ours}, not {theirs}")),
    }
}

fn body_of(request: &Value) -> Vec<u8> {
    let text = request["body"].as_str().unwrap_or_default();
    // Python's way of writing bytes.
    let text = text.strip_prefix("b'").and_then(|text| text.strip_suffix('\'')).unwrap_or(text);
    let text = text.replace("\\\\", "\\").replace("\\'", "'");
    text.into_bytes()
}

fn configuration(exchanges: &[Value]) -> Config {
    let mut config = Config { regions: Vec::new(), operation_ms: 1_000, ..Config::default() };
    for exchange in exchanges {
        let url = exchange["request"]["url"].as_str().unwrap();
        let words: Vec<&str> = url.split('?').next().unwrap().split('/').collect();
        config.subscription = words[4].into();
        let body: Value = exchange["response"]["body"]
            .as_str()
            .and_then(|body| serde_json::from_str(body).ok())
            .unwrap_or_default();
        if words.last() == Some(&"networkWatchers") {
            for watcher in body["value"].as_array().unwrap() {
                let region = watcher["location"].as_str().unwrap().to_owned();
                if !config.regions.contains(&region) {
                    config.regions.push(region);
                }
            }
        }
        if words.contains(&"virtualMachines") && exchange["response"]["status"] == 200 {
            let machine = MachineConfig {
                resource_group: Some(words[6].to_owned()),
                region: body["location"].as_str().map(str::to_owned),
                ..MachineConfig::default()
            };
            config.machines.insert((*words.last().unwrap()).to_owned(), machine);
        }
        let asked: Value = serde_json::from_slice(&body_of(&exchange["request"])).unwrap_or_default();
        // Not every client looks at the target before.
        if let Some(id) = asked["properties"]["target"].as_str().and_then(|id| id.parse::<ResourceId>().ok())
        {
            let (name, resource_group) = (id.name().to_owned(), Some(id.resource_group.clone()));
            if id.is("Microsoft.Compute/virtualMachineScaleSets") {
                let machines: Vec<String> = (0..10).map(|number| format!("{name}_{number}")).collect();
                let instances = machines.iter().map(|name| (name.clone(), MachineConfig::default()));
                config.machines.extend(instances);
                config.scale_sets.insert(name, ScaleSet { machines, resource_group, region: None });
            } else {
                let machine = || MachineConfig { resource_group, ..MachineConfig::default() };
                config.machines.entry(name).or_insert_with(machine);
            }
        }
    }
    config
}

fn compare(exchange: &Value, reply: &Reply) -> Vec<String> {
    let url = exchange["request"]["url"].as_str().unwrap();
    let response = &exchange["response"];
    let mut out = Vec::new();
    if response["status"] != u64::from(reply.status) {
        out.push(format!("status {} instead of {}", reply.status, response["status"]));
    }
    for name in ["azure-asyncoperation", "location", "etag", "content-type"] {
        let theirs = &response["headers"][name];
        if theirs.is_null() != reply.header(name).is_none() {
            out.push(format!("header {name} is {:?}, not {theirs}", reply.header(name)));
        }
    }
    let theirs = response["body"].as_str().unwrap_or_default();
    if theirs.is_empty() != reply.body.is_empty() {
        out.push("one has a body, the other has none".into());
    }
    if theirs.is_empty() {
        return out;
    }
    let theirs: Value = serde_json::from_str(theirs).unwrap();
    let ours = json(reply);
    if url.contains("/virtualMachines/") {
        // What a machine is made of depends on the account. Its agent is what matters.
        for key in ["name", "id", "type", "location", "resources"] {
            differences(key, &theirs[key], &ours[key], &mut out);
        }
    } else {
        differences("body", &theirs, &ours, &mut out);
    }
    out
}

#[test]
fn every_recorded_exchange_is_answered_as_the_service_did() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/recordings");
    let Ok(entries) = fs::read_dir(&folder) else {
        eprintln!("SKIPPED: no recordings at {}", folder.display());
        return;
    };
    let mut played = 0;
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            let text = fs::read_to_string(&path).unwrap();
            let exchanges: Vec<Value> =
                text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            play(&exchanges, str::to_owned);
            // Newer versions sign their addresses; paths mean the same in any case.
            play(&exchanges, |url| match url.rsplit_once("api-version=") {
                Some((path, _)) => format!("{}api-version=2026-03-01", path.to_ascii_lowercase()),
                None => url.to_owned(),
            });
            played += exchanges.len();
        }
    }
    assert!(played >= 20, "{played} exchanges");
}

fn play(exchanges: &[Value], asked_as: impl Fn(&str) -> String) {
    let stand = Stand::new(configuration(exchanges));
    // Recorded URLs of operations, and ours.
    let mut urls: BTreeMap<String, String> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (index, exchange) in exchanges.iter().enumerate() {
        let request = &exchange["request"];
        let recorded = request["url"].as_str().unwrap();
        let url = urls.get(recorded).cloned().unwrap_or_else(|| asked_as(recorded));
        let reply = stand.ask(request["method"].as_str().unwrap(), &url, &body_of(request));
        for name in ["azure-asyncoperation", "location"] {
            if let (Some(theirs), Some(ours)) =
                (exchange["response"]["headers"][name].as_str(), reply.header(name))
            {
                urls.insert(theirs.to_owned(), ours.to_owned());
            }
        }
        let method = &request["method"];
        wrong.extend(
            compare(exchange, &reply).into_iter().map(|what| format!("{index} {method} {url}: {what}")),
        );
        stand.pass(10 * SECOND);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

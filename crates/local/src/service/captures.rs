//! The six operations on captures.

use std::fs;

use capkeep_watcher::{CaptureRequest, check};
use serde_json::{Value, json};

use super::Service;
use super::config;
use super::engine::{Order, Running};
use super::faults::Action;
use super::message::{Reply, Request};
use super::normal::normal;
use super::operations::Task;
use super::plan::Planned;
use super::random;
use super::record::{Entry, Provisioning, Record};

/// A capture that is asked for.
pub(super) struct Name<'a> {
    pub(super) watcher: &'a str,
    pub(super) region: &'a str,
    pub(super) capture: &'a str,
    /// Its ARM id.
    pub(super) id: String,
}

impl Name<'_> {
    /// What captures are found by: their id in lower case.
    pub(super) fn key(&self) -> String {
        self.id.to_ascii_lowercase()
    }

    fn not_found(&self) -> Reply {
        Reply::error(404, "NotFound", &format!("Resource {} not found.", self.id))
    }
}

impl Service {
    pub(super) fn list(&self, request: &Request, group: &str, watcher: &str) -> Reply {
        let state = self.lock();
        let id = self.watcher_id(group, watcher);
        let prefix = format!("{id}/packetCaptures/").to_ascii_lowercase();
        let after = request.parameter("$skiptoken").and_then(|token| random::decode(&token));
        let from = after.map_or_else(|| prefix.clone(), |name| format!("{prefix}{name}\u{0}"));
        let mut of_watcher = state
            .captures
            .range(from.clone()..)
            .take_while(|(key, _)| key.starts_with(&prefix))
            .map(|(_, entry)| &entry.record);
        let most = if self.config.page_size == 0 { usize::MAX } else { self.config.page_size };
        // A skip token is the client's: one that points elsewhere finds nothing.
        if !from.starts_with(&prefix) {
            return Reply::json(200, &json!({ "value": [] }));
        }
        let records: Vec<&Record> = of_watcher.by_ref().take(most).collect();
        // Items carry the watcher's etag, not their own.
        let etag = state.watcher_etag(watcher);
        let value: Vec<Value> = records.iter().map(|record| record.resource(&etag)).collect();
        let mut body = json!({ "value": value });
        if let Some(last) = records.last()
            && of_watcher.next().is_some()
        {
            let token = random::encode(&last.name.to_ascii_lowercase());
            let version = super::version(request);
            let base = request.base();
            body["nextLink"] =
                json!(format!("{base}{id}/packetCaptures?api-version={version}&$skiptoken={token}"));
        }
        Reply::json(200, &body)
    }

    pub(super) fn get(&self, name: &Name) -> Reply {
        let state = self.lock();
        let Some(entry) = state.captures.get(&name.key()) else { return name.not_found() };
        let etag = &entry.record.etag;
        Reply::json(200, &entry.record.resource(etag)).with("etag", etag.clone())
    }

    pub(super) fn create(&self, request: &Request, name: &Name, fault: Option<&Action>) -> Reply {
        if !config::is_name(name.capture) {
            let message = format!(
                "Resource name {:?} is invalid: 1 to 80 letters, digits, _ - and ., the first a letter, a digit or _.",
                name.capture
            );
            return Reply::error(400, "InvalidResourceName", &message);
        }
        let given: CaptureRequest = match serde_json::from_slice(&request.body) {
            Ok(given) => given,
            Err(error) => {
                return Reply::error(
                    400,
                    "InvalidRequestFormat",
                    &format!("Cannot parse the request: {error}."),
                );
            }
        };
        let problems = check(&given);
        if !problems.is_empty() {
            let message = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            let details: Vec<Value> = problems
                .iter()
                .map(|problem| {
                    json!({
                        "code": "InvalidParameter",
                        "target": problem.field,
                        "message": format!("{problem}."),
                    })
                })
                .collect();
            let error = json!({
                "code": "InvalidRequestFormat",
                "message": format!("{message}."),
                "target": problems[0].field,
                "details": details,
            });
            return Reply::json(400, &json!({ "error": error }));
        }
        let now_ns = self.now();
        let mut guard = self.lock();
        let state = &mut *guard;
        // One that never began holds nothing, and is made anew.
        let is_void =
            |entry: &&Entry| entry.record.state == Provisioning::Failed && entry.record.sessions.is_empty();
        if let Some(entry) = state.captures.get(&name.key()).filter(|entry| !is_void(entry)) {
            let record = &entry.record;
            let same = normal(&given.properties, record.created_ns, &self.config) == record.parameters;
            if !same || entry.record.state == Provisioning::Deleting {
                let message = format!(
                    "Resource {} exists with other parameters or is being deleted. A capture cannot be changed: \
                     delete it, or choose another name.",
                    name.id
                );
                return Reply::error(409, "Conflict", &message);
            }
            // The client asks again, because it did not hear the answer.
            let body = entry.record.resource(&entry.record.etag);
            let (of, failure) = (entry.record.running_id.clone(), None);
            let reply = Reply::json(201, &body);
            return self.begin(request, state, name, Task::Create, of, failure, fault, reply);
        }
        let parameters = normal(&given.properties, now_ns, &self.config);
        let planned = match self.plan(&parameters, name) {
            Ok(planned) => planned,
            Err((code, message)) => return Reply::error(400, code, &message),
        };
        if let Some(refused) = self.no_room(state, &planned) {
            return refused;
        }
        let mut record = Record {
            name: name.capture.to_owned(),
            id: name.id.clone(),
            watcher: name.watcher.to_owned(),
            etag: random::etag(),
            state: Provisioning::Updating,
            parameters,
            created_ns: now_ns,
            settled_ns: self.ready_ns(now_ns),
            running_id: random::guid(),
            not_begun: Vec::new(),
            sessions: Vec::new(),
        };
        // Before anything captures: what cannot be written down would be lost with the process.
        if let Err(error) = record.save(&self.data) {
            let message = format!("The local watcher cannot write below its data folder: {error}.");
            return Reply::error(500, "InternalServerError", &message);
        }
        let mut running: Vec<Option<Box<dyn Running>>> = Vec::new();
        for Planned { order, mut session } in planned {
            match self.start(&order) {
                Ok(started) => {
                    session.started_ns = started.snapshot().started_ns;
                    record.sessions.push(session);
                    running.push(Some(started));
                }
                Err(error) => record.not_begun.push(format!("{}: {error}", order.name)),
            }
        }
        let failure =
            record.sessions.is_empty().then(|| ("CaptureFailed".to_owned(), record.not_begun.join("; ")));
        // The answer says `Updating` even so: that it failed is the operation's to tell.
        let body = record.resource(&record.etag);
        if failure.is_some() {
            record.state = Provisioning::Failed;
        }
        // The record is there already; without the sessions in it a restart would not find their files.
        if let Err(error) = record.save(&self.data) {
            record.not_begun.push(format!("the local watcher cannot write below its data folder: {error}"));
        }
        state.touched(name.watcher, &record.etag);
        let of = record.running_id.clone();
        state.active.insert(name.key());
        state.captures.insert(name.key(), Entry { record, running, is_agent_gone: false });
        self.begin(request, state, name, Task::Create, of, failure, fault, Reply::json(201, &body))
    }

    pub(super) fn stop(&self, request: &Request, name: &Name, fault: Option<&Action>) -> Reply {
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some(entry) = state.captures.get_mut(&name.key()) else { return name.not_found() };
        entry.running.iter().flatten().for_each(|running| running.stop());
        let of = entry.record.running_id.clone();
        self.begin(request, state, name, Task::Stop, of, None, fault, Reply::empty(202))
    }

    pub(super) fn delete(&self, request: &Request, name: &Name, fault: Option<&Action>) -> Reply {
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some(entry) = state.captures.get_mut(&name.key()) else { return Reply::empty(204) };
        // An operation that is going to fail leaves the capture as it is.
        if !matches!(fault, Some(Action::OperationFails { .. })) {
            entry.running.iter().flatten().for_each(|running| running.stop());
            if entry.record.state != Provisioning::Deleting {
                entry.record.state = Provisioning::Deleting;
                entry.record.settled_ns = self.ready_ns(self.now());
                entry.record.etag = random::etag();
                // If this is not written, a restart lists the capture again: it can be deleted then.
                let _ = entry.record.save(&self.data);
            }
            state.active.insert(name.key());
        }
        let of = entry.record.running_id.clone();
        self.begin(request, state, name, Task::Delete, of, None, fault, Reply::empty(202))
    }

    pub(super) fn query_status(&self, request: &Request, name: &Name, fault: Option<&Action>) -> Reply {
        let mut guard = self.lock();
        let state = &mut *guard;
        let Some(entry) = state.captures.get_mut(&name.key()) else { return name.not_found() };
        entry.is_agent_gone |= fault == Some(&Action::AgentVanished);
        let body = entry.record.status(entry.is_agent_gone);
        if body["packetCaptureStatus"] != "Running" {
            return Reply::json(200, &body);
        }
        let of = entry.record.running_id.clone();
        self.begin(request, state, name, Task::QueryStatus, of, None, fault, Reply::json(202, &body))
    }

    fn start(&self, order: &Order) -> Result<Box<dyn Running>, String> {
        if let Some(folder) = order.file.parent() {
            fs::create_dir_all(folder).map_err(|error| format!("no folder for the capture file: {error}"))?;
        }
        self.engine.start(order)
    }
}

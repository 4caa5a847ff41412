//! The six operations on captures.

use std::fs;
use std::path::PathBuf;

use capkeep_watcher::{CaptureRequest, Parameters, ResourceId, TargetType, check};
use serde_json::{Value, json};

use crate::capture::Machine;

use super::Service;
use super::State;
use super::config;
use super::engine::{Order, Running};
use super::faults::Action;
use super::message::{Reply, Request};
use super::normal::normal;
use super::operations::{Operation, Place, Task, Urls};
use super::places;
use super::random;
use super::record::{Entry, Provisioning, Record, Session, stored_at};

/// Name of a machine, where its packets come from, and the number of the instance where it is one.
type Origin = (String, Machine, Option<String>);

/// Code and message of an error.
type Refusal = (&'static str, String);

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

/// A session that is going to be: the engine's view, and ours.
struct Planned {
    order: Order,
    session: Session,
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
        if let Some(entry) = state.captures.get(&name.key()) {
            let same = normal(&given.properties, entry.record.created_ns) == entry.record.parameters;
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
        let parameters = normal(&given.properties, now_ns);
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
        let storing = vec![false; running.len()];
        state.active.insert(name.key());
        state.captures.insert(name.key(), Entry { record, running, storing, is_agent_gone: false });
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

    /// Begins an operation and puts its places into the headers of the reply.
    #[expect(clippy::too_many_arguments, reason = "each is one word of what is told")]
    fn begin(
        &self,
        request: &Request,
        state: &mut State,
        name: &Name,
        task: Task,
        of: String,
        failure: Option<(String, String)>,
        fault: Option<&Action>,
        reply: Reply,
    ) -> Reply {
        let version = super::version(request);
        let now_ns = self.now();
        let failure = match fault {
            Some(Action::OperationFails { code, message }) => Some((code.clone(), message.clone())),
            _ => failure,
        };
        let operation = Operation {
            task,
            capture: name.key(),
            of,
            region: name.region.to_owned(),
            // A status is there at once.
            ready_ns: if task == Task::QueryStatus { now_ns } else { self.ready_ns(now_ns) },
            failure,
            is_endless: fault == Some(&Action::OperationNeverEnds),
            // Signatures were first seen with versions of 2024.
            signature_length: if version.as_str() >= "2024" { self.config.signature_length } else { 0 },
        };
        let id = state.operations.begin(operation.clone());
        let urls = self.urls(request, &version, now_ns);
        let mut reply = reply
            .with("retry-after", self.config.retry_after_s.to_string())
            .with("azure-asyncnotification", "Enabled");
        if task != Task::QueryStatus {
            reply = reply.with("azure-asyncoperation", urls.of(&id, &operation, Place::Status));
        }
        if task != Task::Create {
            reply = reply.with("location", urls.of(&id, &operation, Place::Result));
        }
        reply
    }

    pub(super) fn urls<'a>(&'a self, request: &Request, version: &'a str, now_ns: i64) -> Urls<'a> {
        let (subscription, signer) = (&self.config.subscription, &self.signer);
        Urls { base: request.base(), subscription, version, signer, now_ns }
    }

    /// Why there is no room for more captures, sessions, or for a second one at the same file.
    fn no_room(&self, state: &State, planned: &[Planned]) -> Option<Reply> {
        if state.captures.len() >= self.config.captures_at_most {
            let message = format!("There are {} captures already; delete some.", state.captures.len());
            return Some(Reply::error(400, "PacketCaptureCountLimitReached", &message));
        }
        let active = || state.active.iter().filter_map(|key| state.captures.get(key));
        let running = active().flat_map(|entry| &entry.running).flatten().count();
        let most = self.config.sessions_at_most;
        if running + planned.len() > most {
            let message = format!(
                "{running} sessions run, this would begin {} more, and {most} may run at once: stop some, or allow more.",
                planned.len()
            );
            return Some(Reply::error(400, "PacketCaptureSessionLimitReached", &message));
        }
        let sessions =
            || active().flat_map(|entry| &entry.record.sessions).filter(|session| session.over.is_none());
        let taken = planned.iter().find(|new| {
            sessions().any(|old| {
                let same_blob = new.session.stored.is_some() && new.session.stored == old.stored;
                old.file == new.session.file || same_blob
            })
        })?;
        let message = format!(
            "A session that runs writes to the same place already ({}). Name another file.",
            taken.session.file.display()
        );
        Some(Reply::error(409, "Conflict", &message))
    }

    /// The sessions a capture consists of.
    fn plan(&self, parameters: &Parameters, name: &Name) -> Result<Vec<Planned>, (&'static str, String)> {
        let target: ResourceId =
            parameters.target.parse().map_err(|error| ("InvalidRequestFormat", format!("{error}.")))?;
        let is_set = parameters.target_type() == Some(TargetType::ScaleSet);
        let machines = self.machines(&target, parameters, is_set)?;
        let location = &parameters.storage_location;
        let path = location.local_path.as_ref().or(location.file_path.as_ref());
        let wrong = |what: String| ("InvalidRequestFormat", format!("properties.storageLocation: {what}."));
        let capture = name.capture;
        let local = path.map(|path| places::local(path)).transpose().map_err(wrong)?;
        let url = location.storage_path.as_deref().unwrap_or_default();
        let account = location.storage_id.as_deref().and_then(|id| id.parse::<ResourceId>().ok());
        let blob = if url.is_empty() {
            None
        } else {
            let account = account.as_ref().map(ResourceId::name);
            Some(places::blob(url, account).map_err(wrong)?)
        };
        let mut folder = None;
        if let Some(blob) = &blob
            && !self.config.storage.is_empty()
        {
            let known =
                self.config.storage.iter().find(|(known, _)| known.eq_ignore_ascii_case(&blob.account));
            let Some((_, account)) = known else {
                let message = format!("There is no storage account {:?} here.", blob.account);
                return Err(("StorageAccountNotFound", message));
            };
            folder.clone_from(&account.folder);
        }
        let stored = blob.map(|blob| stored_at(folder.as_ref(), &self.data, &blob));
        Ok(machines
            .into_iter()
            .map(|(name, machine, instance)| {
                let of_machine = PathBuf::from("machines").join(&name);
                let passing = || PathBuf::from("passing").join(format!("{}_{}.cap", capture, random::guid()));
                let file = of_machine.join(local.clone().unwrap_or_else(passing));
                let stored = stored.as_ref().map(|stored| match &instance {
                    None => stored.clone(),
                    // The path of a scale set is a prefix.
                    Some(instance) => {
                        let stem = stored.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                        let of = stored.with_file_name(&stem).join("virtualMachines").join(instance);
                        of.join(format!("{stem}.cap"))
                    }
                });
                let id = &parameters.target;
                let target = instance
                    .map_or_else(|| id.clone(), |instance| format!("{id}/virtualMachines/{instance}"));
                let session = Session {
                    machine: name.clone(),
                    target,
                    file: file.clone(),
                    is_passing: local.is_none(),
                    stored,
                    ..Session::default()
                };
                let order =
                    Order { name, machine, parameters: parameters.clone(), file: self.data.join(file) };
                Planned { order, session }
            })
            .collect())
    }

    /// Machines of a target, of a scale set with the number of the instance.
    fn machines(
        &self,
        target: &ResourceId,
        parameters: &Parameters,
        is_set: bool,
    ) -> Result<Vec<Origin>, Refusal> {
        let config = &self.config;
        let machine = |name: &str| {
            let at = config.machines.get(name).cloned().unwrap_or_default();
            Machine { interface: at.interface, namespace: at.namespace }
        };
        let is_here = |name: &str, group: Option<&String>| {
            name.eq_ignore_ascii_case(target.name())
                && target.subscription.eq_ignore_ascii_case(&config.subscription)
                && config.group(group).eq_ignore_ascii_case(&target.resource_group)
        };
        let not_here = |known: Vec<&String>| {
            let message =
                format!("The target {target} is not here. In resource group and name there are: {known:?}.");
            ("TargetNotFound", message)
        };
        if !is_set {
            let found = config.machines.iter().find(|(name, at)| is_here(name, at.resource_group.as_ref()));
            let (name, _) = found.ok_or_else(|| not_here(config.machines.keys().collect()))?;
            return Ok(vec![(name.clone(), machine(name), None)]);
        }
        let found = config.scale_sets.iter().find(|(name, at)| is_here(name, at.resource_group.as_ref()));
        let (_, set) = found.ok_or_else(|| not_here(config.scale_sets.keys().collect()))?;
        let scope = parameters.scope.clone().unwrap_or_default();
        let number = |id: &String| id.rsplit('/').next().unwrap_or_default().to_owned();
        let include: Vec<String> = scope.include.iter().flatten().map(number).collect();
        let exclude: Vec<String> = scope.exclude.iter().flatten().map(number).collect();
        let numbers: Vec<String> = (0..set.machines.len()).map(|index| index.to_string()).collect();
        if let Some(unknown) = include.iter().chain(&exclude).find(|number| !numbers.contains(number)) {
            let message = format!("The scale set has no instance {unknown:?}: it has {numbers:?}.");
            return Err(("TargetNotFound", message));
        }
        let is_wanted =
            |number: &String| (include.is_empty() || include.contains(number)) && !exclude.contains(number);
        let wanted = set.machines.iter().zip(numbers).filter(|(_, number)| is_wanted(number));
        let wanted: Vec<_> =
            wanted.map(|(name, number)| (name.clone(), machine(name), Some(number))).collect();
        if wanted.is_empty() {
            return Err(("TargetNotFound", "The scope leaves no instance of the scale set.".into()));
        }
        Ok(wanted)
    }
}

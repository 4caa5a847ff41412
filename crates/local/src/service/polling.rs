//! Operations as they are answered: how one begins, and what its two places tell.

use serde_json::Value;

use super::captures::Name;
use super::faults::Action;
use super::message::{Reply, Request};
use super::operations::{self, Operation, Place, Task, Urls};
use super::{Service, State, version};

impl Service {
    pub(super) fn poll(&self, request: &Request, region: &str, id: &str, place: Place) -> Reply {
        let now_ns = self.now();
        let guard = self.lock();
        let state = &*guard;
        let Some(operation) = state.operations.get(id, region) else {
            let message = format!("The operation {id} is not known. The local watcher keeps the last 5,000.");
            return Reply::error(404, "NotFound", &message);
        };
        if let Some(refused) = operations::refuse(request, id, operation, place, &self.signer) {
            return refused;
        }
        let entry = state.captures.get(&operation.capture);
        let entry = entry.filter(|entry| entry.record.running_id == operation.of);
        let is_done = !operation.is_endless
            && now_ns >= operation.ready_ns
            && (operation.failure.is_some()
                || match operation.task {
                    Task::Create | Task::QueryStatus => true,
                    Task::Stop => entry.is_none_or(|entry| entry.record.is_over()),
                    Task::Delete => entry.is_none(),
                });
        let pause = self.config.retry_after_s.to_string();
        if place == Place::Status {
            let reply = Reply::json(200, &operations::status(operation, is_done));
            return if is_done { reply } else { reply.with("retry-after", pause) };
        }
        let version = version(request);
        let urls = self.urls(request, &version, now_ns);
        let location = urls.of(id, operation, Place::Result);
        let status = urls.of(id, operation, Place::Status);
        if !is_done {
            return Reply::empty(202)
                .with("location", location)
                .with("azure-asyncoperation", status)
                .with("retry-after", pause);
        }
        if let Some((code, message)) = &operation.failure {
            return Reply::error(500, code, message);
        }
        let gone = || Reply::error(404, "NotFound", "The capture of the operation is not there any more.");
        match (operation.task, entry) {
            (Task::Delete, _) => Reply::empty(204),
            (Task::Stop, _) => {
                Reply::json(200, &Value::Null).with("location", location).with("azure-asyncoperation", status)
            }
            (Task::Create, Some(entry)) => Reply::json(200, &entry.record.resource(&entry.record.etag)),
            (Task::QueryStatus, Some(entry)) => Reply::json(200, &entry.record.status(entry.is_agent_gone))
                .with("location", location)
                .with("azure-asyncnotification", "Enabled"),
            (_, None) => gone(),
        }
    }

    /// Begins an operation and puts its places into the headers of the reply.
    #[expect(clippy::too_many_arguments, reason = "each is one word of what is told")]
    pub(super) fn begin(
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
        let version = version(request);
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

    fn urls<'a>(&'a self, request: &Request, version: &'a str, now_ns: i64) -> Urls<'a> {
        let (subscription, signer) = (&self.config.subscription, &self.signer);
        Urls { base: request.base(), subscription, version, signer, now_ns }
    }
}

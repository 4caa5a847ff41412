//! Long-running operations and the two places they are asked after.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::message::{Reply, Request};
use super::random::{self, Signer};

/// Operations remembered (chosen: an hour of one a second and some; the oldest are forgotten).
const REMEMBERED: usize = 5_000;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    Create,
    Stop,
    Delete,
    QueryStatus,
}

/// An operation.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) task: Task,
    /// Tells its capture from a later one of the same name.
    pub(super) of: String,
    /// Key of its capture.
    pub(super) capture: String,
    pub(super) region: String,
    /// It is `InProgress` at least until then.
    pub(super) ready_ns: i64,
    /// Code and message, if it fails.
    pub(super) failure: Option<(String, String)>,
    /// A fault: it never ends.
    pub(super) is_endless: bool,
    /// Characters of its signature; 0 for none.
    pub(super) signature_length: usize,
}

/// The operations of this process.
#[derive(Default)]
pub(super) struct Operations {
    known: BTreeMap<String, Operation>,
    order: VecDeque<String>,
}

/// Which of the two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Status,
    Result,
}

impl Operations {
    pub(super) fn begin(&mut self, operation: Operation) -> String {
        let id = random::guid();
        self.order.push_back(id.clone());
        self.known.insert(id.clone(), operation);
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
        id
    }

    pub(super) fn get(&self, id: &str, region: &str) -> Option<&Operation> {
        self.known.get(&id.to_ascii_lowercase()).filter(|known| known.region.eq_ignore_ascii_case(region))
    }
}

/// What URLs of an operation are made of.
pub(super) struct Urls<'a> {
    pub(super) base: String,
    pub(super) subscription: &'a str,
    pub(super) version: &'a str,
    pub(super) signer: &'a Signer,
    pub(super) now_ns: i64,
}

impl Urls<'_> {
    /// URL of a place, absolute and, where wanted, signed.
    pub(super) fn of(&self, id: &str, operation: &Operation, place: Place) -> String {
        let Self { base, subscription, version, signer, now_ns } = self;
        let word = if place == Place::Status { "operations" } else { "operationResults" };
        let region = &operation.region;
        let url = format!(
            "{base}/subscriptions/{subscription}/providers/Microsoft.Network/locations/{region}/{word}/{id}\
             ?api-version={version}"
        );
        if operation.signature_length == 0 {
            return url;
        }
        // Ticks of 100 ns since the year 1, as in the service's URLs.
        let t = (now_ns / 100 + 621_355_968_000_000_000).to_string();
        let c = signer.filler(&format!("c/{id}"), operation.signature_length);
        let s = signer.sign(&signed(place, id, &t, &c));
        let h = signer.sign(&c);
        format!("{url}&t={t}&c={c}&s={s}&h={h}")
    }
}

fn signed(place: Place, id: &str, t: &str, c: &str) -> String {
    format!("{place:?}\n{id}\n{t}\n{c}")
}

/// What to answer a poll whose URL is not the one that was given out.
pub(super) fn refuse(
    request: &Request,
    id: &str,
    operation: &Operation,
    place: Place,
    signer: &Signer,
) -> Option<Reply> {
    if operation.signature_length == 0 {
        return None;
    }
    let part = |name: &str| request.parameter(name).unwrap_or_default();
    let (t, c) = (part("t"), part("c"));
    let is_right = signer.verify(&signed(place, &id.to_ascii_lowercase(), &t, &c), &part("s"))
        && signer.verify(&c, &part("h"));
    (!is_right).then(|| {
        let message =
            "The signature of the URL is wrong. Send back the URL of the header exactly as it came.";
        Reply::error(403, "InvalidOperationSignature", message)
    })
}

/// Body of a status.
pub(super) fn status(operation: &Operation, is_done: bool) -> Value {
    match (&operation.failure, is_done) {
        (_, false) => json!({ "status": "InProgress" }),
        (Some((code, message)), true) => {
            json!({ "status": "Failed", "error": { "code": code, "message": message, "details": [] } })
        }
        // Only a stop says that it has no properties.
        (None, true) if operation.task == Task::Stop => json!({ "status": "Succeeded", "properties": {} }),
        (None, true) => json!({ "status": "Succeeded" }),
    }
}

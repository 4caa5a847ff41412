//! The REST API of a Network Watcher, as a function of requests. Knows neither sockets nor packets: a server hands it
//! requests, an [`Engine`] captures.
//!
//! Answers are those the service was seen to give: status, headers and bodies.

mod account;
mod captures;
mod config;
mod ending;
mod engine;
mod error;
mod faults;
mod inventory;
mod login;
mod message;
mod normal;
mod operations;
mod places;
mod plan;
mod polling;
mod random;
mod record;
mod route;
mod storing;
mod time;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

pub use account::Storage;
pub use config::{Config, MachineConfig, ScaleSet, Watcher};
pub use engine::{Engine, Order, Packets, Running};
pub use error::ServiceError;
pub use faults::{Action, Fault};
pub use message::{Mishap, Reply, Request};

use captures::Name;
use inventory::Inventory;
use operations::{Operations, Place};
use random::Signer;
use record::{Entry, Record};
use route::{Below, Kind, Route, Verb};

/// Nanoseconds since the epoch.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Longest delay of a fault (chosen: longer than the time limits of common clients' reads would only be a reset).
const LONGEST_DELAY: Duration = Duration::from_mins(1);

/// A Network Watcher without a server around it.
pub struct Service {
    config: Config,
    data: PathBuf,
    token: Option<String>,
    engine: Arc<dyn Engine>,
    clock: Clock,
    signer: Signer,
    state: Mutex<State>,
    /// Held as long as the service uses its data folder.
    _lock: File,
}

#[derive(Default)]
struct State {
    /// By id in lower case.
    captures: BTreeMap<String, Entry>,
    /// Those of the captures that have sessions, are being made or deleted, or have files to be stored.
    active: BTreeSet<String>,
    /// What is still to be stored of captures that were deleted, by their running id.
    leaving: BTreeMap<String, Record>,
    /// Files that are stored right now.
    storing: BTreeSet<PathBuf>,
    operations: Operations,
    faults: Vec<Fault>,
    /// By name in lower case.
    etags: BTreeMap<String, String>,
}

impl State {
    fn watcher_etag(&self, watcher: &str) -> String {
        self.etags.get(&watcher.to_ascii_lowercase()).cloned().unwrap_or_default()
    }

    /// A watcher changes with its captures.
    fn touched(&mut self, watcher: &str, etag: &str) {
        self.etags.insert(watcher.to_ascii_lowercase(), etag.to_owned());
    }
}

impl Service {
    /// A service with what its data folder holds. Sessions that ran when the last process ended are over, and what they
    /// had captured is stored.
    ///
    /// # Errors
    ///
    /// If the configuration cannot be, or the data folder cannot be used, by this process or because another one does.
    pub fn open(
        config: Config,
        data: impl Into<PathBuf>,
        engine: Arc<dyn Engine>,
        clock: Clock,
    ) -> Result<Self, ServiceError> {
        config.check()?;
        let data = data.into();
        fs::create_dir_all(&data).map_err(ServiceError::file(&data))?;
        let data = fs::canonicalize(&data).map_err(ServiceError::file(&data))?;
        let lock = lock(&data)?;
        let mut state = State { operations: Operations::open(&data), ..State::default() };
        for (watcher, _, _) in config.all_watchers() {
            state.touched(&watcher, &random::etag());
        }
        let (token, signer, state) = (None, Signer::of(&data)?, Mutex::new(state));
        let service = Self { config, data, token, engine, clock, signer, state, _lock: lock };
        service.resume()?;
        Ok(service)
    }

    /// The same, for those only that have the token, or one given out for it.
    #[must_use]
    pub fn with_token(mut self, token: Option<String>) -> Self {
        self.token = token.filter(|token| !token.is_empty());
        self
    }

    /// The same with things that go wrong.
    #[must_use]
    pub fn with_faults(self, faults: Vec<Fault>) -> Self {
        self.lock().faults = faults;
        self
    }

    /// True if requests need a token.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Answers a request. Looks after the sessions first, as [`Service::tick`] does.
    pub fn handle(&self, request: &Request) -> Reply {
        let fault = faults::strike(&mut self.lock().faults, request);
        let reply = match &fault {
            Some(Action::Throttle { retry_after_s }) => {
                let message = "The request was throttled. Ask again after Retry-After.";
                Reply::error(429, "TooManyRequests", message).with("retry-after", retry_after_s.to_string())
            }
            Some(Action::InternalError) => Reply::error(500, "InternalServerError", "An error occurred."),
            Some(Action::Redirect { url }) => Reply::empty(307).with("location", url.clone()),
            Some(Action::Reset) => {
                Reply { mishap: Mishap { reset: true, ..Mishap::default() }, ..Reply::empty(500) }
            }
            _ => {
                self.tick();
                self.answer(request, fault.as_ref())
            }
        };
        let mut reply = labelled(reply, request);
        if let Some(Action::Delay { ms }) = fault {
            reply.mishap.delay = Duration::from_millis(ms).min(LONGEST_DELAY);
        }
        reply
    }

    fn now(&self) -> i64 {
        (self.clock)()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the state as it was between two steps, which restarts have to cope with too.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ready_ns(&self, now_ns: i64) -> i64 {
        now_ns.saturating_add_unsigned(self.config.operation_ms.saturating_mul(1_000_000))
    }

    fn watcher_id(&self, group: &str, watcher: &str) -> String {
        let subscription = &self.config.subscription;
        format!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network/networkWatchers/{watcher}"
        )
    }

    fn answer(&self, request: &Request, fault: Option<&Action>) -> Reply {
        if self.token.is_none()
            && let Some(refused) = login::refuse_strangers(request)
        {
            return refused;
        }
        let base = request.base();
        let route = route::route(request);
        match &route {
            Some(Route::Metadata) => return login::metadata(&base, &self.config),
            Some(Route::OpenId { tenant }) => return login::openid(&base, tenant),
            Some(Route::Token { tenant }) => {
                return login::token(request, tenant, self.token.as_deref(), &self.signer, self.now());
            }
            _ => {}
        }
        if let Some(refused) = login::refuse(request, self.token.as_deref(), &self.signer, self.now()) {
            return refused;
        }
        let is_get = request.method.eq_ignore_ascii_case("GET");
        match route {
            Some(Route::Tenants | Route::Subscriptions) if !is_get => no_method(request),
            Some(Route::Tenants) => {
                let tenant = &self.config.tenant;
                let one = json!({
                    "id": format!("/tenants/{tenant}"),
                    "tenantId": tenant,
                    "displayName": "Local",
                    "defaultDomain": "localhost",
                    "tenantCategory": "Home",
                });
                Reply::json(200, &json!({ "value": [one] }))
            }
            Some(Route::Subscriptions) => Reply::json(200, &json!({ "value": [self.subscription()] })),
            Some(Route::In { subscription, rest }) => {
                let version = request.parameter("api-version").unwrap_or_default();
                // It is repeated in headers, so it has to be something that can stand there.
                let is_plain = version.len() <= 40
                    && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
                if version.is_empty() || !is_plain {
                    let message =
                        "The api-version query parameter (?api-version=) is required for all requests.";
                    return Reply::error(400, "MissingApiVersionParameter", message);
                }
                if !subscription.eq_ignore_ascii_case(&self.config.subscription) {
                    let message = format!(
                        "The subscription '{subscription}' could not be found. There is '{}' here.",
                        self.config.subscription
                    );
                    return Reply::error(404, "SubscriptionNotFound", &message);
                }
                self.below(request, rest, fault)
            }
            _ => Reply::error(404, "NotFound", &format!("There is nothing at {}.", request.path)),
        }
    }

    fn below(&self, request: &Request, rest: Below, fault: Option<&Action>) -> Reply {
        let is_get = request.method.eq_ignore_ascii_case("GET");
        match rest {
            Below::Capture { group, watcher, name, verb } => {
                let Some((watcher, region, group)) = self.watcher(&group, &watcher) else {
                    return not_there("Microsoft.Network/networkWatchers", &watcher, &group);
                };
                let id = format!("{}/packetCaptures/{name}", self.watcher_id(&group, &watcher));
                let name = Name { watcher: &watcher, region: &region, capture: &name, id };
                match (request.method.to_ascii_uppercase().as_str(), verb) {
                    ("GET", Verb::Itself) => self.get(&name),
                    ("PUT", Verb::Itself) => self.create(request, &name, fault),
                    ("DELETE", Verb::Itself) => self.delete(request, &name, fault),
                    ("POST", Verb::Stop) => self.stop(request, &name, fault),
                    ("POST", Verb::QueryStatus) => self.query_status(request, &name, fault),
                    _ => no_method(request),
                }
            }
            _ if !is_get => self.put_agent(request, &rest).unwrap_or_else(|| no_method(request)),
            Below::Captures { group, watcher } => match self.watcher(&group, &watcher) {
                Some((watcher, _, group)) => self.list(request, &group, &watcher),
                None => not_there("Microsoft.Network/networkWatchers", &watcher, &group),
            },
            Below::Operation { region, id } => self.poll(request, &region, &id, Place::Status),
            Below::OperationResult { region, id } => self.poll(request, &region, &id, Place::Result),
            Below::Subscription => Reply::json(200, &self.subscription()),
            Below::Groups => {
                let all: Vec<Value> = self.groups().iter().map(|name| self.group(name)).collect();
                Reply::json(200, &json!({ "value": all }))
            }
            Below::Group(name) => {
                let groups = self.groups();
                let found = groups.iter().find(|group| group.eq_ignore_ascii_case(&name));
                found.map_or_else(
                    || {
                        let message = format!("Resource group '{name}' could not be found.");
                        Reply::error(404, "ResourceGroupNotFound", &message)
                    },
                    |name| Reply::json(200, &self.group(name)),
                )
            }
            Below::List { group, kind } => {
                let all = self.inventory(kind, fault).into_iter();
                let is_in = |of: &String| group.as_ref().is_none_or(|group| group.eq_ignore_ascii_case(of));
                let value: Vec<Value> = all.filter(|(of, _)| is_in(of)).map(|(_, value)| value).collect();
                Reply::json(200, &json!({ "value": value }))
            }
            Below::One { group, kind, name } => match self.find(kind, &group, &name, fault) {
                Some(value) => Reply::json(200, &value),
                None => not_there(type_of(kind), &name, &group),
            },
            Below::View { group, name } => match self.find(Kind::Machine, &group, &name, fault) {
                Some(_) => Reply::json(200, &inventory::view(is_agent_gone(fault))),
                None => not_there(type_of(Kind::Machine), &name, &group),
            },
            Below::AllPermissions => Reply::json(200, &everything_allowed()),
            Below::Permissions { group, kind, name } => match self.find(kind, &group, &name, fault) {
                Some(_) => Reply::json(200, &everything_allowed()),
                None => not_there(type_of(kind), &name, &group),
            },
            Below::Children { group, kind, name, child, of } => {
                let inventory =
                    Inventory { config: &self.config, data: &self.data, is_agent_gone: is_agent_gone(fault) };
                let parent = self.find(kind, &group, &name, fault);
                parent
                    .and_then(|parent| inventory.children(&parent, kind, child, of.as_deref()))
                    .unwrap_or_else(|| not_there(type_of(kind), &name, &group))
            }
        }
    }

    /// The agent is there already, so installing it succeeds at once.
    fn put_agent(&self, request: &Request, rest: &Below) -> Option<Reply> {
        let Below::Children { group, kind: Kind::Machine, name, child: route::Child::Extension, of: Some(_) } =
            rest
        else {
            return None;
        };
        if !request.method.eq_ignore_ascii_case("PUT") {
            return None;
        }
        let inventory = Inventory { config: &self.config, data: &self.data, is_agent_gone: false };
        let parent = self.find(Kind::Machine, group, name, None)?;
        let all = inventory.children(&parent, Kind::Machine, route::Child::Extension, None)?;
        let all: Value = serde_json::from_slice(&all.body).ok()?;
        Some(Reply::json(200, &all["value"][0]))
    }

    /// Name, region and group of a watcher, as configured.
    fn watcher(&self, group: &str, name: &str) -> Option<(String, String, String)> {
        let mut all = self.config.all_watchers().into_iter();
        all.find(|(known, _, of)| known.eq_ignore_ascii_case(name) && of.eq_ignore_ascii_case(group))
    }

    fn inventory(&self, kind: Kind, fault: Option<&Action>) -> Vec<(String, Value)> {
        let state = self.lock();
        let inventory =
            Inventory { config: &self.config, data: &self.data, is_agent_gone: is_agent_gone(fault) };
        let of = |watcher: &str| {
            let active = state.active.iter().filter_map(|key| state.captures.get(key));
            let here = active.filter(|entry| entry.record.watcher == watcher && !entry.record.is_over());
            (state.watcher_etag(watcher), here.map(|entry| entry.record.running_id.clone()).collect())
        };
        inventory.all(kind, &of)
    }

    fn find(&self, kind: Kind, group: &str, name: &str, fault: Option<&Action>) -> Option<Value> {
        // With no account configured every name is one.
        if kind == Kind::Storage
            && self.config.storage.is_empty()
            && config::is_name(name)
            && config::is_name(group)
        {
            let inventory = Inventory { config: &self.config, data: &self.data, is_agent_gone: false };
            return Some(inventory.account(name, group, &self.config.region(None)));
        }
        let mut all = self.inventory(kind, fault).into_iter();
        let is_it = |of: &String, value: &Value| {
            of.eq_ignore_ascii_case(group)
                && value["name"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name))
        };
        all.find(|(of, value)| is_it(of, value)).map(|(_, value)| value)
    }

    fn subscription(&self) -> Value {
        let Config { subscription, tenant, .. } = &self.config;
        json!({
            "id": format!("/subscriptions/{subscription}"),
            "subscriptionId": subscription,
            "tenantId": tenant,
            "displayName": "Local",
            "state": "Enabled",
            "subscriptionPolicies": {},
            "authorizationSource": "RoleBased",
            "managedByTenants": [],
        })
    }

    fn groups(&self) -> BTreeSet<String> {
        let all = [Kind::Watcher, Kind::Machine, Kind::ScaleSet, Kind::Storage];
        let used = all.into_iter().flat_map(|kind| self.inventory(kind, None)).map(|(group, _)| group);
        used.chain([self.config.resource_group.clone()]).collect()
    }

    fn group(&self, name: &str) -> Value {
        json!({
            "id": format!("/subscriptions/{}/resourceGroups/{name}", self.config.subscription),
            "name": name,
            "type": "Microsoft.Resources/resourceGroups",
            "location": self.config.region(None),
            "properties": { "provisioningState": "Succeeded" },
        })
    }
}

/// Two processes with the same captures would undo each other's work.
fn lock(data: &Path) -> Result<File, ServiceError> {
    let path = data.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(ServiceError::file(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ServiceError::Taken { path: data.to_owned() }),
        Err(TryLockError::Error(error)) => Err(ServiceError::file(path)(error)),
    }
}

/// Whoever gets this far may do everything.
fn everything_allowed() -> Value {
    json!({ "value": [{ "actions": ["*"], "notActions": [] }] })
}

fn is_agent_gone(fault: Option<&Action>) -> bool {
    fault == Some(&Action::AgentVanished)
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Watcher => "Microsoft.Network/networkWatchers",
        Kind::Machine => "Microsoft.Compute/virtualMachines",
        Kind::ScaleSet => "Microsoft.Compute/virtualMachineScaleSets",
        Kind::Storage => "Microsoft.Storage/storageAccounts",
    }
}

fn not_there(kind: &str, name: &str, group: &str) -> Reply {
    let message = format!("The Resource '{kind}/{name}' under resource group '{group}' was not found.");
    Reply::error(404, "ResourceNotFound", &message)
}

fn no_method(request: &Request) -> Reply {
    let message = format!("{} is not possible at {}.", request.method, request.path);
    Reply::error(405, "MethodNotAllowed", &message)
}

/// The api-version a request names; checked already.
fn version(request: &Request) -> String {
    request.parameter("api-version").unwrap_or_default()
}

/// Headers every answer has.
fn labelled(reply: Reply, request: &Request) -> Reply {
    let id = random::guid();
    // What the service was seen to start from. There is no limit here to come near to.
    let is_write =
        request.method.eq_ignore_ascii_case("PUT") || request.path.to_ascii_lowercase().ends_with("/stop");
    let (name, left) = if request.method.eq_ignore_ascii_case("DELETE") {
        ("x-ms-ratelimit-remaining-subscription-deletes", "14999")
    } else if is_write {
        ("x-ms-ratelimit-remaining-subscription-writes", "1199")
    } else {
        ("x-ms-ratelimit-remaining-subscription-reads", "11999")
    };
    let mut reply =
        reply.with("x-ms-request-id", id.clone()).with("x-ms-correlation-request-id", id).with(name, left);
    if reply.header("cache-control").is_none() {
        reply = reply.with("cache-control", "no-cache");
    }
    reply
}

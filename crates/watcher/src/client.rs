//! The client: one method per operation.

use std::sync::Arc;
use std::time::Duration;

use azure_core::http::policies::{Policy, auth::BearerTokenAuthorizationPolicy};
use azure_core::http::{ClientOptions, ExponentialRetryOptions, Method, Pipeline, RetryOptions};
use serde_json::Value;

use crate::cloud::Cloud;
use crate::credential::{Login, ServicePrincipal};
use crate::error::{Error, Result};
use crate::guard::{Guard, PlainToken};
use crate::id::ResourceId;
use crate::model::{Capture, CaptureRequest, CaptureStatus};
use crate::operation::{DEFAULT_PAUSE, Place, Reply, Rules, Step, json, refused, senseless};
use crate::poll::Operation;
use crate::resources::{Extension, Machine, Permission, StorageAccount, Watcher};
use crate::rules::{check, is_answer_to};
use crate::wire::{Wire, is_loopback, transport, typed};

/// Newest version of the specification: of `networkWatcher.json`.
pub const API_VERSION: &str = "2026-03-01";

/// Versions of the other providers that are asked (chosen: generally available, known to every cloud).
const COMPUTE_VERSION: &str = "2024-07-01";
const STORAGE_VERSION: &str = "2023-05-01";
const AUTHORIZATION_VERSION: &str = "2022-04-01";

/// How to reach the service.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which cloud.
    pub cloud: Cloud,
    /// How to log in.
    pub login: Login,
    /// What [`Login::Chain`] tries first.
    pub principal: Option<ServicePrincipal>,
    /// Certificate to trust besides the system's, in PEM.
    pub certificate: Option<Vec<u8>>,
    /// Version of the packetCaptures API.
    pub api_version: String,
    /// How long a call is retried after 429, 5xx and lost connections. Chosen: 90 s, a little more than the minute after
    /// which Azure Resource Manager has refilled a bucket.
    pub retry_for: Duration,
    /// Time between two polls of an operation where the service names none.
    pub pause: Duration,
}

impl Settings {
    /// The usual ones for a cloud.
    pub fn new(cloud: Cloud) -> Self {
        Self {
            cloud,
            login: Login::default(),
            principal: None,
            certificate: None,
            api_version: API_VERSION.to_owned(),
            retry_for: Duration::from_secs(90),
            pause: DEFAULT_PAUSE,
        }
    }
}

/// Talks to Azure Resource Manager, or to what speaks like it.
#[derive(Clone, Debug)]
pub struct Client {
    wire: Wire,
    api_version: Arc<str>,
    pause: Duration,
}

impl Client {
    /// A client. Nothing is sent before the first call.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] and [`Error::NoToken`].
    pub fn new(settings: Settings) -> Result<Self> {
        let Settings { cloud, login, principal, certificate, api_version, retry_for, pause } = settings;
        if !cloud.endpoint.username().is_empty() || cloud.endpoint.password().is_some() {
            return Err(Error::Setting("an address with a user or a password in it is not taken".into()));
        }
        let transport = transport(certificate.as_deref())?;
        let is_plain = cloud.endpoint.scheme() == "http";
        if is_plain && !is_loopback(&cloud.endpoint) {
            return Err(Error::Setting(format!(
                "{} is not https: a token would be sent for all to read",
                cloud.endpoint
            )));
        }
        let mut per_try: Vec<Arc<dyn Policy>> = vec![Arc::new(Guard::new(&cloud.endpoint, retry_for))];
        match login {
            Login::Token(token) if is_plain => per_try.push(Arc::new(PlainToken(token))),
            _ if is_plain => {}
            login => {
                if let Some(credential) = login.credential(&cloud.authority, &transport, principal)? {
                    let scopes = [cloud.scope.as_str()];
                    per_try.push(Arc::new(BearerTokenAuthorizationPolicy::new(credential, scopes)));
                }
            }
        }
        let retry = ExponentialRetryOptions {
            initial_delay: azure_core::time::Duration::milliseconds(400),
            max_retries: 8,
            max_total_elapsed: azure_core::time::Duration::try_from(retry_for).unwrap_or_default(),
            max_delay: azure_core::time::Duration::seconds(20),
        };
        let options = ClientOptions {
            transport: Some(transport),
            retry: RetryOptions::exponential(retry),
            ..ClientOptions::default()
        };
        let (name, version) = (Some(env!("CARGO_PKG_NAME")), Some(env!("CARGO_PKG_VERSION")));
        let pipeline = Pipeline::new(name, version, options, Vec::new(), per_try, None);
        let wire = Wire::new(pipeline, cloud.endpoint, retry_for);
        Ok(Self { wire, api_version: api_version.into(), pause })
    }

    /// The captures of a watcher, over all pages.
    ///
    /// # Errors
    ///
    /// As every call: [`Error::NoToken`], [`Error::Service`], [`Error::Transport`], [`Error::Elsewhere`],
    /// [`Error::Unexpected`].
    pub async fn captures(&self, watcher: &ResourceId) -> Result<Vec<Capture>> {
        self.wire.pages(&format!("{watcher}/packetCaptures"), &self.api_version).await
    }

    /// One capture.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn capture(&self, capture: &ResourceId) -> Result<Capture> {
        self.wire.get(&capture.to_string(), &self.api_version).await
    }

    /// Creates a capture and begins its session.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if it breaks a rule (nothing is sent then), and as every call.
    pub async fn create(&self, capture: &ResourceId, request: &CaptureRequest) -> Result<Operation> {
        let problems = check(request);
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        let url = self.wire.url(&capture.to_string(), &self.api_version)?;
        let reply = self.wire.send(Method::Put, url, Some(request)).await?;
        if is_second(&reply, 409)
            && let Ok(made) = self.capture(capture).await
            && is_answer_to(request, &made.properties.parameters)
        {
            return Ok(self.goes_on(
                capture,
                true,
                Step::Ask { at: Place::Resource, pause: Duration::ZERO, status: "Accepted".into() },
            ));
        }
        self.operation(capture, true, &reply)
    }

    /// Status of a session.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn status(&self, capture: &ResourceId) -> Result<CaptureStatus> {
        let url = self.wire.url(&format!("{capture}/queryStatus"), &self.api_version)?;
        let reply = self.wire.send(Method::Post, url, None::<&()>).await?;
        match reply.status {
            // A running session answers 202 with the whole status; waiting for the operation behind it would tell the
            // same later.
            200 | 202 => {}
            _ => return Err(refused(&reply)),
        }
        if let Some(body) = json(&reply)?
            && (reply.status == 200 || body.get("packetCaptureStatus").is_some())
        {
            return typed(body, &reply);
        }
        let mut operation = self.operation(capture, false, &reply)?;
        match operation.finish(self.wire.budget).await? {
            Some(body) => typed(body, &reply),
            None => Err(senseless(&reply, "no status")),
        }
    }

    /// Ends a session. Its file is kept.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn stop(&self, capture: &ResourceId) -> Result<Operation> {
        let reply = self.bare(Method::Post, &format!("{capture}/stop")).await?;
        self.operation(capture, false, &reply)
    }

    /// Deletes a capture. Its file is kept.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn delete(&self, capture: &ResourceId) -> Result<Operation> {
        let reply = self.bare(Method::Delete, &capture.to_string()).await?;
        if is_second(&reply, 404) {
            return Ok(self.goes_on(capture, false, Step::Done(None)));
        }
        self.operation(capture, false, &reply)
    }

    /// The network watchers of a subscription.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn watchers(&self, subscription: &str) -> Result<Vec<Watcher>> {
        let path = format!("/subscriptions/{subscription}/providers/Microsoft.Network/networkWatchers");
        self.wire.pages(&path, &self.api_version).await
    }

    /// The virtual machines of a subscription.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn machines(&self, subscription: &str) -> Result<Vec<Machine>> {
        let path = format!("/subscriptions/{subscription}/providers/Microsoft.Compute/virtualMachines");
        self.wire.pages(&path, COMPUTE_VERSION).await
    }

    /// The scale sets of a subscription.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn scale_sets(&self, subscription: &str) -> Result<Vec<Machine>> {
        let path =
            format!("/subscriptions/{subscription}/providers/Microsoft.Compute/virtualMachineScaleSets");
        self.wire.pages(&path, COMPUTE_VERSION).await
    }

    /// A virtual machine or a scale set.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn machine(&self, id: &ResourceId) -> Result<Machine> {
        self.wire.get(&id.to_string(), COMPUTE_VERSION).await
    }

    /// Whether a virtual machine runs: `running`, `deallocated`, …; `None` where nobody says.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn power_state(&self, machine: &ResourceId) -> Result<Option<String>> {
        let view: Value = self.wire.get(&format!("{machine}/instanceView"), COMPUTE_VERSION).await?;
        let states = view.get("statuses").and_then(Value::as_array).into_iter().flatten();
        let codes = states.filter_map(|state| state.get("code").and_then(Value::as_str));
        Ok(codes.filter_map(|code| code.strip_prefix("PowerState/")).next_back().map(str::to_owned))
    }

    /// Those of some actions that the caller may not do with a resource.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn missing_permissions<'a>(
        &self,
        id: &ResourceId,
        actions: &[&'a str],
    ) -> Result<Vec<&'a str>> {
        self.missing(&id.to_string(), actions).await
    }

    /// Those of some actions that the caller may not do everywhere in a subscription. Lists hold only what their reader
    /// may read, and do not say so.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn missing_permissions_in<'a>(
        &self,
        subscription: &str,
        actions: &[&'a str],
    ) -> Result<Vec<&'a str>> {
        self.missing(&format!("/subscriptions/{subscription}"), actions).await
    }

    /// The extensions of a virtual machine, the agent among them.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn extensions(&self, machine: &ResourceId) -> Result<Vec<Extension>> {
        self.wire.pages(&format!("{machine}/extensions"), COMPUTE_VERSION).await
    }

    /// Installs the agent on a virtual machine.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn install_agent(&self, machine: &Machine) -> Result<Operation> {
        let id: ResourceId = machine.id.parse().map_err(|error| Error::Setting(format!("{error}")))?;
        let extension = Extension::agent(machine);
        let id = id.child("extensions", &extension.name);
        let url = self.wire.url(&id.to_string(), COMPUTE_VERSION)?;
        let reply = self.wire.send(Method::Put, url, Some(&extension)).await?;
        let mut operation = self.operation(&id, true, &reply)?;
        operation.version = COMPUTE_VERSION.into();
        Ok(operation)
    }

    /// The storage accounts of a subscription.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn storage_accounts(&self, subscription: &str) -> Result<Vec<StorageAccount>> {
        let path = format!("/subscriptions/{subscription}/providers/Microsoft.Storage/storageAccounts");
        self.wire.pages(&path, STORAGE_VERSION).await
    }

    /// Subscriptions the credential sees: id and name.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn subscriptions(&self) -> Result<Vec<(String, String)>> {
        let found: Vec<Value> = self.wire.pages("/subscriptions", "2022-12-01").await?;
        let text =
            |item: &Value, key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(found.iter().map(|item| (text(item, "subscriptionId"), text(item, "displayName"))).collect())
    }

    async fn missing<'a>(&self, scope: &str, actions: &[&'a str]) -> Result<Vec<&'a str>> {
        let path = format!("{scope}/providers/Microsoft.Authorization/permissions");
        let granted: Vec<Permission> = self.wire.pages(&path, AUTHORIZATION_VERSION).await?;
        let is_granted = |action: &&&str| granted.iter().any(|permission| permission.allows(action));
        Ok(actions.iter().filter(|action| !is_granted(action)).copied().collect())
    }

    async fn bare(&self, method: Method, path: &str) -> Result<Reply> {
        self.wire.send(method, self.wire.url(path, &self.api_version)?, None::<&()>).await
    }

    fn operation(&self, id: &ResourceId, ends_with_resource: bool, reply: &Reply) -> Result<Operation> {
        let mut operation = self.goes_on(id, ends_with_resource, Step::Done(None));
        operation.step = operation.rules.begin(reply)?;
        Ok(operation)
    }

    fn goes_on(&self, id: &ResourceId, ends_with_resource: bool, step: Step) -> Operation {
        let rules = Rules::new(ends_with_resource, self.pause);
        let version = self.api_version.as_ref().into();
        Operation { wire: self.wire.clone(), id: id.to_string(), version, rules, step }
    }
}

/// True if a call that was sent twice met what it had done itself: the answer to the first try was lost, or an error of
/// the service hid that it was taken.
fn is_second(reply: &Reply, status: u16) -> bool {
    reply.status == status && reply.tries > 1
}

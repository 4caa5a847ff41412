//! The client: one method per operation.

use std::sync::Arc;
use std::time::Duration;

use azure_core::http::headers::{HeaderName, Headers};
use azure_core::http::policies::{Policy, auth::BearerTokenAuthorizationPolicy};
use azure_core::http::{
    ClientOptions, Context, ExponentialRetryOptions, Method, Pipeline, PipelineStreamOptions, Request,
    RetryOptions, Transport,
};
use futures_util::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::cloud::Cloud;
use crate::credential::{Login, ServicePrincipal};
use crate::error::{Error, Result};
use crate::guard::{Guard, PlainToken};
use crate::id::ResourceId;
use crate::model::{Capture, CaptureRequest, CaptureStatus, Page};
use crate::operation::{DEFAULT_PAUSE, Place, Reply, Rules, Step, json, pause, refused, senseless};
use crate::resources::{Extension, Machine, Permission, StorageAccount, Watcher};
use crate::rules::check;

/// Newest version of the specification: of `networkWatcher.json`.
pub const API_VERSION: &str = "2026-03-01";

/// Versions of the other providers that are asked (chosen: generally available, known to every cloud).
const COMPUTE_VERSION: &str = "2024-07-01";
const STORAGE_VERSION: &str = "2023-05-01";
const AUTHORIZATION_VERSION: &str = "2022-04-01";

/// Largest answer that is read (chosen: a list of 10,000 captures has about 15 MB).
const MOST_BYTES: usize = 64 << 20;

/// Most pages of a list (chosen: a service that never ends its list is broken or hostile).
const MOST_PAGES: usize = 10_000;

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
    pipeline: Pipeline,
    endpoint: Url,
    api_version: Arc<str>,
    budget: Duration,
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
        let transport = transport(certificate.as_deref())?;
        let is_plain = cloud.endpoint.scheme() == "http";
        if is_plain && !is_loopback(&cloud.endpoint) {
            return Err(Error::Setting(format!(
                "{} is not https: a token would be sent for all to read",
                cloud.endpoint
            )));
        }
        let mut per_try: Vec<Arc<dyn Policy>> = vec![Arc::new(Guard::new(&cloud.endpoint))];
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
        let budget = retry_for;
        Ok(Self { pipeline, endpoint: cloud.endpoint, api_version: api_version.into(), budget, pause })
    }

    /// The captures of a watcher, over all pages.
    ///
    /// # Errors
    ///
    /// As every call: [`Error::NoToken`], [`Error::Service`], [`Error::Transport`], [`Error::Elsewhere`],
    /// [`Error::Unexpected`].
    pub async fn captures(&self, watcher: &ResourceId) -> Result<Vec<Capture>> {
        self.pages(&format!("{watcher}/packetCaptures"), &self.api_version).await
    }

    /// One capture.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn capture(&self, capture: &ResourceId) -> Result<Capture> {
        self.get(&capture.to_string(), &self.api_version).await
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
        self.begin(Method::Put, capture, "", Some(request), true).await
    }

    /// Status of a session.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn status(&self, capture: &ResourceId) -> Result<CaptureStatus> {
        let url = self.url(&format!("{capture}/queryStatus"), &self.api_version)?;
        let reply = self.send(Method::Post, url, None::<&()>).await?;
        match reply.status {
            // A running session answers 202 with the whole status; waiting for the operation behind it would tell the
            // same later.
            200 | 202 => {}
            _ => return Err(refused(&reply)),
        }
        if let Some(body) = json(&reply)? {
            return typed(body, &reply);
        }
        let mut operation = self.operation(capture, false, &reply)?;
        match operation.finish(self.budget).await? {
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
        self.begin(Method::Post, capture, "/stop", None::<&()>, false).await
    }

    /// Deletes a capture. Its file is kept.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn delete(&self, capture: &ResourceId) -> Result<Operation> {
        self.begin(Method::Delete, capture, "", None::<&()>, false).await
    }

    /// The network watchers of a subscription.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn watchers(&self, subscription: &str) -> Result<Vec<Watcher>> {
        let path = format!("/subscriptions/{subscription}/providers/Microsoft.Network/networkWatchers");
        self.pages(&path, &self.api_version).await
    }

    /// The virtual machines of a subscription.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn machines(&self, subscription: &str) -> Result<Vec<Machine>> {
        let path = format!("/subscriptions/{subscription}/providers/Microsoft.Compute/virtualMachines");
        self.pages(&path, COMPUTE_VERSION).await
    }

    /// The scale sets of a subscription.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn scale_sets(&self, subscription: &str) -> Result<Vec<Machine>> {
        let path =
            format!("/subscriptions/{subscription}/providers/Microsoft.Compute/virtualMachineScaleSets");
        self.pages(&path, COMPUTE_VERSION).await
    }

    /// A virtual machine or a scale set.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn machine(&self, id: &ResourceId) -> Result<Machine> {
        self.get(&id.to_string(), COMPUTE_VERSION).await
    }

    /// Whether a virtual machine runs: `running`, `deallocated`, …; `None` where nobody says.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn power_state(&self, machine: &ResourceId) -> Result<Option<String>> {
        let view: Value = self.get(&format!("{machine}/instanceView"), COMPUTE_VERSION).await?;
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
        let path = format!("{id}/providers/Microsoft.Authorization/permissions");
        let granted: Vec<Permission> = self.pages(&path, AUTHORIZATION_VERSION).await?;
        let is_granted = |action: &&&str| granted.iter().any(|permission| permission.allows(action));
        Ok(actions.iter().filter(|action| !is_granted(action)).copied().collect())
    }

    /// The extensions of a virtual machine, the agent among them.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn extensions(&self, machine: &ResourceId) -> Result<Vec<Extension>> {
        let page: Page<Extension> = self.get(&format!("{machine}/extensions"), COMPUTE_VERSION).await?;
        Ok(page.value)
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
        let url = self.url(&id.to_string(), COMPUTE_VERSION)?;
        let reply = self.send(Method::Put, url, Some(&extension)).await?;
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
        self.pages(&path, STORAGE_VERSION).await
    }

    /// Subscriptions the credential sees: id and name.
    ///
    /// # Errors
    ///
    /// As every call.
    pub async fn subscriptions(&self) -> Result<Vec<(String, String)>> {
        let found: Vec<Value> = self.pages("/subscriptions", "2022-12-01").await?;
        let text =
            |item: &Value, key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(found.iter().map(|item| (text(item, "subscriptionId"), text(item, "displayName"))).collect())
    }

    async fn begin(
        &self,
        method: Method,
        id: &ResourceId,
        action: &str,
        body: Option<&impl Serialize>,
        ends_with_resource: bool,
    ) -> Result<Operation> {
        let url = self.url(&format!("{id}{action}"), &self.api_version)?;
        let reply = self.send(method, url, body).await?;
        self.operation(id, ends_with_resource, &reply)
    }

    fn operation(&self, id: &ResourceId, ends_with_resource: bool, reply: &Reply) -> Result<Operation> {
        let mut rules = Rules::new(ends_with_resource, self.pause);
        let step = rules.begin(reply)?;
        let (client, id, version) = (self.clone(), id.to_string(), self.api_version.as_ref().into());
        Ok(Operation { client, id, version, rules, step })
    }

    fn url(&self, path: &str, version: &str) -> Result<Url> {
        let mut url = self.endpoint.clone();
        {
            let mut segments =
                url.path_segments_mut().map_err(|()| Error::Setting("the endpoint has no path".into()))?;
            segments.pop_if_empty();
            // A name with `/`, `?` or `..` stays a name: each is one encoded segment.
            for segment in path.split('/').filter(|segment| !segment.is_empty()) {
                if matches!(segment, "." | "..") {
                    return Err(Error::Setting(format!("{segment:?} is not a name")));
                }
                segments.push(segment);
            }
        }
        url.query_pairs_mut().append_pair("api-version", version);
        Ok(url)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, version: &str) -> Result<T> {
        self.fetch(self.url(path, version)?).await
    }

    async fn fetch<T: DeserializeOwned>(&self, url: Url) -> Result<T> {
        let reply = self.send(Method::Get, url, None::<&()>).await?;
        if reply.status != 200 {
            return Err(refused(&reply));
        }
        match json(&reply)? {
            Some(body) => typed(body, &reply),
            None => Err(senseless(&reply, "an empty body")),
        }
    }

    async fn pages<T: DeserializeOwned>(&self, path: &str, version: &str) -> Result<Vec<T>> {
        let mut all = Vec::new();
        let mut next = Some(self.url(path, version)?);
        for _ in 0..MOST_PAGES {
            let Some(url) = next else { return Ok(all) };
            let page: Page<T> = self.fetch(url).await?;
            all.extend(page.value);
            let link = page.next_link.filter(|link| !link.is_empty());
            next = link.map(|link| self.same_origin("nextLink", &link)).transpose()?;
        }
        Err(Error::Setting(format!("a list of more than {MOST_PAGES} pages")))
    }

    /// An address the service gave, if it is one of its own.
    fn same_origin(&self, what: &'static str, text: &str) -> Result<Url> {
        let url = self
            .endpoint
            .join(text)
            .map_err(|_| Error::Unexpected { status: 200, what: format!("a {what} that is no address") })?;
        if url.origin() == self.endpoint.origin() {
            return Ok(url);
        }
        Err(Error::Elsewhere { what, host: host(&url), expected: host(&self.endpoint) })
    }

    /// Sends a request and reads the answer, whatever its status.
    async fn send(&self, method: Method, url: Url, body: Option<&impl Serialize>) -> Result<Reply> {
        let budget = self.budget.saturating_add(Duration::from_mins(2));
        match tokio::time::timeout(budget, self.send_once(method, url, body)).await {
            Ok(reply) => reply,
            Err(_) => Err(Error::Transport {
                host: host(&self.endpoint),
                reason: format!("nothing useful within {} s", budget.as_secs()),
            }),
        }
    }

    async fn send_once(&self, method: Method, url: Url, body: Option<&impl Serialize>) -> Result<Reply> {
        let at = host(&url);
        let failed = |error: azure_core::Error| crate::guard::told(&at, &error);
        let mut request = Request::new(url, method);
        request.insert_header("accept", "application/json");
        if let Some(body) = body {
            let text = serde_json::to_vec(body).map_err(|error| Error::Setting(error.to_string()))?;
            request.insert_header("content-type", "application/json");
            request.set_body(text);
        } else if method != Method::Get {
            request.insert_header("content-length", "0");
        }
        let options = PipelineStreamOptions { skip_checks: true, ..PipelineStreamOptions::default() };
        let context = Context::new();
        let answer = self.pipeline.stream(&context, &mut request, Some(options)).await.map_err(failed)?;
        let (status, headers, mut stream) = answer.deconstruct();
        let header =
            |name: &'static str| headers.get_optional_str(&HeaderName::from_static(name)).map(str::to_owned);
        let mut reply = Reply {
            status: status.into(),
            async_operation: header("azure-asyncoperation"),
            location: header("location"),
            retry_after: retry_after(&headers),
            request_id: header("x-ms-request-id"),
            body: Vec::new(),
        };
        if (300..400).contains(&reply.status) {
            let url = reply.location.as_deref().unwrap_or_default();
            self.same_origin("a redirect", url)?;
            return Err(senseless(&reply, "a redirect"));
        }
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(failed)?;
            if reply.body.len() + piece.len() > MOST_BYTES {
                return Err(senseless(&reply, "a body of more than 64 MiB"));
            }
            reply.body.extend_from_slice(&piece);
        }
        Ok(reply)
    }
}

fn typed<T: DeserializeOwned>(body: Value, reply: &Reply) -> Result<T> {
    serde_json::from_value(body)
        .map_err(|error| senseless(reply, &format!("a body of another shape ({error})")))
}

fn retry_after(headers: &Headers) -> Option<Duration> {
    let text = headers.get_optional_str(&HeaderName::from_static("retry-after"))?;
    pause(text, jiff::Timestamp::now().as_second())
}

pub(crate) fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or("nowhere");
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// As the official crates make theirs: no redirects, a deadline for connecting and one for silence.
fn transport(certificate: Option<&[u8]>) -> Result<Transport> {
    let wrong = |error: reqwest::Error| Error::Setting(format!("the certificate to trust: {error}"));
    let mut builder = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(20))
        .read_timeout(Duration::from_mins(1))
        .redirect(reqwest::redirect::Policy::none());
    if let Some(pem) = certificate {
        let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(wrong)?;
        // These alone: whoever names a certificate talks to a service of his own.
        builder = builder.tls_certs_only(certificates);
    }
    Ok(Transport::new(Arc::new(builder.build().map_err(wrong)?)))
}

/// An operation that goes on. Dropping it leaves it as it is.
#[derive(Debug)]
pub struct Operation {
    client: Client,
    id: String,
    version: String,
    rules: Rules,
    step: Step,
}

/// Where an operation stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// It goes on; the service's word for it, and how long until it is asked again.
    Going(String, Duration),
    /// It is done.
    Done(Option<Value>),
}

impl Operation {
    /// Where it stands, without asking.
    pub fn progress(&self) -> Progress {
        match &self.step {
            Step::Ask { status, pause, .. } => Progress::Going(status.clone(), *pause),
            Step::Done(body) => Progress::Done(body.clone()),
        }
    }

    /// Waits the pause and asks once.
    ///
    /// # Errors
    ///
    /// [`Error::Operation`] if it failed, and as every call.
    pub async fn next(&mut self) -> Result<Progress> {
        if let Step::Ask { at, pause, .. } = &self.step {
            let at = at.clone();
            tokio::time::sleep(*pause).await;
            let url = match &at {
                Place::Status(text) => self.client.same_origin("Azure-AsyncOperation", text)?,
                Place::Result(text) => self.client.same_origin("Location", text)?,
                Place::Resource => self.client.url(&self.id, &self.version)?,
            };
            let reply = self.client.send(Method::Get, url, None::<&()>).await?;
            self.step = self.rules.next(&at, &reply)?;
        }
        Ok(self.progress())
    }

    /// Waits until it is done, at most so long.
    ///
    /// # Errors
    ///
    /// [`Error::Deadline`], and as [`Operation::next`].
    pub async fn finish(&mut self, deadline: Duration) -> Result<Option<Value>> {
        let all = async {
            loop {
                if let Progress::Done(body) = self.progress() {
                    return Ok(body);
                }
                self.next().await?;
            }
        };
        tokio::time::timeout(deadline, all).await.unwrap_or(Err(Error::Deadline { waited: deadline }))
    }
}

//! An account of Azure, or of what speaks like it.

mod content;
mod convert;
mod credential;
mod exact;
mod failure;
mod gate;
mod guard;
mod shared_key;
mod store;
mod tls;
mod upload;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use azure_core::http::headers::Headers;
use azure_core::http::policies::{Policy, auth::BearerTokenAuthorizationPolicy};
use azure_core::http::{
    ClientMethodOptions, ClientOptions, Context, ExponentialRetryOptions, Pipeline, RetryOptions,
};
use azure_storage_blob::{
    BlobClient, BlobClientOptions, BlobContainerClient, BlobContainerClientOptions, BlobServiceClient,
    BlobServiceClientOptions,
};
use url::Url;

use self::credential::checked_key;
pub use self::credential::{ConnectionString, Credential};
use self::gate::{Gate, transport};
use self::guard::{Guard, Tries};
use self::shared_key::SharedKey;
use crate::blob::BlobName;
use crate::encoding::{container_url, url_of};
use crate::error::{Error, Result};
use crate::location::{Location, host_of};

/// How long a call may take besides its retries (chosen: a block of an upload over a slow line fits, a listing that drips
/// in does not go on for ever).
const PATIENCE: Duration = Duration::from_mins(5);

/// How to talk to an account.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Version of the REST API (`x-ms-version`); the SDK's if none is named.
    pub api_version: Option<String>,
    /// Certificate to trust, in PEM, instead of the system's.
    pub certificate: Option<Vec<u8>>,
    /// How long a call is retried after 429, 5xx and lost connections. Chosen: 60 s, the SDK's.
    pub retry_for: Duration,
    /// How long nothing may come before a call is given up. Chosen: 60 s, the SDK's.
    pub silence: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let minute = Duration::from_mins(1);
        Self { api_version: None, certificate: None, retry_for: minute, silence: minute }
    }
}

/// Asks an account.
#[derive(Debug)]
pub(crate) struct AzureStore {
    account: String,
    base: Url,
    host: String,
    options: ClientOptions,
    version: String,
    /// For what the SDK has no call for.
    pipeline: Pipeline,
    settings: Settings,
    versions: Versions,
}

/// Whether the account keeps versions, as far as an answer to a write told: a blob that was written gets a version id
/// where versions are kept, and only there.
#[derive(Debug, Default)]
struct Versions(AtomicU8);

impl Versions {
    fn note(&self, headers: &Headers) {
        let is_kept = convert::header(headers, "x-ms-version-id").is_some();
        self.0.store(if is_kept { 2 } else { 1 }, Ordering::Relaxed);
    }

    fn are_kept(&self) -> Option<bool> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            told => Some(told == 2),
        }
    }
}

impl AzureStore {
    /// Nothing is sent before the first call.
    pub(crate) fn open(at: &Location, credential: Credential, settings: &Settings) -> Result<Self> {
        let Some(base) = at.account_url().cloned() else {
            return Err(Error::Setting(format!("{at} is no account")));
        };
        let credential = match (credential, at.sas()) {
            (Credential::Nobody, Some(sas)) => Credential::Sas(sas.clone()),
            (credential, _) => credential,
        };
        let mut per_try: Vec<Arc<dyn Policy>> = vec![Arc::new(Guard { patience: settings.retry_for })];
        let mut sas = None;
        match credential {
            Credential::Nobody => {}
            Credential::Sas(text) => sas = Some(checked_sas(text.secret())?),
            Credential::Key { account, key } => {
                let key = checked_key(key.secret())?;
                per_try.push(Arc::new(SharedKey { account, key }));
            }
            Credential::Token { credential, scope } => {
                if base.scheme() != "https" {
                    return Err(Error::Setting(format!(
                        "{at} is not https: a token would be sent for all to read"
                    )));
                }
                per_try.push(Arc::new(BearerTokenAuthorizationPolicy::new(credential, vec![scope])));
            }
        }
        let gate = Gate::new(&base, sas, settings.certificate.as_deref(), settings.silence)?;
        let retry = if settings.retry_for.is_zero() {
            RetryOptions::none()
        } else {
            RetryOptions::exponential(ExponentialRetryOptions {
                initial_delay: azure_core::time::Duration::milliseconds(200),
                max_retries: 8,
                max_total_elapsed: azure_core::time::Duration::try_from(settings.retry_for)
                    .unwrap_or_default(),
                max_delay: azure_core::time::Duration::seconds(20),
            })
        };
        let options = ClientOptions {
            transport: Some(transport(gate)),
            retry,
            per_try_policies: per_try,
            ..ClientOptions::default()
        };
        let (name, number) = (Some(env!("CARGO_PKG_NAME")), Some(env!("CARGO_PKG_VERSION")));
        let pipeline = Pipeline::new(name, number, options.clone(), Vec::new(), Vec::new(), None);
        let version = settings.api_version.clone().unwrap_or_else(|| BlobClientOptions::default().version);
        let host = host_of(&base);
        let (settings, versions) = (settings.clone(), Versions::default());
        Ok(Self { account: at.account(), base, host, options, version, pipeline, settings, versions })
    }

    fn service(&self) -> Result<BlobServiceClient> {
        let options =
            BlobServiceClientOptions { client_options: self.options.clone(), version: self.version.clone() };
        BlobServiceClient::new(self.base.clone(), None, Some(options)).map_err(|error| self.told("", &error))
    }

    fn container(&self, container: &str) -> Result<BlobContainerClient> {
        // The SDK's own way of appending a name drops tabs and takes `..` for a step.
        let url = container_url(&self.base, container).ok_or_else(|| missing(container))?;
        let options = BlobContainerClientOptions {
            client_options: self.options.clone(),
            version: self.version.clone(),
        };
        BlobContainerClient::new(url, None, Some(options)).map_err(|error| self.told(container, &error))
    }

    fn blob(&self, name: &BlobName) -> Result<BlobClient> {
        let options =
            BlobClientOptions { client_options: self.options.clone(), version: self.version.clone() };
        BlobClient::new(self.url_of(name)?, None, Some(options))
            .map_err(|error| self.told(&shown(name), &error))
    }

    fn url_of(&self, name: &BlobName) -> Result<Url> {
        url_of(&self.base, &name.container, &name.name).ok_or_else(|| missing(&shown(name)))
    }

    fn told(&self, what: &str, error: &azure_core::Error) -> Error {
        failure::told(what, &self.host, error)
    }

    /// Waits for a call, but not for ever.
    async fn call<T>(&self, what: &str, call: impl Future<Output = azure_core::Result<T>>) -> Result<T> {
        let most = self.settings.retry_for.saturating_add(PATIENCE);
        match tokio::time::timeout(most, call).await {
            Ok(answer) => answer.map_err(|error| self.told(what, &error)),
            Err(_) => Err(Error::Transport {
                host: self.host.clone(),
                reason: format!("nothing useful within {} s", most.as_secs()),
            }),
        }
    }
}

/// Options of a call whose tries are counted.
fn counted(tries: &Tries) -> ClientMethodOptions<'static> {
    ClientMethodOptions { context: Context::new().with_value(tries.clone()) }
}

/// A name as it is told: on one line, whatever is in it.
pub(crate) fn shown(name: &BlobName) -> String {
    let text = name.to_string();
    if text.contains(char::is_control) { text.escape_debug().to_string() } else { text }
}

fn missing(what: &str) -> Error {
    Error::Missing { what: what.to_owned(), code: "InvalidUri".into() }
}

fn checked_sas(text: &str) -> Result<azure_core::credentials::Secret> {
    let text = text.trim().trim_start_matches('?');
    let is_sas = text.split('&').any(|pair| pair.starts_with("sig="));
    if !is_sas || text.contains(|c: char| c.is_control() || c == '#' || c == ' ') {
        return Err(Error::Setting("the signature (SAS) is not sv=…&sig=…".into()));
    }
    Ok(azure_core::credentials::Secret::new(text.to_owned()))
}

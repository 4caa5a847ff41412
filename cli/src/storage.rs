//! Storage accounts: who asks, and the stores that were opened.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use capkeep_storage::{ConnectionString, Credential, Location, Store};
use capkeep_watcher::Secret;
use clap::ValueEnum;
use serde_json::Value;
use url::Url;

use crate::azure::Azure;
use crate::failure::hinted;

/// Ends of the hosts that are Azure's: only there (and where Azure Resource Manager says that an account is) a token is
/// sent. Source: `az cloud list`, and Microsoft's page on zones of Azure DNS.
const AZURE_HOSTS: &[&str] = &[
    ".blob.core.windows.net",
    ".blob.core.usgovcloudapi.net",
    ".blob.core.chinacloudapi.cn",
    ".blob.storage.azure.net",
];

/// What a token for storage is asked for. Source: Microsoft's page "Authorize access to blobs using Microsoft Entra ID".
const SCOPE: &str = "https://storage.azure.com/.default";

/// How to log in at storage accounts.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Storage")]
pub(crate) struct Storage {
    /// How to log in at storage accounts; a signature (SAS) in a URL comes before all
    ///
    /// auto takes what fits the account, first of: `AZURE_STORAGE_CONNECTION_STRING`, `AZURE_STORAGE_ACCOUNT` with
    /// `AZURE_STORAGE_KEY`, `AZURE_STORAGE_ACCOUNT` with `AZURE_STORAGE_SAS_TOKEN`, and the login of --login. A token is sent to
    /// hosts of Azure only, and to where Azure Resource Manager says that an account is; with token to every host.
    #[arg(long, value_name = "HOW", default_value = "auto", env = "CAPKEEP_STORAGE_LOGIN")]
    storage_login: How,
}

/// How to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum How {
    /// What fits the account
    Auto,
    /// The token of --login, for every host
    Token,
    /// Nobody: for what is public
    None,
}

/// Stores, each opened once.
#[derive(Debug)]
pub(crate) struct Stores<'a> {
    azure: &'a Azure,
    how: How,
    opened: Mutex<HashMap<String, Arc<dyn Store>>>,
}

impl Storage {
    /// No store is opened yet.
    pub(crate) fn stores<'a>(&self, azure: &'a Azure) -> Stores<'a> {
        Stores { azure, how: self.storage_login, opened: Mutex::default() }
    }
}

impl Stores<'_> {
    /// The store at a location. `is_told` is true where Azure Resource Manager told the address.
    pub(crate) fn open(&self, at: &Location, is_told: bool) -> anyhow::Result<Arc<dyn Store>> {
        let base = at.account_url().map_or_else(|| format!("{:?}", at.folder()), Url::to_string);
        let signature = at.sas().map(|sas| sas.secret().to_owned()).unwrap_or_default();
        let key = format!("{base} {signature}");
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = opened.get(&key) {
            return Ok(Arc::clone(store));
        }
        let credential = self.credential(at, is_told)?;
        let settings =
            capkeep_storage::Settings { certificate: self.azure.certificate()?, ..Default::default() };
        let store = capkeep_storage::open(at, credential, &settings)?;
        opened.insert(key, Arc::clone(&store));
        Ok(store)
    }

    fn credential(&self, at: &Location, is_told: bool) -> anyhow::Result<Credential> {
        let Some(url) = at.account_url() else { return Ok(Credential::Nobody) };
        if let Some(sas) = at.sas() {
            return Ok(Credential::Sas(sas.clone()));
        }
        match self.how {
            How::None => return Ok(Credential::Nobody),
            How::Token => return self.token(),
            How::Auto => {}
        }
        if let Some(text) = variable("AZURE_STORAGE_CONNECTION_STRING") {
            let known = ConnectionString::parse(&text)?;
            if known.location().account_url() == Some(url) {
                return Ok(known.credential().clone());
            }
        }
        let account = at.account();
        if variable("AZURE_STORAGE_ACCOUNT").is_some_and(|named| named.eq_ignore_ascii_case(&account)) {
            if let Some(key) = variable("AZURE_STORAGE_KEY") {
                return Ok(Credential::Key { account, key: Secret::new(key) });
            }
            if let Some(sas) = variable("AZURE_STORAGE_SAS_TOKEN") {
                return Ok(Credential::Sas(Secret::new(sas.trim_start_matches('?').to_owned())));
            }
        }
        let is_azure = url.scheme() == "https"
            && url.host_str().is_some_and(|host| AZURE_HOSTS.iter().any(|end| host.ends_with(end)));
        if url.scheme() == "https" && (is_azure || is_told) { self.token() } else { Ok(Credential::Nobody) }
    }

    fn token(&self) -> anyhow::Result<Credential> {
        Ok(match self.azure.credential()? {
            Some(credential) => Credential::Token { credential, scope: SCOPE.to_owned() },
            None => Credential::Nobody,
        })
    }
}

/// Where an account is, as Azure Resource Manager tells it; nothing for an account without blobs.
pub(crate) fn endpoint(azure: &Azure, properties: &Value) -> anyhow::Result<Option<Location>> {
    let Some(text) = properties.pointer("/primaryEndpoints/blob").and_then(Value::as_str) else {
        return Ok(None);
    };
    let at = Location::parse(text).map_err(told)?;
    if at.folder().is_some() && !azure.is_on_this_machine() {
        return Err(hinted(
            format!("the service says that an account is the folder {at}"),
            "folders are followed only if the service runs on this machine",
        ));
    }
    Ok(Some(at))
}

/// An environment variable that is set to something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// An error of a store, with what can be done about it.
pub(crate) fn told(error: capkeep_storage::Error) -> anyhow::Error {
    use capkeep_storage::Error;
    let hint = match &error {
        Error::Denied { .. } => {
            "you need Storage Blob Data Reader on the account (`az role assignment create`), a SAS in the URL, or the account's key: \
             `capkeep fetch --help` tells how"
        }
        Error::NoToken(_) => {
            "log in with `az login`, or set AZURE_STORAGE_CONNECTION_STRING, or use a URL with a SAS"
        }
        Error::Transport { .. } => {
            "is the address right, and does the account's firewall let you in? a certificate of your own is named with --ca"
        }
        Error::Location { .. } => {
            "https://ACCOUNT.blob.core.windows.net/CONTAINER/NAME, or file:///FOLDER//CONTAINER/NAME"
        }
        Error::Missing { code, .. } if code == "ContainerNotFound" => "is the container's name right?",
        _ => return anyhow::Error::new(error),
    };
    hinted(error.to_string(), hint)
}

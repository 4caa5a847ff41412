//! Which Azure, as whom, and what in it: the options that commands about captures share.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use capkeep_watcher::{
    API_VERSION, Capture, Client, Cloud, Error, Login, Machine, ResourceId, Secret, ServicePrincipal,
    Settings, TokenCredential, Watcher, check_name,
};
use clap::ValueEnum;
use futures_util::{StreamExt, TryStreamExt};
use url::{Host, Url};

use crate::failure::hinted;

/// Calls at a time (chosen: Azure Resource Manager refills its buckets at 25 a second per subscription).
pub(crate) const AT_ONCE: usize = 24;

/// Where captures are, and who asks.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Which Azure")]
pub(crate) struct Azure {
    /// Subscription, by its id [default: the only one there is]
    #[arg(long, value_name = "ID", env = "AZURE_SUBSCRIPTION_ID", hide_env_values = true)]
    subscription: Option<String>,

    /// Region, such as westeurope [default: all that have a network watcher]
    #[arg(long, short, value_name = "REGION")]
    location: Option<String>,

    /// Network watcher, by its name [default: the one of the region]
    #[arg(long, value_name = "NAME")]
    watcher: Option<String>,

    /// Cloud: `AzureCloud`, `AzureUSGovernment` or `AzureChinaCloud`
    #[arg(long, value_name = "NAME", default_value = "AzureCloud", env = "CAPKEEP_CLOUD")]
    cloud: String,

    /// Address of Azure Resource Manager, or of what speaks like it, instead of a cloud's
    #[arg(long, value_name = "URL", env = "CAPKEEP_ENDPOINT")]
    endpoint: Option<Url>,

    /// Address of the login that belongs to --endpoint [default: that of the cloud]
    #[arg(long, value_name = "URL", env = "AZURE_AUTHORITY_HOST")]
    authority: Option<Url>,

    /// Certificate in PEM that --endpoint is trusted by, instead of those of the system
    #[arg(long, value_name = "FILE", env = "CAPKEEP_CA")]
    ca: Option<PathBuf>,

    /// How to log in; a token in `CAPKEEP_TOKEN` comes before all
    #[arg(long, value_name = "HOW", default_value = "auto", env = "CAPKEEP_LOGIN")]
    login: How,

    /// Version of the packetCaptures API
    #[arg(long, value_name = "DATE", default_value = API_VERSION)]
    api_version: String,
}

/// How to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum How {
    /// What works first of: the secret in `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET`, a workload
    /// identity, the Azure CLI, a managed identity
    Auto,
    /// What `az login` left
    Cli,
    /// The secret in `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET`
    Secret,
    /// The identity of this virtual machine; its client id may stand in `AZURE_CLIENT_ID`
    ManagedIdentity,
    /// The identity of this Kubernetes pod
    WorkloadIdentity,
    /// Nobody: for a service on this machine that asks for no token
    None,
}

/// A connection: a client and the subscription it works in.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) subscription: String,
    location: Option<String>,
    watcher: Option<String>,
}

/// A client, and all that is meant where nothing is left out.
#[derive(Debug)]
pub(crate) struct Everywhere {
    pub(crate) client: Client,
    /// Ids of subscriptions: the one that was named, or all that can be seen.
    pub(crate) subscriptions: Vec<String>,
    /// The region or watcher that was named: what is listed then is not all there is.
    pub(crate) only: Option<String>,
    location: Option<String>,
    watcher: Option<String>,
}

impl Everywhere {
    /// True for a watcher that is meant.
    pub(crate) fn means(&self, watcher: &Watcher) -> bool {
        self.location.as_ref().is_none_or(|location| same_region(&watcher.location, location))
            && self.watcher.as_ref().is_none_or(|name| watcher.name.eq_ignore_ascii_case(name))
    }
}

/// Runs what waits for the network.
pub(crate) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot wait for the network")?.block_on(work)
}

impl Azure {
    /// Connects: the first call is for the subscription, unless it was named.
    pub(crate) async fn connect(&self) -> anyhow::Result<Connection> {
        let client = Client::new(self.settings()?).map_err(told)?;
        let subscription = match &self.subscription {
            Some(id) => id.clone(),
            None => only_subscription(&client).await?,
        };
        Ok(Connection {
            client,
            subscription,
            location: self.location.clone(),
            watcher: self.watcher.clone(),
        })
    }

    /// Connects without choosing a subscription.
    pub(crate) async fn connect_everywhere(&self) -> anyhow::Result<Everywhere> {
        let client = Client::new(self.settings()?).map_err(told)?;
        let subscriptions = match &self.subscription {
            Some(id) => vec![id.clone()],
            None => client.subscriptions().await.map_err(told)?.into_iter().map(|(id, _)| id).collect(),
        };
        let only = self.location.clone().or_else(|| self.watcher.clone());
        let (location, watcher) = (self.location.clone(), self.watcher.clone());
        Ok(Everywhere { client, subscriptions, only, location, watcher })
    }

    /// What gives tokens for other services than Azure Resource Manager; `None` where nobody logs in.
    pub(crate) fn credential(&self) -> anyhow::Result<Option<Arc<dyn TokenCredential>>> {
        self.settings()?.credential().map_err(told)
    }

    /// The certificate that is trusted besides those of the system, in PEM.
    pub(crate) fn certificate(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let read =
            |path: &PathBuf| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
        self.ca.as_ref().map(read).transpose()
    }

    /// True if the service runs on this machine.
    pub(crate) fn is_on_this_machine(&self) -> bool {
        self.endpoint.as_ref().and_then(Url::host).is_some_and(|host| match host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        })
    }

    fn settings(&self) -> anyhow::Result<Settings> {
        let named = Cloud::named(&self.cloud).ok_or_else(|| {
            hinted(
                format!("no cloud is named {:?}", self.cloud),
                format!("known: {}", Cloud::names().collect::<Vec<_>>().join(", ")),
            )
        })?;
        let authority = self.authority.clone().unwrap_or_else(|| named.authority.clone());
        let cloud = match &self.endpoint {
            Some(endpoint) => Cloud::at(endpoint.clone(), authority),
            None => Cloud { authority, ..named },
        };
        let mut settings = Settings::new(cloud);
        let principal = principal();
        settings.login = match (token(), self.login) {
            (Some(token), _) => Login::Token(token),
            (None, How::Auto) => Login::Chain,
            (None, How::Cli) => Login::Cli,
            (None, How::Secret) => Login::ClientSecret(principal.clone().ok_or_else(|| {
                hinted(
                    "no secret to log in with",
                    "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET",
                )
            })?),
            (None, How::ManagedIdentity) => Login::ManagedIdentity(std::env::var("AZURE_CLIENT_ID").ok()),
            (None, How::WorkloadIdentity) => Login::WorkloadIdentity,
            (None, How::None) => Login::Nobody,
        };
        settings.principal = principal;
        settings.api_version.clone_from(&self.api_version);
        settings.certificate = self.certificate()?;
        Ok(settings)
    }
}

fn token() -> Option<Secret> {
    std::env::var("CAPKEEP_TOKEN").ok().filter(|text| !text.is_empty()).map(Secret::new)
}

fn principal() -> Option<ServicePrincipal> {
    let value = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let (tenant, client) = (value("AZURE_TENANT_ID")?, value("AZURE_CLIENT_ID")?);
    Some(ServicePrincipal { tenant, client, secret: Secret::new(value("AZURE_CLIENT_SECRET")?) })
}

async fn only_subscription(client: &Client) -> anyhow::Result<String> {
    let found = client.subscriptions().await.map_err(told)?;
    match &found[..] {
        [(id, _)] => Ok(id.clone()),
        [] => Err(hinted(
            "you see no subscription",
            "log in as somebody who does, or name one: --subscription ID",
        )),
        many => {
            let lines: Vec<String> =
                many.iter().map(|(id, name)| format!("--subscription {id}   {name}")).collect();
            Err(hinted(format!("you see {} subscriptions; name one", many.len()), lines.join("\n")))
        }
    }
}

impl Connection {
    /// The network watchers that are meant.
    pub(crate) async fn watchers(&self) -> anyhow::Result<Vec<Watcher>> {
        let mut found = self.client.watchers(&self.subscription).await.map_err(told)?;
        let regions: Vec<String> = found.iter().map(|watcher| watcher.location.clone()).collect();
        if let Some(location) = &self.location {
            found.retain(|watcher| same_region(&watcher.location, location));
        }
        if let Some(name) = &self.watcher {
            found.retain(|watcher| watcher.name.eq_ignore_ascii_case(name));
        }
        if found.is_empty() {
            let hint = if regions.is_empty() {
                "make one: az network watcher configure --locations REGION --enabled true -g NetworkWatcherRG"
                    .to_owned()
            } else {
                format!("there are watchers in: {}", regions.join(", "))
            };
            let of = self.location.as_ref().or(self.watcher.as_ref());
            let of = of.map(|name| format!(" {name:?}")).unwrap_or_default();
            return Err(hinted(
                format!("no network watcher{of} in subscription {}", self.subscription),
                hint,
            ));
        }
        Ok(found)
    }

    /// The watcher of a region.
    pub(crate) async fn watcher_of(&self, region: &str) -> anyhow::Result<ResourceId> {
        let mut found = self.watchers().await?;
        found.retain(|watcher| same_region(&watcher.location, region));
        match &found[..] {
            [one] => id(&one.id),
            [] => Err(hinted(
                format!("no network watcher in {region}, where the machine is"),
                format!(
                    "make one: az network watcher configure --locations {region} --enabled true -g NetworkWatcherRG"
                ),
            )),
            many => {
                let names: Vec<String> =
                    many.iter().map(|watcher| format!("--watcher {}", watcher.name)).collect();
                Err(hinted(
                    format!("{region} has {} network watchers; name one", many.len()),
                    names.join("\n"),
                ))
            }
        }
    }

    /// The captures of all watchers that are meant.
    pub(crate) async fn captures(&self) -> anyhow::Result<Vec<Capture>> {
        let watchers = self.watchers().await?;
        let lists = futures_util::stream::iter(watchers.into_iter().map(|watcher| async move {
            let watcher = id(&watcher.id)?;
            self.client.captures(&watcher).await.map_err(told)
        }));
        let lists: Vec<Vec<Capture>> = lists.buffered(AT_ONCE).try_collect().await?;
        Ok(lists.into_iter().flatten().collect())
    }

    /// Id of a capture by its name or id.
    pub(crate) async fn capture(&self, name: &str) -> anyhow::Result<ResourceId> {
        if name.starts_with('/') {
            let id = id(name)?;
            if !id.is("Microsoft.Network/networkWatchers/packetCaptures") {
                return Err(hinted(
                    format!("{name} is not the id of a capture"),
                    "`capkeep capture list` shows them",
                ));
            }
            return Ok(id);
        }
        if let Some(problem) = check_name(name) {
            return Err(hinted(problem.rule, "`capkeep capture list` shows those there are"));
        }
        if let [watcher] = &self.watchers().await?[..] {
            return Ok(id(&watcher.id)?.child("packetCaptures", name));
        }
        let mut found = self.captures().await?;
        found.retain(|capture| capture.name.eq_ignore_ascii_case(name));
        match &found[..] {
            [one] => id(&one.id),
            [] => Err(hinted(
                format!("no capture is named {name:?} in subscription {}", self.subscription),
                "`capkeep capture list` shows those there are",
            )),
            many => {
                let ids: Vec<&str> = many.iter().map(|capture| capture.id.as_str()).collect();
                Err(hinted(
                    format!("{} captures are named {name:?}; name one by its id", many.len()),
                    ids.join("\n"),
                ))
            }
        }
    }

    /// A machine (`kind` `virtualMachines`) or scale set by its name or id.
    pub(crate) async fn machine(&self, name: &str, is_set: bool) -> anyhow::Result<Machine> {
        let (kind, what) = if is_set {
            ("Microsoft.Compute/virtualMachineScaleSets", "scale set")
        } else {
            ("Microsoft.Compute/virtualMachines", "virtual machine")
        };
        if name.starts_with('/') {
            let id = id(name)?;
            if !id.is(kind) {
                return Err(hinted(
                    format!("{name} is not the id of a {what}"),
                    format!("it is …/providers/{kind}/NAME"),
                ));
            }
            return self.client.machine(&id).await.map_err(told);
        }
        let all = if is_set {
            self.client.scale_sets(&self.subscription).await
        } else {
            self.client.machines(&self.subscription).await
        };
        let all = all.map_err(told)?;
        let found: Vec<&Machine> =
            all.iter().filter(|machine| machine.name.eq_ignore_ascii_case(name)).collect();
        match &found[..] {
            [one] => Ok((*one).clone()),
            [] => {
                let near = nearest(name, all.iter().map(|machine| machine.name.as_str()));
                let hint = near.map_or_else(
                    || "`capkeep vm list` shows those there are".to_owned(),
                    |near| format!("did you mean {near}?"),
                );
                Err(hinted(
                    format!("no {what} is named {name:?} in subscription {}", self.subscription),
                    hint,
                ))
            }
            many => {
                let ids: Vec<&str> = many.iter().map(|machine| machine.id.as_str()).collect();
                Err(hinted(
                    format!("{} machines are named {name:?}; name one by its id", many.len()),
                    ids.join("\n"),
                ))
            }
        }
    }
}

/// An id the service gave or a person typed.
pub(crate) fn id(text: &str) -> anyhow::Result<ResourceId> {
    text.parse().map_err(|error| {
        hinted(format!("{error}"), "an id is /subscriptions/ID/resourceGroups/GROUP/providers/…")
    })
}

/// Regions are written `westeurope` and `West Europe`.
pub(crate) fn same_region(a: &str, b: &str) -> bool {
    let plain = |text: &str| text.to_ascii_lowercase().replace(' ', "");
    plain(a) == plain(b)
}

/// The name that is most like what was typed, if one is.
fn nearest<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_ascii_lowercase();
    // Two edits, as clap is for its words.
    names
        .map(|name| (strsim::osa_distance(&typed, &name.to_ascii_lowercase()), name))
        .filter(|(far, _)| *far <= 2)
        .min()
        .map(|(_, name)| name)
}

/// An error of the client, with what can be done about it.
pub(crate) fn told(error: Error) -> anyhow::Error {
    if let Some((name, watcher)) = lost_capture(&error) {
        let hint = "`capkeep capture list` shows those there are";
        return hinted(format!("{watcher} has no capture named {name:?}"), hint);
    }
    let hint = match (&error, error.status(), error.code()) {
        (Error::NoToken(_), ..) => {
            "log in with `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or put a token into CAPKEEP_TOKEN"
        }
        (Error::Transport { .. }, ..) => {
            "is the address right, and does a firewall let it through? a certificate of your own is named with --ca"
        }
        (Error::Deadline { .. }, ..) => "`capkeep capture status NAME` tells how it goes on",
        (_, Some(401), _) => {
            "the token is not taken: log in again (`az login`), and look whether --cloud is right"
        }
        (_, Some(403), _) => {
            "you lack a permission: Network Contributor on the network watcher has all that captures need"
        }
        (_, Some(404), "SubscriptionNotFound" | "InvalidSubscriptionId") => {
            "`az account list` shows the subscriptions you see"
        }
        (_, Some(404), _) => {
            "`capkeep capture list` shows the captures there are, `capkeep vm list` the machines"
        }
        (_, Some(409), _) => {
            "the name is taken, or something else works on it right now: `capkeep capture list`"
        }
        (_, Some(429), _) => "the service asks to wait; a minute is mostly enough",
        _ => return anyhow::Error::new(error),
    };
    hinted(error.to_string(), hint)
}

/// Name and watcher of the capture that an error says is not there.
fn lost_capture(error: &Error) -> Option<(String, String)> {
    let Error::Service { status: 404, detail, .. } = error else { return None };
    // "Resource /subscriptions/… not found."
    let text = detail.message.strip_prefix("Resource ")?.strip_suffix(" not found.")?;
    let id: ResourceId = text.parse().ok()?;
    Some((id.name_of("packetCaptures")?.to_owned(), id.name_of("networkWatchers")?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_nearly_right_is_found() {
        assert_eq!(nearest("wbe1", ["web1", "db1"].into_iter()), Some("web1"));
        assert_eq!(nearest("Web1", ["web1"].into_iter()), Some("web1"));
        assert_eq!(nearest("mail", ["web1", "db1"].into_iter()), None);
    }

    #[test]
    fn regions_are_the_same_however_they_are_written() {
        assert!(same_region("West Europe", "westeurope") && !same_region("westeurope", "northeurope"));
    }
}

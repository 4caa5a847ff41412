//! What the service stands for: a subscription with machines, scale sets and storage accounts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use capkeep_storage::Location;
use serde::Deserialize;

use super::account::Storage;
use super::error::ServiceError;

/// What the service stands for.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Id of the subscription.
    pub subscription: String,
    /// Id of the tenant.
    pub tenant: String,
    /// Resource group of machines and accounts that name none.
    pub resource_group: String,
    /// Regions, each with a watcher; the first is that of machines that name none.
    pub regions: Vec<String>,
    /// Watchers, by name, that are not `NetworkWatcher_{region}` in `NetworkWatcherRG`.
    pub watchers: BTreeMap<String, Watcher>,
    /// Machines by name.
    pub machines: BTreeMap<String, MachineConfig>,
    /// Scale sets by name.
    pub scale_sets: BTreeMap<String, ScaleSet>,
    /// Storage accounts by name. Where there is none, every name is taken as an account.
    pub storage: BTreeMap<String, Storage>,
    /// Sessions that may run at once. Chosen: 16, each has a thread and a socket buffer.
    pub sessions_at_most: usize,
    /// Captures that may exist: 10,000, as in the service.
    pub captures_at_most: usize,
    /// Milliseconds an operation is `InProgress` at least. Chosen: 1,000, so that clients meet what they meet in the
    /// cloud.
    pub operation_ms: u64,
    /// Seconds of `Retry-After`. Chosen: 1; the service says 10, and with 0 the Azure CLI waits 30.
    pub retry_after_s: u64,
    /// Captures on a page of a list; all on one where it is 0, as in the service.
    pub page_size: usize,
    /// Characters of the longest parameter of signed poll URLs, from api-version 2024 on; 0 signs none. 2,700 were seen.
    pub signature_length: usize,
}

/// A watcher whose name or group is not the usual.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watcher {
    /// Its region.
    pub region: String,
    /// Its resource group.
    pub resource_group: String,
}

/// Where the packets of a machine come from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MachineConfig {
    /// Network interface; all of them where absent.
    pub interface: Option<String>,
    /// Network namespace by name; that of this process where absent.
    pub namespace: Option<String>,
    /// Resource group.
    pub resource_group: Option<String>,
    /// Region.
    pub region: Option<String>,
}

/// A scale set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScaleSet {
    /// Names of the machines that are its instances 0, 1, 2, …
    pub machines: Vec<String>,
    /// Resource group.
    pub resource_group: Option<String>,
    /// Region.
    pub region: Option<String>,
}

/// Where a configuration cannot be read. What stands there may be a secret, and is not told.
fn unreadable(text: &str, error: &toml::de::Error) -> ServiceError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let message = error.message().lines().next().unwrap_or_default();
    // Messages quote what was found instead of what was wanted.
    let quoted =
        message.split_once(": ").filter(|(what, _)| ["invalid type", "invalid value"].contains(what));
    let what = match quoted {
        Some((_, rest)) => format!("a value of another type{}", wanted(rest)),
        None => message.to_owned(),
    };
    ServiceError::Config { line: before.lines().count().max(1), what }
}

/// ", expected a string".
fn wanted(text: &str) -> String {
    text.rsplit_once(", expected ").map_or_else(String::new, |(_, wanted)| format!(", expected {wanted}"))
}

impl Default for Config {
    /// One region, and nothing in it. Ids are chosen to be told from real ones at a glance.
    fn default() -> Self {
        Self {
            subscription: "11111111-1111-1111-1111-111111111111".into(),
            tenant: "22222222-2222-2222-2222-222222222222".into(),
            resource_group: "rg".into(),
            regions: vec!["westeurope".into()],
            watchers: BTreeMap::new(),
            machines: BTreeMap::new(),
            scale_sets: BTreeMap::new(),
            storage: BTreeMap::new(),
            sessions_at_most: 16,
            captures_at_most: 10_000,
            operation_ms: 1_000,
            retry_after_s: 1,
            page_size: 0,
            signature_length: 2_700,
        }
    }
}

impl Config {
    /// What a configuration file says. Environment variables it names are looked up with `variable`.
    ///
    /// # Errors
    ///
    /// If it is not TOML, has fields nobody knows, or values that cannot be.
    pub fn from_toml(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, ServiceError> {
        let mut config: Self = toml::from_str(text).map_err(|error| unreadable(text, &error))?;
        for (name, account) in &mut config.storage {
            account.resolve(name, &variable)?;
        }
        config.check()?;
        Ok(config)
    }

    /// What stands where no file is given: this machine, by the name of its host, and the storage account `local`.
    pub fn this_machine(host: &str) -> Self {
        let plain: String = host.chars().filter(|c| is_plain(*c)).take(64).collect();
        let name = plain.trim_matches('.');
        let name = if name.is_empty() { "localhost" } else { name };
        Self {
            machines: [(name.to_owned(), MachineConfig::default())].into(),
            storage: [("local".to_owned(), Storage::default())].into(),
            ..Self::default()
        }
    }

    /// # Errors
    ///
    /// If a name could not stand in a path or an id, or a scale set has machines that are not there.
    pub fn check(&self) -> Result<(), ServiceError> {
        let wrong = |what: String| Err(ServiceError::Value { what });
        let groups = self.machines.values().filter_map(|machine| machine.resource_group.as_ref());
        let groups = groups.chain(self.scale_sets.values().filter_map(|set| set.resource_group.as_ref()));
        let groups =
            groups.chain(self.storage.values().filter_map(|account| account.resource_group.as_ref()));
        let names = self.machines.keys().chain(self.scale_sets.keys()).chain(self.storage.keys());
        let names = names.chain(self.watchers.keys()).chain(&self.regions).chain(groups);
        for name in names.chain([&self.subscription, &self.tenant, &self.resource_group]) {
            if !is_name(name) {
                return wrong(format!("{name:?}, which is no name: letters, digits, - _ and . only"));
            }
        }
        if self.regions.is_empty() && self.watchers.is_empty() {
            return wrong("no region".into());
        }
        let watchers = self.all_watchers();
        let kinds = [
            self.machines.keys().collect::<Vec<_>>(),
            self.scale_sets.keys().collect(),
            self.storage.keys().collect(),
            watchers.iter().map(|(name, ..)| name).collect(),
        ];
        for names in kinds {
            let mut seen = BTreeSet::new();
            if let Some(name) = names.into_iter().find(|name| !seen.insert(name.to_ascii_lowercase())) {
                return wrong(format!("{name:?} twice; names are the same whatever their case"));
            }
        }
        for (name, account) in &self.storage {
            account.check(name)?;
        }
        for (name, set) in &self.scale_sets {
            if let Some(machine) = set.machines.iter().find(|machine| !self.machines.contains_key(*machine)) {
                return wrong(format!("scale set {name} has machine {machine:?}, which is not there"));
            }
        }
        Ok(())
    }

    /// Name, region and group of all watchers.
    pub(super) fn all_watchers(&self) -> Vec<(String, String, String)> {
        let usual =
            |region: &String| (format!("NetworkWatcher_{region}"), region.clone(), "NetworkWatcherRG".into());
        let named = self.watchers.iter();
        let named = named.map(|(name, at)| (name.clone(), at.region.clone(), at.resource_group.clone()));
        self.regions.iter().map(usual).chain(named).collect()
    }

    /// A storage account and its name as configured.
    pub(super) fn account(&self, name: &str) -> Option<(&String, &Storage)> {
        self.storage.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// Folder of an account that has one.
    pub(super) fn folder(&self, account: &str, data: &Path) -> PathBuf {
        let known = self.account(account).and_then(|(_, account)| account.folder.as_ref());
        let folder =
            known.cloned().unwrap_or_else(|| Path::new("storage").join(account.to_ascii_lowercase()));
        if known.is_some() {
            // Relative to where the process was started, as every path that is typed.
            return std::path::absolute(&folder).unwrap_or(folder);
        }
        data.join(folder)
    }

    /// Where an account is, if that is not a folder.
    pub(super) fn endpoint(&self, account: &str) -> Option<Location> {
        // Those that are none were refused at the start.
        Location::parse(self.account(account)?.1.endpoint.as_ref()?).ok()
    }

    /// The same for the account a URL is of, where none is named.
    pub(super) fn endpoint_of(&self, url: &str, account: Option<&str>) -> Option<Location> {
        match account {
            Some(account) => self.endpoint(account),
            None => self.endpoint(&Location::parse_plain(url).ok()?.account()),
        }
    }

    /// A region, or the first where there is none.
    pub(super) fn region(&self, named: Option<&String>) -> String {
        let first = || self.all_watchers().first().map(|(_, region, _)| region.clone()).unwrap_or_default();
        named.cloned().unwrap_or_else(first)
    }

    /// A resource group, or the usual where there is none.
    pub(super) fn group<'a>(&'a self, named: Option<&'a String>) -> &'a str {
        named.unwrap_or(&self.resource_group)
    }
}

/// True for what names are made of.
pub(super) fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

/// True for a name that can stand in ids and as a folder: ARM's characters, without those that need care.
pub(super) fn is_name(text: &str) -> bool {
    // ARM: 1 to 80 characters, letters, digits, _ - and ., the first a letter, a digit or _.
    (1..=80).contains(&text.len())
        && text.chars().all(is_plain)
        && !text.starts_with(['.', '-'])
        && !text.ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_names_machines_scale_sets_and_accounts() {
        let text = r#"
            regions = ["westus"]
            sessions_at_most = 3
            [machines.vm1]
            interface = "eth0"
            namespace = "blue"
            [machines.vm2]
            [scale_sets.set]
            machines = ["vm1", "vm2"]
            [storage.sa1]
            folder = "/srv/sa1"
        "#;
        let config = Config::from_toml(text, |_| None).unwrap();
        assert_eq!(config.machines["vm1"].namespace.as_deref(), Some("blue"));
        assert_eq!(config.scale_sets["set"].machines.len(), 2);
        assert_eq!(config.sessions_at_most, 3);
    }

    #[test]
    fn what_cannot_be_is_told() {
        for text in ["machines = 3", "nonsense = 1", "regions = []", "regions = [\"../x\"]"] {
            assert!(Config::from_toml(text, |_| None).is_err(), "{text}");
        }
        assert!(Config::from_toml("[scale_sets.a]\nmachines = [\"b\"]", |_| None).is_err());
        assert!(Config::from_toml("[machines.\"..\"]", |_| None).is_err());
        for text in [
            "[machines.vm]\n[machines.VM]",
            "regions = [\"a\"]\n[watchers.networkwatcher_A]\nregion = \"b\"\nresource_group = \"g\"",
            "[storage.a]\nfolder = \"/a\"\nendpoint = \"http://127.0.0.1:1/a\"",
            "[storage.a]\nendpoint = \"http://example.com\"",
            "[storage.a]\nendpoint = \"https://a.blob.core.windows.net/c\"",
        ] {
            assert!(Config::from_toml(text, |_| None).is_err(), "{text}");
        }
    }

    #[test]
    fn no_secret_is_told() {
        let variable = |name: &str| (name == "KEY").then(|| "c2VjcmV0".to_owned());
        let at = "endpoint = \"http://127.0.0.1:1/a\"";
        for (text, words) in [
            ("key = [\"SECRET\"]".to_owned(), "near line 2: a value of another type"),
            ("key = \"SECRET".to_owned(), "near line 2"),
            ("key = \"SECRET\"".to_owned(), "a secret for the storage account a, but no endpoint"),
            (format!("{at}\nkey = \"SECRET!\""), "not base64"),
            (format!("{at}\nsas = \"SECRET\""), "0"),
            (
                format!("{at}\nkey = \"SECRET\"\nsas = \"sv=1&sig=SECRET\""),
                "2 of connection_string, key and sas",
            ),
            (format!("{at}\nkey = \"SECRET\"\nkey_env = \"KEY\""), "names an environment variable for it"),
            (format!("{at}\nsas_env = \"SAS\""), "the environment variable SAS"),
            (format!("{at}\nfolder = \"/x\"\nkey_env = \"KEY\""), "both a folder and an endpoint"),
            ("connection_string = \"AccountKey=SECRET\"".to_owned(), "neither AccountName nor BlobEndpoint"),
        ] {
            let error = match Config::from_toml(&format!("[storage.a]\n{text}"), variable) {
                Err(error) => error,
                // A signature is looked at when it is used.
                Ok(config) => {
                    assert!(!format!("{config:?}").contains("SECRET"), "{text}");
                    continue;
                }
            };
            assert!(error.to_string().contains(words), "{text}: {error}");
            assert!(!format!("{error} {error:?}").contains("SECRET"), "{text}: {error:?}");
        }
        let text = "[storage.a]\nconnection_string = \"AccountName=a;AccountKey=c2VjcmV0\"";
        let config = Config::from_toml(text, variable).unwrap();
        assert_eq!(config.storage["a"].endpoint.as_deref(), Some("https://a.blob.core.windows.net"));
        assert!(!format!("{config:?}").contains("c2VjcmV0"));
    }

    #[test]
    fn this_machine_has_a_name_that_is_one() {
        for host in ["box", "bo x/../", "..", ""] {
            let config = Config::this_machine(host);
            assert!(config.check().is_ok(), "{host}");
            assert_eq!(config.machines.len(), 1);
        }
    }
}

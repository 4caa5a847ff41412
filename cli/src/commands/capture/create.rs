//! `capkeep capture create`.

use std::cell::Cell;

use capkeep_watcher::{
    Addresses, Capture, CaptureProperties, CaptureRequest, CaptureSettings, Error, Filter, Machine,
    Parameters, Ports, Protocol, RangeError, Scope, StorageAccount, StorageLocation, check, check_name,
};

use super::show::Shown;
use super::{Printing, Sheet, Waiting, left, show, status, unless_interrupted, until_done};
use crate::azure::{Azure, Connection, block_on, id, same_region, told};
use crate::commands::Done;
use crate::failure::{hinted, interrupted, warn};
use crate::ledger::{Deed, Ledger};
use crate::units::{bytes, seconds};

/// Create a capture: its session begins at once
///
/// The session captures on a virtual machine or on the instances of a scale set, until a limit is reached or it is
/// stopped. Values are checked before anything is sent, against the rules of the service.
///
/// Needs the agent on the machine (see --install-agent), and a storage account of standard performance in the machine's
/// region with shared keys allowed, or a path on the machine.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(super) struct Create {
    /// Name of the capture
    #[arg(value_name = "NAME")]
    name: String,

    /// Virtual machine, by its name or id
    #[arg(long, value_name = "NAME", required_unless_present = "vmss", conflicts_with = "vmss")]
    vm: Option<String>,

    /// Scale set, by its name or id
    #[arg(long, value_name = "NAME")]
    vmss: Option<String>,

    /// Instances of the scale set to capture on (repeatable) [default: all]
    #[arg(long, value_name = "ID", requires = "vmss")]
    include: Vec<String>,

    /// Instances of the scale set to leave out (repeatable)
    #[arg(long, value_name = "ID", requires = "vmss")]
    exclude: Vec<String>,

    /// Keep only packets that match this; of several, those that match any (repeatable)
    ///
    /// KEY=VALUE,… with the keys protocol (TCP, UDP, Any), local-ip, remote-ip, local-port and remote-port. Local is the
    /// machine. An address or port is one, a range (10.0.0.1-10.0.0.9, 80-85), or a list divided by semicolons
    /// (80;443).
    #[arg(long, value_name = "FILTER", value_parser = filter, help_heading = "What to capture")]
    filter: Vec<Filter>,

    /// Keep so many bytes of each packet [default: all]
    #[arg(long, value_name = "SIZE", value_parser = bytes, help_heading = "What to capture")]
    snaplen: Option<i64>,

    /// End the session after this time, at most 5h, or 7d with --ring [default: 5h, or 1d with --ring]
    #[arg(long, value_name = "SPAN", value_parser = seconds, help_heading = "When to end")]
    time_limit: Option<i64>,

    /// End the session after so many bytes, at most 4 GiB [default: 1GiB]
    #[arg(long, value_name = "SIZE", value_parser = bytes, conflicts_with_all = ["ring", "ring_until_full"], help_heading = "When to end")]
    bytes: Option<i64>,

    /// Write a ring of files, such as 10x100MB: the oldest goes
    #[arg(long, value_name = "FILESxSIZE", value_parser = ring, help_heading = "Where to")]
    ring: Option<Ring>,

    /// Write a ring of files, and end when it is full
    #[arg(long, value_name = "FILESxSIZE", value_parser = ring, conflicts_with = "ring", help_heading = "Where to")]
    ring_until_full: Option<Ring>,

    /// Storage account, by its name or id
    #[arg(long, value_name = "NAME", required_unless_present = "file", help_heading = "Where to")]
    storage: Option<String>,

    /// URL of the blob [default: below network-watcher-logs, by machine and time]
    #[arg(long, value_name = "URL", requires = "storage", help_heading = "Where to")]
    storage_path: Option<String>,

    /// Path on the machine, ending in .cap; on Linux below /var/captures
    #[arg(long, value_name = "PATH", help_heading = "Where to")]
    file: Option<String>,

    /// Install the agent if the machine lacks it
    #[arg(long)]
    install_agent: bool,

    /// Wait until the session has ended
    #[arg(long, conflicts_with = "no_wait")]
    wait: bool,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    printing: Printing,

    #[command(flatten)]
    azure: Azure,
}

const AFTER_HELP: &str = "\
Examples:
  All traffic of web1 for ten minutes, into the storage account logs:
    capkeep capture create slow-login --vm web1 --storage logs --time-limit 10m

  Only https and DNS, the first 128 bytes of each packet, and wait for the end:
    capkeep capture create tls --vm web1 --storage logs --snaplen 128 --wait \\
        --filter 'protocol=TCP,local-port=443' --filter 'protocol=UDP,remote-port=53'

  The last gigabyte of a week, on the machine:
    capkeep capture create ring --vm web1 --file /var/captures/ring.cap --ring 10x100MB --time-limit 7d

  Two instances of a scale set:
    capkeep capture create set --vmss front --include 0 --include 3 --storage logs";

/// Files and bytes of each.
#[derive(Clone, Copy, Debug)]
struct Ring {
    files: i64,
    size: i64,
}

fn ring(text: &str) -> Result<Ring, String> {
    let wanted = || "not a number of files and their size, such as 10x100MB".to_owned();
    let (files, size) = text.split_once(['x', 'X', '*', '×']).ok_or_else(wanted)?;
    Ok(Ring { files: files.trim().parse().map_err(|_| wanted())?, size: bytes(size).map_err(|_| wanted())? })
}

fn filter(text: &str) -> Result<Filter, String> {
    let mut filter = Filter::default();
    for part in text.split(',') {
        let Some((key, value)) = part.split_once('=') else {
            let list = "a list of ports or addresses is divided by semicolons";
            return Err(format!("{part:?} is not KEY=VALUE; {list}"));
        };
        let value = value.trim();
        let told = |error: RangeError| match error.nearest {
            Some(nearest) => format!("{}; nearest right value: {nearest}", error.what),
            None => error.what,
        };
        let place = match key.trim().to_ascii_lowercase().as_str() {
            "protocol" => &mut filter.protocol_text,
            "local-ip" => &mut filter.local_ip_address,
            "remote-ip" => &mut filter.remote_ip_address,
            "local-port" => &mut filter.local_port,
            "remote-port" => &mut filter.remote_port,
            _ => {
                return Err(format!(
                    "no key {key:?}; there are protocol, local-ip, remote-ip, local-port, remote-port"
                ));
            }
        };
        match key.trim() {
            "local-ip" | "remote-ip" => value.parse::<Addresses>().map(|_| ()).map_err(told)?,
            "local-port" | "remote-port" => value.parse::<Ports>().map(|_| ()).map_err(told)?,
            _ => {}
        }
        if place.replace(value.to_owned()).is_some() {
            return Err(format!("{key} stands twice; a second filter is a second --filter"));
        }
    }
    match filter.protocol() {
        Some(Protocol::Tcp | Protocol::Udp | Protocol::Any) => Ok(filter),
        None => Err("protocol is TCP, UDP or Any: the service knows no other".into()),
    }
}

impl Create {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        self.checked(None)?;
        let ledger = Ledger::open()?;
        let shown = block_on(self.create(&ledger))?;
        if self.waiting.no_wait {
            self.printing.words(&format!("{}: asked to begin", self.name))?;
            if !self.printing.is_for_people() {
                self.printing.one(&shown, &Sheet::default())?;
            }
            return Ok(Done::Fully);
        }
        self.printing.one(&shown, &show::sheet(&shown))?;
        Ok(shown.status.as_ref().map_or(Done::Fully, status::done))
    }

    async fn create(&self, ledger: &Ledger) -> anyhow::Result<Shown> {
        let connection = self.azure.connect().await?;
        let (name, is_set) = self.target();
        let machine = connection.machine(name, is_set).await?;
        let watcher = connection.watcher_of(&machine.location).await?;
        let storage = match &self.storage {
            Some(name) => Some(account(&connection, name, &machine).await?),
            None => None,
        };
        if !is_set {
            self.agent(&connection, &machine).await?;
        }
        let request = self.checked(Some((&machine, storage.as_ref())))?;
        let capture = watcher.child("packetCaptures", &self.name);
        if let Ok(known) = connection.client.capture(&capture).await {
            let hint = format!("look at it: capkeep capture show {0}\nor take another name", known.name);
            return Err(hinted(format!("there is a capture named {:?} already", known.name), hint));
        }
        let properties =
            CaptureProperties { parameters: request.properties.clone(), ..CaptureProperties::default() };
        let (name, id) = (self.name.clone(), capture.to_string());
        let asked = Capture { name, id, properties, ..Capture::default() };
        let is_refused = Cell::new(false);
        let work = async {
            let operation = connection.client.create(&capture, &request).await.map_err(|error| {
                is_refused.set(!is_open(&error));
                self.not_taken(error)
            })?;
            if self.waiting.no_wait {
                return Ok(asked.clone());
            }
            let body = until_done(operation, self.waiting.deadline).await?;
            Ok(body.and_then(|body| serde_json::from_value(body).ok()).unwrap_or_else(|| asked.clone()))
        };
        let made = match unless_interrupted(|| left(&self.name), work).await {
            Ok(made) => made,
            Err(error) => {
                // It may capture all the same; what the service made of it is noted over this if it is heard.
                if !is_refused.get() {
                    ledger.note(Deed::Created, &asked, None)?;
                }
                return Err(error);
            }
        };
        if self.waiting.no_wait {
            ledger.note(Deed::Created, &made, None)?;
            return Ok(Shown { capture: made, status: None, status_error: None });
        }
        let asking = async { Ok(connection.client.status(&capture).await) };
        let first = unless_interrupted(|| left(&self.name), asking).await;
        let started = first.as_ref().ok().and_then(|first| first.as_ref().ok());
        let started = started.and_then(|status| status.capture_start_time.clone());
        ledger.note(Deed::Created, &made, started.as_deref())?;
        let first = first?;
        let status_error = first.as_ref().err().map(ToString::to_string);
        let status = match first {
            Ok(first) if self.wait => {
                let quiet = |_: &_| Ok(true);
                Some(status::until_over(&connection.client, &capture, first, 10, &quiet).await?)
            }
            first => first.ok(),
        };
        Ok(Shown { capture: made, status, status_error })
    }

    /// Why the capture was not made, or that nobody knows.
    fn not_taken(&self, error: Error) -> anyhow::Error {
        if !is_open(&error) {
            return told(error);
        }
        let hint = format!("look whether it was: capkeep capture status {}", self.name);
        hinted(format!("{error}; whether the capture was created is not known"), hint)
    }

    fn target(&self) -> (&str, bool) {
        match (&self.vm, &self.vmss) {
            (Some(vm), _) => (vm, false),
            (None, set) => (set.as_deref().unwrap_or_default(), true),
        }
    }

    /// The request, if it breaks no rule; before anything is known of machine and account with ids that break none.
    fn checked(&self, known: Option<(&Machine, Option<&StorageAccount>)>) -> anyhow::Result<CaptureRequest> {
        let ring = self.ring.or(self.ring_until_full);
        let (_, is_set) = self.target();
        let kind = if is_set { "virtualMachineScaleSets" } else { "virtualMachines" };
        let some = |kind: &str| format!("/subscriptions/s/resourceGroups/g/providers/{kind}/n");
        let target = known
            .map_or_else(|| some(&format!("Microsoft.Compute/{kind}")), |(machine, _)| machine.id.clone());
        let account = known.and_then(|(_, account)| account).map(|account| account.id.clone());
        let account =
            account.or_else(|| self.storage.as_ref().map(|_| some("Microsoft.Storage/storageAccounts")));
        let list = |names: &Vec<String>| (!names.is_empty()).then(|| names.clone());
        let scope = Scope { include: list(&self.include), exclude: list(&self.exclude), ..Scope::default() };
        let has_scope = scope.include.is_some() || scope.exclude.is_some();
        let properties = Parameters {
            target,
            target_type_text: is_set.then(|| "AzureVMSS".to_owned()),
            scope: has_scope.then_some(scope),
            bytes_to_capture_per_packet: self.snaplen,
            total_bytes_per_session: self.bytes,
            time_limit_in_seconds: self.time_limit.filter(|_| ring.is_none()),
            storage_location: StorageLocation {
                storage_id: account,
                storage_path: self.storage_path.clone(),
                file_path: self.file.clone().filter(|_| ring.is_none()),
                local_path: self.file.clone().filter(|_| ring.is_some()),
                ..StorageLocation::default()
            },
            filters: (!self.filter.is_empty()).then(|| self.filter.clone()),
            continuous_capture: ring.map(|_| self.ring.is_some()),
            capture_settings: ring.map(|ring| CaptureSettings {
                file_count: Some(ring.files),
                file_size_in_bytes: Some(ring.size),
                session_time_limit_in_seconds: self.time_limit,
                ..CaptureSettings::default()
            }),
            ..Parameters::default()
        };
        let request = CaptureRequest { properties, ..CaptureRequest::default() };
        let problems = check_name(&self.name).into_iter().chain(check(&request));
        let problems: Vec<String> = problems.map(|problem| problem.to_string()).collect();
        match &problems[..] {
            [] => Ok(request),
            problems => {
                Err(hinted("this capture breaks rules of the service; nothing was sent", problems.join("\n")))
            }
        }
    }

    /// Makes sure that the agent is there, as far as one may look.
    async fn agent(&self, connection: &Connection, machine: &Machine) -> anyhow::Result<()> {
        let machine_id = id(&machine.id)?;
        let extensions = match connection.client.extensions(&machine_id).await {
            Ok(extensions) => extensions,
            Err(error) => {
                warn(&machine.name, &format!("cannot look for the agent: {error}"));
                return Ok(());
            }
        };
        if extensions.iter().any(capkeep_watcher::Extension::is_agent) {
            return Ok(());
        }
        if !self.install_agent {
            return Err(hinted(
                format!("{} lacks the agent that captures packets", machine.name),
                "the portal installs it by itself; here it is --install-agent",
            ));
        }
        let operation = connection.client.install_agent(machine).await.map_err(told)?;
        let stopped =
            || interrupted("interrupted; the agent may still be installed, no capture was made", "");
        let work = until_done(operation, self.waiting.deadline);
        unless_interrupted(stopped, work).await?;
        Ok(())
    }
}

/// True if the capture may have been created although the call failed.
fn is_open(error: &Error) -> bool {
    match error {
        Error::Transport { .. } | Error::Unexpected { .. } => true,
        Error::Service { status, .. } => *status >= 500 || *status == 408,
        _ => false,
    }
}

/// The storage account, if captures of the machine can be stored in it.
async fn account(connection: &Connection, name: &str, machine: &Machine) -> anyhow::Result<StorageAccount> {
    if name.starts_with('/') {
        // An account in another subscription cannot be listed here; the service looks at it.
        let found = id(name)?;
        return Ok(StorageAccount {
            name: found.name().to_owned(),
            id: name.to_owned(),
            ..StorageAccount::default()
        });
    }
    let all = connection.client.storage_accounts(&connection.subscription).await.map_err(told)?;
    let Some(found) = all.iter().find(|account| account.name.eq_ignore_ascii_case(name)) else {
        let names: Vec<&str> = all
            .iter()
            .filter(|account| same_region(&account.location, &machine.location))
            .map(|account| account.name.as_str())
            .collect();
        let hint = if names.is_empty() {
            format!("none is in {}", machine.location)
        } else {
            format!("in {} there are: {}", machine.location, names.join(", "))
        };
        return Err(hinted(
            format!("no storage account is named {name:?} in subscription {}", connection.subscription),
            hint,
        ));
    };
    if !same_region(&found.location, &machine.location) {
        return Err(hinted(
            format!(
                "storage account {} is in {}, and {} in {}",
                found.name, found.location, machine.name, machine.location
            ),
            "the service stores captures in accounts of the machine's region only",
        ));
    }
    if found.is_premium() {
        return Err(hinted(
            format!("storage account {} has premium performance", found.name),
            "captures need a standard one",
        ));
    }
    if !found.allows_keys() {
        let what =
            format!("storage account {} allows no shared keys, which the service uploads with", found.name);
        let mend = format!("az storage account update -n {} --allow-shared-key-access true", found.name);
        return Err(hinted(what, mend));
    }
    Ok(found.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_typed_as_keys_and_values() {
        let found = filter("protocol=tcp, local-port=80;443,remote-ip=10.0.0.1-10.0.0.9").unwrap();
        assert_eq!(found.protocol(), Some(Protocol::Tcp));
        assert_eq!(found.local_port.as_deref(), Some("80;443"));
        assert_eq!(found.remote_ip_address.as_deref(), Some("10.0.0.1-10.0.0.9"));
        for (wrong, words) in [
            ("", "not KEY=VALUE"),
            ("tcp", "not KEY=VALUE"),
            ("remote-port=80,443", "divided by semicolons"),
            ("port=80", "no key \"port\""),
            ("protocol=icmp", "TCP, UDP or Any"),
            ("remote-ip=1.1.1.1-255.255.255", "nearest right value: 1.1.1.1-255.255.255.255"),
            ("local-ip=10.0.0.0/8", "nearest right value: 10.0.0.0-10.255.255.255"),
            ("local-port=1,local-port=2", "stands twice"),
        ] {
            let error = filter(wrong).unwrap_err();
            assert!(error.contains(words), "{wrong}: {error}");
        }
    }
}

//! `capkeep doctor`.

use capkeep_watcher::{Extension, Machine, ResourceId, StorageAccount};

use super::Done;
use super::capture::{Printing, Sheet};
use crate::azure::{Azure, Connection, block_on, id, same_region};

/// Look at everything a capture needs: login, permissions, watcher, machine, agent, storage, network
///
/// Each line is ok, or says what is wrong and the command that mends it. Nothing is changed.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Doctor {
    /// Virtual machine, by its name or id
    #[arg(long, value_name = "NAME")]
    vm: String,

    /// Storage account the captures shall go to, by its name
    #[arg(long, value_name = "NAME")]
    storage: Option<String>,

    #[command(flatten)]
    printing: Printing,

    #[command(flatten)]
    azure: Azure,
}

const AFTER_HELP: &str = "\
Example:
  capkeep doctor --vm web1 --storage logs

Exit codes:
  0  nothing is wrong
  1  something is wrong
  2  error: nothing could be looked at";

/// One thing that was looked at.
#[derive(Debug, serde::Serialize)]
struct Finding {
    what: &'static str,
    verdict: Verdict,
    text: String,
    /// The command that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    /// It cannot be told from here, or may be wrong.
    Look,
    Wrong,
}

impl Finding {
    fn ok(what: &'static str, text: impl Into<String>) -> Self {
        Self { what, verdict: Verdict::Ok, text: text.into(), mend: None }
    }

    fn look(what: &'static str, text: impl Into<String>, mend: Option<String>) -> Self {
        Self { what, verdict: Verdict::Look, text: text.into(), mend }
    }

    fn wrong(what: &'static str, text: impl Into<String>, mend: Option<String>) -> Self {
        Self { what, verdict: Verdict::Wrong, text: text.into(), mend }
    }
}

/// What managing captures needs. Source: the roles page of Network Watcher's documentation.
const ACTIONS: &[&str] = &[
    "Microsoft.Network/networkWatchers/packetCaptures/read",
    "Microsoft.Network/networkWatchers/packetCaptures/write",
    "Microsoft.Network/networkWatchers/packetCaptures/delete",
    "Microsoft.Network/networkWatchers/packetCaptures/queryStatus/action",
    "Microsoft.Network/networkWatchers/packetCaptures/stop/action",
];

impl Doctor {
    pub(crate) fn run(self) -> anyhow::Result<Done> {
        let findings = block_on(async {
            let connection = self.azure.connect().await?;
            let machine = connection.machine(&self.vm, false).await?;
            let mut findings = vec![
                Finding::ok("login", format!("you see subscription {}", connection.subscription)),
                Finding::ok("machine", format!("{} in {}", machine.name, machine.location)),
            ];
            findings.push(power(&connection, &machine).await);
            match connection.watcher_of(&machine.location).await {
                Ok(watcher) => {
                    findings.push(Finding::ok("watcher", watcher.name()));
                    findings.push(permissions(&connection, &watcher).await);
                }
                Err(error) => {
                    let region = &machine.location;
                    let mend = "az network watcher configure --enabled true -g NetworkWatcherRG --locations";
                    findings.push(Finding::wrong(
                        "watcher",
                        error.to_string(),
                        Some(format!("{mend} {region}")),
                    ));
                }
            }
            findings.push(agent(&connection, &machine).await);
            findings.extend(storage(&connection, &machine, self.storage.as_deref()).await);
            findings.push(network(self.storage.as_deref()));
            Ok(findings)
        })?;
        self.printing.all(&findings, &sheet(&findings))?;
        let is_wrong = findings.iter().any(|finding| finding.verdict == Verdict::Wrong);
        Ok(if is_wrong { Done::Partly } else { Done::Fully })
    }
}

async fn power(connection: &Connection, machine: &Machine) -> Finding {
    let state = match id(&machine.id) {
        Ok(id) => connection.client.power_state(&id).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match state {
        Ok(Some(state)) if state == "running" => Finding::ok("power", "running"),
        Ok(Some(state)) => {
            let mend = format!("az vm start --ids {}", machine.id);
            Finding::wrong("power", format!("{state}: nothing captures on it"), Some(mend))
        }
        Ok(None) => Finding::look("power", "the service does not say whether it runs", None),
        Err(error) => Finding::look("power", error, None),
    }
}

async fn permissions(connection: &Connection, watcher: &ResourceId) -> Finding {
    match connection.client.missing_permissions(watcher, ACTIONS).await {
        Ok(missing) if missing.is_empty() => Finding::ok("permissions", "all that captures need"),
        Ok(missing) => {
            let short =
                missing.iter().map(|action| action.trim_start_matches("Microsoft.Network/networkWatchers/"));
            let mend = "az role assignment create --role 'Network Contributor' --assignee YOU --scope";
            let text = format!("you may not: {}", short.collect::<Vec<_>>().join(", "));
            Finding::wrong("permissions", text, Some(format!("{mend} {watcher}")))
        }
        Err(error) => Finding::look("permissions", format!("cannot be told: {error}"), None),
    }
}

async fn agent(connection: &Connection, machine: &Machine) -> Finding {
    let extensions = match id(&machine.id) {
        Ok(id) => connection.client.extensions(&id).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let install = || {
        let kind =
            if machine.is_windows() { "NetworkWatcherAgentWindows" } else { "NetworkWatcherAgentLinux" };
        format!(
            "az vm extension set --publisher Microsoft.Azure.NetworkWatcher --name {kind} --ids {}",
            machine.id
        )
    };
    match extensions {
        Ok(extensions) => {
            match extensions.iter().find(|extension| extension.is_agent()).map(Extension::state) {
                Some(state) if state.eq_ignore_ascii_case("Succeeded") => Finding::ok("agent", "installed"),
                Some(state) => {
                    Finding::wrong("agent", format!("installed, but its state is {state}"), Some(install()))
                }
                None => Finding::wrong("agent", "not installed", Some(install())),
            }
        }
        Err(error) => Finding::look("agent", format!("cannot be told: {error}"), None),
    }
}

async fn storage(connection: &Connection, machine: &Machine, name: Option<&str>) -> Vec<Finding> {
    let what = "storage";
    let all = match connection.client.storage_accounts(&connection.subscription).await {
        Ok(all) => all,
        Err(error) => return vec![Finding::look(what, format!("cannot be told: {error}"), None)],
    };
    let region = &machine.location;
    let fits = |account: &&StorageAccount| same_region(&account.location, region) && !account.is_premium();
    let Some(name) = name else {
        let names: Vec<&str> = all.iter().filter(fits).map(|account| account.name.as_str()).collect();
        return vec![match &names[..] {
            [] => {
                let mend = format!(
                    "az storage account create --sku Standard_LRS --location {region} -g GROUP -n NAME"
                );
                Finding::wrong(what, format!("no account of standard performance in {region}"), Some(mend))
            }
            names => Finding::ok(what, format!("in {region}: {}", names.join(", "))),
        }];
    };
    let Some(account) = all.iter().find(|account| account.name.eq_ignore_ascii_case(name)) else {
        return vec![Finding::wrong(
            what,
            format!("no account is named {name:?} in this subscription"),
            None,
        )];
    };
    let mut wrong = Vec::new();
    if !same_region(&account.location, region) {
        wrong.push(Finding::wrong(
            what,
            format!("{name} is in {}, the machine in {region}", account.location),
            None,
        ));
    }
    if account.is_premium() {
        wrong.push(Finding::wrong(
            what,
            format!("{name} has premium performance; captures need a standard one"),
            None,
        ));
    }
    if !account.allows_keys() {
        let mend = format!("az storage account update -n {name} --allow-shared-key-access true");
        wrong.push(Finding::wrong(
            what,
            format!("{name} allows no shared keys, which the upload is signed with"),
            Some(mend),
        ));
    }
    if account.has_firewall() {
        let text = format!("{name} lets only some networks in; the machine's has to be among them");
        wrong.push(Finding::look(
            what,
            text,
            Some(format!("az storage account network-rule list -n {name}")),
        ));
    }
    if wrong.is_empty() { vec![Finding::ok(what, format!("{name} in {}", account.location))] } else { wrong }
}

/// What only the machine itself can tell.
fn network(storage: Option<&str>) -> Finding {
    let account = storage.unwrap_or("ACCOUNT");
    let text =
        "the machine has to reach 169.254.169.254:80, 168.63.129.16:8037 and the storage account on 443";
    let command = format!(
        "on the machine: for a in 169.254.169.254/80 168.63.129.16/8037 {account}.blob.core.windows.net/443; do \
         timeout 3 bash -c \"</dev/tcp/$a\" && echo ok $a; done"
    );
    Finding::look("network", text, Some(command))
}

fn sheet(findings: &[Finding]) -> Sheet {
    let mut sheet = Sheet::new("What captures need");
    for finding in findings {
        match finding.verdict {
            Verdict::Ok => sheet.line(finding.what, format!("ok     {}", finding.text)),
            Verdict::Look => sheet.line(finding.what, format!("look   {}", finding.text)),
            Verdict::Wrong => sheet.problem(finding.what, format!("wrong  {}", finding.text)),
        }
        if let Some(mend) = &finding.mend {
            sheet.line("", format!("       {mend}"));
        }
    }
    sheet
}

//! What lies around captures: watchers, machines, scale sets, agents, storage accounts, groups.

use std::path::Path;

use capkeep_storage::Location;
use serde_json::{Value, json};

use super::config::Config;
use super::message::Reply;
use super::route::{Child, Kind};

/// The resources of a configuration.
pub(super) struct Inventory<'a> {
    pub(super) config: &'a Config,
    pub(super) data: &'a Path,
    /// A fault: no machine has the agent.
    pub(super) is_agent_gone: bool,
}

impl Inventory<'_> {
    fn id(&self, group: &str, kind: &str, name: &str) -> String {
        let subscription = &self.config.subscription;
        format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/{kind}/{name}")
    }

    /// Resources of a kind with their groups. The etag of a watcher and what runs at it are asked for.
    pub(super) fn all(
        &self,
        kind: Kind,
        watcher: &dyn Fn(&str) -> (String, Vec<String>),
    ) -> Vec<(String, Value)> {
        let config = self.config;
        match kind {
            Kind::Watcher => {
                let all = config.all_watchers().into_iter();
                all.map(|(name, region, group)| {
                    let (etag, running) = watcher(&name);
                    let value = json!({
                        "name": name,
                        "id": self.id(&group, "Microsoft.Network/networkWatchers", &name),
                        "etag": etag,
                        "type": "Microsoft.Network/networkWatchers",
                        "location": region,
                        "properties": { "provisioningState": "Succeeded", "runningOperationIds": running },
                    });
                    (group, value)
                })
                .collect()
            }
            Kind::Machine => {
                let all = config.machines.iter();
                all.map(|(name, machine)| {
                    let group = config.group(machine.resource_group.as_ref());
                    let region = config.region(machine.region.as_ref());
                    let id = self.id(group, "Microsoft.Compute/virtualMachines", name);
                    (group.to_owned(), self.machine(name, &id, &region, "Microsoft.Compute/virtualMachines"))
                })
                .collect()
            }
            Kind::ScaleSet => {
                let all = config.scale_sets.iter();
                all.map(|(name, set)| {
                    let group = config.group(set.resource_group.as_ref());
                    let value = json!({
                        "name": name,
                        "id": self.id(group, "Microsoft.Compute/virtualMachineScaleSets", name),
                        "type": "Microsoft.Compute/virtualMachineScaleSets",
                        "location": config.region(set.region.as_ref()),
                        "tags": {},
                        "sku": { "name": "Local", "tier": "Standard", "capacity": set.machines.len() },
                        "properties": {
                            "provisioningState": "Succeeded",
                            "orchestrationMode": "Uniform",
                            "virtualMachineProfile": {
                                "storageProfile": { "osDisk": { "osType": "Linux" } },
                                "extensionProfile": { "extensions": self.set_extensions() },
                            },
                        },
                    });
                    (group.to_owned(), value)
                })
                .collect()
            }
            Kind::Storage => {
                let all = config.storage.iter();
                all.map(|(name, account)| {
                    let group = config.group(account.resource_group.as_ref());
                    let region = config.region(account.region.as_ref());
                    (group.to_owned(), self.account(name, group, &region))
                })
                .collect()
            }
        }
    }

    fn machine(&self, name: &str, id: &str, region: &str, kind: &str) -> Value {
        let mut value = json!({
            "name": name,
            "id": id,
            "type": kind,
            "location": region,
            "tags": {},
            "properties": {
                "hardwareProfile": { "vmSize": "Local" },
                "storageProfile": { "osDisk": { "osType": "Linux" }, "dataDisks": [] },
                "osProfile": { "computerName": name, "allowExtensionOperations": true },
                "networkProfile": { "networkInterfaces": [] },
                "provisioningState": "Succeeded",
            },
        });
        if !self.is_agent_gone {
            value["resources"] = json!([agent(id, region, kind)]);
        }
        value
    }

    fn set_extensions(&self) -> Value {
        if self.is_agent_gone {
            return json!([]);
        }
        json!([{ "name": AGENT, "properties": agent_properties() }])
    }

    /// An account. Where none is configured every name is one.
    pub(super) fn account(&self, name: &str, group: &str, region: &str) -> Value {
        let at = self
            .config
            .endpoint(name)
            .unwrap_or_else(|| Location::folder_at(self.config.folder(name, self.data)));
        json!({
            "name": name,
            "id": self.id(group, "Microsoft.Storage/storageAccounts", name),
            "type": "Microsoft.Storage/storageAccounts",
            "location": region,
            "kind": "StorageV2",
            "sku": { "name": "Standard_LRS", "tier": "Standard" },
            "tags": {},
            "properties": {
                "provisioningState": "Succeeded",
                "allowSharedKeyAccess": true,
                "primaryEndpoints": { "blob": format!("{}/", at.to_string().trim_end_matches('/')) },
            },
        })
    }

    /// Extensions of a machine, or instances and extensions of a scale set; `of` names one of them.
    pub(super) fn children(
        &self,
        parent: &Value,
        kind: Kind,
        child: Child,
        of: Option<&str>,
    ) -> Option<Reply> {
        let text = |key: &str| parent[key].as_str().unwrap_or_default();
        let (id, region) = (text("id"), text("location"));
        let all: Vec<Value> = match child {
            Child::Extension if self.is_agent_gone => Vec::new(),
            Child::Extension => {
                let kind = if kind == Kind::Machine { "virtualMachines" } else { "virtualMachineScaleSets" };
                vec![agent(id, region, &format!("Microsoft.Compute/{kind}"))]
            }
            Child::Instance => {
                let set =
                    self.config.scale_sets.iter().find(|(name, _)| name.eq_ignore_ascii_case(text("name")));
                let (name, set) = set?;
                let kind = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines";
                let instance = |(index, _): (usize, &String)| {
                    let id = format!("{id}/virtualMachines/{index}");
                    let mut value = self.machine(&format!("{name}_{index}"), &id, region, kind);
                    value["instanceId"] = json!(index.to_string());
                    value
                };
                set.machines.iter().enumerate().map(instance).collect()
            }
        };
        let Some(of) = of else { return Some(Reply::json(200, &json!({ "value": all }))) };
        let named = |value: &&Value| {
            let is = |key: &str| value[key].as_str().is_some_and(|text| text.eq_ignore_ascii_case(of));
            if child == Child::Instance { is("instanceId") } else { is("name") }
        };
        all.iter().find(named).map(|value| Reply::json(200, value))
    }
}

/// The instance view of a machine, as far as it says whether it runs.
pub(super) fn view(is_gone: bool) -> Value {
    let (code, words) = if is_gone { ("stopped", "VM stopped") } else { ("running", "VM running") };
    json!({ "statuses": [
        { "code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded" },
        { "code": format!("PowerState/{code}"), "level": "Info", "displayStatus": words },
    ] })
}

const AGENT: &str = "NetworkWatcherAgentLinux";

fn agent_properties() -> Value {
    json!({
        "autoUpgradeMinorVersion": true,
        "provisioningState": "Succeeded",
        "publisher": "Microsoft.Azure.NetworkWatcher",
        "type": AGENT,
        "typeHandlerVersion": "1.4",
    })
}

fn agent(of: &str, region: &str, kind: &str) -> Value {
    json!({
        "name": AGENT,
        "id": format!("{of}/extensions/{AGENT}"),
        "type": format!("{kind}/extensions"),
        "location": region,
        "properties": agent_properties(),
    })
}

//! What lies around captures: watchers, machines, agents, storage accounts. Only the fields that are needed; the rest is
//! kept.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::Other;

/// A network watcher.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Watcher {
    /// Name.
    #[serde(default)]
    pub name: String,
    /// ARM id.
    #[serde(default)]
    pub id: String,
    /// Region.
    #[serde(default)]
    pub location: String,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

/// A virtual machine or a scale set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Name.
    #[serde(default)]
    pub name: String,
    /// ARM id.
    #[serde(default)]
    pub id: String,
    /// Region.
    #[serde(default)]
    pub location: String,
    /// What it is made of.
    #[serde(default)]
    pub properties: Value,
    /// Its extensions, where they are told with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Extension>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

/// An extension of a virtual machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Extension {
    /// Name; whoever installs it chooses it.
    #[serde(default)]
    pub name: String,
    /// Region.
    #[serde(default)]
    pub location: String,
    /// Publisher, type, version, state.
    #[serde(default)]
    pub properties: Value,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

/// A storage account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StorageAccount {
    /// Name.
    #[serde(default)]
    pub name: String,
    /// ARM id.
    #[serde(default)]
    pub id: String,
    /// Region.
    #[serde(default)]
    pub location: String,
    /// `Standard_LRS`, `Premium_LRS`, …
    #[serde(default)]
    pub sku: Value,
    /// Everything about it.
    #[serde(default)]
    pub properties: Value,
    /// Everything else.
    #[serde(flatten)]
    pub other: Other,
}

/// What a role grants.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Permission {
    #[serde(default)]
    actions: Vec<String>,
    #[serde(default)]
    not_actions: Vec<String>,
}

impl Permission {
    /// True if it grants an action and does not take it away again.
    pub(crate) fn allows(&self, action: &str) -> bool {
        let has = |patterns: &[String]| patterns.iter().any(|pattern| covers(pattern, action));
        has(&self.actions) && !has(&self.not_actions)
    }
}

/// True if a pattern with `*` for any text covers an action, whatever the case.
fn covers(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = action.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

impl Machine {
    /// True for Windows, as its disk says.
    pub fn is_windows(&self) -> bool {
        let disk = ["/storageProfile/osDisk/osType", "/virtualMachineProfile/storageProfile/osDisk/osType"];
        let kind = disk.iter().find_map(|path| self.properties.pointer(path)).and_then(Value::as_str);
        kind.is_some_and(|kind| kind.eq_ignore_ascii_case("windows"))
    }
}

/// Publisher of the agent.
const AGENT: &str = "Microsoft.Azure.NetworkWatcher";

impl Extension {
    /// True for the agent that captures packets, whatever its name.
    pub fn is_agent(&self) -> bool {
        let text = |key: &str| self.properties.get(key).and_then(Value::as_str).unwrap_or_default();
        text("publisher").eq_ignore_ascii_case(AGENT)
            && text("type").to_ascii_lowercase().starts_with("networkwatcheragent")
    }

    /// `Succeeded`, `Failed`, …
    pub fn state(&self) -> &str {
        self.properties.get("provisioningState").and_then(Value::as_str).unwrap_or("Unknown")
    }

    /// The agent for a machine, to be installed.
    pub(crate) fn agent(machine: &Machine) -> Self {
        let kind =
            if machine.is_windows() { "NetworkWatcherAgentWindows" } else { "NetworkWatcherAgentLinux" };
        let properties = json!({
            "publisher": AGENT,
            "type": kind,
            "typeHandlerVersion": "1.4",
            "autoUpgradeMinorVersion": true,
            "enableAutomaticUpgrade": true,
        });
        Self { name: kind.into(), location: machine.location.clone(), properties, other: Other::new() }
    }
}

impl StorageAccount {
    /// False where shared keys are switched off: the service uploads with a SAS, which is signed with one.
    pub fn allows_keys(&self) -> bool {
        self.properties.get("allowSharedKeyAccess").and_then(Value::as_bool).unwrap_or(true)
    }

    /// True for premium performance, which captures cannot be stored in.
    pub fn is_premium(&self) -> bool {
        let tier = ["name", "tier"].iter().filter_map(|key| self.sku.get(key)).filter_map(Value::as_str);
        tier.into_iter().any(|text| text.to_ascii_lowercase().starts_with("premium"))
    }

    /// True if its firewall lets only some networks in.
    pub fn has_firewall(&self) -> bool {
        let action = self.properties.pointer("/networkAcls/defaultAction").and_then(Value::as_str);
        let public = self.properties.get("publicNetworkAccess").and_then(Value::as_str);
        action.is_some_and(|action| action.eq_ignore_ascii_case("deny"))
            || public.is_some_and(|public| public.eq_ignore_ascii_case("disabled"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_roles_cover_actions() {
        let action = "Microsoft.Network/networkWatchers/packetCaptures/stop/action";
        for yes in
            ["*", "Microsoft.Network/*", "microsoft.network/*/action", "*/packetCaptures/*/action", action]
        {
            assert!(covers(yes, action), "{yes}");
        }
        for no in
            ["", "*/read", "Microsoft.Compute/*", "Microsoft.Network/networkWatchers", "*/stop/action/*"]
        {
            assert!(!covers(no, action), "{no}");
        }
        let contributor: Permission =
            serde_json::from_str(r#"{"actions":["*"],"notActions":["Microsoft.Authorization/*/Write"]}"#)
                .unwrap();
        assert!(
            contributor.allows(action)
                && !contributor.allows("Microsoft.Authorization/roleAssignments/write")
        );
    }
}

//! Storage accounts: folders, or blob storage and how to log in there.

use std::path::PathBuf;

use capkeep_storage::{ConnectionString, Credential, Location, Secret};
use serde::Deserialize;

use super::error::ServiceError;

/// A storage account.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// Its folder; below the data folder where neither this nor an endpoint is given.
    pub folder: Option<PathBuf>,
    /// Its address, if it is an account of Azure or of what speaks like it: that of the connection string where there is
    /// one.
    pub endpoint: Option<String>,
    /// What its portal shows, with the key or a signature in it.
    pub connection_string: Option<Secret>,
    /// The environment variable that has it.
    pub connection_string_env: Option<String>,
    /// Its key.
    pub key: Option<Secret>,
    /// The environment variable that has it.
    pub key_env: Option<String>,
    /// A signature (SAS) that may write: `sv=…&sig=…`.
    pub sas: Option<Secret>,
    /// The environment variable that has it.
    pub sas_env: Option<String>,
    /// Resource group.
    pub resource_group: Option<String>,
    /// Region.
    pub region: Option<String>,
}

impl Storage {
    /// Takes secrets out of the environment, and the endpoint out of a connection string.
    pub(super) fn resolve(
        &mut self,
        name: &str,
        variable: &impl Fn(&str) -> Option<String>,
    ) -> Result<(), ServiceError> {
        let Self { connection_string, connection_string_env, key, key_env, sas, sas_env, .. } = self;
        for (value, named) in [(connection_string, connection_string_env), (key, key_env), (sas, sas_env)] {
            let Some(named) = named.take() else { continue };
            let found = variable(&named).filter(|text| !text.is_empty());
            let nothing = || ServiceError::Value {
                what: format!("that the environment variable {named} has a secret for {name}; it is not set"),
            };
            if value.replace(Secret::new(found.ok_or_else(nothing)?)).is_some() {
                let what = format!("a secret for {name} and names an environment variable for it");
                return Err(ServiceError::Value { what });
            }
        }
        if let Some(text) = &self.connection_string {
            let parsed = ConnectionString::parse(text.secret());
            let parsed =
                parsed.map_err(|error| ServiceError::Value { what: format!("for {name}: {error}") })?;
            self.endpoint.get_or_insert_with(|| parsed.location().to_string());
        }
        Ok(())
    }

    pub(super) fn check(&self, name: &str) -> Result<(), ServiceError> {
        let wrong = |what: String| Err(ServiceError::Value { what });
        let secrets = [&self.connection_string, &self.key, &self.sas].into_iter().flatten().count();
        let Some(endpoint) = &self.endpoint else {
            return match secrets {
                0 => Ok(()),
                _ => wrong(format!("a secret for the storage account {name}, but no endpoint")),
            };
        };
        if self.folder.is_some() {
            return wrong(format!("both a folder and an endpoint for the storage account {name}"));
        }
        if secrets != 1 {
            return wrong(format!(
                "{secrets} of connection_string, key and sas for the storage account {name}; it takes one"
            ));
        }
        match Location::parse(endpoint) {
            Ok(at) if at.account_url().is_some() && at.container().is_none() && at.sas().is_none() => {}
            Ok(_) => return wrong(format!("an endpoint for {name} that is not the address of an account")),
            Err(error) => return wrong(format!("an endpoint for {name} that is none: {error}")),
        }
        match self.credential() {
            Ok(_) => Ok(()),
            Err(error) => wrong(format!("for {name}: {error}")),
        }
    }

    /// How to log in at its endpoint.
    pub(super) fn credential(&self) -> Result<Credential, capkeep_storage::Error> {
        if let Some(text) = &self.connection_string {
            return Ok(ConnectionString::parse(text.secret())?.credential().clone());
        }
        if let (Some(key), Some(endpoint)) = (&self.key, &self.endpoint) {
            let account = Location::parse(endpoint)?.account();
            return Ok(Credential::Key { account, key: key.clone() });
        }
        Ok(self.sas.clone().map_or(Credential::Nobody, Credential::Sas))
    }
}

//! Credentials: one, or a chain of which the first that works is kept.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::Error as CoreError;
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::http::{ClientOptions, Transport};
use azure_core::time::OffsetDateTime;
use azure_identity::{
    AzureCliCredential, ClientSecretCredential, ClientSecretCredentialOptions, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use url::Url;

use crate::client::Settings;
use crate::error::{Error, Result};
use crate::wire::transport;

/// How to log in.
#[derive(Clone, Default)]
pub enum Login {
    /// Not at all: for a service on this machine that asks for nothing.
    Nobody,
    /// A token that is given.
    Token(Secret),
    /// Whatever works first: a client secret, a workload identity, the Azure CLI, a managed identity.
    #[default]
    Chain,
    /// What `az login` left.
    Cli,
    /// A service principal with its secret.
    ClientSecret(ServicePrincipal),
    /// The identity of the virtual machine or service this runs on, or one of its user-assigned ones by client id.
    ManagedIdentity(Option<String>),
    /// The identity of a Kubernetes pod, as its environment says.
    WorkloadIdentity,
}

/// A service principal.
#[derive(Clone)]
pub struct ServicePrincipal {
    /// Tenant id.
    pub tenant: String,
    /// Client id.
    pub client: String,
    /// Its secret.
    pub secret: Secret,
}

impl fmt::Debug for ServicePrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServicePrincipal({})", self.client)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nobody => "Nobody",
            Self::Token(_) => "Token",
            Self::Chain => "Chain",
            Self::Cli => "Cli",
            Self::ClientSecret(_) => "ClientSecret",
            Self::ManagedIdentity(_) => "ManagedIdentity",
            Self::WorkloadIdentity => "WorkloadIdentity",
        })
    }
}

impl Login {
    /// The credential; `None` where nobody logs in. `principal` is what the chain tries first.
    pub(crate) fn credential(
        self,
        authority: &Url,
        transport: &Transport,
        principal: Option<ServicePrincipal>,
    ) -> Result<Option<Arc<dyn TokenCredential>>> {
        let options = || {
            let mut cloud = CustomConfiguration::default();
            authority.as_str().trim_end_matches('/').clone_into(&mut cloud.authority_host);
            ClientOptions {
                transport: Some(transport.clone()),
                cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
                ..ClientOptions::default()
            }
        };
        let with_secret = |principal: ServicePrincipal| {
            let options = ClientSecretCredentialOptions { client_options: options() };
            let ServicePrincipal { tenant, client, secret } = principal;
            let made = ClientSecretCredential::new(&tenant, client, secret, Some(options));
            made.map(|made| made as Arc<dyn TokenCredential>)
        };
        let managed = |client: Option<String>| {
            let user_assigned_id = client.map(UserAssignedId::ClientId);
            let options = ManagedIdentityCredentialOptions { user_assigned_id, ..Default::default() };
            ManagedIdentityCredential::new(Some(options)).map(|made| made as Arc<dyn TokenCredential>)
        };
        let workload = || WorkloadIdentityCredential::new(None).map(|made| made as Arc<dyn TokenCredential>);
        let cli = || AzureCliCredential::new(None).map(|made| made as Arc<dyn TokenCredential>);
        let wrong = |error: CoreError| Error::NoToken(error.to_string());
        Ok(Some(match self {
            Self::Nobody => return Ok(None),
            Self::Token(token) => Arc::new(Given(token)),
            Self::Cli => cli().map_err(wrong)?,
            Self::ClientSecret(principal) => with_secret(principal).map_err(wrong)?,
            Self::ManagedIdentity(client) => managed(client).map_err(wrong)?,
            Self::WorkloadIdentity => workload().map_err(wrong)?,
            Self::Chain => {
                // What cannot even be made (nothing in the environment) is told if nothing else works.
                let links = [
                    ("client secret", PATIENCE, principal.map(with_secret)),
                    ("workload identity", PATIENCE, Some(workload())),
                    ("Azure CLI", PATIENCE, Some(cli())),
                    ("managed identity", PATIENCE_AT_HOME, Some(managed(None))),
                ];
                let links = links.into_iter();
                let links =
                    links.filter_map(|(name, patience, link)| Some((name, patience, link?))).collect();
                Arc::new(Chain { links, works: OnceCell::new() })
            }
        }))
    }
}

impl Settings {
    /// What gives tokens to whoever logs in so; `None` where nobody does. For other services than Azure Resource Manager:
    /// they have their own scopes.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] and [`Error::NoToken`].
    pub fn credential(&self) -> Result<Option<Arc<dyn TokenCredential>>> {
        let transport = transport(self.certificate.as_deref())?;
        self.login.clone().credential(&self.cloud.authority, &transport, self.principal.clone())
    }
}

/// A token that was given.
struct Given(Secret);

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Given")
    }
}

#[async_trait]
impl TokenCredential for Given {
    async fn get_token(
        &self,
        _scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        // Nobody says when it ends; the service will.
        let expires = OffsetDateTime::now_utc() + azure_core::time::Duration::hours(1);
        Ok(AccessToken::new(self.0.clone(), expires))
    }
}

/// How long a credential of the chain is waited for (chosen: longer than its own retries).
const PATIENCE: Duration = Duration::from_mins(3);

/// The same for a managed identity: what gives its tokens is on the same machine (chosen; anywhere else nothing answers,
/// and connecting alone would take minutes).
const PATIENCE_AT_HOME: Duration = Duration::from_secs(10);

type Link = (&'static str, Duration, azure_core::Result<Arc<dyn TokenCredential>>);

/// Credentials of which the first that gives a token is kept.
struct Chain {
    links: Vec<Link>,
    works: OnceCell<Arc<dyn TokenCredential>>,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chain")
    }
}

#[async_trait]
impl TokenCredential for Chain {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        if let Some(works) = self.works.get() {
            return works.get_token(scopes, options).await;
        }
        let mut reasons = Vec::new();
        for (name, patience, link) in &self.links {
            let reason = match link {
                Ok(credential) => match timeout(*patience, credential.get_token(scopes, None)).await {
                    Ok(Ok(token)) => {
                        // Another call may have found it at the same time.
                        self.works.set(Arc::clone(credential)).ok();
                        return Ok(token);
                    }
                    Ok(Err(error)) => error.to_string(),
                    Err(_) => format!("nothing answers within {} s", patience.as_secs()),
                },
                Err(error) => error.to_string(),
            };
            reasons.push(format!("{name}: {}", reason.lines().next().unwrap_or_default()));
        }
        Err(CoreError::with_message(ErrorKind::Credential, reasons.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Never answers.
    #[derive(Debug)]
    struct Silent;

    #[async_trait]
    impl TokenCredential for Silent {
        async fn get_token(
            &self,
            _scopes: &[&str],
            _options: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            std::future::pending().await
        }
    }

    #[tokio::test]
    async fn a_credential_that_never_answers_holds_nobody_up() {
        let at_once = Duration::from_millis(1);
        let silent = || ("silent", at_once, Ok(Arc::new(Silent) as Arc<dyn TokenCredential>));
        let given: Arc<dyn TokenCredential> = Arc::new(Given(Secret::new("token")));
        let chain = Chain { links: vec![silent(), ("given", PATIENCE, Ok(given))], works: OnceCell::new() };
        let token = chain.get_token(&["scope"], None).await.unwrap();
        assert_eq!(token.token.secret(), "token");
        let chain = Chain { links: vec![silent()], works: OnceCell::new() };
        let error = chain.get_token(&["scope"], None).await.unwrap_err();
        assert_eq!(error.to_string(), "silent: nothing answers within 0 s");
    }
}

//! Who asks.

use std::fmt;
use std::sync::Arc;

use azure_core::credentials::{Secret, TokenCredential};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::error::{Error, Result};
use crate::location::Location;

/// What a token for storage is asked for, in every cloud. Source: Microsoft's page "Authorize access to blobs using
/// Microsoft Entra ID".
pub(crate) const SCOPE: &str = "https://storage.azure.com/.default";

/// The emulator's account and key. Source: Microsoft's page on Azurite; they are no secret.
const EMULATOR: (&str, &str) = (
    "devstoreaccount1",
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
);

/// How to log in at an account.
#[derive(Clone, Default)]
pub enum Credential {
    /// Nobody: for what is public.
    #[default]
    Nobody,
    /// A shared access signature: `sv=…&sig=…`, with or without `?`.
    Sas(Secret),
    /// The key of the account.
    Key {
        /// Name of the account.
        account: String,
        /// The key, in base64.
        key: Secret,
    },
    /// Tokens of Microsoft Entra ID.
    Token {
        /// Who gives them.
        credential: Arc<dyn TokenCredential>,
        /// What they are asked for: `https://storage.azure.com/.default`.
        scope: String,
    },
}

impl Credential {
    /// Tokens with the usual scope.
    pub fn token(credential: Arc<dyn TokenCredential>) -> Self {
        Self::Token { credential, scope: SCOPE.to_owned() }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("Nobody"),
            Self::Sas(_) => f.write_str("Sas"),
            Self::Key { account, .. } => write!(f, "Key of {account:?}"),
            Self::Token { scope, .. } => write!(f, "Token for {scope:?}"),
        }
    }
}

/// An account and how to log in there, as the portal and the tools write it:
/// `DefaultEndpointsProtocol=https;AccountName=…;AccountKey=…;EndpointSuffix=core.windows.net`.
#[derive(Clone, Debug)]
pub struct ConnectionString {
    location: Location,
    credential: Credential,
}

impl ConnectionString {
    /// Reads one. Known are `AccountName`, `AccountKey`, `BlobEndpoint`, `SharedAccessSignature`,
    /// `DefaultEndpointsProtocol`, `EndpointSuffix` and `UseDevelopmentStorage`, in any case; others are passed over.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] and [`Error::Location`], which never hold what was read.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |what: &str| Error::Setting(format!("the connection string {what}"));
        let pairs: Vec<(&str, &str)> = text
            .trim()
            .trim_matches('"')
            .split(';')
            .filter(|pair| !pair.trim().is_empty())
            .map(|pair| pair.split_once('=').map(|(key, value)| (key.trim(), value.trim())))
            .collect::<Option<_>>()
            .ok_or_else(|| wrong("has a part without ="))?;
        let get = |name: &str| {
            let found = pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| *value).filter(|value| !value.is_empty())
        };
        let is_emulator = get("UseDevelopmentStorage").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let (account, key) = if is_emulator {
            (Some(EMULATOR.0), Some(EMULATOR.1))
        } else {
            (get("AccountName"), get("AccountKey"))
        };
        let endpoint = match (get("BlobEndpoint"), account) {
            (Some(endpoint), _) => endpoint.to_owned(),
            (None, Some(account)) if is_emulator => format!("http://127.0.0.1:10000/{account}"),
            (None, Some(account)) => {
                let scheme = get("DefaultEndpointsProtocol").unwrap_or("https");
                let suffix = get("EndpointSuffix").unwrap_or("core.windows.net");
                format!("{scheme}://{account}.blob.{suffix}")
            }
            (None, None) => return Err(wrong("has neither AccountName nor BlobEndpoint")),
        };
        let location = Location::parse(&endpoint)?;
        if location.account_url().is_none() || location.container().is_some() {
            return Err(wrong("has a BlobEndpoint that is no account"));
        }
        let credential = if let Some(sas) = get("SharedAccessSignature") {
            Credential::Sas(Secret::new(sas.trim_start_matches('?').to_owned()))
        } else if let Some(key) = key {
            let account = account.map_or_else(|| location.account(), str::to_owned);
            Credential::Key { account, key: checked_key(key)? }
        } else if let Some(sas) = location.sas() {
            Credential::Sas(sas.clone())
        } else {
            Credential::Nobody
        };
        Ok(Self { location, credential })
    }

    /// The account.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// How to log in there.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }
}

/// A key, if it is one.
pub(crate) fn checked_key(key: &str) -> Result<Secret> {
    match BASE64_STANDARD.decode(key) {
        Ok(bytes) if !bytes.is_empty() => Ok(Secret::new(key.to_owned())),
        _ => Err(Error::Setting("the account's key is not base64".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_strings_give_endpoint_and_credential() {
        for (text, url, account) in [
            (
                "DefaultEndpointsProtocol=https;AccountName=sa1;AccountKey=QUJD;EndpointSuffix=core.windows.net",
                "https://sa1.blob.core.windows.net/",
                "sa1",
            ),
            ("accountname=sa1; ACCOUNTKEY=QUJDRA==;", "https://sa1.blob.core.windows.net/", "sa1"),
            (
                "AccountName=sa1;AccountKey=QUJD;BlobEndpoint=https://sa1.z1.blob.storage.azure.net/;QueueEndpoint=x",
                "https://sa1.z1.blob.storage.azure.net/",
                "sa1",
            ),
            (
                "DefaultEndpointsProtocol=http;AccountName=acc;AccountKey=QUJD;BlobEndpoint=http://127.0.0.1:10000/acc;",
                "http://127.0.0.1:10000/acc",
                "acc",
            ),
            ("UseDevelopmentStorage=true", "http://127.0.0.1:10000/devstoreaccount1", "devstoreaccount1"),
        ] {
            let found = ConnectionString::parse(text).unwrap();
            assert_eq!(found.location().account_url().unwrap().as_str(), url);
            let Credential::Key { account: name, key } = found.credential() else { panic!("{text}") };
            assert_eq!(name, account);
            assert!(!format!("{found:?}").contains(key.secret()));
        }
        let signed = "BlobEndpoint=https://sa1.blob.core.windows.net/;SharedAccessSignature=?sv=1&sig=S%3D";
        let found = ConnectionString::parse(signed).unwrap();
        let Credential::Sas(sas) = found.credential() else { panic!() };
        assert_eq!(sas.secret(), "sv=1&sig=S%3D");
    }

    #[test]
    fn what_is_no_connection_string_is_refused_without_being_shown() {
        for text in [
            "",
            "SECRET",
            "AccountKey=SECRET",
            "AccountName=sa1;AccountKey=SECRET!",
            "AccountName=sa1;AccountKey=SECRET!;BlobEndpoint=x",
            "DefaultEndpointsProtocol=http;AccountName=sa1;AccountKey=U0VDUkVU",
            "BlobEndpoint=https://sa1.blob.core.windows.net/c;SharedAccessSignature=sig=SECRET",
            "BlobEndpoint=file:///x;SharedAccessSignature=sig=SECRET",
        ] {
            let error = ConnectionString::parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("SECRET"), "{error}");
        }
    }
}

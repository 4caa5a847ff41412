//! Every way to log in.

use std::sync::Arc;

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use capkeep_storage::{
    BlobName, ConnectionString, Credential, Error, Location, Query, Secret, Store, Upload, open,
};
use futures_util::TryStreamExt;

use crate::service::{ACCOUNT, KEY, account_sas, azurite, azurite_with_tokens, container_sas};

const FAR: &str = "2099-01-01T00:00:00Z";

/// A token that nobody signed; the emulator looks at what it says only.
#[derive(Debug)]
struct Unsigned {
    audience: &'static str,
}

#[async_trait::async_trait]
impl TokenCredential for Unsigned {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let now = jiff::Timestamp::now().as_second();
        let claims = serde_json::json!({
            "aud": self.audience,
            "iss": "https://sts.windows.net/11111111-1111-1111-1111-111111111111/",
            "iat": now - 60, "nbf": now - 60, "exp": now + 3_600,
            "oid": "22222222-2222-2222-2222-222222222222",
        });
        let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let header = serde_json::json!({"alg": "RS256", "typ": "JWT"});
        let token = format!("{}.{}.{}", part(header), part(claims), BASE64_URL_SAFE_NO_PAD.encode("nobody"));
        let until = azure_core::time::OffsetDateTime::now_utc() + azure_core::time::Duration::hours(1);
        Ok(AccessToken::new(token, until))
    }
}

async fn read(store: &dyn Store, name: &BlobName) -> Result<Vec<u8>, Error> {
    let blob = store.head(name).await?;
    let pieces: Vec<bytes::Bytes> = store.read(name, 0..blob.size, &blob.etag).await?.try_collect().await?;
    Ok(pieces.concat())
}

#[tokio::test]
async fn each_kind_of_credential_reads_the_same_bytes() {
    let Some(azurite) = azurite("each_kind_of_credential") else { return };
    azurite.container("credentials").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x");
    std::fs::write(&file, b"captured").unwrap();
    let name = BlobName::new("credentials", "a b/ü.cap");
    azurite.store().upload(&name, &file, &Upload::default()).await.unwrap();

    let at = azurite.location();
    let text = format!("AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={}", azurite.url);
    let with_key = ConnectionString::parse(&text).unwrap();
    let account = account_sas("rl", FAR);
    let container = container_sas("credentials", "rl");
    let text = format!("BlobEndpoint={};SharedAccessSignature={account}", azurite.url);
    let with_sas = ConnectionString::parse(&text).unwrap();
    let in_url = Location::parse(&format!("{}/credentials?{container}", azurite.url)).unwrap();
    for (at, credential) in [
        (&at, Credential::Key { account: ACCOUNT.into(), key: Secret::new(KEY) }),
        (with_key.location(), with_key.credential().clone()),
        (with_sas.location(), with_sas.credential().clone()),
        (&at, Credential::Sas(Secret::new(account.clone()))),
        (&at, Credential::Sas(Secret::new(format!("?{container}")))),
        (&in_url, Credential::Nobody),
    ] {
        let shown = format!("{credential:?}");
        let store = open(at, credential, &azurite.settings()).unwrap();
        assert_eq!(read(&*store, &name).await.unwrap(), b"captured", "{shown}");
        let listed = store.list("credentials", &Query::default(), None).await.unwrap();
        assert_eq!(listed.items[0].name, name, "{shown}");
    }
}

#[tokio::test]
async fn a_credential_that_does_not_suffice_is_denied_without_being_told() {
    let Some(azurite) = azurite("a_credential_that_does_not_suffice") else { return };
    azurite.container("denied").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x");
    std::fs::write(&file, b"captured").unwrap();
    let name = BlobName::new("denied", "x");
    let stored = azurite.store().upload(&name, &file, &Upload::default()).await.unwrap();
    let wrong = KEY.replace("Eby8", "AAAA");
    let reading = account_sas("r", FAR);
    let expired = account_sas("rwdl", "2001-01-01T00:00:00Z");
    let signature = |sas: &str| sas.split("sig=").nth(1).unwrap().to_owned();
    for (credential, secret) in [
        (Credential::Nobody, "nobody's".to_owned()),
        (Credential::Key { account: ACCOUNT.into(), key: Secret::new(wrong.clone()) }, wrong),
        (Credential::Sas(Secret::new(reading.clone())), signature(&reading)),
        (Credential::Sas(Secret::new(expired.clone())), signature(&expired)),
    ] {
        let store = open(&azurite.location(), credential, &azurite.settings()).unwrap();
        let error = store.delete(&name, &stored.etag).await.unwrap_err();
        assert!(!format!("{error} {error:?} {store:?}").contains(&secret), "{error:?}");
        let is_refused = matches!(error, Error::Denied { .. } | Error::Missing { .. });
        assert!(is_refused, "{error:?}");
    }
    assert_eq!(azurite.store().head(&name).await.unwrap().etag, stored.etag);
}

#[tokio::test]
async fn tokens_are_taken_over_https() {
    let Some(azurite) = azurite_with_tokens("tokens_are_taken_over_https") else { return };
    azurite.container("tokens").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x");
    std::fs::write(&file, b"captured").unwrap();
    let name = BlobName::new("tokens", "x");
    let with = |audience| Credential::token(Arc::new(Unsigned { audience }));
    let store = open(&azurite.location(), with("https://storage.azure.com"), &azurite.settings()).unwrap();
    store.upload(&name, &file, &Upload::default()).await.unwrap();
    assert_eq!(read(&*store, &name).await.unwrap(), b"captured");
    let store = open(&azurite.location(), with("https://elsewhere"), &azurite.settings()).unwrap();
    assert!(matches!(store.head(&name).await, Err(Error::Denied { .. })));
    // Nobody who is not trusted gets a token.
    let settings = capkeep_storage::Settings { retry_for: std::time::Duration::ZERO, ..Default::default() };
    let store = open(&azurite.location(), with("https://storage.azure.com"), &settings).unwrap();
    assert!(matches!(store.head(&name).await, Err(Error::Transport { .. })));
    let plain = Location::parse("http://127.0.0.1:1/acc").unwrap();
    assert!(matches!(open(&plain, with("x"), &settings), Err(Error::Setting(_))));
}

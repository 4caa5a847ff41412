//! Signing in: as much of Entra ID as clients need before they ask for anything.

use serde_json::json;

use super::config::Config;
use super::message::{Reply, Request, decode};
use super::random::{self, Signer};

/// Seconds a token is good for (chosen: an hour, as the real ones).
const TOKEN_S: i64 = 3_600;

/// Endpoints of this cloud.
pub(super) fn metadata(base: &str, config: &Config) -> Reply {
    let suffix = base.split_once("://").map_or(base, |(_, host)| host);
    Reply::json(
        200,
        &json!({
            "name": "Local",
            "portal": base,
            "authentication": {
                "loginEndpoint": base,
                "audiences": [base],
                "tenant": config.tenant,
                "identityProvider": "AAD",
            },
            "media": base,
            "graphAudience": base,
            "graph": base,
            "batch": base,
            "gallery": base,
            "resourceManager": base,
            "activeDirectoryDataLake": base,
            "microsoftGraphResourceId": base,
            "sqlManagement": base,
            "vmImageAliasDoc": base,
            "suffixes": {
                "storage": suffix,
                "keyVaultDns": suffix,
                "sqlServerHostname": suffix,
                "acrLoginServer": suffix,
            },
        }),
    )
}

/// Where tokens are.
pub(super) fn openid(base: &str, tenant: &str) -> Reply {
    let of = format!("{base}/{tenant}");
    Reply::json(
        200,
        &json!({
            "issuer": format!("{of}/v2.0"),
            "authorization_endpoint": format!("{of}/oauth2/v2.0/authorize"),
            "token_endpoint": format!("{of}/oauth2/v2.0/token"),
            "device_authorization_endpoint": format!("{of}/oauth2/v2.0/devicecode"),
            "jwks_uri": format!("{of}/discovery/v2.0/keys"),
            "response_types_supported": ["code", "id_token", "token"],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "scopes_supported": ["openid"],
            "claims_supported": ["sub", "iss", "aud", "exp", "iat"],
            "cloud_instance_name": "local",
            "tenant_region_scope": "local",
        }),
    )
}

/// A token for a service principal. Its secret has to be the service's token, where that has one.
pub(super) fn token(
    request: &Request,
    tenant: &str,
    required: Option<&str>,
    signer: &Signer,
    now_ns: i64,
) -> Reply {
    let form = String::from_utf8_lossy(&request.body);
    let field = |name: &str| {
        form.split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(known, _)| *known == name)
            .and_then(|(_, value)| decode(&value.replace('+', " ")))
    };
    let refuse = |status: u16, error: &str, text: &str| {
        Reply::json(status, &json!({ "error": error, "error_description": text, "error_codes": [] }))
    };
    if !request.method.eq_ignore_ascii_case("POST") {
        return refuse(405, "invalid_request", "tokens are asked for with POST");
    }
    let grant = field("grant_type").unwrap_or_default();
    if grant != "client_credentials" {
        let text = format!("grant_type is {grant:?}; there is only client_credentials here");
        return refuse(400, "unsupported_grant_type", &text);
    }
    let secret = field("client_secret").unwrap_or_default();
    if required.is_some_and(|required| !random::same(required, &secret)) {
        return refuse(
            401,
            "invalid_client",
            "the client secret is not the token this service was started with",
        );
    }
    let seconds = now_ns / 1_000_000_000;
    let client = field("client_id").unwrap_or_default();
    let audience = field("scope").or_else(|| field("resource")).unwrap_or_default();
    let audience = audience.trim_end_matches("/.default");
    let claims = json!({
        "aud": audience,
        "iss": format!("{}/{tenant}/v2.0", request.base()),
        "iat": seconds,
        "nbf": seconds,
        "exp": seconds + TOKEN_S,
        "appid": client,
        "azp": client,
        "oid": client,
        "sub": client,
        "tid": tenant,
        "idtyp": "app",
        "ver": "2.0",
    });
    let head = json!({ "typ": "JWT", "alg": "HS256" });
    let text = format!("{}.{}", random::encode(&head.to_string()), random::encode(&claims.to_string()));
    let signature = signer.sign(&text);
    let answer = json!({
        "token_type": "Bearer",
        "expires_in": TOKEN_S,
        "ext_expires_in": TOKEN_S,
        "access_token": format!("{text}.{signature}"),
    });
    Reply::json(200, &answer).with("cache-control", "no-store")
}

/// What to answer a request that may not pass; `None` if it may.
pub(super) fn refuse(
    request: &Request,
    required: Option<&str>,
    signer: &Signer,
    now_ns: i64,
) -> Option<Reply> {
    let required = required?;
    let value = request.header("authorization").unwrap_or_default();
    let token = value
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map_or("", |(_, token)| token.trim());
    if token.is_empty() {
        let message = "Authentication failed. The 'Authorization' header is missing.";
        return Some(Reply::error(401, "AuthenticationFailed", message).with("www-authenticate", "Bearer"));
    }
    if random::same(required, token) || is_ours(token, signer, now_ns) {
        return None;
    }
    let message = "The access token is not the one this service was started with, nor one it gave out.";
    let challenge = "Bearer error=\"invalid_token\"";
    Some(Reply::error(401, "InvalidAuthenticationToken", message).with("www-authenticate", challenge))
}

/// What to answer where no token is asked for and the request comes from a page in a browser, which can send requests to
/// this machine too: it names itself, or the host it was loaded from (which may have been made to point here).
pub(super) fn refuse_strangers(request: &Request) -> Option<Reply> {
    let host = request.header("host").unwrap_or("localhost");
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_here = name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if is_here && request.header("origin").is_none() {
        return None;
    }
    let message = "Without a token only programs on this machine are answered, at localhost or 127.0.0.1.";
    Some(Reply::error(403, "RequestFromElsewhere", message))
}

/// True for a token that was given out here and is still good.
fn is_ours(token: &str, signer: &Signer, now_ns: i64) -> bool {
    let Some((text, signature)) = token.rsplit_once('.') else { return false };
    if !signer.verify(text, signature) {
        return false;
    }
    let claims = text.split_once('.').and_then(|(_, claims)| random::decode(claims));
    let claims = claims.and_then(|claims| serde_json::from_str::<serde_json::Value>(&claims).ok());
    claims.and_then(|claims| claims["exp"].as_i64()).is_some_and(|end| now_ns / 1_000_000_000 < end)
}

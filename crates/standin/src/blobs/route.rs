//! From a request to what was meant.

use super::account::State;
use super::message::{Answer, EXPIRED, NO_AUTHENTICATION, Refusal, Reply, Request, UNSUPPORTED};
use super::{container, delete, lease, listing, read, service, write};

/// Answers a request.
pub(super) fn route(state: &mut State, request: &Request) -> Reply {
    if let Some(reply) = canned(state, request) {
        return reply;
    }
    allowed(state, request)
        .and_then(|()| match (request.container.is_empty(), request.name.is_empty()) {
            (true, _) => on_account(state, request),
            (false, true) => on_container(state, request),
            (false, false) => on_blob(state, request),
        })
        .unwrap_or_else(|refusal| refused(&refusal))
}

fn refused(refusal: &Refusal) -> Reply {
    let reply = refusal.reply();
    match refusal.status {
        401 => reply.with(
            "www-authenticate",
            "Bearer authorization_uri=https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000/oauth2/authorize resource_id=https://storage.azure.com",
        ),
        _ => reply,
    }
}

fn canned(state: &mut State, request: &Request) -> Option<Reply> {
    let target = format!("{}?{}", request.seen.path, request.seen.query);
    let mut all = state.rules.canned.iter_mut();
    let canned = all.find_map(|canned| canned.takes(&request.seen.method, &target).then_some(canned))?;
    let reply = match canned.code {
        "" => Reply::new(canned.status),
        code => Refusal::new(canned.status, code, "As the test said.").reply(),
    };
    Some(canned.headers.iter().fold(reply, |reply, (name, value)| reply.with(name, value.clone())))
}

fn allowed(state: &mut State, request: &Request) -> Result<(), Refusal> {
    if !state.rules.needs_credentials {
        return Ok(());
    }
    if !request.seen.has_authorization() && !request.seen.has_signature() {
        return Err(NO_AUTHENTICATION);
    }
    let end = request.parameter("se").and_then(|text| text.parse().ok());
    if end.is_some_and(|end: jiff::Timestamp| end < state.now()) { Err(EXPIRED) } else { Ok(()) }
}

fn on_account(state: &mut State, request: &Request) -> Answer {
    match (request.seen.method.as_str(), request.parameter("restype"), request.comp()) {
        ("GET", _, "list") => Ok(container::list(state, request)),
        ("GET", Some("service"), "properties") => Ok(service::properties(state)),
        ("GET" | "HEAD", Some("account"), "properties") => Ok(service::account()),
        _ => Err(UNSUPPORTED),
    }
}

fn on_container(state: &mut State, request: &Request) -> Answer {
    match (request.seen.method.as_str(), request.comp()) {
        ("GET", "list") => listing::blobs(state, request),
        ("GET" | "HEAD", "properties") if request.parameter("restype") == Some("account") => {
            Ok(service::account())
        }
        ("GET" | "HEAD", "" | "metadata") => container::properties(state, request),
        ("PUT", "") => container::create(state, request),
        ("DELETE", "") => container::delete(state, request),
        _ => Err(UNSUPPORTED),
    }
}

fn on_blob(state: &mut State, request: &Request) -> Answer {
    match (request.seen.method.as_str(), request.comp()) {
        ("GET", "") => read::get(state, request),
        ("HEAD", "" | "metadata") => read::head(state, request),
        ("GET", "tags") => read::tags(state, request),
        ("GET", "blocklist") => read::block_list(state, request),
        ("PUT", "") if request.header("x-ms-copy-source").is_some() => write::copy(state, request),
        ("PUT", "") => write::put(state, request),
        ("PUT", "block") => write::block(state, request),
        ("PUT", "blocklist") => write::block_list(state, request),
        ("PUT", "metadata") => write::metadata(state, request),
        ("PUT", "tags") => write::tags(state, request),
        ("PUT", "tier") => write::tier(state, request),
        ("PUT", "snapshot") => write::snapshot(state, request),
        ("PUT", "immutabilityPolicies") => write::policy(state, request),
        ("DELETE", "immutabilityPolicies") => write::no_policy(state, request),
        ("PUT", "legalhold") => write::hold(state, request),
        ("PUT", "lease") => lease::lease(state, request),
        ("PUT", "undelete") => delete::undelete(state, request),
        ("DELETE", "") => delete::delete(state, request),
        _ => Err(UNSUPPORTED),
    }
}

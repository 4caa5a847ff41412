//! Containers.

use super::account::State;
use super::date;
use super::message::{Answer, CONTAINER_EXISTS, CONTAINER_MISSING, Reply, Request};
use super::xml::{element, escaped};

/// List Containers.
pub(super) fn list(state: &State, request: &Request) -> Reply {
    let prefix = request.parameter("prefix").unwrap_or_default();
    let marker = request.parameter("marker").unwrap_or_default();
    let most = request.parameter("maxresults").and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
    let mut names =
        state.containers.iter().filter(|(name, _)| name.starts_with(prefix) && name.as_str() >= marker);
    let mut items = String::new();
    for (name, container) in names.by_ref().take(most.min(state.rules.page)) {
        let flag = |is: bool| if is { "true" } else { "false" };
        items.push_str("<Container>");
        items.push_str(&element("Name", name));
        items.push_str("<Properties>");
        items.push_str(&element("Last-Modified", &date(container.modified)));
        items.push_str(&element("Etag", &container.etag));
        items.push_str("<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>");
        items.push_str(&element("HasImmutabilityPolicy", flag(container.has_policy)));
        items.push_str(&element("HasLegalHold", flag(container.has_hold)));
        items.push_str("</Properties></Container>");
    }
    let next = names.next().map_or("", |(name, _)| name.as_str());
    Reply::xml(format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"http://{}/\">{}<Containers>{items}</Containers>{}</EnumerationResults>",
        escaped(request.header("host").unwrap_or_default()),
        element("Prefix", prefix),
        element("NextMarker", next),
    ))
}

/// Get Container Properties.
pub(super) fn properties(state: &mut State, request: &Request) -> Answer {
    let container = state.container(&request.container)?;
    Ok(Reply::new(200)
        .with("etag", container.etag.clone())
        .with("last-modified", date(container.modified))
        .with("x-ms-lease-status", "unlocked")
        .with("x-ms-lease-state", "available")
        .with("x-ms-has-immutability-policy", container.has_policy.to_string())
        .with("x-ms-has-legal-hold", container.has_hold.to_string()))
}

/// Create Container.
pub(super) fn create(state: &mut State, request: &Request) -> Answer {
    if state.containers.contains_key(&request.container) {
        return Err(CONTAINER_EXISTS);
    }
    let container = state.make_container(&request.container);
    Ok(Reply::new(201).with("etag", container.etag.clone()).with("last-modified", date(container.modified)))
}

/// Delete Container.
pub(super) fn delete(state: &mut State, request: &Request) -> Answer {
    state.containers.remove(&request.container).map(|_| Reply::new(202)).ok_or(CONTAINER_MISSING)
}

//! Paths and what they mean.

use super::message::{Request, decode};

/// What a path means. Names are as the client wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Metadata,
    OpenId {
        tenant: String,
    },
    Token {
        tenant: String,
    },
    Tenants,
    Subscriptions,
    /// Everything below a subscription needs an api-version.
    In {
        subscription: String,
        rest: Below,
    },
}

/// What a path below a subscription means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Below {
    Subscription,
    Groups,
    Group(String),
    Operation {
        region: String,
        id: String,
    },
    OperationResult {
        region: String,
        id: String,
    },
    /// Resources of a kind, in a group or in all.
    List {
        group: Option<String>,
        kind: Kind,
    },
    /// One resource.
    One {
        group: String,
        kind: Kind,
        name: String,
    },
    /// Resources below a machine or a scale set.
    Children {
        group: String,
        kind: Kind,
        name: String,
        child: Child,
        of: Option<String>,
    },
    /// How a machine is.
    View {
        group: String,
        name: String,
    },
    /// What the caller may do everywhere.
    AllPermissions,
    /// What the caller may do with a resource.
    Permissions {
        group: String,
        kind: Kind,
        name: String,
    },
    Captures {
        group: String,
        watcher: String,
    },
    Capture {
        group: String,
        watcher: String,
        name: String,
        verb: Verb,
    },
}

/// A kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Watcher,
    Machine,
    ScaleSet,
    Storage,
}

/// A kind of resource below another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Child {
    Extension,
    Instance,
}

/// What is asked of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Itself,
    Stop,
    QueryStatus,
}

/// What the path of a request means; `None` if nothing.
pub(super) fn route(request: &Request) -> Option<Route> {
    let words: Vec<String> =
        request.path.split('/').filter(|word| !word.is_empty()).map(decode).collect::<Option<_>>()?;
    let lower: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let word = |index: usize| words.get(index).cloned().unwrap_or_default();
    Some(match lower.as_slice() {
        ["metadata", "endpoints"] => Route::Metadata,
        [_, ".well-known", "openid-configuration"] | [_, "v2.0", ".well-known", "openid-configuration"] => {
            Route::OpenId { tenant: word(0) }
        }
        [_, "oauth2", "token"] | [_, "oauth2", "v2.0", "token"] => Route::Token { tenant: word(0) },
        ["tenants"] => Route::Tenants,
        ["subscriptions"] => Route::Subscriptions,
        ["subscriptions", _, rest @ ..] => {
            Route::In { subscription: word(1), rest: below(rest, words.get(2..)?)? }
        }
        _ => return None,
    })
}

fn below(lower: &[&str], words: &[String]) -> Option<Below> {
    let word = |index: usize| words.get(index).cloned().unwrap_or_default();
    Some(match lower {
        [] => Below::Subscription,
        ["resourcegroups"] => Below::Groups,
        ["resourcegroups", _] => Below::Group(word(1)),
        ["providers", "microsoft.network", "locations", _, "operations", _] => {
            Below::Operation { region: word(3), id: word(5) }
        }
        ["providers", "microsoft.network", "locations", _, "operationresults", _] => {
            Below::OperationResult { region: word(3), id: word(5) }
        }
        ["providers", "microsoft.authorization", "permissions"] => Below::AllPermissions,
        ["providers", provider, kind] => Below::List { group: None, kind: kind_of(provider, kind)? },
        ["resourcegroups", _, "providers", provider, kind, rest @ ..] => {
            let kind = kind_of(provider, kind)?;
            let group = word(1);
            let name = word(5);
            match (kind, rest) {
                (_, []) => Below::List { group: Some(group), kind },
                (_, [_]) => Below::One { group, kind, name },
                (Kind::Watcher, [_, "packetcaptures"]) => Below::Captures { group, watcher: name },
                (Kind::Watcher, [_, "packetcaptures", _, verb @ ..]) => {
                    let verb = match verb {
                        [] => Verb::Itself,
                        ["stop"] => Verb::Stop,
                        ["querystatus"] => Verb::QueryStatus,
                        _ => return None,
                    };
                    Below::Capture { group, watcher: name, name: word(7), verb }
                }
                (Kind::Machine, [_, "instanceview"]) => Below::View { group, name },
                (_, [_, "providers", "microsoft.authorization", "permissions"]) => {
                    Below::Permissions { group, kind, name }
                }
                (Kind::Machine | Kind::ScaleSet, [_, "extensions", of @ ..]) if of.len() <= 1 => {
                    Below::Children { group, kind, name, child: Child::Extension, of: words.get(7).cloned() }
                }
                (Kind::ScaleSet, [_, "virtualmachines", of @ ..]) if of.len() <= 1 => {
                    Below::Children { group, kind, name, child: Child::Instance, of: words.get(7).cloned() }
                }
                _ => return None,
            }
        }
        _ => return None,
    })
}

fn kind_of(provider: &str, kind: &str) -> Option<Kind> {
    Some(match (provider, kind) {
        ("microsoft.network", "networkwatchers") => Kind::Watcher,
        ("microsoft.compute", "virtualmachines") => Kind::Machine,
        ("microsoft.compute", "virtualmachinescalesets") => Kind::ScaleSet,
        ("microsoft.storage", "storageaccounts") => Kind::Storage,
        _ => return None,
    })
}

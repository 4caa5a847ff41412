//! ARM resource ids.

use std::fmt;
use std::str::FromStr;

/// Id of a resource: `/subscriptions/{s}/resourceGroups/{rg}/providers/{namespace}/{type}/{name}…`.
///
/// Keeps the case it was written in; comparing and searching ignore it, as the service does.
#[derive(Clone, Debug, Eq)]
pub struct ResourceId {
    /// Subscription.
    pub subscription: String,
    /// Resource group.
    pub resource_group: String,
    /// Namespace of the provider, such as `Microsoft.Compute`.
    pub provider: String,
    /// Types and names from the outside in.
    pub parts: Vec<(String, String)>,
}

/// What is wrong with an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a resource id: {0}")]
pub struct IdError(String);

impl ResourceId {
    /// An id with one type and name.
    pub fn new(subscription: &str, resource_group: &str, provider: &str, kind: &str, name: &str) -> Self {
        Self {
            subscription: subscription.into(),
            resource_group: resource_group.into(),
            provider: provider.into(),
            parts: vec![(kind.into(), name.into())],
        }
    }

    /// The same with one more type and name.
    #[must_use]
    pub fn child(mut self, kind: &str, name: &str) -> Self {
        self.parts.push((kind.into(), name.into()));
        self
    }

    /// Name of the innermost resource.
    pub fn name(&self) -> &str {
        self.parts.last().map_or("", |(_, name)| name)
    }

    /// True if namespace and types are these, whatever their case: `Microsoft.Compute/virtualMachines`.
    pub fn is(&self, kind: &str) -> bool {
        let mut words = kind.split('/');
        words.next().is_some_and(|word| word.eq_ignore_ascii_case(&self.provider))
            && self
                .parts
                .iter()
                .all(|(kind, _)| words.next().is_some_and(|word| word.eq_ignore_ascii_case(kind)))
            && words.next().is_none()
    }

    /// The name under a type, such as the watcher's in the id of a capture.
    pub fn name_of(&self, kind: &str) -> Option<&str> {
        self.parts.iter().find(|(known, _)| known.eq_ignore_ascii_case(kind)).map(|(_, name)| name.as_str())
    }
}

impl FromStr for ResourceId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = |what: &str| IdError(format!("{what} in {text:?}"));
        let mut words = text.strip_prefix('/').ok_or_else(|| wrong("no / at the start"))?.split('/');
        let mut named = |key: &'static str| {
            let found = words.next().unwrap_or_default();
            if !found.eq_ignore_ascii_case(key) {
                return Err(wrong(&format!("no /{key}/")));
            }
            words
                .next()
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .ok_or_else(|| wrong("an empty name"))
        };
        let subscription = named("subscriptions")?;
        let resource_group = named("resourceGroups")?;
        let provider = named("providers")?;
        let mut parts = Vec::new();
        while let Some(kind) = words.next() {
            match words.next() {
                Some(name) if !kind.is_empty() && !name.is_empty() => {
                    parts.push((kind.to_owned(), name.to_owned()));
                }
                _ => return Err(wrong("a type without a name")),
            }
        }
        if parts.is_empty() {
            return Err(wrong("no type and name"));
        }
        Ok(Self { subscription, resource_group, provider, parts })
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subscription, resource_group, provider, parts } = self;
        write!(f, "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/{provider}")?;
        parts.iter().try_for_each(|(kind, name)| write!(f, "/{kind}/{name}"))
    }
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        self.to_string().eq_ignore_ascii_case(&other.to_string())
    }
}

//! Clouds by name.

use url::Url;

/// Where Azure Resource Manager and the login of a cloud are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cloud {
    /// Azure Resource Manager.
    pub endpoint: Url,
    /// Login.
    pub authority: Url,
    /// What a token is asked for.
    pub scope: String,
}

/// Names and endpoints: Azure's, and those of the sovereign clouds. Source: `az cloud list`.
const CLOUDS: &[(&str, &str, &str)] = &[
    ("AzureCloud", "https://management.azure.com/", "https://login.microsoftonline.com/"),
    ("AzureUSGovernment", "https://management.usgovcloudapi.net/", "https://login.microsoftonline.us/"),
    ("AzureChinaCloud", "https://management.chinacloudapi.cn/", "https://login.chinacloudapi.cn/"),
];

impl Cloud {
    /// Names of the clouds that are known.
    pub fn names() -> impl Iterator<Item = &'static str> {
        CLOUDS.iter().map(|(name, ..)| *name)
    }

    /// A cloud by its name, whatever its case.
    pub fn named(name: &str) -> Option<Self> {
        let (_, endpoint, authority) = CLOUDS.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name))?;
        Some(Self::at(Url::parse(endpoint).ok()?, Url::parse(authority).ok()?))
    }

    /// A cloud by its addresses.
    pub fn at(endpoint: Url, authority: Url) -> Self {
        // The audience of a cloud is its endpoint without a slash at the end.
        let scope = format!("{}/.default", endpoint.as_str().trim_end_matches('/'));
        Self { endpoint, authority, scope }
    }
}

//! Where a capture file comes from.

use serde::{Deserialize, Serialize};

/// Where a capture file of a session comes from: told by who found it, not read from the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Name as it was given.
    pub name: String,
    /// The virtual machine it was captured on.
    pub vm: Option<String>,
    /// The Azure capture that made it.
    pub capture: Option<String>,
    /// Where it is stored.
    pub storage_path: Option<String>,
    /// Size.
    pub bytes: Option<u64>,
    /// What tells this content from a later one under the same name: an `ETag`, or size and time.
    pub version: Option<String>,
    /// True if the Azure capture still exists.
    pub capture_exists: Option<bool>,
}

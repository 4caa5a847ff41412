//! What the packetCaptures API takes and gives: `networkWatcher.json` of the specification, api-version 2026-03-01.
//!
//! A field that is absent is `None` and stays absent. Fields this version does not know are kept in `other`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Fields that are not in the specification.
pub type Other = Map<String, Value>;

/// Body of a create call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CaptureRequest {
    /// What to capture and where to.
    pub properties: Parameters,
    /// Unknown fields.
    #[serde(flatten)]
    pub other: Other,
}

/// What to capture and where to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameters {
    /// ARM id of the virtual machine or scale set.
    #[serde(default)]
    pub target: String,
    /// Instances of a scale set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// `AzureVM` (where absent) or `AzureVMSS`; see [`Parameters::target_type`].
    #[serde(rename = "targetType", skip_serializing_if = "Option::is_none")]
    pub target_type_text: Option<String>,
    /// Bytes kept of each packet; 0 keeps all. Where absent: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_to_capture_per_packet: Option<i64>,
    /// Bytes after which a classic session ends. Where absent: 1,073,741,824.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_bytes_per_session: Option<i64>,
    /// Seconds after which a classic session ends. Where absent: 18,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_limit_in_seconds: Option<i64>,
    /// Where the file goes.
    #[serde(default)]
    pub storage_location: StorageLocation,
    /// Packets that match one of these are kept; all where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filters: Option<Vec<Filter>>,
    /// Absent: a classic session with one file. `true` or `false`: a ring of files, which either goes on until it is
    /// stopped or ends when it is full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continuous_capture: Option<bool>,
    /// The ring of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capture_settings: Option<CaptureSettings>,
    /// Unknown fields.
    #[serde(flatten)]
    pub other: Other,
}

/// Instances of a scale set: ids or, as the service answers, full ARM ids. Both empty: all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scope {
    /// These only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include: Option<Vec<String>>,
    /// All but these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclude: Option<Vec<String>>,
    /// Unknown fields.
    #[serde(flatten)]
    pub other: Other,
}

/// Where the file of a session goes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageLocation {
    /// ARM id of a storage account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_id: Option<String>,
    /// URL of the blob. The service answers `""` where the file stays on the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_path: Option<String>,
    /// Path on the machine, for a classic session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_path: Option<String>,
    /// Path on the machine, for a ring of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_path: Option<String>,
    /// Unknown fields.
    #[serde(flatten)]
    pub other: Other,
}

/// A filter. A field that is absent or `""` matches everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Filter {
    /// `TCP`, `UDP` or `Any` in any case; see [`Filter::protocol`].
    #[serde(rename = "protocol", skip_serializing_if = "Option::is_none")]
    pub protocol_text: Option<String>,
    /// Address of the machine: see [`Addresses`](crate::Addresses).
    #[serde(rename = "localIPAddress", skip_serializing_if = "Option::is_none")]
    pub local_ip_address: Option<String>,
    /// Address of the peer.
    #[serde(rename = "remoteIPAddress", skip_serializing_if = "Option::is_none")]
    pub remote_ip_address: Option<String>,
    /// Port of the machine: see [`Ports`](crate::Ports).
    #[serde(rename = "localPort", skip_serializing_if = "Option::is_none")]
    pub local_port: Option<String>,
    /// Port of the peer.
    #[serde(rename = "remotePort", skip_serializing_if = "Option::is_none")]
    pub remote_port: Option<String>,
    /// Unknown fields.
    #[serde(flatten)]
    pub other: Other,
}

/// A ring of files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaptureSettings {
    /// Files kept. Where absent: 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_count: Option<i64>,
    /// Bytes of a file. Where absent: 104,857,600.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size_in_bytes: Option<i64>,
    /// Seconds after which the session ends. Where absent: 86,400.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_time_limit_in_seconds: Option<i64>,
    /// Unknown fields.
    #[serde(flatten)]
    pub other: Other,
}

/// A packet capture, as the service answers it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Capture {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its ARM id.
    #[serde(default)]
    pub id: String,
    /// Its etag; in a list that of the watcher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// `Microsoft.Network/networkWatchers/packetCaptures`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What it captures.
    #[serde(default)]
    pub properties: CaptureProperties,
    /// Unknown fields.
    #[serde(flatten)]
    pub other: Other,
}

/// What a capture captures, and how far its making has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaptureProperties {
    /// `Succeeded`, `Updating`, `Deleting`, `Failed`, `Creating`, `Canceled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioning_state: Option<String>,
    /// As created, defaults filled in.
    #[serde(flatten)]
    pub parameters: Parameters,
}

/// Status of a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaptureStatus {
    /// Name of the capture.
    #[serde(default)]
    pub name: String,
    /// ARM id of the capture.
    #[serde(default)]
    pub id: String,
    /// When it began, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capture_start_time: Option<String>,
    /// `NotStarted`, `Running`, `Stopped`, `Error`, `Unknown`; see [`CaptureStatus::state`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet_capture_status: Option<String>,
    /// Why it stopped; for scale sets a sentence. See [`CaptureStatus::reason`].
    #[serde(rename = "stopReason", skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<String>,
    /// Codes, or free text (of a machine that is gone).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet_capture_error: Option<Vec<String>>,
    /// Unknown fields.
    #[serde(flatten)]
    pub other: Other,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The items.
    #[serde(default = "Vec::new")]
    pub value: Vec<T>,
    /// Where the next page is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_link: Option<String>,
}

/// Body of an error.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorDetail,
}

/// Code and message of an error.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// `NotFound`, `InvalidRequestFormat`, `TooManyRequests`, …
    #[serde(default)]
    pub code: String,
    /// A sentence or two.
    #[serde(default)]
    pub message: String,
    /// The field it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What is behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Vec<ErrorDetail>>,
    /// Unknown fields.
    #[serde(flatten)]
    pub other: Other,
}

/// Kind of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetType {
    /// A virtual machine.
    Machine,
    /// A scale set.
    ScaleSet,
}

/// Protocol of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Everything.
    Any,
}

/// What a session does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has not begun.
    NotStarted,
    /// It captures.
    Running,
    /// It has ended.
    Stopped,
    /// It has failed.
    Error,
    /// The service does not know, or says what the specification does not have.
    Unknown,
}

/// Why a session stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Its time limit was reached.
    TimeExceeded,
    /// Its byte limit was reached.
    SizeExceeded,
    /// Somebody stopped it.
    Manual,
    /// Something else, in words.
    Other,
}

impl Parameters {
    /// Kind of the target; `None` for a word that is neither.
    pub fn target_type(&self) -> Option<TargetType> {
        match self.target_type_text.as_deref() {
            None => Some(TargetType::Machine),
            Some(text) if text.eq_ignore_ascii_case("AzureVM") => Some(TargetType::Machine),
            Some(text) if text.eq_ignore_ascii_case("AzureVMSS") => Some(TargetType::ScaleSet),
            Some(_) => None,
        }
    }

    /// True for a session that writes a ring of files.
    pub fn is_ring(&self) -> bool {
        self.continuous_capture.is_some()
    }
}

impl Filter {
    /// Its protocol; `None` for a word that is none of the three.
    pub fn protocol(&self) -> Option<Protocol> {
        match self.protocol_text.as_deref() {
            None | Some("") => Some(Protocol::Any),
            Some(text) if text.eq_ignore_ascii_case("TCP") => Some(Protocol::Tcp),
            Some(text) if text.eq_ignore_ascii_case("UDP") => Some(Protocol::Udp),
            Some(text) if text.eq_ignore_ascii_case("Any") => Some(Protocol::Any),
            Some(_) => None,
        }
    }
}

impl CaptureStatus {
    /// What the session does.
    pub fn state(&self) -> State {
        let words = [
            ("NotStarted", State::NotStarted),
            ("Running", State::Running),
            ("Stopped", State::Stopped),
            ("Error", State::Error),
        ];
        let text = self.packet_capture_status.as_deref().unwrap_or_default();
        let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        found.map_or(State::Unknown, |(_, state)| *state)
    }

    /// Why it stopped. For scale sets the word is looked for in the sentence.
    pub fn reason(&self) -> Option<StopReason> {
        let text = self.stop_reason.as_deref().filter(|text| !text.is_empty())?;
        // "Manual" is what the service says of a session somebody stopped; older answers say "ManuallyStopped".
        Some(if text.contains("TimeExceeded") {
            StopReason::TimeExceeded
        } else if text.contains("SizeExceeded") || text.contains("BytesExceeded") {
            StopReason::SizeExceeded
        } else if text.contains("Manual") {
            StopReason::Manual
        } else {
            StopReason::Other
        })
    }

    /// True once nothing more will be captured.
    pub fn is_over(&self) -> bool {
        matches!(self.state(), State::Stopped | State::Error)
    }
}

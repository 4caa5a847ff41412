//! The rules a create call must follow, so that a mistake is told before the service is asked.

use std::fmt;

use crate::id::ResourceId;
use crate::model::{CaptureRequest, Filter, Parameters, StorageLocation, TargetType};
use crate::range::{Addresses, Ports, RangeError};

/// A number and what it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Name of the field.
    pub field: &'static str,
    /// Smallest value.
    pub least: i64,
    /// Largest value.
    pub most: i64,
    /// What the service takes where the field is absent.
    pub default: i64,
    /// Unit of the value.
    pub unit: &'static str,
}

/// Ranges and defaults of the specification, 2026-03-01.
pub mod limits {
    use super::Limit;

    /// Bytes kept of each packet; 0 keeps all.
    pub const BYTES_PER_PACKET: Limit = Limit {
        field: "bytesToCapturePerPacket",
        least: 0,
        most: u32::MAX as i64,
        default: 0,
        unit: "bytes",
    };
    /// Bytes of a classic session.
    pub const BYTES_PER_SESSION: Limit = Limit {
        field: "totalBytesPerSession",
        least: 0,
        most: u32::MAX as i64,
        default: 1 << 30,
        unit: "bytes",
    };
    /// Length of a classic session.
    pub const TIME: Limit =
        Limit { field: "timeLimitInSeconds", least: 0, most: 18_000, default: 18_000, unit: "seconds" };
    /// Files of a ring.
    pub const FILE_COUNT: Limit =
        Limit { field: "fileCount", least: 0, most: 10_000, default: 10, unit: "files" };
    /// Bytes of a file of a ring.
    pub const FILE_SIZE: Limit = Limit {
        field: "fileSizeInBytes",
        least: 0,
        most: u32::MAX as i64,
        default: 100 << 20,
        unit: "bytes",
    };
    /// Length of a session with a ring.
    pub const RING_TIME: Limit = Limit {
        field: "sessionTimeLimitInSeconds",
        least: 0,
        most: 604_800,
        default: 86_400,
        unit: "seconds",
    };
}

/// A rule that a request breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field, as a path: `properties.filters[0].localPort`.
    pub field: String,
    /// The rule, as a sentence without a full stop.
    pub rule: String,
    /// The nearest right value, where there is one.
    pub nearest: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.rule)?;
        self.nearest.as_ref().map_or(Ok(()), |nearest| write!(f, "; nearest right value: {nearest}"))
    }
}

/// Everything that is wrong with a request; nothing if it may be sent.
pub fn check(request: &CaptureRequest) -> Vec<Problem> {
    let mut found = Found(Vec::new());
    let parameters = &request.properties;
    found.target(parameters);
    let location = &parameters.storage_location;
    found.number(limits::BYTES_PER_PACKET, "properties", parameters.bytes_to_capture_per_packet);
    found.number(limits::BYTES_PER_SESSION, "properties", parameters.total_bytes_per_session);
    found.number(limits::TIME, "properties", parameters.time_limit_in_seconds);
    found.storage(location, parameters.is_ring());
    match (&parameters.capture_settings, parameters.is_ring()) {
        (Some(settings), true) => {
            let of = "properties.captureSettings";
            found.number(limits::FILE_COUNT, of, settings.file_count);
            found.number(limits::FILE_SIZE, of, settings.file_size_in_bytes);
            found.number(limits::RING_TIME, of, settings.session_time_limit_in_seconds);
        }
        (Some(_), false) => {
            found.add(
                "properties.captureSettings",
                "is for a ring of files: set continuousCapture too",
                None,
            );
        }
        (None, _) => {}
    }
    for (index, filter) in parameters.filters.iter().flatten().enumerate() {
        found.filter(filter, &format!("properties.filters[{index}]"));
    }
    found.0
}

/// What is wrong with the name of a capture. Only what no resource of Azure can be named is refused here; the service may
/// refuse more.
pub fn check_name(name: &str) -> Option<Problem> {
    let problem = |rule: &str, nearest: Option<String>| {
        Some(Problem { field: "name".into(), rule: format!("{name:?} {rule}"), nearest })
    };
    // Reserved characters: "Resolve errors for reserved resource names" and the naming rules of Azure Resource Manager.
    let is_wrong = |c: char| c.is_control() || c.is_whitespace() || "<>*%&:\\?+/#\"".contains(c);
    if name.is_empty() || matches!(name, "." | "..") {
        return problem("is no name", None);
    }
    if name.chars().any(is_wrong) {
        let plain: String = name.chars().map(|c| if is_wrong(c) { '-' } else { c }).collect();
        return problem("has characters that no name has; letters, digits, - _ and . are safe", Some(plain));
    }
    // Length of names below Microsoft.Network.
    match name.char_indices().nth(80) {
        Some((end, _)) => problem("has more than 80 characters", name.get(..end).map(str::to_owned)),
        None => None,
    }
}

/// True if a capture could have been made by this request: all that was asked for is so.
pub(crate) fn is_answer_to(request: &CaptureRequest, made: &Parameters) -> bool {
    let asked = &request.properties;
    let (at, is_at) = (&asked.storage_location, &made.storage_location);
    let filters = |parameters: &Parameters| parameters.filters.as_ref().map_or(0, Vec::len);
    asked.target.eq_ignore_ascii_case(&made.target)
        && same(asked.bytes_to_capture_per_packet.as_ref(), made.bytes_to_capture_per_packet.as_ref())
        && same(asked.total_bytes_per_session.as_ref(), made.total_bytes_per_session.as_ref())
        && same(asked.time_limit_in_seconds.as_ref(), made.time_limit_in_seconds.as_ref())
        && same(asked.continuous_capture.as_ref(), made.continuous_capture.as_ref())
        && same(at.storage_path.as_ref(), is_at.storage_path.as_ref())
        && same(at.file_path.as_ref(), is_at.file_path.as_ref())
        && same(at.local_path.as_ref(), is_at.local_path.as_ref())
        && filters(asked) == filters(made)
}

/// What was not asked for may be anything.
fn same<T: PartialEq>(asked: Option<&T>, made: Option<&T>) -> bool {
    asked.is_none() || asked == made
}

struct Found(Vec<Problem>);

/// A URL without its query, which may be signed.
fn shown(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

impl Found {
    fn add(&mut self, field: &str, rule: impl Into<String>, nearest: Option<String>) {
        self.0.push(Problem { field: field.to_owned(), rule: rule.into(), nearest });
    }

    fn number(&mut self, limit: Limit, of: &str, value: Option<i64>) {
        let Limit { field, least, most, unit, .. } = limit;
        if let Some(value) = value.filter(|value| !(least..=most).contains(value)) {
            let rule = format!("{value} is not between {least} and {most} {unit}");
            self.add(&format!("{of}.{field}"), rule, Some(value.clamp(least, most).to_string()));
        }
    }

    fn target(&mut self, parameters: &Parameters) {
        let field = "properties.target";
        let kind = parameters.target_type();
        if kind.is_none() {
            let text = parameters.target_type_text.as_deref().unwrap_or_default();
            self.add("properties.targetType", format!("{text:?} is neither AzureVM nor AzureVMSS"), None);
        }
        if parameters.target.is_empty() {
            return self.add(field, "is missing: the id of a virtual machine or a scale set", None);
        }
        let id: ResourceId = match parameters.target.parse() {
            Ok(id) => id,
            Err(error) => return self.add(field, format!("{error}"), None),
        };
        let is_machine = id.is("Microsoft.Compute/virtualMachines");
        let is_set = id.is("Microsoft.Compute/virtualMachineScaleSets");
        match kind {
            _ if !is_machine && !is_set => {
                self.add(
                    field,
                    "is the id of something that is neither a virtual machine nor a scale set",
                    None,
                );
            }
            Some(TargetType::Machine) if is_set => {
                self.add("properties.targetType", "the target is a scale set", Some("AzureVMSS".into()));
            }
            Some(TargetType::ScaleSet) if is_machine => {
                self.add("properties.targetType", "the target is a virtual machine", Some("AzureVM".into()));
            }
            _ => {}
        }
        if is_machine
            && let Some(scope) = &parameters.scope
            && scope.include.iter().chain(&scope.exclude).flatten().next().is_some()
        {
            self.add("properties.scope", "is for scale sets only", None);
        }
    }

    fn storage(&mut self, location: &StorageLocation, is_ring: bool) {
        let field = |name: &str| format!("properties.storageLocation.{name}");
        let given = |value: &Option<String>| value.clone().filter(|text| !text.is_empty());
        let (file, local) = (given(&location.file_path), given(&location.local_path));
        if let Some(id) = given(&location.storage_id) {
            match id.parse::<ResourceId>() {
                Ok(id) if id.is("Microsoft.Storage/storageAccounts") => {}
                Ok(_) => self.add(&field("storageId"), "is not the id of a storage account", None),
                Err(error) => self.add(&field("storageId"), format!("{error}"), None),
            }
        } else if file.is_none() && local.is_none() {
            let rule = "a storage account (storageId), a path on the machine, or both have to be given";
            self.add("properties.storageLocation", rule, None);
        }
        if let Some(url) = given(&location.storage_path) {
            let rest = url.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
            let plain = rest.split(['?', '#']).next().unwrap_or_default();
            let mut words = plain.splitn(3, '/');
            let is_blob = (0..3).all(|_| words.next().is_some_and(|word| !word.is_empty()));
            if !url.starts_with("https://") && !url.starts_with("http://") {
                self.add(&field("storagePath"), format!("{:?} is not the URL of a blob", shown(&url)), None);
            } else if plain != rest {
                // It is told to everyone who may see the capture.
                let rule = "has a query, such as a signature; the service signs by itself";
                self.add(&field("storagePath"), rule, Some(shown(&url).to_owned()));
            } else if !is_blob {
                let rule = format!(
                    "{url:?} names no blob: it is https://ACCOUNT.blob.core.windows.net/CONTAINER/NAME.cap"
                );
                self.add(&field("storagePath"), rule, None);
            }
        }
        if is_ring && let Some(path) = &file {
            self.add(
                &field("filePath"),
                "is for a session with one file; a ring of files has localPath",
                None,
            );
            self.file(&field("filePath"), path);
        } else if let Some(path) = &file {
            self.file(&field("filePath"), path);
        }
        if let Some(path) = &local {
            if !is_ring {
                self.add(
                    &field("localPath"),
                    "is for a ring of files; a session with one file has filePath",
                    None,
                );
            }
            self.file(&field("localPath"), path);
        }
    }

    fn file(&mut self, field: &str, path: &str) {
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
        if !name.to_ascii_lowercase().ends_with(".cap") || name.len() <= ".cap".len() {
            let stem =
                path.trim_end_matches(['/', '\\']).trim_end_matches(".pcap").trim_end_matches(".pcapng");
            self.add(field, format!("{path:?} does not end in .cap"), Some(format!("{stem}.cap")));
        } else if path.starts_with('/') && !path.starts_with("/var/captures/") {
            let rule = format!("{path:?}: on Linux the service writes below /var/captures only");
            self.add(field, rule, Some(format!("/var/captures/{name}")));
        } else if path.split(['/', '\\']).any(|word| word == "..") {
            self.add(field, format!("{path:?} has .. in it"), None);
        }
    }

    fn filter(&mut self, filter: &Filter, at: &str) {
        if filter.protocol().is_none() {
            let text = filter.protocol_text.as_deref().unwrap_or_default();
            self.add(
                &format!("{at}.protocol"),
                format!("{text:?} is neither TCP nor UDP nor Any"),
                Some("Any".into()),
            );
        }
        let addresses =
            [("localIPAddress", &filter.local_ip_address), ("remoteIPAddress", &filter.remote_ip_address)];
        for (name, value) in addresses {
            self.range(
                &format!("{at}.{name}"),
                value.as_deref().unwrap_or_default().parse::<Addresses>().err(),
            );
        }
        for (name, value) in [("localPort", &filter.local_port), ("remotePort", &filter.remote_port)] {
            self.range(&format!("{at}.{name}"), value.as_deref().unwrap_or_default().parse::<Ports>().err());
        }
    }

    fn range(&mut self, field: &str, error: Option<RangeError>) {
        if let Some(error) = error {
            self.add(field, error.what, error.nearest);
        }
    }
}

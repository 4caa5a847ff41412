//! A request as the service answers it: defaults filled in, words written its way.

use capkeep_storage::Location;
use capkeep_watcher::{
    CaptureSettings, Filter, Other, Parameters, Protocol, ResourceId, Scope, StorageLocation, TargetType,
    limits,
};

use super::config::Config;

/// Parameters as the service answers them. Fields nobody knows are dropped.
pub(super) fn normal(given: &Parameters, blob_ns: i64, config: &Config) -> Parameters {
    let kind = given.target_type().unwrap_or(TargetType::Machine);
    let is_set = kind == TargetType::ScaleSet;
    let is_ring = given.is_ring();
    let scope = given.scope.as_ref();
    let location = &given.storage_location;
    Parameters {
        target: given.target.clone(),
        // It came with the type of the target, and is answered with it.
        scope: (scope.is_some() || is_set || given.target_type_text.is_some()).then(|| Scope {
            include: Some(instances(scope.and_then(|scope| scope.include.as_ref()), &given.target)),
            exclude: Some(instances(scope.and_then(|scope| scope.exclude.as_ref()), &given.target)),
            other: Other::new(),
        }),
        target_type_text: given
            .target_type_text
            .as_ref()
            .map(|_| if is_set { "AzureVMSS" } else { "AzureVM" }.to_owned()),
        bytes_to_capture_per_packet: or(given.bytes_to_capture_per_packet, limits::BYTES_PER_PACKET.default),
        // A ring of files has limits of its own, and the service does not answer these two.
        total_bytes_per_session: or(given.total_bytes_per_session, limits::BYTES_PER_SESSION.default)
            .filter(|_| !is_ring),
        time_limit_in_seconds: or(given.time_limit_in_seconds, limits::TIME.default).filter(|_| !is_ring),
        storage_location: StorageLocation {
            storage_id: some(location.storage_id.as_ref()),
            storage_path: Some(storage_path(given, blob_ns, config)),
            file_path: some(location.file_path.as_ref()),
            local_path: some(location.local_path.as_ref()),
            other: Other::new(),
        },
        filters: Some(given.filters.iter().flatten().map(filter).collect()),
        continuous_capture: given.continuous_capture,
        capture_settings: is_ring.then(|| {
            let settings = given.capture_settings.clone().unwrap_or_default();
            CaptureSettings {
                file_count: or(settings.file_count, limits::FILE_COUNT.default),
                file_size_in_bytes: or(settings.file_size_in_bytes, limits::FILE_SIZE.default),
                session_time_limit_in_seconds: or(
                    settings.session_time_limit_in_seconds,
                    limits::RING_TIME.default,
                ),
                other: Other::new(),
            }
        }),
        other: Other::new(),
    }
}

// Both a value and a default are always answered, so this is an `Option` only for the models' sake.
#[expect(clippy::unnecessary_wraps)]
fn or(value: Option<i64>, default: i64) -> Option<i64> {
    Some(value.unwrap_or(default))
}

fn some(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).cloned()
}

fn filter(given: &Filter) -> Filter {
    let protocol = match given.protocol() {
        Some(Protocol::Tcp) => "TCP",
        Some(Protocol::Udp) => "UDP",
        _ => "Any",
    };
    let text = |value: &Option<String>| Some(value.clone().unwrap_or_default());
    Filter {
        protocol_text: Some(protocol.into()),
        local_ip_address: text(&given.local_ip_address),
        remote_ip_address: text(&given.remote_ip_address),
        local_port: text(&given.local_port),
        remote_port: text(&given.remote_port),
        other: Other::new(),
    }
}

/// Instances as full ids.
fn instances(given: Option<&Vec<String>>, set: &str) -> Vec<String> {
    let full = |id: &String| {
        if id.starts_with('/') { id.clone() } else { format!("{set}/virtualMachines/{id}") }
    };
    given.into_iter().flatten().map(full).collect()
}

/// URL of the blob: as given, by the default layout, or nothing if the file stays on the machine. Of an account with an
/// endpoint it is below that, so that it can be fetched from there.
fn storage_path(given: &Parameters, blob_ns: i64, config: &Config) -> String {
    let location = &given.storage_location;
    let account = some(location.storage_id.as_ref()).and_then(|id| id.parse::<ResourceId>().ok());
    if let Some(path) = some(location.storage_path.as_ref()) {
        let endpoint = config.endpoint_of(&path, account.as_ref().map(ResourceId::name));
        let there = endpoint.zip(Location::parse_plain(&path).ok());
        return there.map_or(path, |(endpoint, path)| path.with_endpoint(&endpoint).to_string());
    }
    let (Some(account), Ok(target)) = (account, given.target.parse::<ResourceId>()) else {
        return String::new();
    };
    let time = super::time::blob(blob_ns);
    let ResourceId { subscription, resource_group, .. } = &target;
    let (kind, file) = if target.is("Microsoft.Compute/virtualMachineScaleSets") {
        ("virtualmachinescalesets", time.replacen("packetcapture", "packetCapture", 1))
    } else {
        ("virtualmachines", format!("{time}.cap"))
    };
    let below = format!(
        "subscriptions/{subscription}/resourcegroups/{resource_group}/providers/microsoft.compute/{kind}/{}",
        target.name()
    );
    let account = account.name().to_ascii_lowercase();
    let base = match config.endpoint(&account) {
        Some(endpoint) => endpoint.to_string(),
        None => format!("https://{account}.blob.core.windows.net"),
    };
    format!("{base}/network-watcher-logs/{}/{file}", below.to_ascii_lowercase())
}

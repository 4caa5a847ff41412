//! `capkeep capture show`.

use capkeep_report::Value;
use capkeep_watcher::{Capture, CaptureStatus, Filter};

use super::{Printing, Sheet, story};
use crate::azure::{Azure, block_on, told};
use crate::commands::Done;

/// Show a capture: what it captures, where to, and how it stands
#[derive(Debug, clap::Args)]
pub(super) struct Show {
    /// Name or id of the capture
    #[arg(value_name = "NAME")]
    name: String,

    #[command(flatten)]
    printing: Printing,

    #[command(flatten)]
    azure: Azure,
}

/// A capture with its status.
#[derive(Debug, serde::Serialize)]
pub(super) struct Shown {
    #[serde(flatten)]
    pub(super) capture: Capture,
    /// Absent where it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<CaptureStatus>,
    /// Why it could not.
    #[serde(rename = "statusError", skip_serializing_if = "Option::is_none")]
    pub(super) status_error: Option<String>,
}

impl Show {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        let shown = block_on(async {
            let connection = self.azure.connect().await?;
            let id = connection.capture(&self.name).await?;
            let capture = connection.client.capture(&id).await.map_err(told)?;
            let status = connection.client.status(&id).await;
            let status_error = status.as_ref().err().map(ToString::to_string);
            Ok(Shown { capture, status: status.ok(), status_error })
        })?;
        self.printing.one(&shown, &sheet(&shown))?;
        Ok(shown.status.as_ref().map_or(Done::Partly, super::status::done))
    }
}

/// All about a capture.
pub(super) fn sheet(shown: &Shown) -> Sheet {
    let Shown { capture, status, status_error } = shown;
    let parameters = &capture.properties.parameters;
    let mut sheet = Sheet::new(&capture.name);
    let mut line = |label, text: Option<String>| {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            sheet.line(label, text);
        }
    };
    if let Some(status) = status {
        let mut lines = story::of(status, Some(parameters)).into_iter();
        line("status", lines.next());
        lines.for_each(|more| line("", Some(more)));
        line("started", status.capture_start_time.clone());
        let drops =
            status.other.get("kernelDrops").and_then(serde_json::Value::as_u64).filter(|drops| *drops > 0);
        line(
            "drops",
            drops.map(|drops| format!("the kernel dropped {drops} packets: the file is not complete")),
        );
    }
    line("status", status_error.clone().map(|text| format!("not known: {text}")));
    line("made", capture.properties.provisioning_state.clone());
    line("target", Some(parameters.target.clone()));
    let location = &parameters.storage_location;
    line("blob", location.storage_path.clone());
    line("account", location.storage_id.clone());
    line("file", location.file_path.clone().or_else(|| location.local_path.clone()));
    line("time limit", parameters.time_limit_in_seconds.map(story::span));
    line("bytes", parameters.total_bytes_per_session.map(size));
    line("per packet", parameters.bytes_to_capture_per_packet.filter(|bytes| *bytes > 0).map(size));
    if let Some(settings) = &parameters.capture_settings {
        let number =
            |value: Option<i64>| value.map_or_else(|| "default".to_owned(), |value| value.to_string());
        let (files, bytes) = (number(settings.file_count), number(settings.file_size_in_bytes));
        let kind =
            if parameters.continuous_capture == Some(true) { "the oldest goes" } else { "ends when full" };
        line("ring", Some(format!("{files} files of {bytes} bytes, {kind}")));
        line("time limit", settings.session_time_limit_in_seconds.map(story::span));
    }
    for filter in parameters.filters.iter().flatten() {
        line("filter", Some(words(filter)));
    }
    line("id", Some(capture.id.clone()));
    sheet
}

/// Bytes in words.
pub(super) fn size(bytes: i64) -> String {
    Value::Bytes(bytes.unsigned_abs()).words()
}

/// A filter as it is typed.
fn words(filter: &Filter) -> String {
    let parts = [
        ("protocol", &filter.protocol_text),
        ("local-ip", &filter.local_ip_address),
        ("local-port", &filter.local_port),
        ("remote-ip", &filter.remote_ip_address),
        ("remote-port", &filter.remote_port),
    ];
    let given = parts.iter().filter_map(|(name, value)| value.as_ref().map(|value| (name, value)));
    let parts: Vec<String> =
        given.filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}={value}")).collect();
    if parts.is_empty() { "everything".to_owned() } else { parts.join(",") }
}

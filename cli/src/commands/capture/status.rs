//! `capkeep capture status`.

use std::time::Duration;

use capkeep_watcher::{Capture, CaptureStatus, Client, ResourceId};

use super::{Printing, Sheet, left, story, unless_interrupted};
use crate::azure::{Azure, block_on, told};
use crate::commands::Done;
use crate::units::seconds;

/// Tell how a session stands: running, or why it stopped
#[derive(Debug, clap::Args)]
pub(super) struct Status {
    /// Name or id of the capture
    #[arg(value_name = "NAME")]
    name: String,

    /// Go on until the session has ended; tell each change
    #[arg(long, short)]
    watch: bool,

    /// Time between two questions
    #[arg(long, value_name = "SPAN", value_parser = seconds, default_value = "10s", requires = "watch")]
    every: i64,

    #[command(flatten)]
    printing: Printing,

    #[command(flatten)]
    azure: Azure,
}

impl Status {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        let status = block_on(async {
            let connection = self.azure.connect().await?;
            let id = connection.capture(&self.name).await?;
            let capture = connection.client.capture(&id).await.map_err(told)?;
            let first = connection.client.status(&id).await.map_err(told)?;
            let tell = |status: &CaptureStatus| self.printing.offer(status, &sheet(status, &capture));
            if !tell(&first)? || !self.watch {
                return Ok(first);
            }
            until_over(&connection.client, &id, first, self.every, &tell).await
        })?;
        Ok(done(&status))
    }
}

/// Whether a session that was asked about is as it should be.
pub(super) fn done(status: &CaptureStatus) -> Done {
    let is_wrong = status.packet_capture_error.iter().flatten().next().is_some();
    if is_wrong { Done::Partly } else { Done::Fully }
}

/// Asks until the session has ended, telling each change; or until nobody listens any more.
pub(crate) async fn until_over(
    client: &Client,
    id: &ResourceId,
    first: CaptureStatus,
    every: i64,
    tell: &impl Fn(&CaptureStatus) -> anyhow::Result<bool>,
) -> anyhow::Result<CaptureStatus> {
    let work = async {
        let mut last = first;
        while !last.is_over() {
            tokio::time::sleep(Duration::from_secs(every.unsigned_abs().max(1))).await;
            let now = client.status(id).await.map_err(told)?;
            let is_heard = now == last || tell(&now)?;
            last = now;
            if !is_heard {
                break;
            }
        }
        Ok(last)
    };
    unless_interrupted(|| left(id.name()), work).await
}

pub(super) fn sheet(status: &CaptureStatus, capture: &Capture) -> Sheet {
    let mut sheet = Sheet::new(&capture.name);
    for (index, line) in story::of(status, Some(&capture.properties.parameters)).into_iter().enumerate() {
        sheet.line(if index == 0 { "status" } else { "" }, line);
    }
    if let Some(started) = &status.capture_start_time {
        sheet.line("started", started);
    }
    if let Some(drops) =
        status.other.get("kernelDrops").and_then(serde_json::Value::as_u64).filter(|drops| *drops > 0)
    {
        sheet.problem("drops", format!("the kernel dropped {drops} packets: the file is not complete"));
    }
    sheet
}

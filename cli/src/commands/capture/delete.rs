//! `capkeep capture delete`.

use capkeep_watcher::Capture;

use super::{DEADLINE, Printing, Sheet, finish};
use crate::azure::{Azure, block_on, told};
use crate::commands::Done;
use crate::ledger::{Deed, Ledger};
use crate::units::seconds;

/// Delete captures; their files are kept
///
/// Only the resource is deleted. Where the file stays is told and noted in the ledger.
#[derive(Debug, clap::Args)]
pub(super) struct Delete {
    /// Names or ids of captures
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,

    /// Do not wait until the service has deleted it
    #[arg(long)]
    no_wait: bool,

    /// How long to wait at most, for each
    #[arg(long, value_name = "SPAN", value_parser = seconds, default_value = DEADLINE)]
    deadline: i64,

    #[command(flatten)]
    printing: Printing,

    #[command(flatten)]
    azure: Azure,
}

impl Delete {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        let ledger = Ledger::open()?;
        block_on(async {
            let connection = self.azure.connect().await?;
            for name in &self.names {
                let id = connection.capture(name).await?;
                let capture = connection.client.capture(&id).await.map_err(told)?;
                // When it began ties a file to it; nobody can be asked later.
                let status = connection.client.status(&id).await.ok();
                let started = status.and_then(|status| status.capture_start_time);
                let operation = connection.client.delete(&id).await.map_err(told)?;
                ledger.note(Deed::Deleted, &capture, started.as_deref())?;
                if !self.no_wait {
                    finish(operation, id.name(), self.deadline).await?;
                }
                let verb = if self.no_wait { "asked to delete" } else { "deleted" };
                self.printing.words(&format!("{}: {verb}; {}", capture.name, kept(&capture)))?;
                if !self.printing.is_for_people() {
                    self.printing.one(&capture, &Sheet::default())?;
                }
            }
            Ok(Done::Fully)
        })
    }
}

/// Where the file of a capture stays.
fn kept(capture: &Capture) -> String {
    let parameters = &capture.properties.parameters;
    let location = &parameters.storage_location;
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let on_machine = given(&location.file_path).or_else(|| given(&location.local_path));
    let machine = parameters.target.rsplit('/').next().unwrap_or_default();
    let mut places = Vec::new();
    places.extend(given(&location.storage_path).map(|url| format!("at {url}")));
    places.extend(on_machine.map(|path| format!("on {machine} as {path}")));
    if places.is_empty() {
        "its file stays".to_owned()
    } else {
        format!("its file stays {}", places.join(" and "))
    }
}

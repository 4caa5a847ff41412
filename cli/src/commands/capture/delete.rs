//! `capkeep capture delete`.

use capkeep_cleanup::{Facts, tag};
use capkeep_watcher::{Capture, CaptureStatus};

use super::{DEADLINE, Printing, Sheet, finish};
use crate::azure::{Azure, block_on, told};
use crate::commands::Done;
use crate::failure::warn;
use crate::ledger::{Deed, FileDeed, FileNote, Ledger};
use crate::storage::{self, Storage};
use crate::targets::Finder;
use crate::units::seconds;

/// Delete captures; their files are kept
///
/// Only the resource is deleted. Where the file stays is told and noted in the ledger, and on the blob itself, as metadata
/// and index tags, so that it can be told later whose it was. A file that may not be tagged is no reason not to delete
/// the capture.
#[derive(Debug, clap::Args)]
pub(super) struct Delete {
    /// Names or ids of captures
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,

    /// Do not wait until the service has deleted it
    #[arg(long)]
    no_wait: bool,

    /// Do not note on the blob whose it was
    #[arg(long)]
    no_tag: bool,

    /// How long to wait at most, for each
    #[arg(long, value_name = "SPAN", value_parser = seconds, default_value = DEADLINE)]
    deadline: i64,

    #[command(flatten)]
    printing: Printing,

    #[command(flatten)]
    storage: Storage,

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
                if let Some(status) = status.as_ref().filter(|status| status.is_over() && !self.no_tag) {
                    self.tag(&capture, status, &ledger).await;
                }
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

    /// Notes on its blobs whose they are. What stands in the way is told and stops nothing.
    async fn tag(&self, capture: &Capture, status: &CaptureStatus, ledger: &Ledger) {
        let finder = Finder::new(&self.azure, self.storage.stores(&self.azure), false);
        let tagged = async {
            for one in finder.files_of(capture, status).await? {
                let facts = Facts {
                    capture: Some(capture.id.clone()),
                    name: Some(capture.name.clone()),
                    machine: Some(capture.properties.parameters.target.clone()),
                    began: status.capture_start_time.as_deref().and_then(|text| text.parse().ok()),
                    by: whoever(),
                    ..Facts::default()
                };
                let (etag, refused) = tag(&*one.store, &one.blob, &facts).await.map_err(storage::told)?;
                if let Some(refused) = refused {
                    warn(&one.url(), &format!("has metadata now, and no index tags: {refused}"));
                }
                let note = FileNote {
                    url: one.url(),
                    etag: etag.as_str().to_owned(),
                    bytes: one.blob.size,
                    capture: Some(capture.id.clone()),
                    ..FileNote::default()
                };
                ledger.note_file(FileDeed::Tagged, &note)?;
            }
            anyhow::Ok(())
        };
        if let Err(error) = tagged.await
            && capture
                .properties
                .parameters
                .storage_location
                .storage_path
                .as_ref()
                .is_some_and(|path| !path.is_empty())
        {
            warn(&capture.name, &format!("its file could not be tagged: {error}"));
        }
    }
}

/// Who is at work here.
fn whoever() -> Option<String> {
    ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok()).filter(|name| !name.is_empty())
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

//! `capkeep capture list`.

use capkeep_report::{Column, Table, Value};
use futures_util::StreamExt;

use super::show::Shown;
use super::{Printing, story};
use crate::azure::{AT_ONCE, Azure, block_on, id};
use crate::commands::Done;

/// List captures with their status
///
/// All watchers of the subscription are asked, or those of one region. The status of every capture is asked at the same
/// time, 24 at once; more slowly where the service says that it has few answers left.
#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Do not ask for the status
    #[arg(long)]
    no_status: bool,

    #[command(flatten)]
    printing: Printing,

    #[command(flatten)]
    azure: Azure,
}

impl List {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        let shown: Vec<Shown> = block_on(async {
            let connection = self.azure.connect().await?;
            let captures = connection.captures().await?;
            let client = &connection.client;
            let asked = futures_util::stream::iter(captures.into_iter().map(|capture| async move {
                if self.no_status {
                    return Shown { capture, status: None, status_error: None };
                }
                let status = match id(&capture.id) {
                    Ok(id) => client.status(&id).await.map_err(|error| error.to_string()),
                    Err(error) => Err(error.to_string()),
                };
                let status_error = status.as_ref().err().cloned();
                Shown { capture, status: status.ok(), status_error }
            }));
            Ok(asked.buffered(AT_ONCE).collect().await)
        })?;
        self.printing.many(&shown, table(&shown))?;
        let all_known = shown.iter().all(|shown| shown.status_error.is_none());
        Ok(if all_known { Done::Fully } else { Done::Partly })
    }
}

fn table(shown: &[Shown]) -> Table {
    let columns = vec![
        Column::words("name"),
        Column::words("status").at_least(12),
        Column::words("target"),
        Column::words("started").drop(1),
        Column::words("file").at_least(20),
    ];
    let last = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
    let rows = shown.iter().map(|shown| {
        let parameters = &shown.capture.properties.parameters;
        let location = &parameters.storage_location;
        let file = [&location.storage_path, &location.file_path, &location.local_path];
        let file = file.into_iter().flatten().find(|text| !text.is_empty()).cloned().unwrap_or_default();
        let status = match (&shown.status, &shown.status_error) {
            (Some(status), _) => {
                let words = story::of(status, Some(parameters)).join("; ");
                let short = words.split([';', ',']).next().unwrap_or_default().to_owned();
                let is_wrong = status.packet_capture_error.iter().flatten().next().is_some();
                if is_wrong { Value::Problem(words) } else { Value::Text(short) }
            }
            (None, Some(error)) => Value::Problem(format!("not known: {error}")),
            (None, None) => Value::Nothing,
        };
        let started = shown.status.as_ref().and_then(|status| status.capture_start_time.clone());
        vec![
            Value::text(&shown.capture.name),
            status,
            Value::text(last(&parameters.target)),
            started.map_or(Value::Nothing, Value::Text),
            Value::Path(file),
        ]
    });
    let (title, rows) = ("Captures".to_owned(), rows.collect::<Vec<_>>());
    let notes = if rows.is_empty() { vec!["none".to_owned()] } else { Vec::new() };
    Table { title, columns, rows, notes }
}

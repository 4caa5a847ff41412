//! `capkeep capture stop`.

use super::{DEADLINE, Printing, finish};
use crate::azure::{Azure, block_on, told};
use crate::commands::Done;
use crate::ledger::{Deed, Ledger};
use crate::units::seconds;

/// Stop a session; its file is kept
#[derive(Debug, clap::Args)]
pub(super) struct Stop {
    /// Name or id of the capture
    #[arg(value_name = "NAME")]
    name: String,

    /// Do not wait until the service has stopped it
    #[arg(long)]
    no_wait: bool,

    /// How long to wait at most
    #[arg(long, value_name = "SPAN", value_parser = seconds, default_value = DEADLINE)]
    deadline: i64,

    #[command(flatten)]
    printing: Printing,

    #[command(flatten)]
    azure: Azure,
}

impl Stop {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        let ledger = Ledger::open()?;
        let status = block_on(async {
            let connection = self.azure.connect().await?;
            let id = connection.capture(&self.name).await?;
            let capture = connection.client.capture(&id).await.map_err(told)?;
            let operation = connection.client.stop(&id).await.map_err(told)?;
            ledger.note(Deed::Stopped, &capture, None)?;
            if self.no_wait {
                return Ok(None);
            }
            finish(operation, id.name(), self.deadline).await?;
            let status = connection.client.status(&id).await.map_err(told)?;
            Ok(Some((status, capture)))
        })?;
        match status {
            Some((status, capture)) => {
                self.printing.one(&status, &super::status::sheet(&status, &capture))?;
            }
            None => self.printing.words(&format!("{}: asked to stop", self.name))?,
        }
        Ok(Done::Fully)
    }
}

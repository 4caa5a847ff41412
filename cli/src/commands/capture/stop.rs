//! `capkeep capture stop`.

use super::{Printing, Sheet, Waiting, left, unless_interrupted, until_done};
use crate::azure::{Azure, block_on, told};
use crate::commands::Done;
use crate::ledger::{Deed, Ledger};

/// Stop a session; its file is kept
#[derive(Debug, clap::Args)]
pub(super) struct Stop {
    /// Name or id of the capture
    #[arg(value_name = "NAME")]
    name: String,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    printing: Printing,

    #[command(flatten)]
    azure: Azure,
}

impl Stop {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        let ledger = Ledger::open()?;
        let (capture, status) = block_on(async {
            let connection = self.azure.connect().await?;
            let id = connection.capture(&self.name).await?;
            let capture = connection.client.capture(&id).await.map_err(told)?;
            let operation = connection.client.stop(&id).await.map_err(told)?;
            ledger.note(Deed::Stopped, &capture, None)?;
            if self.waiting.no_wait {
                return Ok((capture, None));
            }
            let work = async {
                until_done(operation, self.waiting.deadline).await?;
                connection.client.status(&id).await.map_err(told)
            };
            let status = unless_interrupted(|| left(id.name()), work).await?;
            Ok((capture, Some(status)))
        })?;
        let Some(status) = status else {
            self.printing.words(&format!("{}: asked to stop", self.name))?;
            if !self.printing.is_for_people() {
                self.printing.one(&capture, &Sheet::default())?;
            }
            return Ok(Done::Fully);
        };
        self.printing.one(&status, &super::status::sheet(&status, &capture))?;
        Ok(super::status::done(&status))
    }
}

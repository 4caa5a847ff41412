//! `capkeep capture wait`.

use std::time::Duration;

use super::{Printing, status};
use crate::azure::{Azure, block_on, told};
use crate::commands::Done;
use crate::failure::hinted;
use crate::units::seconds;

/// Wait until a session has ended
#[derive(Debug, clap::Args)]
pub(super) struct Wait {
    /// Name or id of the capture
    #[arg(value_name = "NAME")]
    name: String,

    /// Time between two questions
    #[arg(long, value_name = "SPAN", value_parser = seconds, default_value = "10s")]
    every: i64,

    /// How long to wait at most [default: for ever]
    #[arg(long, value_name = "SPAN", value_parser = seconds)]
    deadline: Option<i64>,

    #[command(flatten)]
    printing: Printing,

    #[command(flatten)]
    azure: Azure,
}

impl Wait {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        let (last, capture) = block_on(async {
            let connection = self.azure.connect().await?;
            let id = connection.capture(&self.name).await?;
            let capture = connection.client.capture(&id).await.map_err(told)?;
            let first = connection.client.status(&id).await.map_err(told)?;
            let quiet = |_: &_| Ok(true);
            let over = status::until_over(&connection.client, &id, first, self.every, &quiet);
            let Some(deadline) = self.deadline else { return Ok((over.await?, capture)) };
            let Ok(last) = tokio::time::timeout(Duration::from_secs(deadline.unsigned_abs()), over).await
            else {
                let what = format!("{} has not ended after {deadline} s; it goes on", capture.name);
                return Err(hinted(what, format!("capkeep capture status {}", capture.name)));
            };
            Ok((last?, capture))
        })?;
        self.printing.one(&last, &status::sheet(&last, &capture))?;
        Ok(status::done(&last))
    }
}

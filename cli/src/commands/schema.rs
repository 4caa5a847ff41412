//! `capkeep schema`.

use clap::ValueEnum;

use super::Done;
use crate::output;

/// Print what the columns of a flow file or the keys of --json mean
#[derive(Debug, clap::Args)]
pub(crate) struct Schema {
    /// What to describe
    of: Of,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    /// The columns of `capkeep analyze --flows`, as a Markdown table
    Flows,
    /// The object of `capkeep analyze --json`, as a JSON Schema
    Analysis,
}

impl Schema {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        match self.of {
            Of::Flows => output::print(capkeep_report::flows::markdown().as_bytes())?,
            Of::Analysis => output::print(capkeep_report::json::SCHEMA.as_bytes())?,
        }
        Ok(Done::Fully)
    }
}

//! `capkeep man`.

use std::path::PathBuf;

use anyhow::Context;

use super::Done;
use crate::output;

/// Print the manual page, or write the pages of all commands into a folder
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  capkeep man | man -l -
  capkeep man --out ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// Write one page per command into this folder (made if it is not there)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        let definition = super::definition();
        if let Some(folder) = self.out {
            std::fs::create_dir_all(&folder)
                .and_then(|()| clap_mangen::generate_to(definition, &folder))
                .with_context(|| format!("cannot write manual pages to {}", folder.display()))?;
        } else {
            let mut page = Vec::new();
            clap_mangen::Man::new(definition).render(&mut page)?;
            output::print(&page)?;
        }
        Ok(Done::Fully)
    }
}

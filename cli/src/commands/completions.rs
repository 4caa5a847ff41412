//! `capkeep completions`.

use clap_complete::Shell;

use super::Done;
use crate::output;

/// Print a script that completes capkeep's commands and options in a shell
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  capkeep completions bash > ~/.local/share/bash-completion/completions/capkeep
  capkeep completions zsh > ~/.zfunc/_capkeep
  capkeep completions fish > ~/.config/fish/completions/capkeep.fish
  capkeep completions powershell >> $PROFILE")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::definition(), "capkeep", &mut script);
        output::print(&script)?;
        Ok(Done::Fully)
    }
}

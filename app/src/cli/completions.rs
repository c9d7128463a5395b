//! `opabinia completions`: what a shell needs to complete commands and flags.

use super::console::print;
use super::failure::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  opabinia completions bash > ~/.local/share/bash-completion/completions/opabinia
  opabinia completions zsh > ~/.zfunc/_opabinia                  (with ~/.zfunc in $fpath)
  opabinia completions fish > ~/.config/fish/completions/opabinia.fish";

/// Print what a shell needs to complete the commands and flags of this program.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Completions {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    /// Runs the command.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub fn run(&self) -> Result<()> {
        let mut text = Vec::new();
        let mut command = super::Cli::command();
        let name = command.get_name().to_owned();
        clap_complete::generate(self.shell, &mut command, name, &mut text);
        print(&String::from_utf8_lossy(&text))
    }
}

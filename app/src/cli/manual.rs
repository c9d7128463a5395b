//! `opabinia manual`: manual pages, from the definition of the command line.

use super::console::print_report;
use super::failure::Result;
use crate::output;
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use opabinia_engine::{Error, printable};
use std::io::Write;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  opabinia manual ~/.local/share/man/man1 && man opabinia
  opabinia manual . && man ./opabinia-pull.1";

/// Write manual pages: one of the program, and one of each command.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Manual {
    /// The directory to write them into; it has to be there.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

impl Manual {
    /// Runs the command.
    ///
    /// # Errors
    /// If a page cannot be written.
    pub fn run(&self) -> Result<()> {
        if !self.dir.is_dir() {
            let what = format!("{}: there is no such directory", self.dir.display());
            return Err(Error::input(what, "make it, or give another one").into());
        }
        let mut written = String::new();
        for (name, page) in pages() {
            let path = self.dir.join(name);
            output::write(&path, |file| file.write_all(&page))?;
            written.push_str(&format!("{}\n", printable::path(&path)));
        }
        print_report(&written)
    }
}

/// Every page, by the name of its file.
fn pages() -> Vec<(String, Vec<u8>)> {
    let mut program = super::Cli::command();
    // Gives every command its whole name and the flags that all share.
    program.build();
    let mut pages = vec![(format!("{}.1", program.get_name()), page(&program, program.get_name()))];
    for command in program.get_subcommands().filter(|command| command.get_name() != "help") {
        let name = format!("{}-{}", program.get_name(), command.get_name());
        pages.push((format!("{name}.1"), page(command, &name)));
    }
    pages
}

fn page(command: &Command, name: &str) -> Vec<u8> {
    let mut page = Vec::new();
    let man = Man::new(command.clone().display_name(name.to_owned()))
        .title(name)
        .source(concat!("opabinia ", env!("CARGO_PKG_VERSION")));
    // Writing into memory does not fail.
    let _ = man.render(&mut page);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_for_every_command() {
        let pages = pages();
        let commands = super::super::Cli::command();
        for command in commands.get_subcommands() {
            let name = format!("opabinia-{}.1", command.get_name());
            let (_, page) = pages.iter().find(|(page, _)| *page == name).unwrap();
            let text = String::from_utf8(page.clone()).unwrap();
            assert!(
                text.contains(".TH") && text.contains("SYNOPSIS") && text.contains("DESCRIPTION"),
                "{name}: {text}"
            );
        }
        assert_eq!(pages.len(), commands.get_subcommands().count() + 1);
    }
}

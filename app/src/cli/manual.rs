//! `opabinia manual`: manual pages, and the reference of all commands as one page, from the definition of the command line.

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
  opabinia manual . && man ./opabinia-pull.1
  opabinia manual --markdown docs                              all commands as docs/commands.md";

/// Columns of the help in the reference: what a page of code shows without scrolling.
const COLUMNS: usize = 100;

/// Write manual pages: one of the program, and one of each command.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Manual {
    /// The directory to write them into; it has to be there.
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Write one page of Markdown instead, `commands.md`, with the help of every command.
    #[arg(long)]
    markdown: bool,
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
        for (name, page) in if self.markdown { vec![reference()] } else { pages() } {
            let path = self.dir.join(name);
            output::write(&path, |file| file.write_all(&page))?;
            written.push_str(&format!("{}\n", printable::path(&path)));
        }
        print_report(&written)
    }
}

/// The help of every command on one page, with the name of its file.
fn reference() -> (String, Vec<u8>) {
    let mut program = super::Cli::command();
    program.build();
    let mut text = "# Commands\n\nThe help of every command, as the program prints it: `opabinia help COMMAND`. This page is made from the \
                    definition\nof the command line: `opabinia manual --markdown docs`.\n"
        .to_owned();
    add_help(&program, "opabinia", &mut text);
    ("commands.md".to_owned(), text.into_bytes())
}

/// Adds the help of `command`, which is called `name`, and of the commands in it.
fn add_help(command: &Command, name: &str, text: &mut String) {
    // What the environment says is not the program's.
    let hidden = |argument: clap::Arg| argument.hide_env_values(true);
    let mut shown = command.clone().bin_name(name).term_width(COLUMNS).mut_args(hidden);
    let help = shown.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    text.push_str(&format!("\n## {name}\n\n```text\n{}\n```\n", lines.join("\n").trim_end()));
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help" && !inner.is_hide_set()) {
        add_help(inner, &format!("{name} {}", inner.get_name()), text);
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

//! The terminal: results on standard output, everything else on standard error.

use super::failure::{Failure, Result};
use crate::output;
use clap::Args;
use opabinia_engine::{Error, printable};
use serde_json::Value;
use std::io::{IsTerminal, Write};
use std::path::Path;

/// How much the program says on standard error.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Console {
    /// Say more about what is going on, on standard error; twice for details. RUST_LOG is honoured too.
    #[arg(long, short, action = clap::ArgAction::Count, global = true, help_heading = "Messages")]
    pub verbose: u8,
    /// Say nothing on standard error but errors, and results where a file goes to standard output: no notes, no figures, no
    /// progress.
    #[arg(long, short, global = true, conflicts_with = "verbose", help_heading = "Messages")]
    pub quiet: bool,
}

impl Console {
    /// Whether progress bars can be drawn.
    pub fn shows_progress(self) -> bool {
        !self.quiet && self.verbose == 0 && std::io::stderr().is_terminal()
    }

    /// Says `text` to the person, unless they want quiet.
    pub fn say(self, text: &str) {
        if !self.quiet {
            complain(text);
        }
    }

    /// Sends logs to standard error.
    pub fn start_logging(self) {
        use tracing_subscriber::EnvFilter;
        let level = match self.verbose {
            0 => "error",
            1 => "warn,opabinia=info,opabinia_engine=info,opabinia_hub=info,opabinia_shaders=info",
            _ => "info,opabinia=debug,opabinia_engine=debug,opabinia_hub=debug,opabinia_shaders=debug",
        };
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
        let started = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .try_init();
        // Fails only where logs go somewhere already.
        drop(started);
    }
}

/// Writes `text` and a line break to standard error, without control characters: names of files and keys stand in it, and
/// those come from strangers.
pub fn complain(text: &str) {
    // There is nobody left to tell if this fails.
    let _ = writeln!(std::io::stderr().lock(), "{}", printable::lines(text));
}

/// Writes `text` to standard output at once.
///
/// # Errors
/// If standard output was closed or cannot be written.
pub fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Failure::of_stdout)
}

/// Writes a report for people to standard output, without control characters, as in [`complain`].
///
/// # Errors
/// As for [`print()`].
pub fn print_report(text: &str) -> Result<()> {
    print(&printable::lines(text))
}

/// Writes text that a model made to standard output at once. A terminal is spared the control characters in it: they
/// could do anything there.
///
/// # Errors
/// As for [`print()`].
pub fn print_generated(text: &str) -> Result<()> {
    if std::io::stdout().is_terminal() { print(&without_controls(text)) } else { print(text) }
}

fn without_controls(text: &str) -> String {
    let harmless = |c: char| !c.is_control() || c == '\n' || c == '\t';
    text.chars().map(|c| if harmless(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// Writes one JSON document to standard output.
///
/// # Errors
/// As for [`print()`].
pub fn print_json(value: &Value) -> Result<()> {
    print(&format!("{value:#}\n"))
}

/// Checks that `out`, where `what` is to go, is no terminal: what is not text only makes a mess there.
///
/// # Errors
/// If `out` is a terminal.
pub fn refuse_terminal(out: &Path, what: &str) -> Result<()> {
    if !output::is_terminal(out) {
        return Ok(());
    }
    Err(Error::input(
        format!("--out {}: {what} is nothing for a terminal", out.display()),
        "give the name of a file, or send it into a pipe",
    )
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_visible() {
        assert_eq!(without_controls("a\x1b[2Jb\u{9b}c\n\td\r"), "a�[2Jb�c\n\td�");
    }
}

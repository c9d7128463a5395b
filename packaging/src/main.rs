//! `opabinia-package`: makes of a built program what people install.
//!
//! Everything that can be derived is: manual pages and completions by the program itself, icons from one drawing
//! ([`icon`]), the list of licences and the bill of materials from Cargo's own description ([`notices`]).

mod appimage;
mod archive;
mod bundle;
mod deb;
mod icon;
mod notices;
mod tree;

use clap::{Parser, ValueEnum};
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Makes of a built program what people install.
///
///   cargo build --release
///   cargo pack deb
///
/// What a kind needs beside the program is said where it is missing, by the name of its package.
#[derive(Debug, Parser)]
#[command(version, verbatim_doc_comment)]
struct Cli {
    /// What to make.
    kind: Kind,
    /// The built program.
    #[arg(long, value_name = "FILE", default_value = "target/release/opabinia")]
    binary: PathBuf,
    /// Where to put it; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "target/package")]
    out: PathBuf,
    /// For an AppImage: the runtime that it begins with, as github.com/AppImage/type2-runtime publishes it (runtime-x86_64,
    /// with a signature); packaging/README.md says how to check it.
    #[arg(long, value_name = "FILE")]
    runtime: Option<PathBuf>,
}

/// What can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Linux: an archive to unpack anywhere.
    Tar,
    /// Debian and Ubuntu: a package.
    Deb,
    /// Linux: one file that runs anywhere. Needs `--runtime`.
    Appimage,
    /// macOS: an application to drag into a folder.
    App,
    /// Windows: an archive to unpack anywhere.
    Zip,
    /// The licences of everything in the program, and the bill of materials (CycloneDX), by themselves.
    Notices,
    /// The icon, by itself.
    Icon,
}

/// Why something was not made, and what to do.
#[derive(Debug)]
pub struct Problem(String);

/// Result of everything here.
pub type Result<T, E = Problem> = std::result::Result<T, E>;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Problem {
    /// What is wrong, and what to do.
    pub fn new(what: impl fmt::Display, help: impl fmt::Display) -> Self {
        Self(format!("{what}\n  {help}"))
    }

    /// What the system said of `path`.
    pub fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self::new(format!("{}: {error}", path.display()), "check the path and its permissions")
    }
}

/// What is packed: the program, its version and what it is for.
#[derive(Debug)]
pub struct Program {
    /// The file.
    pub binary: PathBuf,
    /// The top of the source tree.
    pub source: PathBuf,
    /// As in `opabinia --version`.
    pub version: &'static str,
}

impl Program {
    /// Runs the program, and gives what it wrote on standard output.
    ///
    /// # Errors
    /// If it cannot be run, or fails.
    pub fn run(&self, args: &[&str]) -> Result<Vec<u8>> {
        output(Command::new(&self.binary).args(args), "build it first: cargo build --release")
    }
}

/// Runs `command` and gives what it wrote on standard output; `help` is what to do if it cannot be run.
///
/// # Errors
/// If it cannot be run, or fails.
pub fn output(command: &mut Command, help: &str) -> Result<Vec<u8>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| Problem::new(format!("{name} cannot be run: {error}"), help))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Problem::new(format!("{name} failed: {}", String::from_utf8_lossy(&output.stderr).trim()), help))
}

fn main() -> ExitCode {
    match make(&Cli::parse()) {
        Ok(made) => {
            let _ = writeln!(std::io::stdout(), "{}", made.display());
            ExitCode::SUCCESS
        }
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "error: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Makes what was asked for, and gives its place.
fn make(cli: &Cli) -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_path_buf();
    std::fs::create_dir_all(&cli.out).map_err(Problem::at(&cli.out))?;
    let out = cli.out.canonicalize().map_err(Problem::at(&cli.out))?;
    if cli.kind == Kind::Notices {
        notices::write(&source, &out)?;
        return Ok(out);
    }
    if cli.kind == Kind::Icon {
        icon::write_png(&out.join("opabinia.png"), 512)?;
        tree::write(&out.join("opabinia.svg"), icon::svg().as_bytes())?;
        return Ok(out);
    }
    let binary = cli.binary.canonicalize().map_err(|error| {
        Problem::new(
            format!("{}: {error}", cli.binary.display()),
            "build it first (cargo build --release), or name it with --binary",
        )
    })?;
    let program = Program { binary, source, version: env!("CARGO_PKG_VERSION") };
    match cli.kind {
        Kind::Tar => archive::tar(&program, &out),
        Kind::Deb => deb::make(&program, &out),
        Kind::Appimage => appimage::make(&program, cli.runtime.as_deref(), &out),
        Kind::App => bundle::app(&program, &out),
        Kind::Zip => archive::zip(&program, &out),
        Kind::Notices | Kind::Icon => Ok(out),
    }
}

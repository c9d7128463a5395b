//! The command line. Each command is a module; [`main`] runs one of them and turns what it ends in into an exit code.

pub mod advice;
pub mod answer_text;
pub mod args;
pub mod ask;
pub mod cache;
pub mod compare;
pub mod completions;
pub mod console;
pub mod doctor;
pub mod driver;
pub mod eval;
pub mod evidence;
pub mod evidence_text;
pub mod failure;
pub mod inspect;
pub mod interrupt;
pub mod json_path;
pub mod manual;
pub mod open;
pub mod progress;
pub mod pull;
pub mod render;
pub mod system;
pub mod trace;
pub mod transfer;

use clap::{Parser, Subcommand};
use console::{Console, complain, print_json};
use failure::{Cause, Failure, Result};
use serde_json::json;
use std::ffi::OsString;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

const GUIDE: &str = "\
A first walk:
  opabinia                                                     the window, with a small demo model
  opabinia ask \"How many red circles are there?\"              the same model, without a screen
  opabinia pull nyu-visionx/cambrian-8b                        a checkpoint and its encoders, from the network
  opabinia inspect nyu-visionx/cambrian-8b                     what it is, what it needs
  opabinia ask -m cambrian-8b -i desk.jpg \"What is this?\"     its answer
  opabinia trace -m cambrian-8b -i desk.jpg -p \"What is this?\" -o desk.safetensors
  opabinia render desk.safetensors -i desk.jpg -o desk.png     where each encoder was read
  opabinia evidence -m cambrian-8b -i desk.jpg -p \"What is this?\" --with mask:clip
                                                               what one of them was worth
  opabinia eval --data assets/demo/questions --out run         a set of questions, with and without vision
  opabinia compare cambrian-8b my-finetune                     how two checkpoints differ
  opabinia cache ls                                            what is kept of weights and features
  opabinia doctor                                              what this machine has

Exit codes:
  0 done    1 fault of the program    2 usage, or an input, output or setting that cannot be used
  3 checkpoint refused    4 out of memory    5 no graphics adapter
  6 the hub could not be reached, or did not give what was asked for    75 eval stopped by SIGUSR1
  130 cancelled: Ctrl-C, SIGTERM

`opabinia help COMMAND` explains one command, with examples.";

/// Shows where the Cambrian-1 multimodal models look.
///
/// Opens Cambrian-1 checkpoints, answers questions about pictures, and shows what each of the vision encoders
/// contributed: where the Spatial Vision Aggregator (SVA) looked, layer by layer and head by head.
#[derive(Debug, Parser)]
#[command(name = "opabinia", version, after_help = GUIDE, max_term_width = 110)]
struct Cli {
    #[command(flatten)]
    console: Console,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Open(open::Open),
    Pull(pull::Pull),
    Inspect(inspect::Inspect),
    Ask(Box<ask::Ask>),
    Trace(Box<trace::Trace>),
    Evidence(Box<evidence::Evidence>),
    Eval(Box<eval::Eval>),
    Render(Box<render::Render>),
    Compare(Box<compare::Compare>),
    Cache(cache::Cache),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
    Manual(manual::Manual),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    // Known before the rest is, so that a mistake in the rest is reported in the right form.
    let json = args.iter().any(|arg| arg == "--json");
    quieten_panics();
    system::survive_file_limit();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, json, &args),
    };
    cli.console.start_logging();
    if matches!(cli.command, None | Some(Command::Open(_))) {
        opabinia_engine::threads::keep_candle_on_its_caller();
    }
    opabinia_engine::threads::start_pool();
    let ended = catch_unwind(AssertUnwindSafe(|| run(&cli)));
    let ended = ended.unwrap_or_else(|panic| Err(Failure::panicked(panic.as_ref())));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(&failure, json);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    if matches!(
        cli.command,
        None | Some(Command::Open(_) | Command::Render(_) | Command::Compare(_) | Command::Doctor(_))
    ) {
        system::name_runtime_directory();
    }
    match &cli.command {
        None => open::Open::default().run(),
        Some(Command::Open(open)) => open.run(),
        Some(Command::Pull(pull)) => pull.run(cli.console),
        Some(Command::Inspect(inspect)) => inspect.run(cli.console),
        Some(Command::Ask(ask)) => ask.run(cli.console),
        Some(Command::Trace(trace)) => trace.run(cli.console),
        Some(Command::Evidence(evidence)) => evidence.run(cli.console),
        Some(Command::Eval(eval)) => eval.run(cli.console),
        Some(Command::Render(render)) => render.run(cli.console),
        Some(Command::Compare(compare)) => compare.run(cli.console),
        Some(Command::Cache(cache)) => cache.run(),
        Some(Command::Doctor(doctor)) => doctor.run(),
        Some(Command::Completions(completions)) => completions.run(),
        Some(Command::Manual(manual)) => manual.run(),
    }
}

/// Says what went wrong, once.
fn report(failure: &Failure, json: bool) {
    if matches!(failure.cause, Cause::ReaderGone) {
        return;
    }
    if json {
        // Where standard output is gone, standard error still says it.
        let _ = print_json(&failure.json());
    }
    complain(&format!("error: {failure}"));
}

/// Answers a command line that clap did not accept, or that asks for help.
fn usage(error: &clap::Error, json: bool, args: &[OsString]) -> ExitCode {
    let code = u8::try_from(error.exit_code()).unwrap_or(2);
    if json && code != 0 {
        let message = error.render().to_string();
        let _ = print_json(&json!({ "error": { "kind": "usage", "message": message.trim_end() } }));
    }
    // It repeats what was typed, or what a shell made of a pattern: names of files.
    if code != 0 && args.iter().any(|arg| arg.to_string_lossy().contains(char::is_control)) {
        complain(error.render().to_string().trim_end());
        return ExitCode::from(code);
    }
    let printed = error.print().and_then(|()| std::io::stdout().flush());
    match printed.map_err(Failure::of_stdout) {
        // Help that nobody can read is no help.
        Err(failure) if code == 0 => {
            report(&failure, json);
            ExitCode::from(failure.exit_code())
        }
        _ => ExitCode::from(code),
    }
}

/// Panics become messages of their own: the engine's as the failure of its job, the others in [`main`].
fn quieten_panics() {
    if std::env::var_os("RUST_BACKTRACE").is_none_or(|value| value == "0") {
        std::panic::set_hook(Box::new(|panic| tracing::warn!("{panic}")));
    }
}

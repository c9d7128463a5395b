//! `opabinia eval`: a set of questions, with vision on, off, and each encoder away.

mod audit;
mod correlate;
mod evidence;
mod merge;
mod options;
mod progress;
mod run;
mod show;
mod slurm;
mod stop;

use super::console::Console;
use super::failure::Result;
use clap::{Args, Subcommand};

const EXAMPLES: &str = "\
Examples:
  opabinia eval --data assets/demo/questions --out run
                                                  the demo model on its own small set
  opabinia eval show run                          tables with intervals
  opabinia eval show run --where \"task=count,no_image=wrong\"
  opabinia eval show run other-run                two checkpoints, question by question
  opabinia eval -m cambrian-8b --data nyu-visionx/CV-Bench --out cvb8 --protocol official
  opabinia eval -m cambrian-8b --data test_2d.parquet --out cvb8 --conditions as_is,no_image,encoders:swap
  opabinia eval audit --data assets/demo/questions
                                                  what the questions give away; needs no model
  opabinia eval evidence --data assets/demo/questions --out study.csv
                                                  what its answers rest on, against where it looked
  opabinia eval slurm run --array 16%4 --partition gpu --gres gpu:1 -m cambrian-8b --data nyu-visionx/CV-Bench
  opabinia eval merge run
  opabinia eval correlate scores.csv -o benchmarks.svg
                                                  which benchmarks say the same

The same command goes on where a run was stopped, however it was. Another protocol, set, checkpoint or list of
conditions is another run. docs/evaluation.md explains formats, protocols and statistics.";

/// Measure a checkpoint on a set of questions, with vision on, off, and each encoder away.
///
/// Every question is asked under every condition. A picture is encoded once, and what questions about it share is computed
/// once. What is finished is written down at once, so that a run can be stopped at any moment and gone on with.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Eval {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::RunArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(show::Show),
    Audit(audit::Audit),
    Evidence(Box<evidence::StudyArgs>),
    Merge(merge::Merge),
    Correlate(correlate::Correlate),
    Slurm(Box<slurm::Slurm>),
}

impl Eval {
    /// Runs the command.
    ///
    /// # Errors
    /// Whatever keeps the questions from being asked or the results from being written.
    pub fn run(&self, console: Console) -> Result<()> {
        match &self.command {
            None => self.run.run(console),
            Some(Command::Show(show)) => show.run(console),
            Some(Command::Audit(audit)) => audit.run(console),
            Some(Command::Evidence(study)) => study.run(console),
            Some(Command::Merge(merge)) => merge.run(console),
            Some(Command::Correlate(correlate)) => correlate.run(console),
            Some(Command::Slurm(slurm)) => slurm.run(console),
        }
    }
}

//! `opabinia eval merge`: the shards of a run, put together.

use super::super::console::{Console, print_json, print_report};
use super::super::failure::Result;
use crate::evaluation::write_results;
use clap::Args;
use opabinia_engine::Error;
use opabinia_eval::report::{Columns, Summary, markdown};
use opabinia_eval::run::{Missing, merge};
use opabinia_eval::slurm;
use std::path::{Path, PathBuf};

/// Put the shards of a run together, and say what is missing.
///
/// Writes merged.jsonl, summary.json and summary.md into the run's directory. Refuses shards of another run. While items
/// are missing it says how many, which shards they are in and the line that runs those again, and ends with exit code 2.
#[derive(Debug, Args)]
pub struct Merge {
    /// The directory of the run.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Further directories with shards of the same run, from other machines.
    #[arg(value_name = "MORE")]
    more: Vec<PathBuf>,
    /// Print one JSON object: the summary.
    #[arg(long)]
    json: bool,
}

impl Merge {
    /// Runs the command.
    ///
    /// # Errors
    /// If the shards are unlike, damaged or not complete.
    pub fn run(&self, _console: Console) -> Result<()> {
        let more: Vec<&Path> = self.more.iter().map(PathBuf::as_path).collect();
        let (run, merged) = merge(&self.run, &more)?;
        let missing = Missing::of(run.header(), &merged);
        if missing.items > 0 {
            return Err(Error::input(
                format!(
                    "{}: {} of {} questions are missing, in the shards {}",
                    self.run.display(),
                    missing.items,
                    run.header().data.questions,
                    missing.ranges()
                ),
                rerun(&self.run, &missing, run.header().shards),
            )
            .into());
        }
        let columns = Columns::new(run.header(), &merged.entries);
        let summary = Summary::new(&columns);
        write_results(&run, &merged, &columns, &summary)?;
        if self.json { print_json(&summary.json(&columns)) } else { print_report(&markdown(&columns, &summary)) }
    }
}

/// The line that runs what is missing.
fn rerun(run: &Path, missing: &Missing, shards: usize) -> String {
    let (array, merge) = (run.join("slurm-array.sh"), run.join("slurm-merge.sh"));
    if array.is_file() && merge.is_file() {
        let words = [array, merge].map(|path| slurm::word(&path.to_string_lossy()));
        return format!("run them again: {}", slurm::Slurm::rerun_line(&words[0], &words[1], &missing.ranges()));
    }
    let each: Vec<String> = missing.shards.iter().map(ToString::to_string).collect();
    match shards {
        1 => "give the command of the run again: it goes on".into(),
        _ => format!(
            "give the command of the run again for each: for i in {}; do opabinia eval … --shard $i/{shards}; done",
            each.join(" ")
        ),
    }
}

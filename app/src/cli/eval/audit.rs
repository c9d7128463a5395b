//! `opabinia eval audit`: what a set gives away without its pictures.

use super::super::console::{Console, print_json, print_report};
use super::super::failure::Result;
use super::options::DataArgs;
use clap::Args;
use opabinia_engine::Error;
use opabinia_eval::audit::audit;

/// Find out what a set gives away without its pictures; needs no model.
///
/// Chance, the most frequent answers, and a forest of decision trees that reads only the questions, cross-validated with
/// folds grouped by picture. --json also gives the probability of the right option of every question.
#[derive(Debug, Args)]
pub struct Audit {
    #[command(flatten)]
    data: DataArgs,
    /// Seed of folds and trees.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Print one JSON object, with every question.
    #[arg(long)]
    json: bool,
}

impl Audit {
    /// Runs the command.
    ///
    /// # Errors
    /// If the set cannot be read, or no question has options.
    pub fn run(&self, console: Console) -> Result<()> {
        let set = self.data.read(None)?;
        set.notes.iter().for_each(|note| console.say(&format!("note: {note}")));
        let audit = audit(&set, self.seed);
        if audit.items == 0 {
            let what = format!("no question of {} has options, so nothing can be guessed", set.name);
            return Err(Error::input(what, "give the questions `choices`").into());
        }
        if self.json {
            let mut object = audit.json(&set.name);
            object["fingerprint"] = set.fingerprint.as_str().into();
            object["idx_sha1"] = set.idx_sha1.as_str().into();
            object["rows_left_out"] = set.skipped.count().into();
            return print_json(&object);
        }
        print_report(&audit.markdown(&set.name))
    }
}

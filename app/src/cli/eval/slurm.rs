//! `opabinia eval slurm`: the scripts that run a set on a cluster.

use super::super::console::{Console, print};
use super::super::failure::{Failure, Result};
use super::options::AskingArgs;
use crate::output;
use clap::Args;
use opabinia_engine::Error;
use opabinia_eval::slurm::{Slurm as Scripts, parse_array, word};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Variables that say where checkpoints and data sets are.
const PASSED_ON: [&str; 5] =
    ["HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "XDG_CACHE_HOME"];

/// Write the scripts that run a set on a Slurm cluster: an array job, one task for each shard, and a job that merges.
///
/// Nothing is submitted: the line that does is printed. Tasks that Slurm stops finish the question in hand and go on when
/// they are started again.
#[derive(Debug, Args)]
pub struct Slurm {
    /// The directory that the run will be kept in, which every node sees.
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// N shards, M of which run at a time: 16%4, or 16.
    #[arg(long, value_name = "N%M", value_parser = parse)]
    array: (usize, Option<usize>),
    /// The partition.
    #[arg(long, value_name = "NAME")]
    partition: Option<String>,
    /// Devices of a task: gpu:1.
    #[arg(long, value_name = "LIST")]
    gres: Option<String>,
    /// Time of a task at most, as Slurm writes it: 2:00:00.
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
    /// Memory of a task, as Slurm writes it: 64G.
    #[arg(long, value_name = "SIZE")]
    mem: Option<String>,
    /// Processor cores of a task.
    #[arg(long, value_name = "N")]
    cpus_per_task: Option<usize>,
    /// Any other option of sbatch, without its dashes: account=vision; may be repeated.
    #[arg(long, value_name = "OPTION")]
    sbatch: Vec<String>,
    #[command(flatten)]
    asking: AskingArgs,
}

fn parse(text: &str) -> Result<(usize, Option<usize>), String> {
    parse_array(text)
}

impl Slurm {
    /// Runs the command.
    ///
    /// # Errors
    /// If the scripts cannot be written.
    pub fn run(&self, console: Console) -> Result<()> {
        let program = std::env::current_exe().map_err(|error| Failure::internal(format!("where am I? {error}")))?;
        std::fs::create_dir_all(&self.run).map_err(|error| Error::io(&self.run, error))?;
        // Jobs begin elsewhere than this program was started.
        let run = self.run.canonicalize().map_err(|error| Error::io(&self.run, error))?;
        let text = |path: &Path| path.to_str().map(str::to_owned);
        let (Some(program), Some(run_text)) = (text(&program), text(&run)) else {
            return Err(Error::input(
                format!("{}: a path in a script has to be text", run.display()),
                "choose directories with names in Unicode",
            )
            .into());
        };
        if run_text.contains(['\n', '\'', '"', ' ', '%']) {
            return Err(Error::input(
                format!("{run_text}: Slurm reads spaces, quotes and % in names of files otherwise than they are"),
                "choose a directory without them",
            )
            .into());
        }
        let mut options = Vec::new();
        let mut add =
            |name: &str, value: Option<String>| options.extend(value.map(|value| format!("--{name}={value}")));
        add("partition", self.partition.clone());
        add("gres", self.gres.clone());
        add("time", self.time.clone());
        add("mem", self.mem.clone());
        add("cpus-per-task", self.cpus_per_task.map(|count| count.to_string()));
        options.extend(self.sbatch.iter().map(|option| format!("--{option}")));
        if options.iter().any(|option| option.contains(char::is_control)) {
            return Err(Error::input("an option of sbatch is one line", "leave line breaks out").into());
        }
        let mut command = vec![word(&program), "eval".into()];
        command.extend(self.asking.words_from(&std::env::current_dir().unwrap_or_default()));
        command.extend(["--out".into(), word(&run_text), "--json".into()]);
        let environment =
            PASSED_ON.iter().filter_map(|name| Some(((*name).to_owned(), word(&std::env::var(name).ok()?)))).collect();
        let (shards, at_once) = self.array;
        let scripts =
            Scripts { command, run: run_text.clone(), program: word(&program), shards, at_once, options, environment };
        let (array, merge) = (run.join("slurm-array.sh"), run.join("slurm-merge.sh"));
        output::write(&array, |file| file.write_all(scripts.array_script().as_bytes()))?;
        output::write(&merge, |file| file.write_all(scripts.merge_script().as_bytes()))?;
        console.say(&format!("wrote {} and {}; to run them:", array.display(), merge.display()));
        let words = [&array, &merge].map(|path| word(&path.to_string_lossy()));
        print(&format!("{}\n", scripts.submit_line(&words[0], &words[1])))
    }
}

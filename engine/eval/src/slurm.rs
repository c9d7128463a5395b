//! The scripts that run a set on many machines: one array job whose tasks are the shards of a run, and one that merges.

use std::fmt::Write;

/// What the scripts need to know.
#[derive(Debug, Clone, Default)]
pub struct Slurm {
    /// The program and all it was told, but `--shard`: each already a word of a shell.
    pub command: Vec<String>,
    /// The directory of the run, as a word of a shell.
    pub run: String,
    /// The program alone, as a word of a shell.
    pub program: String,
    /// Shards.
    pub shards: usize,
    /// Tasks at one time at most.
    pub at_once: Option<usize>,
    /// Lines for `#SBATCH`, without it: `--partition=gpu`.
    pub options: Vec<String>,
    /// Variables of the environment to set, with their values as words of a shell.
    pub environment: Vec<(String, String)>,
}

/// `text` as one word of a shell.
pub fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// Reads `N%M`: N shards, M at a time.
///
/// # Errors
/// In words.
pub fn parse_array(text: &str) -> Result<(usize, Option<usize>), String> {
    let (count, at_once) = match text.split_once('%') {
        Some((count, at_once)) => (count, Some(at_once)),
        None => (text, None),
    };
    let number = |text: &str| text.parse::<usize>().ok().filter(|n| (1..=100_000).contains(n));
    match (number(count), at_once.map(number)) {
        (Some(count), None) => Ok((count, None)),
        (Some(count), Some(Some(at_once))) => Ok((count, Some(at_once))),
        _ => Err(format!("`{text}` is no array: write N%M, N shards of which M run at a time, such as 16%4, or N")),
    }
}

impl Slurm {
    /// The script of the array job.
    ///
    /// Slurm sends USR1 two minutes before the time is up: the program then finishes the item in hand and ends with 75, and
    /// the task is put back into the queue, where it goes on.
    pub fn array_script(&self) -> String {
        let mut text = String::from("#!/bin/bash\n");
        let mut option = |option: &str| {
            let _ = writeln!(text, "#SBATCH {option}");
        };
        option("--job-name=opabinia-eval");
        let limit = self.at_once.map_or_else(String::new, |at_once| format!("%{at_once}"));
        option(&format!("--array=0-{}{limit}", self.shards - 1));
        option("--requeue");
        option("--signal=B:USR1@120");
        option("--open-mode=append");
        option(&format!("--output={}/slurm-%a.log", self.run.trim_matches('\'')));
        self.options.iter().for_each(|one| option(one));
        text.push_str("set -u\n");
        for (name, value) in &self.environment {
            let _ = writeln!(text, "export {name}={value}");
        }
        let _ = writeln!(
            text,
            "# The program is a child of this shell, which passes the signal on and waits again.\n\
             {} --shard \"$SLURM_ARRAY_TASK_ID/{}\" &\n\
             task=$!\n\
             trap 'kill -USR1 \"$task\" 2>/dev/null' USR1\n\
             while :; do\n  \
               wait \"$task\"; code=$?\n  \
               kill -0 \"$task\" 2>/dev/null || break\n\
             done\n\
             # 75: stopped by the signal, with items left.\n\
             if [ \"$code\" = 75 ]; then\n  \
               scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}\"\n  \
               exit 0\n\
             fi\n\
             exit \"$code\"",
            self.command.join(" "),
            self.shards
        );
        text
    }

    /// The script of the job that merges.
    pub fn merge_script(&self) -> String {
        let mut text = String::from("#!/bin/bash\n#SBATCH --job-name=opabinia-merge\n");
        let _ = writeln!(
            text,
            "#SBATCH --open-mode=append\n#SBATCH --output={}/slurm-merge.log",
            self.run.trim_matches('\'')
        );
        for option in
            self.options.iter().filter(|option| !option.starts_with("--gres") && !option.starts_with("--gpus"))
        {
            let _ = writeln!(text, "#SBATCH {option}");
        }
        let _ = writeln!(text, "{} eval merge {}", self.program, self.run);
        text
    }

    /// The line that submits both scripts.
    pub fn submit_line(&self, array: &str, merge: &str) -> String {
        format!("sbatch --dependency=afterok:$(sbatch --parsable {array}) {merge}")
    }

    /// The line that runs some shards again, and merges.
    pub fn rerun_line(array: &str, merge: &str, ranges: &str) -> String {
        format!("sbatch --dependency=afterok:$(sbatch --parsable --array={ranges} {array}) {merge}")
    }
}

//! What a run is told, apart from where it is kept.

use super::super::args::{LoadArgs, ModelArgs};
use super::super::failure::Result;
use crate::evaluation::{self, Plan};
use clap::Args;
use opabinia_engine::Error;
use opabinia_engine::checkpoint::Hub;
use opabinia_eval::data::{QuestionSet, ReadOptions, locate};
use opabinia_eval::score::Protocol;
use opabinia_eval::slurm::word;
use std::path::{Path, PathBuf};

/// What is asked, how, and under which conditions.
#[derive(Debug, Args)]
pub struct AskingArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    pub data: DataArgs,
    /// How questions are asked and answers scored: logprob (the likeliest letter), logprob-text (the likeliest option in
    /// words), official (greedy answer, read as CV-Bench's authors do), lmms-eval (as that
    /// harness asks and reads), strict (greedy answer that names exactly one option),
    /// exact (greedy answer, word for word). Without this logprob; with the demo checkpoint, which answers in words,
    /// logprob-text.
    #[arg(long, value_name = "PROTOCOL", value_parser = parse_protocol)]
    pub protocol: Option<Protocol>,
    /// Under which conditions, with commas between them: as_is; no_image; blank (an even grey); shuffled (another picture of
    /// the same task); missing (told that the picture is missing); encoders (each taken away by mask_context), encoders:KIND
    /// (by swap, mean, zero, zero_raw, mask or mask_context); shapley or shapley:mask (every coalition of encoders); any SPEC
    /// of `opabinia evidence --help`. The others are compared with the first.
    #[arg(long, value_name = "LIST", default_value = evaluation::CONDITIONS)]
    pub conditions: String,
    /// Seed of everything random: which other picture is shown or swapped in, resampling, guesses.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    #[command(flatten)]
    pub load: LoadArgs,
}

/// Which set of questions.
#[derive(Debug, Clone, Args)]
pub struct DataArgs {
    /// The set: a .jsonl, .tsv or .parquet file, a folder with one, or organisation/name of a data set in the hub cache.
    #[arg(long, short, value_name = "DATA", required = true)]
    pub data: Option<PathBuf>,
    /// Only the first N rows of the set.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

fn parse_protocol(text: &str) -> Result<Protocol, String> {
    text.parse()
}

impl DataArgs {
    /// Reads the set; pictures that have no files of their own are kept in a file without a name in `pictures_in`.
    ///
    /// # Errors
    /// If it cannot be found or read.
    pub fn read(&self, pictures_in: Option<&Path>) -> Result<QuestionSet> {
        if self.limit == Some(0) {
            return Err(Error::input("--limit 0 leaves no question", "leave it out for all of them").into());
        }
        let Some(data) = &self.data else {
            return Err(Error::input("there is no set of questions", "add --data").into());
        };
        let files = locate(data, Hub::from_env().caches())?;
        Ok(QuestionSet::read(&files, ReadOptions { limit: self.limit, pictures_in })?)
    }
}

impl AskingArgs {
    /// The protocol: the demo checkpoint has never been shown letters.
    pub fn protocol(&self) -> Protocol {
        self.protocol.unwrap_or_else(|| evaluation::default_protocol(self.model.is_demo()))
    }

    /// How the set is asked, in this many shards.
    pub fn plan(&self, shards: usize) -> Plan {
        Plan {
            protocol: self.protocol(),
            conditions: self.conditions.clone(),
            seed: self.seed,
            limit: self.data.limit,
            shards,
        }
    }

    /// All of this as words of a shell that may be anywhere: what is a path from `here` becomes a whole one.
    pub fn words_from(&self, here: &Path) -> Vec<String> {
        let whole = |path: &Path| {
            let there = here.join(path);
            if there.exists() { there } else { path.to_path_buf() }.to_string_lossy().into_owned()
        };
        let mut words = Vec::new();
        let mut add = |flag: &str, value: &str| words.extend([flag.to_owned(), word(value)]);
        let model = Path::new(&self.model.model);
        add("--model", &if self.model.is_demo() { self.model.model.clone() } else { whole(model) });
        add("--data", &whole(self.data.data.as_deref().unwrap_or(Path::new(""))));
        add("--protocol", self.protocol().name());
        add("--conditions", &self.conditions);
        add("--seed", &self.seed.to_string());
        if let Some(limit) = self.data.limit {
            add("--limit", &limit.to_string());
        }
        for tower in &self.load.tower {
            add("--tower", &format!("{}={}", tower.name, whole(&tower.dir)));
        }
        add("--device", &self.load.device.to_string());
        add("--weights", &self.load.weights.to_string());
        add("--encoder-weights", &self.load.encoder_weights.to_string());
        add("--compute", &self.load.compute.to_string());
        if let Some(template) = self.load.template {
            add("--template", template.name());
        }
        if self.load.keep_newline {
            words.push("--keep-newline".into());
        }
        words
    }
}

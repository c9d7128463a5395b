//! One side on disk: found, opened, and not read yet.

use crate::checkpoint::files::{HF_STEMS, WeightFiles};
use crate::checkpoint::json::JsonFile;
use crate::checkpoint::{Hub, checkpoint_name, tokenizer_files};
use crate::error::Result;
use std::path::{Path, PathBuf};

/// The files of a checkpoint.
///
/// Its weights are named by a hash: the SHA-256 over every tensor, sorted by key, each as the length of its key, the key,
/// its type and shape, and the SHA-256 digests of its content MiB by MiB. It does not depend on the format of the files or on
/// how they are cut into shards.
#[derive(Debug)]
pub struct Side {
    directory: PathBuf,
    pub(super) config: JsonFile,
    pub(super) generation: Option<JsonFile>,
    pub(super) weights: WeightFiles,
    tokenizer: [u8; 32],
}

impl Side {
    /// Finds and opens the checkpoint that `source` means: a directory, or a repository in the hub cache. Encoders beside it
    /// are not a part of it.
    ///
    /// # Errors
    /// A refusal if there is none, or its files are no checkpoint's.
    pub fn open(source: &str) -> Result<Self> {
        let directory = Hub::from_env().model(Path::new(source))?;
        let config = JsonFile::read(&directory.join("config.json"))?;
        let generation = directory.join("generation_config.json");
        let generation = if generation.exists() { Some(JsonFile::read(&generation)?) } else { None };
        let weights = WeightFiles::open(&directory, HF_STEMS)?;
        let tokenizer = tokenizer_files::hash(&directory)?;
        Ok(Self { directory, config, generation, weights, tokenizer })
    }

    /// The directory it lies in.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What people call it: its repository or its directory.
    #[must_use]
    pub fn name(&self) -> String {
        checkpoint_name(&self.directory)
    }

    /// How many tensors it holds.
    #[must_use]
    pub fn tensors(&self) -> usize {
        self.weights.keys().count()
    }

    /// How many numbers they hold.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        self.weights.elements_by_type().values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Bytes of its weight files.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.weights.stored_bytes()
    }

    /// Whether the files of both tokenizers are the same.
    #[must_use]
    pub fn same_tokenizer(&self, other: &Self) -> bool {
        self.tokenizer == other.tokenizer
    }
}

//! Which files of a repository this program reads: what has to be fetched, and what need not.
//!
//! Released repositories hold the same weights in several formats, training states and pictures; only what
//! [`WeightFiles::open`](super::WeightFiles::open) and the readers of configurations and tokenizers would take is wanted.

use super::files::{self, HF_STEMS};
use super::hub::{encoder_config_file, encoder_stems};
use super::json::JsonFile;
use crate::error::{Refusal, Result};
use opabinia_trace::encoder_name::EncoderFamily;
use std::path::Path;

/// What a repository is to this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepoRole {
    /// A Cambrian-1 checkpoint, with its tokenizer.
    Checkpoint,
    /// A vision encoder.
    Encoder(EncoderFamily),
}

/// Files that describe a checkpoint, beside its weights.
const OF_CHECKPOINTS: [&str; 7] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
];

impl RepoRole {
    fn stems(self) -> &'static [&'static str] {
        match self {
            Self::Checkpoint => HF_STEMS,
            Self::Encoder(family) => encoder_stems(family),
        }
    }

    /// The files among `names` that say what there is: configurations, tokenizer, and the index of weights where there is one.
    /// They are small, and have to be there before [`Self::weights`] can be asked.
    ///
    /// # Errors
    /// A refusal if the file that describes it is not among them. `repo` is named in it.
    pub fn describing(self, repo: &str, names: &[&str]) -> Result<Vec<String>> {
        let fixed: Vec<&str> = match self {
            Self::Checkpoint => OF_CHECKPOINTS.to_vec(),
            Self::Encoder(family) => vec![encoder_config_file(family), "preprocessor_config.json"],
        };
        let config = fixed.first().copied().unwrap_or_default();
        if !names.contains(&config) {
            return Err(Refusal::new(repo, format!("this repository has no {config}"))
                .found(format!("{} other files", names.len()))
                .help("check the name: it is not a model that this program can open")
                .into());
        }
        let mut wanted: Vec<String> =
            fixed.iter().filter(|name| names.contains(name)).map(|name| (*name).to_owned()).collect();
        if let Some(index) =
            files::chosen(self.stems(), |name| names.contains(&name)).filter(|name| files::is_index(name))
        {
            wanted.push(index);
        }
        Ok(wanted)
    }

    /// The files of weights among `names`: one, or those that the index in `dir` names.
    ///
    /// # Errors
    /// A refusal if there are no weights, or the index cannot be read. `repo` is named in it.
    pub fn weights(self, repo: &str, names: &[&str], dir: &Path) -> Result<Vec<String>> {
        let Some(chosen) = files::chosen(self.stems(), |name| names.contains(&name)) else {
            return Err(Refusal::new(repo, "this repository holds no weights that this program reads")
                .expected(
                    self.stems()
                        .iter()
                        .map(|stem| format!("{stem}.safetensors or {stem}.bin"))
                        .collect::<Vec<_>>()
                        .join(", "),
                )
                .help("check the name: weights in other formats (GGUF, TensorFlow, Flax) cannot be opened")
                .into());
        };
        if !files::is_index(&chosen) {
            return Ok(vec![chosen]);
        }
        let json = JsonFile::read(&dir.join(&chosen))?;
        Ok(files::shards(&json)?.into_iter().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_read_is_wanted() {
        let names = [
            ".gitattributes",
            "README.md",
            "added_tokens.json",
            "config.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
            "pytorch_model.bin",
            "tokenizer.json",
            "training_args.bin",
        ];
        let role = RepoRole::Checkpoint;
        assert_eq!(
            role.describing("a/b", &names).unwrap(),
            ["config.json", "tokenizer.json", "added_tokens.json", "model.safetensors.index.json"]
        );
        let dir = tempfile::tempdir().unwrap();
        let index = r#"{"weight_map": {"x": "model-00002-of-00002.safetensors", "y": "model-00001-of-00002.safetensors", "z": "model-00001-of-00002.safetensors"}}"#;
        std::fs::write(dir.path().join("model.safetensors.index.json"), index).unwrap();
        let weights = role.weights("a/b", &names, dir.path()).unwrap();
        assert_eq!(weights, ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]);
        std::fs::write(dir.path().join("model.safetensors.index.json"), r#"{"weight_map": {"x": "../../x"}}"#).unwrap();
        assert!(role.weights("a/b", &names, dir.path()).unwrap_err().to_string().contains("../../x"));
    }

    #[test]
    fn one_format_of_an_encoder_is_enough() {
        let names =
            ["config.json", "flax_model.msgpack", "model.safetensors", "pytorch_model.bin", "preprocessor_config.json"];
        let role = RepoRole::Encoder(EncoderFamily::Dinov2);
        assert_eq!(role.describing("a/b", &names).unwrap(), ["config.json", "preprocessor_config.json"]);
        assert_eq!(role.weights("a/b", &names, Path::new("")).unwrap(), ["model.safetensors"]);
        let clip = ["open_clip_config.json", "open_clip_pytorch_model.bin"];
        let role = RepoRole::Encoder(EncoderFamily::ConvNext);
        assert_eq!(role.weights("a/b", &clip, Path::new("")).unwrap(), ["open_clip_pytorch_model.bin"]);
        assert!(role.describing("a/b", &names).unwrap_err().to_string().contains("open_clip_config.json"));
        assert!(role.weights("a/b", &names, Path::new("")).unwrap_err().to_string().contains("a/b"));
    }
}

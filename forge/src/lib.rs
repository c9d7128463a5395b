//! Writes random-weight Cambrian-1 checkpoints of any shape in the on-disk layout of the released models.
//!
//! For benchmarks (released shapes without a download), for tests (tiny ones to break on purpose), and for everyone who
//! wants to see the program run before fetching gigabytes. The answers of a forged model mean nothing; its files,
//! shapes, memory and speed are those of a real one.
//!
//! [`Preset`] → [`ForgeSpec`] → [`forge`]. The tables of tensors ([`checkpoint_tensors`], [`tower_tensors`]) can be read
//! without writing anything. This crate knows nothing of the engine, so that a mistake in one shows in the other.

mod config;
mod derive;
mod error;
mod model;
mod spec;
mod table;
mod tokenizer;
mod towers;
mod weights;
mod writer;

pub use derive::{Derivation, Derived, derive};
pub use error::{ForgeError, Result};
pub use model::checkpoint_tensors;
pub use spec::{
    ConvNextSize, DecoderFamily, DecoderSpec, EncoderFamily, EncoderNetwork, EncoderScale, EncoderSpec, ForgeSpec,
    Preset, SamplerLayout, StoredType, SvaSpec, Template,
};
pub use table::{Init, TensorSpec};
pub use towers::tower_tensors;

use serde_json::Value;
use std::fs;
use std::path::Path;

/// Room left for tokenizer, configuration and headers when disk space is checked.
const SMALL_FILES_BYTES: u64 = 64 << 20;

/// How far a checkpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The weight file being written, relative to the checkpoint.
    pub file: &'a Path,
    /// Bytes of weights written so far, over all files.
    pub done: u64,
    /// Bytes of weights in all.
    pub total: u64,
}

/// What a spec amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Parameters in the checkpoint itself.
    pub checkpoint: u64,
    /// Parameters in the encoders' files, if they are written.
    pub towers: u64,
    /// Bytes of all weights.
    pub bytes: u64,
}

/// How large the checkpoint of `spec` is.
pub fn size(spec: &ForgeSpec) -> Size {
    let checkpoint = count(&checkpoint_tensors(spec));
    let towers = written_towers(spec).map(|tower| count(&tower_tensors(&tower.network))).sum();
    Size { checkpoint, towers, bytes: (checkpoint + towers) * spec.dtype.bytes() }
}

/// Writes the checkpoint of `spec` into `dir`, which must be empty or absent.
///
/// Every file appears under its name only when it is complete, and config.json comes last: an interrupted run cannot
/// be taken for a checkpoint. `report` is called a few times per gigabyte and more.
///
/// # Errors
/// A shape that cannot be, a directory that is not empty, a disk that is too small, or what the disk said.
pub fn forge(spec: &ForgeSpec, dir: &Path, mut report: impl FnMut(Progress<'_>)) -> Result<()> {
    spec.validate()?;
    prepare(dir, size(spec).bytes)?;
    let mut done = 0;
    let total = size(spec).bytes;
    let mut write = |file: &Path, tensors: &[TensorSpec]| {
        writer::write_safetensors(&dir.join(file), tensors, spec.dtype, spec.seed, &mut |bytes| {
            done += bytes;
            report(Progress { file, done, total });
        })
    };

    for tower in written_towers(spec) {
        let folder = Path::new("towers").join(tower.network.repo());
        fs::create_dir_all(dir.join(&folder)).map_err(ForgeError::io(&dir.join(&folder)))?;
        write(&folder.join(towers::weight_file(&tower.network)), &tower_tensors(&tower.network))?;
        for (name, content) in towers::tower_configs(&tower.network) {
            writer::write_json(&dir.join(&folder).join(name), &content)?;
        }
    }

    let tensors = checkpoint_tensors(spec);
    let shards = writer::shards(&tensors, spec.dtype, spec.shard_bytes);
    for (i, shard) in shards.iter().enumerate() {
        write(Path::new(&writer::shard_name(i, shards.len())), shard)?;
    }
    if shards.len() > 1 {
        writer::write_json(&dir.join("model.safetensors.index.json"), &writer::index(&shards, spec.dtype))?;
    }

    let tokenizer = tokenizer::build(spec);
    let small: [(&str, &Value); 5] = [
        ("tokenizer.json", &tokenizer.tokenizer),
        ("tokenizer_config.json", &tokenizer.config),
        ("special_tokens_map.json", &tokenizer.special_tokens_map),
        ("generation_config.json", &config::generation_config(tokenizer.ids)),
        ("config.json", &config::config(spec, tokenizer.ids)),
    ];
    small.iter().try_for_each(|(name, content)| writer::write_json(&dir.join(name), content))
}

/// Makes `dir` if it is not there, and refuses it if it holds anything or its disk has no room for `bytes`.
fn prepare(dir: &Path, bytes: u64) -> Result<()> {
    if dir.exists() && !dir.is_dir() {
        return Err(ForgeError::NotEmpty(dir.to_path_buf()));
    }
    fs::create_dir_all(dir).map_err(ForgeError::io(dir))?;
    if fs::read_dir(dir).map_err(ForgeError::io(dir))?.next().is_some() {
        return Err(ForgeError::NotEmpty(dir.to_path_buf()));
    }
    let free = fs4::available_space(dir).map_err(ForgeError::io(dir))?;
    let needed = bytes + SMALL_FILES_BYTES;
    if free < needed {
        return Err(ForgeError::NoSpace { path: dir.to_path_buf(), needed, free });
    }
    Ok(())
}

/// The encoders whose files are written.
fn written_towers(spec: &ForgeSpec) -> impl Iterator<Item = &EncoderSpec> {
    spec.towers.iter().filter(|_| spec.write_towers)
}

/// Numbers in all of `tensors`.
fn count(tensors: &[TensorSpec]) -> u64 {
    tensors.iter().map(TensorSpec::numel).sum()
}

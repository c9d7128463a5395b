//! A checkpoint made of another: weights moved by a known amount, or part of the way to a third.
//!
//! For comparisons: what differs between the two is known exactly, and everything else is the same.

use crate::error::{ForgeError, Result};
use crate::prepare;
use crate::weights::mix;
use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};
use std::fs;
use std::path::{Path, PathBuf};

/// What is done to a checkpoint's weights, in this order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Derivation {
    /// Another checkpoint and how far each weight goes to it: A + λ (B − A), where it has one of the same name and shape.
    pub toward: Option<(PathBuf, f64)>,
    /// Names of weights, with `*` for any part of one, and the length of the random step they take relative to their own.
    pub perturb: Vec<(String, f64)>,
    /// Seed of the steps.
    pub seed: u64,
}

/// What came of a derivation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Derived {
    /// Weights that were changed.
    pub changed: usize,
    /// Weights that stayed as they were.
    pub kept: usize,
    /// Weights that should have gone toward the other checkpoint, which has none of that name, shape and kind.
    pub without_counterpart: usize,
}

/// Writes the checkpoint in `source`, changed as `derivation` says, into `dir`, which must be empty or absent. Its weights
/// must be safetensors; one file of each checkpoint is in memory at a time. Everything beside them, encoders too, is copied.
///
/// # Errors
/// A name that no weight has, a checkpoint without safetensors files, a directory that is not empty, or what the disk said.
pub fn derive(source: &Path, derivation: &Derivation, dir: &Path) -> Result<Derived> {
    let files = weight_files(source)?;
    let others = match &derivation.toward {
        Some((other, _)) => weight_files(other)?,
        None => Vec::new(),
    };
    let bytes = files.iter().filter_map(|file| fs::metadata(file).ok()).map(|about| about.len()).sum();
    prepare(dir, bytes)?;
    copy_beside(source, dir, 0)?;
    let mut derived = Derived::default();
    let mut met = vec![false; derivation.perturb.len()];
    for file in &files {
        let mut content = fs::read(file).map_err(ForgeError::io(file))?;
        let tensors = locate(file, &content)?;
        let mut values: Vec<Option<Vec<f64>>> = vec![None; tensors.len()];
        let mut sought = vec![derivation.toward.is_some(); tensors.len()];
        if let Some((_, part)) = derivation.toward {
            for other in &others {
                let theirs = fs::read(other).map_err(ForgeError::io(other))?;
                for tensor in locate(other, &theirs)? {
                    let Some(at) = tensors.iter().position(|t| t.name == tensor.name && t.shape == tensor.shape) else {
                        continue;
                    };
                    let (Some(mine), Some(goal)) = (tensors[at].read(&content), tensor.read(&theirs)) else { continue };
                    sought[at] = false;
                    values[at] = Some(mine.iter().zip(&goal).map(|(a, b)| a + part * (b - a)).collect());
                }
            }
        }
        derived.without_counterpart += sought.iter().filter(|sought| **sought).count();
        for (tensor, values) in tensors.iter().zip(&mut values) {
            for ((pattern, step), met) in derivation.perturb.iter().zip(&mut met) {
                if !matches(pattern, &tensor.name) {
                    continue;
                }
                *met = true;
                if let Some(mut moved) = values.take().or_else(|| tensor.read(&content)) {
                    perturb(&mut moved, *step, &tensor.name, derivation.seed);
                    *values = Some(moved);
                }
            }
            match values {
                Some(values) => {
                    derived.changed += 1;
                    tensor.write(values, &mut content);
                }
                None => derived.kept += 1,
            }
        }
        let name = file.file_name().unwrap_or_default();
        fs::write(dir.join(name), &content).map_err(ForgeError::io(&dir.join(name)))?;
    }
    match met.iter().position(|met| !met) {
        Some(at) => {
            Err(ForgeError::Spec(format!("no weight of {} is called {}", source.display(), derivation.perturb[at].0)))
        }
        None => Ok(derived),
    }
}

/// One tensor of a file.
struct Located {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    start: usize,
    len: usize,
}

impl Located {
    /// Its numbers; `None` for types that no weight has.
    fn read(&self, content: &[u8]) -> Option<Vec<f64>> {
        let bytes = content.get(self.start..self.start + self.len)?;
        Some(match self.dtype {
            Dtype::F32 => bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
            Dtype::BF16 => bytes.as_chunks().0.iter().map(|b| bf16::from_le_bytes(*b).to_f64()).collect(),
            Dtype::F16 => bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f64()).collect(),
            _ => return None,
        })
    }

    fn write(&self, values: &[f64], content: &mut [u8]) {
        let Some(bytes) = content.get_mut(self.start..self.start + self.len) else { return };
        let each = |bytes: &mut [u8], size: usize, write: &dyn Fn(f64, &mut [u8])| {
            bytes.chunks_exact_mut(size).zip(values).for_each(|(bytes, value)| write(*value, bytes));
        };
        match self.dtype {
            Dtype::F32 => each(bytes, 4, &|value, out| out.copy_from_slice(&(value as f32).to_le_bytes())),
            Dtype::BF16 => each(bytes, 2, &|value, out| out.copy_from_slice(&bf16::from_f64(value).to_le_bytes())),
            Dtype::F16 => each(bytes, 2, &|value, out| out.copy_from_slice(&f16::from_f64(value).to_le_bytes())),
            _ => {}
        }
    }
}

/// The tensors in `content`, that of `file`.
fn locate(file: &Path, content: &[u8]) -> Result<Vec<Located>> {
    let refuse = |error: safetensors::SafeTensorError| ForgeError::Spec(format!("{}: {error}", file.display()));
    let tensors = SafeTensors::deserialize(content).map_err(refuse)?;
    let base = content.as_ptr() as usize;
    let located = tensors.tensors().into_iter().map(|(name, view)| {
        let data = view.data();
        let (start, len) = (data.as_ptr() as usize - base, data.len());
        Located { name, dtype: view.dtype(), shape: view.shape().to_vec(), start, len }
    });
    Ok(located.collect())
}

/// Moves `values` by a random step of `step` times their own length.
fn perturb(values: &mut [f64], step: f64, name: &str, seed: u64) {
    let stream = name.bytes().fold(mix(seed), |hash, byte| mix(hash ^ u64::from(byte)));
    let unit = |at: usize| mix(stream.wrapping_add(at as u64)) as f64 / u64::MAX as f64 * 2.0 - 1.0;
    let noise: Vec<f64> = (0..values.len()).map(unit).collect();
    let length = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>().sqrt();
    let scale = step * length(values) / length(&noise).max(f64::MIN_POSITIVE);
    values.iter_mut().zip(&noise).for_each(|(value, noise)| *value += scale * noise);
}

/// Whether `name` is what `pattern` says, in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(before) else { return false };
    (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|rest| matches(after, rest)))
}

/// The safetensors files of the checkpoint in `dir`.
fn weight_files(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).map_err(ForgeError::io(dir))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| is_weights(file) && file.is_file());
    files.sort();
    if files.is_empty() {
        return Err(ForgeError::Spec(format!("{} holds no safetensors files", dir.display())));
    }
    Ok(files)
}

fn is_weights(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "safetensors")
}

/// Copies everything in `from` but its own weights into `to`.
fn copy_beside(from: &Path, to: &Path, depth: usize) -> Result<()> {
    /// `towers/organisation/name`, and some room.
    const DEEPEST: usize = 6;
    for entry in fs::read_dir(from).map_err(ForgeError::io(from))? {
        let path = entry.map_err(ForgeError::io(from))?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() && depth < DEEPEST {
            fs::create_dir_all(&target).map_err(ForgeError::io(&target))?;
            copy_beside(&path, &target, depth + 1)?;
        } else if path.is_file() && !(depth == 0 && is_weights(&path)) {
            fs::copy(&path, &target).map_err(ForgeError::io(&target))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Preset, forge};

    fn numbers(dir: &Path, name: &str) -> Vec<f64> {
        let file = weight_files(dir).unwrap().remove(0);
        let content = fs::read(&file).unwrap();
        let tensors = locate(&file, &content).unwrap();
        tensors.iter().find(|tensor| tensor.name == name).unwrap().read(&content).unwrap()
    }

    #[test]
    fn one_weight_moves_as_far_as_it_was_told_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
        forge(&Preset::Tiny.spec(), &a, |_| {}).unwrap();
        let moved = "model.layers.1.mlp.up_proj.weight";
        let step = Derivation { perturb: vec![(moved.into(), 0.01)], ..Derivation::default() };
        let derived = derive(&a, &step, &b).unwrap();
        assert_eq!((derived.changed, derived.without_counterpart), (1, 0));
        let (before, after) = (numbers(&a, moved), numbers(&b, moved));
        let length = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
        let relative = length(&mut before.iter().zip(&after).map(|(a, b)| b - a)) / length(&mut before.iter().copied());
        assert!((relative - 0.01).abs() < 1e-4, "{relative}");
        assert_eq!(numbers(&a, "lm_head.weight"), numbers(&b, "lm_head.weight"));
        assert!(b.join("config.json").is_file() && b.join("towers").is_dir());
        let none = Derivation { perturb: vec![("model.nothing".into(), 0.01)], ..Derivation::default() };
        assert!(derive(&a, &none, &folder.path().join("c")).unwrap_err().to_string().contains("model.nothing"));
    }

    #[test]
    fn half_of_the_way_is_the_mean() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b, c] = ["a", "b", "c"].map(|name| folder.path().join(name));
        let spec = Preset::Tiny.spec();
        forge(&spec, &a, |_| {}).unwrap();
        forge(&crate::ForgeSpec { seed: spec.seed + 1, ..spec }, &b, |_| {}).unwrap();
        let half = Derivation { toward: Some((b.clone(), 0.5)), ..Derivation::default() };
        let derived = derive(&a, &half, &c).unwrap();
        assert_eq!((derived.kept, derived.without_counterpart), (0, 0));
        let key = "model.layers.0.self_attn.q_proj.weight";
        let expected: Vec<f64> = numbers(&a, key).iter().zip(numbers(&b, key)).map(|(a, b)| (a + b) / 2.0).collect();
        let worst = expected.iter().zip(numbers(&c, key)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-7, "{worst}");
    }

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, name, is) in [
            ("model.layers.*.mlp.*", "model.layers.12.mlp.up_proj.weight", true),
            ("*", "lm_head.weight", true),
            ("*.bias", "a.bias", true),
            ("*.bias", "a.bias.b", false),
            ("a", "ab", false),
        ] {
            assert_eq!(matches(pattern, name), is, "{pattern} {name}");
        }
    }
}

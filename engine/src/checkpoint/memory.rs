//! Whether there is room: memory needed by a checkpoint in a given precision, and memory there is.

use super::config::CambrianConfig;
use super::loader::Survey;
use crate::advice::Advice;
use crate::error::{Error, Result};
use crate::limits;
use crate::precision::{Precision, WeightFormat};
use candle_core::Device;
use opabinia_trace::encoder_name::{EncoderFamily, EncoderSpec};
use std::fmt;
use std::str::FromStr;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

/// Memory of this machine in bytes, or what its control group or the limits of this process leave of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostMemory {
    /// All there is.
    pub total: u64,
    /// What can be allocated now without swapping. Cached files count as available, as they give way.
    pub available: u64,
}

impl HostMemory {
    /// Asks the system.
    pub fn now() -> Self {
        let mut system = System::new();
        system.refresh_memory();
        let mut memory = Self { total: system.total_memory(), available: system.available_memory() };
        let pid = sysinfo::get_current_pid().ok();
        if let Some(pid) = pid {
            system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, ProcessRefreshKind::nothing());
        }
        let process = pid.and_then(|pid| system.process(pid)?.cgroup_limits());
        for limits in [process, system.cgroup_limits()].into_iter().flatten() {
            memory.total = memory.total.min(limits.total_memory);
            // The group's own "free" counts cached files as used; a checkpoint read once would seem to fill it.
            memory.available = memory.available.min(limits.total_memory.saturating_sub(limits.rss));
        }
        for limit in limits::of_this_process() {
            memory.total = memory.total.min(limit.bytes);
            memory.available = memory.available.min(limit.left());
        }
        memory
    }
}

/// Attention scores the decoder holds at once, in numbers (64 MiB of f32): a long prompt is worked off in groups of
/// heads.
pub const SCORES_AT_ONCE: usize = 1 << 24;

/// Positions of the run that a plan counts with: an image, a question, and an answer of some 400 tokens. A longer one takes
/// more as it goes on, and is told when there is no more.
const PLANNED_POSITIONS: usize = 1024;

/// Full contexts whose keys and values a model adds to the budget of cached prefixes, where there is room: going back to an
/// earlier picture, or from an intervention to the plain run, finds them still there. Most contexts are far from full.
const CACHED_CONTEXTS: usize = 3;

/// Pictures whose encoder features a model adds to the budget of features, where there is room,
const CACHED_PICTURES: u64 = 8;

/// unless they take more than this, of which one picture alone may.
const CACHED_FEATURES_AT_MOST: u64 = 512 << 20;

/// Of the memory that a run leaves free, the part that may be filled with what is cached between runs: one in so many.
const CACHED_PART: u64 = 2;

/// Whether the weights of encoders stay in memory when they have looked at a picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum EncoderStay {
    /// If there is room.
    #[default]
    Auto,
    /// Always.
    Yes,
    /// Never, as far as they lie in files: stored in the form they are kept in, or kept on disk quantised. They are read again for
    /// the next picture.
    No,
}

impl FromStr for EncoderStay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "yes" => Ok(Self::Yes),
            "no" => Ok(Self::No),
            _ => Err(format!("`{text}` does not say whether encoders stay: use auto, yes or no")),
        }
    }
}

impl fmt::Display for EncoderStay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Yes => "yes",
            Self::No => "no",
        })
    }
}

/// Bytes of encoders' weights that lie in files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InFiles {
    total: u64,
    /// Those of the encoder that has most.
    largest: u64,
}

impl FromIterator<u64> for InFiles {
    /// Of the bytes of each encoder.
    fn from_iter<I: IntoIterator<Item = u64>>(encoders: I) -> Self {
        encoders.into_iter().fold(Self::default(), |Self { total, largest }, bytes| Self {
            total: total.saturating_add(bytes),
            largest: largest.max(bytes),
        })
    }
}

/// Bytes a loaded checkpoint needs to answer a question about a picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryNeed {
    /// Weights of the checkpoint and its encoders.
    pub weights: u64,
    /// Keys and values of a run of 1024 positions, or of the context where it is shorter.
    pub kv_cache: u64,
    /// The largest intermediate results of a forward pass over as many, and the features of the picture.
    pub activations: u64,
    /// Whether encoders leave memory when they have looked at a picture, as far as they lie in files.
    pub encoders_leave: bool,
    /// The weights that leave.
    in_files: InFiles,
    /// The largest intermediate results of the encoders alone.
    encode: u64,
    /// Those of what comes after them.
    after: u64,
    /// Features of one picture.
    features: u64,
    /// Keys and values of a position.
    position: u64,
    /// Positions of the context.
    context: u64,
}

/// Bytes of what is cached between runs that a model accounts for. All models share the sum of their budgets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheBudgets {
    /// Of decoder states: keys, values and visual tokens.
    pub prefixes: u64,
    /// Of encoder features.
    pub features: u64,
}

impl MemoryNeed {
    /// What the checkpoint needs in `precision`, beside weights of `weights` bytes, with encoders that stay. `in_files` are those of
    /// their weights that could leave.
    ///
    /// `survey` covers the checkpoint and its encoders. The widths of the encoders' features are those their projectors
    /// take.
    pub fn of(config: &CambrianConfig, survey: &Survey, precision: Precision, weights: u64, in_files: InFiles) -> Self {
        let width = |k: usize| survey.asked.get(&format!("model.mm_projector_aux_{k}.0.weight"))?.get(1).copied();
        let feature_widths: Vec<usize> = (0..config.towers.len()).map(|k| width(k).unwrap_or_default()).collect();
        let size = precision.compute.size_in_bytes() as u64;
        let decoder = &config.decoder;
        let product =
            |factors: &[usize]| factors.iter().fold(1u64, |product, &factor| product.saturating_mul(factor as u64));
        let positions = config.context_length.min(PLANNED_POSITIONS);
        let position = product(&[2, decoder.layers, decoder.kv_heads, decoder.head_dim]).saturating_mul(size);
        // The residual, its norm, the gate, up and product of the MLP; attention scores twice, in f32, at least those
        // of the query heads that share one key head.
        let scores = |heads: usize| product(&[2, heads, positions, positions, 4]);
        let group = scores(decoder.heads / decoder.kv_heads);
        let scores = scores(decoder.heads).min(group.max(2 * 4 * SCORES_AT_ONCE as u64));
        let prefill = product(&[positions, 3 * decoder.intermediate_size + 4 * decoder.hidden_size])
            .saturating_mul(size)
            .saturating_add(scores);
        let encode = config.towers.iter().zip(&feature_widths).map(|(tower, &width)| encoder_activations(tower, width));
        let encode = encode.max().unwrap_or(0).saturating_mul(size);
        // Projections of all encoders, keys and values of one SVA layer.
        let tokens = config.towers.iter().map(|tower| product(&[tower.tokens, 4, config.sva.hidden_size]));
        let tokens = tokens.fold(0, u64::saturating_add).saturating_mul(size);
        let picture = config.towers.iter().zip(&feature_widths).map(|(tower, &width)| product(&[tower.tokens, width]));
        let features = picture.fold(0, u64::saturating_add).saturating_mul(size);
        // The connector's grids resized to the final one, joined, and projected into the language model.
        let sva = &config.sva;
        let joined = (2 * sva.query_sides.len() * sva.hidden_size).saturating_add(3 * decoder.hidden_size);
        let frame = product(&[sva.final_side, sva.final_side, joined]).saturating_mul(size);
        // Encoders are done before the connector begins.
        let after = prefill.max(frame).saturating_add(tokens);
        Self {
            weights,
            kv_cache: position.saturating_mul(positions as u64),
            activations: encode.max(after).saturating_add(features),
            encoders_leave: false,
            in_files,
            encode,
            after,
            features,
            position,
            context: config.context_length as u64,
        }
    }

    /// What the model may have cached where `available` bytes are free before it is loaded: what is left of them, within
    /// reason. Where nobody knows what is free, it is as if there were enough.
    pub fn budgets(&self, available: Option<u64>) -> CacheBudgets {
        let left = available.map_or(u64::MAX, |available| available.saturating_sub(self.total()) / CACHED_PART);
        let contexts = self.position.saturating_mul(self.context).saturating_mul(CACHED_CONTEXTS as u64);
        let pictures = self.features.saturating_mul(CACHED_PICTURES).min(CACHED_FEATURES_AT_MOST);
        // Features are smaller, and take longer to make.
        let features = pictures.min(left).max(self.features);
        let prefixes = contexts.min(left.saturating_sub(features)).max(self.kv_cache);
        CacheBudgets { prefixes, features }
    }

    /// The same with encoders that leave, where some can and `stay` says so, or there is no room in `available` bytes if they
    /// stay.
    #[must_use]
    pub fn with_encoders(self, stay: EncoderStay, available: Option<u64>) -> Self {
        let all_there = Self { encoders_leave: false, ..self };
        let leave = match stay {
            EncoderStay::Auto => available.is_some_and(|available| all_there.total() > available),
            EncoderStay::Yes => false,
            EncoderStay::No => true,
        };
        Self { encoders_leave: leave && self.in_files.total > 0, ..self }
    }

    /// All of it, at the most that is there at once.
    pub fn total(&self) -> u64 {
        if !self.encoders_leave {
            return self.weights.saturating_add(self.kv_cache).saturating_add(self.activations);
        }
        // The last conversation stays while the next picture is looked at.
        let stay = self.weights.saturating_sub(self.in_files.total);
        let stay = stay.saturating_add(self.features).saturating_add(self.kv_cache);
        stay.saturating_add(self.in_files.largest.saturating_add(self.encode).max(self.after))
    }
}

/// Numbers in the largest intermediate results of one encoder: for a ViT queries, keys, values and the MLP; for a
/// ConvNeXt what lies between its first two stages, the outcome of the first in three forms and the input of the second.
fn encoder_activations(tower: &EncoderSpec, width: usize) -> u64 {
    let (default_side, patch, live) = match tower.family {
        EncoderFamily::Siglip => (384, 14, 12 * width),
        EncoderFamily::Clip => (336, 14, 12 * width),
        EncoderFamily::Dinov2 => (518, 14, 12 * width),
        // The four stages are 1, 2, 4 and 8 times as wide as the first.
        EncoderFamily::ConvNext => (1024, 4, 4 * width.div_ceil(if tower.multi_stage { 15 } else { 8 })),
    };
    let side = tower.res.unwrap_or(default_side).div_ceil(patch) as u64;
    let tokens = side * side;
    let scores = if tower.family == EncoderFamily::ConvNext { 0 } else { 2 * 16 * tokens * tokens };
    (tokens.saturating_mul(live as u64)).saturating_add(scores)
}

/// Bytes of memory free on `device`, where the system tells.
pub fn available(device: &Device) -> Option<u64> {
    device.is_cpu().then(|| HostMemory::now().available)
}

/// Checks that `needed` bytes fit into `available`. `choices` are the formats weights can be kept in and the bytes needed
/// with each.
///
/// # Errors
/// [`Error::OutOfMemory`] with the bytes needed and available, and the formats that would fit.
pub fn check(needed: u64, available: Option<u64>, choices: &[(WeightFormat, u64)]) -> Result<()> {
    let Some(available) = available.filter(|&available| available < needed) else { return Ok(()) };
    let fitting: Vec<_> = choices
        .iter()
        .filter(|(_, bytes)| *bytes <= available)
        .map(|(format, bytes)| (format.name(), *bytes))
        .collect();
    let help = if fitting.is_empty() {
        let least = choices.iter().map(|(_, bytes)| *bytes).min().unwrap_or(needed);
        format!("it takes at least {}: close other programs, or open a smaller checkpoint", Bytes(least)).into()
    } else {
        Advice::WeightsThatFit(fitting)
    };
    let limit = limits::tightest().filter(|limit| limit.left() <= available);
    let limit = limit.map_or_else(String::new, |limit| {
        format!(" of the {} this process may have (ulimit {})", Bytes(limit.bytes), limit.option)
    });
    let what = format!("the checkpoint needs {}, and {} are available{limit}", Bytes(needed), Bytes(available));
    Err(Error::OutOfMemory { what, help })
}

/// A number of bytes, written for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, f64); 3] = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
        let bytes = self.0 as f64;
        match UNITS.iter().find(|(_, size)| bytes >= *size) {
            Some((unit, size)) => write!(f, "{:.1} {unit}", bytes / size),
            None => write!(f, "{} B", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run takes 100 MB and 1 MB of features; a full context has 400 MB of keys and values.
    fn need() -> MemoryNeed {
        MemoryNeed {
            weights: 50 << 20,
            kv_cache: 40 << 20,
            activations: 10 << 20,
            encoders_leave: false,
            in_files: [4, 20, 10].map(|mib| mib << 20).into_iter().collect(),
            encode: 9 << 20,
            after: 5 << 20,
            features: 1 << 20,
            position: 100 << 10,
            context: 4096,
        }
    }

    #[test]
    fn encoders_leave_where_there_is_no_room_for_all_of_them() {
        let total = |stay, available| need().with_encoders(stay, available).total() >> 20;
        assert_eq!(total(EncoderStay::Yes, Some(0)), 100);
        assert_eq!(total(EncoderStay::Auto, None), 100);
        assert_eq!(total(EncoderStay::Auto, Some(100 << 20)), 100);
        // 16 of other weights, features, keys and values; then the largest encoder with its intermediate results.
        assert_eq!(total(EncoderStay::Auto, Some(99 << 20)), 16 + 1 + 40 + 29);
        assert_eq!(total(EncoderStay::No, None), 86);
        // Or what comes after the encoders.
        let long = MemoryNeed { after: 35 << 20, ..need() };
        assert_eq!(long.with_encoders(EncoderStay::No, None).total() >> 20, 16 + 1 + 40 + 35);
        let none = MemoryNeed { in_files: InFiles::default(), ..need() };
        assert_eq!(none.with_encoders(EncoderStay::No, None), none);
    }

    #[test]
    fn what_is_kept_between_runs_takes_what_a_run_leaves() {
        let of = |available| {
            let CacheBudgets { prefixes, features } = need().budgets(available);
            [prefixes >> 20, features >> 20]
        };
        assert_eq!(of(None), [1200, 8]);
        assert_eq!(of(Some(8 << 30)), [1200, 8]);
        assert_eq!(of(Some(500 << 20)), [192, 8]);
        // A run has what it takes, come what may.
        assert_eq!(of(Some(100 << 20)), [40, 1]);
        assert_eq!(of(Some(0)), [40, 1]);
    }
}

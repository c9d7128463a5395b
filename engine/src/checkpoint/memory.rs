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

/// Full contexts whose keys and values a model adds to the budget of cached prefixes: going back to an earlier picture,
/// or from an intervention to the plain run, finds them still there. Most contexts are far from full.
const CACHED_CONTEXTS: usize = 3;

/// Pictures whose encoder features a model adds to the budget of features,
const CACHED_PICTURES: u64 = 8;

/// unless they take more than this, of which one picture alone may.
const CACHED_FEATURES_AT_MOST: u64 = 512 << 20;

/// Bytes a loaded checkpoint needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryNeed {
    /// Weights of the checkpoint and its encoders.
    pub weights: u64,
    /// Keys and values of three full contexts: what the model adds to the budget of cached prefixes.
    pub kv_cache: u64,
    /// The largest intermediate results of a forward pass, estimated from above, and `features`.
    pub activations: u64,
    /// Encoder features that stay: what the model adds to their budget.
    pub features: u64,
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
    /// What the checkpoint needs in `precision`, beside weights of `weights` bytes.
    ///
    /// `survey` covers the checkpoint and its encoders. The widths of the encoders' features are those their projectors
    /// take.
    pub fn of(config: &CambrianConfig, survey: &Survey, precision: Precision, weights: u64) -> Self {
        let width = |k: usize| survey.asked.get(&format!("model.mm_projector_aux_{k}.0.weight"))?.get(1).copied();
        let feature_widths: Vec<usize> = (0..config.towers.len()).map(|k| width(k).unwrap_or_default()).collect();
        let size = precision.compute.size_in_bytes() as u64;
        let decoder = &config.decoder;
        let product =
            |factors: &[usize]| factors.iter().fold(1u64, |product, &factor| product.saturating_mul(factor as u64));
        let kv =
            product(&[CACHED_CONTEXTS, 2, decoder.layers, decoder.kv_heads, decoder.head_dim, config.context_length]);
        // The residual, its norm, the gate, up and product of the MLP; attention scores twice, in f32, at least those
        // of the query heads that share one key head.
        let scores = |heads: usize| product(&[2, heads, config.context_length, config.context_length, 4]);
        let group = scores(decoder.heads / decoder.kv_heads);
        let scores = scores(decoder.heads).min(group.max(2 * 4 * SCORES_AT_ONCE as u64));
        let prefill = product(&[config.context_length, 3 * decoder.intermediate_size + 4 * decoder.hidden_size])
            .saturating_mul(size)
            .saturating_add(scores);
        let encode = config.towers.iter().zip(&feature_widths).map(|(tower, &width)| encoder_activations(tower, width));
        let encode = encode.max().unwrap_or(0).saturating_mul(size);
        // Projections of all encoders, keys and values of one SVA layer.
        let tokens = config.towers.iter().map(|tower| product(&[tower.tokens, 4, config.sva.hidden_size]));
        let tokens = tokens.fold(0, u64::saturating_add).saturating_mul(size);
        let picture = config.towers.iter().zip(&feature_widths).map(|(tower, &width)| product(&[tower.tokens, width]));
        let picture = picture.fold(0, u64::saturating_add).saturating_mul(size);
        let features = picture.saturating_mul(CACHED_PICTURES).min(picture.max(CACHED_FEATURES_AT_MOST));
        // The connector's grids resized to the final one, joined, and projected into the language model.
        let sva = &config.sva;
        let joined = (2 * sva.query_sides.len() * sva.hidden_size).saturating_add(3 * decoder.hidden_size);
        let frame = product(&[sva.final_side, sva.final_side, joined]).saturating_mul(size);
        Self {
            weights,
            kv_cache: kv.saturating_mul(size),
            activations: prefill.max(encode).max(frame).saturating_add(tokens).saturating_add(features),
            features,
        }
    }

    /// What the model may have cached.
    pub fn budgets(&self) -> CacheBudgets {
        CacheBudgets { prefixes: self.kv_cache, features: self.features }
    }

    /// All of it.
    pub fn total(&self) -> u64 {
        self.weights.saturating_add(self.kv_cache).saturating_add(self.activations)
    }
}

/// Numbers in the largest intermediate results of one encoder: for a ViT queries, keys, values and the MLP; for a
/// ConvNeXt a block of the first stage, the MLP four times as wide.
fn encoder_activations(tower: &EncoderSpec, width: usize) -> u64 {
    let (default_side, patch, live) = match tower.family {
        EncoderFamily::Siglip => (384, 14, 12 * width),
        EncoderFamily::Clip => (336, 14, 12 * width),
        EncoderFamily::Dinov2 => (518, 14, 12 * width),
        // The four stages are 1, 2, 4 and 8 times as wide as the first.
        EncoderFamily::ConvNext => (1024, 4, 11 * width.div_ceil(if tower.multi_stage { 15 } else { 8 })),
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

//! Causal self-attention with grouped queries over the key/value cache.

use super::cache::KvCache;
use super::rotary::Angles;
use crate::checkpoint::memory::SCORES_AT_ONCE;
use crate::checkpoint::{DecoderConfig, DecoderFamily, Loader};
use crate::error::Result;
use crate::nn::{Linear, add_bias, softmax};
use crate::observe::{Observer, Site};
use candle_core::{D, DType, Device, Tensor};

/// Query, key and value projections as the family stores them.
#[derive(Debug, Clone)]
enum Qkv {
    /// Llama: three matrices.
    Split { q: Linear, k: Linear, v: Linear },
    /// Phi-3: one matrix, all q rows first, then all k, then all v.
    Fused(Linear),
}

/// The self-attention of one decoder layer.
#[derive(Debug, Clone)]
pub(super) struct SelfAttention {
    qkv: Qkv,
    output: Linear,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
}

/// What all layers of one pass share.
pub(super) struct Pass<'a> {
    /// Rotary angles of the pass's positions.
    pub(super) angles: &'a Angles,
    /// `[n, all positions]`, 0 or −∞; `None` where every key is visible.
    pub(super) mask: Option<&'a Tensor>,
}

/// The additive mask of `n` positions after `past` others, or `None` if each of them sees everything.
pub(super) fn causal_mask(
    past: usize,
    n: usize,
    sliding_window: Option<usize>,
    device: &Device,
) -> Result<Option<Tensor>> {
    let total = past + n;
    let window = sliding_window.unwrap_or(usize::MAX);
    if n == 1 && total <= window {
        return Ok(None);
    }
    let visible = |i: usize, j: usize| j <= i && i - j < window;
    let mask: Vec<f32> = (past..total)
        .flat_map(|i| (0..total).map(move |j| if visible(i, j) { 0.0 } else { f32::NEG_INFINITY }))
        .collect();
    Ok(Some(Tensor::from_vec(mask, (n, total), device)?))
}

impl SelfAttention {
    pub(super) fn new(config: &DecoderConfig, loader: &Loader<'_>) -> Result<Self> {
        let (hidden, heads, kv_heads, width) = (config.hidden_size, config.heads, config.kv_heads, config.head_dim);
        let qkv = match config.family {
            DecoderFamily::Llama => Qkv::Split {
                q: loader.linear("q_proj", hidden, heads * width, false)?,
                k: loader.linear("k_proj", hidden, kv_heads * width, false)?,
                v: loader.linear("v_proj", hidden, kv_heads * width, false)?,
            },
            DecoderFamily::Phi3 => {
                Qkv::Fused(loader.linear("qkv_proj", hidden, (heads + 2 * kv_heads) * width, false)?)
            }
        };
        let output = loader.linear("o_proj", heads * width, hidden, false)?;
        Ok(Self { qkv, output, heads, kv_heads, head_dim: width })
    }

    /// `x`: `[n, H]`, the positions after those in `cache` → `[n, H]`.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        layer: usize,
        pass: &Pass<'_>,
        cache: &mut KvCache,
        observer: &mut dyn Observer,
    ) -> Result<Tensor> {
        let n = x.dims()[0];
        let (q, k, v) = match &self.qkv {
            Qkv::Split { q, k, v } => (q.forward(x)?, k.forward(x)?, v.forward(x)?),
            Qkv::Fused(all) => {
                let all = all.forward(x)?;
                let (q, kv) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
                (all.narrow(1, 0, q)?, all.narrow(1, q, kv)?, all.narrow(1, q + kv, kv)?)
            }
        };
        let by_head = |t: Tensor, heads: usize| t.reshape((n, heads, self.head_dim))?.transpose(0, 1);
        let q = pass.angles.apply(&by_head(q, self.heads)?)?;
        let k = pass.angles.apply(&by_head(k, self.kv_heads)?)?;
        let (keys, values) = cache.append(layer, &k, &by_head(v, self.kv_heads)?)?;

        // The query heads that share a key head stand side by side, so they become rows of one product.
        let group = self.heads / self.kv_heads;
        let total = keys.dims()[1];
        let q = (q * (self.head_dim as f64).powf(-0.5))?.reshape((self.kv_heads, group * n, self.head_dim))?;
        let observed = observer.wants(Site::SelfAttentionRow(layer));
        let whole = observer.wants(Site::SelfAttention(layer));
        let at_once = (SCORES_AT_ONCE / (group * n * total)).clamp(1, self.kv_heads);
        let mut mixed = Vec::new();
        let mut rows = Vec::new();
        for first in (0..self.kv_heads).step_by(at_once) {
            let count = at_once.min(self.kv_heads - first);
            let scores = q.narrow(0, first, count)?.matmul(&keys.narrow(0, first, count)?.transpose(1, 2)?)?;
            let scores = scores.to_dtype(DType::F32)?.reshape((count * group, n, total))?;
            let scores = match pass.mask {
                // In place, as a bias of one row for each head.
                Some(mask) => add_bias(scores.flatten(1, 2)?, &mask.flatten_all()?)?.reshape(scores.shape())?,
                None => scores,
            };
            let probs = softmax(scores)?;
            if observed {
                rows.push(probs.narrow(1, n - 1, 1)?.squeeze(1)?);
            }
            if whole {
                observer.observe(Site::SelfAttention(layer), &probs)?;
            }
            let probs = probs.reshape((count, group * n, total))?.to_dtype(values.dtype())?;
            mixed.push(probs.matmul(&values.narrow(0, first, count)?)?);
        }
        if observed {
            observer.observe(Site::SelfAttentionRow(layer), &Tensor::cat(&rows, 0)?)?;
        }
        let mixed = Tensor::cat(&mixed, 0)?.reshape((self.heads, n, self.head_dim))?.transpose(0, 1)?;
        self.output.forward(&mixed.flatten(1, D::Minus1)?)
    }
}

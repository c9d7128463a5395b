//! Rotary position embedding, half-split, with angles in f32 (docs/model.md §13).

use crate::error::Result;
use candle_core::{DType, Device, Tensor};

/// Inverse frequencies of one head.
#[derive(Debug, Clone)]
pub(super) struct Rotary {
    inverse_frequencies: Vec<f32>,
}

/// Cosines and sines of a range of positions: `[n, head width / 2]` each.
pub(super) struct Angles {
    cos: Tensor,
    sin: Tensor,
}

impl Rotary {
    pub(super) fn new(theta: f64, head_dim: usize) -> Self {
        let inverse_frequencies =
            (0..head_dim / 2).map(|i| 1.0 / (theta as f32).powf((2 * i) as f32 / head_dim as f32)).collect();
        Self { inverse_frequencies }
    }

    /// Angles of positions `start..start + n`.
    pub(super) fn angles(&self, start: usize, n: usize, dtype: DType, device: &Device) -> Result<Angles> {
        let angles: Vec<f32> = (start..start + n)
            .flat_map(|position| self.inverse_frequencies.iter().map(move |f| position as f32 * f))
            .collect();
        let shape = (n, self.inverse_frequencies.len());
        let of = |f: fn(f32) -> f32| -> Result<Tensor> {
            let values: Vec<f32> = angles.iter().copied().map(f).collect();
            Ok(Tensor::from_vec(values, shape, device)?.to_dtype(dtype)?)
        };
        Ok(Angles { cos: of(f32::cos)?, sin: of(f32::sin)? })
    }
}

impl Angles {
    /// Rotates `x` `[heads, n, head width]`.
    pub(super) fn apply(&self, x: &Tensor) -> Result<Tensor> {
        if x.track_op() {
            return Ok(
                candle_nn::rotary_emb::rope_slow(&x.unsqueeze(0)?.contiguous()?, &self.cos, &self.sin)?.squeeze(0)?
            );
        }
        let rotated = candle_nn::rotary_emb::rope(&x.unsqueeze(0)?.contiguous()?, &self.cos, &self.sin)?;
        Ok(rotated.squeeze(0)?)
    }
}

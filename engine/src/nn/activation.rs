//! Activations.

use crate::error::Result;
use candle_core::Tensor;

/// Exact GELU.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    Ok(x.gelu_erf()?)
}

/// SiLU.
pub fn silu(x: &Tensor) -> Result<Tensor> {
    Ok(x.silu()?)
}

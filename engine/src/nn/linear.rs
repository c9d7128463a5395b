//! The linear layer.

use crate::error::Result;
use candle_core::Tensor;

/// `y = x Wᵀ + b`, with `W` `[output, input]` as PyTorch stores it.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// A layer over `weight` `[output, input]`, in the weight type, and `bias` `[output]`, in the compute type.
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight, bias }
    }

    /// Width of the result.
    pub fn output_size(&self) -> usize {
        self.weight.dims()[0]
    }

    /// `x`: `[rows, input]` in the compute type → `[rows, output]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = x.matmul(&self.weight.t()?)?;
        Ok(match &self.bias {
            Some(bias) => y.broadcast_add(bias)?,
            None => y,
        })
    }
}

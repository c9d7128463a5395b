//! Layers on tensors that are tracked for gradients. Loops of our own know no way back, so such tensors go through candle's
//! differentiable operations; on the CPU weights are frozen, and no gradient of them is computed or kept.
//! Elsewhere candle's reverse pass also makes a gradient of each weight, which costs memory and is not used.

use super::finish::Finish;
use super::host::values;
use super::product;
use super::weight::{Values, Weight, with_host_values};
use crate::error::Result;
use crate::precision::Products;
use candle_core::{CpuStorage, CustomOp1, D, Layout, Shape, Tensor};

/// `x` `[rows, input]`, tracked, times the transpose of `weight`. Exact, whatever products are otherwise.
pub(super) fn product(x: &Tensor, weight: &Weight) -> Result<Tensor> {
    if let Values::Tensor(weight) = &weight.values {
        return Ok(x.matmul(&weight.to_dtype(x.dtype())?.detach().t()?)?);
    }
    Ok(x.contiguous()?.apply_op1(FrozenProduct { weight: weight.clone() })?)
}

/// Softmax over the last dimension of tracked `scores`.
pub(super) fn softmax(scores: &Tensor) -> Result<Tensor> {
    let top = scores.detach().max_keepdim(D::Minus1)?;
    let powers = scores.broadcast_sub(&top)?.exp()?;
    Ok(powers.broadcast_div(&powers.sum_keepdim(D::Minus1)?)?)
}

/// A product with a weight of which no gradient is wanted: candle's own would keep one as large as the weight.
struct FrozenProduct {
    weight: Weight,
}

impl CustomOp1 for FrozenProduct {
    fn name(&self) -> &'static str {
        "frozen-product"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let rows = layout.shape().dims2()?.0;
        let y = product::product(values(storage, layout)?, rows, &self.weight, Products::Exact, Finish::default());
        let y = y.map_err(candle_core::Error::wrap)?;
        Ok((CpuStorage::F32(y), Shape::from((rows, self.weight.output()))))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, gradient: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let (rows, input) = x.dims2()?;
        let back = with_host_values(gradient, |gradient| product::product_back(gradient, rows, &self.weight));
        let back = back.map_err(candle_core::Error::wrap)?;
        Tensor::from_vec(back, (rows, input), x.device()).map(Some)
    }
}

//! Layers on tensors that are tracked for gradients. Loops of our own know no way back, so such tensors go through candle's
//! differentiable operations; on the CPU weights are frozen, and no gradient of them is computed or kept.
//! Elsewhere candle's reverse pass also makes a gradient of each weight, which costs memory and is not used.

use super::host::values;
use crate::error::Result;
use candle_core::{CpuStorage, CustomOp1, D, DType, Device, Layout, Shape, Storage, Tensor};

/// `x` `[rows, input]`, tracked, times the transpose of `weight` `[output, input]`.
pub(super) fn product(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() {
        return Ok(x.contiguous()?.apply_op1(FrozenProduct { weight: weight.clone() })?);
    }
    Ok(x.matmul(&weight.to_dtype(x.dtype())?.detach().t()?)?)
}

/// Softmax over the last dimension of tracked `scores`.
pub(super) fn softmax(scores: &Tensor) -> Result<Tensor> {
    let top = scores.detach().max_keepdim(D::Minus1)?;
    let powers = scores.broadcast_sub(&top)?.exp()?;
    Ok(powers.broadcast_div(&powers.sum_keepdim(D::Minus1)?)?)
}

/// A product with a weight of which no gradient is wanted: candle's own would keep one as large as the weight.
struct FrozenProduct {
    weight: Tensor,
}

impl CustomOp1 for FrozenProduct {
    fn name(&self) -> &'static str {
        "frozen-product"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let x = Tensor::from_slice(values(storage, layout)?, layout.dims(), &Device::Cpu)?;
        let y = x.matmul(&self.weight.to_dtype(DType::F32)?.t()?)?.contiguous()?;
        let (storage, _) = y.storage_and_layout();
        match &*storage {
            Storage::Cpu(storage) => Ok((storage.clone(), y.shape().clone())),
            _ => candle_core::bail!("a product in host memory ended elsewhere"),
        }
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, gradient: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let weight = self.weight.to_dtype(gradient.dtype())?;
        Ok(Some(gradient.contiguous()?.matmul(&weight)?))
    }
}

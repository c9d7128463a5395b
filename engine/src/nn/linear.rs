//! The linear layer, over weights kept in whatever type saves memory.
//!
//! On the CPU activations are f32. Few rows (decoding, a follow-up question) are multiplied straight from the stored
//! type: see [`few_rows`]. Many rows (a prompt with its image, encoders) are bound by arithmetic: half weights are
//! widened a block at a time and go through the f32 matrix product, which is faster than candle's half-precision one. On
//! accelerators weights and activations share a type and candle does it all.

use super::few_rows::{Weight, few_rows};
use super::host::{TASK, is_host_f32, values, values_mut};
use crate::error::Result;
use candle_core::{CpuStorage, DType, InplaceOp2, Layout, Storage, Tensor};
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use rayon::prelude::*;

/// Up to this many rows of `x` it is faster to multiply straight from the stored type than to widen the weights and hand
/// them to the matrix product. At this many both take about as long (two cores, AVX-512).
const FEW_ROWS: usize = 64;

/// Rows of `W` widened at a time for the matrix product: enough to keep every thread busy, few enough that the copy
/// (16 MiB at width 4096) hardly counts beside the weights.
const BLOCK_ROWS: usize = 1024;

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
        let rows = x.dims2()?.0;
        let y = if is_host_f32(x) && (rows <= FEW_ROWS || self.weight.dtype() != DType::F32) {
            self.on_cpu(x)?
        } else {
            x.matmul(&self.weight.t()?)?
        };
        match &self.bias {
            Some(bias) => add_bias(y, bias),
            None => Ok(y),
        }
    }

    /// The product on the CPU, for few rows or for half weights.
    fn on_cpu(&self, x: &Tensor) -> Result<Tensor> {
        let (x, weight) = (x.contiguous()?, self.weight.contiguous()?);
        let (storage, layout) = weight.storage_and_layout();
        let Storage::Cpu(data) = &*storage else {
            return Err(candle_core::Error::Msg("a linear layer's weight is not where its input is".into()).into());
        };
        let range = layout.start_offset()..layout.start_offset() + weight.elem_count();
        match data {
            CpuStorage::F32(w) => product(&x, &w[range]),
            CpuStorage::BF16(w) => product(&x, &w[range]),
            CpuStorage::F16(w) => product(&x, &w[range]),
            _ => Err(candle_core::Error::UnsupportedDTypeForOp(weight.dtype(), "linear").into()),
        }
    }
}

/// `product` `[rows, output]` plus `bias` `[output]`. On the CPU the memory of `product` is used for the result: nothing
/// else may look at it any more.
pub(crate) fn add_bias(product: Tensor, bias: &Tensor) -> Result<Tensor> {
    if is_host_f32(&product) && product.is_contiguous() {
        product.inplace_op2(bias, &AddBias)?;
        return Ok(product);
    }
    Ok(product.broadcast_add(bias)?)
}

struct AddBias;

impl InplaceOp2 for AddBias {
    fn name(&self) -> &'static str {
        "add-bias"
    }

    fn cpu_fwd(
        &self,
        product: &mut CpuStorage,
        layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> candle_core::Result<()> {
        let bias = values(bias, bias_layout)?;
        if bias.is_empty() || layout.dims().last() != Some(&bias.len()) {
            candle_core::bail!("a bias of {} numbers does not fit {:?}", bias.len(), layout.shape());
        }
        let task = bias.len() * (TASK / bias.len()).max(1);
        values_mut(product, layout)?.par_chunks_mut(task).for_each(|rows| {
            for row in rows.chunks_exact_mut(bias.len()) {
                row.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
            }
        });
        Ok(())
    }
}

/// A block of weights that is widened in memory, for the f32 matrix product.
trait Widen: Weight {
    /// Writes `from` as f32 into `to`, of the same length.
    fn widen_block(from: &[Self], to: &mut [f32]);
}

impl Widen for f32 {
    fn widen_block(from: &[Self], to: &mut [f32]) {
        to.copy_from_slice(from);
    }
}

impl Widen for bf16 {
    fn widen_block(from: &[Self], to: &mut [f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = from.widen();
        }
    }
}

impl Widen for f16 {
    fn widen_block(from: &[Self], to: &mut [f32]) {
        from.convert_to_f32_slice(to);
    }
}

/// `x` `[rows, input]` times the transpose of `w` `[output, input]` → `[rows, output]`.
fn product<W: Widen>(x: &Tensor, w: &[W]) -> Result<Tensor> {
    let (rows, input) = x.dims2()?;
    if rows > FEW_ROWS {
        return many_rows(x, w);
    }
    let (storage, layout) = x.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else {
        return Err(candle_core::Error::Msg("expected a tensor in host memory".into()).into());
    };
    let y = few_rows(values(storage, layout)?, w, rows, input);
    let y = Tensor::from_vec(y, (w.len() / input, rows), x.device())?;
    Ok(if rows == 1 { y.reshape((1, w.len() / input))? } else { y.t()?.contiguous()? })
}

/// Blocks of `w`, widened, through the matrix product.
fn many_rows<W: Widen>(x: &Tensor, w: &[W]) -> Result<Tensor> {
    let input = x.dims2()?.1;
    let blocks = w
        .chunks(BLOCK_ROWS * input)
        .map(|w| {
            let mut widened = vec![0f32; w.len()];
            widened.par_chunks_mut(input).zip(w.par_chunks(input)).for_each(|(to, from)| W::widen_block(from, to));
            Ok(x.matmul(&Tensor::from_vec(widened, (w.len() / input, input), x.device())?.t()?)?)
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Tensor::cat(&blocks, 1)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// Every weight type and both regimes against candle's f32 product of the widened weights.
    #[test]
    fn equals_the_plain_product() -> Result<()> {
        for (rows, input, output) in
            [(1, 64, 48), (3, 33, 130), (8, 128, 7), (9, 96, 300), (64, 65, 70), (65, 65, 1300)]
        {
            let x = Tensor::randn(0f32, 1.0, (rows, input), &Device::Cpu)?;
            let weight = Tensor::randn(0f32, 1.0, (output, input), &Device::Cpu)?;
            let bias = Tensor::randn(0f32, 1.0, output, &Device::Cpu)?;
            for dtype in [DType::F32, DType::BF16, DType::F16] {
                let weight = weight.to_dtype(dtype)?;
                let expected = x.matmul(&weight.to_dtype(DType::F32)?.t()?)?.broadcast_add(&bias)?;
                let got = Linear::new(weight, Some(bias.clone())).forward(&x)?;
                let error = (got - expected)?.abs()?.max_all()?.to_scalar::<f32>()?;
                assert!(error < 2e-4, "{rows}×{input}×{output} {dtype:?}: {error}");
            }
        }
        Ok(())
    }

    /// What type a weight is kept in makes no difference to what is computed with it, not even in the last bit.
    #[test]
    fn few_rows_of_any_type_are_the_same_product() -> Result<()> {
        for (rows, input, output) in [(1, 200, 33), (5, 64, 130), (30, 70, 9)] {
            let x = Tensor::randn(0f32, 1.0, (rows, input), &Device::Cpu)?;
            for dtype in [DType::BF16, DType::F16] {
                let weight = Tensor::randn(0f32, 1.0, (output, input), &Device::Cpu)?.to_dtype(dtype)?;
                let widened = Linear::new(weight.to_dtype(DType::F32)?, None).forward(&x)?.to_vec2::<f32>()?;
                assert_eq!(Linear::new(weight, None).forward(&x)?.to_vec2::<f32>()?, widened);
            }
        }
        Ok(())
    }
}

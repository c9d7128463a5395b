//! The linear layer, over weights kept in whatever type saves memory.
//!
//! On the CPU activations are f32. Few rows (decoding) are bound by the bytes of the weights: each row of `W` is read
//! once and widened on the way into the registers. Many rows (prefill, encoders) are bound by arithmetic: half
//! weights are widened a block at a time and go through the f32 matrix product, which is faster than candle's
//! half-precision one. On accelerators weights and activations share a type and candle does it all.

use super::dot::dot;
use super::host::{TASK, is_host_f32, values, values_mut};
use crate::error::Result;
use candle_core::{CpuStorage, DType, InplaceOp2, Layout, Storage, Tensor};
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use pulp::Arch;
use rayon::prelude::*;

/// Up to this many rows of `x` every weight is used so rarely that reading it decides.
const FEW_ROWS: usize = 8;

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

    /// Width of what it takes.
    pub fn input_size(&self) -> usize {
        self.weight.dims()[1]
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

/// A type weights are kept in.
trait Weight: Copy + Sync {
    /// Writes `from` as f32 into `to`, of the same length.
    fn widen(from: &[Self], to: &mut [f32]);

    /// `from` as f32: in `space`, of the same length, unless it is f32 already.
    fn widened<'a>(from: &'a [Self], space: &'a mut [f32]) -> &'a [f32] {
        Self::widen(from, space);
        space
    }
}

impl Weight for f32 {
    fn widen(from: &[Self], to: &mut [f32]) {
        to.copy_from_slice(from);
    }

    fn widened<'a>(from: &'a [Self], _space: &'a mut [f32]) -> &'a [f32] {
        from
    }
}

impl Weight for bf16 {
    fn widen(from: &[Self], to: &mut [f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = f32::from_bits(u32::from(from.to_bits()) << 16);
        }
    }
}

impl Weight for f16 {
    fn widen(from: &[Self], to: &mut [f32]) {
        from.convert_to_f32_slice(to);
    }
}

/// `x` `[rows, input]` times the transpose of `w` `[output, input]` → `[rows, output]`.
fn product<W: Weight>(x: &Tensor, w: &[W]) -> Result<Tensor> {
    if x.dims2()?.0 <= FEW_ROWS { few_rows(x, w) } else { many_rows(x, w) }
}

/// Every row of `w`, widened once, against every row of `x`.
fn few_rows<W: Weight>(x: &Tensor, w: &[W]) -> Result<Tensor> {
    let (rows, input) = x.dims2()?;
    let output = w.len() / input;
    let values = x.flatten_all()?.to_vec1::<f32>()?;
    let arch = Arch::new();
    let mut y = vec![0f32; output * rows];
    // A few blocks for each thread even out their ends.
    let block = output.div_ceil(4 * rayon::current_num_threads()).max(1);
    y.par_chunks_mut(block * rows).zip(w.par_chunks(block * input)).for_each_init(
        || vec![0f32; input],
        |space, (y, w)| {
            for (y, w) in y.chunks_exact_mut(rows).zip(w.chunks_exact(input)) {
                let widened = W::widened(w, space);
                for (y, x) in y.iter_mut().zip(values.chunks_exact(input)) {
                    *y = dot(arch, x, widened);
                }
            }
        },
    );
    Ok(Tensor::from_vec(y, (output, rows), x.device())?.t()?.contiguous()?)
}

/// Blocks of `w`, widened, through the matrix product.
fn many_rows<W: Weight>(x: &Tensor, w: &[W]) -> Result<Tensor> {
    let input = x.dims2()?.1;
    let blocks = w
        .chunks(BLOCK_ROWS * input)
        .map(|w| {
            let mut widened = vec![0f32; w.len()];
            widened.par_chunks_mut(input).zip(w.par_chunks(input)).for_each(|(to, from)| W::widen(from, to));
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
        for (rows, input, output) in [(1, 64, 48), (3, 33, 130), (8, 128, 7), (9, 96, 300), (40, 65, 1300)] {
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
        for (rows, input, output) in [(1, 200, 33), (5, 64, 130)] {
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

//! The linear layer, over weights kept in whatever type saves memory.
//!
//! On the CPU activations are f32. Few rows (decoding) are bound by the bytes of the weights: each row of `W` is read
//! once and widened on the way into the registers. Many rows (prefill, encoders) are bound by arithmetic: half
//! weights are widened a block at a time and go through the f32 matrix product, which on every CPU candle supports is
//! faster than its half-precision one. On accelerators weights and activations share a type and candle does it all.
#![allow(unsafe_code)] // the matrix product of the `gemm` crate takes raw pointers

use super::dot::dot;
use crate::error::Result;
use candle_core::{CpuStorage, DType, Storage, Tensor};
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use rayon::prelude::*;

/// Up to this many rows of `x` every weight is used so rarely that reading it decides.
const FEW_ROWS: usize = 8;

/// Rows of `W` widened at a time for the matrix product: a block of 4096-wide rows stays within a core's cache.
const BLOCK_ROWS: usize = 128;

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
        let host = x.device().is_cpu() && x.dtype() == DType::F32;
        let y = if host && (rows <= FEW_ROWS || self.weight.dtype() != DType::F32) {
            self.on_cpu(x)?
        } else {
            x.matmul(&self.weight.t()?)?
        };
        Ok(match &self.bias {
            Some(bias) => y.broadcast_add(bias)?,
            None => y,
        })
    }

    /// The product on the CPU, for few rows or for half weights.
    fn on_cpu(&self, x: &Tensor) -> Result<Tensor> {
        let (rows, input) = x.dims2()?;
        let output = self.output_size();
        let (x, weight) = (x.contiguous()?, self.weight.contiguous()?);
        let (x_storage, x_layout) = x.storage_and_layout();
        let (w_storage, w_layout) = weight.storage_and_layout();
        let (Storage::Cpu(CpuStorage::F32(x_data)), Storage::Cpu(w_data)) = (&*x_storage, &*w_storage) else {
            return Err(candle_core::Error::Msg("a linear layer's weight is not where its input is".into()).into());
        };
        let (x_start, w_start) = (x_layout.start_offset(), w_layout.start_offset());
        let x_data = &x_data[x_start..x_start + rows * input];
        let w_range = w_start..w_start + output * input;
        let y = match w_data {
            CpuStorage::F32(w) => product(x_data, &w[w_range], rows, input, output),
            CpuStorage::BF16(w) => product(x_data, &w[w_range], rows, input, output),
            CpuStorage::F16(w) => product(x_data, &w[w_range], rows, input, output),
            _ => return Err(candle_core::Error::UnsupportedDTypeForOp(weight.dtype(), "linear").into()),
        };
        Ok(Tensor::from_vec(y, (rows, output), x.device())?)
    }
}

/// A type weights are kept in.
trait Weight: Copy + Sync {
    /// Writes `from` as f32 into `to`, of the same length.
    fn widen(from: &[Self], to: &mut [f32]);
}

impl Weight for f32 {
    fn widen(from: &[Self], to: &mut [f32]) {
        to.copy_from_slice(from);
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
fn product<W: Weight>(x: &[f32], w: &[W], rows: usize, input: usize, output: usize) -> Vec<f32> {
    let mut y = vec![0f32; rows * output];
    if y.is_empty() || input == 0 {
        return y;
    }
    let target = Columns { start: y.as_mut_ptr(), width: output };
    // A few blocks for each thread even out their ends; a block never straddles two threads.
    let block = output.div_ceil(4 * rayon::current_num_threads()).clamp(1, BLOCK_ROWS);
    w.par_chunks(block * input).enumerate().for_each_init(Vec::new, |scratch: &mut Vec<f32>, (index, w)| {
        let columns = w.len() / input;
        let first = index * block;
        if rows <= FEW_ROWS {
            scratch.resize(input, 0.0);
            for (column, w) in w.chunks_exact(input).enumerate() {
                W::widen(w, scratch);
                for (row, x) in x.chunks_exact(input).enumerate() {
                    target.set(row, first + column, dot(x, scratch));
                }
            }
        } else {
            scratch.resize(columns * input, 0.0);
            W::widen(w, scratch);
            target.multiply(x, scratch, first, rows, input, columns);
        }
    });
    y
}

/// A row-major matrix whose columns several threads write, each its own.
#[derive(Clone, Copy)]
struct Columns {
    start: *mut f32,
    width: usize,
}

// SAFETY: the blocks of `product` are disjoint ranges of columns, and the matrix outlives the parallel loop.
unsafe impl Send for Columns {}
// SAFETY: as above: no element is touched by two threads.
unsafe impl Sync for Columns {}

impl Columns {
    fn set(self, row: usize, column: usize, value: f32) {
        // SAFETY: `row` and `column` lie in the matrix (`product` counts them from its slices), and this column
        // belongs to the calling thread.
        unsafe { *self.start.add(row * self.width + column) = value }
    }

    /// Columns `first..first + columns` become `x` `[rows, input]` times the transpose of `w` `[columns, input]`.
    fn multiply(self, x: &[f32], w: &[f32], first: usize, rows: usize, input: usize, columns: usize) {
        debug_assert!(x.len() == rows * input && w.len() == columns * input && first + columns <= self.width);
        // SAFETY: `x` and `w` have the lengths their strides say (asserted above, derived in `product` from chunk
        // lengths); the target's columns lie in the matrix and belong to the calling thread.
        unsafe {
            gemm::gemm(
                rows,
                columns,
                input,
                self.start.add(first),
                1,
                self.width as isize,
                false,
                x.as_ptr(),
                1,
                input as isize,
                w.as_ptr(),
                input as isize,
                1,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// Every weight type and both regimes against candle's f32 product of the widened weights.
    #[test]
    fn equals_the_plain_product() -> Result<()> {
        for (rows, input, output) in [(1, 64, 48), (3, 33, 130), (8, 128, 7), (9, 96, 300), (40, 65, 129)] {
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
}

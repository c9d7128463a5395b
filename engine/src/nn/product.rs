//! The product of activations with a weight matrix in host memory: which loop runs when.
//!
//! **Exact** products are f32 throughout. Few rows (decoding, a follow-up question) are multiplied straight from the kept
//! form: see [`few_rows`]. Many rows (a prompt with its image, encoders) are bound by arithmetic: weights are widened a
//! block at a time and go through the f32 matrix product.
//!
//! **Fast** products use what the processor multiplies fastest, if it has it: bf16 dot products beside weights in bf16, 8-bit ones
//! beside quantised weights. One loop serves any count of rows, straight from the kept form, so that a row's result does not
//! depend on how many others it was computed with.

use super::few_rows::few_rows;
use super::gemm;
use super::weight::{Values, Weight};
use crate::error::Result;
use crate::precision::{Products, WeightFormat};

#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};

/// Up to this many rows of `x` it is faster to multiply straight from the kept form than to widen the weights and hand
/// them to the matrix product. At this many both take about as long (two cores, AVX-512).
const FEW_ROWS: usize = 64;

/// Rows of `W` widened at a time for the matrix product: enough to keep every thread busy, few enough that the copy
/// (16 MiB at width 4096) hardly counts beside the weights.
const BLOCK_ROWS: usize = 1024;

/// `x` `[rows, input]` times the transpose of `weight` → `[rows, output]`.
///
/// # Errors
/// For a weight that is not in host memory.
pub(super) fn product(x: &[f32], rows: usize, weight: &Weight, products: Products) -> Result<Vec<f32>> {
    if matches!(weight.values, Values::Tensor(_) | Values::Absent) {
        return Err(candle_core::Error::Msg("a linear layer's weight is not where its input is".into()).into());
    }
    #[cfg(target_arch = "x86_64")]
    if products == Products::Fast {
        match (&weight.values, Avx512::detect(), Avx2::detect()) {
            (Values::Bf16(w), Some(avx512), _) => {
                return Ok(avx512.bf16_product(x, rows, w.as_slice(), weight.input()));
            }
            (Values::Quantised(w), Some(avx512), _) => return Ok(avx512.quantised_product(x, rows, w)),
            (Values::Quantised(w), None, Some(avx2)) => return Ok(avx2.quantised_product(x, rows, w)),
            _ => {}
        }
    }
    let _ = products;
    Ok(if rows <= FEW_ROWS { of_few_rows(x, rows, weight) } else { of_many_rows(x, rows, weight) })
}

/// The numbers in which [`product`] computes with weights in `format`, for people.
pub(crate) fn product_numbers(format: WeightFormat, products: Products) -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if products == Products::Fast {
        if format == WeightFormat::Bf16 && Avx512::detect().is_some() {
            return "bf16";
        }
        if format.is_quantised() && (Avx512::detect().is_some() || Avx2::detect().is_some()) {
            return "int8";
        }
    }
    let _ = (format, products);
    "f32"
}

fn of_few_rows(x: &[f32], rows: usize, weight: &Weight) -> Vec<f32> {
    let (input, output) = (weight.input(), weight.output());
    let y = match &weight.values {
        Values::Quantised(w) => return w.few_rows(x, rows),
        Values::F32(w) => few_rows(x, w.as_slice(), rows, input),
        Values::Bf16(w) => few_rows(x, w.as_slice(), rows, input),
        Values::F16(w) => few_rows(x, w.as_slice(), rows, input),
        Values::Tensor(_) | Values::Absent => Vec::new(),
    };
    if rows == 1 { y } else { transposed(&y, rows, output) }
}

/// `y` `[output, rows]` → `[rows, output]`.
fn transposed(y: &[f32], rows: usize, output: usize) -> Vec<f32> {
    let mut out = vec![0f32; y.len()];
    for (o, values) in y.chunks_exact(rows.max(1)).enumerate() {
        for (r, value) in values.iter().enumerate() {
            out[r * output + o] = *value;
        }
    }
    out
}

fn of_many_rows(x: &[f32], rows: usize, weight: &Weight) -> Vec<f32> {
    let (input, output) = (weight.input(), weight.output());
    let mut y = vec![0f32; rows * output];
    if let Values::F32(w) = &weight.values {
        gemm::times_transposed(x, w.as_slice(), input, &mut y, output, 0);
    } else {
        in_blocks(weight, |first, w| gemm::times_transposed(x, w, input, &mut y, output, first));
    }
    y
}

/// `gradient` `[rows, output]` times `weight`: `[rows, input]`, the way back through a product.
pub(super) fn product_back(gradient: &[f32], rows: usize, weight: &Weight) -> Vec<f32> {
    let (input, output) = (weight.input(), weight.output());
    let mut y = vec![0f32; rows * input];
    in_blocks(weight, |first, w| gemm::add_times(gradient, output, first, w, input, &mut y));
    y
}

/// Calls `run` with the first row and the widened rows of each block of `weight`.
fn in_blocks<R>(weight: &Weight, mut run: impl FnMut(usize, &[f32]) -> R) -> Vec<R> {
    let output = weight.output();
    let blocks = (0..output).step_by(BLOCK_ROWS);
    blocks.map(|first| run(first, &weight.widened(first..(first + BLOCK_ROWS).min(output)))).collect()
}

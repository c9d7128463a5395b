//! The product of activations with a weight matrix in host memory: which loop runs when.
//!
//! **Exact** products are f32 throughout. Few rows (decoding) are multiplied straight from the kept form: see [`few_rows`].
//! Many rows (a prompt with its image, encoders) are bound by arithmetic: weights are widened a block at a time and go through
//! an f32 matrix product, [`super::avx512_many`] where the processor can.
//!
//! **Fast** products use what the processor multiplies fastest, if it has it: bf16 dot products beside weights in bf16, 8-bit ones
//! beside quantised weights: straight from the kept form, but for many rows in bf16, which are laid out in panels as f32 is.

use super::few_rows::few_rows;
use super::finish::Finish;
use super::gemm;
use super::weight::{Values, Weight};
use crate::error::Result;
use crate::precision::{Products, WeightFormat};

#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512, avx512_many::Avx512F};

/// Up to this many rows of `x` are multiplied straight from the kept form; for more it is faster to widen the weights and hand
/// them to the matrix product. Where bf16 dot products are for few rows, these are as many as a forced prefix runs together:
/// what was sampled is computed again as it was then.
pub(crate) const FEW_ROWS: usize = 64;

/// The same for exact products where the matrix product is that of [`super::avx512_many`] and weights are not quantised.
#[cfg(target_arch = "x86_64")]
const FEW_ROWS_AVX512: usize = 8;

/// Rows of `W` widened at a time for the matrix product: enough to keep every thread busy, few enough that the copy
/// (16 MiB at width 4096) hardly counts beside the weights.
const BLOCK_ROWS: usize = 1024;

/// `x` `[rows, input]` times the transpose of `weight`, finished → `[rows, output]`.
///
/// # Errors
/// For a weight that is not in host memory, and a bias that is not as long as a row of the result.
pub(super) fn product(
    x: &[f32],
    rows: usize,
    weight: &Weight,
    products: Products,
    finish: Finish<'_>,
) -> Result<Vec<f32>> {
    if matches!(weight.values, Values::Tensor(_) | Values::Absent) {
        return Err(candle_core::Error::Msg("a linear layer's weight is not where its input is".into()).into());
    }
    if let Some(bias) = finish.bias
        && bias.len() != weight.output()
    {
        let told = format!("a bias of {} numbers for rows of {}", bias.len(), weight.output());
        return Err(candle_core::Error::Msg(told).into());
    }
    let format = weight.format().unwrap_or(WeightFormat::F32);
    let mut y = match (way(format, rows, products), &weight.values) {
        #[cfg(target_arch = "x86_64")]
        (Way::FewBf16(avx512), Values::Bf16(w)) => avx512.bf16_few_rows(x, rows, w.as_slice(), weight.input()),
        #[cfg(target_arch = "x86_64")]
        (Way::ManyBf16(avx512), Values::Bf16(w)) => {
            return Ok(avx512.bf16_many_rows(x, rows, w.as_slice(), weight.input(), finish));
        }
        #[cfg(target_arch = "x86_64")]
        (Way::EightBits(avx512), Values::Quantised(w)) => avx512.quantised_product(x, rows, w),
        #[cfg(target_arch = "x86_64")]
        (Way::EightBitsAvx2(avx2), Values::Quantised(w)) => avx2.quantised_product(x, rows, w),
        #[cfg(target_arch = "x86_64")]
        (Way::ManyAvx512(avx512), _) => return Ok(of_many_rows_avx512(avx512, x, rows, weight, finish)),
        (Way::Few, _) => of_few_rows(x, rows, weight),
        _ => of_many_rows(x, rows, weight),
    };
    finish.all(&mut y, weight.output());
    Ok(y)
}

/// The instruction sets that decide which loops run on this processor, and so how sums are rounded.
pub(crate) fn instruction_sets() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        match (Avx512::detect(), Avx512F::detect(), Avx2::detect()) {
            (Some(avx512), ..) if avx512.bf16_is_fastest() => "avx512 bf16",
            (Some(_), ..) => "avx512 vnni",
            (None, Some(_), _) => "avx512",
            (None, None, Some(_)) => "avx2",
            _ => "x86_64",
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::env::consts::ARCH
}

/// The loop that multiplies.
enum Way {
    /// [`few_rows`] and its like for quantised weights, in f32.
    Few,
    /// Widened a block at a time, then [`gemm`], in f32.
    Many,
    /// The same laid out for AVX-512, in f32.
    #[cfg(target_arch = "x86_64")]
    ManyAvx512(Avx512F),
    /// Straight from bf16, activations rounded to it.
    #[cfg(target_arch = "x86_64")]
    FewBf16(Avx512),
    /// The same laid out in panels.
    #[cfg(target_arch = "x86_64")]
    ManyBf16(Avx512),
    #[cfg(target_arch = "x86_64")]
    EightBits(Avx512),
    #[cfg(target_arch = "x86_64")]
    EightBitsAvx2(Avx2),
}

fn way(format: WeightFormat, rows: usize, products: Products) -> Way {
    #[cfg(target_arch = "x86_64")]
    {
        if products == Products::Fast {
            match (Avx512::detect(), Avx2::detect()) {
                (Some(avx512), _) if format == WeightFormat::Bf16 && rows <= FEW_ROWS => return Way::FewBf16(avx512),
                (Some(avx512), _) if format == WeightFormat::Bf16 && avx512.bf16_is_fastest() => {
                    return Way::ManyBf16(avx512);
                }
                (Some(avx512), _) if format.is_quantised() => return Way::EightBits(avx512),
                (None, Some(avx2)) if format.is_quantised() => return Way::EightBitsAvx2(avx2),
                _ => {}
            }
        }
        let few = if format.is_quantised() { FEW_ROWS } else { FEW_ROWS_AVX512 };
        if rows > few
            && let Some(avx512) = Avx512F::detect()
        {
            return Way::ManyAvx512(avx512);
        }
    }
    let _ = (format, products);
    if rows <= FEW_ROWS { Way::Few } else { Way::Many }
}

impl Way {
    fn numbers(&self) -> &'static str {
        match self {
            Self::Few | Self::Many => "f32",
            #[cfg(target_arch = "x86_64")]
            Self::ManyAvx512(_) => "f32",
            #[cfg(target_arch = "x86_64")]
            Self::FewBf16(_) | Self::ManyBf16(_) => "bf16",
            #[cfg(target_arch = "x86_64")]
            Self::EightBits(_) | Self::EightBitsAvx2(_) => "int8",
        }
    }
}

/// The numbers in which [`product`] computes with weights in `format`, for people: those of many rows, then those of a single
/// row if they are others.
pub(crate) fn product_numbers(format: WeightFormat, products: Products) -> &'static str {
    match (way(format, usize::MAX, products).numbers(), way(format, 1, products).numbers()) {
        ("f32", "bf16") => "f32/bf16",
        (many, _) => many,
    }
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

#[cfg(target_arch = "x86_64")]
fn of_many_rows_avx512(avx512: Avx512F, x: &[f32], rows: usize, weight: &Weight, finish: Finish<'_>) -> Vec<f32> {
    let shape = [rows, weight.input(), weight.output()];
    match &weight.values {
        Values::F32(w) => avx512.product(x, shape, finish, |take| take(w.as_slice())),
        Values::Bf16(w) => avx512.product(x, shape, finish, |take| take(w.as_slice())),
        Values::F16(w) => avx512.product(x, shape, finish, |take| take(w.as_slice())),
        Values::Quantised(_) | Values::Tensor(_) | Values::Absent => {
            avx512.product(x, shape, finish, |take| in_blocks(weight, |_, w| take(w)))
        }
    }
}

/// `gradient` `[rows, output]` times `weight`: `[rows, input]`, the way back through a product.
pub(super) fn product_back(gradient: &[f32], rows: usize, weight: &Weight) -> Vec<f32> {
    let (input, output) = (weight.input(), weight.output());
    let mut y = vec![0f32; rows * input];
    in_blocks(weight, |first, w| gemm::add_times(gradient, output, first, w, input, &mut y));
    y
}

/// Calls `run` with the first row and the widened rows of each block of `weight`.
fn in_blocks(weight: &Weight, mut run: impl FnMut(usize, &[f32])) {
    let output = weight.output();
    for first in (0..output).step_by(BLOCK_ROWS) {
        run(first, &weight.widened(first..(first + BLOCK_ROWS).min(output)));
    }
}

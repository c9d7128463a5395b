//! Softmax over the last dimension. On the CPU in f32 it is a loop of its own, in place: the scores of an attention
//! layer are its largest tensor, and candle's loop makes another of the same size with one exponential at a time.

use super::activation::exp;
use super::host::{TASK, is_host_f32, sum, values_mut};
use super::tracked;
use crate::error::Result;
use candle_core::{CpuStorage, InplaceOp1, Layout, Tensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// `scores`: `[…, n]` → probabilities of the same shape. A score of −∞ becomes 0; each row must have one above it.
///
/// The memory of `scores` is used for the result: nothing else may look at it any more.
pub(crate) fn softmax(scores: Tensor) -> Result<Tensor> {
    if is_host_f32(&scores) && scores.is_contiguous() {
        scores.inplace_op1(&Softmax)?;
        return Ok(scores);
    }
    if scores.track_op() {
        return tracked::softmax(&scores);
    }
    Ok(candle_nn::ops::softmax_last_dim(&scores.contiguous()?)?)
}

struct Softmax;

impl InplaceOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let width = layout.dims().last().copied().unwrap_or(1).max(1);
        let task = width * (TASK / width).max(1);
        values_mut(storage, layout)?.par_chunks_mut(task).for_each(|scores| {
            Arch::new().dispatch(Rows { scores, width });
        });
        Ok(())
    }
}

/// A few rows, to be compiled once per instruction set.
struct Rows<'a> {
    scores: &'a mut [f32],
    width: usize,
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for scores in self.scores.chunks_exact_mut(self.width) {
            let top = maximum(scores);
            for score in scores.iter_mut() {
                let value = exp(*score - top);
                // `exp` stops at the smallest normal number; what is masked has to be nothing at all.
                *score = if *score == f32::NEG_INFINITY { 0.0 } else { value };
            }
            let scale = 1.0 / sum(scores, |value| value);
            for score in scores.iter_mut() {
                *score *= scale;
            }
        }
    }
}

/// The largest of the numbers.
#[inline(always)]
pub(super) fn maximum(x: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; 64];
    let (blocks, rest) = x.as_chunks::<64>();
    for block in blocks {
        for (lane, &x) in lanes.iter_mut().zip(block) {
            *lane = larger(*lane, x);
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, larger)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn rows_are_distributions_and_agree_with_f64() {
        for (rows, width) in [(1, 1), (4, 64), (7, 99), (40, 1000)] {
            let scores = Tensor::randn(0f32, 9.0, (rows, width), &Device::Cpu).unwrap();
            let given = scores.to_vec2::<f32>().unwrap();
            for (got, given) in softmax(scores).unwrap().to_vec2::<f32>().unwrap().iter().zip(given) {
                let top = given.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let powers: Vec<f64> = given.iter().map(|score| f64::from(score - top).exp()).collect();
                let sum: f64 = powers.iter().sum();
                for (got, power) in got.iter().zip(&powers) {
                    assert!((f64::from(*got) - power / sum).abs() < 1e-6, "{rows}×{width}");
                }
            }
        }
    }

    #[test]
    fn masked_scores_get_nothing_and_not_a_number_is_not_hidden() {
        let scores = Tensor::new(&[[f32::NEG_INFINITY, 2.0, 2.0], [1.0, f32::NAN, 3.0]], &Device::Cpu).unwrap();
        let got = softmax(scores).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(got[0], [0.0, 0.5, 0.5]);
        assert!(got[1].iter().all(|value| value.is_nan()));
    }
}

//! Activation functions. On the CPU in f32 they are loops of their own, compiled for the vector instructions the
//! processor has: candle's are between 5 and 20 times slower. Elsewhere candle's own operations run.
//!
//! Errors against f64 arithmetic, relative to the larger of 1 and the result: below 2·10⁻⁷ for every input.

use super::host::{TASK, is_host_f32, values, values_mut};
use crate::error::Result;
use candle_core::{CpuStorage, CustomOp1, D, InplaceOp2, Layout, Shape, Tensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// A function applied to every element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `x · Φ(x)`, with the exact error function.
    Gelu,
    /// `x · sigmoid(1.702 x)`.
    QuickGelu,
    /// `x · sigmoid(x)`.
    Silu,
}

impl Activation {
    /// The activation that Hugging Face configurations call `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "gelu" => Some(Self::Gelu),
            "quick_gelu" => Some(Self::QuickGelu),
            "silu" | "swish" => Some(Self::Silu),
            _ => None,
        }
    }

    /// Applies it to some numbers, on this core.
    pub(super) fn in_place(self, values: &mut [f32]) {
        Arch::new().dispatch(Pointwise { function: self, values });
    }

    /// `x`: any shape → the same shape.
    pub fn forward(self, x: &Tensor) -> Result<Tensor> {
        if is_host_f32(x) {
            return Ok(x.contiguous()?.apply_op1_no_bwd(&self)?);
        }
        Ok(match self {
            Self::Gelu => x.gelu_erf()?,
            Self::QuickGelu => (x * candle_nn::ops::sigmoid(&(x * 1.702)?)?)?,
            Self::Silu => x.silu()?,
        })
    }
}

/// `silu(a) · b`, with `a` the first and `b` the second half of the last dimension of `x`.
///
/// `x`: `[…, 2F]` → `[…, F]`.
pub fn swiglu(x: &Tensor) -> Result<Tensor> {
    if is_host_f32(x) {
        return Ok(x.contiguous()?.apply_op1_no_bwd(&SwiGlu)?);
    }
    let halves = x.chunk(2, D::Minus1)?;
    Ok((halves[0].silu()? * &halves[1])?)
}

/// `silu(gate) · up`, both of one shape. The memory of `up` is used for the result where it can be: nothing else may look at
/// it any more.
pub(crate) fn gated(gate: &Tensor, up: Tensor) -> Result<Tensor> {
    let plain = |t: &Tensor| is_host_f32(t) && t.is_contiguous();
    if plain(gate) && plain(&up) && gate.dims() == up.dims() {
        up.inplace_op2(gate, &SwiGlu)?;
        return Ok(up);
    }
    Ok((gate.silu()? * up)?)
}

impl InplaceOp2 for SwiGlu {
    fn name(&self) -> &'static str {
        "gated"
    }

    fn cpu_fwd(
        &self,
        up: &mut CpuStorage,
        up_layout: &Layout,
        gate: &CpuStorage,
        gate_layout: &Layout,
    ) -> candle_core::Result<()> {
        let tasks = values_mut(up, up_layout)?.par_chunks_mut(TASK).zip(values(gate, gate_layout)?.par_chunks(TASK));
        tasks.for_each(|(up, gate)| Arch::new().dispatch(Gated { gate, up }));
        Ok(())
    }
}

impl CustomOp1 for Activation {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let x = values(storage, layout)?;
        let mut out = vec![0.0; x.len()];
        out.par_chunks_mut(TASK).zip(x.par_chunks(TASK)).for_each(|(out, x)| {
            out.copy_from_slice(x);
            self.in_place(out);
        });
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }
}

/// The operation behind [`swiglu`] and [`gated`].
struct SwiGlu;

impl CustomOp1 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let x = values(storage, layout)?;
        let mut dims = layout.dims().to_vec();
        let Some(last) = dims.last_mut().filter(|last| last.is_multiple_of(2)) else {
            candle_core::bail!("swiglu needs an even last dimension, got {:?}", layout.shape())
        };
        *last /= 2;
        let width = (*last).max(1);
        let mut out = vec![0.0; x.len() / 2];
        out.par_chunks_mut(width).zip(x.par_chunks(2 * width)).for_each(|(out, row)| {
            let (gate, up) = row.split_at(width);
            out.copy_from_slice(up);
            Arch::new().dispatch(Gated { gate, up: out });
        });
        Ok((CpuStorage::F32(out), Shape::from(dims)))
    }
}

/// One task of [`Activation::forward`], to be compiled once per instruction set.
struct Pointwise<'a> {
    function: Activation,
    values: &'a mut [f32],
}

impl WithSimd for Pointwise<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let values = self.values.iter_mut();
        match self.function {
            Activation::Gelu => values.for_each(|x| *x = gelu(*x)),
            Activation::QuickGelu => values.for_each(|x| *x *= sigmoid(1.702 * *x)),
            Activation::Silu => values.for_each(|x| *x *= sigmoid(*x)),
        }
    }
}

/// `up` times `silu(gate)`, to be compiled once per instruction set.
struct Gated<'a> {
    gate: &'a [f32],
    up: &'a mut [f32],
}

impl WithSimd for Gated<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (up, &gate) in self.up.iter_mut().zip(self.gate) {
            *up *= gate * sigmoid(gate);
        }
    }
}

#[inline(always)]
fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The error function: an odd polynomial where |x| is small, 1 − e^r(|x|) with a polynomial r elsewhere. Both are
/// computed and one is taken, as vector code wants it. The polynomials are N. Juffa's minimax fits (published with his
/// answer on the single-precision `erff`); with [`exp`] the result is within 10⁻⁷.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let s = x * x;
    let near = -5.967_617e-4 * s + 4.991_194_2e-3;
    let near = near * s - 2.676_813_5e-2;
    let near = near * s + 1.128_199_25e-1;
    let near = near * s - 3.761_253_4e-1;
    let near = near * s + 1.283_791_7e-1;
    let near = near * x + x;
    // From 4 on the result is 1; the bound keeps the powers finite.
    let t = x.abs().min(10.0);
    let s = t * t;
    let r = (-1.728_534_7e-5 * t + 3.831_971_3e-4) * s + (-3.883_964_4e-3 * t + 2.425_462_2e-2);
    let r = r * t - 1.067_778_8e-1;
    let r = r * t - 6.348_467e-1;
    let r = r * t - 1.287_175_1e-1;
    let far = (1.0 - exp(r * t - t)).copysign(x);
    if t > 0.927_734_4 { far } else { near }
}

/// eˣ: 2ⁿ·2ᶠ with whole n and |f| ≤ ½. Infinite a little before f32 ends; what would underflow stays at the smallest
/// normal number.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    /// Adding this to a number below 2²² rounds it to an integer, kept in the low bits.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts, the first with so few digits that its products with n are exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 89.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let f = x - n * LN2_HIGH - n * LN2_LOW;
    // Taylor to the seventh power: below 2⁻²⁷ of the result for |f| ≤ 0.35.
    let p = f * (1.0 / 5040.0) + 1.0 / 720.0;
    let p = p * f + 1.0 / 120.0;
    let p = p * f + 1.0 / 24.0;
    let p = p * f + 1.0 / 6.0;
    let p = p * f + 0.5;
    let p = p * f * f + f + 1.0;
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    p * f32::from_bits(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use candle_core::cpu::erf::erf_f64;

    /// Inputs close together where the functions bend, and some far out.
    fn inputs() -> Vec<f32> {
        let mut inputs: Vec<f32> = (-120_000..=120_000).map(|i| i as f32 * 1e-4).collect();
        inputs.extend([0.0, -0.0, 1e-30, 30.0, -30.0, 88.0, -88.0, 200.0, -200.0, 1e20, -1e20, f32::MAX, f32::MIN]);
        inputs
    }

    fn check(activation: Activation, exact: impl Fn(f64) -> f64) {
        let x = inputs();
        let y = activation.forward(&Tensor::new(&x[..], &Device::Cpu).unwrap()).unwrap().to_vec1::<f32>().unwrap();
        let mut worst = (0.0, 0.0);
        for (&x, y) in x.iter().zip(y) {
            let exact = exact(f64::from(x));
            let error = (f64::from(y) - exact).abs() / exact.abs().max(1.0);
            if error.is_nan() || error > worst.0 {
                worst = (error, x);
            }
        }
        assert!(worst.0 < 2e-7, "{activation:?} is off by {} at {}", worst.0, worst.1);
    }

    #[test]
    fn activations_agree_with_f64() {
        check(Activation::Gelu, |x| 0.5 * x * (1.0 + erf_f64(x * std::f64::consts::FRAC_1_SQRT_2)));
        check(Activation::QuickGelu, |x| x / (1.0 + (-1.702 * x).exp()));
        check(Activation::Silu, |x| x / (1.0 + (-x).exp()));
    }

    #[test]
    fn the_error_function_agrees_with_f64() {
        let worst = inputs().into_iter().map(|x| (f64::from(erf(x)) - erf_f64(f64::from(x))).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-7, "{worst}");
    }

    #[test]
    fn not_a_number_stays_so() {
        for activation in [Activation::Gelu, Activation::QuickGelu, Activation::Silu] {
            let y = activation.forward(&Tensor::new(&[f32::NAN], &Device::Cpu).unwrap()).unwrap();
            assert!(y.to_vec1::<f32>().unwrap()[0].is_nan(), "{activation:?}");
        }
    }

    #[test]
    fn swiglu_gates_the_second_half() {
        let x = Tensor::new(&[[1f32, -2.0, 3.0, 0.5], [0.0, 4.0, 1.0, -1.0]], &Device::Cpu).unwrap();
        let y = swiglu(&x).unwrap().to_vec2::<f32>().unwrap();
        let silu = |x: f64| x / (1.0 + (-x).exp());
        let expected = [[silu(1.0) * 3.0, silu(-2.0) * 0.5], [0.0, -silu(4.0)]];
        for (y, expected) in y.iter().flatten().zip(expected.iter().flatten()) {
            assert!((f64::from(*y) - expected).abs() < 1e-6);
        }
        let halves = x.chunk(2, D::Minus1).unwrap();
        let up = halves[1].contiguous().unwrap();
        let apart = gated(&halves[0].contiguous().unwrap(), up).unwrap();
        assert_eq!(apart.to_vec2::<f32>().unwrap(), y, "in one tensor or in two");
    }
}

//! Layer norm and RMS norm, with statistics in f32 whatever the compute type (docs/model.md §13). On the CPU in f32 they are
//! loops of their own: candle's layer norm is four times slower, and takes the variance as a difference of two large
//! numbers.

use super::host::{TASK, is_host_f32, sum, values};
use crate::error::Result;
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Shape, Tensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// `(x − mean) / √(var + ε) · weight + bias` over the last dimension.
#[derive(Debug, Clone)]
pub struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    /// A norm with `weight` and `bias` `[dim]` in the compute type.
    pub fn new(weight: Tensor, bias: Tensor, eps: f64) -> Self {
        Self { weight, bias, eps }
    }

    /// `x`: `[…, dim]` → the same shape.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (x, eps) = (x.contiguous()?, self.eps as f32);
        if is_host_f32(&x) {
            return Ok(x.apply_op3_no_bwd(&self.weight, &self.bias, &Normalise { eps })?);
        }
        if x.track_op() {
            return Ok(candle_nn::ops::layer_norm_slow(&x, &self.weight, &self.bias, eps)?);
        }
        Ok(candle_nn::ops::layer_norm(&x, &self.weight, &self.bias, eps)?)
    }
}

/// `x / √(mean(x²) + ε) · weight` over the last dimension.
#[derive(Debug, Clone)]
pub struct RmsNorm {
    weight: Tensor,
    eps: f64,
}

impl RmsNorm {
    /// A norm with `weight` `[dim]` in the compute type.
    pub fn new(weight: Tensor, eps: f64) -> Self {
        Self { weight, eps }
    }

    /// `x`: `[…, dim]` → the same shape.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (x, eps) = (x.contiguous()?, self.eps as f32);
        if is_host_f32(&x) {
            return Ok(x.apply_op2_no_bwd(&self.weight, &Normalise { eps })?);
        }
        if x.track_op() {
            return Ok(candle_nn::ops::rms_norm_slow(&x, &self.weight, eps)?);
        }
        Ok(candle_nn::ops::rms_norm(&x, &self.weight, eps)?)
    }
}

/// Both norms on the CPU: of three operands (with a bias) the layer norm, of two the RMS norm.
struct Normalise {
    eps: f32,
}

impl Normalise {
    fn rows(
        &self,
        (x, layout): (&CpuStorage, &Layout),
        weight: &[f32],
        bias: Option<&[f32]>,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (x, width) = (values(x, layout)?, weight.len());
        if width == 0 || layout.dims().last() != Some(&width) || bias.is_some_and(|bias| bias.len() != width) {
            candle_core::bail!("a norm of width {width} cannot be applied to {:?}", layout.shape());
        }
        let mut out = vec![0.0; x.len()];
        let task = width * (TASK / width).max(1);
        out.par_chunks_mut(task).zip(x.par_chunks(task)).for_each(|(out, x)| {
            Arch::new().dispatch(Rows { x, weight, bias, eps: self.eps, out });
        });
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }
}

impl CustomOp2 for Normalise {
    fn name(&self) -> &'static str {
        "rms-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        self.rows((x, x_layout), values(weight, weight_layout)?, None)
    }
}

impl CustomOp3 for Normalise {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        self.rows((x, x_layout), values(weight, weight_layout)?, Some(values(bias, bias_layout)?))
    }
}

/// A few rows, to be compiled once per instruction set.
struct Rows<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    eps: f32,
    out: &'a mut [f32],
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.weight.len();
        let count = width as f32;
        for (out, x) in self.out.chunks_exact_mut(width).zip(self.x.chunks_exact(width)) {
            let weighted = out.iter_mut().zip(x).zip(self.weight);
            match self.bias {
                Some(bias) => {
                    let mean = sum(x, |x| x) / count;
                    let scale = 1.0 / (sum(x, |x| (x - mean) * (x - mean)) / count + self.eps).sqrt();
                    weighted.zip(bias).for_each(|(((out, x), weight), bias)| *out = (x - mean) * scale * weight + bias);
                }
                None => {
                    let scale = 1.0 / (sum(x, |x| x * x) / count + self.eps).sqrt();
                    weighted.for_each(|((out, x), weight)| *out = x * scale * weight);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    /// Both norms against f64, at widths with and without a rest, on rows whose mean is far from zero.
    #[test]
    fn norms_agree_with_f64() {
        for (rows, width) in [(1, 1), (3, 64), (5, 77), (300, 130)] {
            let random = |shape: &[usize]| Tensor::randn(0f32, 1.0, shape, &Device::Cpu).unwrap();
            let x = random(&[rows, width]).affine(1.0, 30.0).unwrap();
            let (weight, bias) = (random(&[width]), random(&[width]));
            let layer = LayerNorm::new(weight.clone(), bias.clone(), 1e-5).forward(&x).unwrap();
            let rms = RmsNorm::new(weight.clone(), 1e-5).forward(&x).unwrap();
            let wide = |t: &Tensor| t.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
            let (x, weight, bias, layer, rms) = (wide(&x), wide(&weight), wide(&bias), wide(&layer), wide(&rms));
            for (row, x) in x.chunks(width).enumerate() {
                let mean = |f: &dyn Fn(f64) -> f64| x.iter().map(|&x| f(x)).sum::<f64>() / width as f64;
                let middle = mean(&|x| x);
                let deviation = (mean(&|x| (x - middle).powi(2)) + 1e-5).sqrt();
                let size = (mean(&|x| x * x) + 1e-5).sqrt();
                // The mean, near 30, is known to a few units in its last place; the layer norm divides by the deviation.
                let known = 8.0 * f64::from(f32::EPSILON) * 30.0 / deviation;
                for (i, x) in x.iter().enumerate() {
                    let expected = (x - middle) / deviation * weight[i] + bias[i];
                    let limit = known * weight[i].abs() + 1e-6 * (1.0 + expected.abs());
                    assert!(
                        (layer[row * width + i] - expected).abs() < limit,
                        "layer norm, {rows}×{width}: {row}, {i}"
                    );
                    let expected = x / size * weight[i];
                    assert!((rms[row * width + i] - expected).abs() < 2e-5, "RMS norm, {rows}×{width}: {row}, {i}");
                }
            }
        }
    }

    #[test]
    fn a_width_that_does_not_fit_is_an_error() {
        let ones = |dim: usize| Tensor::ones(dim, DType::F32, &Device::Cpu).unwrap();
        let x = Tensor::ones((2, 6), DType::F32, &Device::Cpu).unwrap();
        assert!(LayerNorm::new(ones(3), ones(3), 1e-5).forward(&x).is_err());
        assert!(LayerNorm::new(ones(6), ones(3), 1e-5).forward(&x).is_err());
        assert!(RmsNorm::new(ones(3), 1e-5).forward(&x).is_err());
    }
}

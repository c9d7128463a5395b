//! Depthwise 7×7 convolution with channels last. candle's grouped convolution launches one convolution per channel,
//! which on the CPU takes some 30 times as long.

use super::host::{is_host_f32, values};
use crate::error::Result;
use candle_core::{CpuStorage, CustomOp3, Layout, Shape, Tensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Side of the kernel.
const KERNEL: usize = 7;
/// Zeros around the picture.
const PAD: usize = KERNEL / 2;

/// Convolves each channel with its own 7×7 kernel, three zeros around the picture, stride 1.
///
/// `x`: `[h, w, C]`, `weight`: `[C, 1, 7, 7]`, `bias`: `[C]` → `[h, w, C]`.
pub fn depthwise(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if is_host_f32(x) {
        let (x, weight, bias) = (x.contiguous()?, weight.contiguous()?, bias.contiguous()?);
        return Ok(x.apply_op3_no_bwd(&weight, &bias, &Depthwise)?);
    }
    let channels = x.dim(2)?;
    let planes = x.permute((2, 0, 1))?.contiguous()?.unsqueeze(0)?;
    let y = planes.conv2d(weight, PAD, 1, 1, channels)?.squeeze(0)?;
    Ok(y.permute((1, 2, 0))?.contiguous()?.broadcast_add(bias)?)
}

struct Depthwise;

impl CustomOp3 for Depthwise {
    fn name(&self) -> &'static str {
        "depthwise"
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
        let (_, width, channels) = x_layout.shape().dims3()?;
        if weight_layout.dims() != [channels, 1, KERNEL, KERNEL] || bias_layout.dims() != [channels] {
            candle_core::bail!("depthwise: {:?} does not fit {channels} channels", weight_layout.shape());
        }
        let x = values(x, x_layout)?;
        let weight = values(weight, weight_layout)?;
        let bias = values(bias, bias_layout)?;
        // One row of weights per place in the kernel, so that channels lie side by side as they do in `x`.
        let mut taps = vec![0.0; weight.len()];
        for (channel, kernel) in weight.chunks_exact(KERNEL * KERNEL).enumerate() {
            for (place, &value) in kernel.iter().enumerate() {
                taps[place * channels + channel] = value;
            }
        }
        let mut out = vec![0.0; x.len()];
        out.par_chunks_mut((width * channels).max(1)).enumerate().for_each(|(y, out)| {
            Arch::new().dispatch(Row { x, taps: &taps, bias, width, channels, y, out });
        });
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }
}

/// Row `y` of the result, to be compiled once per instruction set.
struct Row<'a> {
    x: &'a [f32],
    /// `[7 · 7, C]`.
    taps: &'a [f32],
    bias: &'a [f32],
    width: usize,
    channels: usize,
    y: usize,
    out: &'a mut [f32],
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) {
        let mut channel = 0;
        while channel + 64 <= self.channels {
            self.block::<64>(channel);
            channel += 64;
        }
        while channel + 8 <= self.channels {
            self.block::<8>(channel);
            channel += 8;
        }
        while channel < self.channels {
            self.block::<1>(channel);
            channel += 1;
        }
    }
}

impl Row<'_> {
    /// Channels `channel .. channel + LANES`, whose sums stay in registers.
    #[inline(always)]
    fn block<const LANES: usize>(&mut self, channel: usize) {
        let (width, channels) = (self.width, self.channels);
        let height = self.x.len() / (width * channels);
        let rows = self.y.saturating_sub(PAD)..(self.y + PAD + 1).min(height);
        for column in 0..width {
            let columns = column.saturating_sub(PAD)..(column + PAD + 1).min(width);
            let mut sums = [0.0; LANES];
            sums.copy_from_slice(&self.bias[channel..][..LANES]);
            for row in rows.clone() {
                let kernel_row = (row + PAD - self.y) * KERNEL;
                for source in columns.clone() {
                    let place = kernel_row + source + PAD - column;
                    let values = &self.x[(row * width + source) * channels + channel..][..LANES];
                    let weights = &self.taps[place * channels + channel..][..LANES];
                    for ((sum, value), weight) in sums.iter_mut().zip(values).zip(weights) {
                        *sum += value * weight;
                    }
                }
            }
            self.out[column * channels + channel..][..LANES].copy_from_slice(&sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    #[test]
    fn it_is_a_convolution_per_channel() {
        for (height, width, channels) in [(1, 1, 3), (5, 9, 8), (11, 4, 77), (8, 8, 64)] {
            let x = Tensor::randn(0f32, 1.0, (height, width, channels), &Device::Cpu).unwrap();
            let weight = Tensor::randn(0f32, 1.0, (channels, 1, 7, 7), &Device::Cpu).unwrap();
            let bias = Tensor::randn(0f32, 1.0, channels, &Device::Cpu).unwrap();
            let got = depthwise(&x, &weight, &bias).unwrap().to_vec3::<f32>().unwrap();
            let (x, weight) = (x.to_vec3::<f32>().unwrap(), weight.squeeze(1).unwrap().to_vec3::<f32>().unwrap());
            let bias = bias.to_vec1::<f32>().unwrap();
            for (y, row) in got.iter().enumerate() {
                for (column, pixel) in row.iter().enumerate() {
                    for (c, &value) in pixel.iter().enumerate() {
                        let mut expected = f64::from(bias[c]);
                        for (dy, kernel_row) in weight[c].iter().enumerate() {
                            for (dx, &w) in kernel_row.iter().enumerate() {
                                let (sy, sx) = ((y + dy).wrapping_sub(3), (column + dx).wrapping_sub(3));
                                if sy < height && sx < width {
                                    expected += f64::from(x[sy][sx][c]) * f64::from(w);
                                }
                            }
                        }
                        assert!(
                            (f64::from(value) - expected).abs() < 1e-4,
                            "{height}×{width}×{channels}: {y},{column},{c}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_way_of_accelerators_agrees() {
        let x = Tensor::randn(0f32, 1.0, (6, 5, 9), &Device::Cpu).unwrap();
        let weight = Tensor::randn(0f32, 1.0, (9, 1, 7, 7), &Device::Cpu).unwrap();
        let bias = Tensor::randn(0f32, 1.0, 9, &Device::Cpu).unwrap();
        let here = depthwise(&x, &weight, &bias).unwrap();
        let [x, weight, bias] = [x, weight, bias].map(|t| t.to_dtype(DType::F64).unwrap());
        let there = depthwise(&x, &weight, &bias).unwrap().to_dtype(DType::F32).unwrap();
        let difference = (here - there).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(difference < 1e-4, "{difference}");
    }
}

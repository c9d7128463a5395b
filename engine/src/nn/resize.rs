//! Bilinear interpolation of token grids (docs/model.md §4: no antialiasing, half-pixel centres, in f32).

use super::host::{is_host_f32, values};
use crate::error::Result;
use candle_core::{CpuStorage, CustomOp1, DType, Layout, Shape, Tensor};
use rayon::prelude::*;

/// Source rows and weight of every target row along one axis: `lo`, `hi`, `weight of hi`.
pub(crate) fn taps(from: usize, to: usize) -> Vec<(u32, u32, f32)> {
    let scale = from as f32 / to as f32;
    (0..to)
        .map(|o| {
            let src = ((o as f32 + 0.5) * scale - 0.5).max(0.0);
            let lo = (src as usize).min(from - 1);
            let hi = (lo + 1).min(from - 1);
            (lo as u32, hi as u32, src - lo as f32)
        })
        .collect()
}

/// Resizes a square grid of tokens from side `from` to side `to`.
///
/// `tokens`: `[from², D]`, row-major → `[to², D]` in the same type. Equal sides are the identity.
pub fn resize_tokens(tokens: &Tensor, from: usize, to: usize) -> Result<Tensor> {
    if from == to {
        return Ok(tokens.clone());
    }
    let (device, dtype) = (tokens.device(), tokens.dtype());
    let tokens = tokens.to_dtype(DType::F32)?;
    if is_host_f32(&tokens) {
        return Ok(tokens.contiguous()?.apply_op1_no_bwd(&Resize { from, to })?.to_dtype(dtype)?);
    }
    let taps = taps(from, to);
    // Gathers one corner of every target token: rows `row(y) · from + column(x)`.
    let corner = |row: fn(&(u32, u32, f32)) -> u32, column: fn(&(u32, u32, f32)) -> u32| -> Result<Tensor> {
        let index: Vec<u32> =
            taps.iter().flat_map(|y| taps.iter().map(move |x| row(y) * from as u32 + column(x))).collect();
        Ok(tokens.index_select(&Tensor::from_vec(index, to * to, device)?, 0)?)
    };
    let weight_y: Vec<f32> = taps.iter().flat_map(|y| std::iter::repeat_n(y.2, to)).collect();
    let weight_x: Vec<f32> = (0..to).flat_map(|_| taps.iter().map(|x| x.2)).collect();
    let weight_y = Tensor::from_vec(weight_y, (to * to, 1), device)?;
    let weight_x = Tensor::from_vec(weight_x, (to * to, 1), device)?;
    let mix = |a: &Tensor, b: &Tensor, w: &Tensor| -> Result<Tensor> {
        Ok((a.broadcast_mul(&w.affine(-1.0, 1.0)?)? + b.broadcast_mul(w)?)?)
    };
    let top = mix(&corner(|y| y.0, |x| x.0)?, &corner(|y| y.0, |x| x.1)?, &weight_x)?;
    let bottom = mix(&corner(|y| y.1, |x| x.0)?, &corner(|y| y.1, |x| x.1)?, &weight_x)?;
    Ok(mix(&top, &bottom, &weight_y)?.to_dtype(dtype)?)
}

/// The same in one pass on all cores: candle's operations take a dozen, each with a new tensor.
struct Resize {
    from: usize,
    to: usize,
}

impl CustomOp1 for Resize {
    fn name(&self) -> &'static str {
        "resize-tokens"
    }

    fn cpu_fwd(&self, tokens: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let (from, to) = (self.from, self.to);
        let (rows, width) = layout.shape().dims2()?;
        if rows != from * from || width == 0 || to == 0 {
            candle_core::bail!("{:?} is no grid of {from}×{from} tokens to be resized to {to}×{to}", layout.shape());
        }
        let tokens = values(tokens, layout)?;
        let token = |row: u32, column: u32| {
            let start = (row as usize * from + column as usize) * width;
            &tokens[start..start + width]
        };
        let taps = taps(from, to);
        let mut resized = vec![0f32; to * to * width];
        resized.par_chunks_exact_mut(to * width).zip(&taps).for_each(|(row, &(top, bottom, down))| {
            for (out, &(left, right, across)) in row.chunks_exact_mut(width).zip(&taps) {
                let corners = [(top, left), (top, right), (bottom, left), (bottom, right)];
                let [a, b, c, d] = corners.map(|(row, column)| token(row, column));
                let mix = |a: f32, b: f32, part: f32| a * (1.0 - part) + b * part;
                for (at, out) in out.iter_mut().enumerate() {
                    *out = mix(mix(a[at], b[at], across), mix(c[at], d[at], across), down);
                }
            }
        });
        Ok((CpuStorage::F32(resized), Shape::from((to * to, width))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn both_ways_give_the_same_bits() {
        for (from, to) in [(27, 24), (24, 27), (3, 8), (5, 1)] {
            let tokens = Tensor::randn(0f32, 1., (from * from, 7), &Device::Cpu).unwrap();
            let fast = resize_tokens(&tokens, from, to).unwrap();
            // Who asks for a gradient gets candle's operations.
            let tracked = Var::from_tensor(&tokens).unwrap();
            let plain = resize_tokens(tracked.as_tensor(), from, to).unwrap();
            assert_eq!(fast.to_vec2::<f32>().unwrap(), plain.to_vec2::<f32>().unwrap(), "{from} to {to}");
        }
        assert!(resize_tokens(&Tensor::zeros((8, 7), DType::F32, &Device::Cpu).unwrap(), 3, 2).is_err());
    }
}

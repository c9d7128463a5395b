//! Bilinear interpolation of token grids (docs/model.md §4: no antialiasing, half-pixel centres, in f32).

use crate::error::Result;
use candle_core::{DType, Tensor};

/// Source rows and weight of every target row along one axis: `lo`, `hi`, `weight of hi`.
fn taps(from: usize, to: usize) -> Vec<(u32, u32, f32)> {
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

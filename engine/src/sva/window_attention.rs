//! The softmax inside a cell: one query against the few keys of its windows.
//!
//! A released model has 576 cells of 16 heads and 19 keys: 9,216 products of 1×64 with 64×19. As matrix products they
//! drown in call overhead, so on the CPU one pass over the cells does it all; elsewhere it is broadcast arithmetic.

use crate::error::Result;
use crate::nn::dot;
use candle_core::{CpuStorage, D, DType, Storage, Tensor};
use pulp::Arch;
use rayon::prelude::*;

/// Attention of one query a cell over that cell's keys.
///
/// `query`: `[cells, C]`; `keys`, `values`: `[cells · r_k², C]` for each encoder, cell-major; `mask`: `[cells, K]` u8
/// → mixed values `[cells, C]` and probabilities `[cells, heads, K]` in f32. Heads split `C` contiguously. Masked
/// keys get probability 0; a cell with no key at all gets zeros.
pub(super) fn window_attention(
    query: &Tensor,
    keys: &[Tensor],
    values: &[Tensor],
    mask: &Tensor,
    heads: usize,
) -> Result<(Tensor, Tensor)> {
    if query.device().is_cpu() && query.dtype() == DType::F32 && !query.track_op() {
        on_cpu(query, keys, values, mask, heads)
    } else {
        with_tensors(query, keys, values, mask, heads)
    }
}

/// The windows of one encoder in host memory: `r²` tokens of width `C` a cell.
struct HostWindow<'a> {
    keys: &'a [f32],
    values: &'a [f32],
    tokens: usize,
}

fn on_cpu(query: &Tensor, keys: &[Tensor], values: &[Tensor], mask: &Tensor, heads: usize) -> Result<(Tensor, Tensor)> {
    let (cells, width) = query.dims2()?;
    let count = mask.dims()[1];
    let head_width = width / heads;
    let arch = Arch::new();
    let scale = 1.0 / (head_width as f32).sqrt();

    let contiguous =
        |tensors: &[Tensor]| tensors.iter().map(Tensor::contiguous).collect::<candle_core::Result<Vec<_>>>();
    let (query, keys, values, mask) = (query.contiguous()?, contiguous(keys)?, contiguous(values)?, mask.contiguous()?);
    let guards: Vec<_> = [&query].into_iter().chain(&keys).chain(&values).map(Tensor::storage_and_layout).collect();
    let host: Vec<&[f32]> =
        guards.iter().map(|(storage, layout)| host_slice(storage, layout)).collect::<Result<_>>()?;
    let (host_query, rest) = (host[0], &host[1..]);
    let windows: Vec<HostWindow<'_>> = keys
        .iter()
        .enumerate()
        .map(|(k, t)| HostWindow { keys: rest[k], values: rest[keys.len() + k], tokens: t.dims()[0] / cells })
        .collect();
    let mask: Vec<u8> = mask.flatten_all()?.to_vec1()?;

    let mut mixed = vec![0f32; cells * width];
    let mut probs = vec![0f32; cells * heads * count];
    mixed.par_chunks_mut(width).zip(probs.par_chunks_mut(heads * count)).enumerate().for_each(
        |(cell, (mixed, probs))| {
            let mask = &mask[cell * count..(cell + 1) * count];
            for head in 0..heads {
                let part = head * head_width..(head + 1) * head_width;
                let query = &host_query[cell * width..(cell + 1) * width][part.clone()];
                let probs = &mut probs[head * count..(head + 1) * count];
                // Every key of this cell with its value, in encoder order.
                let tokens = windows.iter().flat_map(|window| {
                    (0..window.tokens).map(move |slot| {
                        let row = (cell * window.tokens + slot) * width;
                        (&window.keys[row..row + width], &window.values[row..row + width])
                    })
                });
                for ((score, (key, _)), &open) in probs.iter_mut().zip(tokens.clone()).zip(mask) {
                    *score = if open == 0 { f32::NEG_INFINITY } else { dot(arch, query, &key[part.clone()]) * scale };
                }
                softmax(probs);
                let mixed = &mut mixed[part.clone()];
                for (&p, (_, value)) in probs.iter().zip(tokens) {
                    for (m, v) in mixed.iter_mut().zip(&value[part.clone()]) {
                        *m += p * v;
                    }
                }
            }
        },
    );
    Ok((
        Tensor::from_vec(mixed, (cells, width), query.device())?,
        Tensor::from_vec(probs, (cells, heads, count), query.device())?,
    ))
}

/// The f32 values of a contiguous tensor on the CPU.
fn host_slice<'a>(storage: &'a Storage, layout: &candle_core::Layout) -> Result<&'a [f32]> {
    let Storage::Cpu(CpuStorage::F32(data)) = storage else {
        return Err(candle_core::Error::Msg("window attention on the CPU needs f32 in host memory".into()).into());
    };
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&data[start..end]),
        None => Err(candle_core::Error::Msg("window attention on the CPU needs contiguous tensors".into()).into()),
    }
}

/// Softmax in place. Scores of −∞ become 0; all of them −∞ become all 0.
fn softmax(scores: &mut [f32]) {
    let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if top == f32::NEG_INFINITY {
        scores.fill(0.0);
        return;
    }
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - top).exp();
        sum += *score;
    }
    for score in scores.iter_mut() {
        *score /= sum;
    }
}

fn with_tensors(
    query: &Tensor,
    keys: &[Tensor],
    values: &[Tensor],
    mask: &Tensor,
    heads: usize,
) -> Result<(Tensor, Tensor)> {
    let probs = probabilities(query, keys, mask, heads)?;
    Ok((mix(&probs, values)?, probs))
}

/// The windows of all encoders side by side: `[cells, K, heads, head width]`.
fn joined(parts: &[Tensor], cells: usize, heads: usize) -> Result<Tensor> {
    let parts = parts
        .iter()
        .map(|t| t.reshape((cells, t.dims()[0] / cells, heads, t.dims()[1] / heads)))
        .collect::<candle_core::Result<Vec<_>>>()?;
    Ok(Tensor::cat(&parts, 1)?)
}

/// The probabilities of [`window_attention`] alone, in tensor arithmetic that has a gradient: `[cells, heads, K]`, f32.
pub(super) fn probabilities(query: &Tensor, keys: &[Tensor], mask: &Tensor, heads: usize) -> Result<Tensor> {
    let (cells, width) = query.dims2()?;
    let head_width = width / heads;
    let keys = joined(keys, cells, heads)?;
    let query = query.reshape((cells, 1, heads, head_width))?;
    let scores = keys.broadcast_mul(&query)?.to_dtype(DType::F32)?.sum(D::Minus1)?;
    let scores = (scores / (head_width as f64).sqrt())?;
    let mask = mask.unsqueeze(2)?.expand(scores.shape())?;
    // Far below every score, yet finite: a row without any key must not become NaN. Its zeros come from the product.
    let scores = mask.where_cond(&scores, &scores.ones_like()?.affine(0.0, -1e30)?)?;
    let top = scores.detach().max_keepdim(1)?;
    let weights = scores.broadcast_sub(&top)?.exp()?.mul(&mask.to_dtype(DType::F32)?)?;
    let sum = weights.sum_keepdim(1)?;
    let probs = weights.broadcast_div(&sum.maximum(&sum.ones_like()?.affine(1e-30, 0.0)?)?)?;
    Ok(probs.transpose(1, 2)?.contiguous()?)
}

/// The mixed values of [`window_attention`] for given probabilities `[cells, heads, K]`: `[cells, C]`.
pub(super) fn mix(probs: &Tensor, values: &[Tensor]) -> Result<Tensor> {
    let (cells, heads, _) = probs.dims3()?;
    let values = joined(values, cells, heads)?;
    let weights = probs.transpose(1, 2)?.unsqueeze(3)?.to_dtype(values.dtype())?;
    Ok(values.broadcast_mul(&weights)?.sum(1)?.flatten(1, D::Minus1)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// The kernel and the plain tensor arithmetic are two implementations of one formula.
    #[test]
    fn kernel_equals_tensor_arithmetic() -> Result<()> {
        let device = Device::Cpu;
        let (cells, width, heads, windows) = (7, 64, 16, [1usize, 4, 9]);
        let count: usize = windows.iter().sum();
        let random = |rows: usize| Tensor::randn(0f32, 1.0, (rows, width), &device);
        let query = random(cells)?;
        let keys = windows.iter().map(|r| random(cells * r)).collect::<candle_core::Result<Vec<_>>>()?;
        let values = windows.iter().map(|r| random(cells * r)).collect::<candle_core::Result<Vec<_>>>()?;
        let mask: Vec<u8> = (0..cells * count).map(|i| u8::from(i < count || i % 3 != 0 && i / count != 5)).collect();
        let mask = Tensor::from_vec(mask, (cells, count), &device)?;
        let (mixed, probs) = on_cpu(&query, &keys, &values, &mask, heads)?;
        let (mixed_2, probs_2) = with_tensors(&query, &keys, &values, &mask, heads)?;
        for (a, b) in [(&mixed, &mixed_2), (&probs, &probs_2)] {
            let difference = (a - b)?.abs()?.max_all()?.to_scalar::<f32>()?;
            assert!(difference < 1e-5, "{difference}");
        }
        let sums: Vec<f32> = probs.sum(2)?.flatten_all()?.to_vec1()?;
        // Cell 5 has no key at all; every other row is a distribution.
        for (row, sum) in sums.iter().enumerate() {
            let expected = if row / heads == 5 { 0.0 } else { 1.0 };
            assert!((sum - expected).abs() < 1e-5, "row {row}: {sum}");
        }
        Ok(())
    }
}

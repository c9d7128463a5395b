//! Attention of every token over every token, without a mask: what the encoders' layers do.

use super::softmax::softmax;
use crate::error::Result;
use candle_core::{DType, Tensor};

/// Attention probabilities computed at once, in elements: a few MB, so that they stay in cache between the two
/// matrix products.
const SCORES_AT_ONCE: usize = 1 << 21;

/// `q`, `k`, `v`: `[n, heads · width]`, the heads side by side → the same shape.
pub(crate) fn attention([q, k, v]: [&Tensor; 3], heads: usize) -> Result<Tensor> {
    let (n, width) = q.dims2()?;
    let head_dim = width / heads;
    #[cfg(target_arch = "x86_64")]
    if let Some(avx512) = super::avx512_many::Avx512F::detect()
        && [q, k, v].into_iter().all(|t| super::host::is_host_f32(t) && t.stride().last() == Some(&1))
        && head_dim <= super::avx512_attention::WIDEST
    {
        return in_one_pass::attention(avx512, [q, k, v], heads);
    }
    let by_head = |t: &Tensor| -> Result<Tensor> {
        Ok(t.contiguous()?.reshape((n, heads, head_dim))?.transpose(0, 1)?.contiguous()?)
    };
    let q = by_head(&(q * (head_dim as f64).powf(-0.5))?)?;
    let (k, v) = (by_head(k)?, by_head(v)?);
    let at_once = (SCORES_AT_ONCE / (n * n).max(1)).clamp(1, heads);
    let mut mixed = Vec::new();
    for first in (0..heads).step_by(at_once) {
        let count = at_once.min(heads - first);
        let [q, k, v] = [q.narrow(0, first, count)?, k.narrow(0, first, count)?, v.narrow(0, first, count)?];
        let scores = q.matmul(&k.t()?)?.to_dtype(DType::F32)?;
        let probabilities = softmax(scores)?.to_dtype(v.dtype())?;
        mixed.push(probabilities.matmul(&v)?);
    }
    Ok(Tensor::cat(&mixed, 0)?.transpose(0, 1)?.reshape((n, width))?)
}

#[cfg(target_arch = "x86_64")]
mod in_one_pass {
    use super::super::avx512_attention::Rows;
    use super::super::avx512_many::Avx512F;
    use crate::error::Result;
    use candle_core::{CpuStorage, Layout, Storage, Tensor};

    pub(super) fn attention(avx512: Avx512F, tensors: [&Tensor; 3], heads: usize) -> Result<Tensor> {
        let (n, width) = tensors[0].dims2()?;
        let guards = tensors.map(Tensor::storage_and_layout);
        let [q, k, v] = &guards;
        let rows = [rows(&q.0, q.1)?, rows(&k.0, k.1)?, rows(&v.0, v.1)?];
        let mixed = avx512.attention(rows, n, heads, width / heads);
        drop(guards);
        Ok(Tensor::from_vec(mixed, (n, width), tensors[0].device())?)
    }

    fn rows<'a>(storage: &'a Storage, layout: &Layout) -> Result<Rows<'a>> {
        match (storage, layout.stride()) {
            (Storage::Cpu(CpuStorage::F32(numbers)), &[stride, 1]) => {
                Ok(Rows::new(&numbers[layout.start_offset()..], stride))
            }
            _ => Err(candle_core::Error::Msg(format!("attention over rows that lie as {layout:?}")).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// Over the parts of one joint matrix, as a layer makes it: against candle's operations, one after the other.
    #[test]
    fn attention_is_what_the_operations_give() -> Result<()> {
        let (n, heads, width) = (70, 4, 24);
        let all = Tensor::randn(0f32, 1.0, (n, 3 * heads * width), &Device::Cpu)?;
        let parts = [0, 1, 2].map(|i| all.narrow(1, i * heads * width, heads * width).unwrap());
        let [q, k, v] = [&parts[0], &parts[1], &parts[2]];
        let got = attention([q, k, v], heads)?;
        let by_head = |t: &Tensor| t.contiguous()?.reshape((n, heads, width))?.transpose(0, 1)?.contiguous();
        let scores = (by_head(q)?.matmul(&by_head(k)?.t()?)? * (width as f64).powf(-0.5))?;
        let mixed = candle_nn::ops::softmax_last_dim(&scores)?.matmul(&by_head(v)?)?;
        let expected = mixed.transpose(0, 1)?.reshape((n, heads * width))?;
        let error = (got - expected)?.abs()?.max_all()?.to_scalar::<f32>()?;
        assert!(error < 1e-5, "{error}");
        Ok(())
    }
}

//! Attention of every token over every token, without a mask: what the encoders' layers do.

use super::softmax::softmax;
use crate::error::Result;
use crate::precision::Products;
use candle_core::{DType, Tensor};

/// Attention probabilities computed at once, in elements: a few MB, so that they stay in cache between the two
/// matrix products.
const SCORES_AT_ONCE: usize = 1 << 21;

/// `q`, `k`, `v`: `[n, heads · width]`, the heads side by side → the same shape.
///
/// With fast products, and where the processor has bf16 dot products, queries, keys, values and probabilities are rounded to
/// bf16; sums are f32.
pub(crate) fn attention([q, k, v]: [&Tensor; 3], heads: usize, products: Products) -> Result<Tensor> {
    let (n, width) = q.dims2()?;
    let head_dim = width / heads;
    #[cfg(target_arch = "x86_64")]
    if products == Products::Fast
        && [q, k, v].into_iter().all(super::host::is_host_f32)
        && let Some(avx512) = super::avx512::Avx512::detect()
    {
        return fast::attention(avx512, [q, k, v], heads);
    }
    let _ = products;
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
mod fast {
    use super::super::avx512::Avx512;
    use super::super::avx512_attention::Rows;
    use crate::error::Result;
    use candle_core::{CpuStorage, Layout, Storage, Tensor};

    pub(super) fn attention(avx512: Avx512, tensors: [&Tensor; 3], heads: usize) -> Result<Tensor> {
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

    /// Both ways, over the parts of one joint matrix as a layer makes it: fast within what bf16 can tell apart.
    #[test]
    fn fast_attention_is_near_to_exact_attention() -> Result<()> {
        let (n, heads, width) = (70, 4, 24);
        let all = Tensor::randn(0f32, 1.0, (n, 3 * heads * width), &Device::Cpu)?;
        let parts = [0, 1, 2].map(|i| all.narrow(1, i * heads * width, heads * width).unwrap());
        let parts = [&parts[0], &parts[1], &parts[2]];
        let exact = attention(parts, heads, Products::Exact)?;
        let fast = attention(parts, heads, Products::Fast)?;
        let largest = exact.abs()?.max_all()?.to_scalar::<f32>()?;
        let error = (exact - fast)?.abs()?.max_all()?.to_scalar::<f32>()?;
        assert!(error < 0.01 * largest, "{error} of {largest}");
        Ok(())
    }
}

//! f32 tensors in host memory: what the loops of this module work on instead of candle's operations.

use candle_core::{CpuStorage, DType, Layout, Tensor};

/// Elements one task of the thread pool works on: 64 KiB, half of a small second-level cache with the result.
pub(super) const TASK: usize = 1 << 14;

/// Whether a loop over plain slices can work on `x`: it is there, and nobody will ask for its gradient (see
/// [`super::tracked`]).
pub(super) fn is_host_f32(x: &Tensor) -> bool {
    x.device().is_cpu() && x.dtype() == DType::F32 && !x.track_op()
}

/// The elements of a contiguous f32 tensor.
pub(super) fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> candle_core::Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&values[start..end]),
        _ => candle_core::bail!("expected a contiguous f32 tensor, got {layout:?}"),
    }
}

/// [`values`], to be written to.
pub(super) fn values_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> candle_core::Result<&'a mut [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&mut values[start..end]),
        _ => candle_core::bail!("expected a contiguous f32 tensor, got {layout:?}"),
    }
}

/// `Σ f(x)`, in an order of additions that suits vector registers. What the registers hold is added in pairs: one after
/// the other, their roundings would add up as well.
#[inline(always)]
pub(super) fn sum(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0f32; 64];
    let (blocks, rest) = x.as_chunks::<64>();
    for block in blocks {
        for (lane, &x) in lanes.iter_mut().zip(block) {
            *lane += f(x);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane += f(x);
    }
    for half in [32, 16, 8, 4, 2, 1] {
        let (low, high) = lanes.split_at_mut(half);
        low.iter_mut().zip(high).for_each(|(low, high)| *low += *high);
    }
    lanes[0]
}

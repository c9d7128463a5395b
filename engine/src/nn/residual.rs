//! What goes past a layer: `x + scale · y`, in one pass on all cores. candle's operations take three, on one core, each with
//! a new tensor.

use super::host::{TASK, is_host_f32, values, values_mut};
use crate::error::Result;
use candle_core::{CpuStorage, InplaceOp2, Layout, Tensor};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// `x + scale · y` of `x` and `y` `[rows, width]`, `scale` `[width]`; without `scale`, `x + y`.
///
/// The memory of `y` is used for the result where it can be: nothing else may look at it any more.
pub(crate) fn residual(x: &Tensor, y: Tensor, scale: Option<&Tensor>) -> Result<Tensor> {
    let plain = |t: &Tensor| is_host_f32(t) && t.is_contiguous();
    if plain(x) && plain(&y) && x.dims() == y.dims() && scale.is_none_or(plain) {
        y.inplace_op2(x, &Residual { scale })?;
        return Ok(y);
    }
    Ok(match scale {
        Some(scale) => (x + y.broadcast_mul(scale)?)?,
        None => (x + y)?,
    })
}

struct Residual<'a> {
    scale: Option<&'a Tensor>,
}

impl InplaceOp2 for Residual<'_> {
    fn name(&self) -> &'static str {
        "residual"
    }

    fn cpu_fwd(
        &self,
        y: &mut CpuStorage,
        y_layout: &Layout,
        x: &CpuStorage,
        x_layout: &Layout,
    ) -> candle_core::Result<()> {
        let width = y_layout.dims().last().copied().unwrap_or(1).max(1);
        let scale = self.scale.map(Tensor::to_vec1::<f32>).transpose()?;
        if scale.as_ref().is_some_and(|scale| scale.len() != width) {
            candle_core::bail!("scales that do not fit {:?}", y_layout.shape());
        }
        let task = width * (TASK / width).max(1);
        let tasks = values_mut(y, y_layout)?.par_chunks_mut(task).zip(values(x, x_layout)?.par_chunks(task));
        tasks.for_each(|(y, x)| Arch::new().dispatch(Rows { x, y, scale: scale.as_deref() }));
        Ok(())
    }
}

/// Some whole rows, to be compiled once per instruction set.
struct Rows<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
    scale: Option<&'a [f32]>,
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        match self.scale {
            Some(scale) => {
                let rows = self.y.chunks_exact_mut(scale.len()).zip(self.x.chunks_exact(scale.len()));
                for (y, x) in rows {
                    y.iter_mut().zip(x).zip(scale).for_each(|((y, x), scale)| *y = x + *y * scale);
                }
            }
            None => self.y.iter_mut().zip(self.x).for_each(|(y, x)| *y += x),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    /// On the CPU in f32 to the last bit what candle's operations give, and by them in another type.
    #[test]
    fn it_is_what_the_operations_give() {
        for (rows, width) in [(1, 1), (3, 70), (300, 130)] {
            let random = |shape: &[usize]| Tensor::randn(0f32, 1.0, shape, &Device::Cpu).unwrap();
            let (x, y, scale) = (random(&[rows, width]), random(&[rows, width]), random(&[width]));
            let scaled = (&x + y.broadcast_mul(&scale).unwrap()).unwrap().to_vec2::<f32>().unwrap();
            let plain = (&x + &y).unwrap().to_vec2::<f32>().unwrap();
            assert_eq!(residual(&x, y.copy().unwrap(), Some(&scale)).unwrap().to_vec2::<f32>().unwrap(), scaled);
            assert_eq!(residual(&x, y.copy().unwrap(), None).unwrap().to_vec2::<f32>().unwrap(), plain);
            let [x, y, scale] = [x, y, scale].map(|t| t.to_dtype(DType::F64).unwrap());
            let wide = residual(&x, y, Some(&scale)).unwrap().to_dtype(DType::F32).unwrap();
            for (wide, scaled) in wide.to_vec2::<f32>().unwrap().concat().iter().zip(scaled.concat()) {
                assert!((wide - scaled).abs() <= 1e-6 * (1.0 + scaled.abs()));
            }
        }
    }
}

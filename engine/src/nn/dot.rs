//! The dot product, compiled for the vector instructions the processor has.

use pulp::{Arch, Simd, WithSimd, as_arrays};

/// Vector registers of partial sums: enough to hide the latency of their additions.
const REGISTERS: usize = 4;

/// `Σ a·b` of slices of equal length, in an order of additions that suits vector registers. `arch` is made once by the
/// caller: detecting the processor costs as much as a short product.
pub(crate) fn dot(arch: Arch, a: &[f32], b: &[f32]) -> f32 {
    arch.dispatch(Dot { a, b })
}

struct Dot<'a> {
    a: &'a [f32],
    b: &'a [f32],
}

impl WithSimd for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let ((a, a_rest), (b, b_rest)) = (S::as_simd_f32s(self.a), S::as_simd_f32s(self.b));
        let ((a_blocks, a), (b_blocks, b)) = (as_arrays::<REGISTERS, _>(a), as_arrays::<REGISTERS, _>(b));
        let mut sums = [simd.splat_f32s(0.0); REGISTERS];
        for (a, b) in a_blocks.iter().zip(b_blocks) {
            for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
                *sum = simd.mul_add_e_f32s(a, b, *sum);
            }
        }
        for (&a, &b) in a.iter().zip(b) {
            sums[0] = simd.mul_add_e_f32s(a, b, sums[0]);
        }
        let low = simd.add_f32s(sums[0], sums[1]);
        let high = simd.add_f32s(sums[2], sums[3]);
        let sum = simd.reduce_sum_f32s(simd.add_f32s(low, high));
        a_rest.iter().zip(b_rest).fold(sum, |sum, (&a, &b)| sum + a * b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_equals_the_sum_in_f64() {
        for length in [0, 1, 15, 16, 63, 64, 65, 200, 4096] {
            let a: Vec<f32> = (0..length).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
            let b: Vec<f32> = (0..length).map(|i| ((i * 53 % 97) as f32 - 48.0) / 48.0).collect();
            let exact: f64 = a.iter().zip(&b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
            for got in [dot(Arch::new(), &a, &b), Dot { a: &a, b: &b }.with_simd(pulp::Scalar::new())] {
                assert!((f64::from(got) - exact).abs() < 1e-4, "{length}: {got} {exact}");
            }
        }
    }
}

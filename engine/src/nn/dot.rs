//! The dot product, vectorised for the processor at hand.
#![allow(unsafe_code)] // calls into functions compiled for instruction sets that were just detected

/// Independent partial sums: enough to fill four 512-bit registers, which hides the latency of the additions.
const LANES: usize = 64;

/// `Σ a·b`, in an order of additions that suits vector registers.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has AVX-512F, the only thing the callee needs beyond safe Rust.
            return unsafe { dot_avx512(a, b) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has AVX2 and FMA, the only things the callee needs beyond safe Rust.
            return unsafe { dot_avx2(a, b) };
        }
    }
    lanes(a, b, |sum, x, y| sum + x * y)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn dot_avx512(a: &[f32], b: &[f32]) -> f32 {
    lanes(a, b, |sum, x, y| x.mul_add(y, sum))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn dot_avx2(a: &[f32], b: &[f32]) -> f32 {
    lanes(a, b, |sum, x, y| x.mul_add(y, sum))
}

/// The body shared by every instruction set; inlined into functions that enable one, where it becomes vector code.
#[inline(always)]
fn lanes(a: &[f32], b: &[f32], step: impl Fn(f32, f32, f32) -> f32) -> f32 {
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0f32; LANES];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] = step(sums[lane], a[lane], b[lane]);
        }
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    a_rest.iter().zip(b_rest).fold(sums[0], |sum, (&x, &y)| step(sum, x, y))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_equals_the_sum_in_f64() {
        for length in [0, 1, 63, 64, 65, 200, 4096] {
            let a: Vec<f32> = (0..length).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
            let b: Vec<f32> = (0..length).map(|i| ((i * 53 % 97) as f32 - 48.0) / 48.0).collect();
            let exact: f64 = a.iter().zip(&b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
            for got in [dot(&a, &b), lanes(&a, &b, |sum, x, y| sum + x * y)] {
                assert!((f64::from(got) - exact).abs() < 1e-4, "{length}: {got} {exact}");
            }
        }
    }
}

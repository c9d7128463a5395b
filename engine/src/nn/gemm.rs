//! The f32 matrix product, written straight into its place: candle's would need every weight as a tensor of its own.
#![allow(unsafe_code)] // The function of the `gemm` crate takes pointers; this module gives it slices it has checked.

use gemm::Parallelism;

/// `y[r, first..first + n] = Σ x[r, ·] · w[j, ·]`, with `x` `[rows, input]`, `w` `[n, input]` and rows of `y` that are
/// `stride` numbers long.
pub(super) fn times_transposed(x: &[f32], w: &[f32], input: usize, y: &mut [f32], stride: usize, first: usize) {
    if input == 0 || stride == 0 {
        return;
    }
    let (rows, n) = (x.len() / input, w.len() / input);
    assert!(first + n <= stride && y.len() >= rows * stride, "a product that does not fit into its place");
    // SAFETY: `x` holds `rows · input` numbers and `w` `n · input`, both read once at the strides of a contiguous matrix.
    // The highest number written is `(rows − 1) · stride + first + n − 1`, below `rows · stride` and so within `y`, which
    // nothing else can look at.
    unsafe {
        let y = y.as_mut_ptr().add(first);
        let (input, stride) = (input as isize, stride as isize);
        let all = Parallelism::Rayon(0);
        gemm::gemm(
            rows,
            n,
            input as usize,
            y,
            1,
            stride,
            false,
            x.as_ptr(),
            1,
            input,
            w.as_ptr(),
            input,
            1,
            0.0,
            1.0,
            false,
            false,
            false,
            all,
        );
    }
}

/// `y += a · w`, with `a` `[rows, ·]` of which the columns `first..first + n` are taken, rows `stride` numbers long, `w`
/// `[n, input]` and `y` `[rows, input]`.
pub(super) fn add_times(a: &[f32], stride: usize, first: usize, w: &[f32], input: usize, y: &mut [f32]) {
    if input == 0 || stride == 0 {
        return;
    }
    let (rows, n) = (a.len() / stride, w.len() / input);
    assert!(first + n <= stride && y.len() >= rows * input, "a product that does not fit into its place");
    // SAFETY: the highest number read of `a` is `(rows − 1) · stride + first + n − 1`, within it; `w` holds `n · input`
    // numbers and `y` at least `rows · input`, all at the strides of a contiguous matrix.
    unsafe {
        let a = a.as_ptr().add(first);
        let (input, stride) = (input as isize, stride as isize);
        let all = Parallelism::Rayon(0);
        gemm::gemm(
            rows,
            input as usize,
            n,
            y.as_mut_ptr(),
            1,
            input,
            true,
            a,
            1,
            stride,
            w.as_ptr(),
            1,
            input,
            1.0,
            1.0,
            false,
            false,
            false,
            all,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, step: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * step % 23) as f32 - 11.0) / 8.0).collect()
    }

    #[test]
    fn both_products_equal_plain_sums() {
        for (rows, n, input, stride, first) in [(1, 1, 1, 1, 0), (3, 5, 7, 9, 2), (65, 33, 40, 70, 37), (2, 4, 3, 4, 0)]
        {
            let (x, w) = (numbers(rows * input, 7), numbers(n * input, 5));
            let mut y = vec![9f32; rows * stride];
            times_transposed(&x, &w, input, &mut y, stride, first);
            for (at, got) in y.iter().enumerate() {
                let (r, j) = (at / stride, at % stride);
                let inside = (first..first + n).contains(&j);
                let expected =
                    if inside { (0..input).map(|i| x[r * input + i] * w[(j - first) * input + i]).sum() } else { 9.0 };
                assert!((got - expected).abs() < 1e-4, "{rows}×{n}×{input}: {got} {expected}");
            }
            let a = numbers(rows * stride, 3);
            let mut y = vec![1f32; rows * input];
            add_times(&a, stride, first, &w, input, &mut y);
            for (at, got) in y.iter().enumerate() {
                let (r, i) = (at / input, at % input);
                let expected = 1.0 + (0..n).map(|j| a[r * stride + first + j] * w[j * input + i]).sum::<f32>();
                assert!((got - expected).abs() < 1e-4, "{rows}×{n}×{input}: {got} {expected}");
            }
        }
    }
}

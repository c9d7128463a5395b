//! Activations in 8 bits, as the products with quantised weights take them, whatever instruction set multiplies.

use super::quantised::{QUAD, SUB};
use pulp::{Arch, Simd, WithSimd, bytemuck};
use rayon::prelude::*;

/// Quads in the 32 numbers that share a scale.
pub(super) const QUADS: usize = SUB / QUAD;

/// Rows of activations, each number in 8 bits from −127 to 127, 32 of them with one scale.
pub(super) struct EightBits {
    /// Four neighbouring numbers in one, `[rows, blocks · 8]`.
    pub(super) numbers: Vec<i32>,
    /// For each 32 numbers their scale, and the scale times the sum of the first 16, of the last 16 and of all:
    /// `[rows, blocks]`.
    pub(super) factors: Vec<[f32; 4]>,
    /// Pieces of 32 numbers in a row.
    pub(super) blocks: usize,
    /// How many rows there are.
    pub(super) rows: usize,
}

impl EightBits {
    /// Quantises `x` `[rows, input]` on all cores. Rows are filled up with zeros to `padded` numbers, whole pieces of 32.
    pub(super) fn of(x: &[f32], rows: usize, input: usize, padded: usize) -> Self {
        let blocks = padded / SUB;
        let quads = blocks * QUADS;
        let mut numbers = vec![0i32; rows * quads];
        let mut factors = vec![[0f32; 4]; rows * blocks];
        let by_row = numbers.par_chunks_mut(quads.max(1)).zip(factors.par_chunks_mut(blocks.max(1)));
        by_row.zip(x.par_chunks(input.max(1))).for_each(|((numbers, factors), x)| {
            Arch::new().dispatch(Row { x, numbers: bytemuck::cast_slice_mut(numbers), factors });
        });
        Self { numbers, factors, blocks, rows }
    }
}

/// A row to be quantised, compiled once per instruction set.
struct Row<'a> {
    x: &'a [f32],
    numbers: &'a mut [i8],
    factors: &'a mut [[f32; 4]],
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for ((x, numbers), factors) in self.x.chunks(SUB).zip(self.numbers.as_chunks_mut::<SUB>().0).zip(self.factors) {
            let mut block = [0f32; SUB];
            block[..x.len()].copy_from_slice(x);
            // `nothing` is 0, and not a number if one of the block is none or infinite: 8 bits cannot say so, the scale can.
            let (mut top, mut nothing) = (0f32, 0f32);
            for x in block {
                top = top.max(x.abs());
                nothing += x * 0.0;
            }
            let (scale, inverse) = if top > 0.0 { (top / 127.0 + nothing, 127.0 / top) } else { (nothing, 0.0) };
            let mut sums = [0i32; 2];
            for (i, (number, x)) in numbers.iter_mut().zip(block).enumerate() {
                let q = (x * inverse).round_ties_even() as i32;
                *number = q as i8;
                sums[i / 16] += q;
            }
            let [first, last] = sums.map(|sum| scale * sum as f32);
            *factors = [scale, first, last, first + last];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_within_half_a_step_and_sums_belong_to_them() {
        let x: Vec<f32> = (0..3 * 70).map(|i| ((i * 37 % 101) as f32 - 50.0) / 7.0).collect();
        let got = EightBits::of(&x, 3, 70, 96);
        let bytes: &[i8] = bytemuck::cast_slice(&got.numbers);
        for (at, (bytes, [scale, first, last, all])) in bytes.as_chunks::<SUB>().0.iter().zip(&got.factors).enumerate()
        {
            let (row, block) = (at / 3, at % 3);
            let given = &x[row * 70..(row + 1) * 70][block * SUB..70.min((block + 1) * SUB)];
            for (k, byte) in bytes.iter().enumerate() {
                let given = given.get(k).copied().unwrap_or(0.0);
                assert!((scale * f32::from(*byte) - given).abs() <= 0.5001 * scale, "row {row}, block {block}, {k}");
            }
            let sum = |bytes: &[i8]| scale * bytes.iter().map(|byte| f32::from(*byte)).sum::<f32>();
            assert_eq!([*first, *last], [sum(&bytes[..16]), sum(&bytes[16..])]);
            assert_eq!(*all, first + last);
        }
    }

    #[test]
    fn not_a_number_and_infinity_are_not_hidden() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = vec![1f32; 64];
            x[40] = bad;
            let got = EightBits::of(&x, 1, 64, 64);
            assert!(got.factors[0][0].is_finite() && !got.factors[1][0].is_finite(), "{bad}");
        }
    }
}

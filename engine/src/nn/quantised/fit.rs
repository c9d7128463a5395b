//! Scales with which few bits come closest to a block of weights, of several rows at once: lanes are rows.
//!
//! Each starts from the range of the block, tries some steps around it, and takes for each the scale (and minimum) that
//! fits the rounded weights with the least squares.

use pulp::Simd;

/// How far the number of steps in the range of a block is moved, in steps, to try other roundings.
const TRIES: [f32; 7] = [-0.9, -0.6, -0.3, 0.0, 0.3, 0.6, 0.9];

/// Adding this to a number of less than 2²² leaves no room for digits after the point: taken away again, the number is
/// rounded to a whole one, halves to even.
const ROUND: f32 = 12_582_912.0;

/// Scale and minimum of 32 weights that are to become whole numbers up to `TOP`: `x ≈ scale · q − minimum`, neither below
/// zero.
#[inline(always)]
pub(super) fn fit_affine<S: Simd, const TOP: u8>(simd: S, x: &[S::f32s; 32]) -> (S::f32s, S::f32s) {
    let splat = |value: f32| simd.splat_f32s(value);
    let (zero, count, top) = (splat(0.0), splat(32.0), f32::from(TOP));
    let (mut low, mut high, mut sum) = (zero, zero, zero);
    for &x in x {
        low = simd.min_f32s(low, x);
        high = simd.max_f32s(high, x);
        sum = simd.add_f32s(sum, x);
    }
    let mut above = *x;
    for above in &mut above {
        *above = simd.sub_f32s(*above, low);
    }
    let range = simd.sub_f32s(high, low);
    // Where all weights are zero, so is everything that follows, and nothing is better than the first fit.
    let empty = simd.less_than_or_equal_f32s(range, zero);
    let steps = simd.select_f32s(empty, zero, simd.div_f32s(splat(1.0), range));
    let mut scale = simd.mul_f32s(range, splat(1.0 / top));
    let mut minimum = simd.sub_f32s(zero, low);
    // The best fit explains the most of the weights' squares.
    let mut explained = splat(-1.0);
    for offset in TRIES {
        let inverse = simd.mul_f32s(steps, splat(top + offset));
        let (mut q1, mut q2, mut qx) = (zero, zero, zero);
        for (&above, &x) in above.iter().zip(x) {
            let q = simd.add_f32s(simd.mul_f32s(above, inverse), splat(ROUND));
            let q = simd.min_f32s(simd.sub_f32s(q, splat(ROUND)), splat(top));
            q1 = simd.add_f32s(q1, q);
            q2 = simd.mul_add_e_f32s(q, q, q2);
            qx = simd.mul_add_e_f32s(q, x, qx);
        }
        // Least squares of x against q with a constant, and without one where that would have the wrong sign.
        let determinant = simd.sub_f32s(simd.mul_f32s(count, q2), simd.mul_f32s(q1, q1));
        let shared = simd.sub_f32s(simd.mul_f32s(count, qx), simd.mul_f32s(q1, sum));
        let with = simd.div_f32s(shared, determinant);
        let constant = simd.mul_f32s(simd.sub_f32s(simd.mul_f32s(with, q1), sum), splat(1.0 / 32.0));
        let without = simd.div_f32s(qx, q2);
        let by_both =
            simd.mul_f32s(simd.add_f32s(simd.mul_f32s(sum, sum), simd.mul_f32s(shared, with)), splat(1.0 / 32.0));
        let wrong = simd.less_than_f32s(constant, zero);
        let tried = simd.select_f32s(wrong, without, with);
        let gain = simd.select_f32s(wrong, simd.mul_f32s(qx, without), by_both);
        // Not where the quotients mean nothing: comparisons with what is no number are false.
        let gain = simd.select_f32s(simd.greater_than_f32s(determinant, zero), gain, splat(-1.0));
        let gain = simd.select_f32s(simd.greater_than_f32s(tried, zero), gain, splat(-1.0));
        let better = simd.greater_than_f32s(gain, explained);
        explained = simd.select_f32s(better, gain, explained);
        scale = simd.select_f32s(better, tried, scale);
        minimum = simd.select_f32s(better, simd.select_f32s(wrong, zero, constant), minimum);
    }
    (scale, minimum)
}

/// Scale of 16 weights that are to become whole numbers from −32 to 31: `x ≈ scale · q`, of either sign.
#[inline(always)]
pub(super) fn fit_symmetric<S: Simd>(simd: S, x: &[S::f32s; 16]) -> S::f32s {
    let splat = |value: f32| simd.splat_f32s(value);
    let zero = splat(0.0);
    let (mut low, mut high) = (zero, zero);
    for &x in x {
        low = simd.min_f32s(low, x);
        high = simd.max_f32s(high, x);
    }
    // The number of the largest magnitude, with its sign.
    let down = simd.sub_f32s(zero, low);
    let top = simd.select_f32s(simd.greater_than_f32s(down, high), low, high);
    let empty = simd.less_than_or_equal_f32s(simd.max_f32s(down, high), zero);
    let steps = simd.select_f32s(empty, zero, simd.div_f32s(splat(1.0), top));
    let mut scale = simd.mul_f32s(top, splat(-1.0 / 32.0));
    let mut explained = splat(-1.0);
    for offset in TRIES {
        let inverse = simd.mul_f32s(steps, splat(-32.0 + offset));
        let (mut q2, mut qx) = (zero, zero);
        for &x in x {
            let q = simd.add_f32s(simd.mul_f32s(x, inverse), splat(ROUND));
            let q = simd.sub_f32s(q, splat(ROUND));
            let q = simd.max_f32s(simd.min_f32s(q, splat(31.0)), splat(-32.0));
            q2 = simd.mul_add_e_f32s(q, q, q2);
            qx = simd.mul_add_e_f32s(q, x, qx);
        }
        let tried = simd.div_f32s(qx, q2);
        let gain = simd.mul_f32s(qx, tried);
        let better = simd.greater_than_f32s(gain, explained);
        explained = simd.select_f32s(better, gain, explained);
        scale = simd.select_f32s(better, tried, scale);
    }
    scale
}

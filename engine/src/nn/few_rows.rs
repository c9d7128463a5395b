//! The product of a few rows with the transpose of a weight matrix, straight from the type the weights are kept in.
//!
//! With one row (decoding) the bytes of the weights decide: each is read once, in the order it lies in memory, and
//! widened in a register. With some more (a short question that follows, a given answer) each weight vector that was widened
//! meets several rows of `x`, so that arithmetic decides and no widened copy goes through memory.

use super::host::TASK;
use half::{bf16, f16};
use pulp::{Arch, Simd, WithSimd, bytemuck};
use rayon::prelude::*;

/// Rows of `W` and rows of `x` whose products are summed at the same time: 16 sums, 4 weight vectors and 4 of `x` fit
/// into 32 vector registers.
const TILE: usize = 4;

/// Vectors of partial sums of a single row: enough to hide the latency of their additions.
const SINGLE: usize = 8;

/// A type weights are kept in. They are finite: that is checked when they are loaded.
pub(super) trait Number: Copy + Send + Sync {
    /// The same number in f32.
    fn widen(self) -> f32;

    /// Writes `from` as f32 into `to`, of the same length, on all cores.
    fn widen_all(from: &[Self], to: &mut [f32]) {
        to.par_chunks_mut(TASK)
            .zip(from.par_chunks(TASK))
            .for_each(|(to, from)| Arch::new().dispatch(Widening { from, to }));
    }
}

/// Some numbers to be widened, compiled once per instruction set.
struct Widening<'a, W> {
    from: &'a [W],
    to: &'a mut [f32],
}

impl<W: Number> WithSimd for Widening<'_, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (to, from) in self.to.iter_mut().zip(self.from) {
            *to = from.widen();
        }
    }
}

impl Number for f32 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }
}

impl Number for bf16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }
}

impl Number for f16 {
    /// Shifts the fields into place and corrects the exponent with a multiplication, which is exact and right for
    /// subnormal numbers too. Unlike a call of the processor's own conversion it becomes part of a vector loop.
    #[inline(always)]
    fn widen(self) -> f32 {
        /// 2¹¹²: the difference of the two types' exponent biases.
        const REBIAS: f32 = f32::from_bits((127 + 112) << 23);
        let bits = u32::from(self.to_bits());
        let magnitude = f32::from_bits((bits & 0x7fff) << 13) * REBIAS;
        f32::from_bits(magnitude.to_bits() | (bits & 0x8000) << 16)
    }
}

/// `x` `[rows, input]` times the transpose of `w` `[output, input]` → `[output, rows]`. Sums are f32, whatever type the
/// weights are kept in: weights of equal value give equal results.
pub(super) fn few_rows<W: Number>(x: &[f32], w: &[W], rows: usize, input: usize) -> Vec<f32> {
    let output = w.len() / input;
    let mut y = vec![0f32; output * rows];
    let arch = Arch::new();
    // A few blocks for each thread even out their ends.
    let block = output.div_ceil(4 * rayon::current_num_threads()).next_multiple_of(TILE);
    y.par_chunks_mut(block * rows).zip(w.par_chunks(block * input)).for_each(|(y, w)| {
        arch.dispatch(Block { x, w, y, rows, input });
    });
    y
}

/// Some rows of `W` against all rows of `x`, to be compiled once per instruction set.
///
/// Loops are written out where closures would be shorter: a closure that is not inlined is compiled without the
/// instructions.
struct Block<'a, W> {
    x: &'a [f32],
    w: &'a [W],
    y: &'a mut [f32],
    rows: usize,
    input: usize,
}

impl<W: Number> WithSimd for Block<'_, W> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, w, y, rows, input } = self;
        if rows == 1 {
            for (y, w) in y.iter_mut().zip(w.chunks_exact(input)) {
                *y = single(simd, x, w);
            }
            return;
        }
        let (mut y_tiles, mut w_tiles) = (y.chunks_exact_mut(TILE * rows), w.chunks_exact(TILE * input));
        for (y, w) in (&mut y_tiles).zip(&mut w_tiles) {
            against_all::<S, W, TILE>(simd, x, w, y, rows, input);
        }
        let (y, w) = (y_tiles.into_remainder(), w_tiles.remainder());
        for (y, w) in y.chunks_exact_mut(rows).zip(w.chunks_exact(input)) {
            against_all::<S, W, 1>(simd, x, w, y, rows, input);
        }
    }
}

/// A vector of weights in f32.
#[inline(always)]
fn widened<S: Simd, W: Number>(simd: S, weights: &[W]) -> S::f32s {
    let mut vector = simd.splat_f32s(0.0);
    let lanes: &mut [f32] = bytemuck::cast_slice_mut(std::slice::from_mut(&mut vector));
    for (lane, weight) in lanes.iter_mut().zip(weights) {
        *lane = weight.widen();
    }
    vector
}

/// `Σ x·w` of one row of each, read front to back.
#[inline(always)]
fn single<S: Simd, W: Number>(simd: S, x: &[f32], w: &[W]) -> f32 {
    let lanes = S::F32_LANES;
    let vectors = S::as_simd_f32s(x).0;
    let mut sums = [simd.splat_f32s(0.0); SINGLE];
    let blocks = vectors.chunks_exact(SINGLE).zip(w.chunks_exact(SINGLE * lanes));
    for (x, w) in blocks {
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = simd.mul_add_e_f32s(widened(simd, &w[i * lanes..(i + 1) * lanes]), x[i], *sum);
        }
    }
    let mut total = 0.0;
    for sum in sums {
        total += simd.reduce_sum_f32s(sum);
    }
    let done = x.len() / (SINGLE * lanes) * (SINGLE * lanes);
    for (x, w) in x[done..].iter().zip(&w[done..]) {
        total += x * w.widen();
    }
    total
}

/// `M` rows of `W`, one after the other in `w`, against every row of `x`; `y` is `[M, rows]`.
#[inline(always)]
fn against_all<S: Simd, W: Number, const M: usize>(
    simd: S,
    x: &[f32],
    w: &[W],
    y: &mut [f32],
    rows: usize,
    input: usize,
) {
    let mut row = 0;
    while row + TILE <= rows {
        let sums = tile::<S, W, M, TILE>(simd, &x[row * input..(row + TILE) * input], w, input);
        for (m, sums) in sums.iter().enumerate() {
            y[m * rows + row..m * rows + row + TILE].copy_from_slice(sums);
        }
        row += TILE;
    }
    while row < rows {
        let sums = tile::<S, W, M, 1>(simd, &x[row * input..(row + 1) * input], w, input);
        for (m, [sum]) in sums.iter().enumerate() {
            y[m * rows + row] = *sum;
        }
        row += 1;
    }
}

/// The products of `M` rows of `W` with `N` rows of `x`, each summed in one vector.
#[inline(always)]
fn tile<S: Simd, W: Number, const M: usize, const N: usize>(
    simd: S,
    x: &[f32],
    w: &[W],
    input: usize,
) -> [[f32; N]; M] {
    let lanes = S::F32_LANES;
    let steps = input / lanes;
    let done = steps * lanes;
    let mut xs: [&[S::f32s]; N] = [&[]; N];
    for (n, vectors) in xs.iter_mut().enumerate() {
        *vectors = &S::as_simd_f32s(&x[n * input..(n + 1) * input]).0[..steps];
    }
    let mut ws: [&[W]; M] = [&[]; M];
    for (m, weights) in ws.iter_mut().enumerate() {
        *weights = &w[m * input..m * input + done];
    }
    let mut sums = [[simd.splat_f32s(0.0); N]; M];
    for step in 0..steps {
        for (sums, w) in sums.iter_mut().zip(&ws) {
            let w = widened(simd, &w[step * lanes..step * lanes + lanes]);
            for (sum, x) in sums.iter_mut().zip(&xs) {
                *sum = simd.mul_add_e_f32s(w, x[step], *sum);
            }
        }
    }
    let mut totals = [[0f32; N]; M];
    for (m, totals) in totals.iter_mut().enumerate() {
        for (n, total) in totals.iter_mut().enumerate() {
            *total = simd.reduce_sum_f32s(sums[m][n]);
            for i in done..input {
                *total += x[n * input + i] * w[m * input + i].widen();
            }
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_half_number_widens_to_itself() {
        for bits in 0..=u16::MAX {
            let (brain, half) = (bf16::from_bits(bits), f16::from_bits(bits));
            if brain.is_finite() {
                assert_eq!(brain.widen().to_bits(), brain.to_f32().to_bits(), "bf16 {bits:#06x}");
            }
            if half.is_finite() {
                assert_eq!(half.widen().to_bits(), half.to_f32().to_bits(), "f16 {bits:#06x}");
            }
        }
    }

    /// Every count of rows around the tile's, every remainder of a vector: against sums in f64, on the best instruction
    /// set there is and on none.
    #[test]
    fn every_shape_equals_the_sum_in_f64() {
        let number = |i: usize| ((i * 37 % 101) as f32 - 50.0) / 50.0;
        for (rows, input, output) in
            [(1, 1, 1), (1, 127, 5), (1, 128, 4), (1, 300, 9), (2, 16, 3), (4, 33, 4), (5, 64, 7), (9, 200, 11)]
        {
            let x: Vec<f32> = (0..rows * input).map(number).collect();
            let w: Vec<f32> = (0..output * input).map(|i| number(i * 3 + 7)).collect();
            let plain = |o: usize, r: usize| -> f64 {
                (0..input).map(|i| f64::from(x[r * input + i]) * f64::from(w[o * input + i])).sum()
            };
            let mut scalar = vec![0f32; output * rows];
            Block { x: &x, w: &w, y: &mut scalar, rows, input }.with_simd(pulp::Scalar::new());
            for y in [few_rows(&x, &w, rows, input), scalar] {
                for (at, got) in y.iter().enumerate() {
                    let exact = plain(at / rows, at % rows);
                    assert!((f64::from(*got) - exact).abs() < 1e-4, "{rows}×{input}×{output}: {got} {exact}");
                }
            }
        }
    }
}

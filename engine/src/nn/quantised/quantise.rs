//! From weights to the blocks of a quantised group. Lanes are the group's interleaved rows: nothing is summed across them,
//! and what belongs together in memory comes out together.

use super::fit::{fit_affine, fit_symmetric};
use super::{GROUP, K_MINIMA, K_SCALES, K_WEIGHTS, LONGEST, Q6_SCALES, Q6_SUB, Q6_WEIGHTS, QUAD, SUB};
use crate::precision::WeightFormat;
use half::f16;
use pulp::{Simd, WithSimd, bytemuck};

/// Adding this to a number from 0 to 2²³ leaves it, rounded to a whole one, in the lowest bits.
const WHOLE: f32 = 8_388_608.0;

/// Up to 16 rows of `input` weights, to be quantised into a group's `bytes`; compiled once per instruction set. The error
/// is the first row with a scale too large for f16.
pub(super) struct QuantiseGroup<'a> {
    pub(super) format: WeightFormat,
    pub(super) rows: &'a [f32],
    pub(super) input: usize,
    pub(super) bytes: &'a mut [u8],
}

impl WithSimd for QuantiseGroup<'_> {
    type Output = Result<(), usize>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Self { format, rows, input, bytes } = self;
        let size = format.block();
        let mut interleaved = [0f32; LONGEST * GROUP];
        for (at, bytes) in bytes.chunks_exact_mut(format.block_bytes()).enumerate() {
            let first = at * size;
            interleave(rows, input, first..(first + size).min(input), &mut interleaved[..size * GROUP]);
            for part in 0..GROUP / S::F32_LANES {
                let mut block = Block { simd, weights: S::as_simd_f32s(&interleaved).0, part, bytes };
                let done = match format {
                    WeightFormat::Q8_0 => block.q8(),
                    WeightFormat::Q6K => block.q6(),
                    WeightFormat::Q5K => block.affine::<31>(),
                    WeightFormat::Q4K => block.affine::<15>(),
                    WeightFormat::F32 | WeightFormat::Bf16 | WeightFormat::F16 => Ok(()),
                };
                done?;
            }
        }
        Ok(())
    }
}

/// Writes the columns `columns` of `rows` into `out`, one weight of each row after the other; zeros where there are none.
#[inline(always)]
fn interleave(rows: &[f32], input: usize, columns: std::ops::Range<usize>, out: &mut [f32]) {
    let present = rows.len() / input.max(1);
    if present < GROUP || columns.len() * GROUP < out.len() {
        out.fill(0.0);
    }
    for (r, row) in rows.chunks_exact(input.max(1)).enumerate() {
        for (out, weight) in out.as_chunks_mut::<GROUP>().0.iter_mut().zip(&row[columns.clone()]) {
            out[r] = *weight;
        }
    }
}

/// A block of as many of the group's rows as there are lanes.
struct Block<'a, S: Simd> {
    simd: S,
    /// Weights of all rows, interleaved.
    weights: &'a [S::f32s],
    /// Which rows, in vectors.
    part: usize,
    /// The block of the group.
    bytes: &'a mut [u8],
}

impl<S: Simd> Block<'_, S> {
    /// The first of its rows.
    #[inline(always)]
    fn row(&self) -> usize {
        self.part * S::F32_LANES
    }

    /// `N` weights of each row, from `first` on.
    #[inline(always)]
    fn take<const N: usize>(&self, first: usize) -> [S::f32s; N] {
        let mut out = [self.simd.splat_f32s(0.0); N];
        let vectors = GROUP / S::F32_LANES;
        for (k, out) in out.iter_mut().enumerate() {
            *out = self.weights[(first + k) * vectors + self.part];
        }
        out
    }

    /// `1 / x`, and 0 for 0.
    #[inline(always)]
    fn inverse(&self, x: S::f32s) -> S::f32s {
        let (zero, one) = (self.simd.splat_f32s(0.0), self.simd.splat_f32s(1.0));
        self.simd.select_f32s(self.simd.equal_f32s(x, zero), zero, self.simd.div_f32s(one, x))
    }

    /// `value`, bounded by 0 and `top`, rounded to a whole number, halves to even.
    #[inline(always)]
    fn whole(&self, value: S::f32s, top: f32) -> S::u32s {
        let simd = self.simd;
        let bounded = simd.min_f32s(simd.max_f32s(value, simd.splat_f32s(0.0)), simd.splat_f32s(top));
        let bits = simd.transmute_u32s_f32s(simd.add_f32s(bounded, simd.splat_f32s(WHOLE)));
        simd.and_u32s(bits, simd.splat_u32s(255))
    }

    /// The number that [`Block::whole`] has made.
    #[inline(always)]
    fn number(&self, whole: S::u32s) -> S::f32s {
        let bits = self.simd.or_u32s(whole, self.simd.splat_u32s(WHOLE.to_bits()));
        self.simd.sub_f32s(self.simd.transmute_f32s_u32s(bits), self.simd.splat_f32s(WHOLE))
    }

    /// Writes `values` in f16 as the rows' scales at `at`, and gives them back as they can be read.
    #[inline(always)]
    fn write_scales(&mut self, at: usize, values: S::f32s) -> Result<S::f32s, usize> {
        let row = self.row();
        let mut read = values;
        let lanes: &mut [f32] = bytemuck::cast_slice_mut(std::slice::from_mut(&mut read));
        let places = self.bytes[at + 2 * row..].as_chunks_mut::<2>().0;
        for (lane, (value, place)) in lanes.iter_mut().zip(places).enumerate() {
            let scale = f16::from_f32(*value);
            if !scale.is_finite() {
                return Err(row + lane);
            }
            *place = scale.to_le_bytes();
            *value = scale.to_f32();
        }
        Ok(read)
    }

    /// Writes the lowest byte of each of `steps` at `at`.
    #[inline(always)]
    fn write_bytes(&mut self, at: usize, steps: S::u32s) {
        let row = self.row();
        let steps: &[u32] = bytemuck::cast_slice(std::slice::from_ref(&steps));
        for (byte, step) in self.bytes[at + row..].iter_mut().zip(steps) {
            *byte = *step as u8;
        }
    }

    /// Writes four bytes of each row at `at`, the first in the lowest bits of `words`.
    #[inline(always)]
    fn write_words(&mut self, at: usize, words: S::u32s) {
        let row = self.row();
        let words: &[u32] = bytemuck::cast_slice(std::slice::from_ref(&words));
        for (bytes, word) in self.bytes[at + QUAD * row..].as_chunks_mut::<QUAD>().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
    }

    /// `words` with `more` added `bits` to the left, where it has nothing yet.
    #[inline(always)]
    fn join(&self, words: S::u32s, more: S::u32s, bits: usize) -> S::u32s {
        self.simd.or_u32s(words, self.simd.wrapping_dyn_shl_u32s(more, self.simd.splat_u32s(bits as u32)))
    }

    /// The lowest four bits of 32 weights of each row, at `at`: a weight, and 16 later another.
    #[inline(always)]
    fn write_nibbles(&mut self, at: usize, q: &[S::u32s; SUB]) {
        let low = self.simd.splat_u32s(15);
        for quad in 0..4 {
            let mut words = self.simd.splat_u32s(0);
            for k in 0..QUAD {
                words = self.join(words, self.simd.and_u32s(q[quad * QUAD + k], low), 8 * k);
                words = self.join(words, self.simd.and_u32s(q[16 + quad * QUAD + k], low), 8 * k + 4);
            }
            self.write_words(at + 64 * quad, words);
        }
    }

    /// The bits above the lowest four of the weights `q`, `bits` of each, those of a quad `bits` after those of the one
    /// before it.
    #[inline(always)]
    fn write_high(&mut self, at: usize, q: &[S::u32s], bits: usize) {
        let four = self.simd.splat_u32s(4);
        let mut words = self.simd.splat_u32s(0);
        for (k, q) in q.iter().enumerate() {
            words = self.join(words, self.simd.wrapping_dyn_shr_u32s(*q, four), 8 * (k % QUAD) + bits * (k / QUAD));
        }
        self.write_words(at, words);
    }

    #[inline(always)]
    fn q8(&mut self) -> Result<(), usize> {
        let simd = self.simd;
        let x = self.take::<SUB>(0);
        let (mut low, mut high) = (simd.splat_f32s(0.0), simd.splat_f32s(0.0));
        for &x in &x {
            low = simd.min_f32s(low, x);
            high = simd.max_f32s(high, x);
        }
        let top = simd.max_f32s(high, simd.sub_f32s(simd.splat_f32s(0.0), low));
        let scale = self.write_scales(0, simd.mul_f32s(top, simd.splat_f32s(1.0 / 127.0)))?;
        let (inverse, zero_point) = (self.inverse(scale), simd.splat_f32s(128.0));
        for (quad, x) in x.as_chunks::<QUAD>().0.iter().enumerate() {
            let mut words = simd.splat_u32s(0);
            for (k, &x) in x.iter().enumerate() {
                // From 1 to 255: the scale may have been rounded down.
                let q = simd.max_f32s(simd.mul_f32s(x, inverse), simd.splat_f32s(-127.0));
                words = self.join(words, self.whole(simd.add_f32s(q, zero_point), 255.0), 8 * k);
            }
            self.write_words(2 * GROUP + 64 * quad, words);
        }
        Ok(())
    }

    #[inline(always)]
    fn q6(&mut self) -> Result<(), usize> {
        let simd = self.simd;
        let mut scales = [simd.splat_f32s(0.0); 16];
        let mut top = simd.splat_f32s(0.0);
        for (i, scale) in scales.iter_mut().enumerate() {
            *scale = fit_symmetric(simd, &self.take::<16>(16 * i));
            top = simd.max_f32s(top, simd.max_f32s(*scale, simd.sub_f32s(simd.splat_f32s(0.0), *scale)));
        }
        let whole = self.write_scales(0, simd.mul_f32s(top, simd.splat_f32s(1.0 / 127.0)))?;
        let (inverse, signed) = (self.inverse(whole), simd.splat_f32s(128.0));
        for sub in 0..8 {
            let mut q = [simd.splat_u32s(0); SUB];
            for half in 0..2 {
                let at = 2 * sub + half;
                let step = simd.max_f32s(simd.mul_f32s(scales[at], inverse), simd.splat_f32s(-127.0));
                let step = self.whole(simd.add_f32s(step, signed), 255.0);
                // 128 more than the step: with the highest bit turned it is the step in two's complement.
                self.write_bytes(Q6_SCALES + at * GROUP, simd.xor_u32s(step, simd.splat_u32s(128)));
                let step = simd.sub_f32s(self.number(step), signed);
                let inverse = self.inverse(simd.mul_f32s(whole, step));
                for (q, x) in q[16 * half..].iter_mut().zip(self.take::<16>(16 * at)) {
                    *q = self.whole(simd.add_f32s(simd.mul_f32s(x, inverse), simd.splat_f32s(32.0)), 63.0);
                }
            }
            let at = Q6_WEIGHTS + sub * Q6_SUB;
            self.write_nibbles(at, &q);
            self.write_high(at + 256, &q[..16], 2);
            self.write_high(at + 320, &q[16..], 2);
        }
        Ok(())
    }

    /// `q4_k` with `TOP` 15, `q5_k` with `TOP` 31.
    #[inline(always)]
    fn affine<const TOP: u8>(&mut self) -> Result<(), usize> {
        let simd = self.simd;
        let zero = simd.splat_f32s(0.0);
        let (mut scales, mut minima) = ([zero; 8], [zero; 8]);
        let (mut top, mut top_minimum) = (zero, zero);
        for i in 0..8 {
            (scales[i], minima[i]) = fit_affine::<S, TOP>(simd, &self.take(SUB * i));
            top = simd.max_f32s(top, scales[i]);
            top_minimum = simd.max_f32s(top_minimum, minima[i]);
        }
        let steps = simd.splat_f32s(1.0 / 255.0);
        let whole = self.write_scales(0, simd.mul_f32s(top, steps))?;
        let whole_minimum = self.write_scales(2 * GROUP, simd.mul_f32s(top_minimum, steps))?;
        let (inverse, inverse_minimum) = (self.inverse(whole), self.inverse(whole_minimum));
        let size = if TOP == 31 { 320 } else { 256 };
        for i in 0..8 {
            let step = self.whole(simd.mul_f32s(scales[i], inverse), 255.0);
            let step_minimum = self.whole(simd.mul_f32s(minima[i], inverse_minimum), 255.0);
            self.write_bytes(K_SCALES + i * GROUP, step);
            self.write_bytes(K_MINIMA + i * GROUP, step_minimum);
            let scale = self.inverse(simd.mul_f32s(whole, self.number(step)));
            let minimum = simd.mul_f32s(whole_minimum, self.number(step_minimum));
            let mut q = [simd.splat_u32s(0); SUB];
            for (q, x) in q.iter_mut().zip(self.take::<SUB>(SUB * i)) {
                *q = self.whole(simd.mul_f32s(simd.add_f32s(x, minimum), scale), f32::from(TOP));
            }
            let at = K_WEIGHTS + i * size;
            self.write_nibbles(at, &q);
            if TOP == 31 {
                self.write_high(at + 256, &q, 1);
            }
        }
        Ok(())
    }
}

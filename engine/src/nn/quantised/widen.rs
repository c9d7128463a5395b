//! What the weights of a quantised group stand for, in f32. As in [`super::quantise`], lanes are the group's rows.

use super::{GROUP, K_MINIMA, K_SCALES, K_WEIGHTS, LONGEST, Q6_SCALES, Q6_SUB, Q6_WEIGHTS, QUAD, SUB};
use crate::nn::columns::Columns;
use crate::precision::WeightFormat;
use half::f16;
use pulp::{Simd, WithSimd, bytemuck};

/// Sums of a product at a time: enough to hide the latency of their additions.
const SUMS: usize = 8;

/// A group of `input` weights a row, to be written into `out`, rows of `input` numbers, those in front.
pub(super) struct WidenRows<'a> {
    pub(super) format: WeightFormat,
    pub(super) group: &'a [u8],
    pub(super) input: usize,
    /// The first row of the group that is wanted.
    pub(super) first: usize,
    pub(super) out: &'a mut [f32],
}

impl WithSimd for WidenRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { format, group, input, first, out } = self;
        let mut interleaved = [0f32; LONGEST * GROUP];
        for (at, bytes) in group.chunks_exact(format.block_bytes()).enumerate() {
            widen_block(simd, format, bytes, &mut interleaved);
            let start = at * format.block();
            let end = (start + format.block()).min(input);
            for (r, row) in out.chunks_exact_mut(input).enumerate() {
                for (weight, lanes) in row[start..end].iter_mut().zip(interleaved.as_chunks::<GROUP>().0) {
                    *weight = lanes[first + r];
                }
            }
        }
    }
}

/// The products of a group's rows with all rows of `x`, in f32. Each is summed in the same order however many rows there
/// are.
pub(super) struct GroupProduct<'a, 'y> {
    pub(super) format: WeightFormat,
    pub(super) group: &'a [u8],
    pub(super) x: &'a [f32],
    pub(super) input: usize,
    pub(super) y: &'a mut Columns<'y>,
}

impl WithSimd for GroupProduct<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { format, group, x, input, y } = self;
        let vectors = GROUP / S::F32_LANES;
        let mut interleaved = [0f32; LONGEST * GROUP];
        let mut totals = vec![[0f32; GROUP]; x.len() / input];
        for (at, bytes) in group.chunks_exact(format.block_bytes()).enumerate() {
            widen_block(simd, format, bytes, &mut interleaved);
            let weights = S::as_simd_f32s(&interleaved).0;
            let start = at * format.block();
            let end = (start + format.block()).min(input);
            for (total, x) in totals.iter_mut().zip(x.chunks_exact(input)) {
                let total = S::as_mut_simd_f32s(total).0;
                for (part, total) in total.iter_mut().enumerate() {
                    let mut sums = [simd.splat_f32s(0.0); SUMS];
                    let (whole, rest) = x[start..end].as_chunks::<SUMS>();
                    for (x, weights) in whole.iter().zip(weights.chunks_exact(SUMS * vectors)) {
                        for (i, sum) in sums.iter_mut().enumerate() {
                            *sum = simd.mul_add_e_f32s(simd.splat_f32s(x[i]), weights[i * vectors + part], *sum);
                        }
                    }
                    for (i, x) in rest.iter().enumerate() {
                        let weights = weights[(whole.len() * SUMS + i) * vectors + part];
                        sums[i] = simd.mul_add_e_f32s(simd.splat_f32s(*x), weights, sums[i]);
                    }
                    for half in [4, 2, 1] {
                        for i in 0..half {
                            sums[i] = simd.add_f32s(sums[i], sums[i + half]);
                        }
                    }
                    *total = simd.add_f32s(*total, sums[0]);
                }
            }
        }
        for (row, total) in totals.iter().enumerate() {
            y.row(row).iter_mut().zip(total).for_each(|(y, total)| *y = *total);
        }
    }
}

/// Writes the weights of block `bytes` into `out`, one of each row after the other.
#[inline(always)]
fn widen_block<S: Simd>(simd: S, format: WeightFormat, bytes: &[u8], out: &mut [f32; LONGEST * GROUP]) {
    let vectors = GROUP / S::F32_LANES;
    let out = S::as_mut_simd_f32s(out).0;
    for part in 0..vectors {
        let block = Block { simd, bytes, row: part * S::F32_LANES };
        let mut put = |k: usize, value: S::f32s| out[k * vectors + part] = value;
        match format {
            WeightFormat::Q8_0 => block.q8(&mut put),
            WeightFormat::Q6K => block.q6(&mut put),
            WeightFormat::Q5K => block.affine::<true>(&mut put),
            WeightFormat::Q4K => block.affine::<false>(&mut put),
            WeightFormat::F32 | WeightFormat::Bf16 | WeightFormat::F16 => {}
        }
    }
}

/// A block, of as many of the group's rows as there are lanes.
struct Block<'a, S: Simd> {
    simd: S,
    bytes: &'a [u8],
    /// The first of the rows.
    row: usize,
}

impl<S: Simd> Block<'_, S> {
    #[inline(always)]
    fn lanes(&self, read: impl Fn(usize) -> f32) -> S::f32s {
        let mut out = self.simd.splat_f32s(0.0);
        let lanes: &mut [f32] = bytemuck::cast_slice_mut(std::slice::from_mut(&mut out));
        for (lane, value) in lanes.iter_mut().enumerate() {
            *value = read(self.row + lane);
        }
        out
    }

    /// The rows' scales in f16 at `at`.
    #[inline(always)]
    fn scales(&self, at: usize) -> S::f32s {
        self.lanes(|row| f16::from_le_bytes([self.bytes[at + 2 * row], self.bytes[at + 2 * row + 1]]).to_f32())
    }

    /// Four bytes of each row at `at`.
    #[inline(always)]
    fn words(&self, at: usize) -> S::u32s {
        let mut out = self.simd.splat_u32s(0);
        let words: &mut [u32] = bytemuck::cast_slice_mut(std::slice::from_mut(&mut out));
        for (word, bytes) in words.iter_mut().zip(self.bytes[at + QUAD * self.row..].as_chunks::<QUAD>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        out
    }

    /// `bits` of `words` from bit `from` on.
    #[inline(always)]
    fn take(&self, words: S::u32s, from: usize, bits: usize) -> S::u32s {
        let shifted = self.simd.wrapping_dyn_shr_u32s(words, self.simd.splat_u32s(from as u32));
        self.simd.and_u32s(shifted, self.simd.splat_u32s((1 << bits) - 1))
    }

    /// A whole number of less than 2²³, less `zero`.
    #[inline(always)]
    fn number(&self, whole: S::u32s, zero: f32) -> S::f32s {
        /// Its lowest bits hold a whole number.
        const WHOLE: f32 = 8_388_608.0;
        let bits = self.simd.or_u32s(whole, self.simd.splat_u32s(WHOLE.to_bits()));
        self.simd.sub_f32s(self.simd.transmute_f32s_u32s(bits), self.simd.splat_f32s(WHOLE + zero))
    }

    #[inline(always)]
    fn q8(&self, put: &mut impl FnMut(usize, S::f32s)) {
        let scale = self.scales(0);
        for quad in 0..SUB / QUAD {
            let words = self.words(2 * GROUP + 64 * quad);
            for k in 0..QUAD {
                let q = self.number(self.take(words, 8 * k, 8), 128.0);
                put(quad * QUAD + k, self.simd.mul_f32s(scale, q));
            }
        }
    }

    #[inline(always)]
    fn q6(&self, put: &mut impl FnMut(usize, S::f32s)) {
        let whole = self.scales(0);
        for sub in 0..8 {
            let at = Q6_WEIGHTS + sub * Q6_SUB;
            for half in 0..2 {
                let steps = Q6_SCALES + (2 * sub + half) * GROUP;
                let steps = self.lanes(|row| f32::from(self.bytes[steps + row] as i8));
                let scale = self.simd.mul_f32s(whole, steps);
                let high = self.words(at + 256 + 64 * half);
                for quad in 0..4 {
                    let low = self.words(at + 64 * quad);
                    for k in 0..QUAD {
                        let q = self.joined(low, 8 * k + 4 * half, self.take(high, 8 * k + 2 * quad, 2));
                        put(sub * SUB + 16 * half + quad * QUAD + k, self.simd.mul_f32s(scale, self.number(q, 32.0)));
                    }
                }
            }
        }
    }

    /// `q5_k` if `FIVE`, else `q4_k`.
    #[inline(always)]
    fn affine<const FIVE: bool>(&self, put: &mut impl FnMut(usize, S::f32s)) {
        let simd = self.simd;
        let (whole, whole_minimum) = (self.scales(0), self.scales(2 * GROUP));
        for sub in 0..8 {
            let steps = |at: usize| self.lanes(|row| f32::from(self.bytes[at + sub * GROUP + row]));
            let scale = simd.mul_f32s(whole, steps(K_SCALES));
            let minimum = simd.mul_f32s(whole_minimum, steps(K_MINIMA));
            let at = K_WEIGHTS + sub * if FIVE { 320 } else { 256 };
            for quad in 0..4 {
                let low = self.words(at + 64 * quad);
                for half in 0..2 {
                    for k in 0..QUAD {
                        let from = 8 * k + 4 * half;
                        let q = if FIVE {
                            let fifth = self.take(self.words(at + 256), 8 * k + quad + 4 * half, 1);
                            self.joined(low, from, fifth)
                        } else {
                            self.take(low, from, 4)
                        };
                        let value = simd.sub_f32s(simd.mul_f32s(scale, self.number(q, 0.0)), minimum);
                        put(sub * SUB + 16 * half + quad * QUAD + k, value);
                    }
                }
            }
        }
    }

    /// Four bits of `low` from bit `from` on, and `high` above them.
    #[inline(always)]
    fn joined(&self, low: S::u32s, from: usize, high: S::u32s) -> S::u32s {
        let high = self.simd.wrapping_dyn_shl_u32s(high, self.simd.splat_u32s(4));
        self.simd.or_u32s(self.take(low, from, 4), high)
    }
}

//! Matrices of which several weights share a scale.
//!
//! What the numbers mean is as in llama.cpp's formats of the same names. How they lie in memory is made for products: 16
//! rows form a **group**, interleaved four weights at a time, so that 64 bytes hold four neighbouring weights of each row and
//! one 8-bit dot-product instruction serves all 16. A row is a sequence of **blocks** of 32 (`q8_0`) or 256 weights; the last
//! one, and the last group, are filled up with zeros. Within a block, for all rows of the group:
//!
//! | format | scales | weights, for each 32 of a row |
//! |---|---|---|
//! | `q8_0` | f16 | 8 × 64 bytes, each weight + 128 |
//! | `q6_k` | f16, 16 × i8 | 4 × 64 bytes with 4 bits of two weights, 2 × 64 with 2 bits of four; each weight + 32 |
//! | `q5_k` | f16, f16, 8 × u8, 8 × u8 | 4 × 64 bytes with 4 bits of two weights, 64 with one bit of eight |
//! | `q4_k` | the same | 4 × 64 bytes with 4 bits of two weights |
//!
//! A weight is `scale · q` in the first two, `scale · q − minimum` in the others; scales and minima of the k-formats are
//! whole multiples of the f16 before them, in 8 bits where llama.cpp has 6.

mod fit;

use crate::precision::WeightFormat;
use fit::{fit_affine, fit_symmetric};
use half::f16;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use std::ops::Range;

/// Rows that lie interleaved.
pub(super) const GROUP: usize = 16;
/// Weights of a row that 64 bytes of 8-bit weights hold.
pub(super) const QUAD: usize = 4;
/// Weights of a row that share a scale, in all formats but `q6_k`.
pub(super) const SUB: usize = 32;
/// Where the scales of `q6_k` begin in a block, and where its weights do.
pub(super) const Q6_SCALES: usize = 2 * GROUP;
pub(super) const Q6_WEIGHTS: usize = Q6_SCALES + 16 * GROUP;
/// Bytes of 32 weights of `q6_k`: four bits each, then two.
pub(super) const Q6_SUB: usize = 6 * 64;
/// Where scales, minima and weights of `q4_k` and `q5_k` begin in a block, after two f16 for each row.
pub(super) const K_SCALES: usize = 4 * GROUP;
pub(super) const K_MINIMA: usize = K_SCALES + 8 * GROUP;
pub(super) const K_WEIGHTS: usize = K_MINIMA + 8 * GROUP;

/// A quantised matrix `[output, input]`.
#[derive(Debug, Clone)]
pub struct Quantised {
    format: WeightFormat,
    output: usize,
    input: usize,
    bytes: Vec<u8>,
}

impl Quantised {
    /// Room for a matrix in `format`; `None` if the format is not quantised, or there is no memory.
    pub fn empty(format: WeightFormat, output: usize, input: usize) -> Option<Self> {
        let length = usize::try_from(format.bytes(output, input)).ok().filter(|_| format.is_quantised())?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).ok()?;
        bytes.resize(length, 0);
        Some(Self { format, output, input, bytes })
    }

    /// Its form.
    pub fn format(&self) -> WeightFormat {
        self.format
    }

    /// `output` and `input`.
    pub fn dims(&self) -> (usize, usize) {
        (self.output, self.input)
    }

    /// Weights of a row, those it is filled up with included.
    pub(super) fn padded(&self) -> usize {
        self.input.next_multiple_of(self.format.block())
    }

    /// Bytes of one group.
    pub(super) fn group_bytes(&self) -> usize {
        (self.padded() / self.format.block() * self.format.block_bytes()).max(1)
    }

    /// All groups, one after the other.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Quantises the groups from `first` on, on all cores. `rows(range, out)` writes the rows of a range, `input` numbers
    /// each, and may fail; the first failure ends it. `count` groups are done.
    ///
    /// # Errors
    /// What `rows` fails with, and `too_large` for a number whose scale f16 cannot hold, with its row.
    pub fn fill<E: Send>(
        &mut self,
        groups: Range<usize>,
        rows: impl Fn(Range<usize>, &mut [f32]) -> Result<(), E> + Sync,
        too_large: impl Fn(usize) -> E + Sync,
    ) -> Result<(), E> {
        let (output, input, padded, size) = (self.output, self.input, self.padded(), self.group_bytes());
        let format = self.format;
        let bytes = self.bytes.get_mut(groups.start * size..groups.end * size).unwrap_or_default();
        bytes.par_chunks_mut(size).enumerate().try_for_each_init(
            || (vec![0f32; GROUP * input], vec![0f32; padded]),
            |(values, row), (group, bytes)| {
                let first = (groups.start + group) * GROUP;
                let count = GROUP.min(output.saturating_sub(first));
                let values = &mut values[..count * input];
                rows(first..first + count, values)?;
                for (r, values) in values.chunks_exact(input.max(1)).enumerate() {
                    row[..input].copy_from_slice(values);
                    if !Arch::new().dispatch(QuantiseRow { format, row, bytes, r }) {
                        return Err(too_large(first + r));
                    }
                }
                Ok(())
            },
        )
    }

    /// Groups of 16 rows.
    pub fn groups(&self) -> usize {
        self.output.div_ceil(GROUP)
    }

    /// Writes the rows `rows` in f32 into `out`, on all cores.
    pub(super) fn widen(&self, rows: Range<usize>, out: &mut [f32]) {
        let input = self.input.max(1);
        out.par_chunks_mut(input).zip(rows).for_each(|(out, row)| self.widen_row(row, out));
    }

    fn widen_row(&self, row: usize, out: &mut [f32]) {
        let (size, block) = (self.group_bytes(), self.format.block());
        let group = self.bytes.get(row / GROUP * size..).unwrap_or_default();
        for (out, bytes) in out.chunks_mut(block).zip(group.chunks_exact(self.format.block_bytes())) {
            let mut values = [0f32; 256];
            widen(self.format, bytes, row % GROUP, &mut values);
            out.copy_from_slice(&values[..out.len()]);
        }
    }
}

/// Row `r` of a group, filled up to whole blocks, to be quantised into the group's `bytes`; compiled once per instruction
/// set. `false` if a scale is too large for f16.
struct QuantiseRow<'a> {
    format: WeightFormat,
    row: &'a [f32],
    bytes: &'a mut [u8],
    r: usize,
}

impl WithSimd for QuantiseRow<'_> {
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> bool {
        let Self { format, row, bytes, r } = self;
        let mut blocks = row.chunks_exact(format.block()).zip(bytes.chunks_exact_mut(format.block_bytes()));
        blocks.all(|(block, bytes)| quantise(format, block, bytes, r))
    }
}

/// Writes `value` in f16 as the scale of row `r` at `at`, and gives it back as it can be read; `None` if f16 has no room.
#[inline(always)]
fn write_scale(bytes: &mut [u8], at: usize, r: usize, value: f32) -> Option<f32> {
    let scale = f16::from_f32(value);
    bytes[at + 2 * r..at + 2 * r + 2].copy_from_slice(&scale.to_le_bytes());
    scale.is_finite().then(|| scale.to_f32())
}

#[inline(always)]
fn read_scale(bytes: &[u8], at: usize, r: usize) -> f32 {
    f16::from_le_bytes([bytes[at + 2 * r], bytes[at + 2 * r + 1]]).to_f32()
}

/// Where the byte lies that holds weight `k` of row `r` among 64-byte pieces of which each has four of each row.
#[inline(always)]
fn place(k: usize, r: usize) -> usize {
    k / QUAD * 64 + r * QUAD + k % QUAD
}

/// `1 / x`, and 0 for 0.
#[inline(always)]
fn inverse(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { 1.0 / x }
}

/// Quantises `block`, one block of row `r` of a group, into the group's block. `false` if a scale is too large for f16.
#[inline(always)]
fn quantise(format: WeightFormat, block: &[f32], bytes: &mut [u8], r: usize) -> bool {
    let done = match format {
        WeightFormat::Q8_0 => quantise_q8(block, bytes, r),
        WeightFormat::Q6K => quantise_q6(block, bytes, r),
        WeightFormat::Q5K => quantise_affine::<31>(block, bytes, r),
        WeightFormat::Q4K => quantise_affine::<15>(block, bytes, r),
        WeightFormat::F32 | WeightFormat::Bf16 | WeightFormat::F16 => None,
    };
    done.is_some()
}

#[inline(always)]
fn quantise_q8(block: &[f32], bytes: &mut [u8], r: usize) -> Option<()> {
    let top = block.iter().fold(0f32, |top, x| top.max(x.abs()));
    let inverse = inverse(write_scale(bytes, 0, r, top / 127.0)?);
    for (k, x) in block.iter().enumerate() {
        let q = (x * inverse).round_ties_even().clamp(-127.0, 127.0);
        bytes[2 * GROUP + place(k, r)] = (q + 128.0) as u8;
    }
    Some(())
}

#[inline(always)]
fn quantise_q6(block: &[f32], bytes: &mut [u8], r: usize) -> Option<()> {
    let mut scales = [0f32; 16];
    for (scale, x) in scales.iter_mut().zip(block.as_chunks::<16>().0) {
        *scale = fit_symmetric(x);
    }
    let top = scales.iter().fold(0f32, |top, scale| top.max(scale.abs()));
    let whole = write_scale(bytes, 0, r, top / 127.0)?;
    for (i, (scale, x)) in scales.iter().zip(block.as_chunks::<16>().0).enumerate() {
        let step = (scale * inverse(whole)).round_ties_even().clamp(-127.0, 127.0);
        bytes[Q6_SCALES + i * GROUP + r] = step as i8 as u8;
        let inverse = inverse(whole * step);
        for (k, x) in x.iter().enumerate() {
            let q = ((x * inverse).round_ties_even().clamp(-32.0, 31.0) + 32.0) as u8;
            let at = i * 16 + k;
            let sub = Q6_WEIGHTS + at / SUB * Q6_SUB;
            let at = at % SUB;
            bytes[sub + place(at % 16, r)] |= (q & 15) << (4 * (at / 16));
            let quad = at / QUAD;
            bytes[sub + 256 + quad / 4 * 64 + r * QUAD + at % QUAD] |= (q >> 4) << (2 * (quad % 4));
        }
    }
    Some(())
}

/// `q4_k` with `TOP` 15, `q5_k` with `TOP` 31.
#[inline(always)]
fn quantise_affine<const TOP: u8>(block: &[f32], bytes: &mut [u8], r: usize) -> Option<()> {
    let mut fits = [(0f32, 0f32); 8];
    for (fit, x) in fits.iter_mut().zip(block.as_chunks::<SUB>().0) {
        *fit = fit_affine::<TOP>(x);
    }
    let top = |pick: fn(&(f32, f32)) -> f32| fits.iter().map(pick).fold(0f32, f32::max) / 255.0;
    let whole = write_scale(bytes, 0, r, top(|fit| fit.0))?;
    let whole_minimum = write_scale(bytes, 2 * GROUP, r, top(|fit| fit.1))?;
    let size = if TOP == 31 { 320 } else { 256 };
    for (i, (fit, x)) in fits.iter().zip(block.as_chunks::<SUB>().0).enumerate() {
        let step = |value: f32, whole: f32| (value * inverse(whole)).round_ties_even().clamp(0.0, 255.0);
        let (scale, minimum) = (step(fit.0, whole), step(fit.1, whole_minimum));
        bytes[K_SCALES + i * GROUP + r] = scale as u8;
        bytes[K_MINIMA + i * GROUP + r] = minimum as u8;
        let (inverse, minimum) = (inverse(whole * scale), whole_minimum * minimum);
        for (k, x) in x.iter().enumerate() {
            let q = ((x + minimum) * inverse).round_ties_even().clamp(0.0, f32::from(TOP)) as u8;
            let sub = K_WEIGHTS + i * size;
            bytes[sub + place(k % 16, r)] |= (q & 15) << (4 * (k / 16));
            if TOP == 31 {
                bytes[sub + 256 + r * QUAD + k % QUAD] |= (q >> 4) << (k / QUAD);
            }
        }
    }
    Some(())
}

/// Block `bytes` of a group, row `r`, in f32.
fn widen(format: WeightFormat, bytes: &[u8], r: usize, out: &mut [f32; 256]) {
    match format {
        WeightFormat::Q8_0 => {
            let scale = read_scale(bytes, 0, r);
            for (k, out) in out[..SUB].iter_mut().enumerate() {
                *out = scale * (f32::from(bytes[2 * GROUP + place(k, r)]) - 128.0);
            }
        }
        WeightFormat::Q6K => {
            let whole = read_scale(bytes, 0, r);
            for (at, out) in out.iter_mut().enumerate() {
                let scale = whole * f32::from(bytes[Q6_SCALES + at / 16 * GROUP + r] as i8);
                let (sub, at) = (Q6_WEIGHTS + at / SUB * Q6_SUB, at % SUB);
                let low = bytes[sub + place(at % 16, r)] >> (4 * (at / 16)) & 15;
                let quad = at / QUAD;
                let high = bytes[sub + 256 + quad / 4 * 64 + r * QUAD + at % QUAD] >> (2 * (quad % 4)) & 3;
                *out = scale * (f32::from(low | high << 4) - 32.0);
            }
        }
        WeightFormat::Q5K | WeightFormat::Q4K => {
            let (whole, whole_minimum) = (read_scale(bytes, 0, r), read_scale(bytes, 2 * GROUP, r));
            let five = format == WeightFormat::Q5K;
            let size = if five { 320 } else { 256 };
            for (at, out) in out.iter_mut().enumerate() {
                let (i, k) = (at / SUB, at % SUB);
                let scale = whole * f32::from(bytes[K_SCALES + i * GROUP + r]);
                let minimum = whole_minimum * f32::from(bytes[K_MINIMA + i * GROUP + r]);
                let sub = K_WEIGHTS + i * size;
                let low = bytes[sub + place(k % 16, r)] >> (4 * (k / 16)) & 15;
                let high = if five { bytes[sub + 256 + r * QUAD + k % QUAD] >> (k / QUAD) & 1 } else { 0 };
                *out = scale * f32::from(low | high << 4) - minimum;
            }
        }
        WeightFormat::F32 | WeightFormat::Bf16 | WeightFormat::F16 => {}
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Numbers as weights are spread: near zero, with a few large ones; the same ones every time.
    pub(in crate::nn) fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
        let mut uniform = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        (0..count).map(|_| (0..4).map(|_| uniform()).sum::<f32>()).collect()
    }

    pub(in crate::nn) fn quantised(format: WeightFormat, w: &[f32], output: usize, input: usize) -> Quantised {
        let mut quantised = Quantised::empty(format, output, input).unwrap();
        let groups = 0..quantised.groups();
        let read = |rows: Range<usize>, out: &mut [f32]| {
            out.copy_from_slice(&w[rows.start * input..rows.end * input]);
            Ok::<(), usize>(())
        };
        quantised.fill(groups, read, |row| row).unwrap();
        quantised
    }

    /// Every weight comes back within the step its block is quantised with, at widths and heights of every remainder, and on
    /// average within what so many bits can give.
    #[test]
    fn weights_come_back() {
        for (format, bound) in [
            (WeightFormat::Q8_0, 0.006),
            (WeightFormat::Q6K, 0.022),
            (WeightFormat::Q5K, 0.035),
            (WeightFormat::Q4K, 0.075),
        ] {
            for (output, input) in [(16, 256), (5, 33), (33, 300), (1, 1), (48, 1152)] {
                let w = numbers(output * input, 7);
                let quantised = quantised(format, &w, output, input);
                let mut back = vec![0f32; w.len()];
                quantised.widen(0..output, &mut back);
                let square = |x: f64| x * x;
                let error: f64 = w.iter().zip(&back).map(|(a, b)| square(f64::from(a - b))).sum();
                let size: f64 = w.iter().map(|a| square(f64::from(*a))).sum();
                let relative = (error / size).sqrt();
                assert!(relative < bound, "{format} {output}×{input}: {relative}");
                let mut part = vec![0f32; input];
                quantised.widen(output - 1..output, &mut part);
                assert_eq!(part, back[(output - 1) * input..]);
            }
        }
    }

    #[test]
    fn zeros_and_constants_come_back_exactly_and_what_f16_cannot_scale_is_refused() {
        for format in WeightFormat::ALL.into_iter().filter(|format| format.is_quantised()) {
            let mut back = vec![1f32; 512];
            quantised(format, &[0.0; 512], 2, 256).widen(0..2, &mut back);
            assert!(back.iter().all(|x| *x == 0.0), "{format}");
            let constant = [0.5f32; 256];
            let mut back = vec![0f32; 256];
            quantised(format, &constant, 1, 256).widen(0..1, &mut back);
            assert!(back.iter().all(|x| (x - 0.5).abs() < 0.005), "{format} {back:?}");
            let mut large = Quantised::empty(format, 20, 256).unwrap();
            let fill = |_: Range<usize>, out: &mut [f32]| {
                out.fill(1e9);
                Ok::<(), usize>(())
            };
            assert!(large.fill(0..1, fill, |row| row).is_err(), "{format}");
        }
    }
}

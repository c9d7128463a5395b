//! Products with quantised weights for processors with AVX-512 and its 8-bit dot products (VNNI); those in bf16 are in
//! `avx512_bf16.rs`.
//!
//! Straight from the form the weights are kept in, for any count of rows: lanes are the 16 interleaved rows of a quantised group
//! (see [`super::quantised`]), and four neighbouring activations meet them all in one instruction. Activations have a scale
//! for 32 of them; sums of 32 products are whole numbers, and exact. Every result is summed in an order that does not depend
//! on how many rows there are.
#![allow(unsafe_code)] // Vector instructions a processor may lack, and loads through pointers: see each block.

use super::columns::{Columns, by_columns};
use super::eight_bits::{EightBits, QUADS};
use super::quantised::{GROUP, K_MINIMA, K_SCALES, K_WEIGHTS, Q6_SCALES, Q6_SUB, Q6_WEIGHTS, Quantised, SUB};
use crate::precision::WeightFormat;
use std::arch::x86_64::*;
use std::sync::OnceLock;

/// Rows of `x` in a tile.
const TILE_Q: usize = 8;
/// Groups of a quantised matrix whose products are computed together, and pieces of 32 weights of each at a time: 9 to 17 KiB
/// of a group.
const GROUPS: usize = 4;
const PIECES: usize = 32;
/// Up to this many rows each group is read from front to back: memory decides.
const FEW_Q: usize = 32;

/// A sign that this processor has the instructions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx512(());

impl Avx512 {
    /// Asks the processor, once.
    pub(super) fn detect() -> Option<Self> {
        static FOUND: OnceLock<bool> = OnceLock::new();
        let found = FOUND.get_or_init(|| {
            is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512bf16")
                && is_x86_feature_detected!("avx512vnni")
        });
        found.then_some(Self(()))
    }

    /// Whether bf16 dot products are faster than f32 ones however many rows there are. Intel's processors take two cycles for
    /// one of them, on one port, and multiply twice as many pairs of f32 in that time (measured on the fourth generation of
    /// Xeon: 42 · 10⁹ pairs of bf16 a second on a core, 88 · 10⁹ of f32).
    pub(super) fn bf16_is_fastest(self) -> bool {
        static INTEL: OnceLock<bool> = OnceLock::new();
        !INTEL.get_or_init(|| {
            let maker = __cpuid(0);
            [maker.ebx, maker.edx, maker.ecx].map(u32::to_le_bytes).as_flattened() == b"GenuineIntel"
        })
    }

    /// `x` `[rows, input]`, in 8 bits, times the transpose of `w` `[output, input]` → `[rows, output]`.
    pub(super) fn quantised_product(self, x: &[f32], rows: usize, w: &Quantised) -> Vec<f32> {
        let (output, input) = w.dims();
        if rows == 0 || output == 0 || input == 0 {
            return vec![0f32; rows * output];
        }
        let x = EightBits::of(x, rows, input, w.padded());
        let size = w.group_bytes();
        let groups = if rows > FEW_Q { GROUPS } else { 1 };
        by_columns(rows, output, groups * GROUP, |first, y| {
            let bytes = &w.bytes()[first / GROUP * size..][..y.count().div_ceil(GROUP) * size];
            // SAFETY: as above.
            unsafe {
                match w.format() {
                    WeightFormat::Q8_0 => groups_product::<Q8>(bytes, size, &x, y),
                    WeightFormat::Q6K => groups_product::<Q6>(bytes, size, &x, y),
                    WeightFormat::Q5K => groups_product::<K<true>>(bytes, size, &x, y),
                    _ => groups_product::<K<false>>(bytes, size, &x, y),
                }
            }
        })
    }
}

/// How a format's group is read.
trait Format {
    /// Bytes of a block.
    const BLOCK: usize;
    /// Pieces of 32 weights of each row in a block.
    const SUBS: usize;
    /// Whether the two halves of 32 weights have scales of their own.
    const HALVES: bool;
    /// The weights of piece `sub`, as numbers without sign: 8 × 4 of each row.
    unsafe fn weights(block: *const u8, sub: usize) -> [__m512i; 8];
    /// Scales of the two halves (the second only if [`Format::HALVES`]), and what is added for each unit of the sum of
    /// activations in them.
    unsafe fn scales(block: *const u8, sub: usize) -> [[__m512; 2]; 2];
}

/// A scale in f16 of each of the 16 rows.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn halves(at: *const u8) -> __m512 {
    // SAFETY: the caller has 32 bytes at `at`.
    unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(at.cast())) }
}

/// A whole number of 8 bits without sign of each of the 16 rows.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn bytes(at: *const u8) -> __m512 {
    // SAFETY: the caller has 16 bytes at `at`.
    unsafe { _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(at.cast()))) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn load(at: *const u8) -> __m512i {
    // SAFETY: the caller has 64 bytes at `at`.
    unsafe { _mm512_loadu_si512(at.cast()) }
}

/// `q8_0`.
struct Q8;

impl Format for Q8 {
    const BLOCK: usize = GROUP * (2 + SUB);
    const SUBS: usize = 1;
    const HALVES: bool = false;

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    unsafe fn weights(block: *const u8, _: usize) -> [__m512i; 8] {
        let mut out = [_mm512_setzero_si512(); 8];
        for (i, out) in out.iter_mut().enumerate() {
            // SAFETY: a block has 8 · 64 bytes after its scales.
            *out = unsafe { load(block.add(2 * GROUP + 64 * i)) };
        }
        out
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    unsafe fn scales(block: *const u8, _: usize) -> [[__m512; 2]; 2] {
        // SAFETY: a block begins with 16 scales.
        let scale = unsafe { halves(block) };
        let added = _mm512_mul_ps(scale, _mm512_set1_ps(-128.0));
        [[scale, added], [scale, added]]
    }
}

/// `q4_k`, and `q5_k` if `FIVE`.
struct K<const FIVE: bool>;

impl<const FIVE: bool> Format for K<FIVE> {
    const BLOCK: usize = K_WEIGHTS + 8 * if FIVE { 320 } else { 256 };
    const SUBS: usize = 8;
    const HALVES: bool = false;

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    unsafe fn weights(block: *const u8, sub: usize) -> [__m512i; 8] {
        let low = _mm512_set1_epi8(15);
        let mut out = [_mm512_setzero_si512(); 8];
        // SAFETY: piece `sub < 8` of a block has 4 · 64 bytes, and 64 more if five bits are kept.
        unsafe {
            let piece = block.add(K_WEIGHTS + sub * if FIVE { 320 } else { 256 });
            for i in 0..4 {
                let both = load(piece.add(64 * i));
                out[i] = _mm512_and_si512(both, low);
                out[i + 4] = _mm512_and_si512(_mm512_srli_epi16::<4>(both), low);
            }
            if FIVE {
                let bits = load(piece.add(256));
                let fifth = _mm512_set1_epi8(16);
                let take = |shifted: __m512i| _mm512_and_si512(shifted, fifth);
                let fifths = [
                    take(_mm512_slli_epi16::<4>(bits)),
                    take(_mm512_slli_epi16::<3>(bits)),
                    take(_mm512_slli_epi16::<2>(bits)),
                    take(_mm512_slli_epi16::<1>(bits)),
                    take(bits),
                    take(_mm512_srli_epi16::<1>(bits)),
                    take(_mm512_srli_epi16::<2>(bits)),
                    take(_mm512_srli_epi16::<3>(bits)),
                ];
                for (out, fifth) in out.iter_mut().zip(fifths) {
                    *out = _mm512_or_si512(*out, fifth);
                }
            }
        }
        out
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    unsafe fn scales(block: *const u8, sub: usize) -> [[__m512; 2]; 2] {
        // SAFETY: a block begins with two f16 for each row, and then has 8 scales and 8 minima of a byte for each.
        unsafe {
            let scale = _mm512_mul_ps(halves(block), bytes(block.add(K_SCALES + sub * GROUP)));
            let minimum = _mm512_mul_ps(halves(block.add(2 * GROUP)), bytes(block.add(K_MINIMA + sub * GROUP)));
            let added = _mm512_sub_ps(_mm512_setzero_ps(), minimum);
            [[scale, added], [scale, added]]
        }
    }
}

/// `q6_k`.
struct Q6;

impl Format for Q6 {
    const BLOCK: usize = Q6_WEIGHTS + 8 * Q6_SUB;
    const SUBS: usize = 8;
    const HALVES: bool = true;

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    unsafe fn weights(block: *const u8, sub: usize) -> [__m512i; 8] {
        let (low, high) = (_mm512_set1_epi8(15), _mm512_set1_epi8(48));
        let mut out = [_mm512_setzero_si512(); 8];
        // SAFETY: piece `sub < 8` of a block has 6 · 64 bytes.
        unsafe {
            let piece = block.add(Q6_WEIGHTS + sub * Q6_SUB);
            for i in 0..4 {
                let both = load(piece.add(64 * i));
                out[i] = _mm512_and_si512(both, low);
                out[i + 4] = _mm512_and_si512(_mm512_srli_epi16::<4>(both), low);
            }
            for half in 0..2 {
                let bits = load(piece.add(256 + 64 * half));
                let pairs =
                    [_mm512_slli_epi16::<4>(bits), _mm512_slli_epi16::<2>(bits), bits, _mm512_srli_epi16::<2>(bits)];
                for (out, pair) in out[4 * half..].iter_mut().zip(pairs) {
                    *out = _mm512_or_si512(*out, _mm512_and_si512(pair, high));
                }
            }
        }
        out
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    unsafe fn scales(block: *const u8, sub: usize) -> [[__m512; 2]; 2] {
        // SAFETY: a block begins with 16 scales in f16, and then has 16 of a byte for each row.
        unsafe {
            let whole = halves(block);
            let mut out = [[whole; 2]; 2];
            for (half, out) in out.iter_mut().enumerate() {
                let steps = _mm_loadu_si128(block.add(Q6_SCALES + (2 * sub + half) * GROUP).cast());
                let scale = _mm512_mul_ps(whole, _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(steps)));
                *out = [scale, _mm512_mul_ps(scale, _mm512_set1_ps(-32.0))];
            }
            out
        }
    }
}

/// Some groups, of `size` bytes each, against all rows: [`PIECES`] of the sums at a time, so that those of a group stay in the
/// nearest cache while the rows pass, and those of the rows in the next one while the groups do.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn groups_product<F: Format>(groups: &[u8], size: usize, x: &EightBits, y: &mut Columns<'_>) {
    let whole = size / F::BLOCK;
    let blocks = if x.rows > FEW_Q { PIECES / F::SUBS } else { whole };
    for start in (0..whole).step_by(blocks.max(1)) {
        for (group, bytes) in groups.chunks_exact(size).enumerate() {
            let bytes = &bytes[start * F::BLOCK..((start + blocks) * F::BLOCK).min(size)];
            let part = Part { bytes, piece: start * F::SUBS, column: group * GROUP };
            let mut row = 0;
            while row < x.rows {
                row += match x.rows - row {
                    TILE_Q.. => group_tile::<F, TILE_Q>(&part, x, row, y),
                    4.. => group_tile::<F, 4>(&part, x, row, y),
                    2.. => group_tile::<F, 2>(&part, x, row, y),
                    _ => group_tile::<F, 1>(&part, x, row, y),
                };
            }
        }
    }
}

/// Some blocks of a group.
struct Part<'a> {
    bytes: &'a [u8],
    /// The first of their pieces of 32 weights.
    piece: usize,
    /// The group's first column.
    column: usize,
}

/// Adds the products of a part of a group with `M` rows from `first` on; gives back `M`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn group_tile<F: Format, const M: usize>(part: &Part<'_>, x: &EightBits, first: usize, y: &mut Columns<'_>) -> usize {
    let pieces = part.bytes.len() / F::BLOCK * F::SUBS;
    assert!(part.piece + pieces <= x.blocks && first + M <= x.rows);
    assert!(x.numbers.len() >= x.rows * x.blocks * QUADS && x.factors.len() >= x.rows * x.blocks);
    let count = (y.count() - part.column).min(GROUP);
    let lanes = u16::MAX >> (GROUP - count);
    let mut sums = [_mm512_setzero_ps(); M];
    if part.piece > 0 {
        for (m, sum) in sums.iter_mut().enumerate() {
            let row = &y.row(first + m)[part.column..][..count];
            // SAFETY: `row` has the `count` numbers of the lanes that are read.
            *sum = unsafe { _mm512_maskz_loadu_ps(lanes, row.as_ptr()) };
        }
    }
    for (block, bytes) in part.bytes.chunks_exact(F::BLOCK).enumerate() {
        for sub in 0..F::SUBS {
            let piece = part.piece + block * F::SUBS + sub;
            // SAFETY: `bytes` is a whole block, and `sub` one of its pieces. `piece < part.piece + pieces ≤ x.blocks`, so that
            // each of the rows, which are rows of `x` by the assertion, has eight quads and one set of factors there.
            unsafe {
                let weights = F::weights(bytes.as_ptr(), sub);
                let scales = F::scales(bytes.as_ptr(), sub);
                let mut dots = [[_mm512_setzero_si512(); M]; 2];
                for (i, weights) in weights.into_iter().enumerate() {
                    let half = if F::HALVES { i / 4 } else { 0 };
                    for (m, dot) in dots[half].iter_mut().enumerate() {
                        let quad = *x.numbers.get_unchecked(((first + m) * x.blocks + piece) * QUADS + i);
                        *dot = _mm512_dpbusd_epi32(*dot, weights, _mm512_set1_epi32(quad));
                    }
                }
                for (m, sum) in sums.iter_mut().enumerate() {
                    let [scale, low, high, all] = *x.factors.get_unchecked((first + m) * x.blocks + piece);
                    let mut add = |half: usize, part: f32| {
                        let [by, added] = scales[half];
                        let by = _mm512_mul_ps(by, _mm512_set1_ps(scale));
                        *sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[half][m]), by, *sum);
                        *sum = _mm512_fmadd_ps(added, _mm512_set1_ps(part), *sum);
                    };
                    if F::HALVES {
                        add(0, low);
                        add(1, high);
                    } else {
                        add(0, all);
                    }
                }
            }
        }
    }
    for (m, sum) in sums.into_iter().enumerate() {
        let row = &mut y.row(first + m)[part.column..][..count];
        // SAFETY: `row` has the `count` numbers of the lanes that are written.
        unsafe { _mm512_mask_storeu_ps(row.as_mut_ptr(), lanes, sum) };
    }
    M
}

#[cfg(test)]
mod tests {
    use super::super::quantised::tests::{numbers, quantised};
    use super::super::twin;
    use super::*;

    /// Said where a processor lacks the instructions: then there is nothing to test.
    fn detected() -> Option<Avx512> {
        let found = Avx512::detect();
        if found.is_none() {
            eprintln!("skipped: this processor has no AVX-512 with bf16 and VNNI");
        }
        found
    }

    #[test]
    fn products_of_quantised_weights_equal_sums_of_what_they_stand_for() {
        let Some(avx512) = detected() else { return };
        twin::check_quantised(|x, rows, w| avx512.quantised_product(x, rows, w));
    }

    /// However many rows are computed at once, each has the same result, to the last bit.
    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        let Some(avx512) = detected() else { return };
        let (rows, input, output) = (43, 1100, 75);
        let (x, w) = (numbers(rows * input, 1), numbers(output * input, 2));
        for format in WeightFormat::ALL.into_iter().filter(|format| format.is_quantised()) {
            let w = quantised(format, &w, output, input);
            twin::rows_alone(&x, rows, output, |x, rows| avx512.quantised_product(x, rows, &w));
        }
    }
}

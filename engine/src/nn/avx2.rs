//! Products for processors with AVX2, in 8 bits: most of those that are in use, AVX-512 or not.
//!
//! As the 8-bit loop of [`super::avx512`], with 8 of a group's 16 interleaved rows in a register, and without its dot product:
//! neighbouring products are added in pairs in 16 bits. With weights of up to 6 bits several such sums fit into 16 bits
//! before they have to be widened; how many is what makes narrow formats fast here. Sums of 32 products are whole numbers,
//! and exact.
//!
//! Every result is summed in an order that does not depend on how many rows there are.
#![allow(unsafe_code)] // Vector instructions a processor may lack, and loads through pointers: see each block.

use super::columns::{Columns, by_columns};
use super::eight_bits::{EightBits, QUADS};
use super::quantised::{GROUP, K_MINIMA, K_SCALES, K_WEIGHTS, Q6_SCALES, Q6_SUB, Q6_WEIGHTS, Quantised, SUB};
use crate::precision::WeightFormat;
use std::arch::x86_64::*;
use std::sync::OnceLock;

/// Rows of `x` in a tile: with two registers for each, and what they are multiplied with, they fill the 16 there are.
const TILE: usize = 4;

/// Eight numbers of each half of a group's rows.
type Both = [__m256; 2];

/// A sign that this processor has the instructions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    /// Asks the processor, once.
    pub(super) fn detect() -> Option<Self> {
        static FOUND: OnceLock<bool> = OnceLock::new();
        let found = FOUND.get_or_init(|| {
            is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
        });
        found.then_some(Self(()))
    }

    /// `x` `[rows, input]`, in 8 bits, times the transpose of `w` `[output, input]` → `[rows, output]`.
    pub(super) fn quantised_product(self, x: &[f32], rows: usize, w: &Quantised) -> Vec<f32> {
        let (output, input) = w.dims();
        if rows == 0 || output == 0 || input == 0 {
            return vec![0f32; rows * output];
        }
        let x = EightBits::of(x, rows, input, w.padded());
        let size = w.group_bytes();
        by_columns(rows, output, GROUP, |first, y| {
            let bytes = &w.bytes()[first / GROUP * size..][..size];
            // SAFETY: `self` shows that the processor has the instructions.
            unsafe {
                match w.format() {
                    WeightFormat::Q8_0 => group_product::<Q8>(bytes, &x, y),
                    WeightFormat::Q6K => group_product::<Q6>(bytes, &x, y),
                    WeightFormat::Q5K => group_product::<K<true>>(bytes, &x, y),
                    _ => group_product::<K<false>>(bytes, &x, y),
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
    /// Pieces with a scale of their own in those 32.
    const SCALED: usize;
    /// Sums of two products that fit into 16 bits together.
    const AT_ONCE: usize;
    /// Whether weights come with their sign; otherwise something is added for the sum of activations.
    const SIGNED: bool;
    /// The weights of piece `sub`: 8 × 4 of each row.
    unsafe fn weights(block: *const u8, sub: usize) -> [[__m256i; 2]; QUADS];
    /// The scales of part `part` of piece `sub`, and what is added for each unit of the sum of activations in it.
    unsafe fn scales(block: *const u8, sub: usize, part: usize) -> [Both; 2];
}

/// A scale in f16 of each of the 16 rows.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn halves(at: *const u8) -> Both {
    // SAFETY: the caller has 32 bytes at `at`.
    unsafe { [_mm256_cvtph_ps(_mm_loadu_si128(at.cast())), _mm256_cvtph_ps(_mm_loadu_si128(at.add(16).cast()))] }
}

/// A whole number of 8 bits of each of the 16 rows, without sign or with.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn steps<const SIGN: bool>(at: *const u8) -> Both {
    // SAFETY: the caller has 16 bytes at `at`.
    let all = unsafe { _mm_loadu_si128(at.cast()) };
    [all, _mm_unpackhi_epi64(all, all)]
        .map(|bytes| _mm256_cvtepi32_ps(if SIGN { _mm256_cvtepi8_epi32(bytes) } else { _mm256_cvtepu8_epi32(bytes) }))
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn times(a: Both, b: Both) -> Both {
    [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])]
}

/// Four weights of each row, or eight of half as many bits.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn load(at: *const u8) -> [__m256i; 2] {
    // SAFETY: the caller has 64 bytes at `at`.
    unsafe { [_mm256_loadu_si256(at.cast()), _mm256_loadu_si256(at.add(32).cast())] }
}

/// `q8_0`.
struct Q8;

impl Format for Q8 {
    const BLOCK: usize = GROUP * (2 + SUB);
    const SUBS: usize = 1;
    const SCALED: usize = 1;
    // 2 · 128 · 127 fits once.
    const AT_ONCE: usize = 1;
    const SIGNED: bool = true;

    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn weights(block: *const u8, _: usize) -> [[__m256i; 2]; QUADS] {
        let sign = _mm256_set1_epi8(-128);
        let mut out = [[_mm256_setzero_si256(); 2]; QUADS];
        for (i, out) in out.iter_mut().enumerate() {
            // SAFETY: a block has 8 · 64 bytes after its scales.
            let stored = unsafe { load(block.add(2 * GROUP + 64 * i)) };
            *out = [_mm256_xor_si256(stored[0], sign), _mm256_xor_si256(stored[1], sign)];
        }
        out
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn scales(block: *const u8, _: usize, _: usize) -> [Both; 2] {
        // SAFETY: a block begins with 16 scales.
        [unsafe { halves(block) }, [_mm256_setzero_ps(); 2]]
    }
}

/// Two numbers of 4 bits in each byte, the low ones first.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn nibbles(piece: *const u8) -> [[__m256i; 2]; QUADS] {
    let low = _mm256_set1_epi8(15);
    let mut out = [[_mm256_setzero_si256(); 2]; QUADS];
    for i in 0..4 {
        // SAFETY: the caller has 4 · 64 bytes at `piece`.
        let both = unsafe { load(piece.add(64 * i)) };
        for (side, both) in both.into_iter().enumerate() {
            out[i][side] = _mm256_and_si256(both, low);
            out[i + 4][side] = _mm256_and_si256(_mm256_srli_epi16::<4>(both), low);
        }
    }
    out
}

/// `q4_k`, and `q5_k` if `FIVE`.
struct K<const FIVE: bool>;

impl<const FIVE: bool> Format for K<FIVE> {
    const BLOCK: usize = K_WEIGHTS + 8 * if FIVE { 320 } else { 256 };
    const SUBS: usize = 8;
    const SCALED: usize = 1;
    // 8 · 2 · 15 · 127 and 4 · 2 · 31 · 127 are below 2¹⁵.
    const AT_ONCE: usize = if FIVE { 4 } else { 8 };
    const SIGNED: bool = false;

    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn weights(block: *const u8, sub: usize) -> [[__m256i; 2]; QUADS] {
        // SAFETY: piece `sub < 8` of a block has 4 · 64 bytes, and 64 more if five bits are kept.
        unsafe {
            let piece = block.add(K_WEIGHTS + sub * if FIVE { 320 } else { 256 });
            let mut out = nibbles(piece);
            if FIVE {
                let fifth = _mm256_set1_epi8(16);
                for (side, bits) in load(piece.add(256)).into_iter().enumerate() {
                    let shifted = [
                        _mm256_slli_epi16::<4>(bits),
                        _mm256_slli_epi16::<3>(bits),
                        _mm256_slli_epi16::<2>(bits),
                        _mm256_slli_epi16::<1>(bits),
                        bits,
                        _mm256_srli_epi16::<1>(bits),
                        _mm256_srli_epi16::<2>(bits),
                        _mm256_srli_epi16::<3>(bits),
                    ];
                    for (out, shifted) in out.iter_mut().zip(shifted) {
                        out[side] = _mm256_or_si256(out[side], _mm256_and_si256(shifted, fifth));
                    }
                }
            }
            out
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn scales(block: *const u8, sub: usize, _: usize) -> [Both; 2] {
        // SAFETY: a block begins with two f16 for each row, and then has 8 scales and 8 minima of a byte for each.
        unsafe {
            let scale = times(halves(block), steps::<false>(block.add(K_SCALES + sub * GROUP)));
            let minimum = times(halves(block.add(2 * GROUP)), steps::<false>(block.add(K_MINIMA + sub * GROUP)));
            [scale, minimum.map(|minimum| _mm256_sub_ps(_mm256_setzero_ps(), minimum))]
        }
    }
}

/// `q6_k`.
struct Q6;

impl Format for Q6 {
    const BLOCK: usize = Q6_WEIGHTS + 8 * Q6_SUB;
    const SUBS: usize = 8;
    const SCALED: usize = 2;
    // 2 · 2 · 63 · 127 is below 2¹⁵.
    const AT_ONCE: usize = 2;
    const SIGNED: bool = false;

    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn weights(block: *const u8, sub: usize) -> [[__m256i; 2]; QUADS] {
        let high = _mm256_set1_epi8(48);
        // SAFETY: piece `sub < 8` of a block has 6 · 64 bytes.
        unsafe {
            let piece = block.add(Q6_WEIGHTS + sub * Q6_SUB);
            let mut out = nibbles(piece);
            for half in 0..2 {
                for (side, bits) in load(piece.add(256 + 64 * half)).into_iter().enumerate() {
                    let pairs = [
                        _mm256_slli_epi16::<4>(bits),
                        _mm256_slli_epi16::<2>(bits),
                        bits,
                        _mm256_srli_epi16::<2>(bits),
                    ];
                    for (out, pair) in out[4 * half..].iter_mut().zip(pairs) {
                        out[side] = _mm256_or_si256(out[side], _mm256_and_si256(pair, high));
                    }
                }
            }
            out
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn scales(block: *const u8, sub: usize, part: usize) -> [Both; 2] {
        // SAFETY: a block begins with 16 scales in f16, and then has 16 of a byte for each row.
        unsafe {
            let scale = times(halves(block), steps::<true>(block.add(Q6_SCALES + (2 * sub + part) * GROUP)));
            [scale, times(scale, [_mm256_set1_ps(-32.0); 2])]
        }
    }
}

/// One group against all rows.
#[target_feature(enable = "avx2,fma,f16c")]
fn group_product<F: Format>(group: &[u8], x: &EightBits, y: &mut Columns<'_>) {
    let mut row = 0;
    while row < x.rows {
        match x.rows - row {
            TILE.. => group_tile::<F, TILE>(group, x, row, y),
            3 => group_tile::<F, 3>(group, x, row, y),
            2 => group_tile::<F, 2>(group, x, row, y),
            _ => group_tile::<F, 1>(group, x, row, y),
        }
        row += TILE;
    }
}

/// One group against `M` rows from `first` on.
#[target_feature(enable = "avx2,fma,f16c")]
fn group_tile<F: Format, const M: usize>(group: &[u8], x: &EightBits, first: usize, y: &mut Columns<'_>) {
    let pieces = group.len() / F::BLOCK * F::SUBS;
    assert!(pieces <= x.blocks && first + M <= x.rows);
    assert!(x.numbers.len() >= x.rows * x.blocks * QUADS && x.factors.len() >= x.rows * x.blocks);
    let ones = _mm256_set1_epi16(1);
    let in_part = QUADS / F::SCALED;
    let mut sums = [[_mm256_setzero_ps(); 2]; M];
    for (block, bytes) in group.chunks_exact(F::BLOCK).enumerate() {
        for sub in 0..F::SUBS {
            let piece = block * F::SUBS + sub;
            // SAFETY: `bytes` is a whole block, `sub` one of its pieces and `part` one of its scales. `piece < pieces ≤
            // x.blocks`, so that each of the rows, which are rows of `x` by the assertion, has eight quads and one set of
            // factors there.
            unsafe {
                let weights = F::weights(bytes.as_ptr(), sub);
                for part in 0..F::SCALED {
                    let mut dots = [[_mm256_setzero_si256(); 2]; M];
                    for some in 0..in_part / F::AT_ONCE {
                        let mut pairs = [[_mm256_setzero_si256(); 2]; M];
                        for next in 0..F::AT_ONCE {
                            let quad = part * in_part + some * F::AT_ONCE + next;
                            for (m, pairs) in pairs.iter_mut().enumerate() {
                                let at = ((first + m) * x.blocks + piece) * QUADS + quad;
                                let four = _mm256_set1_epi32(*x.numbers.get_unchecked(at));
                                for (pairs, weights) in pairs.iter_mut().zip(weights[quad]) {
                                    let products = if F::SIGNED {
                                        _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(four, weights))
                                    } else {
                                        _mm256_maddubs_epi16(weights, four)
                                    };
                                    *pairs = _mm256_add_epi16(*pairs, products);
                                }
                            }
                        }
                        for (dots, pairs) in dots.iter_mut().zip(pairs) {
                            for (dot, pairs) in dots.iter_mut().zip(pairs) {
                                *dot = _mm256_add_epi32(*dot, _mm256_madd_epi16(pairs, ones));
                            }
                        }
                    }
                    let [scales, added] = F::scales(bytes.as_ptr(), sub, part);
                    for (m, (sums, dots)) in sums.iter_mut().zip(dots).enumerate() {
                        let [scale, low, high, all] = *x.factors.get_unchecked((first + m) * x.blocks + piece);
                        let scale = _mm256_set1_ps(scale);
                        let total = _mm256_set1_ps(if F::SCALED == 1 { all } else { [low, high][part] });
                        for (side, (sum, dot)) in sums.iter_mut().zip(dots).enumerate() {
                            let by = _mm256_mul_ps(scales[side], scale);
                            *sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), by, *sum);
                            if !F::SIGNED {
                                *sum = _mm256_fmadd_ps(added[side], total, *sum);
                            }
                        }
                    }
                }
            }
        }
    }
    for (m, sums) in sums.into_iter().enumerate() {
        let mut lanes = [0f32; GROUP];
        // SAFETY: `lanes` has room for two times eight numbers.
        unsafe {
            _mm256_storeu_ps(lanes.as_mut_ptr(), sums[0]);
            _mm256_storeu_ps(lanes.as_mut_ptr().add(8), sums[1]);
        }
        let row = y.row(first + m);
        let wanted = row.len();
        row.copy_from_slice(&lanes[..wanted]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::quantised::tests::{numbers, quantised};
    use super::super::twin;
    use super::*;

    /// Said where a processor lacks the instructions: then there is nothing to test.
    fn detected() -> Option<Avx2> {
        let found = Avx2::detect();
        if found.is_none() {
            eprintln!("skipped: this processor has no AVX2 with FMA and F16C");
        }
        found
    }

    #[test]
    fn products_of_quantised_weights_equal_sums_of_what_they_stand_for() {
        let Some(avx2) = detected() else { return };
        twin::check_quantised(|x, rows, w| avx2.quantised_product(x, rows, w));
    }

    /// However many rows are computed at once, each has the same result, to the last bit.
    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        let Some(avx2) = detected() else { return };
        let (rows, input, output) = (23, 200, 75);
        let (x, w) = (numbers(rows * input, 1), numbers(output * input, 2));
        for format in WeightFormat::ALL.into_iter().filter(|format| format.is_quantised()) {
            let w = quantised(format, &w, output, input);
            twin::rows_alone(&x, rows, output, |x, rows| avx2.quantised_product(x, rows, &w));
        }
    }
}

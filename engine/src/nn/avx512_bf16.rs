//! Products in bf16 for processors with AVX-512 and its bf16 dot products: activations are rounded to bf16 once, sums are f32.
//!
//! **Few rows** are multiplied straight from the kept form, lanes along a row. A tile of up to 6 rows of `x` and 4 rows of `W`
//! is summed in 24 registers; nothing is repacked. The tile's rows of `x` stay in the nearest cache while a panel of `W` in the
//! next one passes, so that each weight comes from memory once. **Many rows** go through the panels of
//! [`super::avx512_many`], a pair of neighbouring numbers in a word, so that no lanes are summed with one another.
//!
//! Of each of the two, a result is summed in an order that does not depend on how many rows there are.
#![allow(unsafe_code)] // Vector instructions a processor may lack, and loads through pointers: see each block.

use super::avx512::Avx512;
use super::avx512_many::{AHEAD, DEPTH, LANES, PANEL, Place, ROWS, Words, first_lanes, many_rows, tile};
use super::columns::{Columns, by_columns};
use super::finish::Finish;
use half::bf16;
use rayon::prelude::*;
use std::arch::x86_64::*;

/// Numbers of a row that one instruction takes.
const WIDE: usize = 32;
/// Rows of `x` and of `W` in a tile of few rows.
const TILE_X: usize = 6;
const TILE_W: usize = 4;
/// Bytes of `W` that few rows pass at a time: part of a second-level cache.
const AT_ONCE: usize = 256 << 10;

impl Avx512 {
    /// Few rows of `x` `[rows, input]` times the transpose of `w` `[output, input]` → `[rows, output]`.
    pub(super) fn bf16_few_rows(self, x: &[f32], rows: usize, w: &[bf16], input: usize) -> Vec<f32> {
        let output = w.len().checked_div(input).unwrap_or(0);
        if rows == 0 || output == 0 {
            return vec![0f32; rows * output];
        }
        let (x, padded) = self.rounded(x, rows, input);
        let panel = (AT_ONCE / (2 * input)).clamp(TILE_W, 256).next_multiple_of(TILE_W);
        by_columns(rows, output, panel, |first, y| {
            let w = &w[first * input..(first + y.count()) * input];
            // SAFETY: `self` shows that the processor has the instructions.
            unsafe { bf16_panel(&x, padded, w, input, y) }
        })
    }

    /// Many rows of `x` `[rows, input]` times the transpose of `w` `[output, input]`, finished → `[rows, output]`.
    pub(super) fn bf16_many_rows(
        self,
        x: &[f32],
        rows: usize,
        w: &[bf16],
        input: usize,
        finish: Finish<'_>,
    ) -> Vec<f32> {
        let output = w.len().checked_div(input).unwrap_or(0);
        // SAFETY: `self` shows that the processor has the instructions.
        unsafe { many_rows::<Pairs>(x, [rows, input, output], finish, |take| take(w)) }
    }

    /// `x` `[rows, input]` in bf16, each row filled up with zeros to a multiple of [`WIDE`], which is the second result.
    fn rounded(self, x: &[f32], rows: usize, input: usize) -> (Vec<bf16>, usize) {
        let padded = input.next_multiple_of(WIDE);
        let mut rounded = vec![bf16::ZERO; rows * padded];
        rounded.par_chunks_mut(padded).zip(x.par_chunks(input)).for_each(|(to, from)| {
            // SAFETY: `self` shows that the processor has the instructions.
            unsafe { round_row(from, to) }
        });
        (rounded, padded)
    }
}

/// Two neighbouring numbers in bf16 in a word.
struct Pairs;

impl Words for Pairs {
    type Weight = bf16;
    const NUMBERS: usize = 2;

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn words(from: &[bf16]) -> __m512 {
        let mask = u32::MAX.checked_shr(32 - from.len().min(WIDE) as u32).unwrap_or(0);
        // SAFETY: as many numbers are read as there are, and at most 32.
        _mm512_castsi512_ps(unsafe { _mm512_maskz_loadu_epi16(mask, from.as_ptr().cast()) })
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    unsafe fn activations(from: &[f32]) -> __m512 {
        // SAFETY: as many numbers are read as there are, and at most 32. Both kinds of vectors have one size.
        unsafe {
            let low = _mm512_maskz_loadu_ps(first_lanes(from.len()), from.as_ptr());
            let left = from.len().saturating_sub(LANES);
            let high = _mm512_maskz_loadu_ps(first_lanes(left), from.as_ptr().wrapping_add(LANES));
            std::mem::transmute::<__m512bh, __m512>(_mm512_cvtne2ps_pbh(high, low))
        }
    }

    #[target_feature(enable = "avx512f,avx512bf16")]
    unsafe fn tile<const M: usize>(x: &[f32], panel: &[f32], depth: usize, place: &Place, y: &mut Columns<'_>) {
        place.fetch(y);
        let sums: [[__m512; 2]; M] = tile!(x, panel, depth, (m, k) => k * ROWS + m, (sum, word, column) => {
            let (word, column) = (_mm512_castps_si512(word), _mm512_castps_si512(column));
            _mm512_dpbf16_ps(sum, std::mem::transmute::<__m512i, __m512bh>(word), std::mem::transmute::<__m512i, __m512bh>(column))
        });
        place.put(y, &sums);
    }
}

/// Rounds `from` to bf16, to nearest even; what `to` is longer stays as it is.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn round_row(from: &[f32], to: &mut [bf16]) {
    let (blocks, rest) = from.as_chunks::<16>();
    for (from, to) in blocks.iter().zip(to.as_chunks_mut::<16>().0) {
        // SAFETY: both are references to as many numbers as are read and written; the two vectors have one size.
        unsafe {
            let rounded = _mm512_cvtneps_pbh(_mm512_loadu_ps(from.as_ptr()));
            _mm256_storeu_si256(to.as_mut_ptr().cast(), std::mem::transmute::<__m256bh, __m256i>(rounded));
        }
    }
    let done = blocks.len() * 16;
    for (to, from) in to[done..].iter_mut().zip(rest) {
        *to = bf16::from_f32(*from);
    }
}

/// `x` `[·, padded]` against a panel `w` `[columns, input]`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
fn bf16_panel(x: &[bf16], padded: usize, w: &[bf16], input: usize, y: &mut Columns<'_>) {
    for (tile, x) in x.chunks(TILE_X * padded).enumerate() {
        let row = tile * TILE_X;
        match x.len() / padded {
            6 => bf16_rows::<6>(x, padded, w, input, y, row),
            5 => bf16_rows::<5>(x, padded, w, input, y, row),
            4 => bf16_rows::<4>(x, padded, w, input, y, row),
            3 => bf16_rows::<3>(x, padded, w, input, y, row),
            2 => bf16_rows::<2>(x, padded, w, input, y, row),
            _ => bf16_rows::<1>(x, padded, w, input, y, row),
        }
    }
}

/// `M` rows of `x` against all of the panel; the first of them is `row`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
fn bf16_rows<const M: usize>(x: &[bf16], padded: usize, w: &[bf16], input: usize, y: &mut Columns<'_>, row: usize) {
    let whole = y.count() / TILE_W * TILE_W;
    for first in (0..whole).step_by(TILE_W) {
        let w = &w[first * input..(first + TILE_W) * input];
        let sums = bf16_tile::<M, TILE_W>(x, padded, w, input);
        for (m, sums) in sums.iter().enumerate() {
            y.row(row + m)[first..first + TILE_W].copy_from_slice(&sum_each(sums));
        }
    }
    for first in whole..y.count() {
        let sums = bf16_tile::<M, 1>(x, padded, &w[first * input..(first + 1) * input], input);
        for (m, [sum]) in sums.iter().enumerate() {
            let zero = _mm512_setzero_ps();
            y.row(row + m)[first] = sum_each(&[*sum, zero, zero, zero])[0];
        }
    }
}

/// Lanes of the products of `M` rows of `x` with `N` rows of `w`, each still to be summed.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
fn bf16_tile<const M: usize, const N: usize>(x: &[bf16], padded: usize, w: &[bf16], input: usize) -> [[__m512; N]; M] {
    assert!(x.len() >= M * padded && w.len() >= N * input && padded >= input && padded.is_multiple_of(WIDE));
    let mut sums = [[_mm512_setzero_ps(); N]; M];
    let whole = input / WIDE;
    for step in 0..whole {
        let at = step * WIDE;
        // SAFETY: `at + 32 ≤ input ≤ padded`, so that row `n < N` of `w` and row `m < M` of `x` hold the 32 numbers from
        // `at` on, by the lengths asserted above. Vectors of bf16 and of whole numbers have one size.
        unsafe {
            let mut ws = [_mm512_setzero_si512(); N];
            for (n, vector) in ws.iter_mut().enumerate() {
                // The same place in the next tile, which is further than a processor fetches ahead by itself. Where it is not
                // within the matrix nothing happens.
                _mm_prefetch::<_MM_HINT_T0>(w.as_ptr().wrapping_add((n + N) * input + at).cast());
                *vector = _mm512_loadu_si512(w.as_ptr().add(n * input + at).cast());
            }
            for (m, sums) in sums.iter_mut().enumerate() {
                let x: __m512bh = std::mem::transmute(_mm512_loadu_si512(x.as_ptr().add(m * padded + at).cast()));
                for (sum, w) in sums.iter_mut().zip(ws) {
                    *sum = _mm512_dpbf16_ps(*sum, x, std::mem::transmute::<__m512i, __m512bh>(w));
                }
            }
        }
    }
    let rest = input - whole * WIDE;
    if rest > 0 {
        let (at, mask) = (whole * WIDE, (1u32 << rest) - 1);
        for (m, sums) in sums.iter_mut().enumerate() {
            for (n, sum) in sums.iter_mut().enumerate() {
                // SAFETY: `padded` is a multiple of 32 above `at`, so that `x` holds 32 numbers there; of `w` only the
                // `rest` that are left of its row are read.
                unsafe {
                    let x: __m512bh = std::mem::transmute(_mm512_loadu_si512(x.as_ptr().add(m * padded + at).cast()));
                    let w = _mm512_maskz_loadu_epi16(mask, w.as_ptr().add(n * input + at).cast());
                    *sum = _mm512_dpbf16_ps(*sum, x, std::mem::transmute::<__m512i, __m512bh>(w));
                }
            }
        }
    }
    sums
}

/// The sum of the lanes of each vector.
#[inline]
#[target_feature(enable = "avx512f,avx512vl,avx512dq")]
fn sum_each(sums: &[__m512; 4]) -> [f32; 4] {
    let [a, b, c, d] = *sums;
    let ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    let cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    let low = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd)));
    let high = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd)));
    let all = _mm512_add_ps(low, high);
    let half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps::<1>(all));
    let quarter = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps::<1>(half));
    let mut out = [0f32; 4];
    // SAFETY: `out` has room for the four numbers.
    unsafe { _mm_storeu_ps(out.as_mut_ptr(), quarter) };
    out
}

#[cfg(test)]
mod tests {
    use super::super::quantised::tests::numbers;
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

    fn halves(numbers: &[f32]) -> Vec<bf16> {
        numbers.iter().map(|number| bf16::from_f32(*number)).collect()
    }

    #[test]
    fn products_equal_sums_of_rounded_numbers() {
        let Some(avx512) = detected() else { return };
        // Beside the others, sums that need more than one layout of weights.
        for (rows, input, output) in twin::shapes().into_iter().chain([(14, 2111, 33), (3, 1025, 2)]) {
            let x = numbers(rows * input, 3);
            let w = halves(&numbers(output * input, 5));
            let rounded: Vec<f64> = x.iter().map(|x| bf16::from_f32(*x).to_f64()).collect();
            let wide: Vec<f64> = w.iter().map(|w| w.to_f64()).collect();
            let (exact, scale) = twin::plain(&rounded, &wide, input);
            let what = format!("{rows}×{input}×{output}");
            twin::close(&avx512.bf16_few_rows(&x, rows, &w, input), &exact, &scale, &what);
            twin::close(&avx512.bf16_many_rows(&x, rows, &w, input, Finish::default()), &exact, &scale, &what);
        }
    }

    /// However many rows are computed at once, each has the same result, to the last bit.
    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        let Some(avx512) = detected() else { return };
        let (rows, input, output) = (43, 1100, 75);
        let (x, w) = (numbers(rows * input, 1), halves(&numbers(output * input, 2)));
        twin::rows_alone(&x, rows, output, |x, rows| avx512.bf16_few_rows(x, rows, &w, input));
        let finish = Finish::default();
        twin::rows_alone(&x, rows, output, |x, rows| avx512.bf16_many_rows(x, rows, &w, input, finish));
    }
}

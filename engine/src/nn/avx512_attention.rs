//! Attention without a mask for processors with AVX-512 and its bf16 dot products: what encoders compute.
//!
//! Each task has one head. Its keys and values are rounded to bf16 and laid out once, two neighbouring numbers of a sum side by
//! side, so that lanes are keys in the first product and columns of the values in the second: nothing is summed across
//! lanes. Six queries at a time then go through scores, softmax (in f32) and mixture within the nearest caches; no matrix of
//! scores is ever in memory.
#![allow(unsafe_code)] // Vector instructions a processor may lack, and loads through pointers: see each block.

use super::activation::exp;
use super::avx512::{Avx512, round_row};
use super::columns::{Columns, by_columns};
use super::host::sum;
use super::softmax::maximum;
use half::bf16;
use std::arch::x86_64::*;

/// Queries at a time.
const QUERIES: usize = 6;
/// Numbers in a register.
const LANES: usize = 16;
/// Registers of lanes in a tile.
const WIDE: usize = 4;

/// Rows of numbers that need not lie one right after the other.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    numbers: &'a [f32],
    stride: usize,
}

impl<'a> Rows<'a> {
    /// Rows that begin every `stride` numbers.
    pub(super) fn new(numbers: &'a [f32], stride: usize) -> Self {
        Self { numbers, stride }
    }

    fn part(self, row: usize, first: usize, width: usize) -> &'a [f32] {
        &self.numbers[row * self.stride + first..][..width]
    }
}

/// Pairs of numbers that are added up together, `[pairs, width]`: the `B` of a product.
struct Pairs {
    numbers: Vec<u32>,
    width: usize,
}

impl Avx512 {
    /// Attention of all `n` rows of `q` over those of `k` and `v`, each `[n, heads · width]` with the heads side by side
    /// → `[n, heads · width]`. Queries, keys, values and probabilities are rounded to bf16.
    pub(super) fn attention(self, [q, k, v]: [Rows<'_>; 3], n: usize, heads: usize, width: usize) -> Vec<f32> {
        by_columns(n, heads * width, width, |first, y| {
            // SAFETY: `self` shows that the processor has the instructions.
            unsafe { one_head([q, k, v], n, first, y) }
        })
    }
}

/// The head whose columns begin at `first`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
fn one_head([q, k, v]: [Rows<'_>; 3], n: usize, first: usize, y: &mut Columns<'_>) {
    let width = y.count();
    let (keys, values) = (keys(k, n, first, width), values(v, n, first, width));
    let scale = (width as f32).powf(-0.5);
    let inner = width.next_multiple_of(2);
    let mut scaled = vec![0f32; width];
    let mut queries = vec![bf16::ZERO; QUERIES * inner];
    let mut scores = vec![0f32; QUERIES * keys.width];
    let mut weights = vec![bf16::ZERO; QUERIES * keys.width];
    let mut mixed = vec![0f32; QUERIES * values.width];
    for row in (0..n).step_by(QUERIES) {
        let count = QUERIES.min(n - row);
        for (m, rounded) in queries.chunks_exact_mut(inner).take(count).enumerate() {
            scaled.iter_mut().zip(q.part(row + m, first, width)).for_each(|(scaled, q)| *scaled = q * scale);
            round_row(&scaled, rounded);
        }
        product(&queries[..count * inner], &keys, &mut scores);
        let mut scales = [0f32; QUERIES];
        let rows = scores.chunks_exact_mut(keys.width).zip(weights.chunks_exact_mut(keys.width)).take(count);
        for ((scores, weights), scale) in rows.zip(&mut scales) {
            *scale = 1.0 / softmax(scores, n, weights);
        }
        // Of the keys that a row is filled up with, `values` has none.
        let weights = &weights[..count * keys.width];
        product(weights, &values, &mut mixed);
        for (m, (mixed, scale)) in mixed.chunks_exact(values.width).zip(scales).take(count).enumerate() {
            y.row(row + m).iter_mut().zip(mixed).for_each(|(y, mixed)| *y = mixed * scale);
        }
    }
}

/// Keys as the first product takes them: pairs of a key's neighbouring numbers, lanes are keys. Filled up with zeros.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
fn keys(k: Rows<'_>, n: usize, first: usize, width: usize) -> Pairs {
    let keys = n.next_multiple_of(2 * LANES);
    let mut numbers = vec![0u32; width.div_ceil(2) * keys];
    let mut rounded = vec![bf16::ZERO; width.next_multiple_of(2)];
    for key in 0..n {
        round_row(k.part(key, first, width), &mut rounded);
        for (pair, [a, b]) in rounded.as_chunks::<2>().0.iter().enumerate() {
            numbers[pair * keys + key] = joined(*a, *b);
        }
    }
    Pairs { numbers, width: keys }
}

/// Values as the second product takes them: pairs of neighbouring keys' numbers, lanes are columns. Filled up with zeros, to
/// as many keys as [`keys`] makes.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
fn values(v: Rows<'_>, n: usize, first: usize, width: usize) -> Pairs {
    let columns = width.next_multiple_of(LANES);
    let mut numbers = vec![0u32; n.next_multiple_of(2 * LANES) / 2 * columns];
    let mut rounded = [vec![bf16::ZERO; width], vec![bf16::ZERO; width]];
    for (pair, numbers) in numbers.chunks_exact_mut(columns).take(n.div_ceil(2)).enumerate() {
        for (row, rounded) in (2 * pair..).zip(&mut rounded) {
            if row < n {
                round_row(v.part(row, first, width), rounded);
            } else {
                rounded.fill(bf16::ZERO);
            }
        }
        let [a, b] = &rounded;
        numbers.iter_mut().zip(a).zip(b).for_each(|((number, a), b)| *number = joined(*a, *b));
    }
    Pairs { numbers, width: columns }
}

#[inline(always)]
fn joined(low: bf16, high: bf16) -> u32 {
    u32::from(low.to_bits()) | u32::from(high.to_bits()) << 16
}

/// Turns the first `n` of `scores` into their exponentials, relative to the largest, in bf16; gives back the exponentials' sum.
/// What is left of `weights` becomes zero.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
fn softmax(scores: &mut [f32], n: usize, weights: &mut [bf16]) -> f32 {
    let (scores, rest) = scores.split_at_mut(n);
    let top = maximum(scores);
    for score in scores.iter_mut() {
        *score = exp(*score - top);
    }
    let total = sum(scores, |value| value);
    rest.fill(0.0);
    round_row(scores, weights);
    weights[n..].fill(bf16::ZERO);
    total
}

/// `a` `[·, 2 · pairs]`, up to [`QUERIES`] rows, times `b` → `[·, width]` in `y`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
fn product(a: &[bf16], b: &Pairs, y: &mut [f32]) {
    let pairs = b.numbers.len() / b.width;
    match a.len() / (2 * pairs) {
        6 => rows::<6>(a, b, y),
        5 => rows::<5>(a, b, y),
        4 => rows::<4>(a, b, y),
        3 => rows::<3>(a, b, y),
        2 => rows::<2>(a, b, y),
        _ => rows::<1>(a, b, y),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
fn rows<const M: usize>(a: &[bf16], b: &Pairs, y: &mut [f32]) {
    let mut column = 0;
    while column < b.width {
        let count = match (b.width - column) / LANES {
            WIDE.. => {
                tile::<M, WIDE>(a, b, column, y);
                WIDE
            }
            2.. => {
                tile::<M, 2>(a, b, column, y);
                2
            }
            _ => {
                tile::<M, 1>(a, b, column, y);
                1
            }
        };
        column += count * LANES;
    }
}

/// `N` registers of columns from `column` on.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
fn tile<const M: usize, const N: usize>(a: &[bf16], b: &Pairs, column: usize, y: &mut [f32]) {
    let pairs = b.numbers.len() / b.width;
    assert!(column + N * LANES <= b.width && a.len() >= M * 2 * pairs && y.len() >= M * b.width);
    let mut sums = [[_mm512_setzero_ps(); N]; M];
    for pair in 0..pairs {
        // SAFETY: row `pair` of `b` has `width` numbers, of which 16 · N from `column` on are read; row `m < M` of `a` has
        // `pairs` pairs of two numbers of 16 bits. Vectors of bf16 and of whole numbers have one size.
        unsafe {
            let mut bs = [_mm512_setzero_si512(); N];
            for (i, b_lanes) in bs.iter_mut().enumerate() {
                *b_lanes = _mm512_loadu_si512(b.numbers.as_ptr().add(pair * b.width + column + i * LANES).cast());
            }
            for (m, sums) in sums.iter_mut().enumerate() {
                let both = a.as_ptr().add((m * pairs + pair) * 2).cast::<i32>().read_unaligned();
                let both = std::mem::transmute::<__m512i, __m512bh>(_mm512_set1_epi32(both));
                for (sum, b) in sums.iter_mut().zip(bs) {
                    *sum = _mm512_dpbf16_ps(*sum, both, std::mem::transmute::<__m512i, __m512bh>(b));
                }
            }
        }
    }
    for (m, sums) in sums.iter().enumerate() {
        for (i, sum) in sums.iter().enumerate() {
            // SAFETY: `y` has `M` rows of `width` numbers, and `column + 16 · N ≤ width`.
            unsafe { _mm512_storeu_ps(y.as_mut_ptr().add(m * b.width + column + i * LANES), *sum) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::quantised::tests::numbers;
    use super::*;

    /// Against sums in f64 of rounded numbers, at counts and widths of every remainder, with rows that lie apart.
    #[test]
    fn attention_equals_its_definition() {
        let Some(avx512) = Avx512::detect() else {
            eprintln!("skipped: this processor has no AVX-512 with bf16");
            return;
        };
        for (n, heads, width) in
            [(1, 1, 1), (2, 3, 7), (6, 1, 16), (33, 2, 72), (64, 2, 64), (77, 3, 90), (131, 1, 130)]
        {
            let stride = 3 * heads * width + 5;
            let x: Vec<f32> = numbers(n * stride, 3).into_iter().map(|x| 3.0 * x).collect();
            let rows = [0, heads * width, 2 * heads * width].map(|at| Rows::new(&x[at..], stride));
            let got = avx512.attention(rows, n, heads, width);
            let round = |x: f32| bf16::from_f32(x).to_f64();
            let scale = (width as f32).powf(-0.5);
            let [q, k, v] = rows;
            for (at, got) in got.iter().enumerate() {
                let (row, column) = (at / (heads * width), at % (heads * width));
                let head = column / width * width;
                let scores: Vec<f64> = (0..n)
                    .map(|key| {
                        let pairs = q.part(row, head, width).iter().zip(k.part(key, head, width));
                        pairs.map(|(q, k)| round(q * scale) * round(*k)).sum()
                    })
                    .collect();
                let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let powers = scores.iter().map(|score| (score - top).exp());
                let total: f64 = powers.clone().sum();
                let terms = powers.enumerate().map(|(key, p)| (p, round(v.part(key, column, 1)[0])));
                let (mixed, size) =
                    terms.fold((0.0, 0.0), |(mixed, size), (p, v)| (mixed + p * v, size + (p * v).abs()));
                // Probabilities are rounded to bf16, of 8 significant bits: by up to 2⁻⁸ of each.
                let limit = (size / 256.0 + 1e-5 * size) / total + 1e-6;
                let error = (f64::from(*got) - mixed / total).abs();
                assert!(error <= limit, "{n}×{heads}×{width} at {at}: {got} {} ± {limit}", mixed / total);
            }
        }
    }
}

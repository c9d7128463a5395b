//! Attention without a mask for processors with AVX-512: what encoders compute.
//!
//! Each task has one head. Its keys and values are laid out once in the panels of [`super::avx512_many`], so that lanes are keys
//! in the first product and columns of the values in the second. Twelve queries at a time then go through scores, softmax and
//! mixture within the nearest caches; no matrix of scores is ever in memory.
#![allow(unsafe_code)] // Vector instructions a processor may lack, and loads through pointers: see each block.

use super::activation::exp;
use super::avx512_many::{Avx512F, DEPTH, LANES, PANEL, ROWS, Wide, transposed_panel, wide_tile};
use super::columns::{Columns, by_columns};
use super::host::sum;
use super::softmax::maximum;
use std::arch::x86_64::*;

/// The widest head.
pub(super) const WIDEST: usize = DEPTH;

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

impl Avx512F {
    /// Attention of all `n` rows of `q` over those of `k` and `v`, each `[n, heads · width]` with the heads side by side and no
    /// wider than [`WIDEST`] → `[n, heads · width]`.
    pub(super) fn attention(self, [q, k, v]: [Rows<'_>; 3], n: usize, heads: usize, width: usize) -> Vec<f32> {
        assert!(width <= WIDEST, "a head of width {width}");
        by_columns(n, heads * width, width, |first, y| {
            // SAFETY: `self` shows that the processor has the instructions.
            unsafe { one_head([q, k, v], n, first, y) }
        })
    }
}

/// The head whose columns begin at `first`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn one_head([q, k, v]: [Rows<'_>; 3], n: usize, first: usize, y: &mut Columns<'_>) {
    let width = y.count();
    let (keys, values) = (keys(k, n, first, width), values(v, n, first, width));
    let scale = (width as f32).powf(-0.5);
    let padded = n.next_multiple_of(PANEL);
    let mut queries = vec![0f32; ROWS * DEPTH];
    let mut scores = vec![0f32; ROWS * padded];
    // Of each row, `DEPTH` after `DEPTH`.
    let mut weights = vec![0f32; n.div_ceil(DEPTH) * ROWS * DEPTH];
    for row in (0..n).step_by(ROWS) {
        let count = ROWS.min(n - row);
        for (m, query) in queries.chunks_exact_mut(DEPTH).take(count).enumerate() {
            query.iter_mut().zip(q.part(row + m, first, width)).for_each(|(query, q)| *query = q * scale);
        }
        for (panel, keys) in keys.chunks_exact(width * PANEL).enumerate() {
            let sums = wide_tile::<ROWS>(&queries, keys, width);
            for (scores, sums) in scores.chunks_exact_mut(padded).zip(&sums) {
                store(&mut scores[panel * PANEL..], sums);
            }
        }
        let mut scales = [0f32; ROWS];
        for (m, (scores, scale)) in scores.chunks_exact_mut(padded).zip(&mut scales).take(count).enumerate() {
            let scores = &mut scores[..n];
            *scale = 1.0 / powers(scores);
            for (weights, scores) in weights.chunks_exact_mut(ROWS * DEPTH).zip(scores.chunks(DEPTH)) {
                weights[m * DEPTH..][..scores.len()].copy_from_slice(scores);
            }
        }
        for (panel, values) in values.chunks_exact(n * PANEL).enumerate() {
            let mut mixed = [[0f32; PANEL]; ROWS];
            for (weights, values) in weights.chunks_exact(ROWS * DEPTH).zip(values.chunks(DEPTH * PANEL)) {
                let sums = wide_tile::<ROWS>(weights, values, values.len() / PANEL);
                for (mixed, sums) in mixed.iter_mut().zip(&sums) {
                    let mut part = [0f32; PANEL];
                    store(&mut part, sums);
                    mixed.iter_mut().zip(part).for_each(|(mixed, part)| *mixed += part);
                }
            }
            for (m, (mixed, scale)) in mixed.iter().zip(scales).take(count).enumerate() {
                let row = &mut y.row(row + m)[panel * PANEL..];
                row.iter_mut().zip(mixed).for_each(|(y, mixed)| *y = mixed * scale);
            }
        }
    }
}

/// Keys as the first product takes them: panels `[width, PANEL]` whose lanes are keys. Filled up with zeros.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn keys(k: Rows<'_>, n: usize, first: usize, width: usize) -> Vec<f32> {
    let mut panels = vec![0f32; n.div_ceil(PANEL) * width * PANEL];
    for (panel, key) in panels.chunks_exact_mut(width * PANEL).zip((0..n).step_by(PANEL)) {
        let (numbers, rows) = (&k.numbers[key * k.stride + first..], PANEL.min(n - key));
        // SAFETY: this is compiled with the instructions that it needs.
        unsafe { transposed_panel::<Wide<f32>>(numbers, k.stride, rows, width, panel) };
    }
    panels
}

/// Values as the second product takes them: panels `[n, PANEL]` whose lanes are columns. Filled up with zeros.
fn values(v: Rows<'_>, n: usize, first: usize, width: usize) -> Vec<f32> {
    let mut panels = vec![0f32; width.div_ceil(PANEL) * n * PANEL];
    for (panel, column) in panels.chunks_exact_mut(n * PANEL).zip((0..width).step_by(PANEL)) {
        let count = PANEL.min(width - column);
        for (row, to) in panel.chunks_exact_mut(PANEL).enumerate() {
            to[..count].copy_from_slice(v.part(row, first + column, count));
        }
    }
    panels
}

/// Turns scores into their exponentials, relative to the largest; gives back the exponentials' sum.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn powers(scores: &mut [f32]) -> f32 {
    let top = maximum(scores);
    for score in scores.iter_mut() {
        *score = exp(*score - top);
    }
    sum(scores, |value| value)
}

/// Writes two registers to the beginning of `to`.
#[inline]
#[target_feature(enable = "avx512f")]
fn store(to: &mut [f32], sums: &[__m512; 2]) {
    for (to, sum) in to[..PANEL].as_chunks_mut::<LANES>().0.iter_mut().zip(sums) {
        // SAFETY: `to` has room for the 16 numbers.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), *sum) };
    }
}

#[cfg(test)]
mod tests {
    use super::super::quantised::tests::numbers;
    use super::*;

    /// Against sums in f64, at counts and widths of every remainder, with rows that lie apart.
    #[test]
    fn attention_equals_its_definition() {
        let Some(avx512) = Avx512F::detect() else {
            eprintln!("skipped: this processor has no AVX-512");
            return;
        };
        for (n, heads, width) in
            [(1, 1, 1), (2, 3, 7), (6, 1, 16), (33, 2, 72), (64, 2, 64), (77, 3, 90), (131, 1, 130), (1030, 1, 40)]
        {
            let stride = 3 * heads * width + 5;
            let x: Vec<f32> = numbers(n * stride, 3).into_iter().map(|x| 3.0 * x).collect();
            let rows = [0, heads * width, 2 * heads * width].map(|at| Rows::new(&x[at..], stride));
            let got = avx512.attention(rows, n, heads, width);
            let scale = (width as f32).powf(-0.5);
            let [q, k, v] = rows;
            for (at, got) in got.iter().enumerate() {
                let (row, column) = (at / (heads * width), at % (heads * width));
                let head = column / width * width;
                let scores: Vec<f64> = (0..n)
                    .map(|key| {
                        let pairs = q.part(row, head, width).iter().zip(k.part(key, head, width));
                        pairs.map(|(q, k)| f64::from(q * scale) * f64::from(*k)).sum()
                    })
                    .collect();
                let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let powers = scores.iter().map(|score| (score - top).exp());
                let total: f64 = powers.clone().sum();
                let terms = powers.enumerate().map(|(key, p)| (p, f64::from(v.part(key, column, 1)[0])));
                let (mixed, size) =
                    terms.fold((0.0, 0.0), |(mixed, size), (p, v)| (mixed + p * v, size + (p * v).abs()));
                // Scores of up to some hundreds are right to 10⁻⁷ of themselves, and so their exponentials to 10⁻⁵.
                let limit = 2e-5 * size / total + 1e-6;
                let error = (f64::from(*got) - mixed / total).abs();
                assert!(error <= limit, "{n}×{heads}×{width} at {at}: {got} {} ± {limit}", mixed / total);
            }
        }
    }
}

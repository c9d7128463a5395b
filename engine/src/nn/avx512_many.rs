//! Products of many rows for processors with AVX-512: what encoders and a prompt are computed with.
//!
//! As in Goto and van de Geijn's *Anatomy of High-Performance Matrix Multiplication* (2008), with weights on the side that is
//! packed: each task has some columns of the result. For [`DEPTH`] words of the sums at a time it lays the weights of its
//! columns out in panels of 32, so that lanes are columns; these stay in the second-level cache. Twelve rows of `x`, laid out
//! side by side beforehand, then meet one panel after the other in 24 registers of sums. Nothing is summed across lanes, and a
//! weight is laid out once however many rows there are.
//!
//! A word has 32 bits, and what lies in it is a type that implements [`Words`]: a number in f32, to which weights are widened
//! ([`Wide`]), or two in bf16 (`avx512_bf16.rs`). Words are carried as `f32` whatever they mean; copies keep their bits.
//!
//! A result is summed in an order that depends only on the length of its sum.
#![allow(unsafe_code)] // Vector instructions a processor may lack, and loads through pointers: see each block.

use super::columns::{Columns, into_columns};
use super::few_rows::Number;
use super::finish::Finish;
use rayon::prelude::*;
use std::arch::x86_64::*;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::OnceLock;

/// Words of a sum that are added up before the next weights are laid out.
pub(super) const DEPTH: usize = 512;
/// Rows of `x` in a tile.
pub(super) const ROWS: usize = 12;
/// Rows in the tile for a rest that is no larger.
const FEW: usize = 4;
/// Words in a register.
pub(super) const LANES: usize = 16;
/// Columns of a panel: two registers.
pub(super) const PANEL: usize = 2 * LANES;
/// How many words of the sum ahead weights are fetched.
pub(super) const AHEAD: usize = 16;
/// Columns of a task at most: with [`DEPTH`], half of a second-level cache of 1 MiB.
const AT_ONCE: usize = 256;

/// A sign that this processor has the instructions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx512F(());

thread_local! {
    /// Room for a task's panels, kept so that it is not cleared for each task.
    static PANELS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// What lies in the words that are multiplied.
pub(super) trait Words {
    /// What weights are kept in.
    type Weight: Copy + Send + Sync;
    /// Numbers in a word.
    const NUMBERS: usize;

    /// Up to 16 words of weights, then zeros.
    ///
    /// # Safety
    /// For a processor with the instructions.
    unsafe fn words(from: &[Self::Weight]) -> __m512;

    /// Up to 16 words of activations, then zeros.
    ///
    /// # Safety
    /// For a processor with the instructions.
    unsafe fn activations(from: &[f32]) -> __m512;

    /// Puts the products of `M` rows of `x` `[depth, ROWS]` with the columns of a panel `[depth, PANEL]` where they belong.
    ///
    /// # Safety
    /// For a processor with the instructions.
    unsafe fn tile<const M: usize>(x: &[f32], panel: &[f32], depth: usize, place: &Place, y: &mut Columns<'_>);
}

/// Weights of type `W`, widened to f32: a word is a number.
pub(super) struct Wide<W>(PhantomData<W>);

impl<W: Number> Words for Wide<W> {
    type Weight = W;
    const NUMBERS: usize = 1;

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn words(from: &[W]) -> __m512 {
        let mut lanes = [0f32; LANES];
        if let Some(from) = from.first_chunk::<LANES>() {
            for (lane, number) in lanes.iter_mut().zip(from) {
                *lane = number.widen();
            }
        } else {
            for (lane, number) in lanes.iter_mut().zip(from) {
                *lane = number.widen();
            }
        }
        // SAFETY: `lanes` holds the 16 numbers.
        unsafe { _mm512_loadu_ps(lanes.as_ptr()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn activations(from: &[f32]) -> __m512 {
        // SAFETY: as many numbers are read as there are, and at most 16.
        unsafe { _mm512_maskz_loadu_ps(first_lanes(from.len()), from.as_ptr()) }
    }

    #[target_feature(enable = "avx512f")]
    unsafe fn tile<const M: usize>(x: &[f32], panel: &[f32], depth: usize, place: &Place, y: &mut Columns<'_>) {
        place.fetch(y);
        let sums: [[__m512; 2]; M] =
            tile!(x, panel, depth, (m, k) => k * ROWS + m, (sum, word, column) => _mm512_fmadd_ps(word, column, sum));
        place.put(y, &sums);
    }
}

/// Activations as tiles take them: depth by depth of the sums, and of each for every [`ROWS`] rows `[depth, ROWS]` words.
/// Where there are no more rows they are zero.
pub(super) struct Tiles {
    words: Vec<f32>,
    rows: usize,
    depths: Depths,
}

/// How many words a sum has, and how many of them are added up before the next weights are laid out.
#[derive(Clone, Copy)]
struct Depths {
    words: usize,
    deep: usize,
}

impl Depths {
    fn of(words: usize) -> Self {
        Self { words, deep: words.div_ceil(words.div_ceil(DEPTH)).next_multiple_of(LANES) }
    }

    /// The first word and how many there are.
    fn each(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.words).step_by(self.deep).map(move |start| (start, self.deep.min(self.words - start)))
    }
}

impl Tiles {
    /// Lays out `x` `[rows, input]`.
    ///
    /// # Safety
    /// For a processor with AVX-512 and the instructions of `K`.
    pub(super) unsafe fn of<K: Words>(x: &[f32], rows: usize, input: usize) -> Self {
        assert!(x.len() >= rows * input);
        let depths = Depths::of(input.div_ceil(K::NUMBERS));
        let padded = rows.next_multiple_of(ROWS);
        let mut words = Vec::with_capacity(padded * depths.words);
        let mut room = &mut words.spare_capacity_mut()[..padded * depths.words];
        for (start, depth) in depths.each() {
            let part;
            (part, room) = room.split_at_mut(padded * depth);
            let numbers = start * K::NUMBERS..input.min((start + depth) * K::NUMBERS);
            part.par_chunks_mut(ROWS * depth).zip(x.par_chunks(ROWS * input)).for_each(|(tile, x)| {
                // SAFETY: the caller's processor has the instructions.
                unsafe { lay_out::<K>(x, input, numbers.clone(), tile) }
            });
        }
        // SAFETY: the parts of all depths are as many words, and `lay_out` has written all of each.
        unsafe { words.set_len(padded * depths.words) };
        Self { words, rows, depths }
    }

    /// The tile that begins with row `row`, of the words from `start` on.
    fn tile(&self, row: usize, start: usize, depth: usize) -> &[f32] {
        &self.words[self.rows.next_multiple_of(ROWS) * start + row * depth..][..ROWS * depth]
    }
}

/// The numbers `numbers` of up to [`ROWS`] rows of `x` `[·, input]` → `[depth, ROWS]`, every word of it.
///
/// # Safety
/// For a processor with the instructions of `K`, too.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn lay_out<K: Words>(x: &[f32], input: usize, numbers: Range<usize>, tile: &mut [MaybeUninit<f32>]) {
    let mut start = numbers.start;
    for to in tile.chunks_mut(LANES * ROWS) {
        let end = numbers.end.min(start + LANES * K::NUMBERS);
        let mut square = [_mm512_setzero_ps(); LANES];
        for (row, vector) in x.chunks_exact(input).zip(&mut square) {
            // SAFETY: the caller's processor has the instructions.
            *vector = unsafe { K::activations(&row[start..end]) };
        }
        transpose(&mut square);
        for (to, vector) in to.chunks_exact_mut(ROWS).zip(square) {
            // SAFETY: as many words are written as there are in `to`.
            unsafe { _mm512_mask_storeu_ps(to.as_mut_ptr().cast(), (1 << ROWS) - 1, vector) };
        }
        start = end;
    }
}

impl Avx512F {
    /// Asks the processor, once.
    pub(super) fn detect() -> Option<Self> {
        static FOUND: OnceLock<bool> = OnceLock::new();
        let found = FOUND.get_or_init(|| {
            is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
        });
        found.then_some(Self(()))
    }

    /// `x` `[rows, input]` times the transpose of a matrix `[output, input]`, finished → `[rows, output]`. `weights` hands over
    /// the matrix, some rows after the other.
    pub(super) fn product<W: Number>(
        self,
        x: &[f32],
        [rows, input, output]: [usize; 3],
        finish: Finish<'_>,
        weights: impl FnOnce(&mut dyn FnMut(&[W])),
    ) -> Vec<f32> {
        // SAFETY: `self` shows that the processor has the instructions.
        unsafe { many_rows::<Wide<W>>(x, [rows, input, output], finish, weights) }
    }
}

/// See [`Avx512F::product`].
///
/// # Safety
/// For a processor with AVX-512 and the instructions of `K`.
pub(super) unsafe fn many_rows<K: Words>(
    x: &[f32],
    [rows, input, output]: [usize; 3],
    finish: Finish<'_>,
    weights: impl FnOnce(&mut dyn FnMut(&[K::Weight])),
) -> Vec<f32> {
    if rows == 0 || input == 0 || output == 0 {
        return vec![0f32; rows * output];
    }
    // SAFETY: the caller's processor has the instructions.
    let x = unsafe { Tiles::of::<K>(x, rows, input) };
    let mut y = Vec::with_capacity(rows * output);
    let mut first = 0;
    weights(&mut |w| {
        let n = w.len() / input;
        let step = step(n, rayon::current_num_threads());
        let room = &mut y.spare_capacity_mut()[..rows * output];
        // SAFETY: `columns` writes each row of its columns before it reads it.
        unsafe {
            into_columns(room, rows, output, first..first + n, step, |at, y| {
                let w = &w[(at - first) * input..][..y.count() * input];
                let finish = |row: &mut [f32]| finish.columns(row, at);
                // SAFETY: the caller's processor has the instructions.
                PANELS.with_borrow_mut(|panels| columns::<K>(&x, w, input, y, panels, finish));
            });
        }
        first += n;
    });
    assert!(first == output, "{first} of {output} columns");
    // SAFETY: all columns of all rows were written: those of each matrix, and there is none after the last.
    unsafe { y.set_len(rows * output) };
    y
}

/// How many of `n` columns a task has at most, so that the last of `threads` is done as early as can be. What a task begins with
/// costs about as much as a quarter of a panel's columns.
fn step(n: usize, threads: usize) -> usize {
    let steps = (PANEL..=AT_ONCE).rev().step_by(PANEL);
    steps.min_by_key(|step| n.div_ceil(*step).div_ceil(threads) * (step + PANEL / 4)).unwrap_or(PANEL)
}

/// All rows of the columns `y`, whose weights are `w` `[columns, input]`; `finish` has each of them last.
///
/// # Safety
/// For a processor with the instructions of `K`, too.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn columns<K: Words>(
    x: &Tiles,
    w: &[K::Weight],
    input: usize,
    y: &mut Columns<'_>,
    panels: &mut Vec<f32>,
    finish: impl Fn(&mut [f32]),
) {
    panels.resize(panels.len().max(y.count().div_ceil(PANEL) * DEPTH * PANEL), 0.0);
    for (start, depth) in x.depths.each() {
        let numbers = start * K::NUMBERS..input.min((start + depth) * K::NUMBERS);
        for (panel, w) in panels.chunks_exact_mut(DEPTH * PANEL).zip(w.chunks(PANEL * input)) {
            let rows = w.len() / input;
            // SAFETY: the caller's processor has the instructions.
            unsafe { transposed_panel::<K>(&w[numbers.start..], input, rows, numbers.len(), panel) };
        }
        for row in (0..x.rows).step_by(ROWS) {
            let count = ROWS.min(x.rows - row);
            let tile = x.tile(row, start, depth);
            for (panel, first) in panels.chunks_exact(DEPTH * PANEL).zip((0..y.count()).step_by(PANEL)) {
                let place = Place { row, count, first, add: start > 0 };
                // SAFETY: as above.
                unsafe {
                    if count <= FEW {
                        K::tile::<FEW>(tile, panel, depth, &place, y);
                    } else {
                        K::tile::<ROWS>(tile, panel, depth, &place, y);
                    }
                }
            }
            if start + depth == x.depths.words {
                (row..row + count).for_each(|row| finish(y.row(row)));
            }
        }
    }
}

/// Lays out up to [`PANEL`] rows of `w`, which begin every `stride` numbers: `numbers` of each, `[words, PANEL]`. Columns that
/// have no row are zero. What the panel has room for beyond is of no meaning.
///
/// # Safety
/// For a processor with the instructions of `K`, too.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) unsafe fn transposed_panel<K: Words>(
    w: &[K::Weight],
    stride: usize,
    rows: usize,
    numbers: usize,
    panel: &mut [f32],
) {
    let depth = numbers.div_ceil(K::NUMBERS);
    assert!(panel.len() >= depth * PANEL);
    for (half, first) in (0..PANEL).step_by(LANES).enumerate() {
        for at in (0..depth).step_by(LANES) {
            let count = (LANES * K::NUMBERS).min(numbers - at * K::NUMBERS);
            let mut square = [_mm512_setzero_ps(); LANES];
            let row = |row: usize| {
                let numbers = &w[row * stride + at * K::NUMBERS..][..count];
                // Sixteen rows at once are more than a processor fetches ahead by itself.
                _mm_prefetch::<_MM_HINT_T0>(numbers.as_ptr().wrapping_add(4 * LANES).cast());
                // SAFETY: the caller's processor has the instructions.
                unsafe { K::words(numbers) }
            };
            // Counts that are known when this is compiled keep the square in registers.
            if first + LANES <= rows {
                for (i, vector) in square.iter_mut().enumerate() {
                    *vector = row(first + i);
                }
            } else {
                for (i, vector) in square.iter_mut().enumerate().take(rows.saturating_sub(first)) {
                    *vector = row(first + i);
                }
            }
            transpose(&mut square);
            let to = &mut panel[at * PANEL + half * LANES..];
            if let Some(to) = to.first_chunk_mut::<{ (LANES - 1) * PANEL + LANES }>() {
                for (i, vector) in square.into_iter().enumerate() {
                    // SAFETY: `i < LANES`, so that there are 16 words from there on.
                    unsafe { _mm512_storeu_ps(to.as_mut_ptr().add(i * PANEL), vector) };
                }
            } else {
                for (to, vector) in to.chunks_mut(PANEL).zip(square).take(depth - at) {
                    let to = &mut to[..LANES];
                    // SAFETY: `to` has room for the 16 words.
                    unsafe { _mm512_storeu_ps(to.as_mut_ptr(), vector) };
                }
            }
        }
    }
}

/// Turns rows into columns.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(rows: &mut [__m512; LANES]) {
    // Pairs of numbers, then quadruples: of four rows, in each quarter of a register.
    let mut pairs = [_mm512_setzero_ps(); LANES];
    for (pairs, rows) in pairs.chunks_exact_mut(2).zip(rows.chunks_exact(2)) {
        pairs[0] = _mm512_unpacklo_ps(rows[0], rows[1]);
        pairs[1] = _mm512_unpackhi_ps(rows[0], rows[1]);
    }
    let mut fours = [_mm512_setzero_ps(); LANES];
    for (fours, pairs) in fours.chunks_exact_mut(4).zip(pairs.chunks_exact(4)) {
        let [a, b, c, d] = [0, 1, 2, 3].map(|i| _mm512_castps_pd(pairs[i]));
        fours[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
        fours[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
        fours[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
        fours[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
    }
    // Quarter `q` of `fours[4 · g + i]` has rows 4 · g to 4 · g + 3 of column 4 · q + i.
    for i in 0..4 {
        let [a, b, c, d] = [fours[i], fours[4 + i], fours[8 + i], fours[12 + i]];
        let (even_ab, odd_ab) = (_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xdd>(a, b));
        let (even_cd, odd_cd) = (_mm512_shuffle_f32x4::<0x88>(c, d), _mm512_shuffle_f32x4::<0xdd>(c, d));
        rows[i] = _mm512_shuffle_f32x4::<0x88>(even_ab, even_cd);
        rows[4 + i] = _mm512_shuffle_f32x4::<0x88>(odd_ab, odd_cd);
        rows[8 + i] = _mm512_shuffle_f32x4::<0xdd>(even_ab, even_cd);
        rows[12 + i] = _mm512_shuffle_f32x4::<0xdd>(odd_ab, odd_cd);
    }
}

/// The body of a tile. Word `k` of row `m` of `x` is number `$at` there; `$add` is the next sum, made of the sum before, a word of
/// `x` in all lanes and the words of the columns: what is compiled for one set of instructions cannot be given those of
/// another as a parameter.
macro_rules! tile {
    ($x:ident, $panel:ident, $depth:ident, ($m:ident, $k:ident) => $at:expr, ($sum:ident, $word:ident, $column:ident) => $add:expr) => {{
        assert!(M <= ROWS && $depth <= DEPTH && $panel.len() >= $depth * PANEL);
        {
            let ($m, $k) = (M - 1, $depth.max(1) - 1);
            assert!($at < $x.len());
        }
        let mut sums = [[_mm512_setzero_ps(); 2]; M];
        for $k in 0..$depth {
            // SAFETY: `k < depth`, so that row `m < M` of `x` and row `k` of the panel are within them by the lengths
            // asserted above.
            unsafe {
                let mut columns = [_mm512_setzero_ps(); 2];
                for n in 0..columns.len() {
                    // What lies ahead comes from the second-level cache in time. Where it is not within the panel nothing
                    // happens.
                    _mm_prefetch::<_MM_HINT_T0>($panel.as_ptr().wrapping_add(($k + AHEAD) * PANEL + n * LANES).cast());
                }
                for (n, columns) in columns.iter_mut().enumerate() {
                    *columns = _mm512_loadu_ps($panel.as_ptr().add($k * PANEL + n * LANES));
                }
                for ($m, sums) in sums.iter_mut().enumerate() {
                    let $word = _mm512_set1_ps(*$x.as_ptr().add($at));
                    for (sum, $column) in sums.iter_mut().zip(columns) {
                        let $sum = *sum;
                        *sum = $add;
                    }
                }
            }
        }
        sums
    }};
}
pub(super) use tile;

/// The products of `M` rows of numbers in f32, [`DEPTH`] apart, with the columns of a panel `[depth, PANEL]`.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn wide_tile<const M: usize>(x: &[f32], panel: &[f32], depth: usize) -> [[__m512; 2]; M] {
    tile!(x, panel, depth, (m, k) => m * DEPTH + k, (sum, word, column) => _mm512_fmadd_ps(word, column, sum))
}

/// A bit for each of the first `count` lanes.
pub(super) fn first_lanes(count: usize) -> u16 {
    u16::MAX.checked_shr(LANES.saturating_sub(count) as u32).unwrap_or(0)
}

/// Where a tile's sums belong.
pub(super) struct Place {
    /// The first row, and how many there are.
    row: usize,
    count: usize,
    /// The first column.
    first: usize,
    /// Whether they are added to what is there.
    add: bool,
}

impl Place {
    /// Has the rows fetched that will be written.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn fetch(&self, y: &mut Columns<'_>) {
        for m in 0..self.count {
            let row = y.unwritten(self.row + m).as_ptr().wrapping_add(self.first);
            _mm_prefetch::<_MM_HINT_T0>(row.cast());
            _mm_prefetch::<_MM_HINT_T0>(row.wrapping_add(LANES).cast());
        }
    }

    /// Writes the sums of the first rows that there are.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn put<const M: usize>(&self, y: &mut Columns<'_>, sums: &[[__m512; 2]; M]) {
        let count = y.count() - self.first;
        // Counts that are known when this is compiled keep the sums in registers.
        if self.count == M && count >= PANEL {
            for (m, sums) in sums.iter().enumerate() {
                self.put_row(y, m, *sums, [u16::MAX; 2]);
            }
        } else {
            let lanes = [first_lanes(count), first_lanes(count.saturating_sub(LANES))];
            for (m, sums) in sums.iter().enumerate().take(self.count) {
                self.put_row(y, m, *sums, lanes);
            }
        }
    }

    /// Writes those `lanes` of a row's sums that lie within the columns.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn put_row(&self, y: &mut Columns<'_>, m: usize, mut sums: [__m512; 2], lanes: [u16; 2]) {
        assert!(self.first + (lanes[0].count_ones() + lanes[1].count_ones()) as usize <= y.count());
        if self.add {
            let row = y.row(self.row + m)[self.first..].as_ptr();
            for (n, sum) in sums.iter_mut().enumerate() {
                // SAFETY: the lanes that are read are within the row by the assertion above.
                *sum = unsafe { _mm512_add_ps(_mm512_maskz_loadu_ps(lanes[n], row.wrapping_add(n * LANES)), *sum) };
            }
        }
        let row = y.unwritten(self.row + m)[self.first..].as_mut_ptr();
        for (n, sum) in sums.into_iter().enumerate() {
            // SAFETY: the lanes that are written are within the row by the assertion above.
            unsafe { _mm512_mask_storeu_ps(row.wrapping_add(n * LANES).cast(), lanes[n], sum) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::quantised::tests::numbers;
    use super::super::twin;
    use super::*;
    use half::{bf16, f16};

    fn detected() -> Option<Avx512F> {
        let found = Avx512F::detect();
        if found.is_none() {
            eprintln!("skipped: this processor has no AVX-512");
        }
        found
    }

    #[test]
    fn products_equal_plain_sums_whatever_the_weights_are_kept_in() {
        let Some(avx512) = detected() else { return };
        for (rows, input, output) in twin::shapes() {
            let x = numbers(rows * input, 3);
            let w = numbers(output * input, 5);
            let half: Vec<f16> = w.iter().map(|w| f16::from_f32(*w)).collect();
            let brain: Vec<bf16> = w.iter().map(|w| bf16::from_f32(*w)).collect();
            let what = format!("{rows}×{input}×{output}");
            check(avx512, &x, rows, &w, input, &what);
            check(avx512, &x, rows, &half, input, &what);
            check(avx512, &x, rows, &brain, input, &what);
        }
    }

    fn check<W: Number>(avx512: Avx512F, x: &[f32], rows: usize, w: &[W], input: usize, what: &str) {
        let wide: Vec<f64> = w.iter().map(|w| f64::from(w.widen())).collect();
        let (exact, scale) = twin::plain(&x.iter().map(|x| f64::from(*x)).collect::<Vec<_>>(), &wide, input);
        // The matrix comes in one piece, or in two.
        let output = exact.len() / rows;
        for first in [output, output / 2] {
            let got = avx512.product(x, [rows, input, output], Finish::default(), |take| {
                let (above, below) = w.split_at(first * input);
                take(above);
                take(below);
            });
            twin::close(&got, &exact, &scale, what);
        }
    }

    /// A matrix that is not handed over as a whole gives no result.
    #[test]
    #[should_panic(expected = "5 of 6 columns")]
    fn no_column_is_left_unwritten() {
        let Some(avx512) = detected() else { panic!("5 of 6 columns, as far as is known") };
        avx512.product(&[1.0; 6], [2, 3, 6], Finish::default(), |take| take(&[1f32; 15]));
    }

    /// However many rows are computed at once, each has the same result, to the last bit.
    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        let Some(avx512) = detected() else { return };
        let (rows, input, output) = (27, 1100, 75);
        let (x, w) = (numbers(rows * input, 1), numbers(output * input, 2));
        twin::rows_alone(&x, rows, output, |x, rows| {
            avx512.product(x, [rows, input, output], Finish::default(), |take| take(&w))
        });
    }
}

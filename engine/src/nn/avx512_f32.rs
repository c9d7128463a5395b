//! f32 products of many rows for processors with AVX-512: what encoders and a prompt are computed with.
//!
//! As in Goto and van de Geijn's *Anatomy of High-Performance Matrix Multiplication* (2008), with weights on the side that is
//! packed: each task has some columns of the result. For [`DEPTH`] numbers of the sums at a time it lays the weights of its
//! columns out in panels of 32, widened to f32, so that lanes are columns; these stay in the second-level cache. Twelve rows
//! of `x` are then copied next to one another into the nearest cache, and meet one panel after the other in 24 registers of
//! sums. Nothing is summed across lanes, and a weight is widened once however many rows there are.
//!
//! A result is summed in an order that depends only on the length of its sum.
#![allow(unsafe_code)] // Vector instructions a processor may lack, and loads through pointers: see each block.

use super::columns::{Columns, into_columns};
use super::few_rows::Number;
use super::finish::Finish;
use std::arch::x86_64::*;
use std::cell::RefCell;
use std::sync::OnceLock;

/// Numbers of a sum that are added up before the next weights are laid out.
pub(super) const DEPTH: usize = 512;
/// Rows of `x` in a tile.
pub(super) const ROWS: usize = 12;
/// Rows in the tile for a rest that is no larger.
const FEW: usize = 4;
/// Numbers in a register.
pub(super) const LANES: usize = 16;
/// Columns of a panel: two registers.
pub(super) const PANEL: usize = 2 * LANES;
/// How many numbers of the sum ahead weights are fetched.
const AHEAD: usize = 16;
/// Columns of a task at most: with [`DEPTH`], a third of a second-level cache of 2 MiB.
const AT_ONCE: usize = 384;

/// A sign that this processor has the instructions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx512F(());

thread_local! {
    /// Room for a task's panels and its tile of `x`, kept so that it is not cleared for each task.
    static ROOM: RefCell<Room> = const { RefCell::new(Room { panels: Vec::new(), x: Vec::new() }) };
}

struct Room {
    panels: Vec<f32>,
    x: Vec<f32>,
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

    /// `y[r, first..first + n] = Σ x[r, ·] · w[j, ·]`, with `x` `[rows, input]`, `w` `[n, input]` and rows of `y` that are
    /// `stride` numbers long; these columns are finished, too.
    #[allow(clippy::too_many_arguments)] // Three matrices and where they lie.
    pub(super) fn times_transposed<W: Number>(
        self,
        x: &[f32],
        w: &[W],
        input: usize,
        y: &mut [f32],
        stride: usize,
        first: usize,
        finish: Finish<'_>,
    ) {
        if input == 0 || stride == 0 {
            return;
        }
        let (rows, n) = (x.len() / input, w.len() / input);
        let step = n.div_ceil(2 * rayon::current_num_threads()).next_multiple_of(PANEL).min(AT_ONCE);
        into_columns(y, rows, stride, first..first + n, step, |at, y| {
            let w = &w[(at - first) * input..][..y.count() * input];
            let finish = |row: &mut [f32]| finish.columns(row, at);
            // SAFETY: `self` shows that the processor has the instructions.
            ROOM.with_borrow_mut(|room| unsafe { columns(x, rows, w, input, y, room, finish) });
        });
    }
}

/// All rows of the columns `y`, whose weights are `w` `[columns, input]`; `finish` has each of them last.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn columns<W: Number>(
    x: &[f32],
    rows: usize,
    w: &[W],
    input: usize,
    y: &mut Columns<'_>,
    room: &mut Room,
    finish: impl Fn(&mut [f32]),
) {
    let panels = y.count().div_ceil(PANEL);
    let blocks = input.div_ceil(DEPTH);
    let deep = input.div_ceil(blocks).next_multiple_of(LANES);
    room.panels.resize(room.panels.len().max(panels * DEPTH * PANEL), 0.0);
    room.x.resize(ROWS * DEPTH, 0.0);
    for start in (0..input).step_by(deep) {
        let depth = deep.min(input - start);
        for (panel, w) in room.panels.chunks_exact_mut(DEPTH * PANEL).zip(w.chunks(PANEL * input)) {
            transposed_panel(&w[start..], input, w.len() / input, depth, panel);
        }
        for row in (0..rows).step_by(ROWS) {
            let count = ROWS.min(rows - row);
            for (m, to) in room.x.chunks_exact_mut(DEPTH).take(count).enumerate() {
                to[..depth].copy_from_slice(&x[(row + m) * input + start..][..depth]);
            }
            for (panel, first) in room.panels.chunks_exact(DEPTH * PANEL).zip((0..y.count()).step_by(PANEL)) {
                let place = Place { row, count, first, add: start > 0 };
                if count <= FEW {
                    place.put(y, &tile::<FEW>(&room.x, panel, depth));
                } else {
                    place.put(y, &tile::<ROWS>(&room.x, panel, depth));
                }
            }
            if start + depth == input {
                (row..row + count).for_each(|row| finish(y.row(row)));
            }
        }
    }
}

/// Lays out up to [`PANEL`] rows of `w`, which begin every `stride` numbers: `depth` numbers of each, `[depth, PANEL]` in f32.
/// Columns that have no row are zero.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn transposed_panel<W: Number>(w: &[W], stride: usize, rows: usize, depth: usize, panel: &mut [f32]) {
    for (half, first) in (0..PANEL).step_by(LANES).enumerate() {
        for at in (0..depth).step_by(LANES) {
            let count = LANES.min(depth - at);
            let mut square = [_mm512_setzero_ps(); LANES];
            for (row, vector) in (first..rows).zip(&mut square) {
                let numbers = &w[row * stride + at..];
                // Sixteen rows at once are more than a processor fetches ahead by itself.
                _mm_prefetch::<_MM_HINT_T0>(numbers.as_ptr().wrapping_add(4 * LANES).cast());
                *vector = widened(&numbers[..count]);
            }
            transpose(&mut square);
            for (to, vector) in panel.chunks_exact_mut(LANES).skip(2 * at + half).step_by(2).zip(square).take(count) {
                // SAFETY: `to` has room for the 16 numbers.
                unsafe { _mm512_storeu_ps(to.as_mut_ptr(), vector) };
            }
        }
    }
}

/// Up to 16 numbers in f32, then zeros.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn widened<W: Number>(from: &[W]) -> __m512 {
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

/// The products of `M` rows of `x`, [`DEPTH`] numbers apart, with the columns of a panel `[depth, PANEL]`.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn tile<const M: usize>(x: &[f32], panel: &[f32], depth: usize) -> [[__m512; 2]; M] {
    assert!(depth <= DEPTH && x.len() >= M * DEPTH && panel.len() >= depth * PANEL);
    let mut sums = [[_mm512_setzero_ps(); 2]; M];
    for k in 0..depth {
        // SAFETY: `k < depth`, so that row `m < M` of `x` and row `k` of the panel are within them by the lengths asserted
        // above.
        unsafe {
            let mut columns = [_mm512_setzero_ps(); 2];
            for n in 0..columns.len() {
                // What lies ahead comes from the second-level cache in time. Where it is not within the panel nothing happens.
                _mm_prefetch::<_MM_HINT_T0>(panel.as_ptr().wrapping_add((k + AHEAD) * PANEL + n * LANES).cast());
            }
            for (n, columns) in columns.iter_mut().enumerate() {
                *columns = _mm512_loadu_ps(panel.as_ptr().add(k * PANEL + n * LANES));
            }
            for (m, sums) in sums.iter_mut().enumerate() {
                let x = _mm512_set1_ps(*x.as_ptr().add(m * DEPTH + k));
                for (sum, columns) in sums.iter_mut().zip(columns) {
                    *sum = _mm512_fmadd_ps(x, columns, *sum);
                }
            }
        }
    }
    sums
}

/// Where a tile's sums belong.
struct Place {
    /// The first row, and how many there are.
    row: usize,
    count: usize,
    /// The first column.
    first: usize,
    /// Whether they are added to what is there.
    add: bool,
}

impl Place {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn put<const M: usize>(&self, y: &mut Columns<'_>, sums: &[[__m512; 2]; M]) {
        for (m, sums) in sums.iter().enumerate().take(self.count) {
            let row = &mut y.row(self.row + m)[self.first..];
            if let Some(row) = row.first_chunk_mut::<PANEL>() {
                for (row, sum) in row.as_chunks_mut::<LANES>().0.iter_mut().zip(sums) {
                    // SAFETY: `row` is the 16 numbers that are read and written.
                    unsafe {
                        let before = if self.add { _mm512_loadu_ps(row.as_ptr()) } else { _mm512_setzero_ps() };
                        _mm512_storeu_ps(row.as_mut_ptr(), _mm512_add_ps(before, *sum));
                    }
                }
            } else {
                for (row, sum) in row.chunks_mut(LANES).zip(sums) {
                    let mut lanes = [0f32; LANES];
                    // SAFETY: `lanes` has room for the 16 numbers.
                    unsafe { _mm512_storeu_ps(lanes.as_mut_ptr(), *sum) };
                    for (number, lane) in row.iter_mut().zip(lanes) {
                        *number = lane + if self.add { *number } else { 0.0 };
                    }
                }
            }
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
        let mut got = vec![f32::NAN; exact.len()];
        avx512.times_transposed(x, w, input, &mut got, exact.len() / rows, 0, Finish::default());
        twin::close(&got, &exact, &scale, what);
    }

    /// Only the columns that are meant are written.
    #[test]
    fn a_product_may_be_part_of_a_wider_one() {
        let Some(avx512) = detected() else { return };
        let (rows, n, input, stride, first) = (29, 37, 600, 90, 41);
        let (x, w) = (numbers(rows * input, 3), numbers(n * input, 5));
        let mut alone = vec![0f32; rows * n];
        avx512.times_transposed(&x, &w, input, &mut alone, n, 0, Finish::default());
        let mut y = vec![9f32; rows * stride];
        avx512.times_transposed(&x, &w, input, &mut y, stride, first, Finish::default());
        for (row, alone) in y.chunks_exact(stride).zip(alone.chunks_exact(n)) {
            assert_eq!(&row[first..first + n], alone);
            assert!(row[..first].iter().chain(&row[first + n..]).all(|number| *number == 9.0));
        }
    }

    /// However many rows are computed at once, each has the same result, to the last bit.
    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        let Some(avx512) = detected() else { return };
        let (rows, input, output) = (27, 1100, 75);
        let (x, w) = (numbers(rows * input, 1), numbers(output * input, 2));
        twin::rows_alone(&x, rows, output, |x, rows| {
            let mut y = vec![0f32; rows * output];
            avx512.times_transposed(x, &w, input, &mut y, output, 0, Finish::default());
            y
        });
    }
}

//! How a product is shared out among the cores: each computes neighbouring columns, so that each weight is read by one, and
//! writes them where they belong.
#![allow(unsafe_code)] // Neighbouring columns of all rows are no slice: see `Columns`.

use rayon::prelude::*;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Neighbouring columns of a result `[rows, output]`, which one task writes.
pub(super) struct Columns<'a> {
    /// The first of them in the first row.
    start: *mut f32,
    /// From a row to the next.
    stride: usize,
    rows: usize,
    count: usize,
    result: PhantomData<&'a mut [f32]>,
}

impl Columns<'_> {
    /// How many columns there are.
    #[cfg(any(test, target_arch = "x86_64"))]
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// These columns of row `row`.
    pub(super) fn row(&mut self, row: usize) -> &mut [f32] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        // SAFETY: `into_columns` made this from a result of `rows` rows of `stride` numbers, of which it gives no other
        // task these columns; that it is borrowed as a whole keeps others from looking at the row.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.stride), self.count) }
    }

    /// The same, whether they were written or not.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn unwritten(&mut self, row: usize) -> &mut [MaybeUninit<f32>] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        // SAFETY: as above; what may be anything is nothing that somebody relies on.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(row * self.stride).cast(), self.count) }
    }
}

/// A result that tasks write different columns of.
struct Shared(*mut f32);

// SAFETY: the pointer is only made into slices of columns that no two tasks have in common.
unsafe impl Sync for Shared {}

impl Shared {
    fn get(&self) -> *mut f32 {
        self.0
    }
}

/// `[rows, output]`, computed in pieces of neighbouring columns on all cores: `run` writes all rows of those from the given
/// one on. Pieces begin at multiples of `step` and are no wider.
pub(super) fn by_columns(
    rows: usize,
    output: usize,
    step: usize,
    run: impl Fn(usize, &mut Columns<'_>) + Sync,
) -> Vec<f32> {
    let mut y = vec![0f32; rows * output];
    // SAFETY: both are slices of as many numbers; all of these were written.
    unsafe {
        let y = std::mem::transmute::<&mut [f32], &mut [MaybeUninit<f32>]>(&mut y);
        into_columns(y, rows, output, 0..output, step, run);
    }
    y
}

/// The same for the columns `columns` of `y` `[rows, stride]`, which need not have been written; pieces begin at multiples of
/// `step` after the first of them.
///
/// # Safety
/// `run` calls [`Columns::row`] only for rows of its columns that are written, which it is itself by [`Columns::unwritten`].
pub(super) unsafe fn into_columns(
    y: &mut [MaybeUninit<f32>],
    rows: usize,
    stride: usize,
    columns: Range<usize>,
    step: usize,
    run: impl Fn(usize, &mut Columns<'_>) + Sync,
) {
    assert!(columns.end <= stride && y.len() >= rows * stride, "columns that are not within their result");
    if rows == 0 || columns.is_empty() {
        return;
    }
    let shared = Shared(y.as_mut_ptr().cast());
    // A few pieces for each thread even out their ends.
    let piece = (columns.len() / (8 * rayon::current_num_threads()) / step).max(1) * step;
    (0..columns.len().div_ceil(piece)).into_par_iter().for_each(|i| {
        let start = columns.start + i * piece;
        let end = (start + piece).min(columns.end);
        for first in (start..end).step_by(step) {
            // SAFETY: `first` lies within the first row.
            let start = unsafe { shared.get().add(first) };
            let count = step.min(end - first);
            run(first, &mut Columns { start, stride, rows, count, result: PhantomData });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_written_by_the_task_of_its_columns() {
        for (rows, output, step) in [(1, 1, 16), (3, 50, 16), (7, 1030, 4), (2, 64, 64), (5, 17, 1), (0, 5, 4)] {
            let y = by_columns(rows, output, step, |first, columns| {
                assert!(first.is_multiple_of(step) && (1..=step).contains(&columns.count()));
                for row in 0..rows {
                    for (i, y) in columns.row(row).iter_mut().enumerate() {
                        *y += (row * output + first + i) as f32;
                    }
                }
            });
            let expected: Vec<f32> = (0..rows * output).map(|at| at as f32).collect();
            assert_eq!(y, expected, "{rows}×{output}, {step}");
        }
    }
}

//! Sets of cells of the padded query grid.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// A set of cells of the padded query grid (the final one, where a model has several), each `[row, column]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cells(pub(super) BTreeSet<[usize; 2]>);

impl Cells {
    /// All cells of `rows` and `columns`.
    pub fn rectangle(rows: Range<usize>, columns: Range<usize>) -> Self {
        rows.flat_map(|row| columns.clone().map(move |column| [row, column])).collect()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Each of them, row by row.
    pub fn iter(&self) -> impl Iterator<Item = [usize; 2]> + '_ {
        self.0.iter().copied()
    }

    /// The first cell that is not on a grid of `side` × `side`.
    pub fn outside(&self, side: usize) -> Option<[usize; 2]> {
        self.iter().find(|[row, column]| *row >= side || *column >= side)
    }

    /// Adds all of `other`.
    pub(super) fn extend(&mut self, other: &Self) {
        self.0.extend(other.iter());
    }

    /// The cells as rectangles (rows, columns) that do not overlap: runs in a row, joined downwards where they are
    /// equal.
    pub fn rectangles(&self) -> Vec<(Range<usize>, Range<usize>)> {
        let mut done: Vec<(Range<usize>, Range<usize>)> = Vec::new();
        let mut runs: Vec<(usize, Range<usize>)> = Vec::new();
        for [row, column] in self.iter() {
            match runs.last_mut() {
                Some((at, run)) if *at == row && run.end == column => run.end += 1,
                _ => runs.push((row, column..column + 1)),
            }
        }
        // The rectangle that a run may go on with is the last one of its columns.
        let mut last: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for (row, columns) in runs {
            let at = last.entry((columns.start, columns.end)).or_insert(done.len());
            match done.get_mut(*at) {
                Some((rows, _)) if rows.end == row => rows.end += 1,
                _ => {
                    *at = done.len();
                    done.push((row..row + 1, columns));
                }
            }
        }
        done
    }

    /// For each token of an encoder's grid of `tokens` × `tokens`, row by row, whether it lies under one of the cells of
    /// a grid of `side` × `side`.
    ///
    /// A cell owns the tokens of its window; on grids that do not divide each other, which only models without samplers
    /// may have, those that it overlaps.
    pub fn tokens_under(&self, side: usize, tokens: usize) -> Vec<bool> {
        let mut under = vec![false; tokens * tokens];
        let covered = |at: usize| at * tokens / side..((at + 1) * tokens).div_ceil(side).min(tokens);
        for [row, column] in self.iter().filter(|[row, column]| *row < side && *column < side) {
            for y in covered(row) {
                for x in covered(column) {
                    under[y * tokens + x] = true;
                }
            }
        }
        under
    }
}

impl FromIterator<[usize; 2]> for Cells {
    fn from_iter<I: IntoIterator<Item = [usize; 2]>>(cells: I) -> Self {
        Self(cells.into_iter().collect())
    }
}

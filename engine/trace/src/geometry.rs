//! Cells, padding and masks: integer facts about grids (docs/model.md §6).

use crate::error::{Result, Unusable};
use crate::image::PictureSize;
use std::ops::Range;

/// The part of a square grid that the picture fills once it has been padded to a square: the unpadded frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Side of the square grid, the padded frame.
    pub side: usize,
    /// Rows that are left after padding is cut.
    pub rows: Range<usize>,
    /// Columns that are left after padding is cut.
    pub columns: Range<usize>,
}

impl Frame {
    /// The frame of a picture on a grid of side `side`, in the reference's own arithmetic: f64, multiplied and
    /// truncated in this order.
    pub fn new(side: usize, picture: PictureSize) -> Self {
        let (width, height) = (picture.width as f64, picture.height as f64);
        let kept = |long: f64, short: f64| {
            let scale = side as f64 / long;
            let count = ((short * scale) as usize).min(side);
            let padding = (side - count) / 2;
            padding..side - padding
        };
        if width / height > 1.0 {
            Self { side, rows: kept(width, height), columns: 0..side }
        } else {
            Self { side, rows: 0..side, columns: kept(height, width) }
        }
    }

    /// The whole square.
    pub fn padded(side: usize) -> Self {
        Self { side, rows: 0..side, columns: 0..side }
    }

    /// Checks that some of the picture is left on the grid.
    ///
    /// # Errors
    /// [`Unusable`] if the picture is longer than the grid can show: every row or column would be padding.
    pub fn check(self, picture: PictureSize) -> Result<Self> {
        if !self.rows.is_empty() && !self.columns.is_empty() {
            return Ok(self);
        }
        Err(Unusable::new(
            format!(
                "the picture is {} × {} pixels: its sides differ by more than {} to 1, so nothing of it would be left \
                 on this model's {}×{} query grid",
                picture.width, picture.height, self.side, self.side, self.side
            ),
            "crop it to the part the question is about",
        ))
    }

    /// Rows `h` and columns `w` that are left.
    pub fn size_hw(&self) -> (usize, usize) {
        (self.rows.len(), self.columns.len())
    }

    /// Whether the token or cell at `(row, column)` of the square grid lies in the picture.
    pub fn contains(&self, row: usize, column: usize) -> bool {
        self.rows.contains(&row) && self.columns.contains(&column)
    }

    /// The cells of the frame as indices into the square grid, row-major.
    pub fn cells_in_padded(&self) -> impl Iterator<Item = usize> + '_ {
        self.rows.clone().flat_map(move |row| self.columns.clone().map(move |column| row * self.side + column))
    }
}

/// Indices into an encoder's token grid of side `tokens_side`, for each of `cells` (indices into a query grid of side
/// `query_side`): `r²` a cell, row-major inside the window, with `r = tokens_side / query_side`.
pub fn window_tokens(tokens_side: usize, query_side: usize, cells: impl Iterator<Item = usize>) -> Vec<u32> {
    let r = tokens_side / query_side;
    cells
        .flat_map(|cell| {
            let (top, left) = (cell / query_side * r, cell % query_side * r);
            (0..r * r).map(move |slot| ((top + slot / r) * tokens_side + left + slot % r) as u32)
        })
        .collect()
}

/// Which of an encoder's keys a cell may attend to: `r²` flags a cell, in the order of [`window_tokens`].
///
/// A token in the padding is masked; but where *all* of a cell's keys of this encoder would be, none is.
pub fn window_mask(
    tokens_side: usize,
    query_side: usize,
    cells: impl Iterator<Item = usize>,
    picture: PictureSize,
) -> Vec<bool> {
    let frame = Frame::new(tokens_side, picture);
    let r = tokens_side / query_side;
    let mut mask: Vec<bool> = window_tokens(tokens_side, query_side, cells)
        .into_iter()
        .map(|token| frame.contains(token as usize / tokens_side, token as usize % tokens_side))
        .collect();
    for window in mask.chunks_mut(r * r) {
        if !window.contains(&true) {
            window.fill(true);
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: PictureSize = PictureSize { width: 160, height: 80 };

    #[test]
    fn the_example_of_the_specification() {
        let frame = Frame::new(6, WIDE);
        assert_eq!(frame.rows, 1..5);
        assert_eq!(frame.columns, 0..6);
        let fine = Frame::new(24, WIDE);
        assert_eq!(fine.rows, 6..18);
        // Cell rows 1 and 4 keep two of their four key rows; rows 0 and 5 are all padding and are un-masked.
        let mask = window_mask(24, 6, 0..36, WIDE);
        let valid = |row: usize| mask[row * 6 * 16..(row * 6 + 1) * 16].iter().filter(|&&v| v).count();
        assert_eq!([0, 1, 2, 3, 4, 5].map(valid), [16, 8, 16, 16, 8, 16]);
    }

    #[test]
    fn windows_are_row_major_inside_a_cell() {
        assert_eq!(window_tokens(4, 2, [3].into_iter()), [10, 11, 14, 15]);
        assert_eq!(window_tokens(6, 6, [7].into_iter()), [7]);
    }

    #[test]
    fn truncation_follows_the_order_of_the_multiplication() {
        // 29 · (24 / 58) is 12.000000000000002 or 11.999… depending on the order; the reference divides first.
        for (width, height) in [(58, 29), (1000, 333), (4032, 3024), (639, 480)] {
            let size = PictureSize { width, height };
            let n = (height as f64 * (24.0 / width as f64)) as usize;
            let p = (24 - n) / 2;
            assert_eq!(Frame::new(24, size).rows, p..24 - p);
        }
    }

    #[test]
    fn a_picture_longer_than_the_grid_is_refused() {
        let size = PictureSize { width: 2500, height: 100 };
        let error = Frame::new(24, size).check(size).unwrap_err().to_string();
        assert!(error.contains("2500 × 100") && error.contains("crop"), "{error}");
        let just = PictureSize { width: 2400, height: 100 };
        assert_eq!(Frame::new(24, just).check(just).unwrap().size_hw(), (2, 24));
    }
}

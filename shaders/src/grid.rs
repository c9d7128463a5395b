//! Plain values on the query grid, such as one token's attention to the visual tokens, or what each cell adds or takes away.

use crate::error::{Error, Result};
use crate::trace::{Encoder, GpuTrace, Numbers, TokenRect, TraceData, TraceLayer};

/// Values of the cells of the unpadded frame.
#[derive(Debug, Clone)]
pub struct GridData<'a> {
    /// The name that messages use.
    pub label: String,
    /// Cells in a row and in a column of the padded frame.
    pub side: u32,
    /// First row of the padded frame that has values. The rows without any are padding.
    pub origin_row: u32,
    /// First column that has values.
    pub origin_col: u32,
    /// Rows that have values.
    pub rows: u32,
    /// Columns that have values.
    pub cols: u32,
    /// `[rows, cols]`, row-major: finite. Of values on both sides of 0, [`crate::MapView::symmetric`] keeps 0 in the middle of
    /// the colours.
    pub values: &'a [f32],
    /// Width of the photo in pixels. It lies in the middle of a square of its longer side.
    pub image_width: u32,
    /// Height of the photo in pixels.
    pub image_height: u32,
}

impl GridData<'_> {
    /// A trace of one layer, one head and one encoder, with one key to a cell. The share of that encoder is the value.
    pub(crate) fn upload(&self, device: &wgpu::Device, queue: &wgpu::Queue) -> Result<GpuTrace> {
        let Self { ref label, side, origin_row, origin_col, rows, cols, values, image_width, image_height } = *self;
        // What would not fit below; all else is checked there.
        let ends = origin_row.checked_add(rows).zip(origin_col.checked_add(cols));
        let cells = u64::from(rows) * u64::from(cols);
        let (Some((row_end, col_end)), true) = (ends, cells == values.len() as u64) else {
            return Err(Error::Trace(format!(
                "{label}: {} values for {rows} × {cols} cells from row {origin_row}, column {origin_col} on",
                values.len()
            )));
        };
        let photo = TokenRect { rows: origin_row..row_end, cols: origin_col..col_end };
        let mask = vec![1; values.len()];
        let layer =
            TraceLayer { label: label.clone(), side, origin_row, origin_col, rows, cols, probs: values, mask: &mask };
        let encoders = vec![Encoder { name: label.clone(), side, photo }];
        let data = TraceData { heads: 1, encoders, layers: vec![layer], image_width, image_height };
        GpuTrace::upload(device, queue, &data, Numbers::Values)
    }
}

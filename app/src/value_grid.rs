//! Numbers of the cells of a query grid as they are drawn over a picture.

use opabinia_engine::Error;
use opabinia_engine::sva::Frame;
use opabinia_engine::vision::Picture;
use opabinia_shaders::GridData;

/// `values`, one for each cell of `frame`, row by row, over `picture`; messages call them `label`.
///
/// # Errors
/// [`Error::Input`] if there are more than can be drawn.
pub fn value_grid<'v>(label: &str, frame: &Frame, values: &'v [f32], picture: &Picture) -> Result<GridData<'v>, Error> {
    let number = |size: usize| {
        u32::try_from(size).map_err(|_| Error::input("the grid is too large to draw", "ask for a smaller picture"))
    };
    let (rows, columns) = frame.size_hw();
    Ok(GridData {
        label: label.to_owned(),
        side: number(frame.side)?,
        origin_row: number(frame.rows.start)?,
        origin_col: number(frame.columns.start)?,
        rows: number(rows)?,
        cols: number(columns)?,
        values,
        image_width: number(picture.width)?,
        image_height: number(picture.height)?,
    })
}

//! How a product is shared out among the cores: each computes neighbouring columns, so that each weight is read by one.

use rayon::prelude::*;

/// `[rows, output]`, computed in pieces of neighbouring columns on all cores: `run` writes `[rows, columns]` of those from
/// `first` on. Pieces begin at multiples of `step`.
pub(super) fn by_columns(
    rows: usize,
    output: usize,
    step: usize,
    run: impl Fn(usize, usize, &mut [f32]) + Sync,
) -> Vec<f32> {
    let mut y = vec![0f32; rows * output];
    // A few pieces for each thread even out their ends.
    let piece = output.div_ceil(8 * rayon::current_num_threads()).next_multiple_of(step);
    if rows == 1 {
        y.par_chunks_mut(piece).enumerate().for_each(|(i, y)| run(i * piece, y.len(), y));
        return y;
    }
    let mut pieces = vec![0f32; rows * output];
    pieces.par_chunks_mut(piece * rows).enumerate().for_each(|(i, y)| {
        let columns = y.len() / rows;
        let inside = columns.next_multiple_of(step);
        // One panel after the other.
        if columns <= step {
            run(i * piece, columns, y);
            return;
        }
        let mut panel = vec![0f32; rows * step];
        for first in (0..inside).step_by(step) {
            let count = step.min(columns - first);
            let panel = &mut panel[..rows * count];
            run(i * piece + first, count, panel);
            for (row, values) in panel.chunks_exact(count).enumerate() {
                y[row * columns + first..row * columns + first + count].copy_from_slice(values);
            }
        }
    });
    y.par_chunks_mut(output).enumerate().for_each(|(row, y)| {
        for (y, piece) in y.chunks_mut(piece).zip(pieces.chunks(piece * rows)) {
            let columns = y.len();
            y.copy_from_slice(&piece[row * columns..(row + 1) * columns]);
        }
    });
    y
}

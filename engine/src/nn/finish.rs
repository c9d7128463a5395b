//! What is done to the results of a product before anything else sees them: a bias is added, an activation applied. Loops that
//! can do it while the results are in the nearest cache; the others in one pass at the end.

use super::activation::Activation;
use super::host::TASK;
use rayon::prelude::*;

/// A bias, a number for each column, then an activation; nothing of what is absent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Finish<'a> {
    pub(super) bias: Option<&'a [f32]>,
    pub(super) then: Option<Activation>,
}

impl Finish<'_> {
    /// Finishes a row's columns from `first` on, on this core alone: loops call it while they hold what belongs to their thread.
    #[inline(always)]
    pub(super) fn columns(self, row: &mut [f32], first: usize) {
        if let Some(bias) = self.bias {
            row.iter_mut().zip(&bias[first..]).for_each(|(value, bias)| *value += bias);
        }
        if let Some(activation) = self.then {
            activation.in_place(row);
        }
    }

    /// Finishes all rows of `width` columns, on all cores.
    pub(super) fn all(self, y: &mut [f32], width: usize) {
        if width == 0 || (self.bias.is_none() && self.then.is_none()) {
            return;
        }
        y.par_chunks_mut(width * (TASK / width).max(1)).for_each(|rows| {
            for row in rows.chunks_exact_mut(width) {
                self.columns(row, 0);
            }
        });
    }
}

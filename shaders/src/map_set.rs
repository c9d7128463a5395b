//! The maps of one view: their buffers, and what the passes are told of the view.

use crate::error::{Error, Result};
use crate::layout::{
    NORMALISE_COMMON, NORMALISE_FIXED, NORMALISE_PER_MAP, QUANTITY_DOMINANT, QUANTITY_ENTROPY, QUANTITY_LIFT,
    QUANTITY_NORMALISED_ENTROPY, QUANTITY_SHARE, REDUCTION_MAX, REDUCTION_MEAN, Scale, Texel, ViewInfo,
};
use crate::readback::within;
use crate::trace::TraceShape;
use crate::view::{Cell, Focus, MapView, Normalisation};
use opabinia_trace::measure::{Quantity, Reduction};
use std::sync::Arc;

/// The maps of one view of one trace (or of the difference of two) on the device.
///
/// What is measured stands in the set: two places on the screen with views of their own need two sets, which may be of the
/// same trace.
#[derive(Debug)]
pub struct MapSet {
    pub(crate) shape: Arc<TraceShape>,
    pub(crate) grid: Grid,
    pub(crate) view: wgpu::Buffer,
    pub(crate) texels: wgpu::Buffer,
    pub(crate) scales: wgpu::Buffer,
    pub(crate) fill: Fill,
    pub(crate) scale: wgpu::BindGroup,
}

/// What the texels of a [`MapSet`] are made from.
#[derive(Debug)]
pub(crate) enum Fill {
    /// A trace.
    Trace(wgpu::BindGroup),
    /// The texels of one set minus those of another.
    Difference { bind: wgpu::BindGroup, of: [wgpu::Buffer; 2] },
}

/// What the texels of a [`MapSet`] mean, as of the last measurement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grid {
    pub(crate) quantity: Quantity,
    pub(crate) focus: Focus,
    /// Cells to a side of the padded frame.
    pub(crate) cell_side: u32,
    /// Texels to a side of each map.
    pub(crate) sides: Vec<u32>,
}

impl Grid {
    /// Texels from the beginning of one map to that of the next.
    pub(crate) fn stride(&self) -> u32 {
        self.sides.iter().map(|side| side * side).max().unwrap_or(0)
    }

    /// Bytes of the texels of all maps.
    pub(crate) fn texel_bytes(&self) -> u64 {
        self.sides.len() as u64 * u64::from(self.stride()) * size_of::<Texel>() as u64
    }

    /// Bytes of the ranges of all maps.
    pub(crate) fn scale_bytes(&self) -> u64 {
        (self.sides.len() * size_of::<Scale>()) as u64
    }

    /// Which of the maps belongs to `encoder`.
    pub(crate) fn slot(&self, encoder: usize) -> Result<usize> {
        let slot = if self.quantity.per_encoder() { encoder } else { 0 };
        if slot < self.sides.len() {
            return Ok(slot);
        }
        Err(Error::View(format!("there is no encoder {encoder}, the trace has {} (counted from 0)", self.sides.len())))
    }

    /// The grid of `view` on a trace.
    fn of(shape: &TraceShape, view: &MapView) -> Result<Self> {
        let sides = shape.layer_sides.iter().enumerate().filter(|(layer, _)| view.layers.contains(*layer));
        let Some(cell_side) = sides.map(|(_, side)| *side).max() else {
            let count = shape.layer_sides.len();
            return Err(Error::View(format!("none of the trace's {count} layers is chosen (counted from 0)")));
        };
        if !(0..shape.heads).any(|head| view.heads.contains(head)) {
            return Err(Error::View(format!("none of the trace's {} heads is chosen (counted from 0)", shape.heads)));
        }
        let sides = if view.in_tokens() {
            shape.encoders.iter().map(|encoder| encoder.side).collect()
        } else if view.quantity.per_encoder() {
            vec![cell_side; shape.encoders.len()]
        } else {
            vec![cell_side]
        };
        let grid = Self { quantity: view.quantity, focus: view.focus, cell_side, sides };
        grid.outline(view.focus.cell())?;
        Ok(grid)
    }

    /// A cell's edges in the padded square: left, top, right, bottom. All 0 where there is no cell.
    pub(crate) fn outline(&self, cell: Option<Cell>) -> Result<[f32; 4]> {
        let Some(Cell { row, col }) = cell else { return Ok([0.0; 4]) };
        let side = self.cell_side;
        if row.max(col) >= side {
            return Err(Error::View(format!(
                "there is no cell ({row}, {col}), the padded frame has {side} × {side} (counted from 0)"
            )));
        }
        Ok([col, row, col + 1, row + 1].map(|edge| edge as f32 / side as f32))
    }
}

impl MapSet {
    /// The grid of `view` on a trace, and what the passes are told of it.
    pub(crate) fn plan(shape: &TraceShape, view: &MapView) -> Result<(Grid, ViewInfo)> {
        let grid = Grid::of(shape, view)?;
        let focus = if let Focus::Window(cell) = view.focus { Some(cell) } else { None };
        let mut info = ViewInfo {
            layer_bits: view.layers.words(),
            head_bits: view.heads.words(),
            quantity: match view.quantity {
                Quantity::Share => QUANTITY_SHARE,
                Quantity::Lift => QUANTITY_LIFT,
                Quantity::Entropy => QUANTITY_ENTROPY,
                Quantity::NormalisedEntropy => QUANTITY_NORMALISED_ENTROPY,
                Quantity::Dominant => QUANTITY_DOMINANT,
            },
            reduction: match view.reduction {
                Reduction::Mean => REDUCTION_MEAN,
                Reduction::Max => REDUCTION_MAX,
            },
            tokens: u32::from(view.in_tokens()),
            focused: u32::from(focus.is_some()),
            focus_row: focus.map_or(0, |cell| cell.row),
            focus_col: focus.map_or(0, |cell| cell.col),
            ..ViewInfo::default()
        };
        normalise(&mut info, &grid, view.normalisation, view.symmetric)?;
        Ok((grid, info))
    }

    /// The grid of `a` − `b`, and what the passes are told of it.
    pub(crate) fn plan_difference(a: &Self, b: &Self, normalisation: Normalisation) -> Result<(Grid, ViewInfo)> {
        let refuse = |message: String| Err(Error::View(message));
        if a.grid.quantity == Quantity::Dominant {
            return refuse("indices of encoders have no difference; compare shares".to_owned());
        }
        if a.grid.quantity != b.grid.quantity {
            let (a, b) = (a.grid.quantity.label(), b.grid.quantity.label());
            return refuse(format!("{a} and {b} have no difference"));
        }
        if a.grid.sides != b.grid.sides || a.grid.cell_side != b.grid.cell_side {
            let (a, b) = (&a.grid.sides, &b.grid.sides);
            return refuse(format!("maps of {a:?} and {b:?} texels to a side have no difference"));
        }
        let names = |maps: &Self| maps.shape.encoders.iter().map(|encoder| encoder.name.clone()).collect::<Vec<_>>();
        if a.grid.quantity.per_encoder() && names(a) != names(b) {
            return refuse(format!("maps of the encoders {:?} and {:?} have no difference", names(a), names(b)));
        }
        let mut info = ViewInfo::default();
        normalise(&mut info, &a.grid, normalisation, true)?;
        Ok((a.grid.clone(), info))
    }

    /// Checks that the device can hold maps of a trace of this shape, and gives the bytes of their texels.
    pub(crate) fn texel_bytes(device: &wgpu::Device, shape: &TraceShape) -> Result<u64> {
        let bytes = shape.most_texels() * shape.encoders.len() as u64 * size_of::<Texel>() as u64;
        let limits = device.limits();
        let allowed = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        within("the maps of this trace", bytes, allowed, "choose another adapter")?;
        Ok(bytes)
    }

    /// Bytes of the ranges of the maps of a trace.
    pub(crate) fn scale_bytes(shape: &TraceShape) -> u64 {
        (shape.encoders.len() * size_of::<Scale>()) as u64
    }
}

/// Writes the part that all kinds of maps have.
fn normalise(info: &mut ViewInfo, grid: &Grid, normalisation: Normalisation, symmetric: bool) -> Result<()> {
    info.cell_side = grid.cell_side;
    info.slots = grid.sides.len() as u32;
    info.slot_stride = grid.stride();
    info.symmetric = u32::from(symmetric);
    match normalisation {
        Normalisation::PerMap => info.normalisation = NORMALISE_PER_MAP,
        Normalisation::Common => info.normalisation = NORMALISE_COMMON,
        Normalisation::Fixed { low, high } => {
            if !(low.is_finite() && high.is_finite() && low < high) {
                return Err(Error::View(format!(
                    "the range of colours runs from {low} to {high}, expected low < high"
                )));
            }
            info.normalisation = NORMALISE_FIXED;
            info.fixed_low = low;
            info.fixed_high = high;
        }
    }
    Ok(())
}

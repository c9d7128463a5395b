//! The cell, layers and heads that the view chooses of the trace that is looked at.

use super::super::Cx;
use super::kept::{Asked, Kept, Matrix};
use crate::selection;
use crate::window::state::{MapLens, TraceEntry};
use opabinia_engine::probe::{Cell, Measure, Measured, Reduction, Trace, reduce};
use opabinia_engine::sva::{Frame, HEADS};
use std::rc::Rc;

/// What is chosen.
pub struct Selected<'a> {
    /// The trace with the names of its encoders.
    pub entry: &'a TraceEntry,
    /// How it is looked at, as this trace has it.
    pub lens: MapLens,
    /// Layers, as places in the trace.
    pub layers: Vec<usize>,
    /// Heads.
    pub heads: Vec<usize>,
    /// How they become one number.
    pub reduction: Reduction,
    /// The cell, on the finest grid of the chosen layers.
    pub cell: Cell,
    kept: &'a Kept,
}

impl<'a> Selected<'a> {
    /// What the view chooses; `None` if there is no trace, or no cell of it.
    pub fn of(cx: &Cx<'a>, kept: &'a Kept) -> Option<Self> {
        let entry = cx.state.trace()?;
        Self::through(entry, cx.state.lens().fitted(&entry.trace), kept)
    }

    /// What the pane that shows both sides of a comparison chooses of each of them; `None` where it does not, or one has no
    /// counterpart of what is chosen.
    pub fn of_both(cx: &Cx<'a>, kept: &'a Kept) -> Option<[Self; 2]> {
        let keys = cx.state.sides_of(cx.state.pane())?;
        let [a, b] = keys.each_ref().map(|key| cx.state.traces.get(key));
        let (a, b) = (a?, b?);
        let [of_a, of_b] = cx.counterparts(a, b).lenses(cx.state.lens());
        Some([Self::through(a, of_a?, kept)?, Self::through(b, of_b?, kept)?])
    }

    /// What `lens` chooses of `entry`.
    fn through(entry: &'a TraceEntry, lens: MapLens, kept: &'a Kept) -> Option<Self> {
        let cell = lens.selected?;
        let layers: Vec<usize> = (0..entry.trace.layers.len()).filter(|at| lens.layers.contains(*at)).collect();
        let side = entry.trace.finest_side(&layers)?;
        let cell = Cell { side, row: cell.row as usize, column: cell.col as usize };
        if cell.row >= side || cell.column >= side {
            return None;
        }
        let reduction = match lens.reduction {
            opabinia_shaders::Reduction::Mean => Reduction::Mean,
            opabinia_shaders::Reduction::Max => Reduction::Max,
        };
        let heads = (0..HEADS).filter(|head| lens.heads.contains(*head)).collect();
        Some(Self { entry, lens, layers, heads, reduction, cell, kept })
    }

    /// The trace.
    pub fn trace(&self) -> &'a Trace {
        &self.entry.trace
    }

    /// `measure` of the cell in the chosen layers and heads.
    pub fn value(&self, measure: Measure) -> Measured<f64> {
        reduce(&self.matrix(measure), &self.layers, &self.heads, self.reduction)
    }

    /// The same in every layer and head of the trace.
    pub fn matrix(&self, measure: Measure) -> Rc<Matrix> {
        self.kept.get(&self.entry.trace, Asked::Cell(measure, self.cell))
    }

    /// The probability of one encoder's token in the chosen layers and heads.
    pub fn token(&self, k: usize, row: usize, column: usize) -> Measured<f64> {
        let matrix = self.kept.get(&self.entry.trace, Asked::Token { k, row, column });
        reduce(&matrix, &self.layers, &self.heads, self.reduction)
    }

    /// The cell's place in the unpadded frame, and the frame.
    pub fn unpadded(&self) -> (Option<(usize, usize)>, Frame) {
        let frame = Frame::new(self.cell.side, self.trace().picture);
        let Cell { row, column, .. } = self.cell;
        let inside = frame.contains(row, column).then(|| (row - frame.rows.start, column - frame.columns.start));
        (inside, frame)
    }

    /// Whether the cell holds none of the picture in any chosen layer.
    pub fn is_padding(&self) -> bool {
        self.value(Measure::Entropy) == Measured::Padding
    }

    /// Chosen layers on the finest grid that reach the cell: those whose window is just this cell's.
    pub fn own_layers(&self) -> impl Iterator<Item = usize> + '_ {
        let Cell { side, row, column } = self.cell;
        let reaches = move |layer: &usize| {
            let frame = &self.trace().layers[*layer].frame;
            frame.side == side && frame.contains(row, column)
        };
        self.layers.iter().copied().filter(reaches)
    }

    /// Which layers and heads are put together, and how.
    pub fn scope(&self, cx: &Cx<'_>) -> String {
        let texts = &cx.texts.inspector;
        let layers = selection::runs(&self.layers, |at| self.trace().layers[at].label.clone()).join(", ");
        let heads = selection::runs(&self.heads, |head| head.to_string()).join(", ");
        if self.layers.len() == 1 && self.heads.len() == 1 {
            return format!("{} {layers} · {} {heads}", texts.layer, texts.head);
        }
        let how = match self.reduction {
            Reduction::Mean => texts.mean_over,
            Reduction::Max => texts.max_over,
        };
        format!("{how} {} {layers} · {} {heads}", texts.layers, texts.heads)
    }
}

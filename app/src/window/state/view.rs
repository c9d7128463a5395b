//! What is looked at: which maps, of which layers and heads, in which colours. Every change can be undone.

use crate::map_figure::{default_colours, photo_confounds};
use opabinia_engine::probe::Trace;
use opabinia_engine::sva::HEADS;
use opabinia_shaders::{
    Cell, ColourMap, Filter, Focus, Granularity, Indices, Look, MapView, Normalisation, Quantity, Rect, Reduction,
};
use serde::{Deserialize, Serialize};

/// How many views can be gone back to.
const HISTORY: usize = 200;

/// How far zooming and dragging may come to lie outside of the square.
const ROUNDING: f32 = 1e-3;

/// What the maps are made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum MapSource {
    /// The SVA's attention: where the visual tokens came from. Does not depend on the question.
    #[default]
    Sva,
    /// The language model's attention from the selected token to the visual tokens. Depends on the question.
    Token {
        /// Decoder layer; `None` is the mean of all.
        layer: Option<usize>,
        /// Head; `None` is the mean of all.
        head: Option<usize>,
    },
}

/// Which part of the inspector is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum InspectorTab {
    /// The selected cell.
    #[default]
    Cell,
    /// The selected token.
    Token,
    /// The map as a table.
    Table,
    /// The checkpoint.
    Model,
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct View {
    /// What the maps are made from.
    pub source: MapSource,
    /// What is measured.
    pub quantity: Quantity,
    /// The encoder of the large map.
    pub encoder: usize,
    /// SVA layers, by their place in the trace.
    pub layers: Indices,
    /// Heads.
    pub heads: Indices,
    /// How layers and heads become one number.
    pub reduction: Reduction,
    /// Cells or tokens.
    pub granularity: Granularity,
    /// Which range the colours span.
    pub normalisation: Normalisation,
    /// Colours; `None` is the one that fits the quantity.
    pub colour_map: Option<ColourMap>,
    /// How much of the photo the map hides, 0 to 1.
    pub opacity: f32,
    /// Whether the photo is grey under a map for whose colours its own would be taken.
    pub grey_photo: bool,
    /// Patches or a smooth surface.
    pub filter: Filter,
    /// Whether the query grid is drawn.
    pub grid: bool,
    /// The cell that the inspector explains.
    pub selected: Option<Cell>,
    /// The part of the padded square that the large map shows.
    pub shown: Rect,
    /// Show the padded, resized input that this encoder was given instead of the photo.
    pub input_of: Option<usize>,
}

impl Default for View {
    fn default() -> Self {
        Self {
            source: MapSource::default(),
            quantity: Quantity::Lift,
            encoder: 0,
            layers: Indices::ALL,
            heads: Indices::ALL,
            reduction: Reduction::Mean,
            granularity: Granularity::Cells,
            normalisation: Normalisation::Common,
            colour_map: None,
            opacity: 0.6,
            grey_photo: true,
            filter: Filter::Nearest,
            grid: false,
            selected: None,
            shown: Rect::SQUARE,
            input_of: None,
        }
    }
}

impl View {
    /// Quantities, in the order in which they are stepped through.
    pub const QUANTITIES: [Quantity; 5] =
        [Quantity::Share, Quantity::Lift, Quantity::Entropy, Quantity::NormalisedEntropy, Quantity::Dominant];

    /// The smallest part of the padded square that can be zoomed to.
    pub const CLOSEST: f32 = 1.0 / 64.0;

    /// Brings what a file said into its bounds.
    pub fn settle(&mut self) {
        let Rect { left, top, width, height } = self.shown;
        let inside = |start: f32, extent: f32| {
            (Self::CLOSEST..=1.0).contains(&extent) && start >= -ROUNDING && start + extent <= 1.0 + ROUNDING
        };
        if !inside(left, width) || !inside(top, height) {
            self.shown = Rect::SQUARE;
        }
        self.opacity = if self.opacity.is_finite() { self.opacity.clamp(0.0, 1.0) } else { Self::default().opacity };
        if !self.normalisation_is_sound() {
            self.normalisation = Normalisation::Common;
        }
    }

    /// Whether a fixed range is one.
    fn normalisation_is_sound(&self) -> bool {
        match self.normalisation {
            Normalisation::Fixed { low, high } => low < high && low.is_finite() && high.is_finite(),
            _ => true,
        }
    }

    /// This view as `trace` can show it: with an encoder, layers, heads and a cell that it has. A view is kept when
    /// another picture or another model comes.
    pub fn fitted(&self, trace: &Trace) -> Self {
        let among = |chosen: Indices, count| {
            if (0..count).any(|index| chosen.contains(index)) { chosen } else { Indices::ALL }
        };
        let mut fitted = self.clone();
        fitted.encoder = self.encoder.min(trace.encoders.len().saturating_sub(1));
        fitted.input_of = self.input_of.filter(|encoder| *encoder < trace.encoders.len());
        fitted.layers = among(self.layers, trace.layers.len());
        fitted.heads = among(self.heads, HEADS);
        let side = fitted.side(trace);
        fitted.selected = self.selected.filter(|cell| cell.row < side && cell.col < side);
        if !self.normalisation_is_sound() {
            fitted.normalisation = Normalisation::Common;
        }
        fitted
    }

    /// Cells to a side of the padded frame of the chosen layers.
    pub fn side(&self, trace: &Trace) -> u32 {
        let chosen = trace.layers.iter().enumerate().filter(|(layer, _)| self.layers.contains(*layer));
        chosen.map(|(_, layer)| layer.frame.side as u32).max().unwrap_or(1)
    }

    /// What is measured, as the shaders take it.
    pub fn map_view(&self) -> MapView {
        MapView {
            quantity: self.quantity,
            layers: self.layers,
            heads: self.heads,
            reduction: self.reduction,
            granularity: self.granularity,
            focus: self.selected.map_or(Focus::Whole, Focus::Outline),
            normalisation: self.normalisation,
            symmetric: self.quantity == Quantity::Lift,
        }
    }

    /// This view, with a quantity that every encoder has: the same, or lift for the dominant encoder, which goes by it, or
    /// else share.
    pub fn of_each_encoder(&self) -> Self {
        if self.quantity.per_encoder() {
            return self.clone();
        }
        let quantity = if self.quantity == Quantity::Dominant { Quantity::Lift } else { Quantity::Share };
        let mut each = Self { quantity, ..self.clone() };
        if matches!(self.normalisation, Normalisation::Fixed { .. }) {
            each.normalisation = Normalisation::Common;
        }
        each
    }

    /// The colours that are used.
    pub fn colours(&self) -> ColourMap {
        self.colour_map.unwrap_or_else(|| default_colours(self.quantity))
    }

    /// Whether colours of the photo would be taken for values.
    pub fn photo_confounds(&self) -> bool {
        photo_confounds(self.quantity, self.colours())
    }

    /// Whether the photo is drawn grey.
    pub fn greys_photo(&self) -> bool {
        self.grey_photo && self.photo_confounds()
    }

    /// How it is shown.
    pub fn look(&self) -> Look {
        Look {
            colour_map: self.colours(),
            opacity: self.opacity,
            grey_photo: self.greys_photo(),
            filter: self.filter,
            shown: self.shown,
            cell_grid: self.grid,
            token_grid: self.selected.is_some(),
            ..Look::default()
        }
    }
}

/// A change of one property.
#[derive(Debug, Clone, PartialEq)]
pub enum ViewChange {
    /// What the maps are made from.
    Source(MapSource),
    /// What is measured.
    Quantity(Quantity),
    /// The encoder of the large map.
    Encoder(usize),
    /// SVA layers.
    Layers(Indices),
    /// Heads.
    Heads(Indices),
    /// How layers and heads become one number.
    Reduction(Reduction),
    /// Cells or tokens.
    Granularity(Granularity),
    /// Which range the colours span.
    Normalisation(Normalisation),
    /// Colours.
    ColourMap(Option<ColourMap>),
    /// How much of the photo the map hides.
    Opacity(f32),
    /// Whether the photo is grey under a map for whose colours its own would be taken.
    GreyPhoto(bool),
    /// Patches or a smooth surface.
    Filter(Filter),
    /// Whether the query grid is drawn.
    Grid(bool),
    /// The cell that the inspector explains.
    Select(Option<Cell>),
    /// Zoom and pan.
    Shown(Rect),
    /// The encoder whose input is shown.
    InputOf(Option<usize>),
}

impl ViewChange {
    fn apply(&self, view: &mut View) {
        match self {
            Self::Source(source) => {
                view.source = *source;
                // Who asks for a map wants to see it.
                view.input_of = None;
            }
            Self::Quantity(quantity) => {
                // A range of one quantity means nothing for another.
                if *quantity != view.quantity && matches!(view.normalisation, Normalisation::Fixed { .. }) {
                    view.normalisation = Normalisation::Common;
                }
                view.quantity = *quantity;
                if !quantity.per_encoder() {
                    // Only the large map shows it.
                    view.input_of = None;
                }
            }
            Self::Encoder(encoder) => view.encoder = *encoder,
            Self::Layers(layers) => view.layers = *layers,
            Self::Heads(heads) => view.heads = *heads,
            Self::Reduction(reduction) => view.reduction = *reduction,
            Self::Granularity(granularity) => view.granularity = *granularity,
            Self::Normalisation(normalisation) => view.normalisation = *normalisation,
            Self::ColourMap(colours) => view.colour_map = *colours,
            Self::Opacity(opacity) => view.opacity = opacity.clamp(0.0, 1.0),
            Self::GreyPhoto(grey) => view.grey_photo = *grey,
            Self::Filter(filter) => view.filter = *filter,
            Self::Grid(grid) => view.grid = *grid,
            Self::Select(cell) => view.selected = *cell,
            Self::Shown(rect) => view.shown = *rect,
            Self::InputOf(encoder) => view.input_of = *encoder,
        }
    }

    /// Whether `self` goes on with what `before` began, as dragging a slider does: both are one step of the history.
    fn continues(&self, before: &Self) -> bool {
        match (self, before) {
            (Self::Opacity(_), Self::Opacity(_))
            | (Self::Shown(_), Self::Shown(_))
            | (Self::Normalisation(Normalisation::Fixed { .. }), Self::Normalisation(Normalisation::Fixed { .. })) => {
                true
            }
            // Dragging over layers or heads takes in, or lets go of, one after another.
            (Self::Layers(now), Self::Layers(then)) | (Self::Heads(now), Self::Heads(then)) => {
                grows(*now, *then) || grows(*then, *now)
            }
            _ => false,
        }
    }
}

/// Whether `all` is `part` with more to it, and not everything there is.
fn grows(all: Indices, part: Indices) -> bool {
    all != Indices::ALL && all != part && (0..128).all(|index| all.contains(index) || !part.contains(index))
}

/// The view with its past and its undone future.
#[derive(Debug, Default)]
pub struct ViewHistory {
    now: View,
    past: Vec<View>,
    future: Vec<View>,
    last: Option<ViewChange>,
    position: u64,
}

impl ViewHistory {
    /// A history that begins with `view`.
    pub fn starting_with(view: View) -> Self {
        Self { now: view, ..Self::default() }
    }

    /// What is looked at.
    pub fn now(&self) -> &View {
        &self.now
    }

    /// Changes one property.
    pub fn change(&mut self, change: &ViewChange) {
        let mut next = self.now.clone();
        change.apply(&mut next);
        if next == self.now {
            return;
        }
        let continued = self.last.as_ref().is_some_and(|last| change.continues(last));
        if continued {
            self.now = next;
        } else {
            self.replace(next);
        }
        self.last = Some(change.clone());
    }

    /// Replaces the whole view.
    pub fn replace(&mut self, next: View) {
        self.last = None;
        if next == self.now {
            return;
        }
        if self.past.len() == HISTORY {
            self.past.remove(0);
        }
        self.past.push(std::mem::replace(&mut self.now, next));
        self.position += 1;
        self.future.clear();
    }

    /// How many steps of the history lie behind what is looked at, those forgotten included: two places of it compare as
    /// what was done earlier and later.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whether there is a view to go back to.
    pub fn can_undo(&self) -> bool {
        !self.past.is_empty()
    }

    /// Whether there is a view to go forward to.
    pub fn can_redo(&self) -> bool {
        !self.future.is_empty()
    }

    /// Goes one view back.
    pub fn undo(&mut self) {
        if let Some(before) = self.past.pop() {
            self.future.push(std::mem::replace(&mut self.now, before));
            self.position = self.position.saturating_sub(1);
            self.last = None;
        }
    }

    /// Goes one view forward.
    pub fn redo(&mut self) {
        if let Some(after) = self.future.pop() {
            self.past.push(std::mem::replace(&mut self.now, after));
            self.position += 1;
            self.last = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(indices: impl IntoIterator<Item = usize>) -> Indices {
        indices.into_iter().collect()
    }

    #[test]
    fn dragging_is_one_step_of_the_history_and_choosing_another_is_not() {
        let mut history = ViewHistory::default();
        for end in 1..4 {
            history.change(&ViewChange::Layers(chosen(0..end)));
        }
        history.change(&ViewChange::Layers(chosen([5])));
        history.undo();
        assert_eq!(history.now().layers, chosen(0..3));
        history.undo();
        assert_eq!(history.now().layers, Indices::ALL);
        assert!(!history.can_undo());
    }

    #[test]
    fn the_photo_is_grey_where_its_colours_would_be_taken_for_values() {
        let greys = |quantity| View { quantity, ..View::default() }.greys_photo();
        assert!(greys(Quantity::Lift) && greys(Quantity::Dominant));
        assert!(!greys(Quantity::Share) && !greys(Quantity::Entropy));
        assert!(!View { quantity: Quantity::Dominant, grey_photo: false, ..View::default() }.greys_photo());
    }

    #[test]
    fn a_range_of_one_quantity_is_not_taken_for_another() {
        let mut history = ViewHistory::default();
        history.change(&ViewChange::Normalisation(Normalisation::Fixed { low: -3.0, high: 3.0 }));
        history.change(&ViewChange::Quantity(Quantity::Share));
        assert_eq!(history.now().normalisation, Normalisation::Common);
        history.undo();
        assert_eq!(history.now().normalisation, Normalisation::Fixed { low: -3.0, high: 3.0 });
    }
}

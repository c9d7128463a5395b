//! How a map is drawn: of which layers and heads, in which colours, which part of it.

use super::{Linked, MapSource};
use crate::map_figure::{default_colours, photo_confounds};
use opabinia_engine::probe::Trace;
use opabinia_engine::sva::HEADS;
use opabinia_shaders::{
    Cell, ColourMap, Filter, Focus, Granularity, Indices, Look, MapView, Normalisation, Quantity, Rect, Reduction,
};
use serde::{Deserialize, Serialize};

/// How far zooming and dragging may come to lie outside of the square.
const ROUNDING: f32 = 1e-3;

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

/// How the maps of a pane are drawn, whatever they are made from: the one answer to that, for the screen, the session, and
/// (through [`super::AppState::figure_settings`]) for files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MapLens {
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

impl Default for MapLens {
    fn default() -> Self {
        Self {
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

impl MapLens {
    /// The smallest part of the padded square that can be zoomed to.
    pub const CLOSEST: f32 = 1.0 / 64.0;

    /// Brings what a file said into its bounds.
    pub fn clamp(&mut self) {
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

    /// This lens as `trace` can be seen through it: with an encoder, layers, heads and a cell that it has. A lens is kept when
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

    /// This lens, with a quantity that every encoder has: the same, or lift for the dominant encoder, which goes by it, or
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

    /// This lens, as a difference is seen through it: with a quantity that has one, and colours that have a middle.
    pub fn of_a_difference(&self) -> Self {
        let quantity = if self.quantity == Quantity::Dominant { Quantity::Lift } else { self.quantity };
        Self { quantity, colour_map: Some(self.colour_map.unwrap_or(ColourMap::Diverging)), ..self.clone() }
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
    /// What of linked panes it changes in all of them.
    pub(super) fn linked(&self) -> Option<Linked> {
        match self {
            Self::Select(_) => Some(Linked::Cell),
            Self::Shown(_) => Some(Linked::Zoom),
            Self::Layers(_) => Some(Linked::Layers),
            Self::Heads(_) => Some(Linked::Heads),
            Self::Normalisation(_) => Some(Linked::Range),
            Self::Source(_)
            | Self::Quantity(_)
            | Self::Encoder(_)
            | Self::Reduction(_)
            | Self::Granularity(_)
            | Self::ColourMap(_)
            | Self::Opacity(_)
            | Self::GreyPhoto(_)
            | Self::Filter(_)
            | Self::Grid(_)
            | Self::InputOf(_) => None,
        }
    }

    /// Does it to a lens. What a map is made from is not a part of that.
    pub(super) fn apply(&self, view: &mut MapLens) {
        match self {
            // Who asks for a map wants to see it.
            Self::Source(_) => view.input_of = None,
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
    pub(super) fn continues(&self, before: &Self) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_photo_is_grey_where_its_colours_would_be_taken_for_values() {
        let greys = |quantity| MapLens { quantity, ..MapLens::default() }.greys_photo();
        assert!(greys(Quantity::Lift) && greys(Quantity::Dominant));
        assert!(!greys(Quantity::Share) && !greys(Quantity::Entropy));
        assert!(!MapLens { quantity: Quantity::Dominant, grey_photo: false, ..MapLens::default() }.greys_photo());
    }
}

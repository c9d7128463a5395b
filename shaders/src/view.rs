//! What to measure ([`MapView`]) and how to show it ([`Look`]).

use crate::colour::ColourMap;
use opabinia_trace::measure::{Quantity, Reduction};
use serde::{Deserialize, Serialize};

/// What one texel of a map is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Granularity {
    /// A cell of the query grid.
    #[default]
    Cells,
    /// A token of the encoder. Quantities that belong to a cell as a whole keep their cells.
    Tokens,
}

/// A cell of the padded frame, on the finest grid of the chosen layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// Row, from the top.
    pub row: u32,
    /// Column, from the left.
    pub col: u32,
}

/// Which part of the map is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Focus {
    /// All of it.
    #[default]
    Whole,
    /// All of it, with one cell outlined.
    Outline(Cell),
    /// Only the window of this cell, outlined; share and lift are shown per token. Values elsewhere are left out.
    Window(Cell),
}

impl Focus {
    /// The cell that is outlined.
    #[must_use]
    pub fn cell(self) -> Option<Cell> {
        match self {
            Self::Whole => None,
            Self::Outline(cell) | Self::Window(cell) => Some(cell),
        }
    }
}

/// Which range of values the colours span.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum Normalisation {
    /// From the least to the greatest value of each map.
    PerMap,
    /// The same range for all encoders' maps, so that they can be compared.
    #[default]
    Common,
    /// This range; values beyond it take the colours of its ends.
    Fixed {
        /// Value of the first colour.
        low: f32,
        /// Value of the last colour; greater than `low`.
        high: f32,
    },
}

/// A set of indices of layers or heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Indices(u128);

impl Indices {
    /// All there are.
    pub const ALL: Self = Self(u128::MAX);

    /// Only `index`. Indices from 128 on are never present.
    #[must_use]
    pub fn one(index: usize) -> Self {
        Self::from_iter([index])
    }

    /// Whether `index` is among them.
    #[must_use]
    pub fn contains(self, index: usize) -> bool {
        index < 128 && (self.0 >> index) & 1 == 1
    }

    /// In words of 32 bits, the lowest first.
    pub(crate) fn words(self) -> [u32; 4] {
        std::array::from_fn(|word| (self.0 >> (32 * word)) as u32)
    }
}

impl FromIterator<usize> for Indices {
    fn from_iter<I: IntoIterator<Item = usize>>(indices: I) -> Self {
        Self(indices.into_iter().filter(|index| *index < 128).fold(0, |bits, index| bits | 1 << index))
    }
}

/// What to measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MapView {
    /// What a map holds.
    pub quantity: Quantity,
    /// Layers, by their place in the trace.
    pub layers: Indices,
    /// Heads.
    pub heads: Indices,
    /// How layers and heads become one number.
    pub reduction: Reduction,
    /// Cells or tokens.
    pub granularity: Granularity,
    /// All of the map or one cell's window.
    pub focus: Focus,
    /// The range that the colours span.
    pub normalisation: Normalisation,
    /// Whether that range is widened to lie symmetrically about 0, as a diverging colour map needs it.
    pub symmetric: bool,
}

impl MapView {
    /// The mean of `quantity` over all layers and heads, per cell, on one scale for all maps.
    #[must_use]
    pub fn of(quantity: Quantity) -> Self {
        Self {
            quantity,
            layers: Indices::ALL,
            heads: Indices::ALL,
            reduction: Reduction::Mean,
            granularity: Granularity::Cells,
            focus: Focus::Whole,
            normalisation: Normalisation::Common,
            symmetric: quantity == Quantity::Lift,
        }
    }

    /// Whether a texel is a token.
    pub(crate) fn in_tokens(&self) -> bool {
        let wanted = self.granularity == Granularity::Tokens || matches!(self.focus, Focus::Window(_));
        wanted && self.quantity.per_encoder()
    }
}

/// How a map's texels become pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Filter {
    /// Each texel is one patch with crisp edges.
    #[default]
    Nearest,
    /// Values are interpolated between the centres of texels, then coloured.
    Bilinear,
}

/// A rectangle in parts of the padded square: (0, 0) is its left top corner, (1, 1) its right bottom one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rect {
    /// Left edge.
    pub left: f32,
    /// Top edge.
    pub top: f32,
    /// Extent to the right.
    pub width: f32,
    /// Extent downwards.
    pub height: f32,
}

impl Rect {
    /// The whole padded square.
    pub const SQUARE: Self = Self { left: 0.0, top: 0.0, width: 1.0, height: 1.0 };
}

/// How to show a map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Colours; the dominant encoder has its own ([`crate::encoder_colours`]).
    pub colour_map: ColourMap,
    /// How much of the photo the map hides, 0 to 1.
    pub opacity: f32,
    /// Whether the photo is drawn without its colours, by the lightness of its pixels: under a map of two hues, something
    /// red in the photo looks like a high value.
    pub grey_photo: bool,
    /// Patches or a smooth surface. The dominant encoder is always shown in patches.
    pub filter: Filter,
    /// The part of the padded square that fills the picture: this is zoom and pan.
    pub shown: Rect,
    /// sRGB colour of the padding, and of everything where there is no photo.
    pub background: [u8; 3],
    /// Pixels to one unit of line width, for hatching, outlines and rules: 1 for a picture of about 500 pixels.
    pub line_px: f32,
    /// A cell under the pointer, here or in another pane: outlined thinner than the one in focus, and in another colour.
    pub hover: Option<Cell>,
    /// Whether faint lines separate the cells. They fade where there is no room for them.
    pub cell_grid: bool,
    /// Whether such lines separate the encoder's tokens inside of the cell in focus, as the keys of its window.
    pub token_grid: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            colour_map: ColourMap::Viridis,
            opacity: 0.6,
            grey_photo: false,
            filter: Filter::Nearest,
            shown: Rect::SQUARE,
            background: [38, 40, 43],
            line_px: 1.0,
            hover: None,
            cell_grid: false,
            token_grid: false,
        }
    }
}

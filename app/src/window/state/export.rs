//! How what is on the screen is written to a file.

use super::{AppState, MapLens, MapSource, SidesLook};
use crate::figure::Theme;
use crate::map_figure::Part;
use crate::recipe::FigureSettings;
use opabinia_engine::probe::Trace;
use opabinia_engine::sva::HEADS;
use opabinia_shaders::{Quantity, Rect};

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportKind {
    /// The maps as a picture, PNG or SVG.
    Picture,
    /// The numbers of the maps as CSV.
    Numbers,
    /// The whole trace as safetensors.
    Trace,
    /// The recipe from which `opabinia render --recipe` makes the picture again.
    Recipe,
}

impl ExportKind {
    /// How the names of such files end where `options` are chosen.
    pub fn extension(self, options: &ExportOptions) -> &'static str {
        match self {
            Self::Picture if options.svg => "svg",
            Self::Picture => "png",
            Self::Numbers => "csv",
            Self::Trace => "safetensors",
            Self::Recipe => "recipe.json",
        }
    }
}

/// What a person chooses about a figure beyond what the view says already.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExportOptions {
    /// SVG, in which text stays text and maps are pictures, instead of PNG.
    pub svg: bool,
    /// Only the encoder of the large map, instead of a panel for each.
    pub only_large: bool,
    /// The part of the frame that each panel shows.
    pub part: Part,
    /// Pixels of the longer side of a panel.
    pub side: u32,
    /// Colours around the maps.
    pub theme: Theme,
}

impl ExportOptions {
    /// What suits `lens` at first: as it is zoomed, on the light ground of a paper.
    pub fn of(lens: &MapLens) -> Self {
        let part = if lens.shown == Rect::SQUARE { Part::Padded } else { Part::Zoomed(lens.shown) };
        Self { svg: false, only_large: false, part, side: 960, theme: Theme::Light }
    }
}

impl AppState {
    /// The figure of what is looked at, with `options`. `None` where there is no trace, and where both sides of a comparison are
    /// shown, of which each has its own.
    pub fn figure_settings(&self, options: &ExportOptions) -> Option<FigureSettings> {
        let trace = &self.trace()?.trace;
        let lens = self.lens().fitted(trace);
        let lens = match self.pane().source {
            MapSource::Run(_) => lens,
            MapSource::Difference(..) | MapSource::Sides(_, _, SidesLook::Difference) => lens.of_a_difference(),
            MapSource::Sides(..) => return None,
            // As its pane draws it.
            MapSource::TokenAttention { .. } => MapLens { quantity: Quantity::Share, encoder: 0, ..lens },
        };
        Some(options.settings(trace, &lens))
    }
}

impl ExportOptions {
    /// What is drawn of `trace` seen through `lens`, with these options.
    pub fn settings(&self, trace: &Trace, lens: &MapLens) -> FigureSettings {
        let options = self;
        let encoders = if options.only_large && lens.quantity.per_encoder() {
            vec![lens.encoder]
        } else {
            (0..trace.encoders.len()).collect()
        };
        let map_view = lens.map_view();
        FigureSettings {
            encoders,
            layers: (0..trace.layers.len()).filter(|layer| lens.layers.contains(*layer)).collect(),
            heads: (0..HEADS).filter(|head| lens.heads.contains(*head)).collect(),
            quantity: lens.quantity,
            reduction: lens.reduction,
            granularity: if lens.quantity == Quantity::Dominant { Default::default() } else { lens.granularity },
            cell: map_view.focus.cell(),
            only_window: matches!(map_view.focus, opabinia_shaders::Focus::Window(_)),
            normalisation: lens.normalisation,
            symmetric: map_view.symmetric,
            colour_map: lens.colours(),
            opacity: lens.opacity,
            grey_photo: lens.greys_photo(),
            filter: lens.filter,
            grid: lens.grid,
            part: options.part,
            side: options.side,
            theme: options.theme,
        }
    }
}

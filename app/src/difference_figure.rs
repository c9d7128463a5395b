//! The difference of two traces as a figure: for each encoder that both have, its share in B − that in A; and how far the
//! attention of each cell differs over all. Or one of the two alone.
//!
//! Grids, encoders and layers of the two may differ, so that the numbers come from the engine's comparison, which matches and
//! resamples; the shaders colour them and draw them over the photo.

use crate::encoder_names;
use crate::figure::{Figure, Key, Panel, Scale};
use crate::map_figure::{Drawn, Error, Part, rows};
use crate::number::significant;
use crate::recipe::FigureSettings;
use crate::selection;
use crate::value_grid::value_grid;
use opabinia_engine::Error as EngineError;
use opabinia_engine::compare::{Basis, LayerComparison, Maps, Matching, NAMES};
use opabinia_engine::probe::{Trace, trace_file};
use opabinia_engine::sva::Frame;
use opabinia_engine::vision::Picture;
use opabinia_shaders::{ColourMap, Gpu, GpuPhoto, Look, Map, MapRenderer, MapView, Normalisation, Quantity, Rect};

/// Half of the range of colours where nothing differs: a share of 1 %.
const FLAT: f32 = 0.01;

/// Which numbers of a comparison a figure shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// All of them.
    All,
    /// Differences of shares.
    Shares,
    /// Divergence.
    Divergence,
}

/// What the figure shows.
#[derive(Debug, Clone)]
pub struct DifferenceFigure<'a> {
    /// A and B.
    pub traces: [&'a Trace; 2],
    /// What they are called.
    pub names: [&'a str; 2],
    /// Their comparison.
    pub maps: &'a Maps,
    /// The picture both were made from.
    pub picture: &'a Picture,
    /// What the picture is called.
    pub picture_name: &'a str,
    /// Which numbers are shown.
    pub content: Content,
    /// How it is drawn. Encoders and layers are places in B; what has no counterpart in A is left out. Colours and the range
    /// they span follow from the differences, and what is averaged is the share over all heads.
    pub settings: &'a FigureSettings,
}

/// One map: its values over the unpadded frame.
struct Values {
    name: String,
    cells: Vec<f32>,
}

impl DifferenceFigure<'_> {
    /// Measures and draws.
    ///
    /// # Errors
    /// If picture and traces do not belong together, if nothing of the choice has a counterpart, and whatever the graphics
    /// adapter fails with.
    pub fn draw(&self, gpu: &Gpu) -> Result<Drawn, Error> {
        for trace in self.traces {
            trace_file::check_picture(trace, self.picture, self.picture_name)?;
        }
        let layers = self.layers();
        let side = layers.iter().map(|layer| layer.side).max().unwrap_or(0);
        let with_shares = self.content != Content::Divergence;
        let pairs: Vec<usize> = (0..self.maps.matching.encoders.len())
            .filter(|at| with_shares && self.settings.encoders.contains(&self.maps.matching.encoders[*at].places[1]))
            .collect();
        if side == 0 || with_shares && pairs.is_empty() {
            return Err(EngineError::input(
                "nothing of this choice has a counterpart on the other side",
                "choose encoders and layers that both checkpoints have",
            )
            .into());
        }
        let frame = Frame::new(side, self.traces[0].picture);
        let short = short_names(self.traces[1]);
        let mut shares: Vec<Values> = pairs
            .iter()
            .map(|&pair| Values {
                name: short[self.maps.matching.encoders[pair].places[1]].clone(),
                cells: average(&layers, &frame, |layer| layer.share_differences.get(pair).map_or(&[], Vec::as_slice)),
            })
            .collect();
        let largest = shares.iter().flat_map(|values| &values.cells).fold(0f32, |most, value| most.max(value.abs()));
        let range = if largest > 0.0 { largest } else { FLAT };
        let divergence = average(&layers, &frame, |layer| &layer.divergence);
        let most = divergence.iter().copied().fold(0f32, f32::max);

        let renderer = MapRenderer::headless(gpu)?;
        let photo = renderer.upload_photo(&self.picture.rgb, self.picture.width as u32, self.picture.height as u32)?;
        let shown = self.shown(&renderer, &frame)?;
        let pixels =
            |part: f32| ((part / shown.width.max(shown.height) * self.settings.side as f32).round() as u32).max(1);
        let panel_size = (pixels(shown.width), pixels(shown.height));
        let mut panels = Vec::with_capacity(shares.len() + 1);
        let mut measured = Vec::with_capacity(shares.len() + 1);
        let count = shares.len();
        if self.content != Content::Shares {
            shares.push(Values { name: "divergence, all encoders".into(), cells: divergence });
        }
        for (at, values) in shares.into_iter().enumerate() {
            let of_divergence = at == count;
            let (colours, low, high) = match of_divergence {
                true => (ColourMap::Viridis, 0.0, if most > 0.0 { most } else { FLAT }),
                false => (ColourMap::Diverging, -range, range),
            };
            let drawn = self.panel(&renderer, &photo, &frame, &values, (colours, low, high), shown, panel_size)?;
            let what = if of_divergence { "Jensen–Shannon divergence in bits" } else { "share in B − share in A" };
            let label = format!("{what}, from {} to {}", significant(low, 3), significant(high, 3));
            let scale = Scale { colours: colours.table().to_vec(), low, high, label };
            panels.push(Panel { title: values.name.clone(), rgba: drawn.0, scale: Some(scale) });
            measured.push((values.name, drawn.1));
        }
        let figure = Figure {
            title: match self.content {
                Content::All | Content::Shares => "Where attention differs: B − A".into(),
                Content::Divergence => "How far attention differs between A and B".into(),
            },
            subtitle: format!("B: {}; A: {}; on {}", self.names[1], self.names[0], self.picture_name),
            panels,
            panel_size,
            // Shares have one range in all panels, and divergence another one.
            key: Key::InPanels,
            caption: self.caption(&layers),
            theme: self.settings.theme,
        };
        Ok(Drawn { figure, maps: measured })
    }

    /// Layers of the choice that both sides have.
    fn layers(&self) -> Vec<&LayerComparison> {
        self.maps.layers.iter().filter(|layer| self.settings.layers.contains(&layer.places[1])).collect()
    }

    /// The numbers of `maps`, drawn for this figure, as comma-separated values: the first columns of
    /// [`crate::map_figure::MapFigure::csv`], then the layers, both models, the image, and what was changed on either side.
    pub fn csv(&self, maps: &[(String, Map)]) -> String {
        let places: Vec<usize> = self.layers().iter().map(|layer| layer.places[1]).collect();
        let label = |at: usize| self.traces[1].layers[at].label.clone();
        let [a, b] = self.traces;
        let spec = |trace: &Trace| trace.interventions.to_spec(&trace.anatomy);
        let about = [
            ("layers", selection::list(&places, label)),
            ("a", self.names[0].to_owned()),
            ("b", self.names[1].to_owned()),
            ("image", self.picture_name.to_owned()),
            ("intervention_a", spec(a)),
            ("intervention_b", spec(b)),
        ];
        rows(maps, &about)
    }

    fn shown(&self, renderer: &MapRenderer, frame: &Frame) -> Result<Rect, Error> {
        Ok(match self.settings.part {
            Part::Padded => Rect::SQUARE,
            Part::Zoomed(rect) => rect,
            Part::Picture => {
                let zeros = vec![0.0; frame.rows.len() * frame.columns.len()];
                renderer.upload_grid(&value_grid("difference", frame, &zeros, self.picture)?)?.photo_rect()
            }
        })
    }

    #[expect(clippy::too_many_arguments, reason = "one panel is all of these; they are made in one place")]
    fn panel(
        &self,
        renderer: &MapRenderer,
        photo: &GpuPhoto,
        frame: &Frame,
        values: &Values,
        (colour_map, low, high): (ColourMap, f32, f32),
        shown: Rect,
        (width, height): (u32, u32),
    ) -> Result<(Vec<u8>, Map), Error> {
        let grid = renderer.upload_grid(&value_grid("difference", frame, &values.cells, self.picture)?)?;
        let normalisation = Normalisation::Fixed { low, high };
        let maps = renderer.measure(&grid, &MapView { normalisation, ..MapView::of(Quantity::Share) })?;
        let look = Look {
            colour_map,
            opacity: self.settings.opacity,
            grey_photo: true,
            filter: self.settings.filter,
            cell_grid: self.settings.grid,
            shown,
            background: self.settings.theme.padding(),
            line_px: self.settings.side as f32 / 500.0,
            ..Look::default()
        };
        let rgba = renderer.render_to_image(&maps, Some(photo), 0, &look, width, height)?;
        Ok((rgba, renderer.read_map(&maps, 0)?))
    }

    fn caption(&self, layers: &[&LayerComparison]) -> Vec<String> {
        let places: Vec<usize> = layers.iter().map(|layer| layer.places[1]).collect();
        let label = |at: usize| self.traces[1].layers[at].label.clone();
        let over = format!("Mean over {} and all heads.", selection::words("layer", &places, label));
        let more_or_less = "Each patch is one cell of the query grid; its colour is how much more (red) or less (blue) of the \
                            cell's attention went to this encoder in B.";
        let ends = "0 where both attended alike, 1 bit where to nothing in common.";
        let mut what = match self.content {
            Content::All => format!("{more_or_less} {over} Divergence: {ends}"),
            Content::Shares => format!("{more_or_less} {over}"),
            Content::Divergence => format!(
                "Each patch is one cell of the query grid; its colour is the Jensen–Shannon divergence of the cell's attention in \
                 A and in B: {ends} {over}"
            ),
        };
        if layers.iter().any(|layer| layer.resampled) {
            what.push_str(
                " The query grids differ: each cell is compared with the one that holds its centre (resampled).",
            );
        }
        if layers.iter().any(|layer| layer.basis == Basis::Encoders) {
            what.push_str(" Windows differ, so that divergence is over encoders, not over single keys.");
        }
        if let Some(alone) = without_counterpart(&self.maps.matching, self.traces) {
            what.push_str(&format!(" Without a counterpart: {alone}."));
        }
        let mut how = Vec::new();
        for (trace, name) in self.traces.into_iter().zip(["A", "B"]) {
            if !trace.interventions.is_none() {
                how.push(format!("{name} under an intervention: {}.", trace.interventions.words(&trace.anatomy)));
            }
        }
        how.push("Evidence: attention (correlational): where the models attended, not how much it contributed.".into());
        vec![what, how.join(" ")]
    }
}

fn short_names(trace: &Trace) -> Vec<String> {
    let names: Vec<&str> = trace.encoders.iter().map(|encoder| encoder.name.as_str()).collect();
    encoder_names::short(&names)
}

/// Encoders and layers without a counterpart on the other side, in words; `None` where there are none.
pub(crate) fn without_counterpart(matching: &Matching, traces: [&Trace; 2]) -> Option<String> {
    let mut alone = Vec::new();
    for (side, name) in NAMES.into_iter().enumerate() {
        let short = short_names(traces[side]);
        let encoders = matching.encoders_alone[side].iter().map(|k| short[*k].clone());
        let layers = matching.layers_alone[side].iter().map(|at| traces[side].layers[*at].label.clone());
        let list: Vec<String> = encoders.chain(layers).collect();
        if !list.is_empty() {
            alone.push(format!("{} of {name}", list.join(", ")));
        }
    }
    (!alone.is_empty()).then(|| alone.join("; "))
}

/// The mean of `values` over layers, cell by cell of `frame`. Cells that no layer covers are 0: nothing differs there.
pub(crate) fn average<'l>(
    layers: &[&'l LayerComparison],
    frame: &Frame,
    values: impl Fn(&'l LayerComparison) -> &'l [Option<f64>],
) -> Vec<f32> {
    let mut means = Vec::with_capacity(frame.rows.len() * frame.columns.len());
    for row in frame.rows.clone() {
        for column in frame.columns.clone() {
            let known = layers.iter().filter_map(|layer| {
                let own = |at: usize| (2 * at + 1) * layer.side / (2 * frame.side.max(1));
                let (row, column) = (own(row), own(column));
                if !layer.rows.contains(&row) || !layer.columns.contains(&column) {
                    return None;
                }
                let at = (row - layer.rows.start) * layer.columns.len() + column - layer.columns.start;
                values(layer).get(at).copied().flatten()
            });
            let (sum, count) = known.fold((0.0, 0usize), |(sum, count), value| (sum + value, count + 1));
            means.push(if count > 0 { (sum / count as f64) as f32 } else { 0.0 });
        }
    }
    means
}

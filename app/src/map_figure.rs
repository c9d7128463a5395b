//! Maps of a trace as a figure: measured and drawn by the shaders, named and explained here.

use crate::csv;
use crate::encoder_names;
use crate::figure::{Figure, Key, Panel, Scale, Theme};
use crate::number::significant;
use crate::selection;
use opabinia_engine::Error as EngineError;
use opabinia_engine::probe::{Trace, trace_file};
use opabinia_engine::vision::Picture;
use opabinia_shaders::{
    Cell, ColourMap, Error as ShaderError, Focus, Gpu, Granularity, Look, Map, MapRenderer, MapTexel, MapView,
    Normalisation, Quantity, Rect, Reduction, TraceData, encoder_colours,
};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// What every map of attention is evidence of.
const EVIDENCE: &str = "Evidence: attention (correlational): where the model attended, not how much it contributed.";

/// Why a figure could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The trace, the picture or the choice cannot be used.
    #[error(transparent)]
    Input(#[from] EngineError),
    /// Drawing failed.
    #[error(transparent)]
    Shaders(#[from] ShaderError),
    /// The program's own fonts cannot be read.
    #[error("the fonts of the program cannot be read: {0}")]
    Fonts(String),
}

/// Which part of the frame each panel of a figure shows.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum Part {
    /// All of the padded square.
    #[default]
    Padded,
    /// The picture, with the padding cut off.
    Picture,
    /// This part of the padded square.
    Zoomed(Rect),
}

/// What a figure shows.
#[derive(Debug, Clone)]
pub struct MapFigure<'a> {
    /// The trace.
    pub trace: &'a Trace,
    /// The trace that is taken away from it, place by place, where the figure is of a difference.
    pub minus: Option<&'a Trace>,
    /// The picture it was made from.
    pub picture: &'a Picture,
    /// What the picture is called.
    pub picture_name: &'a str,
    /// Encoders with a panel, where there is a map for each.
    pub encoders: &'a [usize],
    /// Layers that are reduced, as places in the trace.
    pub layers: &'a [usize],
    /// Heads that are reduced.
    pub heads: &'a [usize],
    /// What is measured. Its layers and heads are taken from the fields above.
    pub view: MapView,
    /// How it is shown. The part of the frame, ground and line width follow from the fields below.
    pub look: Look,
    /// The part of the frame that each panel shows.
    pub part: Part,
    /// Pixels of the longer side of a panel.
    pub side: u32,
    /// Colours of everything but the maps.
    pub theme: Theme,
}

/// A figure and the numbers in it.
#[derive(Debug)]
pub struct Drawn {
    /// The figure.
    pub figure: Figure,
    /// Each map with the name of what it shows.
    pub maps: Vec<(String, Map)>,
}

impl MapFigure<'_> {
    /// Measures and draws.
    ///
    /// # Errors
    /// If picture and trace do not belong together, if the cell is not there or shows nothing, and whatever the
    /// graphics adapter fails with.
    pub fn draw(&self, gpu: &Gpu) -> Result<Drawn, Error> {
        self.check()?;
        let short = self.names();
        let renderer = MapRenderer::headless(gpu)?;
        let trace = renderer.upload_trace(&TraceData::of(self.trace, &short)?)?;
        let photo = renderer.upload_photo(&self.picture.rgb, self.picture.width as u32, self.picture.height as u32)?;
        let view = MapView {
            layers: self.layers.iter().copied().collect(),
            heads: self.heads.iter().copied().collect(),
            ..self.view
        };
        let mut maps = renderer.measure(&trace, &view)?;
        if let Some(minus) = self.minus {
            let minus = renderer.measure(&renderer.upload_trace(&TraceData::of(minus, &short)?)?, &view)?;
            maps = renderer.difference(&maps, &minus, view.normalisation)?;
        }
        let shown = match self.part {
            Part::Padded => Rect::SQUARE,
            Part::Picture => trace.photo_rect(),
            Part::Zoomed(rect) => rect,
        };
        let pixels = |part: f32| ((part / shown.width.max(shown.height) * self.side as f32).round() as u32).max(1);
        let panel_size = (pixels(shown.width), pixels(shown.height));
        let look = Look { shown, background: self.theme.padding(), line_px: self.side as f32 / 500.0, ..self.look };

        let per_encoder = view.quantity.per_encoder();
        let encoders = if per_encoder { self.encoders } else { &[0] };
        let mut panels = Vec::with_capacity(encoders.len());
        let mut measured = Vec::with_capacity(encoders.len());
        for &k in encoders {
            let map = renderer.read_map(&maps, k)?;
            let rgba = renderer.render_to_image(&maps, Some(&photo), k, &look, panel_size.0, panel_size.1)?;
            let own =
                (view.normalisation == Normalisation::PerMap && view.quantity != Quantity::Dominant).then_some(());
            let scale = own.and(map.range).map(|range| self.scale(range));
            let name = if per_encoder { short[k].clone() } else { "all encoders".into() };
            let title = if per_encoder { name.clone() } else { String::new() };
            panels.push(Panel { title, rgba, scale });
            measured.push((name, map));
        }
        self.check_shows_something(&measured)?;
        let key = match (view.quantity, view.normalisation, measured.first().and_then(|(_, map)| map.range)) {
            (Quantity::Dominant, ..) => Key::Legend(encoder_colours().into_iter().zip(short).collect()),
            (_, Normalisation::PerMap, _) | (_, _, None) => Key::InPanels,
            (_, _, Some(range)) => Key::Scale(self.scale(range)),
        };
        let (title, subtitle) = self.titles();
        let caption = self.caption(&measured);
        let figure = Figure { title, subtitle, panels, panel_size, key, caption, theme: self.theme };
        Ok(Drawn { figure, maps: measured })
    }

    /// Checks that picture, trace and cell belong together, before a graphics adapter is opened. [`MapFigure::draw`]
    /// checks the same.
    ///
    /// # Errors
    /// [`EngineError::Input`] saying what does not fit.
    pub fn check(&self) -> Result<(), EngineError> {
        for trace in [Some(self.trace), self.minus].into_iter().flatten() {
            trace_file::check_picture(trace, self.picture, self.picture_name)?;
        }
        let side = self.layers.iter().map(|&layer| self.trace.layers[layer].frame.side).max().unwrap_or(0);
        if let Some(Cell { row, col }) = self.view.focus.cell()
            && (row as usize >= side || col as usize >= side)
        {
            return Err(EngineError::input(
                format!("there is no cell {row},{col}: the query grid of these layers has {side} rows and columns"),
                format!("give a row and a column from 0 to {}", side.saturating_sub(1)),
            ));
        }
        Ok(())
    }

    /// Refuses maps without any value: a cell that the chosen layers do not cover, or an encoder that was masked.
    fn check_shows_something(&self, maps: &[(String, Map)]) -> Result<(), EngineError> {
        let valued = maps.iter().any(|(_, map)| map.texels.iter().any(|texel| texel.value().is_some()));
        if valued {
            return Ok(());
        }
        Err(match self.view.focus.cell() {
            Some(Cell { row, col }) => EngineError::input(
                format!(
                    "cell {row},{col} has nothing to show in these layers and encoders: it lies in the padding, or its keys were masked"
                ),
                "choose a cell on the picture, or other layers or encoders",
            ),
            None => EngineError::input(
                "there is nothing to show: all keys of this choice were masked".to_owned(),
                "choose other encoders",
            ),
        })
    }

    /// The numbers of `maps`, drawn for this figure, as comma-separated values: one row for each cell, or for each token where
    /// those are shown. What stands in every row says what it is about, so that tables can be put together and a row can
    /// be taken out of one:
    ///
    /// | column | what |
    /// |---|---|
    /// | `map` | the encoder, by its short name |
    /// | `row`, `column` | from 0, over the padded square |
    /// | `value` | the number; empty where there is none |
    /// | `state` | `value`, or why there is none: `outside`, `padding` or `masked` |
    /// | `quantity` | what is measured, in which unit |
    /// | `layers`, `heads`, `reduction` | which SVA layers and heads became one number (`C1..C3 S0`), and how |
    /// | `model`, `image`, `question`, `intervention` | of which pass; the last is empty where nothing was changed |
    /// | `minus_model`, `minus_intervention` | only of a difference: of the pass that was taken away |
    pub fn csv(&self, maps: &[(String, Map)]) -> String {
        rows(maps, &self.about())
    }

    /// What stands in every row of its table.
    pub(crate) fn about(&self) -> Vec<(&'static str, String)> {
        let labels = |at: usize| self.trace.layers[at].label.clone();
        let reduction = match self.view.reduction {
            Reduction::Mean => "mean",
            Reduction::Max => "max",
        };
        let quantity = csv_name(self.view.quantity, self.in_tokens());
        let spec = |trace: &Trace| trace.interventions.to_spec(&trace.anatomy);
        let mut about = vec![
            ("quantity", if self.minus.is_some() { format!("difference of {quantity}") } else { quantity.to_owned() }),
            ("layers", selection::list(self.layers, labels)),
            ("heads", selection::list(self.heads, |head| head.to_string())),
            ("reduction", reduction.to_owned()),
            ("model", self.trace.model.clone()),
            ("image", self.picture_name.to_owned()),
            ("question", self.trace.question.clone()),
            ("intervention", spec(self.trace)),
        ];
        if let Some(minus) = self.minus {
            about.extend([("minus_model", minus.model.clone()), ("minus_intervention", spec(minus))]);
        }
        about
    }

    fn scale(&self, (low, high): (f32, f32)) -> Scale {
        let colours = self.look.colour_map.table().to_vec();
        let label = match (self.view.quantity, self.in_tokens()) {
            (Quantity::Share, true) => "attention to one token (probability)".to_owned(),
            (Quantity::Lift, true) => {
                "lift of one token (log₂ of its probability ÷ that of uniform attention)".to_owned()
            }
            (quantity, _) => quantity.label().to_owned(),
        };
        let difference = if self.minus.is_some() { "difference of " } else { "" };
        let label = format!("{difference}{label}, from {} to {}", significant(low, 3), significant(high, 3));
        Scale { colours, low, high, label }
    }

    /// Short names of all encoders.
    fn names(&self) -> Vec<String> {
        let names: Vec<&str> = self.trace.encoders.iter().map(|encoder| encoder.name.as_str()).collect();
        encoder_names::short(&names)
    }

    /// Whether a texel is a token of an encoder.
    fn in_tokens(&self) -> bool {
        let wanted = self.view.granularity == Granularity::Tokens || matches!(self.view.focus, Focus::Window(_));
        wanted && self.view.quantity.per_encoder()
    }

    fn titles(&self) -> (String, String) {
        let title = match self.view.quantity {
            quantity if self.minus.is_some() => {
                return (format!("Where attention differs: {}", csv_name(quantity, self.in_tokens())), self.sides());
            }
            Quantity::Share => "Where each encoder was attended to: share",
            Quantity::Lift => "Where each encoder was attended to: lift over uniform attention",
            Quantity::Entropy | Quantity::NormalisedEntropy => "How spread out attention is: entropy",
            Quantity::Dominant => "Which encoder was attended to most beyond uniform attention",
        };
        (title.into(), format!("{} on {}", self.trace.model, self.picture_name))
    }

    /// Whose difference it is.
    fn sides(&self) -> String {
        let side = |trace: &Trace| match trace.interventions.is_none() {
            true => format!("{}, no intervention", trace.model),
            false => format!("{} under {}", trace.model, trace.interventions.words(&trace.anatomy)),
        };
        let minus = self.minus.map(|minus| format!(" − {}", side(minus))).unwrap_or_default();
        format!("{}{minus} · on {}", side(self.trace), self.picture_name)
    }

    fn caption(&self, maps: &[(String, Map)]) -> Vec<String> {
        let mut what = match self.view.quantity {
            Quantity::Share if self.in_tokens() => "Each patch is one token of the encoder; its colour is the attention it received.".to_owned(),
            Quantity::Share => "Each patch is one cell of the query grid; its colour is the part of the cell's attention that went to this encoder (the shares of a cell sum to 1).".to_owned(),
            Quantity::Lift => "Attention compared with what uniform attention over the cell's unmasked keys would give: 0 is as much, +1 twice as much, −1 half.".to_owned(),
            Quantity::Entropy => "Entropy in bits of each cell's attention over all of its keys: low where it read few tokens, high where it read many.".to_owned(),
            Quantity::NormalisedEntropy => "Normalized entropy: entropy of each cell's attention over all of its keys ÷ that of uniform attention.".to_owned(),
            Quantity::Dominant => "The colour of each cell is the encoder with the highest lift: the one attended to most beyond what uniform attention would give it.".to_owned(),
        };
        if self.minus.is_some() {
            what.push_str(" Shown is that of the first run minus that of the second: 0 has the colour in the middle.");
        }
        let labels = |at: usize| self.trace.layers[at].label.clone();
        let reduction = match self.view.reduction {
            Reduction::Mean => "Mean",
            Reduction::Max => "Maximum",
        };
        let one = self.layers.len() == 1 && self.heads.len() == 1;
        // Writing to a string cannot fail.
        let _ = write!(
            what,
            " {}{} and {}.",
            if one { String::new() } else { format!("{reduction} over ") },
            selection::words("layer", self.layers, labels),
            selection::words("head", self.heads, |head| head.to_string()),
        );
        if one {
            // A sentence begins with a capital.
            what = what.replace(" layer ", " Layer ");
        }
        let samplers = self.layers.iter().any(|&layer| self.trace.layers[layer].label.starts_with('S'));
        let connector = self.layers.iter().any(|&layer| self.trace.layers[layer].label.starts_with('C'));
        what.push_str(match (connector, samplers) {
            (true, true) => " C: connector layers, before the language model; S: sampler layers, between its layers.",
            (true, false) => " C: connector layers, before the language model.",
            _ => " S: sampler layers, between those of the language model.",
        });
        if let Focus::Outline(Cell { row, col }) = self.view.focus {
            let _ = write!(what, " Cell (row {row}, column {col}) is outlined.");
        }
        if let Focus::Window(Cell { row, col }) = self.view.focus {
            let _ = write!(what, " Only the window of cell (row {row}, column {col}), outlined");
            let totals: Vec<String> = maps
                .iter()
                .filter(|_| self.view.quantity == Quantity::Share)
                .map(|(name, map)| format!("{name} {:.3}", map.texels.iter().filter_map(|t| t.value()).sum::<f32>()))
                .collect();
            what.push_str(&if totals.is_empty() {
                ".".into()
            } else {
                format!("; sums over the window: {}.", totals.join(", "))
            });
        }
        let colours = match self.view.normalisation {
            _ if self.view.quantity == Quantity::Dominant => "",
            Normalisation::PerMap | Normalisation::Common if maps.len() == 1 => "",
            Normalisation::PerMap => "Colours span each map's own range: they cannot be compared between maps.",
            Normalisation::Common => "Colours span the same range in all maps.",
            Normalisation::Fixed { .. } => "Colours span a fixed range; values beyond it take the colours of its ends.",
        };
        let hatched = self.part != Part::Picture && self.picture.width != self.picture.height;
        let padding = if hatched { "Hatched: padding that squares the picture." } else { "" };
        let evidence = if self.minus.is_some() || self.trace.interventions.is_none() {
            EVIDENCE.to_owned()
        } else {
            format!("Under an intervention: {}. {EVIDENCE}", self.trace.interventions.words(&self.trace.anatomy))
        };
        let how: Vec<&str> = [colours, padding, &evidence].into_iter().filter(|text| !text.is_empty()).collect();
        vec![what, how.join(" ")]
    }
}

/// The colour map that suits a quantity.
pub fn default_colours(quantity: Quantity) -> ColourMap {
    if quantity == Quantity::Lift { ColourMap::Diverging } else { ColourMap::Viridis }
}

/// Whether colours of the photo would be taken for values of the map: reds and blues under the diverging colours, and any
/// of them under those of encoders.
pub fn photo_confounds(quantity: Quantity, colour_map: ColourMap) -> bool {
    quantity == Quantity::Dominant || colour_map == ColourMap::Diverging
}

/// The numbers of `maps` alone, as the first columns of [`MapFigure::csv`]: for where what they are about is known.
pub fn csv(maps: &[(String, Map)]) -> String {
    rows(maps, &[])
}

/// A row for each texel of `maps`, and in each of them `about`: names of columns, and what stands in them.
pub(crate) fn rows(maps: &[(String, Map)], about: &[(&str, String)]) -> String {
    let names = about.iter().map(|(name, _)| *name);
    let mut text = csv::fields(["map", "row", "column", "value", "state"].into_iter().chain(names));
    text.push('\n');
    let about: String = about.iter().map(|(_, value)| format!(",{}", csv::field(value))).collect();
    for (name, map) in maps {
        let name = csv::field(name);
        for (at, texel) in map.texels.iter().enumerate() {
            let (row, column) = (at / map.side as usize, at % map.side as usize);
            let (value, state) = match texel {
                MapTexel::Value(value) => (value.to_string(), "value"),
                MapTexel::Outside => (String::new(), "outside"),
                MapTexel::Padding => (String::new(), "padding"),
                MapTexel::Masked => (String::new(), "masked"),
            };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name},{row},{column},{value},{state}{about}");
        }
    }
    text
}

/// What the numbers of a quantity are, in a table.
fn csv_name(quantity: Quantity, in_tokens: bool) -> &'static str {
    match (quantity, in_tokens) {
        (Quantity::Share, true) => "attention to one token (probability)",
        (Quantity::Share, false) => "share of attention",
        (Quantity::Lift, true) => "lift of one token (log2)",
        (Quantity::Lift, false) => "lift over uniform attention (log2)",
        (Quantity::Entropy, _) => "entropy (bits)",
        (Quantity::NormalisedEntropy, _) => "entropy as a part of that of uniform attention",
        (Quantity::Dominant, _) => "index of the encoder with the largest share",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::FigureSettings;
    use crate::recipe::tests::ingredients;

    #[test]
    fn numbers_as_csv() {
        let (mut trace, picture) = ingredients();
        trace.question = "What, \"this\"?\nAnd that?".into();
        let settings = FigureSettings::of_all(&trace);
        let figure = settings.figure(&trace, &picture, "a, b.png").unwrap();
        let texels = vec![MapTexel::Value(0.25), MapTexel::Padding, MapTexel::Masked, MapTexel::Outside];
        let map = Map { quantity: Quantity::Share, side: 2, texels, range: Some((0.25, 0.25)) };
        let about = "share of attention,C1,0..15,mean,m,\"a, b.png\",\"What, \"\"this\"\"? And that?\",";
        let expected = format!(
            "map,row,column,value,state,quantity,layers,heads,reduction,model,image,question,intervention\n\
             \"a,b\",0,0,0.25,value,{about}\n\"a,b\",0,1,,padding,{about}\n\"a,b\",1,0,,masked,{about}\n\
             \"a,b\",1,1,,outside,{about}\n"
        );
        let maps = [("a,b".into(), map)];
        assert_eq!(figure.csv(&maps), expected);
        assert!(csv(&maps).starts_with("map,row,column,value,state\n\"a,b\",0,0,0.25,value\n"));
    }
}

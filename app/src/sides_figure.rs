//! Both sides of a comparison as a figure: the maps of A and B beside each other, or in one picture to either side of a line,
//! in one range of colours.

use crate::difference_figure::without_counterpart;
use crate::figure::{Figure, Panel, Scale};
use crate::map_figure::{Drawn, Error, rows};
use crate::number::significant;
use crate::recipe::FigureSettings;
use crate::selection;
use opabinia_engine::compare::{Matching, NAMES};
use opabinia_engine::probe::Trace;
use opabinia_engine::vision::Picture;
use opabinia_shaders::{Gpu, Map, Normalisation, Quantity};

/// Between the two maps of a panel, as a part of a map's longer side.
const GAP: f32 = 1.0 / 64.0;

/// What the figure shows.
#[derive(Debug, Clone)]
pub struct SidesFigure<'a> {
    /// A and B.
    pub traces: [&'a Trace; 2],
    /// What they are called.
    pub names: [&'a str; 2],
    /// The picture both were made from.
    pub picture: &'a Picture,
    /// What the picture is called.
    pub picture_name: &'a str,
    /// How each side is drawn. Encoders are places in either trace: those at one place of both lists belong together. Whether
    /// maps share a range of colours is A's to say, and then both sides do.
    pub settings: [&'a FigureSettings; 2],
    /// Where the line is, as a part of a map's width; `None` where the maps stand beside each other.
    pub wipe: Option<f32>,
}

/// A figure, and the numbers of both sides in it.
#[derive(Debug)]
pub struct DrawnSides {
    /// The figure.
    pub figure: Figure,
    /// Of each side, each map with the name of what it shows.
    pub maps: [Vec<(String, Map)>; 2],
}

impl SidesFigure<'_> {
    /// Measures and draws.
    ///
    /// # Errors
    /// Those of [`crate::map_figure::MapFigure::draw`] on either side.
    pub fn draw(&self, gpu: &Gpu) -> Result<DrawnSides, Error> {
        let alone = [self.drawn(gpu, 0, None)?, self.drawn(gpu, 1, None)?];
        let [a, b] = match self.common_range(&alone) {
            Some((low, high)) => {
                let fixed = Some(Normalisation::Fixed { low, high });
                [self.drawn(gpu, 0, fixed)?, self.drawn(gpu, 1, fixed)?]
            }
            None => alone,
        };
        let [width, height] = [a.figure.panel_size.0, a.figure.panel_size.1];
        let gap = ((width.max(height) as f32 * GAP).round() as u32).max(2);
        let panel_width = if self.wipe.is_some() { width } else { 2 * width + gap };
        let pairs = a.figure.panels.into_iter().zip(b.figure.panels);
        let panels = pairs.map(|(a, b)| Panel {
            rgba: match self.wipe {
                Some(part) => wiped([&a.rgba, &b.rgba], width, part, gap),
                None => beside([&a.rgba, &b.rgba], width, gap, self.settings[0].theme.ground()),
            },
            scale: a.scale.zip(b.scale).map(own_scales),
            title: a.title,
        });
        let figure = Figure {
            title: a.figure.title,
            subtitle: format!("A: {}; B: {}; on {}", self.names[0], self.names[1], self.picture_name),
            panels: panels.collect(),
            panel_size: (panel_width, height),
            key: a.figure.key,
            caption: self.caption(a.figure.caption.first().map_or("", String::as_str)),
            theme: self.settings[0].theme,
        };
        Ok(DrawnSides { figure, maps: [a.maps, b.maps] })
    }

    /// The numbers of `drawn` as comma-separated values: the columns of [`crate::map_figure::MapFigure::csv`], and the side.
    ///
    /// # Errors
    /// If the settings of a side do not fit its trace.
    pub fn csv(&self, drawn: &DrawnSides) -> Result<String, Error> {
        let mut text = String::new();
        for (side, name) in NAMES.into_iter().enumerate() {
            let settings = self.settings(side, None);
            let figure = settings.figure(self.traces[side], self.picture, self.picture_name)?;
            let mut about = figure.about();
            about.push(("side", name.to_owned()));
            let table = rows(&drawn.maps[side], &about);
            // The names of the columns stand once.
            let from = if side == 0 { 0 } else { table.find('\n').map_or(0, |end| end + 1) };
            text.push_str(table.get(from..).unwrap_or_default());
        }
        Ok(text)
    }

    /// The settings of a side with encoders in order, as figures take them, and `normalisation` instead of A's.
    fn settings(&self, side: usize, normalisation: Option<Normalisation>) -> FigureSettings {
        let mut encoders = self.settings[side].encoders.clone();
        encoders.sort_unstable();
        let normalisation = normalisation.unwrap_or(self.settings[0].normalisation);
        FigureSettings { encoders, normalisation, ..self.settings[side].clone() }
    }

    /// One side alone.
    fn drawn(&self, gpu: &Gpu, side: usize, normalisation: Option<Normalisation>) -> Result<Drawn, Error> {
        let settings = self.settings(side, normalisation);
        let mut figure = settings.figure(self.traces[side], self.picture, self.picture_name)?;
        figure.encoders = &self.settings[side].encoders;
        figure.draw(gpu)
    }

    /// The range that spans all maps of both sides, where they share one that is not given.
    fn common_range(&self, drawn: &[Drawn; 2]) -> Option<(f32, f32)> {
        let settings = self.settings[0];
        if settings.normalisation != Normalisation::Common || settings.quantity == Quantity::Dominant {
            return None;
        }
        let ranges = drawn.iter().flat_map(|side| &side.maps).filter_map(|(_, map)| map.range);
        let (low, high) = ranges.reduce(|(low, high), (least, most)| (low.min(least), high.max(most)))?;
        let most = high.max(-low);
        let (low, high) = if settings.symmetric { (-most, most) } else { (low, high) };
        (low < high).then_some((low, high))
    }

    /// What stands below; `what` says what the maps of A show.
    fn caption(&self, what: &str) -> Vec<String> {
        let [a, b] = self.traces;
        let mut how = match self.wipe {
            Some(_) => "To the left of the line A, to the right of it B.".to_owned(),
            None => "Left A, right B.".to_owned(),
        };
        let labels = [0, 1].map(|side| {
            let label = |at: usize| self.traces[side].layers[at].label.clone();
            selection::words("layer", &self.settings[side].layers, label)
        });
        let [of_a, of_b] = &labels;
        if of_a != of_b {
            how.push_str(&format!(" In B it is {of_b}."));
        }
        how.push_str(match self.settings[0].normalisation {
            _ if self.settings[0].quantity == Quantity::Dominant => "",
            Normalisation::PerMap => " A and B are on different scales: equal colours are not equal values.",
            Normalisation::Common => " Colours span the same range on both sides.",
            Normalisation::Fixed { .. } => {
                " Colours span a fixed range; values beyond it take the colours of its ends."
            }
        });
        if let Some(alone) = without_counterpart(&Matching::of(a, b), self.traces) {
            how.push_str(&format!(" Without a counterpart: {alone}."));
        }
        how.push_str(" Evidence: attention (correlational): where the models attended, not how much it contributed.");
        vec![what.to_owned(), how]
    }
}

/// What a side is called in a figure: its checkpoint, and what was done on purpose to the pass that made `trace`.
pub fn side_name(checkpoint: String, trace: &Trace) -> String {
    match trace.interventions.is_none() {
        true => checkpoint,
        false => format!("{checkpoint} under {}", trace.interventions.words(&trace.anatomy)),
    }
}

/// One scale for two maps of which each has its own: parts of either range.
fn own_scales((a, b): (Scale, Scale)) -> Scale {
    let range = |scale: &Scale| format!("{} to {}", significant(scale.low, 3), significant(scale.high, 3));
    let label = format!("part of each map's own range: A {}, B {}", range(&a), range(&b));
    Scale { colours: a.colours, low: 0.0, high: 1.0, label }
}

/// Two pictures of `width` pixels beside each other, `gap` pixels of `ground` between them; all RGBA.
fn beside([a, b]: [&[u8]; 2], width: u32, gap: u32, ground: [u8; 3]) -> Vec<u8> {
    let [red, green, blue] = ground;
    let between = [red, green, blue, 255].repeat(gap as usize);
    let rows = |rgba: &'_ [u8]| rgba.chunks_exact(4 * width as usize).map(<[u8]>::to_vec).collect::<Vec<_>>();
    rows(a).into_iter().zip(rows(b)).flat_map(|(a, b)| [a, between.clone(), b].concat()).collect()
}

/// Of two pictures of `width` pixels the one to the left, the other to the right of a line at `part` of it, `line` pixels wide.
fn wiped([a, b]: [&[u8]; 2], width: u32, part: f32, line: u32) -> Vec<u8> {
    let at = (part.clamp(0.0, 1.0) * width as f32).round() as u32;
    let (from, to) = (at.saturating_sub(line.div_ceil(2)), (at + line / 2).min(width));
    let pixels = a.chunks_exact(4).zip(b.chunks_exact(4)).zip((0..width).cycle());
    let chosen = pixels.flat_map(|((a, b), x)| match x {
        // White between dark edges, as on any ground.
        x if x == from || x + 1 == to => [40, 40, 40, 255],
        x if (from..to).contains(&x) => [255; 4],
        x => <[u8; 4]>::try_from(if x < at { a } else { b }).unwrap_or_default(),
    });
    chosen.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(colour: u8) -> Vec<u8> {
        [colour, colour, colour, 255].repeat(40 * 2)
    }

    #[test]
    fn both_pictures_are_whole_beside_each_other() {
        let joined = beside([&picture(10), &picture(20)], 40, 4, [7, 8, 9]);
        assert_eq!(joined.len(), 4 * (40 + 4 + 40) * 2);
        let row: Vec<u8> = joined[4 * 84..].chunks_exact(4).map(|pixel| pixel[0]).collect();
        assert_eq!((row[0], row[39], row[40], row[43], row[44], row[83]), (10, 10, 7, 7, 20, 20));
    }

    #[test]
    fn a_wipe_shows_one_to_each_side_of_its_line() {
        for (part, of_a, of_b) in [(0.5, 18, 18), (0.0, 0, 38), (1.0, 38, 0)] {
            let drawn = wiped([&picture(10), &picture(20)], 40, part, 4);
            assert_eq!(drawn.len(), picture(0).len());
            for row in drawn.chunks_exact(4 * 40) {
                let count = |colour: u8| row.chunks_exact(4).filter(|pixel| pixel[0] == colour).count();
                assert_eq!((count(10), count(20)), (of_a, of_b), "{part}");
            }
        }
    }
}

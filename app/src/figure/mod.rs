//! Figures for files: maps side by side, the scale of their colours, and a caption that says what is shown.
//!
//! A [`Figure`] is plain data; [`Figure::draw`] lays it out. It knows nothing of traces or models.

mod canvas;
pub mod correlation;
mod drawing;
pub mod sheet;
mod text;
pub(crate) mod ticks;

pub use canvas::Area;
pub use drawing::{Drawing, Mark};
use image::RgbImage;
use serde::{Deserialize, Serialize};
use text::Typeface;

/// Colours of everything but the maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Theme {
    /// Dark text on a light ground, for paper.
    #[default]
    Light,
    /// Light text on a dark ground, for screens.
    Dark,
}

impl Theme {
    /// The colour behind everything.
    pub fn ground(self) -> [u8; 3] {
        match self {
            Self::Light => [255, 255, 255],
            Self::Dark => [24, 25, 28],
        }
    }

    /// The colour of the frame's padding in maps.
    pub fn padding(self) -> [u8; 3] {
        match self {
            Self::Light => [228, 230, 233],
            Self::Dark => [44, 46, 50],
        }
    }

    fn ink(self) -> [u8; 3] {
        match self {
            Self::Light => [28, 30, 34],
            Self::Dark => [232, 233, 235],
        }
    }

    fn faint(self) -> [u8; 3] {
        match self {
            Self::Light => [98, 102, 110],
            Self::Dark => [158, 162, 170],
        }
    }

    fn line(self) -> [u8; 3] {
        match self {
            Self::Light => [150, 154, 160],
            Self::Dark => [96, 100, 108],
        }
    }
}

/// A picture of one map.
#[derive(Debug, Clone)]
pub struct Panel {
    /// What stands above it; empty for nothing.
    pub title: String,
    /// Rows of RGBA, as many as the panel's size says.
    pub rgba: Vec<u8>,
    /// The scale of its own colours, where maps do not share one.
    pub scale: Option<Scale>,
}

/// What colours mean.
#[derive(Debug, Clone)]
pub struct Scale {
    /// Colours from the lowest value to the highest.
    pub colours: Vec<[u8; 3]>,
    /// Value of the first colour.
    pub low: f32,
    /// Value of the last colour.
    pub high: f32,
    /// What the values are, with their unit.
    pub label: String,
}

/// What goes under the panels.
#[derive(Debug, Clone)]
pub enum Key {
    /// One scale for all maps.
    Scale(Scale),
    /// A colour for each thing.
    Legend(Vec<([u8; 3], String)>),
    /// Nothing: each panel has its own.
    InPanels,
}

/// A figure.
#[derive(Debug, Clone)]
pub struct Figure {
    /// The line on top.
    pub title: String,
    /// The line under it, smaller.
    pub subtitle: String,
    /// Maps, all of one size.
    pub panels: Vec<Panel>,
    /// Width and height of every panel in pixels.
    pub panel_size: (u32, u32),
    /// The meaning of the colours.
    pub key: Key,
    /// Paragraphs below.
    pub caption: Vec<String>,
    /// Colours of everything else.
    pub theme: Theme,
}

/// Sizes in pixels, in proportion to the panels.
struct Measures {
    unit: f32,
    margin: u32,
    gap: u32,
    title: f32,
    body: f32,
    small: f32,
    bar: u32,
    line: u32,
}

impl Measures {
    /// Measures for panels of this many pixels on their longer side: body text of 15 pixels at 640.
    fn of(longer_side: u32) -> Self {
        let unit = (longer_side as f32 / 640.0).clamp(0.75, 6.0);
        let px = |size: f32| (size * unit).round().max(1.0);
        Self {
            unit,
            margin: px(28.0) as u32,
            gap: px(20.0) as u32,
            title: px(24.0),
            body: px(16.0),
            small: px(14.0),
            bar: px(14.0) as u32,
            line: px(1.0) as u32,
        }
    }

    fn lines(size: f32, count: usize) -> u32 {
        Typeface::line_height(size) as u32 * count as u32
    }

    /// Height of a scale with its ticks and label.
    fn scale_height(&self) -> u32 {
        self.bar + self.gap / 2 + Self::lines(self.small, 2)
    }
}

/// A legend's entry and its place, from the legend's left top corner.
struct Entry {
    colour: [u8; 3],
    name: String,
    x: u32,
    y: u32,
}

/// Narrowest text column in body sizes: captions need room whatever the panels have.
const NARROWEST: f32 = 34.0;

impl Figure {
    /// The figure as a picture.
    ///
    /// # Errors
    /// What is wrong, if the fonts inside of the program cannot be read.
    pub fn draw(&self) -> Result<RgbImage, String> {
        let face = Typeface::new()?;
        Ok(self.lay_out(&face).image(&face, self.theme))
    }

    /// The figure as SVG: text stays text, and maps are pictures inside of it.
    ///
    /// # Errors
    /// Those of [`Figure::draw`], and if a panel's pixels are not as many as its size says.
    pub fn svg(&self) -> Result<String, String> {
        let face = Typeface::new()?;
        self.lay_out(&face).svg(&face, self.theme)
    }

    fn lay_out(&self, face: &Typeface) -> Drawing {
        let (panel_width, panel_height) = self.panel_size;
        let measures = Measures::of(panel_width.max(panel_height));
        let columns = columns(self.panels.len(), panel_width, panel_height);
        let rows = self.panels.len().div_ceil(columns);
        let grid_width = columns as u32 * panel_width + (columns as u32 - 1) * measures.gap;
        let inner_width = grid_width.max((NARROWEST * measures.body) as u32);
        let wrap = |text: &String| face.wrap(text, measures.body, inner_width as f32);
        let caption: Vec<Vec<String>> = self.caption.iter().map(wrap).collect();

        let titled = self.panels.iter().any(|panel| !panel.title.is_empty());
        let label_height = if titled { Measures::lines(measures.body, 1) + measures.gap / 4 } else { 0 };
        let own_scale = if matches!(self.key, Key::InPanels) { measures.scale_height() + measures.gap / 2 } else { 0 };
        let row_height = label_height + panel_height + own_scale;
        let head = Measures::lines(measures.title, 1) + Measures::lines(measures.body, 1) + measures.gap;
        let key_height = match &self.key {
            Key::Scale(_) => measures.gap + measures.scale_height(),
            Key::Legend(entries) => measures.gap + self.legend(face, &measures, inner_width, entries).1,
            Key::InPanels => 0,
        };
        let caption_lines: usize = caption.iter().map(Vec::len).sum();
        let paragraphs = caption.len() as u32;
        let caption_height = if paragraphs == 0 {
            0
        } else {
            measures.gap + Measures::lines(measures.body, caption_lines) + (paragraphs - 1) * (measures.gap / 3)
        };
        let width = inner_width + 2 * measures.margin;
        let grid_height = rows as u32 * row_height + (rows as u32 - 1) * measures.gap;
        let height = 2 * measures.margin + head + grid_height + key_height + caption_height;

        let mut canvas = Drawing::new(width, height);
        let left = measures.margin;
        let mut top = measures.margin;
        let heading = face.shorten(&self.title, measures.title, inner_width as f32);
        canvas.text(heading, measures.title, (left as f32, top as f32), self.theme.ink());
        top += Measures::lines(measures.title, 1);
        let subtitle = face.shorten(&self.subtitle, measures.body, inner_width as f32);
        canvas.text(subtitle, measures.body, (left as f32, top as f32), self.theme.faint());
        top += Measures::lines(measures.body, 1) + measures.gap;

        let grid_left = left + (inner_width - grid_width) / 2;
        for (at, panel) in self.panels.iter().enumerate() {
            let (row, column) = (at / columns, at % columns);
            let x = grid_left + column as u32 * (panel_width + measures.gap);
            let mut y = top + row as u32 * (row_height + measures.gap);
            let title = face.shorten(&panel.title, measures.body, panel_width as f32);
            canvas.text(title, measures.body, (x as f32, y as f32), self.theme.ink());
            y += label_height;
            canvas.picture(&panel.rgba, panel_width, x, y);
            if let Some(scale) = &panel.scale {
                let y = y + panel_height + measures.gap / 2;
                self.scale(
                    &mut canvas,
                    face,
                    &measures,
                    scale,
                    Area { left: x, top: y, width: panel_width, height: measures.bar },
                );
            }
        }
        top += grid_height;

        match &self.key {
            Key::Scale(scale) => {
                let area = Area { left: grid_left, top: top + measures.gap, width: grid_width, height: measures.bar };
                self.scale(&mut canvas, face, &measures, scale, area);
            }
            Key::Legend(entries) => {
                for Entry { colour, name, x, y } in self.legend(face, &measures, inner_width, entries).0 {
                    let (x, y) = (left + x, top + measures.gap + y);
                    let line = Measures::lines(measures.body, 1);
                    let swatch =
                        Area { left: x, top: y + (line - measures.bar) / 2, width: measures.bar, height: measures.bar };
                    canvas.fill(swatch, colour);
                    let x = (x + measures.bar + measures.gap / 3) as f32;
                    canvas.text(name, measures.body, (x, y as f32), self.theme.ink());
                }
            }
            Key::InPanels => {}
        }
        top += key_height + measures.gap;

        for paragraph in &caption {
            for line in paragraph {
                canvas.text(line.as_str(), measures.body, (left as f32, top as f32), self.theme.faint());
                top += Measures::lines(measures.body, 1);
            }
            top += measures.gap / 3;
        }
        canvas
    }

    /// A bar of colours over `area` with ticks and a label below it.
    fn scale(&self, canvas: &mut Drawing, face: &Typeface, measures: &Measures, scale: &Scale, area: Area) {
        let count = scale.colours.len().max(1) as u32;
        for x in 0..area.width {
            let at = (x * count / area.width.max(1)).min(count - 1) as usize;
            let colour = scale.colours.get(at).copied().unwrap_or_default();
            canvas.fill(Area { left: area.left + x, width: 1, ..area }, colour);
        }
        let below = area.top + area.height;
        let span = scale.high - scale.low;
        // A label needs about five of its sizes; fewer ticks on narrow bars.
        let wanted = (area.width as f32 / (measures.small * 6.0)).clamp(1.0, 6.0) as usize;
        for (value, label) in ticks::ticks(scale.low, scale.high, wanted) {
            let part = if span > 0.0 { ((value - scale.low) / span).clamp(0.0, 1.0) } else { 0.5 };
            let x = area.left as f32 + part * (area.width - measures.line.min(area.width)) as f32;
            let mark = Area { left: x as u32, top: below, width: measures.line, height: measures.gap / 4 };
            canvas.fill(mark, self.theme.line());
            // Labels at the ends stay over the bar.
            let width = face.width(&label, measures.small);
            let right = area.left as f32 + area.width as f32 - width;
            let label_left = (x - width / 2.0).max(area.left as f32).min(right.max(area.left as f32));
            let y = (below + measures.gap / 4) as f32;
            canvas.text(label, measures.small, (label_left, y), self.theme.ink());
        }
        let y = below + measures.gap / 4 + Measures::lines(measures.small, 1);
        let label = face.shorten(&scale.label, measures.small, area.width as f32);
        canvas.text(label, measures.small, (area.left as f32, y as f32), self.theme.faint());
    }

    /// The legend's entries in their places, and its height.
    fn legend(
        &self,
        face: &Typeface,
        measures: &Measures,
        width: u32,
        entries: &[([u8; 3], String)],
    ) -> (Vec<Entry>, u32) {
        let line = Measures::lines(measures.body, 1);
        let (mut x, mut y) = (0, 0);
        let mut placed = Vec::with_capacity(entries.len());
        for (colour, name) in entries {
            let room = width.saturating_sub(measures.bar + measures.gap) as f32;
            let name = face.shorten(name, measures.body, room);
            let wide = measures.bar + measures.gap / 3 + face.width(&name, measures.body).ceil() as u32;
            if x > 0 && x + wide > width {
                (x, y) = (0, y + line);
            }
            placed.push(Entry { colour: *colour, name, x, y });
            x += wide + measures.gap + (8.0 * measures.unit) as u32;
        }
        (placed, y + line)
    }
}

/// Columns in which `count` panels of this size come closest to a page in landscape format.
fn columns(count: usize, width: u32, height: u32) -> usize {
    const LANDSCAPE: f32 = 1.4;
    let miss = |columns: &usize| {
        let rows = count.div_ceil(*columns);
        let ratio = (*columns as f32 * width as f32) / (rows as f32 * height.max(1) as f32);
        let empty = rows * columns - count;
        (ratio / LANDSCAPE).ln().abs() + empty as f32 * 0.5
    };
    (1..=count.max(1)).min_by(|a, b| miss(a).total_cmp(&miss(b))).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(panels: usize, (width, height): (u32, u32), key: Key) -> Figure {
        let panel = Panel { title: "siglip".into(), rgba: vec![255; (width * height * 4) as usize], scale: None };
        Figure {
            title: "Share".into(),
            subtitle: "of attention".into(),
            panels: vec![panel; panels],
            panel_size: (width, height),
            key,
            caption: vec!["What is shown, in words.".into(); 2],
            theme: Theme::Dark,
        }
    }

    fn scale() -> Scale {
        Scale { colours: vec![[10, 0, 0], [20, 0, 0]], low: 0.0, high: 1.0, label: "share".into() }
    }

    #[test]
    fn panels_are_arranged_like_a_page() {
        assert_eq!(columns(1, 640, 640), 1);
        assert_eq!(columns(4, 640, 640), 2);
        assert_eq!(columns(4, 200, 640), 4);
        assert_eq!(columns(4, 1200, 300), 1);
        assert_eq!(columns(3, 640, 640), 3);
    }

    #[test]
    fn every_pixel_of_every_panel_is_there() {
        for (panels, size) in [(1, (64, 64)), (4, (200, 90)), (3, (30, 300))] {
            let image = figure(panels, size, Key::Scale(scale())).draw().unwrap();
            let white = image.pixels().filter(|pixel| pixel.0 == [255; 3]).count() as u32;
            assert_eq!(white, panels as u32 * size.0 * size.1);
        }
    }

    #[test]
    fn the_scale_shows_both_ends() {
        let image = figure(1, (400, 100), Key::Scale(scale())).draw().unwrap();
        for colour in [[10, 0, 0], [20, 0, 0]] {
            assert!(image.pixels().any(|pixel| pixel.0 == colour), "{colour:?} is missing");
        }
    }

    #[test]
    fn legends_show_every_colour() {
        let entries: Vec<_> = (0..8).map(|k| ([k, 200, 3], format!("a rather long encoder name {k}"))).collect();
        let image = figure(1, (300, 300), Key::Legend(entries.clone())).draw().unwrap();
        for (colour, _) in entries {
            assert!(image.pixels().any(|pixel| pixel.0 == colour), "{colour:?} is missing");
        }
    }
}

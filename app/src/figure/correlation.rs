//! How benchmarks go together, as a figure: a biplot of models and benchmarks, and beside it the tree of those that say the
//! same.

use super::drawing::{Drawing, Mark};
use super::text::Typeface;
use super::{Area, Theme};
use image::RgbImage;
use opabinia_eval::correlate::{Correlation, Groups};

/// The figure.
#[derive(Debug, Clone)]
pub struct CorrelationFigure<'a> {
    /// What is shown.
    pub correlation: &'a Correlation,
    /// What benchmarks are coloured by, if by anything.
    pub groups: Option<&'a Groups>,
    /// The line on top, if any.
    pub title: Option<String>,
    /// Paragraphs below.
    pub caption: Vec<String>,
    /// Colours of everything else.
    pub theme: Theme,
}

/// What the figure in a file says below.
const CAPTION: &str = "Left: principal components of the standardised table. Dots are models, in standard deviations; lines are \
                           benchmarks, as long as they correlate with the two components (the circle is 1). Right: average \
                           linkage over 1 − r. Benchmarks that say the same lie close; with few models, chance does that too.";

/// Sizes in pixels.
const MARGIN: f32 = 28.0;
const SIDE: f32 = 520.0;
const GAP: f32 = 36.0;
const TREE: f32 = 300.0;
const NAMES: f32 = 190.0;
const LEAF: f32 = 24.0;
const TITLE: f32 = 24.0;
const BODY: f32 = 16.0;
const SMALL: f32 = 14.0;

/// Room for the names of benchmarks around the circle, as a part of half the side.
const CIRCLE: f32 = 0.72;

/// Colours that are told apart by most eyes, on light and dark grounds (Okabe and Ito 2008).
const COLOURS: [[u8; 3]; 7] =
    [[0, 114, 178], [213, 94, 0], [0, 158, 115], [204, 121, 167], [230, 159, 0], [86, 180, 233], [148, 130, 30]];

impl<'a> CorrelationFigure<'a> {
    /// The figure as files have it, with a title and what it says below.
    pub fn of_file(correlation: &'a Correlation, groups: Option<&'a Groups>, theme: Theme) -> Self {
        let scores = &correlation.scores;
        Self {
            correlation,
            groups,
            title: Some(format!("{} benchmarks, {} models", scores.benchmarks.len(), scores.models.len())),
            caption: std::iter::once(CAPTION.to_owned()).chain(scores.notes.iter().cloned()).collect(),
            theme,
        }
    }
}

impl CorrelationFigure<'_> {
    /// As a picture.
    ///
    /// # Errors
    /// What is wrong, if the fonts inside of the program cannot be read.
    pub fn draw(&self) -> Result<RgbImage, String> {
        let face = Typeface::new()?;
        Ok(self.lay_out(&face).image(&face, self.theme))
    }

    /// As SVG: text stays text.
    ///
    /// # Errors
    /// Those of [`CorrelationFigure::draw`].
    pub fn svg(&self) -> Result<String, String> {
        let face = Typeface::new()?;
        self.lay_out(&face).svg(&face, self.theme)
    }

    /// Laid out, for whoever draws it elsewhere.
    ///
    /// # Errors
    /// Those of [`CorrelationFigure::draw`].
    pub fn drawing(&self) -> Result<Drawing, String> {
        Ok(self.lay_out(&Typeface::new()?))
    }

    fn colour(&self, benchmark: usize) -> [u8; 3] {
        let names = &self.correlation.scores.benchmarks;
        let known = self.groups.map(|groups| groups.among(names)).unwrap_or_default();
        let group = names.get(benchmark).and_then(|name| self.groups?.of(name));
        match group.and_then(|group| known.iter().position(|known| *known == group)) {
            Some(at) => COLOURS[at % COLOURS.len()],
            None if self.groups.is_some() => self.theme.faint(),
            None => COLOURS[0],
        }
    }

    fn lay_out(&self, face: &Typeface) -> Drawing {
        let leaves = self.correlation.scores.benchmarks.len() as f32;
        let inner = SIDE + GAP + TREE + NAMES;
        let height = SIDE.max(leaves * LEAF + 40.0);
        let mut sheet = Sheet { face, marks: Vec::new(), taken: Vec::new() };
        let mut top = MARGIN;
        if let Some(title) = &self.title {
            let title = face.shorten(title, TITLE, inner);
            sheet.text(title, TITLE, (MARGIN, top), self.theme.ink());
            top += Typeface::line_height(TITLE) + 12.0;
        }
        self.biplot(&mut sheet, (MARGIN, top));
        self.tree(&mut sheet, (MARGIN + SIDE + GAP, top));
        top += height + 18.0;
        top = self.legend(&mut sheet, top, inner);
        for paragraph in &self.caption {
            for words in face.wrap(paragraph, BODY, inner) {
                sheet.text(words, BODY, (MARGIN, top), self.theme.faint());
                top += Typeface::line_height(BODY);
            }
            top += 6.0;
        }
        let (width, height) = ((inner + 2.0 * MARGIN) as u32, (top + MARGIN - 6.0) as u32);
        Drawing { width, height, marks: sheet.marks }
    }

    /// Models and benchmarks over the first two components, in a square at `(left, top)`.
    fn biplot(&self, sheet: &mut Sheet<'_>, (left, top): (f32, f32)) {
        let theme = self.theme;
        let [x, y] = [0, 1].map(|at| self.correlation.components.get(at));
        let (Some(x), Some(y)) = (x, y) else { return };
        let middle = (left + SIDE / 2.0, top + SIDE / 2.0);
        let radius = CIRCLE * SIDE / 2.0;
        for (from, to) in [((left, middle.1), (left + SIDE, middle.1)), ((middle.0, top), (middle.0, top + SIDE))] {
            sheet.line(from, to, 1.0, theme.line());
        }
        let around = |step: u32| {
            let angle = f64::from(step) * std::f64::consts::TAU / 96.0;
            (middle.0 + radius * angle.cos() as f32, middle.1 + radius * angle.sin() as f32)
        };
        (0..96).for_each(|step| sheet.line(around(step), around(step + 1), 1.0, theme.line()));
        let percent = |part: f64| format!("{:.0} %", 100.0 * part);
        let across = format!("PC1 ({})", percent(x.explained));
        let width = sheet.face.width(&across, SMALL);
        sheet.name(across, SMALL, (left + SIDE - width, middle.1 + 4.0), theme.faint());
        sheet.name(format!("PC2 ({})", percent(y.explained)), SMALL, (middle.0 + 6.0, top), theme.faint());
        // Models reach to the edge of the square.
        let most = x.scores.iter().chain(&y.scores).fold(1e-9, |most: f64, score| most.max(score.abs()));
        let place = |at: usize| {
            let part = |scores: &[f64]| (scores[at] / most) as f32 * 0.46 * SIDE;
            (middle.0 + part(&x.scores), middle.1 - part(&y.scores))
        };
        let models: Vec<(f32, f32)> = (0..self.correlation.scores.models.len()).map(place).collect();
        models.iter().for_each(|at| sheet.line(*at, *at, 7.0, theme.faint()));
        for (at, name) in self.correlation.scores.benchmarks.iter().enumerate() {
            let end = (middle.0 + x.loadings[at] as f32 * radius, middle.1 - y.loadings[at] as f32 * radius);
            let colour = self.colour(at);
            sheet.line(middle, end, 2.0, colour);
            sheet.line(end, end, 6.0, colour);
            sheet.beside(name, end, middle, colour, true, (left, top));
        }
        for (name, at) in self.correlation.scores.models.iter().zip(&models) {
            sheet.beside(name, *at, middle, theme.faint(), false, (left, top));
        }
    }

    /// The tree of benchmarks, its root to the left.
    fn tree(&self, sheet: &mut Sheet<'_>, (left, top): (f32, f32)) {
        let theme = self.theme;
        let found = self.correlation;
        let count = found.scores.benchmarks.len();
        let most = found.merges.last().map_or(1.0, |merge| merge.distance).max(1e-9);
        let across = |distance: f64| left + TREE * (1.0 - (distance / most) as f32);
        // Where each cluster ends: its distance, and its height.
        let mut ends: Vec<(f32, f32)> = vec![(across(0.0), 0.0); count];
        for (row, leaf) in found.order().into_iter().enumerate() {
            let middle = top + 30.0 + (row as f32 + 0.5) * LEAF;
            ends[leaf].1 = middle;
            let name = sheet.face.shorten(&found.scores.benchmarks[leaf], BODY, NAMES - 10.0);
            sheet.text(name, BODY, (across(0.0) + 8.0, middle - Typeface::line_height(BODY) / 2.0), self.colour(leaf));
        }
        for merge in &found.merges {
            let (a, b) = (ends[merge.first], ends[merge.second]);
            let x = across(merge.distance);
            sheet.line((x, a.1), a, 1.5, theme.ink());
            sheet.line((x, b.1), b, 1.5, theme.ink());
            sheet.line((x, a.1), (x, b.1), 1.5, theme.ink());
            ends.push((x, (a.1 + b.1) / 2.0));
        }
        for (value, label) in super::ticks::ticks(0.0, most as f32, 4) {
            let x = across(f64::from(value));
            let width = sheet.face.width(&label, SMALL);
            sheet.text(label, SMALL, (x - width / 2.0, top), theme.faint());
            sheet.line((x, top + 20.0), (x, top + 25.0), 1.0, theme.line());
        }
        let end = (across(0.0) + 26.0, top);
        sheet.text("1 − r".into(), SMALL, end, theme.faint());
    }

    /// What the colours mean; gives where the next line begins.
    fn legend(&self, sheet: &mut Sheet<'_>, mut top: f32, inner: f32) -> f32 {
        let names = &self.correlation.scores.benchmarks;
        let known = self.groups.map(|groups| groups.among(names)).unwrap_or_default();
        let mut left = MARGIN;
        for (at, name) in known.iter().enumerate() {
            let width = sheet.face.width(name, BODY) + 40.0;
            if left > MARGIN && left + width > MARGIN + inner {
                (left, top) = (MARGIN, top + Typeface::line_height(BODY) + 4.0);
            }
            let field = Area { left: left as u32, top: top as u32 + 4, width: 13, height: 13 };
            sheet.marks.push(Mark::Fill(field, COLOURS[at % COLOURS.len()]));
            sheet.text((*name).to_owned(), BODY, (left + 19.0, top), self.theme.ink());
            left += width;
        }
        if known.is_empty() { top } else { top + Typeface::line_height(BODY) + 12.0 }
    }
}

/// A sheet on which names do not lie on each other.
struct Sheet<'f> {
    face: &'f Typeface,
    marks: Vec<Mark>,
    /// Left, top, right and bottom of names.
    taken: Vec<[f32; 4]>,
}

impl Sheet<'_> {
    fn text(&mut self, text: String, size: f32, (left, top): (f32, f32), colour: [u8; 3]) {
        self.marks.push(Mark::Text { text, size, left, top, colour });
    }

    fn line(&mut self, from: (f32, f32), to: (f32, f32), width: f32, colour: [u8; 3]) {
        self.marks.push(Mark::Line { from, to, width, colour });
    }

    /// A name whose place nobody else gets.
    fn name(&mut self, text: String, size: f32, (left, top): (f32, f32), colour: [u8; 3]) {
        self.taken.push([left, top, left + self.face.width(&text, size), top + Typeface::line_height(size)]);
        self.text(text, size, (left, top), colour);
    }

    /// A name beside the point `at`, on the far side of `middle` where there is room. One that has to be there lies where
    /// others lie least; another is left out where there is no room.
    fn beside(
        &mut self,
        name: &str,
        at: (f32, f32),
        middle: (f32, f32),
        colour: [u8; 3],
        has_to: bool,
        corner: (f32, f32),
    ) {
        let name = self.face.shorten(name, SMALL, 150.0);
        let (width, height) = (self.face.width(&name, SMALL), Typeface::line_height(SMALL));
        let right = at.0 >= middle.0;
        let sideways = |right: bool| if right { at.0 + 6.0 } else { at.0 - width - 6.0 };
        let mut places = Vec::new();
        for shift in [0.0, -0.6, 0.6, -1.2, 1.2, -1.8, 1.8] {
            for side in [right, !right] {
                places.push((sideways(side), at.1 - height / 2.0 + shift * height));
            }
        }
        let area = |(left, top): (f32, f32)| [left, top, left + width, top + height];
        let overlap = |a: &[f32; 4], b: &[f32; 4]| {
            let x = a[2].min(b[2]) - a[0].max(b[0]);
            let y = a[3].min(b[3]) - a[1].max(b[1]);
            x.max(0.0) * y.max(0.0)
        };
        let outside = |a: &[f32; 4]| {
            let over = [corner.0 - a[0], corner.1 - a[1], a[2] - corner.0 - SIDE, a[3] - corner.1 - SIDE];
            over.into_iter().map(|x| x.max(0.0) * 1000.0).sum::<f32>()
        };
        let cost = |place: &(f32, f32)| {
            let own = area(*place);
            self.taken.iter().map(|taken| overlap(&own, taken)).sum::<f32>() + outside(&own)
        };
        let best = places.iter().map(|place| (cost(place), *place)).reduce(|a, b| if b.0 < a.0 - 0.5 { b } else { a });
        if let Some((_, place)) = best.filter(|(cost, _)| has_to || *cost < 1.0) {
            self.name(name, SMALL, place, colour);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opabinia_eval::correlate::Scores;

    fn found() -> Correlation {
        let row = |name: usize, values: [f64; 4]| (format!("model {name}"), values.to_vec());
        let rows = [
            row(0, [1.0, 1.2, 9.0, 4.0]),
            row(1, [2.0, 2.1, 7.0, 1.0]),
            row(2, [3.0, 2.8, 8.0, 3.0]),
            row(3, [4.0, 4.3, 2.0, 2.0]),
        ];
        let (models, values) = rows.into_iter().unzip();
        let benchmarks = ["near", "nearer & <more>", "far", "other"].map(String::from).to_vec();
        Correlation::new(Scores { models, benchmarks, values, notes: Vec::new() })
    }

    #[test]
    fn every_benchmark_is_named_twice_in_both_formats_of_one_size() {
        let found = found();
        let figure = CorrelationFigure {
            correlation: &found,
            groups: None,
            title: Some("Benchmarks".into()),
            caption: vec![CAPTION.into()],
            theme: Theme::Light,
        };
        let (image, svg) = (figure.draw().unwrap(), figure.svg().unwrap());
        assert!(svg.contains(&format!("width=\"{}\" height=\"{}\"", image.width(), image.height())));
        for name in ["near", "nearer &amp; &lt;more&gt;", "far", "other"] {
            assert_eq!(svg.matches(&format!(">{name}</text>")).count(), 2, "{name}");
        }
        assert_eq!(svg.matches("<circle").count(), 4 + 4, "a dot for each model and each benchmark");
        assert!(image.pixels().any(|pixel| pixel.0 == COLOURS[0]));
        let within = |x: f32, y: f32| x >= 0.0 && y >= 0.0 && x <= image.width() as f32 && y <= image.height() as f32;
        for mark in figure.drawing().unwrap().marks {
            match mark {
                Mark::Line { from, to, .. } => assert!(within(from.0, from.1) && within(to.0, to.1), "{from:?} {to:?}"),
                Mark::Text { left, top, ref text, .. } => assert!(within(left, top), "{text}"),
                Mark::Fill(..) | Mark::Picture { .. } => {}
            }
        }
    }
}

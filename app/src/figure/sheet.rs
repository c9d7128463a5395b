//! A table as a figure: rows and columns of numbers on coloured fields, with a scale and a caption. Laid out once, and drawn
//! as pixels or written as SVG.

use super::Theme;
use super::canvas::Area;
use super::drawing::{Drawing, Mark};
use super::text::Typeface;
use image::RgbImage;

/// One field of a sheet.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Field {
    /// The number as it is written; empty for a field that only its colour tells.
    pub text: String,
    /// Its colour; `None` for the ground.
    pub fill: Option<[u8; 3]>,
}

/// One row of a sheet.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it is about.
    pub name: String,
    /// Its fields.
    pub fields: Vec<Field>,
}

/// A table with what it takes to read it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    /// The line on top.
    pub title: String,
    /// Lines under it, smaller.
    pub subtitle: Vec<String>,
    /// Above each column: lines of text.
    pub heads: Vec<Vec<String>>,
    /// The rows.
    pub rows: Vec<Row>,
    /// Width and height of a field in pixels.
    pub field: (u32, u32),
    /// Colours from the lowest value to the highest, these values, and what they are.
    pub scale: Option<(Vec<[u8; 3]>, f64, f64, String)>,
    /// Paragraphs below.
    pub caption: Vec<String>,
    /// Colours of everything else.
    pub theme: Theme,
}

/// Sizes in pixels.
const MARGIN: u32 = 28;
const TITLE: f32 = 24.0;
const BODY: f32 = 16.0;
const SMALL: f32 = 14.0;
const BAR: u32 = 14;
const NAMES: f32 = 190.0;
const NARROWEST: f32 = 620.0;

impl Sheet {
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
    /// Those of [`Sheet::draw`].
    pub fn svg(&self) -> Result<String, String> {
        let face = Typeface::new()?;
        self.lay_out(&face).svg(&face, self.theme)
    }

    fn lay_out(&self, face: &Typeface) -> Drawing {
        let (field_width, field_height) = self.field;
        let columns = self.heads.len().max(self.rows.iter().map(|row| row.fields.len()).max().unwrap_or(0)) as u32;
        let longest = self.rows.iter().map(|row| face.width(&row.name, BODY)).fold(0.0, f32::max);
        let names = if longest > 0.0 { longest.min(NAMES) as u32 + 14 } else { 0 };
        let inner = (names + columns * field_width).max(NARROWEST as u32);
        let line = |size: f32| Typeface::line_height(size) as u32;
        let (ink, faint) = (self.theme.ink(), self.theme.faint());
        let (mut marks, mut top) = (Vec::new(), MARGIN);
        let text = |marks: &mut Vec<Mark>, text: String, size: f32, left: f32, top: u32, colour: [u8; 3]| {
            marks.push(Mark::Text { text, size, left, top: top as f32, colour });
        };
        text(&mut marks, face.shorten(&self.title, TITLE, inner as f32), TITLE, MARGIN as f32, top, ink);
        top += line(TITLE);
        for subtitle in &self.subtitle {
            for words in face.wrap(subtitle, BODY, inner as f32) {
                text(&mut marks, words, BODY, MARGIN as f32, top, faint);
                top += line(BODY);
            }
        }
        top += 16;
        let lines = self.heads.iter().map(Vec::len).max().unwrap_or(0);
        for (column, head) in self.heads.iter().enumerate() {
            // Heads stand on the fields: the last line is the lowest.
            for (at, words) in head.iter().enumerate() {
                let words = face.shorten(words, SMALL, field_width as f32 - 4.0);
                let left = (MARGIN + names + column as u32 * field_width) as f32
                    + (field_width as f32 - face.width(&words, SMALL)) / 2.0;
                let y = top + (lines - head.len() + at) as u32 * line(SMALL);
                text(&mut marks, words, SMALL, left, y, faint);
            }
        }
        top += lines as u32 * line(SMALL) + 6;
        for row in &self.rows {
            let middle = |size: f32| top + field_height.saturating_sub(line(size)) / 2;
            let name = face.shorten(&row.name, BODY, names as f32 - 8.0);
            text(&mut marks, name, BODY, MARGIN as f32, middle(BODY), ink);
            for (column, field) in row.fields.iter().enumerate() {
                let left = MARGIN + names + column as u32 * field_width;
                if let Some(fill) = field.fill {
                    let area = Area { left, top, width: field_width - 1, height: field_height - 1 };
                    marks.push(Mark::Fill(area, fill));
                }
                if !field.text.is_empty() {
                    let words = face.shorten(&field.text, SMALL, field_width as f32 - 4.0);
                    let x = left as f32 + (field_width as f32 - face.width(&words, SMALL)) / 2.0;
                    let colour = field.fill.map_or(ink, readable_on);
                    text(&mut marks, words, SMALL, x, middle(SMALL), colour);
                }
            }
            top += field_height;
        }
        if let Some((colours, low, high, label)) = &self.scale {
            top += 18;
            let width = inner.min(420);
            let count = colours.len().max(1) as u32;
            for x in 0..width {
                let at = (x * count / width).min(count - 1) as usize;
                let area = Area { left: MARGIN + x, top, width: 1, height: BAR };
                marks.push(Mark::Fill(area, colours.get(at).copied().unwrap_or_default()));
            }
            top += BAR + 3;
            for (value, part) in [(*low, 0.0), ((low + high) / 2.0, 0.5), (*high, 1.0)] {
                let words = signed(value);
                let wide = face.width(&words, SMALL);
                let left = MARGIN as f32 + (width as f32 * part - wide / 2.0).clamp(0.0, width as f32 - wide);
                text(&mut marks, words, SMALL, left, top, ink);
            }
            top += line(SMALL);
            text(&mut marks, face.shorten(label, SMALL, inner as f32), SMALL, MARGIN as f32, top, faint);
            top += line(SMALL);
        }
        top += 16;
        for paragraph in &self.caption {
            for words in face.wrap(paragraph, BODY, inner as f32) {
                text(&mut marks, words, BODY, MARGIN as f32, top, faint);
                top += line(BODY);
            }
            top += 6;
        }
        Drawing { width: inner + 2 * MARGIN, height: top + MARGIN - 6, marks }
    }
}

/// Black or white, whichever can be read on `ground`.
fn readable_on([r, g, b]: [u8; 3]) -> [u8; 3] {
    let light = 0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b);
    if light > 140.0 { [20; 3] } else { [255; 3] }
}

/// A number with its sign, short.
fn signed(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:+.3}").replace('-', "−") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        let field = |text: &str, fill| Field { text: text.into(), fill };
        Sheet {
            title: "Evidence".into(),
            subtitle: vec!["About <one> & another".into()],
            heads: vec![vec!["share".into()], vec!["Δ log p".into(), "mask".into()]],
            rows: vec![Row {
                name: "SigLIP".into(),
                fields: vec![field("0.5", Some([200, 10, 10])), field("−1.2", None)],
            }],
            field: (80, 28),
            scale: Some((vec![[1, 2, 3], [4, 5, 6]], -1.0, 1.0, "nats".into())),
            caption: vec!["In words.".into()],
            theme: Theme::Light,
        }
    }

    #[test]
    fn a_sheet_is_drawn_with_its_fields_and_scale() {
        let image = sheet().draw().unwrap();
        for colour in [[200, 10, 10], [1, 2, 3], [4, 5, 6]] {
            assert!(image.pixels().any(|pixel| pixel.0 == colour), "{colour:?} is missing");
        }
        assert!(image.pixels().filter(|pixel| pixel.0 == [200, 10, 10]).count() > 79 * 20);
    }

    #[test]
    fn svg_has_the_same_size_and_escapes_what_it_must() {
        let (image, svg) = (sheet().draw().unwrap(), sheet().svg().unwrap());
        assert!(svg.contains(&format!("width=\"{}\" height=\"{}\"", image.width(), image.height())), "{svg}");
        assert!(svg.contains("About &lt;one&gt; &amp; another") && svg.contains(">SigLIP</text>"), "{svg}");
        assert!(svg.ends_with("</svg>\n"));
    }
}

//! What is drawn, laid out: as pixels or written as SVG.

use super::canvas::{Area, Canvas};
use super::text::Typeface;
use image::RgbImage;
use std::fmt::Write as _;

/// Something that is drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// A rectangle of one colour.
    Fill(Area, [u8; 3]),
    /// A line with round ends; a dot where both are one.
    Line {
        /// One end, in pixels.
        from: (f32, f32),
        /// The other.
        to: (f32, f32),
        /// Its width.
        width: f32,
        /// Its colour.
        colour: [u8; 3],
    },
    /// One line of text with the top of its line box at `top`.
    Text {
        /// The text.
        text: String,
        /// Its size in pixels.
        size: f32,
        /// Its left end.
        left: f32,
        /// The top of its line box.
        top: f32,
        /// Its colour.
        colour: [u8; 3],
    },
}

/// Everything that is drawn, on a surface of this size.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The colour behind everything.
    pub ground: [u8; 3],
    /// Marks, the lowest first.
    pub marks: Vec<Mark>,
}

impl Drawing {
    /// As a picture.
    pub(super) fn image(&self, face: &Typeface) -> RgbImage {
        let mut canvas = Canvas::new(self.width, self.height, self.ground);
        for mark in &self.marks {
            match mark {
                Mark::Fill(area, colour) => canvas.fill(*area, *colour),
                Mark::Line { from, to, width, colour } => canvas.line(*from, *to, *width, *colour),
                Mark::Text { text, size, left, top, colour } => canvas.text(face, text, *size, (*left, *top), *colour),
            }
        }
        canvas.into_image()
    }

    /// As SVG: text stays text.
    pub(super) fn svg(&self, face: &Typeface) -> String {
        let Self { width, height, ground, marks } = self;
        let hex = |[r, g, b]: [u8; 3]| format!("#{r:02x}{g:02x}{b:02x}");
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"Ubuntu, 'DejaVu Sans', sans-serif\" font-weight=\"300\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>\n",
            hex(*ground)
        );
        for mark in marks {
            // Writing to a string cannot fail.
            let _ = match mark {
                Mark::Fill(Area { left, top, width, height }, colour) => writeln!(
                    svg,
                    "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"{}\"/>",
                    hex(*colour)
                ),
                Mark::Line { from, to, width, colour } if from == to => writeln!(
                    svg,
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{:.1}\" fill=\"{}\"/>",
                    from.0,
                    from.1,
                    width / 2.0,
                    hex(*colour)
                ),
                Mark::Line { from, to, width, colour } => writeln!(
                    svg,
                    "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{}\" stroke-width=\"{width}\" \
                     stroke-linecap=\"round\"/>",
                    from.0,
                    from.1,
                    to.0,
                    to.1,
                    hex(*colour)
                ),
                Mark::Text { text, size, left, top, colour } => {
                    let baseline = top + face.ascent(*size);
                    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                    writeln!(
                        svg,
                        "<text x=\"{left:.1}\" y=\"{baseline:.1}\" font-size=\"{size}\" fill=\"{}\">{text}</text>",
                        hex(*colour)
                    )
                }
            };
        }
        svg.push_str("</svg>\n");
        svg
    }
}

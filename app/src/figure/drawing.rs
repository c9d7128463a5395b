//! What a figure is made of once it is laid out: fields of colour, lines, text and pictures, drawn as pixels or written as
//! SVG.

use super::Theme;
use super::canvas::{Area, Canvas};
use super::text::Typeface;
use image::{ImageFormat, RgbImage, RgbaImage};
use std::fmt::Write as _;
use std::io::Cursor;

/// Something that is drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// A field of one colour.
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
    /// A picture.
    Picture {
        /// Rows of RGBA.
        rgba: Vec<u8>,
        /// How wide they are, in pixels.
        width: u32,
        /// Its left edge.
        left: u32,
        /// Its top edge.
        top: u32,
    },
}

/// Everything that is drawn, on a surface of this size.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Marks, the lowest first.
    pub marks: Vec<Mark>,
}

impl Drawing {
    /// An empty one.
    pub fn new(width: u32, height: u32) -> Self {
        Self { width, height, marks: Vec::new() }
    }

    /// Fills `area`.
    pub fn fill(&mut self, area: Area, colour: [u8; 3]) {
        self.marks.push(Mark::Fill(area, colour));
    }

    /// Writes a line of text with its left top corner there.
    pub fn text(&mut self, text: impl Into<String>, size: f32, (left, top): (f32, f32), colour: [u8; 3]) {
        self.marks.push(Mark::Text { text: text.into(), size, left, top, colour });
    }

    /// Puts a picture of rows of RGBA there.
    pub fn picture(&mut self, rgba: &[u8], width: u32, left: u32, top: u32) {
        self.marks.push(Mark::Picture { rgba: rgba.to_vec(), width, left, top });
    }

    /// As a picture.
    pub(super) fn image(self, face: &Typeface, theme: Theme) -> RgbImage {
        let mut canvas = Canvas::new(self.width, self.height, theme.ground());
        for mark in self.marks {
            match mark {
                Mark::Fill(area, colour) => canvas.fill(area, colour),
                Mark::Line { from, to, width, colour } => canvas.line(from, to, width, colour),
                Mark::Text { text, size, left, top, colour } => canvas.text(face, &text, size, (left, top), colour),
                Mark::Picture { rgba, width, left, top } => canvas.picture(&rgba, width, left, top),
            }
        }
        canvas.into_image()
    }

    /// As SVG: text stays text, and pictures are PNG inside of it.
    ///
    /// # Errors
    /// In words, if a picture cannot be written.
    pub(super) fn svg(self, face: &Typeface, theme: Theme) -> Result<String, String> {
        let Self { width, height, marks } = self;
        let hex = |[r, g, b]: [u8; 3]| format!("#{r:02x}{g:02x}{b:02x}");
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"Ubuntu, 'DejaVu Sans', sans-serif\" font-weight=\"300\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>\n",
            hex(theme.ground())
        );
        for mark in marks {
            // Writing to a string cannot fail.
            let _ = match mark {
                Mark::Fill(Area { left, top, width, height }, colour) => writeln!(
                    svg,
                    "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"{}\"/>",
                    hex(colour)
                ),
                Mark::Line { from, to, width, colour } if from == to => writeln!(
                    svg,
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{:.1}\" fill=\"{}\"/>",
                    from.0,
                    from.1,
                    width / 2.0,
                    hex(colour)
                ),
                Mark::Line { from, to, width, colour } => writeln!(
                    svg,
                    "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{}\" stroke-width=\"{width}\" \
                     stroke-linecap=\"round\"/>",
                    from.0,
                    from.1,
                    to.0,
                    to.1,
                    hex(colour)
                ),
                Mark::Text { text, size, left, top, colour } => {
                    let baseline = top + face.ascent(size);
                    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                    writeln!(
                        svg,
                        "<text x=\"{left:.1}\" y=\"{baseline:.1}\" font-size=\"{size}\" fill=\"{}\">{text}</text>",
                        hex(colour)
                    )
                }
                Mark::Picture { rgba, width, left, top } => {
                    let height = u32::try_from(rgba.len() / 4).unwrap_or(0) / width.max(1);
                    let png = png(rgba, width, height)?;
                    writeln!(
                        svg,
                        "<image x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" \
                         href=\"data:image/png;base64,{}\"/>",
                        base64(&png)
                    )
                }
            };
        }
        svg.push_str("</svg>\n");
        Ok(svg)
    }
}

fn png(rgba: Vec<u8>, width: u32, height: u32) -> Result<Vec<u8>, String> {
    let image = RgbaImage::from_raw(width, height, rgba).ok_or("a panel has other pixels than its size says")?;
    let mut png = Cursor::new(Vec::new());
    image.write_to(&mut png, ImageFormat::Png).map_err(|error| error.to_string())?;
    Ok(png.into_inner())
}

/// Base 64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let letter = LETTERS[(bits >> shift & 63) as usize];
            text.push(if at <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        let known = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (bytes, text) in known {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}

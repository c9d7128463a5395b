//! An RGB surface: fills, pictures, and lines of text.

use super::text::Typeface;
use ab_glyph::{Font, GlyphId, PxScale, ScaleFont, point};
use image::{Rgb, RgbImage};

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// Left edge.
    pub left: u32,
    /// Top edge.
    pub top: u32,
    /// Extent to the right.
    pub width: u32,
    /// Extent downwards.
    pub height: u32,
}

/// The surface.
pub(super) struct Canvas {
    pixels: RgbImage,
}

impl Canvas {
    /// A surface of one colour.
    pub(super) fn new(width: u32, height: u32, colour: [u8; 3]) -> Self {
        Self { pixels: RgbImage::from_pixel(width, height, Rgb(colour)) }
    }

    /// The picture.
    pub(super) fn into_image(self) -> RgbImage {
        self.pixels
    }

    /// Fills the part of `area` that lies on the surface.
    pub(super) fn fill(&mut self, area: Area, colour: [u8; 3]) {
        let (width, height) = self.pixels.dimensions();
        let right = area.left.saturating_add(area.width).min(width);
        let bottom = area.top.saturating_add(area.height).min(height);
        for y in area.top..bottom {
            for x in area.left..right {
                self.pixels.put_pixel(x, y, Rgb(colour));
            }
        }
    }

    /// Draws rows of RGBA with straight alpha, `width` pixels each, at `(left, top)`.
    pub(super) fn picture(&mut self, rgba: &[u8], width: u32, left: u32, top: u32) {
        for (at, [r, g, b, a]) in rgba.as_chunks::<4>().0.iter().enumerate() {
            let (x, y) = (left + at as u32 % width, top + at as u32 / width);
            self.mix(x, y, [*r, *g, *b], f32::from(*a) / 255.0);
        }
    }

    /// Draws a line with round ends; a dot where both are one.
    pub(super) fn line(&mut self, from: (f32, f32), to: (f32, f32), width: f32, colour: [u8; 3]) {
        let radius = width / 2.0;
        let (size_x, size_y) = self.pixels.dimensions();
        let span = |a: f32, b: f32, most: u32| {
            let first = (a.min(b) - radius - 1.0).max(0.0) as u32;
            let last = ((a.max(b) + radius + 1.0).max(0.0) as u32).min(most.saturating_sub(1));
            first..=last
        };
        let along = (to.0 - from.0, to.1 - from.1);
        let square = along.0 * along.0 + along.1 * along.1;
        for y in span(from.1, to.1, size_y) {
            for x in span(from.0, to.0, size_x) {
                let at = (x as f32 + 0.5 - from.0, y as f32 + 0.5 - from.1);
                let part =
                    if square > 0.0 { ((at.0 * along.0 + at.1 * along.1) / square).clamp(0.0, 1.0) } else { 0.0 };
                let distance = (at.0 - part * along.0).hypot(at.1 - part * along.1);
                self.mix(x, y, colour, radius + 0.5 - distance);
            }
        }
    }

    /// Draws one line of text with the top of its line box at `top`.
    pub(super) fn text(&mut self, face: &Typeface, text: &str, size: f32, (left, top): (f32, f32), colour: [u8; 3]) {
        let baseline = top + face.ascent(size);
        let mut x = left;
        let mut before: Option<(usize, GlyphId)> = None;
        for character in text.chars() {
            let (font_at, font) = face.font_for(character);
            let scaled = font.as_scaled(PxScale::from(size));
            let id = font.glyph_id(character);
            if let Some((_, before)) = before.filter(|(at, _)| *at == font_at) {
                x += scaled.kern(before, id);
            }
            let glyph = id.with_scale_and_position(size, point(x, baseline));
            if let Some(outline) = font.outline_glyph(glyph) {
                let bounds = outline.px_bounds();
                outline.draw(|dx, dy, coverage| {
                    let (x, y) = (bounds.min.x + dx as f32, bounds.min.y + dy as f32);
                    if x >= 0.0 && y >= 0.0 {
                        self.mix(x as u32, y as u32, colour, coverage);
                    }
                });
            }
            x += scaled.h_advance(id);
            before = Some((font_at, id));
        }
    }

    /// Lays `colour` over one pixel.
    fn mix(&mut self, x: u32, y: u32, colour: [u8; 3], coverage: f32) {
        if let Some(pixel) = self.pixels.get_pixel_mut_checked(x, y) {
            let coverage = coverage.clamp(0.0, 1.0);
            for (channel, new) in pixel.0.iter_mut().zip(colour) {
                let old = f32::from(*channel);
                *channel = (old + (f32::from(new) - old) * coverage).round() as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beyond_the_edge_is_left_out() {
        let mut canvas = Canvas::new(4, 4, [255; 3]);
        canvas.fill(Area { left: 3, top: 3, width: 9, height: 9 }, [1, 2, 3]);
        canvas.picture(&[0, 0, 0, 255, 0, 0, 0, 128], 2, 0, 0);
        canvas.text(&Typeface::new().unwrap(), "Wide text", 30.0, (-5.0, -5.0), [0; 3]);
        let image = canvas.into_image();
        assert_eq!(image.get_pixel(3, 3).0, [1, 2, 3]);
    }

    #[test]
    fn a_line_covers_its_width_and_a_dot_its_radius() {
        let mut canvas = Canvas::new(20, 20, [255; 3]);
        canvas.line((2.0, 5.0), (18.0, 5.0), 2.0, [0; 3]);
        canvas.line((10.0, 14.0), (10.0, 14.0), 6.0, [0, 0, 200]);
        canvas.line((-50.0, -50.0), (-40.0, -40.0), 2.0, [0; 3]);
        let image = canvas.into_image();
        let dark = |x, y| image.get_pixel(x, y).0[0] < 128;
        assert!((2..18).all(|x| dark(x, 4) && dark(x, 5)) && !dark(10, 7) && !dark(10, 2));
        assert!(dark(10, 12) && dark(8, 14) && !dark(10, 18) && !dark(5, 14));
    }

    #[test]
    fn pictures_are_blended_by_their_alpha() {
        let mut canvas = Canvas::new(2, 1, [200; 3]);
        canvas.picture(&[0, 0, 0, 255, 100, 100, 100, 0], 2, 0, 0);
        let image = canvas.into_image();
        assert_eq!(image.get_pixel(0, 0).0, [0; 3]);
        assert_eq!(image.get_pixel(1, 0).0, [200; 3]);
    }
}

//! Small copies of pictures.

use crate::window::state::PictureId;
use egui::{Color32, ColorImage, Context, TextureHandle, TextureOptions};
use opabinia_engine::vision::Picture;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

/// The longer side of a small copy, in pixels.
const SIDE: usize = 128;

/// How many are kept.
const KEPT: usize = 32;

/// Samples along each side of the area that becomes one pixel: enough to be calm, and as many for a large photo as for a
/// small one.
const SAMPLES: usize = 3;

/// Small copies, made when they are first shown.
#[derive(Default)]
pub struct Thumbnails(HashMap<PictureId, (Weak<Picture>, TextureHandle)>);

impl Thumbnails {
    /// The small copy of `picture`.
    pub fn get(&mut self, ctx: &Context, id: PictureId, picture: &Arc<Picture>) -> TextureHandle {
        if let Some((of, texture)) = self.0.get(&id)
            && of.as_ptr() == Arc::as_ptr(picture)
        {
            return texture.clone();
        }
        if self.0.len() >= KEPT {
            self.0.clear();
        }
        let texture = ctx.load_texture("thumbnail", small(picture, SIDE), TextureOptions::LINEAR);
        self.0.insert(id, (Arc::downgrade(picture), texture.clone()));
        texture
    }
}

/// A copy of `picture` whose longer side has at most `most` pixels.
pub fn small(picture: &Picture, most: usize) -> ColorImage {
    let (width, height) = (picture.width.max(1), picture.height.max(1));
    let longer = width.max(height);
    let side = |length: usize| (length * most.min(longer)).div_ceil(longer).max(1);
    let (columns, rows) = (side(width), side(height));
    let mut pixels = Vec::with_capacity(columns * rows);
    for row in 0..rows {
        for column in 0..columns {
            let mut sum = [0u32; 3];
            for sample in 0..SAMPLES * SAMPLES {
                let place = |index: usize, count: usize, part: usize, length: usize| {
                    ((index * SAMPLES + part) * 2 + 1) * length / (count * SAMPLES * 2)
                };
                let x = place(column, columns, sample % SAMPLES, width).min(width - 1);
                let y = place(row, rows, sample / SAMPLES, height).min(height - 1);
                let start = (y * width + x) * 3;
                for (sum, value) in sum.iter_mut().zip(picture.rgb.get(start..start + 3).unwrap_or(&[0; 3])) {
                    *sum += u32::from(*value);
                }
            }
            let [r, g, b] = sum.map(|sum| (sum / (SAMPLES * SAMPLES) as u32) as u8);
            pixels.push(Color32::from_rgb(r, g, b));
        }
    }
    ColorImage::new([columns, rows], pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_copy_keeps_shape_and_colours() {
        let (width, height) = (640, 320);
        let left = |at: usize| at % width < width / 2;
        let rgb = (0..width * height).flat_map(|at| if left(at) { [200, 0, 0] } else { [0, 0, 100] }).collect();
        let copy = small(&Picture { width, height, rgb }, SIDE);
        assert_eq!(copy.size, [128, 64]);
        assert_eq!(copy.pixels[0], Color32::from_rgb(200, 0, 0));
        assert_eq!(copy.pixels[127], Color32::from_rgb(0, 0, 100));
    }

    #[test]
    fn the_thinnest_picture_has_a_copy() {
        let copy = small(&Picture { width: 1000, height: 1, rgb: vec![9; 3000] }, SIDE);
        assert_eq!(copy.size, [128, 1]);
        let copy = small(&Picture { width: 1, height: 1, rgb: vec![9; 3] }, SIDE);
        assert_eq!((copy.size, copy.pixels[0]), ([1, 1], Color32::from_gray(9)));
    }
}

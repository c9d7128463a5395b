//! A TIFF decoder that gives the bytes Pillow gives, for the kinds of TIFF file that Pillow reads as what they are.
//!
//! Pillow reads uncompressed files itself and leaves the others to libtiff, so the two kinds are refused and read by
//! somewhat different rules ([`layout`]). This module takes the strips or tiles of a file one after the other;
//! [`directory`] reads its fields, [`unpack`] undoes the compression of a part, [`pixels`] makes RGB of samples.

pub(super) mod directory;
mod fax;
mod layout;
mod pixels;
mod predictor;
mod unpack;
mod ycc;

use super::fault::{Fault, Result, damaged, unread};
use super::orientation;
use super::picture::{Picture, check_size};
use directory::Directory;
use layout::{Layout, Pixels};
use unpack::Unpacker;

const COLOUR_MAP: u16 = 320;

/// Decodes the first picture of the TIFF file `bytes`, turned by its orientation.
pub(super) fn decode(bytes: &[u8]) -> Result<Picture> {
    if bytes.starts_with(b"MM\0+") {
        return unread("a big-endian BigTIFF file");
    }
    let directory = Directory::first(bytes)?;
    if let Some(field) = directory.broken {
        return damaged(format!("field {field} lies outside the file"));
    }
    let [width, height] = Layout::size(&directory)?;
    check_size(width as u64, height as u64)?;
    let layout = Layout::read(&directory)?;
    // Tiles may reach beyond the picture, far beyond in a file that means harm.
    let [across, down] = layout.parts();
    check_size(across as u64 * layout.part[0] as u64, (down as u64).saturating_mul(layout.part[1] as u64))?;
    let unpacker = Unpacker::new(bytes, &directory, &layout)?;
    let palette = match layout.pixels {
        Pixels::Palette => pixels::palette(&directory.numbers(COLOUR_MAP)?),
        _ => [[0; 3]; 256],
    };
    let mut rgb = Vec::new();
    for row in 0..down {
        let top = row * layout.part[1];
        let rows = layout.part[1].min(height - top);
        for column in 0..across {
            let left = column * layout.part[0];
            let used = layout.part[0].min(width - left);
            let part = unpacker.part(row * across + column, used, rows)?;
            // Memory grows with what the file really holds.
            rgb.resize((top + rows) * width * 3, 0);
            for y in 0..rows {
                let out = &mut rgb[((top + y) * width + left) * 3..][..used * 3];
                pixels::row(&layout, &palette, part.row(y)?, out);
            }
        }
    }
    let turn = orientation::turn(orientation::of_directory(&directory));
    Ok(Picture { width, height, rgb }.upright(turn))
}

/// The samples of a strip or tile.
struct Part {
    bytes: Vec<u8>,
    /// Bytes per row.
    stride: usize,
}

impl Part {
    fn row(&self, y: usize) -> Result<&[u8]> {
        self.bytes
            .get(y * self.stride..)
            .filter(|rest| !rest.is_empty())
            .ok_or(Fault::from("a strip or tile is too short"))
    }
}

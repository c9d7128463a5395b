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

/// Decodes the first picture of the TIFF file `bytes`, turned by its orientation, if it has at most so many pixels.
pub(super) fn decode(bytes: &[u8], most: u64) -> Result<Picture> {
    if bytes.starts_with(b"MM\0+") {
        return unread("a big-endian BigTIFF file");
    }
    let directory = Directory::first(bytes)?;
    if let Some(field) = directory.broken {
        return damaged(format!("field {field} lies outside the file"));
    }
    let [width, height] = Layout::size(&directory)?;
    check_size(width as u64, height as u64, most)?;
    let layout = Layout::read(&directory, bytes.len())?;
    // Tiles may reach beyond the picture, far beyond in a file that means harm.
    let [across, down] = layout.parts();
    let tiled = (across as u64 * layout.part[0] as u64, (down as u64).saturating_mul(layout.part[1] as u64));
    check_size(tiled.0, tiled.1, most)?;
    directory.once(orientation::ORIENTATION)?;
    let turn = orientation::of_directory(&directory);
    let unpacker = Unpacker::new(bytes, &directory, &layout)?;
    if unpacker.turns(turn) {
        return unread("a YCbCr TIFF file that is to be turned");
    }
    let palette = match layout.pixels {
        Pixels::Palette => match directory.numbers(COLOUR_MAP)? {
            colours if colours.is_empty() => return damaged("it has no palette"),
            colours => pixels::palette(&colours),
        },
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
    Ok(Picture { width, height, rgb }.upright(orientation::turn(turn)))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A little-endian TIFF file of `fields` (tag, values as 32-bit numbers), with `data` behind the header.
    fn file(fields: &[(u16, Vec<u32>)], data: &[u8]) -> Vec<u8> {
        let mut bytes = b"II*\0\0\0\0\0".to_vec();
        bytes.extend_from_slice(data);
        let mut entries = Vec::new();
        for (tag, values) in fields {
            let at = bytes.len() as u32;
            let value = if let [value] = values.as_slice() { *value } else { at };
            if values.len() > 1 {
                values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
            }
            entries.extend_from_slice(&tag.to_le_bytes());
            entries.extend_from_slice(&4u16.to_le_bytes());
            entries.extend_from_slice(&(values.len() as u32).to_le_bytes());
            entries.extend_from_slice(&value.to_le_bytes());
        }
        let directory = bytes.len() as u32;
        bytes[4..8].copy_from_slice(&directory.to_le_bytes());
        bytes.extend_from_slice(&(fields.len() as u16).to_le_bytes());
        bytes.extend_from_slice(&entries);
        bytes.extend_from_slice(&[0; 4]);
        bytes
    }

    /// One column of `rows` rows, a strip of PackBits for each, all of the same `size` bytes behind the header.
    fn shared_strips(rows: u32, photometric: u32, size: u32, data: &[u8]) -> Vec<u8> {
        let each = |value: u32| vec![value; rows as usize];
        let fields = [
            (256, vec![1]),
            (257, vec![rows]),
            (258, vec![8]),
            (259, vec![32773]),
            (262, vec![photometric]),
            (273, each(8)),
            (277, vec![1]),
            (278, vec![1]),
            (279, each(size)),
        ];
        file(&fields, data)
    }

    #[test]
    fn strips_that_share_their_bytes_cannot_multiply_the_file() {
        let grey = decode(&shared_strips(3, 1, 2, &[0, 77]), u64::MAX).unwrap();
        assert_eq!((grey.width, grey.height, grey.rgb), (1, 3, vec![77; 9]));
        // A million bytes that say nothing, and then one pixel: for each of a thousand strips.
        let mut idle = vec![0x80; 1_000_000];
        idle.extend([0, 77]);
        let refused = decode(&shared_strips(1000, 1, 1_000_002, &idle), u64::MAX).unwrap_err();
        assert!(format!("{refused:?}").contains("claim 1000002000 bytes"), "{refused:?}");
    }

    #[test]
    fn an_index_without_a_palette_is_no_black_picture() {
        let refused = decode(&shared_strips(3, 3, 2, &[0, 1]), u64::MAX).unwrap_err();
        assert!(format!("{refused:?}").contains("no palette"), "{refused:?}");
    }
}

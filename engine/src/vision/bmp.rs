//! A decoder of BMP files that gives the bytes Pillow gives: its widening of 5- and 6-bit colours, its reading of
//! palettes and of run lengths.

use super::fault::{Result, damaged, unread};
use super::picture::{Picture, check_size};

/// The file header before the one that says how the pixels are stored.
const FILE_HEADER: usize = 14;

/// How the pixels of a file are stored.
struct Header {
    width: usize,
    height: usize,
    top_down: bool,
    bits: usize,
    compression: u32,
    /// Entries of the palette, and bytes of each.
    colours: usize,
    entry: usize,
    /// Which bits of a pixel are red, green, blue and opacity.
    masks: [u32; 4],
    /// Where the palette begins.
    end: usize,
    /// Where the pixels begin.
    pixels: usize,
}

/// Decodes the BMP file `bytes` if it has at most so many pixels.
pub(super) fn decode(bytes: &[u8], most: u64) -> Result<Picture> {
    let header = Header::read(bytes)?;
    check_size(header.width as u64, header.height as u64, most)?;
    if header.bits > 8 { header.direct(bytes) } else { header.by_palette(bytes) }
}

/// The little-endian number of `size` ≤ 4 bytes at `at`.
fn number(bytes: &[u8], at: usize, size: usize) -> Result<u32> {
    let number = bytes.get(at..).and_then(|rest| rest.get(..size));
    let number = number.ok_or("it is cut short: its header is not whole")?;
    Ok(number.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte)))
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self> {
        let size = number(bytes, FILE_HEADER, 4)? as usize;
        let at = |offset: usize, size: usize| number(bytes, FILE_HEADER + offset, size);
        let mut pixels = number(bytes, 10, 4)? as usize;
        let mut end = FILE_HEADER + size;
        let (width, height, top_down, bits, compression, colours, entry);
        let mut masks = [0; 4];
        match size {
            12 => {
                (width, height, top_down) = (at(4, 2)?, at(6, 2)?, false);
                (bits, compression, colours, entry) = (at(10, 2)?, 0, 0, 3);
            }
            40 | 64 | 108 | 124 => {
                top_down = at(11, 1)? == 0xFF;
                (width, height) = (at(4, 4)?, if top_down { at(8, 4)?.wrapping_neg() } else { at(8, 4)? });
                (bits, compression, colours, entry) = (at(14, 2)?, at(16, 4)?, at(32, 4)?, 4);
                if compression == 3 {
                    let count = if size == 40 { 3 } else { 4 };
                    for (index, mask) in masks.iter_mut().take(count).enumerate() {
                        *mask = at(40 + 4 * index, 4)?;
                    }
                    end += if size == 40 { 12 } else { 0 };
                }
            }
            other => return unread(format!("a BMP file with a header of {other} bytes")),
        }
        if !matches!(bits, 1 | 4 | 8 | 16 | 24 | 32) {
            return unread(format!("a BMP file with {bits} bits per pixel"));
        }
        let colours = if colours == 0 && bits <= 8 { 1 << bits } else { colours };
        if bits <= 8 {
            if !(1..=256).contains(&colours) {
                return unread(format!("a BMP file with a palette of {colours} colours"));
            }
            // Files that leave the palette out of where the pixels begin.
            if pixels == FILE_HEADER + size {
                pixels += 4 * colours as usize;
            }
        }
        if pixels == 0 {
            pixels = end + if bits <= 8 { entry * colours as usize } else { 0 };
        }
        Ok(Self {
            width: width as usize,
            height: height as usize,
            top_down,
            bits: bits as usize,
            compression,
            colours: colours as usize,
            entry,
            masks,
            end,
            pixels,
        })
    }

    /// The rows from top to bottom, `bytes` bytes of each, as they are stored uncompressed.
    fn rows<'a>(&self, file: &'a [u8]) -> Result<impl Iterator<Item = &'a [u8]> + use<'a>> {
        let stride = ((self.width * self.bits + 31) / 8) & !3;
        let used = (self.width * self.bits).div_ceil(8);
        let (height, top_down) = (self.height, self.top_down);
        let all = file.get(self.pixels..).filter(|all| all.len() >= stride * (height - 1) + used);
        let all = all.ok_or_else(|| format!("it is cut short: {height} rows of {stride} bytes were expected"))?;
        Ok((0..height).map(move |y| &all[stride * if top_down { y } else { height - 1 - y }..][..used]))
    }

    /// Pixels that are colours themselves.
    fn direct(&self, bytes: &[u8]) -> Result<Picture> {
        let masks = match (self.compression, self.bits, self.masks) {
            (0, 16, _) => [0x7C00, 0x3E0, 0x1F],
            (0, _, _) => [0xFF_0000, 0xFF00, 0xFF],
            (3, 32, [0, 0, 0, 0]) => [0xFF_0000, 0xFF00, 0xFF],
            (3, 32, [red @ 0xFF_0000, green @ 0xFF00, blue @ 0xFF, 0 | 0xFF00_0000])
            | (3, 32, [red @ 0xFF00_0000, green @ 0xFF_0000, blue @ 0xFF00, 0 | 0xFF])
            | (3, 32, [red @ 0xFF, green @ 0xFF00, blue @ 0xFF_0000, 0xFF00_0000])
            | (3, 24, [red @ 0xFF_0000, green @ 0xFF00, blue @ 0xFF, _])
            | (3, 16, [red @ (0xF800 | 0x7C00), green @ (0x7E0 | 0x3E0), blue @ 0x1F, _])
                if (red == 0xF800) == (green == 0x7E0) =>
            {
                [red, green, blue]
            }
            (3, bits, _) => return unread(format!("a BMP file of this layout of {bits} bits per pixel")),
            (other, ..) => return unread(format!("a BMP file with compression {other}")),
        };
        let size = self.bits / 8;
        let mut rgb = Vec::new();
        for row in self.rows(bytes)? {
            for pixel in row.chunks_exact(size) {
                let pixel = pixel.iter().rev().fold(0, |pixel, &byte| pixel << 8 | u32::from(byte));
                rgb.extend(masks.map(|mask| {
                    let (value, largest) = ((pixel & mask) >> mask.trailing_zeros(), mask >> mask.trailing_zeros());
                    (value * 255 / largest) as u8
                }));
            }
        }
        Ok(Picture { width: self.width, height: self.height, rgb })
    }

    /// Pixels that are indexes into a palette.
    fn by_palette(&self, bytes: &[u8]) -> Result<Picture> {
        let table = bytes.get(self.end..).and_then(|rest| rest.get(..self.entry * self.colours));
        let table = table.ok_or("it is cut short: its palette is not whole")?;
        let mut palette = [[0; 3]; 256];
        for (colour, entry) in palette.iter_mut().zip(table.chunks_exact(self.entry)) {
            *colour = [entry[2], entry[1], entry[0]];
        }
        if self.is_grey(&palette[..self.colours])? {
            // No palette at all, for indexes beyond it too.
            palette = std::array::from_fn(|index| [if self.colours == 2 && index > 0 { 255 } else { index as u8 }; 3]);
        }
        let mut indexes = Vec::new();
        match (self.compression, self.bits) {
            (0, bits) => {
                for row in self.rows(bytes)? {
                    indexes.extend((0..self.width).map(|x| row[x * bits / 8] << (x * bits % 8) >> (8 - bits)));
                }
            }
            (1, 8) | (2, 4) => indexes = self.runs(bytes)?,
            (other, bits) => return unread(format!("a BMP file of {bits} bits per pixel with compression {other}")),
        }
        let rgb = indexes.iter().flat_map(|&index| palette[usize::from(index)]).collect();
        Ok(Picture { width: self.width, height: self.height, rgb })
    }

    /// Whether the palette is the shades of grey. Pillow takes such a palette for none, whatever the bits per pixel, and
    /// then reads most files wrong.
    fn is_grey(&self, palette: &[[u8; 3]]) -> Result<bool> {
        let is_two = palette.len() == 2;
        let shade = |index: usize| [if is_two { [0, 255][index] } else { index as u8 }; 3];
        let grey = palette.iter().enumerate().all(|(index, &colour)| colour == shade(index));
        let readable = if is_two { self.bits == 1 && self.compression == 0 } else { self.bits == 8 };
        if grey && !readable {
            return unread(format!("a BMP file of {} bits per pixel with a palette of shades of grey", self.bits));
        }
        Ok(grey)
    }

    /// Indexes from run lengths, top row first.
    fn runs(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let (width, all) = (self.width, self.width * self.height);
        let mut rest = Runs { bytes, at: self.pixels };
        let (mut indexes, mut x) = (Vec::new(), 0);
        while indexes.len() < all {
            let Some([count, value]) = rest.pair() else { break };
            match (count, value) {
                (0, 0) => {
                    indexes.resize(indexes.len().next_multiple_of(width), 0);
                    x = 0;
                }
                (0, 1) => break,
                (0, 2) => {
                    // Pillow skips two bytes here that other programs read. Two that agree mean the same to both.
                    return unread("a BMP file with run lengths that leave out pixels");
                }
                (0, count) => {
                    let count = usize::from(count);
                    let stretch = rest.take(if self.bits == 4 { count / 2 } else { count });
                    for &byte in stretch.ok_or("its run lengths are cut short")? {
                        self.push(byte, &mut indexes);
                    }
                    x += count;
                    rest.at += rest.at % 2;
                }
                (count, value) => {
                    let count = usize::from(count).min(width.saturating_sub(x));
                    for place in 0..count {
                        let half = if place % 2 == 0 { value >> 4 } else { value & 15 };
                        indexes.push(if self.bits == 4 { half } else { value });
                    }
                    x += count;
                }
            }
        }
        if indexes.len() < all {
            return damaged("it is cut short: its run lengths do not fill the picture");
        }
        indexes.truncate(all);
        if !self.top_down {
            indexes = indexes.chunks_exact(width).rev().flatten().copied().collect();
        }
        Ok(indexes)
    }

    /// The indexes in a byte of a stretch.
    fn push(&self, byte: u8, indexes: &mut Vec<u8>) {
        if self.bits == 4 {
            indexes.extend([byte >> 4, byte & 15]);
        } else {
            indexes.push(byte);
        }
    }
}

/// Bytes of run lengths.
struct Runs<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Runs<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..)?.get(..count)?;
        self.at += count;
        Some(taken)
    }

    fn pair(&mut self) -> Option<[u8; 2]> {
        self.take(2).map(|pair| [pair[0], pair[1]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of 16-bit pixels with these masks.
    fn short(pixels: [u16; 2], masks: [u32; 3]) -> Vec<u8> {
        let mut file = b"BM".to_vec();
        file.extend([0; 8]);
        file.extend(66u32.to_le_bytes());
        file.extend([40u32, 2, 1].into_iter().flat_map(u32::to_le_bytes));
        file.extend([1u16, 16].into_iter().flat_map(u16::to_le_bytes));
        file.extend([3u32, 0, 0, 0, 0, 0].into_iter().chain(masks).flat_map(u32::to_le_bytes));
        file.extend(pixels.into_iter().flat_map(u16::to_le_bytes));
        file
    }

    #[test]
    fn five_bits_are_widened_by_division() {
        let file = short([0b0_00011_00001_11111, 0b0_10000_00010_00000], [0x7C00, 0x3E0, 0x1F]);
        assert_eq!(decode(&file, u64::MAX).unwrap().rgb, [24, 8, 255, 131, 16, 0]);
        let file = short([0x187F, 0], [0xF800, 0x7E0, 0x1F]);
        assert_eq!(decode(&file, u64::MAX).unwrap().rgb, [24, 12, 255, 0, 0, 0]);
        assert!(decode(&short([0, 0], [0xF800, 0x3E0, 0x1F]), u64::MAX).is_err());
    }

    #[test]
    fn every_shorter_file_is_refused() {
        let file = short([1, 2], [0x7C00, 0x3E0, 0x1F]);
        for length in 0..file.len() {
            assert!(decode(&file[..length], u64::MAX).is_err(), "{length}");
        }
    }
}

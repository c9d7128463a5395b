//! The samples of a strip or tile: found, unpacked, unpredicted, and in little-endian order.

use super::Part;
use super::directory::{Directory, Order};
use super::layout::{Compression, Layout, Pixels};
use super::ycc::Ycc;
use super::{fax, predictor};
use crate::vision::convert::reverse_bits;
use crate::vision::fault::{Result, damaged, unread};
use crate::vision::jpeg;
use std::borrow::Cow;
use std::io::Read;

const JPEG_TABLES: u16 = 347;

/// Unpacks the parts of a file.
pub(super) struct Unpacker<'a> {
    bytes: &'a [u8],
    layout: &'a Layout,
    jpeg_tables: Option<&'a [u8]>,
    ycc: Option<Ycc>,
}

impl<'a> Unpacker<'a> {
    pub(super) fn new(bytes: &'a [u8], directory: &Directory<'a>, layout: &'a Layout) -> Result<Self> {
        let is_jpeg = layout.compression == Compression::Jpeg;
        let jpeg_tables = if is_jpeg { directory.data(JPEG_TABLES)? } else { None };
        let ycc = if layout.pixels == Pixels::Ycc && !is_jpeg { Some(Ycc::read(directory)?) } else { None };
        if is_jpeg && layout.bits != 8 {
            return unread(format!("a JPEG-compressed TIFF file with {} bits per sample", layout.bits));
        }
        if ycc.as_ref().is_some_and(|ycc| ycc.shared != [1, 1]) && layout.has_predictor() {
            return unread("a YCbCr TIFF file with subsampling and a predictor");
        }
        Ok(Self { bytes, layout, jpeg_tables, ycc })
    }

    /// Whether libtiff turns what it unpacks, strip by strip, before Pillow turns the whole once more. It mirrors where it
    /// makes the colours itself, by every orientation but the first and the fifth, which is only transposed.
    pub(super) fn turns(&self, orientation: Option<u8>) -> bool {
        self.ycc.is_some() && !matches!(orientation, None | Some(1 | 5))
    }

    /// Strip or tile `index`, of which `used` pixels across and `rows` rows are needed.
    pub(super) fn part(&self, index: usize, used: usize, rows: usize) -> Result<Part> {
        let layout = self.layout;
        if !layout.planar || layout.samples == 1 {
            return self.plane(index, layout.samples, used, rows);
        }
        // Pixels are put together from the planes of their samples.
        let [across, down] = layout.parts();
        let width = layout.bits / 8;
        let stride = used * layout.samples * width;
        let mut bytes = vec![0; stride * rows];
        for sample in 0..layout.samples {
            let plane = self.plane(sample * across * down + index, 1, used, rows)?;
            for (y, out) in bytes.chunks_exact_mut(stride).enumerate() {
                let row = plane.row(y)?.chunks_exact(width);
                for (pixel, value) in out.chunks_exact_mut(layout.samples * width).zip(row) {
                    pixel[sample * width..][..width].copy_from_slice(value);
                }
            }
        }
        Ok(Part { bytes, stride })
    }

    /// A strip or tile of pixels with `samples` samples each.
    fn plane(&self, index: usize, samples: usize, used: usize, rows: usize) -> Result<Part> {
        let layout = self.layout;
        let [width, height] = layout.part;
        // The last strip has only the rows that are left; tiles are always whole.
        let stored_rows = if layout.tiled { height } else { rows };
        let stride = (width * layout.bits * samples).div_ceil(8);
        let mut bytes = if layout.is_compressed() {
            self.unpacked(index, samples, stored_rows, stride)?
        } else {
            self.stored(index, stride, (used * layout.bits * samples).div_ceil(8), rows)?
        };
        if layout.compression == Compression::Jpeg {
            return Ok(Part { bytes, stride });
        }
        if layout.reversed && !layout.is_compressed() {
            reverse_bits(&mut bytes);
        }
        let floats = layout.has_predictor() && layout.predictor == 3;
        if layout.order == Order::Big && matches!(layout.bits, 16 | 32) && !floats {
            bytes.chunks_exact_mut(layout.bits / 8).for_each(<[u8]>::reverse);
        }
        if layout.has_predictor() {
            for row in bytes.chunks_exact_mut(stride.max(1)) {
                if floats {
                    predictor::accumulate_floats(row, samples);
                } else {
                    predictor::accumulate(row, layout.bits, samples);
                }
            }
        }
        if let Some(ycc) = &self.ycc {
            return Ok(Part { bytes: ycc.rgb(&bytes, width, rows), stride: width * 3 });
        }
        Ok(Part { bytes, stride })
    }

    /// The rows of an uncompressed part. Pillow does not look at its size.
    fn stored(&self, index: usize, stride: usize, used: usize, rows: usize) -> Result<Vec<u8>> {
        let layout = self.layout;
        if layout.tiled && !(layout.part[0] * layout.bits).is_multiple_of(8) {
            return unread("a TIFF file with tiles whose rows are not whole bytes");
        }
        let length = stride * rows.saturating_sub(1) + used;
        let start = usize::try_from(layout.offsets[index]).ok();
        match start.and_then(|start| self.bytes.get(start..start.checked_add(length)?)) {
            Some(part) => Ok(part.to_vec()),
            None => damaged(format!("it is cut short: strip or tile {index} lies outside the file")),
        }
    }

    /// Unpacks a compressed part of `rows` rows of `stride` bytes.
    fn unpacked(&self, index: usize, samples: usize, rows: usize, stride: usize) -> Result<Vec<u8>> {
        let layout = self.layout;
        let place = usize::try_from(layout.offsets[index]).ok().zip(usize::try_from(layout.sizes[index]).ok());
        let Some(packed) = place.and_then(|(start, size)| self.bytes.get(start..start.checked_add(size)?)) else {
            return damaged(format!("it is cut short: strip or tile {index} lies outside the file"));
        };
        let mut packed = Cow::Borrowed(packed);
        if layout.reversed && layout.compression != Compression::Jpeg {
            reverse_bits(packed.to_mut());
        }
        let expected = self.ycc.as_ref().map_or(stride * rows, |ycc| ycc.bytes(layout.part[0], rows));
        let bytes = match layout.compression {
            Compression::None => packed.into_owned(),
            Compression::PackBits => pack_bits(&packed, expected)?,
            Compression::Lzw => lzw(&packed, expected)?,
            Compression::Deflate => deflate(&packed, expected)?,
            Compression::Fax(kind) => fax::decode(&packed, kind, layout.part[0], rows)?,
            Compression::Jpeg => {
                let part = jpeg::Part {
                    width: layout.part[0],
                    height: rows,
                    // The last strip may hold the rows of a whole one.
                    stored_height: layout.part[1],
                    components: samples,
                    ycc: layout.pixels == Pixels::Ycc,
                };
                jpeg::decode_part(self.jpeg_tables, &packed, &part)?
            }
        };
        if bytes.len() < expected {
            return damaged(format!("strip or tile {index} holds {} bytes; {expected} were expected", bytes.len()));
        }
        Ok(bytes)
    }
}

/// Runs and stretches of bytes. Stops at `expected` bytes.
fn pack_bits(mut packed: &[u8], expected: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some((&count, rest)) = packed.split_first()
        && bytes.len() < expected
    {
        packed = rest;
        let count = count as i8;
        if count >= 0 {
            let Some((stretch, rest)) = packed.split_at_checked(count as usize + 1) else {
                return damaged("its PackBits-compressed data are cut short");
            };
            bytes.extend_from_slice(stretch);
            packed = rest;
        } else if count != i8::MIN {
            let Some((&byte, rest)) = packed.split_first() else {
                return damaged("its PackBits-compressed data are cut short");
            };
            bytes.resize(bytes.len() + 1 + usize::from(count.unsigned_abs()), byte);
            packed = rest;
        }
    }
    bytes.truncate(expected);
    Ok(bytes)
}

/// LZW in TIFF's order of bits.
fn lzw(packed: &[u8], expected: usize) -> Result<Vec<u8>> {
    if packed.first() == Some(&0) && packed.get(1).is_some_and(|byte| byte & 1 != 0) {
        return unread("a TIFF file with old-style LZW compression");
    }
    let mut decoder = weezl::decode::Decoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8);
    let (mut bytes, mut chunk, mut read) = (Vec::new(), [0; 1 << 16], 0);
    while bytes.len() < expected {
        let room = chunk.len().min(expected - bytes.len());
        let result = decoder.decode_bytes(&packed[read..], &mut chunk[..room]);
        read += result.consumed_in;
        bytes.extend_from_slice(&chunk[..result.consumed_out]);
        match result.status {
            Err(error) => return damaged(format!("its LZW-compressed data are damaged: {error}")),
            Ok(weezl::LzwStatus::Ok) if result.consumed_out > 0 || result.consumed_in > 0 => {}
            Ok(_) => break,
        }
    }
    Ok(bytes)
}

/// Deflate with zlib's header.
fn deflate(packed: &[u8], expected: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match flate2::read::ZlibDecoder::new(packed).take(expected as u64).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => damaged(format!("its deflate-compressed data are damaged: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_bits_are_runs_and_stretches() {
        assert_eq!(pack_bits(&[2, 1, 2, 3, 0x80, 0xFE, 9], 6).unwrap(), [1, 2, 3, 9, 9, 9]);
        assert_eq!(pack_bits(&[0x81, 7], 3).unwrap(), [7; 3]);
        assert!(pack_bits(&[5, 1], 6).is_err());
        assert!(pack_bits(&[0xFE], 6).is_err());
    }
}

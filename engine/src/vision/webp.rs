//! WebP files as Pillow shows them: of an animation the first frame, as it is stored, on a canvas that is black around it.
//!
//! The crate `image` decodes. It would blend the first frame of an animation with the background, if the frame says so;
//! libwebp blends from the second frame on only.

use super::fault::{Fault, Result, damaged};
use super::orientation;
use super::picture::{MAX_DECODER_BYTES, Picture, check_size};
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, ImageError, Limits};
use opabinia_trace::image::Exif;
use std::io::Cursor;

/// The name and length of the whole, and the name of the format.
const FILE_HEADER: usize = 12;
/// Place, size, duration and flags of a frame.
const FRAME_HEADER: usize = 16;

/// Decodes the WebP file `bytes` if it has at most so many pixels.
pub(super) fn decode(bytes: &[u8], exif: Exif, most: u64) -> Result<Picture> {
    let mut decoder = open(bytes)?;
    let (width, height) = decoder.dimensions();
    check_size(u64::from(width), u64::from(height), most)?;
    let number = match exif {
        Exif::Ignore => None,
        // A file without readable orientation is upright.
        Exif::Honour => decoder.exif_metadata().ok().flatten().and_then(|block| orientation::of_exif(&block)),
    };
    let picture =
        if decoder.has_animation() { first_frame(bytes, width as usize, height as usize)? } else { pixels(decoder)? };
    Ok(picture.upright(orientation::turn(number)))
}

fn open(bytes: &[u8]) -> Result<WebPDecoder<Cursor<&[u8]>>> {
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(fault)?;
    // The true limit is on the product of the sides; the decoder gets a bound on memory.
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    decoder.set_limits(limits).map_err(fault)?;
    Ok(decoder)
}

fn fault(error: ImageError) -> Fault {
    match error {
        ImageError::Limits(_) => Fault::TooLarge(format!("decoding it would take more than {MAX_DECODER_BYTES} bytes")),
        error => Fault::Damaged(error.to_string()),
    }
}

fn pixels(decoder: WebPDecoder<Cursor<&[u8]>>) -> Result<Picture> {
    let (width, height) = decoder.dimensions();
    let rgb = match DynamicImage::from_decoder(decoder).map_err(fault)? {
        // Transparency is dropped without compositing.
        DynamicImage::ImageRgba8(image) => image.as_raw().chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect(),
        image => image.into_rgb8().into_raw(),
    };
    Ok(Picture { width: width as usize, height: height as usize, rgb })
}

/// The first frame of the animation `bytes` on its canvas of `width` × `height` pixels.
fn first_frame(bytes: &[u8], width: usize, height: usize) -> Result<Picture> {
    let all = bytes.get(FILE_HEADER..).unwrap_or_default();
    let frame = chunks(all).find(|(name, _)| name == b"ANMF").map(|(_, frame)| frame);
    let frame = frame.ok_or("it is an animation without a whole frame")?;
    let (header, parts) = frame.split_at_checked(FRAME_HEADER).ok_or("its first frame has no header")?;
    let number = |at: usize| header[at..at + 3].iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte));
    let (left, top, wide, high) = (2 * number(0), 2 * number(3), number(6) + 1, number(9) + 1);
    if left + wide > width || top + high > height {
        return damaged("its first frame reaches beyond the picture");
    }
    // Opacity, in a chunk of its own, is dropped.
    let image = chunks(parts).find(|(name, _)| name == b"VP8 " || name == b"VP8L");
    let (name, data) = image.ok_or("its first frame has no picture")?;
    let still = still(name, data);
    let decoder = open(&still)?;
    // Before anything of that size is allocated: only the canvas was checked.
    let (inner_width, inner_height) = decoder.dimensions();
    if (inner_width as usize, inner_height as usize) != (wide, high) {
        return damaged("its first frame has another size than its header says");
    }
    let frame = pixels(decoder)?;
    let mut rgb = vec![0; width * height * 3];
    for (y, row) in frame.rgb.chunks_exact(wide * 3).enumerate() {
        rgb[((top + y) * width + left) * 3..][..wide * 3].copy_from_slice(row);
    }
    Ok(Picture { width, height, rgb })
}

/// A file of one picture, with the bytes `data` of its one chunk.
fn still(name: [u8; 4], data: &[u8]) -> Vec<u8> {
    let padding = data.len() % 2;
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
    let mut file = b"RIFF".to_vec();
    file.extend(length(data.len() + padding + FILE_HEADER));
    file.extend_from_slice(b"WEBP");
    file.extend(name);
    file.extend(length(data.len()));
    file.extend_from_slice(data);
    file.resize(file.len() + padding, 0);
    file
}

/// The chunks in `bytes` that are whole: names and contents.
fn chunks(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (&[n0, n1, n2, n3, l0, l1, l2, l3], rest) = bytes.split_first_chunk::<8>()?;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let (data, rest) = rest.split_at_checked(length)?;
        bytes = rest.get(length % 2..).unwrap_or_default();
        Some(([n0, n1, n2, n3], data))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::webp::WebPEncoder;
    use image::{ExtendedColorType, ImageEncoder};

    fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let mut chunk = name.to_vec();
        chunk.extend((data.len() as u32).to_le_bytes());
        chunk.extend_from_slice(data);
        chunk.resize(chunk.len().next_multiple_of(2), 0);
        chunk
    }

    fn three(number: usize) -> [u8; 3] {
        [number as u8, (number >> 8) as u8, (number >> 16) as u8]
    }

    /// An animation on a canvas of 4 × 3 whose first frame, `rgba` of 2 × 1, lies at (2, 2) and has these `flags`.
    fn animation(rgba: &[u8; 8], flags: u8) -> Vec<u8> {
        let mut still = Vec::new();
        WebPEncoder::new_lossless(&mut still).write_image(rgba, 2, 1, ExtendedColorType::Rgba8).unwrap();
        let mut frame: Vec<u8> = [1, 1, 1, 0, 100].into_iter().flat_map(three).collect();
        frame.push(flags);
        let inner = chunks(&still[FILE_HEADER..]).find(|(name, _)| name == b"VP8L").unwrap();
        frame.extend(chunk(&inner.0, inner.1));
        let mut header = vec![0x12, 0, 0, 0];
        header.extend([3, 2].into_iter().flat_map(three));
        let parts = [chunk(b"VP8X", &header), chunk(b"ANIM", &[9, 99, 199, 255, 0, 0]), chunk(b"ANMF", &frame)];
        let body = parts.concat();
        let mut file = b"RIFF".to_vec();
        file.extend((body.len() as u32 + 4).to_le_bytes());
        file.extend_from_slice(b"WEBP");
        file.extend(body);
        file
    }

    /// What the reference shows: neither blended with the background nor changed where it is transparent.
    #[test]
    fn the_first_frame_is_never_blended() {
        let mut expected = vec![0; 36];
        expected[30..].copy_from_slice(&[200, 100, 50, 7, 8, 9]);
        for flags in 0..4 {
            let picture = decode(&animation(&[200, 100, 50, 128, 7, 8, 9, 255], flags), Exif::Ignore, 100).unwrap();
            assert_eq!((picture.width, picture.height), (4, 3));
            assert_eq!(picture.rgb, expected, "{flags}");
        }
    }

    #[test]
    fn a_frame_beyond_its_canvas_and_every_shorter_file_are_refused() {
        let file = animation(&[1; 8], 0);
        let mut beyond = file.clone();
        let at = file.windows(4).position(|name| name == b"ANMF").unwrap() + 8;
        beyond[at] = 2;
        assert!(format!("{:?}", decode(&beyond, Exif::Ignore, 100)).contains("beyond the picture"));
        for length in 0..file.len() - 1 {
            assert!(decode(&file[..length], Exif::Ignore, 100).is_err(), "{length}");
        }
    }
}

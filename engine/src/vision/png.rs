//! PNG files as Pillow reads them.
//!
//! The crate `png` decodes; it is kept from being stricter than Pillow, which does not look at the checksums of pixel
//! data, skips what it does not know and misses no end, and from being laxer, by checking the headers' checksums.

use super::convert::{clip, high_byte};
use super::fault::{Fault, Result, damaged, unread};
use super::orientation;
use super::picture::{MAX_DECODER_BYTES, Picture, check_size};
use ::png::{BitDepth, ColorType, DecodeOptions, Decoder, Limits};
use std::borrow::Cow;
use std::io::{Cursor, Read};

const SIGNATURE: usize = 8;
/// The last chunk, with its checksum.
const END: &[u8] = b"\0\0\0\0IEND\xaeB`\x82";
/// Texts beyond this length are nobody's orientation.
const MAX_TEXT: u64 = 1 << 20;

/// A chunk: its name and what it holds.
type Chunk<'a> = ([u8; 4], &'a [u8]);

/// Decodes the PNG file `bytes` if it has at most so many pixels.
pub(super) fn decode(bytes: &[u8], most: u64) -> Result<Picture> {
    let (bytes, is_apples) = tidied(bytes)?;
    decode_tidied(&bytes, most).map_err(|fault| match fault {
        Fault::Damaged(_) if is_apples => Fault::Unread("a PNG file as made for iPhones (CgBI)".into()),
        fault => fault,
    })
}

/// The file without chunks nobody knows and with an end, and whether it is of Apple's own kind.
fn tidied(bytes: &[u8]) -> Result<(Cow<'_, [u8]>, bool)> {
    let known = |name: &[u8]| matches!(name, b"IHDR" | b"PLTE" | b"IDAT" | b"IEND") || name[0].is_ascii_lowercase();
    let (mut out, mut at, mut in_header) = (None, SIGNATURE, true);
    let mut is_apples = false;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some((&header, rest)) = rest.split_first_chunk::<8>() else {
            let mut whole = out.unwrap_or_else(|| bytes[..at.min(bytes.len())].to_vec());
            whole.extend_from_slice(END);
            return Ok((Cow::Owned(whole), is_apples));
        };
        let [l3, l2, l1, l0, name @ ..] = header;
        let length = u32::from_be_bytes([l3, l2, l1, l0]) as usize;
        if name == *b"IEND" {
            let end = bytes.len().min(at + END.len());
            return Ok(match out {
                Some(mut out) => {
                    out.extend_from_slice(&bytes[at..end]);
                    (Cow::Owned(out), is_apples)
                }
                None => (Cow::Borrowed(bytes), is_apples),
            });
        }
        in_header &= name != *b"IDAT";
        if in_header {
            let data = rest.get(..length).ok_or("it is cut short")?;
            let mut sum = flate2::Crc::new();
            sum.update(&name);
            sum.update(data);
            if rest.get(length..).and_then(|rest| rest.first_chunk()) != Some(&sum.sum().to_be_bytes()) {
                return damaged(format!(
                    "the checksum of chunk {} is wrong",
                    String::from_utf8_lossy(&name).escape_debug()
                ));
            }
        }
        let next = at.saturating_add(12 + length);
        if !known(&name) {
            is_apples |= name == *b"CgBI";
            out.get_or_insert_with(|| bytes[..at].to_vec());
        } else if let Some(out) = &mut out {
            out.extend_from_slice(&bytes[at..next.min(bytes.len())]);
        }
        at = next;
    }
}

fn decode_tidied(bytes: &[u8], most: u64) -> Result<Picture> {
    let fault = |error: ::png::DecodingError| match error {
        ::png::DecodingError::LimitsExceeded => Fault::TooLarge("decoding it would take too much memory".into()),
        error => Fault::Damaged(error.to_string()),
    };
    let mut options = DecodeOptions::default();
    options.set_ignore_crc(true);
    options.set_ignore_adler32(false);
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    decoder.set_limits(Limits { bytes: MAX_DECODER_BYTES as usize });
    let header = decoder.read_header_info().map_err(fault)?;
    check_size(u64::from(header.width), u64::from(header.height), most)?;
    let mut reader = decoder.read_info().map_err(fault)?;
    let size = reader.output_buffer_size().ok_or("its size overflows")?;
    let mut stored = vec![0; size];
    let output = reader.next_frame(&mut stored).map_err(fault)?;
    let palette = reader.info().palette.as_deref().unwrap_or_default();
    let (width, height) = (output.width as usize, output.height as usize);
    let mut rgb = Vec::with_capacity(width * height * 3);
    for row in stored.chunks_exact(output.line_size.max(1)).take(height) {
        push_row(row, width, output.color_type, output.bit_depth, palette, &mut rgb);
    }
    if rgb.len() != width * height * 3 {
        return unread("a PNG file of this kind of pixels");
    }
    Ok(Picture { width, height, rgb })
}

/// Adds a row of `width` pixels to `rgb`.
fn push_row(row: &[u8], width: usize, colour: ColorType, depth: BitDepth, palette: &[u8], rgb: &mut Vec<u8>) {
    let bits = depth as usize;
    let wide = |sample: &[u8]| u16::from_be_bytes([sample[0], sample[1]]);
    // Numbers of at most eight bits.
    let small = |x: usize| row[x * bits / 8] << (x * bits % 8) >> (8 - bits);
    // The first byte of a sample is its high byte.
    let bytes = bits.div_ceil(8);
    match (colour, depth) {
        (ColorType::Grayscale, BitDepth::Sixteen) => rgb.extend(row.chunks_exact(2).flat_map(|v| [clip(wide(v)); 3])),
        (ColorType::Grayscale, _) => {
            let scale = 255 / ((1u16 << bits) - 1) as u8;
            rgb.extend((0..width).flat_map(|x| [small(x) * scale; 3]));
        }
        (ColorType::Indexed, _) => rgb.extend((0..width).flat_map(|x| {
            let colour = palette.get(3 * usize::from(small(x))..).and_then(|rest| rest.first_chunk());
            colour.copied().unwrap_or([0; 3])
        })),
        (ColorType::GrayscaleAlpha, _) => rgb.extend(row.chunks_exact(2 * bytes).flat_map(|pixel| [pixel[0]; 3])),
        (ColorType::Rgb | ColorType::Rgba, _) => {
            let samples = if colour == ColorType::Rgb { 3 } else { 4 };
            let pixels = row.chunks_exact(samples * bytes);
            if depth == BitDepth::Sixteen {
                rgb.extend(pixels.flat_map(|pixel| [0, 2, 4].map(|at| high_byte(wide(&pixel[at..])))));
            } else {
                rgb.extend(pixels.flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]));
            }
        }
    }
}

/// How the file says the picture is to be turned, by number as in EXIF.
pub(super) fn orientation(bytes: &[u8]) -> Option<u8> {
    let chunks: Vec<Chunk<'_>> = chunks(bytes).collect();
    let exif = chunks.iter().rev().find(|(name, _)| name == b"eXIf").map(|(_, data)| data.to_vec());
    let exif = exif.or_else(|| texts(&chunks, b"Raw profile type exif").last().and_then(|text| raw_profile(&text)));
    exif.and_then(|block| orientation::of_exif(&block)).or_else(|| {
        let xmp = texts(&chunks, b"XML:com.adobe.xmp").last();
        xmp.and_then(|text| orientation::of_xmp(&text))
    })
}

/// All chunks that are whole.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let mut rest = bytes.get(SIGNATURE..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (&[l3, l2, l1, l0, name @ ..], after) = rest.split_first_chunk::<8>()?;
        let (data, after) = after.split_at_checked(u32::from_be_bytes([l3, l2, l1, l0]) as usize)?;
        rest = after.get(4..).unwrap_or_default();
        Some((name, data))
    })
}

/// The texts with the key `key`, unpacked.
fn texts<'a>(chunks: &'a [Chunk<'a>], key: &'a [u8]) -> impl DoubleEndedIterator<Item = Vec<u8>> + 'a {
    let unpacked = |packed: &[u8]| {
        let mut text = Vec::new();
        let unpacked = flate2::read::ZlibDecoder::new(packed).take(MAX_TEXT).read_to_end(&mut text);
        unpacked.is_ok().then_some(text)
    };
    chunks.iter().filter_map(move |(name, data)| {
        let rest = data.strip_prefix(key)?.strip_prefix(&[0])?;
        match name {
            b"tEXt" => Some(rest.to_vec()),
            b"zTXt" => unpacked(rest.strip_prefix(&[0])?),
            b"iTXt" => {
                let (&[is_packed, method], rest) = rest.split_first_chunk::<2>()?;
                // The language, and the key in that language.
                let text = rest.splitn(3, |&byte| byte == 0).nth(2)?;
                match (is_packed, method) {
                    (0, _) => Some(text.to_vec()),
                    (_, 0) => unpacked(text),
                    _ => None,
                }
            }
            _ => None,
        }
    })
}

/// The bytes of a profile that is written as three lines of heading and then in hexadecimal.
fn raw_profile(text: &[u8]) -> Option<Vec<u8>> {
    let lines = text.split(|&byte| byte == b'\n').skip(3);
    let digits: Vec<u8> = lines.flatten().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let digit = |byte: u8| (byte as char).to_digit(16);
    digits.chunks(2).map(|pair| Some((digit(pair[0])? * 16 + digit(*pair.get(1)?)?) as u8)).collect()
}

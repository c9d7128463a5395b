//! The first frame of a GIF file as Pillow shows it: on a canvas that grows with the frame, transparent places in
//! the colour that stands for transparency.

use super::fault::{Fault, Result, damaged};
use super::picture::{MAX_DECODER_BYTES, Picture, check_size};
use ::gif::{ColorOutput, DecodeOptions, MemoryLimit};
use std::borrow::Cow;
use std::io::Cursor;
use std::num::NonZeroU64;

/// Where the header says whether there is a global table of colours, and how large it is.
const FLAGS: usize = 10;
/// Where the header ends.
const SCREEN: usize = 13;

/// Decodes the first frame of the GIF file `bytes` if it has at most so many pixels.
pub(super) fn decode(bytes: &[u8], most: u64) -> Result<Picture> {
    let fault = |error: ::gif::DecodingError| Fault::Damaged(error.to_string());
    let bytes = without_strays(bytes);
    let bytes = with_table(&bytes);
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    if let Some(limit) = NonZeroU64::new(MAX_DECODER_BYTES) {
        options.set_memory_limit(MemoryLimit::Bytes(limit));
    }
    let mut decoder = options.read_info(Cursor::new(&bytes[..])).map_err(fault)?;
    let screen = [decoder.width(), decoder.height()].map(usize::from);
    let frame = decoder.next_frame_info().map_err(fault)?.ok_or("it has no picture")?;
    let [left, top, wide, high] = [frame.left, frame.top, frame.width, frame.height].map(usize::from);
    let (transparent, local) = (frame.transparent, frame.palette.clone());
    let (width, height) = (screen[0].max(left + wide), screen[1].max(top + high));
    check_size(width as u64, height as u64, most)?;
    if wide == 0 || high == 0 {
        return damaged("its first frame has no pixels");
    }
    let palette = local.as_deref().or(decoder.global_palette());
    let colours = colours(palette);
    // Memory that is not touched before there are pixels for it.
    let mut indexes = vec![0; wide * high];
    decoder.read_into_buffer(&mut indexes).map_err(fault)?;
    let around = colours[usize::from(transparent.unwrap_or(0))];
    let mut rgb: Vec<u8> = around.repeat(width * height);
    for (y, row) in indexes.chunks_exact(wide).enumerate() {
        let out = &mut rgb[((top + y) * width + left) * 3..][..wide * 3];
        for (out, &index) in out.chunks_exact_mut(3).zip(row) {
            out.copy_from_slice(&colours[usize::from(index)]);
        }
    }
    Ok(Picture { width, height, rgb })
}

/// The file with a global table of colours. Where it has none Pillow shows shades of grey; the decoder misses one.
fn with_table(bytes: &[u8]) -> Cow<'_, [u8]> {
    match bytes.split_at_checked(SCREEN) {
        Some((screen, rest)) if screen[FLAGS] & 0x80 == 0 => {
            let mut whole = screen.to_vec();
            // 2⁷⁺¹ colours.
            whole[FLAGS] |= 0x87;
            whole.extend((0..=255).flat_map(|shade| [shade; 3]));
            whole.extend_from_slice(rest);
            Cow::Owned(whole)
        }
        _ => Cow::Borrowed(bytes),
    }
}

/// The file without what stands before its first picture and does not matter to it: bytes that begin no block, behind
/// which Pillow, like every browser, goes on, and extensions but those that name the transparent colour.
fn without_strays(bytes: &[u8]) -> Cow<'_, [u8]> {
    const GRAPHIC_CONTROL: u8 = 0xF9;
    let table = bytes.get(FLAGS).filter(|flags| *flags & 0x80 != 0).map_or(0, |flags| 3 << ((flags & 7) + 1));
    let mut at = SCREEN + table;
    let mut kept = bytes.get(..at).unwrap_or(bytes).to_vec();
    while let Some(&byte) = bytes.get(at).filter(|byte| !matches!(byte, b',' | b';')) {
        let start = at;
        at += 1;
        if byte == b'!' {
            // Its label, and stretches of bytes up to an empty one.
            at += 1;
            while let Some(&length) = bytes.get(at) {
                at += 1 + usize::from(length);
                if length == 0 {
                    break;
                }
            }
            if bytes.get(start + 1) == Some(&GRAPHIC_CONTROL) {
                kept.extend_from_slice(&bytes[start..at.min(bytes.len())]);
            }
        }
    }
    if kept.len() == at {
        return Cow::Borrowed(bytes);
    }
    kept.extend_from_slice(bytes.get(at..).unwrap_or_default());
    Cow::Owned(kept)
}

/// The colour of each index: shades of grey without a palette or if it is nothing else, black beyond its end.
fn colours(palette: Option<&[u8]>) -> [[u8; 3]; 256] {
    let colours = palette.unwrap_or_default();
    let shade = |index: usize| [index as u8; 3];
    let grey = colours.chunks_exact(3).enumerate().all(|(index, colour)| *colour == shade(index));
    std::array::from_fn(|index| match colours.get(3 * index..3 * index + 3) {
        _ if grey => shade(index),
        Some(colour) => [colour[0], colour[1], colour[2]],
        None => [0; 3],
    })
}

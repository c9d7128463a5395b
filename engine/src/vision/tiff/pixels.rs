//! From the samples of a TIFF file to RGB, as Pillow converts each kind.

use super::layout::{Layout, Pixels};
use crate::vision::convert::{clip, cmyk, high_byte};

/// The palette of a file: the colour of each index. Indexes beyond the colour map are black, as in Pillow.
pub(super) fn palette(colours: &[i64]) -> [[u8; 3]; 256] {
    let count = colours.len() / 3;
    std::array::from_fn(|index| {
        // The high byte of each 16-bit value: all reds come first, then all greens, then all blues.
        let of = |channel: usize| (colours[channel * count + index] / 256) as u8;
        if index < count { [of(0), of(1), of(2)] } else { [0; 3] }
    })
}

/// Writes a row of pixels to `rgb`, three bytes each. Samples of 16 and more bits in `row` are little-endian.
pub(super) fn row(layout: &Layout, palette: &[[u8; 3]; 256], row: &[u8], rgb: &mut [u8]) {
    let (bits, samples) = (layout.bits, layout.samples);
    let pixels = rgb.chunks_exact_mut(3).enumerate();
    let whole = samples * bits / 8;
    let of = |x: usize| &row[x * whole..][..whole];
    match layout.pixels {
        Pixels::Grey { inverted } => {
            let scale = 255 / ((1u16 << bits) - 1) as u8;
            for (x, out) in pixels {
                let grey = index(row, bits, x * samples) * scale;
                out.fill(if inverted { 255 - grey } else { grey });
            }
        }
        Pixels::Palette => pixels.for_each(|(x, out)| {
            out.copy_from_slice(&palette[usize::from(index(row, bits, x * samples))]);
        }),
        Pixels::Grey12 => pixels.for_each(|(x, out)| out.fill(clip(packed12(row, x)))),
        Pixels::Grey16 => pixels.for_each(|(x, out)| out.fill(clip(short(of(x))))),
        Pixels::Signed16 => pixels.for_each(|(x, out)| out.fill((short(of(x)) as i16).clamp(0, 255) as u8)),
        Pixels::Integer32 => pixels.for_each(|(x, out)| out.fill((long(of(x)) as i32).clamp(0, 255) as u8)),
        // A conversion that takes what is no number for 0.
        Pixels::Float32 => pixels.for_each(|(x, out)| out.fill(f32::from_bits(long(of(x))) as u8)),
        Pixels::Rgb { premultiplied } => {
            for (x, out) in pixels {
                let pixel = of(x);
                let sample = |channel: usize| sample(pixel, bits, channel);
                let alpha = if premultiplied { sample(3) } else { 255 };
                for (channel, out) in out.iter_mut().enumerate() {
                    *out = divided(sample(channel), alpha);
                }
            }
        }
        Pixels::Cmyk => {
            for (x, out) in pixels {
                let pixel = of(x);
                let ink = |channel: usize| sample(pixel, bits, channel);
                out.copy_from_slice(&cmyk([ink(0), ink(1), ink(2)], ink(3)));
            }
        }
        // Already converted by whoever unpacked it.
        Pixels::Ycc => rgb.copy_from_slice(&row[..rgb.len()]),
    }
}

/// The `x`-th number of `bits` ≤ 8 bits in `row`.
fn index(row: &[u8], bits: usize, x: usize) -> u8 {
    let place = x * bits;
    let byte = row[place / 8] << (place % 8);
    byte >> (8 - bits)
}

/// The `x`-th number of 12 bits in `row`.
fn packed12(row: &[u8], x: usize) -> u16 {
    let at = x / 2 * 3;
    let [first, second] = if x.is_multiple_of(2) {
        [u16::from(row[at]) << 4, u16::from(row[at + 1] >> 4)]
    } else {
        [u16::from(row[at + 1] & 15) << 8, u16::from(row[at + 2])]
    };
    first | second
}

fn short(bytes: &[u8]) -> u16 {
    u16::from_le_bytes([bytes[0], bytes[1]])
}

fn long(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// A sample of 8 bits, or the high byte of one of 16.
fn sample(pixel: &[u8], bits: usize, channel: usize) -> u8 {
    if bits == 16 { high_byte(short(&pixel[2 * channel..])) } else { pixel[channel] }
}

/// A colour that was multiplied by its opacity, divided by it.
fn divided(colour: u8, alpha: u8) -> u8 {
    match alpha {
        0 => 0,
        255 => colour,
        _ => (u32::from(colour) * 255 / u32::from(alpha)).min(255) as u8,
    }
}

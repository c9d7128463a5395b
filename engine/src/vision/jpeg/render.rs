//! From coefficients to pixels, with libjpeg's rounding at every step.

use super::{BLOCK, Colour, Component, Frame, ZIGZAG};
use rayon::prelude::*;
use std::num::Wrapping;

/// The samples of a component.
struct Plane {
    /// Samples per row as stored, a multiple of 8.
    stride: usize,
    samples: Vec<u8>,
}

/// The picture as Pillow converts it to RGB: `[height, width, 3]`.
pub(super) fn rgb(frame: &Frame, colour: Colour) -> Vec<u8> {
    let planes: Vec<Plane> = frame.components.iter().map(transform).collect();
    let mut rgb = vec![0; frame.width * frame.height * 3];
    rgb.par_chunks_mut(frame.width * 3).enumerate().for_each_init(
        || vec![Vec::new(); planes.len()],
        |rows: &mut Vec<Vec<u8>>, (y, out)| {
            for ((row, plane), component) in rows.iter_mut().zip(&planes).zip(&frame.components) {
                upsampled_row(frame, component, plane, y, row);
            }
            for (x, out) in out.chunks_exact_mut(3).enumerate() {
                let sample = |component: usize| rows[component][x];
                out.copy_from_slice(&match colour {
                    Colour::Grey => [sample(0); 3],
                    Colour::Rgb => [sample(0), sample(1), sample(2)],
                    Colour::Ycc => ycc(sample(0), sample(1), sample(2)),
                    Colour::Cmyk => cmyk([sample(0), sample(1), sample(2)], sample(3)),
                    Colour::Ycck => cmyk(ycc(sample(0), sample(1), sample(2)).map(|v| 255 - v), sample(3)),
                });
            }
        },
    );
    rgb
}

/// The samples of a component's blocks.
fn transform(component: &Component) -> Plane {
    let stride = component.stored[0] * 8;
    let mut quantization = [0; BLOCK];
    for (&place, value) in ZIGZAG.iter().zip(component.quantization.unwrap_or([0; BLOCK])) {
        quantization[usize::from(place)] = value as i16;
    }
    let mut samples = vec![0; stride * component.stored[1] * 8];
    let rows = samples.par_chunks_mut((stride * 8).max(1));
    rows.zip(component.coefficients.par_chunks((component.stored[0] * BLOCK).max(1))).for_each(|(samples, blocks)| {
        for (x, block) in blocks.chunks_exact(BLOCK).enumerate() {
            // libjpeg-turbo multiplies in 16 bits.
            let block = std::array::from_fn(|i| Wrapping(i32::from(block[i].wrapping_mul(quantization[i]))));
            for (y, row) in inverse_dct(block).chunks_exact(8).enumerate() {
                samples[y * stride + x * 8..][..8].copy_from_slice(row);
            }
        }
    });
    Plane { stride, samples }
}

type Fixed = Wrapping<i32>;

/// Binary digits after the point in the constants of the transform.
const CONST_BITS: usize = 13;
/// Extra digits kept between its two passes.
const PASS1_BITS: usize = 2;

/// The inverse cosine transform of Loeffler, Ligtenberg and Moschytz in integers, as libjpeg's "islow" rounds it.
fn inverse_dct(mut block: [Fixed; BLOCK]) -> [u8; BLOCK] {
    for x in 0..8 {
        let column = inverse_dct_line(std::array::from_fn(|y| block[8 * y + x]), CONST_BITS - PASS1_BITS);
        for (y, value) in column.into_iter().enumerate() {
            block[8 * y + x] = value;
        }
    }
    let mut out = [0; BLOCK];
    for (row, out) in block.chunks_exact(8).zip(out.chunks_exact_mut(8)) {
        let line = inverse_dct_line(std::array::from_fn(|x| row[x]), CONST_BITS + PASS1_BITS + 3);
        for (value, out) in line.into_iter().zip(out) {
            *out = (value.0.saturating_add(128)).clamp(0, 255) as u8;
        }
    }
    out
}

/// Eight values of one line, divided by 2^`digits` and rounded.
#[inline(always)]
fn inverse_dct_line(line: [Fixed; 8], digits: usize) -> [Fixed; 8] {
    let c = Wrapping::<i32>;
    // Even part.
    let z1 = (line[2] + line[6]) * c(4433);
    let (t2, t3) = (z1 - line[6] * c(15137), z1 + line[2] * c(6270));
    let (t0, t1) = ((line[0] + line[4]) << CONST_BITS, (line[0] - line[4]) << CONST_BITS);
    let even = [t0 + t3, t1 + t2, t1 - t2, t0 - t3];
    // Odd part.
    let [t0, t1, t2, t3] = [line[7], line[5], line[3], line[1]];
    let (z1, z2, z3, z4) = (t0 + t3, t1 + t2, t0 + t2, t1 + t3);
    let z5 = (z3 + z4) * c(9633);
    let (z1, z2) = (z1 * c(-7373), z2 * c(-20995));
    let (z3, z4) = (z3 * c(-16069) + z5, z4 * c(-3196) + z5);
    let odd = [t3 * c(12299) + z1 + z4, t2 * c(25172) + z2 + z3, t1 * c(16819) + z2 + z4, t0 * c(2446) + z1 + z3];
    let round = c(1 << (digits - 1));
    std::array::from_fn(|i| {
        let sum = if i < 4 { even[i] + odd[i] } else { even[7 - i] - odd[7 - i] };
        (sum + round) >> digits
    })
}

/// Row `y` of the picture of a component that may be smaller than the picture: `row` gets at least the picture's width.
///
/// Where one axis or both are halved, libjpeg interpolates with weights of 3/4 and 1/4 and alternates the rounding;
/// anything else it repeats, as it does pictures too narrow to have neighbours.
fn upsampled_row(frame: &Frame, component: &Component, plane: &Plane, y: usize, row: &mut Vec<u8>) {
    let [across, down] = [0, 1].map(|axis| frame.sampling[axis] / component.sampling[axis]);
    let [width, height] = component.size;
    let source = |y: usize| &plane.samples[y.min(height - 1) * plane.stride..][..width];
    let near = source(y / down);
    row.clear();
    // The other row that has a part in this one: above for the upper of two, else below.
    let far = || source(if y.is_multiple_of(2) { (y / 2).saturating_sub(1) } else { y / 2 + 1 });
    match (across, down) {
        (1, 1) => row.extend_from_slice(near),
        (2, 1) if width > 2 => {
            interpolate(width, |x| i32::from(near[x]) * 4, [4, 8], 4, row);
        }
        (1, 2) => {
            let rounding = if y.is_multiple_of(2) { 1 } else { 2 };
            let sums = near.iter().zip(far()).map(|(&near, &far)| i32::from(near) * 3 + i32::from(far));
            row.extend(sums.map(|sum| ((sum + rounding) >> 2) as u8));
        }
        (2, 2) if width > 2 => {
            let far = far();
            interpolate(width, |x| i32::from(near[x]) * 3 + i32::from(far[x]), [8, 7], 4, row);
        }
        _ => row.extend(near.iter().flat_map(|&value| std::iter::repeat_n(value, across))),
    }
}

/// Two samples for each of `width` sums: 3/4 of the sum and 1/4 of the one to its left, then of the one to its right.
/// `rounding` is added to the left and the right one before the result is divided by 2^`digits`.
fn interpolate(width: usize, sum: impl Fn(usize) -> i32, rounding: [i32; 2], digits: u32, row: &mut Vec<u8>) {
    for x in 0..width {
        let here = sum(x);
        let left = sum(x.saturating_sub(1));
        let right = sum((x + 1).min(width - 1));
        row.push(((here * 3 + left + rounding[0]) >> digits) as u8);
        row.push(((here * 3 + right + rounding[1]) >> digits) as u8);
    }
}

/// JFIF's conversion, in 16-bit fixed point.
fn ycc(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    const DIGITS: u32 = 16;
    const HALF: i32 = 1 << (DIGITS - 1);
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    // 1.402, 0.34414, 0.71414 and 1.772, times 2¹⁶.
    let red = y + ((91_881 * cr + HALF) >> DIGITS);
    let green = y + ((-22_554 * cb - 46_802 * cr + HALF) >> DIGITS);
    let blue = y + ((116_130 * cb + HALF) >> DIGITS);
    [red, green, blue].map(|v| v.clamp(0, 255) as u8)
}

/// Pillow takes CMYK in JPEG files for stored inverted, as Adobe does, and converts it without a profile.
fn cmyk(stored: [u8; 3], stored_black: u8) -> [u8; 3] {
    let light = i32::from(stored_black);
    stored.map(|stored| {
        let product = (255 - i32::from(stored)) * light + 128;
        (light - (((product >> 8) + product) >> 8)).clamp(0, 255) as u8
    })
}

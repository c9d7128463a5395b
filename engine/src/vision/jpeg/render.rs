//! From coefficients to pixels, with libjpeg's rounding at every step.

use super::frame::{Component, Frame};
use super::smoothing::Smoothing;
use super::tables::Colour;
use super::{BLOCK, ZIGZAG};
use crate::vision::convert::cmyk;
use rayon::prelude::*;
use std::num::Wrapping;

/// The samples of a component.
struct Plane {
    /// Samples per row as stored, a multiple of 8.
    stride: usize,
    samples: Vec<u8>,
}

/// The picture as Pillow converts it to RGB: `[height, width, 3]`. `colour` fits the number of components.
pub(super) fn rgb(frame: &Frame, colour: Colour) -> Vec<u8> {
    match colour {
        Colour::Grey => pixels(frame, |[grey]| [grey; 3]),
        Colour::Rgb => pixels(frame, |rgb: [u8; 3]| rgb),
        Colour::Ycc => pixels(frame, |[y, cb, cr]| ycc(y, cb, cr)),
        // Pillow takes CMYK in JPEG files for stored inverted, as Adobe does.
        Colour::Cmyk => pixels(frame, |[c, m, y, k]| cmyk([255 - c, 255 - m, 255 - y], 255 - k)),
        Colour::Ycck => pixels(frame, |[y, cb, cr, k]| cmyk(ycc(y, cb, cr), 255 - k)),
    }
}

/// The samples of all components as they are: `[height, width, components]`.
pub(super) fn samples(frame: &Frame) -> Vec<u8> {
    match frame.components.len() {
        1 => pixels(frame, |samples: [u8; 1]| samples),
        2 => pixels(frame, |samples: [u8; 2]| samples),
        3 => pixels(frame, |samples: [u8; 3]| samples),
        _ => pixels(frame, |samples: [u8; 4]| samples),
    }
}

/// `[height, width, N]`: what `pixel` makes of the samples of each pixel. The frame has `C` components.
fn pixels<const C: usize, const N: usize>(frame: &Frame, pixel: impl Fn([u8; C]) -> [u8; N] + Sync) -> Vec<u8> {
    let smoothing = Smoothing::of(frame);
    let smoothing = |index: usize| smoothing.as_ref().and_then(|all| all.get(index));
    let planes: Vec<Plane> =
        frame.components.iter().enumerate().map(|(index, component)| transform(component, smoothing(index))).collect();
    let mut out = vec![0; frame.width * frame.height * N];
    out.par_chunks_mut(frame.width * N).enumerate().for_each_init(
        || vec![Vec::new(); planes.len()],
        |rows: &mut Vec<Vec<u8>>, (y, out)| {
            for ((row, plane), component) in rows.iter_mut().zip(&planes).zip(&frame.components) {
                upsampled_row(frame, component, plane, y, row);
            }
            for (x, out) in out.chunks_exact_mut(N).enumerate() {
                out.copy_from_slice(&pixel(std::array::from_fn(|component| rows[component][x])));
            }
        },
    );
    out
}

/// The samples of a component's blocks.
fn transform(component: &Component, smoothing: Option<&Smoothing<'_>>) -> Plane {
    let stride = component.stored[0] * 8;
    let Some(quantization) = component.quantization else {
        return Plane { stride, samples: vec![128; stride * component.stored[1] * 8] };
    };
    let mut steps = [0; BLOCK];
    for (&place, value) in ZIGZAG.iter().zip(quantization) {
        steps[usize::from(place)] = value as i16;
    }
    let mut samples = vec![0; stride * component.stored[1] * 8];
    let rows = samples.par_chunks_mut((stride * 8).max(1)).enumerate();
    rows.for_each(|(y, samples)| {
        for x in 0..component.stored[0] {
            let place = (y * component.stored[0] + x) * BLOCK;
            // Blocks that fill up groups have no samples of the picture, and no neighbours to guess from.
            let inside = x < component.blocks[0] && y < component.blocks[1];
            let block = match smoothing {
                Some(smoothing) if inside => inverse_dct(&smoothing.block(y, x), &steps),
                _ => inverse_dct(&component.coefficients[place..][..BLOCK], &steps),
            };
            for (y, row) in block.chunks_exact(8).enumerate() {
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

/// The inverse cosine transform of Loeffler, Ligtenberg and Moschytz in integers, as libjpeg-turbo's vector code for
/// "islow" rounds it. Products with the quantisation, sums of two values and what is kept between the passes have 16
/// bits, which only damaged files overflow.
fn inverse_dct(coefficients: &[i16], steps: &[i16; BLOCK]) -> [u8; BLOCK] {
    let mut block: [i16; BLOCK] = std::array::from_fn(|i| coefficients[i].wrapping_mul(steps[i]));
    if coefficients[8..].iter().all(|&coefficient| coefficient == 0) {
        for x in 0..8 {
            let value = block[x].wrapping_shl(PASS1_BITS as u32);
            (0..8).for_each(|y| block[8 * y + x] = value);
        }
    } else {
        for x in 0..8 {
            let column = inverse_dct_line(std::array::from_fn(|y| block[8 * y + x]), CONST_BITS - PASS1_BITS);
            for (y, value) in column.into_iter().enumerate() {
                block[8 * y + x] = value.0.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
            }
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
fn inverse_dct_line(line: [i16; 8], digits: usize) -> [Fixed; 8] {
    let c = Wrapping::<i32>;
    let sum = |a: usize, b: usize| Wrapping(i32::from(line[a].wrapping_add(line[b])));
    let difference = |a: usize, b: usize| Wrapping(i32::from(line[a].wrapping_sub(line[b])));
    let line32 = line.map(|value| Wrapping(i32::from(value)));
    // Even part.
    let z1 = (line32[2] + line32[6]) * c(4433);
    let (t2, t3) = (z1 - line32[6] * c(15137), z1 + line32[2] * c(6270));
    let (t0, t1) = (sum(0, 4) << CONST_BITS, difference(0, 4) << CONST_BITS);
    let even = [t0 + t3, t1 + t2, t1 - t2, t0 - t3];
    // Odd part.
    let [t0, t1, t2, t3] = [line32[7], line32[5], line32[3], line32[1]];
    let (z1, z2, z3, z4) = (t0 + t3, t1 + t2, sum(7, 3), sum(5, 1));
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

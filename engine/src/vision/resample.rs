//! Pillow's bicubic resize of 8-bit pictures, bit for bit (docs/model.md §3.1), onto a square padded with one colour.
//!
//! Two passes, horizontal first, each rounding to bytes. The padded square is never built: rows above and below the
//! picture are all alike and resized once, and columns beside it are added to a few rows at a time.

use super::picture::Picture;
use crate::error::{Error, Result};
use crate::job::CancelToken;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Binary digits after the point in Pillow's integer weights.
const PRECISION: u32 = 22;
const HALF: i32 = 1 << (PRECISION - 1);
/// Bytes per pixel.
const RGB: usize = 3;

/// Which input pixels make up each output pixel along one axis, and how much of each.
#[derive(Debug)]
struct Taps {
    /// First input pixel of each output pixel.
    starts: Vec<usize>,
    /// Number of input pixels of each output pixel.
    counts: Vec<usize>,
    /// Weights of output pixel `o`: `weights[o · stride ..][.. counts[o]]`.
    weights: Vec<i32>,
    stride: usize,
}

impl Taps {
    /// The weights that resize `from` pixels to `to`.
    fn new(from: usize, to: usize) -> Self {
        let scale = from as f64 / to as f64;
        let filter_scale = scale.max(1.0);
        let support = 2.0 * filter_scale;
        let inverse = 1.0 / filter_scale;
        let stride = support.ceil() as usize * 2 + 1;
        let mut taps = Self {
            starts: Vec::with_capacity(to),
            counts: Vec::with_capacity(to),
            weights: vec![0; to * stride],
            stride,
        };
        let mut row = vec![0.0; stride];
        for o in 0..to {
            let center = (o as f64 + 0.5) * scale;
            // `as` truncates and saturates: what is below zero becomes zero.
            let start = (center - support + 0.5) as usize;
            let end = ((center + support + 0.5) as usize).min(from);
            let row = &mut row[..end - start];
            for (i, weight) in row.iter_mut().enumerate() {
                *weight = cubic(((i + start) as f64 - center + 0.5) * inverse);
            }
            let sum: f64 = row.iter().sum();
            for (weight, out) in row.iter().zip(&mut taps.weights[o * stride..]) {
                let scaled = weight / sum * f64::from(1 << PRECISION);
                *out = (scaled + if scaled < 0.0 { -0.5 } else { 0.5 }) as i32;
            }
            taps.starts.push(start);
            taps.counts.push(end - start);
        }
        taps
    }

    /// First input pixel and weights of output pixel `o`.
    fn of(&self, o: usize) -> (usize, &[i32]) {
        (self.starts[o], &self.weights[o * self.stride..][..self.counts[o]])
    }
}

/// The cubic convolution kernel with a = −0.5.
fn cubic(t: f64) -> f64 {
    const A: f64 = -0.5;
    let t = t.abs();
    if t < 1.0 {
        ((A + 2.0) * t - (A + 3.0)) * t * t + 1.0
    } else if t < 2.0 {
        (((t - 5.0) * t + 8.0) * t - 4.0) * A
    } else {
        0.0
    }
}

fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// Pads `picture` to a square filled with `background` and resizes that to `side` × `side`.
///
/// The picture is put in the middle; of an odd number of padding lines the last side gets one more.
///
/// # Errors
/// [`Error::Cancelled`] within a few rows of `cancel`: the largest pictures take seconds.
pub(super) fn square(picture: &Picture, background: [u8; 3], side: usize, cancel: &CancelToken) -> Result<Picture> {
    let (width, height) = (picture.width, picture.height);
    let square = width.max(height);
    let (left, top) = ((square - width) / 2, (square - height) / 2);
    let plain = |pixels: usize| background.iter().copied().cycle().take(pixels * RGB);
    let row_bytes = side * RGB;
    if square == side {
        let mut rgb: Vec<u8> = plain(side * side).collect();
        let rows = rgb.chunks_exact_mut(row_bytes).skip(top);
        for (out, row) in rows.zip(picture.rgb.chunks_exact(width * RGB)) {
            out[left * RGB..][..width * RGB].copy_from_slice(row);
        }
        return Ok(Picture { width: side, height: side, rgb });
    }
    let taps = Taps::new(square, side);

    // Horizontal: one row of `side` pixels for each row of the picture, and one for the rows above and below it.
    let plain: Vec<u8> = plain(square).collect();
    let mut plain_narrowed = vec![0; row_bytes];
    Group::new(&plain).narrow(&taps, &mut plain_narrowed);
    let mut narrowed = vec![0; height * row_bytes];
    let groups = narrowed.par_chunks_mut(LANES * row_bytes).zip(picture.rgb.par_chunks(LANES * width * RGB));
    groups.for_each_init(
        || Group::new(&plain),
        |group, (out, rows)| {
            if cancel.is_cancelled() {
                return;
            }
            group.fill(left, rows.chunks_exact(width * RGB));
            group.narrow(&taps, out);
        },
    );
    let row = |y: usize| match y.checked_sub(top).filter(|&y| y < height) {
        Some(y) => &narrowed[y * row_bytes..][..row_bytes],
        None => &plain_narrowed[..],
    };

    // Vertical.
    let mut rgb = vec![0; side * row_bytes];
    rgb.par_chunks_mut(row_bytes).enumerate().for_each_init(
        || vec![0; row_bytes],
        |sums, (o, out)| {
            if cancel.is_cancelled() {
                return;
            }
            let (start, weights) = taps.of(o);
            sums.fill(HALF);
            for (y, &weight) in (start..).zip(weights) {
                Arch::new().dispatch(Add { row: row(y), weight, sums });
            }
            for (out, &sum) in out.iter_mut().zip(sums.iter()) {
                *out = to_byte(sum);
            }
        },
    );
    if cancel.is_cancelled() { Err(Error::Cancelled) } else { Ok(Picture { width: side, height: side, rgb }) }
}

/// Rows of pixels that are resized together: as many as a vector register has sums.
const LANES: usize = 16;

/// One column of a group: its red, then its green, then its blue bytes.
type Column = [u8; RGB * LANES];

/// Some rows of the padded square, column by column, so that the same byte of all rows lies side by side.
struct Group {
    columns: Vec<Column>,
}

impl Group {
    /// Rows that all look like `plain`.
    fn new(plain: &[u8]) -> Self {
        let column = |pixel: &[u8; RGB]| std::array::from_fn(|i| pixel[i / LANES]);
        Self { columns: plain.as_chunks().0.iter().map(column).collect() }
    }

    /// Puts `rows` where they are in the padded square, from column `left` on.
    fn fill<'a>(&mut self, left: usize, rows: impl Iterator<Item = &'a [u8]>) {
        for (lane, row) in rows.enumerate() {
            for (column, pixel) in self.columns[left..].iter_mut().zip(row.as_chunks::<RGB>().0) {
                for (channel, &value) in pixel.iter().enumerate() {
                    column[channel * LANES + lane] = value;
                }
            }
        }
    }

    /// Resizes the rows into `out`, as many as there is room for.
    fn narrow(&self, taps: &Taps, out: &mut [u8]) {
        Arch::new().dispatch(Narrow { taps, columns: &self.columns, out });
    }
}

/// Resizes a group of rows; to be compiled once per instruction set.
struct Narrow<'a> {
    taps: &'a Taps,
    columns: &'a [Column],
    out: &'a mut [u8],
}

impl WithSimd for Narrow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let row_bytes = self.taps.starts.len() * RGB;
        for o in 0..self.taps.starts.len() {
            let (start, weights) = self.taps.of(o);
            let mut sums = [HALF; RGB * LANES];
            for (column, &weight) in self.columns[start..].iter().zip(weights) {
                for (sum, &value) in sums.iter_mut().zip(column) {
                    *sum += i32::from(value) * weight;
                }
            }
            let column = sums.map(to_byte);
            for (lane, out) in self.out.chunks_exact_mut(row_bytes).enumerate() {
                for (channel, out) in out[o * RGB..][..RGB].iter_mut().enumerate() {
                    *out = column[channel * LANES + lane];
                }
            }
        }
    }
}

/// Adds a weighted row to sums; to be compiled once per instruction set.
struct Add<'a> {
    row: &'a [u8],
    weight: i32,
    sums: &'a mut [i32],
}

impl WithSimd for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (sum, &value) in self.sums.iter_mut().zip(self.row) {
            *sum += i32::from(value) * self.weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The padded square, built and resized the slow way, in the words of the spec.
    fn slow(picture: &Picture, background: [u8; 3], side: usize) -> Vec<u8> {
        let m = picture.width.max(picture.height);
        let (left, top) = ((m - picture.width) / 2, (m - picture.height) / 2);
        let pixel = |y: usize, x: usize, c: usize| {
            let inside = (top..top + picture.height).contains(&y) && (left..left + picture.width).contains(&x);
            if inside { picture.rgb[((y - top) * picture.width + x - left) * 3 + c] } else { background[c] }
        };
        let taps = Taps::new(m, side);
        let pass = |get: &dyn Fn(usize) -> u8, o: usize| {
            let (start, weights) = taps.of(o);
            let sum: i64 = weights.iter().enumerate().map(|(i, &w)| i64::from(get(start + i)) * i64::from(w)).sum();
            ((i64::from(HALF) + sum) >> PRECISION).clamp(0, 255) as u8
        };
        let mut narrow = vec![[0u8; 3]; m * side];
        for y in 0..m {
            for x in 0..side {
                narrow[y * side + x] = [0, 1, 2].map(|c| pass(&|i| pixel(y, i, c), x));
            }
        }
        let mut out = Vec::new();
        for y in 0..side {
            for x in 0..side {
                out.extend((0..3).map(|c| pass(&|i| narrow[i * side + x][c], y)));
            }
        }
        out
    }

    fn noise(width: usize, height: usize) -> Picture {
        let mut state = 7u32;
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        Picture { width, height, rgb: (0..width * height * 3).map(|_| byte()).collect() }
    }

    #[test]
    fn the_square_is_never_built_but_the_result_is_the_same() {
        for (width, height, side) in
            [(37, 53, 20), (53, 37, 64), (9, 1, 14), (1, 12, 5), (16, 16, 8), (5, 3, 7), (20, 13, 20)]
        {
            let picture = noise(width, height);
            let fast = square(&picture, [1, 200, 77], side, &CancelToken::default()).unwrap();
            assert_eq!((fast.width, fast.height), (side, side));
            assert_eq!(fast.rgb, slow(&picture, [1, 200, 77], side), "{width}×{height} → {side}");
        }
    }

    #[test]
    fn a_square_of_the_right_size_is_copied() {
        let picture = noise(11, 11);
        assert_eq!(square(&picture, [0; 3], 11, &CancelToken::default()).unwrap(), picture);
    }

    #[test]
    fn the_weights_of_a_pixel_sum_to_one() {
        for (from, to) in [(600, 384), (300, 1024), (8000, 336), (1, 9)] {
            let taps = Taps::new(from, to);
            for o in 0..to {
                let (start, weights) = taps.of(o);
                assert!(start + weights.len() <= from);
                let sum: i32 = weights.iter().sum();
                assert!((sum - (1 << PRECISION)).unsigned_abs() as usize <= weights.len(), "{from} → {to}: {sum}");
            }
        }
    }

    #[test]
    fn halving_has_the_known_weights() {
        // Offsets ±0.25, ±0.75, ±1.25, ±1.75 of the kernel, over two.
        let taps = Taps::new(16, 8);
        let (start, weights) = taps.of(4);
        assert_eq!(start, 5);
        let expected =
            [-0.011_718_75, -0.035_156_25, 0.113_281_25, 0.433_593_75].map(|w: f64| (w * 4_194_304.0) as i32);
        assert_eq!(&weights[..4], &expected);
        assert!(weights.iter().eq(weights.iter().rev()));
    }

    #[test]
    fn a_cancelled_resize_has_no_result() {
        let picture = Picture { width: 40, height: 30, rgb: vec![7; 40 * 30 * RGB] };
        let cancel = CancelToken::default();
        cancel.cancel();
        assert!(matches!(square(&picture, [0; 3], 20, &cancel), Err(Error::Cancelled)));
    }
}

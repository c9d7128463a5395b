//! Matrices of which several weights share a scale.
//!
//! What the numbers mean is as in llama.cpp's formats of the same names. How they lie in memory is made for products: 16
//! rows form a **group**, interleaved four weights at a time, so that 64 bytes hold four neighbouring weights of each row and
//! one 8-bit dot-product instruction serves all 16. A row is a sequence of **blocks** of 32 (`q8_0`) or 256 weights; the last
//! one, and the last group, are filled up with zeros. Within a block, for all rows of the group:
//!
//! | format | scales | weights, for each 32 of a row |
//! |---|---|---|
//! | `q8_0` | f16 | 8 × 64 bytes, each weight + 128 |
//! | `q6_k` | f16, 16 × i8 | 4 × 64 bytes with 4 bits of two weights, 2 × 64 with 2 bits of four; each weight + 32 |
//! | `q5_k` | f16, f16, 8 × u8, 8 × u8 | 4 × 64 bytes with 4 bits of two weights, 64 with one bit of eight |
//! | `q4_k` | the same | 4 × 64 bytes with 4 bits of two weights |
//!
//! A weight is `scale · q` in the first two, `scale · q − minimum` in the others; scales and minima of the k-formats are
//! whole multiples of the f16 before them, in 8 bits where llama.cpp has 6.

mod fit;
mod quantise;
mod widen;

use super::columns::by_columns;
use super::weight::SharedBytes;
use crate::precision::WeightFormat;
use pulp::Arch;
use quantise::QuantiseGroup;
use rayon::prelude::*;
use std::fmt;
use std::ops::Range;
use widen::{GroupProduct, WidenRows};

/// Rows that lie interleaved.
pub(super) const GROUP: usize = 16;
/// Weights of a row that 64 bytes of 8-bit weights hold.
pub(super) const QUAD: usize = 4;
/// Weights of a row that share a scale, in all formats but `q6_k`.
pub(super) const SUB: usize = 32;
/// Weights of a row in the longest block.
const LONGEST: usize = 256;
/// Where the scales of `q6_k` begin in a block, and where its weights do.
pub(super) const Q6_SCALES: usize = 2 * GROUP;
pub(super) const Q6_WEIGHTS: usize = Q6_SCALES + 16 * GROUP;
/// Bytes of 32 weights of `q6_k`: four bits each, then two.
pub(super) const Q6_SUB: usize = 6 * 64;
/// Where scales, minima and weights of `q4_k` and `q5_k` begin in a block, after two f16 for each row.
pub(super) const K_SCALES: usize = 4 * GROUP;
pub(super) const K_MINIMA: usize = K_SCALES + 8 * GROUP;
pub(super) const K_WEIGHTS: usize = K_MINIMA + 8 * GROUP;

/// A quantised matrix `[output, input]`.
#[derive(Clone)]
pub struct Quantised {
    format: WeightFormat,
    output: usize,
    input: usize,
    bytes: Bytes,
}

/// Where its groups lie.
#[derive(Clone)]
enum Bytes {
    Owned(Vec<u8>),
    /// With somebody else: in a mapped file.
    Shared(SharedBytes),
}

impl Bytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Shared(bytes) => (**bytes).as_ref(),
        }
    }

    /// The bytes, to be written: nothing where they are somebody else's.
    fn as_mut_slice(&mut self) -> &mut [u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Shared(_) => &mut [],
        }
    }
}

impl fmt::Debug for Quantised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Quantised([{}, {}], {})", self.output, self.input, self.format)
    }
}

impl Quantised {
    /// Room for a matrix in `format`; `None` if the format is not quantised, or there is no memory.
    pub fn empty(format: WeightFormat, output: usize, input: usize) -> Option<Self> {
        let length = usize::try_from(format.bytes(output, input)).ok().filter(|_| format.is_quantised())?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).ok()?;
        bytes.resize(length, 0);
        Some(Self { format, output, input, bytes: Bytes::Owned(bytes) })
    }

    /// A matrix whose groups lie in `bytes`, as [`Quantised::bytes`] gave them; `None` if that is no quantised format, or so
    /// many bytes are none of this shape.
    pub fn shared(format: WeightFormat, bytes: SharedBytes, output: usize, input: usize) -> Option<Self> {
        let fits = format.is_quantised() && (*bytes).as_ref().len() as u64 == format.bytes(output, input);
        fits.then_some(Self { format, output, input, bytes: Bytes::Shared(bytes) })
    }

    /// Its form.
    pub fn format(&self) -> WeightFormat {
        self.format
    }

    /// `output` and `input`.
    pub fn dims(&self) -> (usize, usize) {
        (self.output, self.input)
    }

    /// Weights of a row, those it is filled up with included.
    pub(super) fn padded(&self) -> usize {
        self.input.next_multiple_of(self.format.block())
    }

    /// Bytes of one group.
    pub(super) fn group_bytes(&self) -> usize {
        (self.padded() / self.format.block() * self.format.block_bytes()).max(1)
    }

    /// All groups, one after the other.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// Quantises the groups from `first` on, on all cores. `rows(range, out)` writes the rows of a range, `input` numbers
    /// each, and may fail; the first failure ends it. `count` groups are done.
    ///
    /// # Errors
    /// What `rows` fails with, and `too_large` for a number whose scale f16 cannot hold, with its row.
    pub fn fill<E: Send>(
        &mut self,
        groups: Range<usize>,
        rows: impl Fn(Range<usize>, &mut [f32]) -> Result<(), E> + Sync,
        too_large: impl Fn(usize) -> E + Sync,
    ) -> Result<(), E> {
        let (format, output, input, size) = (self.format, self.output, self.input, self.group_bytes());
        let bytes = self.bytes.as_mut_slice().get_mut(groups.start * size..groups.end * size).unwrap_or_default();
        bytes.par_chunks_mut(size).enumerate().try_for_each_init(
            || vec![0f32; GROUP * input],
            |values, (group, bytes)| {
                let first = (groups.start + group) * GROUP;
                let count = GROUP.min(output.saturating_sub(first));
                let values = &mut values[..count * input];
                rows(first..first + count, values)?;
                let quantised = Arch::new().dispatch(QuantiseGroup { format, rows: values, input, bytes });
                quantised.map_err(|row| too_large(first + row))
            },
        )
    }

    /// Groups of 16 rows.
    pub fn groups(&self) -> usize {
        self.output.div_ceil(GROUP)
    }

    /// Writes the rows `rows` in f32 into `out`, on all cores.
    pub(super) fn widen(&self, rows: Range<usize>, out: &mut [f32]) {
        let input = self.input.max(1);
        let inside = rows.start % GROUP;
        // Up to the next group, then whole ones.
        let front = if inside == 0 { 0 } else { (GROUP - inside).min(rows.len()) };
        let (front, rest) = out.split_at_mut(front * input);
        self.widen_group(rows.start / GROUP, inside, front);
        let next = rows.start.div_ceil(GROUP);
        rest.par_chunks_mut(GROUP * input).enumerate().for_each(|(i, out)| self.widen_group(next + i, 0, out));
    }

    /// Writes rows of a group, from `first` on, into `out`.
    fn widen_group(&self, group: usize, first: usize, out: &mut [f32]) {
        let group = self.group(group);
        Arch::new().dispatch(WidenRows { format: self.format, group, input: self.input.max(1), first, out });
    }

    fn group(&self, group: usize) -> &[u8] {
        let size = self.group_bytes();
        self.bytes().get(group * size..(group + 1) * size).unwrap_or_default()
    }

    /// `x` `[rows, input]` times the transpose of this matrix, in f32 → `[rows, output]`. Weights are widened in the nearest
    /// cache, once for all rows.
    pub(super) fn few_rows(&self, x: &[f32], rows: usize) -> Vec<f32> {
        let (format, input) = (self.format, self.input.max(1));
        by_columns(rows, self.output, GROUP, |first, y| {
            Arch::new().dispatch(GroupProduct { format, group: self.group(first / GROUP), x, input, y });
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use half::f16;
    use pulp::WithSimd;

    fn read_scale(bytes: &[u8], at: usize, r: usize) -> f32 {
        f16::from_le_bytes([bytes[at + 2 * r], bytes[at + 2 * r + 1]]).to_f32()
    }

    /// Where the byte lies that holds weight `k` of row `r` among 64-byte pieces of which each has four of each row.
    fn place(k: usize, r: usize) -> usize {
        k / QUAD * 64 + r * QUAD + k % QUAD
    }

    /// Block `bytes` of a group, row `r`, in f32, weight by weight from the layout's definition.
    fn plain(format: WeightFormat, bytes: &[u8], r: usize, out: &mut [f32; 256]) {
        match format {
            WeightFormat::Q8_0 => {
                let scale = read_scale(bytes, 0, r);
                for (k, out) in out[..SUB].iter_mut().enumerate() {
                    *out = scale * (f32::from(bytes[2 * GROUP + place(k, r)]) - 128.0);
                }
            }
            WeightFormat::Q6K => {
                let whole = read_scale(bytes, 0, r);
                for (at, out) in out.iter_mut().enumerate() {
                    let scale = whole * f32::from(bytes[Q6_SCALES + at / 16 * GROUP + r] as i8);
                    let (sub, at) = (Q6_WEIGHTS + at / SUB * Q6_SUB, at % SUB);
                    let low = bytes[sub + place(at % 16, r)] >> (4 * (at / 16)) & 15;
                    let quad = at / QUAD;
                    let high = bytes[sub + 256 + quad / 4 * 64 + r * QUAD + at % QUAD] >> (2 * (quad % 4)) & 3;
                    *out = scale * (f32::from(low | high << 4) - 32.0);
                }
            }
            WeightFormat::Q5K | WeightFormat::Q4K => {
                let (whole, whole_minimum) = (read_scale(bytes, 0, r), read_scale(bytes, 2 * GROUP, r));
                let five = format == WeightFormat::Q5K;
                let size = if five { 320 } else { 256 };
                for (at, out) in out.iter_mut().enumerate() {
                    let (i, k) = (at / SUB, at % SUB);
                    let scale = whole * f32::from(bytes[K_SCALES + i * GROUP + r]);
                    let minimum = whole_minimum * f32::from(bytes[K_MINIMA + i * GROUP + r]);
                    let sub = K_WEIGHTS + i * size;
                    let low = bytes[sub + place(k % 16, r)] >> (4 * (k / 16)) & 15;
                    let high = if five { bytes[sub + 256 + r * QUAD + k % QUAD] >> (k / QUAD) & 1 } else { 0 };
                    *out = scale * f32::from(low | high << 4) - minimum;
                }
            }
            WeightFormat::F32 | WeightFormat::Bf16 | WeightFormat::F16 => {}
        }
    }

    /// Numbers as weights are spread: near zero, with a few large ones; the same ones every time.
    pub(in crate::nn) fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
        let mut uniform = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        (0..count).map(|_| (0..4).map(|_| uniform()).sum::<f32>()).collect()
    }

    pub(in crate::nn) fn quantised(format: WeightFormat, w: &[f32], output: usize, input: usize) -> Quantised {
        let mut quantised = Quantised::empty(format, output, input).unwrap();
        let groups = 0..quantised.groups();
        let read = |rows: Range<usize>, out: &mut [f32]| {
            out.copy_from_slice(&w[rows.start * input..rows.end * input]);
            Ok::<(), usize>(())
        };
        quantised.fill(groups, read, |row| row).unwrap();
        quantised
    }

    /// Widening and multiplying a few rows, in every format and at every remainder, against the layout's definition: on the
    /// best instruction set there is, and on none.
    #[test]
    fn what_is_read_is_what_the_layout_says() {
        for format in WeightFormat::ALL.into_iter().filter(|format| format.is_quantised()) {
            for (output, input, rows) in [(16, 256, 1), (5, 33, 3), (40, 300, 2), (1, 1, 1), (33, 1152, 5)] {
                let matrix = quantised(format, &numbers(output * input, 11), output, input);
                let mut exact = vec![0f32; output * input];
                for (row, out) in exact.chunks_exact_mut(input).enumerate() {
                    let blocks = matrix.group(row / GROUP).chunks_exact(format.block_bytes());
                    for (out, bytes) in out.chunks_mut(format.block()).zip(blocks) {
                        let mut values = [0f32; 256];
                        plain(format, bytes, row % GROUP, &mut values);
                        out.copy_from_slice(&values[..out.len()]);
                    }
                }
                for (first, last) in [(0, output), (output / 2, output), (output - 1, output), (output / 3, output / 2)]
                {
                    let mut got = vec![9f32; (last - first) * input];
                    matrix.widen(first..last, &mut got);
                    assert_eq!(got, exact[first * input..last * input], "{format} {output}×{input}, {first}..{last}");
                }
                let mut scalar = vec![9f32; output.min(GROUP) * input];
                let group = matrix.group(0);
                WidenRows { format, group, input, first: 0, out: &mut scalar }.with_simd(pulp::Scalar::new());
                assert_eq!(scalar, exact[..scalar.len()], "{format} {output}×{input}");

                let x = numbers(rows * input, 13);
                let got = matrix.few_rows(&x, rows);
                for (at, got) in got.iter().enumerate() {
                    let (x, w) = (&x[at / output * input..][..input], &exact[at % output * input..][..input]);
                    let products = x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w));
                    let (sum, size) = products.fold((0.0, 0.0), |(sum, size), p| (sum + p, size + p.abs()));
                    assert!(
                        (f64::from(*got) - sum).abs() <= 1e-6 * size + 1e-12,
                        "{format} {output}×{input}: {got} {sum}"
                    );
                }
            }
        }
    }

    /// No instruction set quantises otherwise than none does.
    #[test]
    fn quantising_does_not_depend_on_the_instructions() {
        for format in WeightFormat::ALL.into_iter().filter(|format| format.is_quantised()) {
            let (rows, input) = (13, 300);
            let w = numbers(rows * input, 17);
            let best = quantised(format, &w, rows, input);
            let mut scalar = Quantised::empty(format, rows, input).unwrap();
            let bytes = scalar.bytes.as_mut_slice();
            QuantiseGroup { format, rows: &w, input, bytes }.with_simd(pulp::Scalar::new()).unwrap();
            let (mut a, mut b) = (vec![0f32; w.len()], vec![0f32; w.len()]);
            best.widen(0..rows, &mut a);
            scalar.widen(0..rows, &mut b);
            for (a, b) in a.iter().zip(&b) {
                assert!((a - b).abs() < 1e-3, "{format}: {a} {b}");
            }
        }
    }

    /// Every weight comes back within the step its block is quantised with, at widths and heights of every remainder, and on
    /// average within what so many bits can give.
    #[test]
    fn weights_come_back() {
        for (format, bound) in [
            (WeightFormat::Q8_0, 0.006),
            (WeightFormat::Q6K, 0.022),
            (WeightFormat::Q5K, 0.035),
            (WeightFormat::Q4K, 0.075),
        ] {
            for (output, input) in [(16, 256), (5, 33), (33, 300), (1, 1), (48, 1152)] {
                let w = numbers(output * input, 7);
                let quantised = quantised(format, &w, output, input);
                let mut back = vec![0f32; w.len()];
                quantised.widen(0..output, &mut back);
                let square = |x: f64| x * x;
                let error: f64 = w.iter().zip(&back).map(|(a, b)| square(f64::from(a - b))).sum();
                let size: f64 = w.iter().map(|a| square(f64::from(*a))).sum();
                let relative = (error / size).sqrt();
                assert!(relative < bound, "{format} {output}×{input}: {relative}");
                let mut part = vec![0f32; input];
                quantised.widen(output - 1..output, &mut part);
                assert_eq!(part, back[(output - 1) * input..]);
            }
        }
    }

    #[test]
    fn zeros_and_constants_come_back_exactly_and_what_f16_cannot_scale_is_refused() {
        for format in WeightFormat::ALL.into_iter().filter(|format| format.is_quantised()) {
            let mut back = vec![1f32; 512];
            quantised(format, &[0.0; 512], 2, 256).widen(0..2, &mut back);
            assert!(back.iter().all(|x| *x == 0.0), "{format}");
            let constant = [0.5f32; 256];
            let mut back = vec![0f32; 256];
            quantised(format, &constant, 1, 256).widen(0..1, &mut back);
            assert!(back.iter().all(|x| (x - 0.5).abs() < 0.005), "{format} {back:?}");
            let mut large = Quantised::empty(format, 20, 256).unwrap();
            let fill = |_: Range<usize>, out: &mut [f32]| {
                out.fill(1e9);
                Ok::<(), usize>(())
            };
            assert!(large.fill(0..1, fill, |row| row).is_err(), "{format}");
        }
    }
}

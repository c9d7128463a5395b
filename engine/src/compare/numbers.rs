//! Stored numbers of two tensors, chunk by chunk: sums over them, and the digests that name them.

use crate::checkpoint::StoredType;
use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// Numbers summed up at once by one thread; two blocks of them in f64 stay in the second-level cache.
const BLOCK: usize = 4096;

/// Bytes that one digest names.
pub(super) const DIGESTED: usize = 1 << 20;

/// How a tensor's numbers differ between two sides. Numbers that are NaN or infinite on either side are counted and left out
/// of every sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// Numbers compared.
    pub elements: u64,
    /// Those that are not the same on both sides.
    pub differing: u64,
    /// ‖B − A‖, the root of the sum of squares.
    pub norm: f64,
    /// ‖B − A‖ ÷ ‖A‖; `None` where A is all zeros.
    pub relative: Option<f64>,
    /// The largest |B − A|.
    pub largest: f64,
    /// Cosine of the angle between A and B; `None` where either is all zeros.
    pub cosine: Option<f64>,
}

/// Sums over the pairs of numbers of two tensors.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sums {
    pub(super) elements: u64,
    pub(super) differing: u64,
    /// Σa², Σb².
    pub(super) squares: [f64; 2],
    /// Σab.
    product: f64,
    /// Σ(b − a)².
    difference: f64,
    largest: f64,
    pub(super) not_finite: [u64; 2],
    pub(super) zeros: [u64; 2],
}

impl Sums {
    pub(super) fn add(&mut self, more: &Self) {
        self.elements += more.elements;
        self.differing += more.differing;
        self.product += more.product;
        self.difference += more.difference;
        self.largest = self.largest.max(more.largest);
        for side in 0..2 {
            self.squares[side] += more.squares[side];
            self.not_finite[side] += more.not_finite[side];
            self.zeros[side] += more.zeros[side];
        }
    }

    pub(super) fn change(&self) -> Change {
        let norms = self.squares.map(f64::sqrt);
        let norm = self.difference.sqrt();
        let both = norms[0] * norms[1];
        Change {
            elements: self.elements,
            differing: self.differing,
            norm,
            relative: (norms[0] > 0.0).then(|| norm / norms[0]),
            largest: self.largest,
            cosine: (both > 0.0).then(|| (self.product / both).clamp(-1.0, 1.0)),
        }
    }

    /// Of `a` and `b`, at the same places of two tensors.
    fn of(a: &[f64], b: &[f64]) -> Self {
        let mut sums = Self { elements: a.len() as u64, ..Self::default() };
        for (side, values) in [a, b].into_iter().enumerate() {
            sums.zeros[side] = values.iter().filter(|value| **value == 0.0).count() as u64;
            sums.not_finite[side] = values.iter().filter(|value| !value.is_finite()).count() as u64;
        }
        let pairs = a.iter().zip(b).map(|(a, b)| (*a, *b));
        if sums.not_finite == [0, 0] {
            sums.sum(pairs);
        } else {
            let differs = |(a, b): &(f64, f64)| a != b && !(a.is_nan() && b.is_nan());
            let odd = pairs.clone().filter(|(a, b)| !a.is_finite() || !b.is_finite());
            sums.differing = odd.filter(differs).count() as u64;
            sums.sum(pairs.filter(|(a, b)| a.is_finite() && b.is_finite()));
        }
        sums
    }

    fn sum(&mut self, pairs: impl Iterator<Item = (f64, f64)>) {
        for (a, b) in pairs {
            let difference = b - a;
            self.squares[0] += a * a;
            self.squares[1] += b * b;
            self.product += a * b;
            self.difference += difference * difference;
            self.largest = self.largest.max(difference.abs());
            self.differing += u64::from(a != b);
        }
    }
}

/// Sums over two chunks of as many numbers.
pub(super) fn pair(types: [StoredType; 2], bytes: [&[u8]; 2]) -> Sums {
    let [Some(first), Some(second)] = types.map(StoredType::size) else { return Sums::default() };
    let blocks = bytes[0].par_chunks(BLOCK * first).zip(bytes[1].par_chunks(BLOCK * second));
    let blocks: Vec<Sums> = blocks
        .with_min_len(16)
        .map(|(a, b)| {
            let mut values = [[0f64; BLOCK]; 2];
            let [left, right] = &mut values;
            let (left, right) = (&mut left[..a.len() / first], &mut right[..b.len() / second]);
            widen(types[0], a, left);
            widen(types[1], b, right);
            Sums::of(left, right)
        })
        .collect();
    total(&blocks)
}

/// Sums over one chunk, which stands on both sides.
pub(super) fn alone(dtype: StoredType, bytes: &[u8]) -> Sums {
    let Some(size) = dtype.size() else { return Sums::default() };
    let blocks = bytes.par_chunks(BLOCK * size).with_min_len(16).map(|bytes| {
        let mut values = [0f64; BLOCK];
        let values = &mut values[..bytes.len() / size];
        widen(dtype, bytes, values);
        let not_finite = values.iter().filter(|value| !value.is_finite()).count() as u64;
        let zeros = values.iter().filter(|value| **value == 0.0).count() as u64;
        let squares = values.iter().filter(|value| value.is_finite()).map(|value| value * value).sum::<f64>();
        Sums {
            elements: values.len() as u64,
            squares: [squares; 2],
            product: squares,
            not_finite: [not_finite; 2],
            zeros: [zeros; 2],
            ..Sums::default()
        }
    });
    total(&blocks.collect::<Vec<_>>())
}

/// In order, so that the same files give the same bits whichever thread summed them up.
fn total(blocks: &[Sums]) -> Sums {
    blocks.iter().fold(Sums::default(), |mut sums, block| {
        sums.add(block);
        sums
    })
}

/// The digests of `bytes`, [`DIGESTED`] of them at a time.
pub(super) fn digests(bytes: &[u8]) -> Vec<[u8; 32]> {
    bytes.par_chunks(DIGESTED).map(|part| Sha256::digest(part).into()).collect()
}

/// Reads `bytes`, little-endian numbers of type `from`, into `out`, which has room for as many. Exact for every type.
fn widen(from: StoredType, bytes: &[u8], out: &mut [f64]) {
    match from {
        StoredType::F64 => each(bytes, out, f64::from_le_bytes),
        StoredType::F32 => each(bytes, out, |b| f64::from(f32::from_le_bytes(b))),
        StoredType::BF16 => {
            each(bytes, out, |b: [u8; 2]| f64::from(f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)));
        }
        StoredType::F16 => {
            let mut block = [f16::ZERO; BLOCK];
            let mut wide = [0f32; BLOCK];
            for (bytes, out) in bytes.chunks(BLOCK * 2).zip(out.chunks_mut(BLOCK)) {
                let (block, wide) = (&mut block[..out.len()], &mut wide[..out.len()]);
                for (value, bytes) in block.iter_mut().zip(bytes.as_chunks().0) {
                    *value = f16::from_le_bytes(*bytes);
                }
                block.convert_to_f32_slice(wide);
                out.iter_mut().zip(wide).for_each(|(out, value)| *out = f64::from(*value));
            }
        }
        StoredType::Other(_) => {}
    }
}

fn each<const N: usize>(bytes: &[u8], out: &mut [f64], read: impl Fn([u8; N]) -> f64) {
    for (value, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
        *value = read(*bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn f32s(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn a_change_is_what_its_definition_says() {
        let (a, b) = (f32s(&[3.0, 0.0, 4.0]), f32s(&[3.0, 1.0, 2.0]));
        let sums = pair([StoredType::F32; 2], [&a, &b]);
        let change = sums.change();
        assert_eq!((change.elements, change.differing, change.largest), (3, 2, 2.0));
        assert_eq!((change.norm, change.relative), (5f64.sqrt(), Some(5f64.sqrt() / 5.0)));
        assert_eq!(change.cosine, Some(17.0 / (5.0 * 14f64.sqrt())));
        assert_eq!(sums.zeros, [1, 0]);
    }

    #[test]
    fn types_are_compared_by_their_values() {
        let values = [1.5f32, -0.25, 1024.0];
        let bf16: Vec<u8> = values.iter().flat_map(|&v| half::bf16::from_f32(v).to_le_bytes()).collect();
        let half: Vec<u8> = values.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect();
        for (other, bytes) in [(StoredType::BF16, bf16), (StoredType::F16, half)] {
            let sums = pair([StoredType::F32, other], [&f32s(&values), &bytes]);
            assert_eq!((sums.differing, sums.change().relative), (0, Some(0.0)), "{other}");
        }
    }

    #[test]
    fn numbers_that_are_none_are_counted_and_left_out() {
        let (a, b) = (f32s(&[f32::NAN, 1.0, f32::INFINITY, 2.0]), f32s(&[f32::NAN, 1.0, 0.0, 3.0]));
        let sums = pair([StoredType::F32; 2], [&a, &b]);
        assert_eq!((sums.not_finite, sums.differing), ([2, 1], 2));
        assert_eq!((sums.change().norm, sums.squares), (1.0, [5.0, 10.0]));
        assert_eq!(alone(StoredType::F32, &a).not_finite, [2, 2]);
    }

    #[test]
    fn nothing_has_no_direction() {
        let sums = pair([StoredType::F32; 2], [&f32s(&[0.0; 2]), &f32s(&[0.0, 1.0])]);
        assert_eq!((sums.change().relative, sums.change().cosine), (None, None));
    }

    #[test]
    fn many_blocks_are_one_tensor() {
        let values: Vec<f32> = (0..BLOCK * 40 + 7).map(|i| (i % 13) as f32).collect();
        let bytes = f32s(&values);
        let expected: f64 = values.iter().map(|v| f64::from(v * v)).sum();
        let sums = alone(StoredType::F32, &bytes);
        assert_eq!((sums.elements, sums.squares), (values.len() as u64, [expected; 2]));
        assert_eq!(digests(&vec![0; DIGESTED * 2 + 1]).len(), 3);
    }
}

//! Random numbers that depend only on the seed, the key and the position: any part of any tensor can be drawn alone,
//! on any number of threads, and comes out the same.

use crate::spec::StoredType;
use crate::table::{Init, TensorSpec};
use half::{bf16, f16};
use rayon::prelude::*;

/// Numbers one task draws; even, because one hash gives two.
const TASK: usize = 1 << 14;

/// Draws the numbers of one tensor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Generator {
    stream: u64,
    init: Init,
}

impl Generator {
    /// The generator of `tensor` in a checkpoint with `seed`.
    pub(crate) fn new(seed: u64, tensor: &TensorSpec) -> Self {
        // FNV-1a over the key, then mixed with the seed: every tensor has a stream of its own.
        let key = tensor.key.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self { stream: mix(key ^ mix(seed)), init: tensor.init }
    }

    /// Writes the numbers from `start` (which must be even) into `bytes`, little-endian, as `dtype`.
    pub(crate) fn fill(&self, start: u64, dtype: StoredType, bytes: &mut [u8]) {
        match dtype {
            StoredType::F32 => self.fill_as(start, bytes, f32::to_le_bytes),
            StoredType::Bf16 => self.fill_as(start, bytes, |x| bf16::from_f32(x).to_le_bytes()),
            StoredType::F16 => self.fill_as(start, bytes, |x| f16::from_f32(x).to_le_bytes()),
        }
    }

    fn fill_as<const N: usize>(&self, start: u64, bytes: &mut [u8], encode: impl Fn(f32) -> [u8; N] + Sync) {
        bytes.par_chunks_mut(TASK * N).enumerate().for_each(|(task, chunk)| {
            let first_pair = start / 2 + (task * TASK / 2) as u64;
            for (pair, slots) in chunk.chunks_mut(2 * N).enumerate() {
                let values = self.pair(first_pair + pair as u64);
                for (slot, value) in slots.chunks_exact_mut(N).zip(values) {
                    slot.copy_from_slice(&encode(value));
                }
            }
        });
    }

    /// Numbers `2·index` and `2·index + 1`.
    fn pair(&self, index: u64) -> [f32; 2] {
        let hash = mix(self.stream.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        [hash as u32, (hash >> 32) as u32].map(|bits| {
            // The upper 24 bits as a number in [-1, 1), exact in f32.
            let unit = (bits >> 8) as f32 / 8_388_608.0 - 1.0;
            self.init.center + self.init.spread * unit
        })
    }
}

/// The finaliser of SplitMix64.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(numel: usize) -> TensorSpec {
        TensorSpec { key: "a.weight".into(), shape: vec![numel], init: Init { center: 0.5, spread: 2.0 } }
    }

    fn draw(seed: u64, start: u64, numel: usize) -> Vec<f32> {
        let mut bytes = vec![0; numel * 4];
        Generator::new(seed, &tensor(numel)).fill(start, StoredType::F32, &mut bytes);
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    }

    #[test]
    fn a_part_drawn_alone_equals_the_part_of_the_whole() {
        let whole = draw(7, 0, 3 * TASK + 5);
        let part = draw(7, 2 * TASK as u64 + 2, 101);
        assert_eq!(whole[2 * TASK + 2..2 * TASK + 103], part);
    }

    #[test]
    fn numbers_are_uniform_over_the_interval() {
        let numbers = draw(1, 0, 100_000);
        let mean = numbers.iter().sum::<f32>() / numbers.len() as f32;
        let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / numbers.len() as f32;
        assert!((mean - 0.5).abs() < 0.02, "mean {mean}");
        assert!((variance - 4.0 / 3.0).abs() < 0.03, "variance {variance}");
        assert!(numbers.iter().all(|x| (-1.5..2.5).contains(x)));
    }

    #[test]
    fn seeds_and_keys_have_streams_of_their_own() {
        let other = TensorSpec { key: "b.weight".into(), ..tensor(64) };
        let mut bytes = vec![0; 256];
        Generator::new(1, &other).fill(0, StoredType::F32, &mut bytes);
        let other: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        assert_ne!(draw(1, 0, 64), draw(2, 0, 64));
        assert_ne!(draw(1, 0, 64), other);
    }
}

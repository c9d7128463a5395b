//! The fuzz targets without a fuzzer: every seed and every input that once failed, and each of them damaged at random.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::path::Path;
use targets::TARGETS;

/// Damaged copies of each seed.
const COPIES: u32 = 200;

/// Marsaglia's generator: the same damage in every run.
struct Random(u32);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % limit.max(1)
    }
}

#[test]
fn every_target_survives_its_corpus_and_damage_to_it() {
    for (name, target) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
        let seeds: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(seeds.len() >= 3, "{name} has {} seeds", seeds.len());
        let mut random = Random(1);
        for seed in seeds {
            let seed = std::fs::read(seed).unwrap();
            target(&seed);
            for _ in 0..COPIES {
                target(&damaged(&seed, &mut random));
            }
        }
        target(&[]);
    }
}

/// A copy of `seed` with a few bytes changed, cut out, repeated, or cut off.
fn damaged(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut copy = seed.to_vec();
    for _ in 0..=random.below(4) {
        let place = random.below(copy.len());
        match random.below(5) {
            0 if !copy.is_empty() => copy[place] = random.below(256) as u8,
            1 if !copy.is_empty() => copy[place] ^= 1 << random.below(8),
            2 => copy.truncate(place),
            3 => drop(copy.drain(place..(place + random.below(16)).min(copy.len()))),
            _ => {
                let again = copy[place..(place + random.below(16)).min(copy.len())].to_vec();
                copy.splice(place..place, again);
            }
        }
    }
    copy
}

/// Nobody can forget the wrapper or the seeds of a target.
#[test]
fn every_target_has_a_wrapper() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/fuzz_targets");
    let mut wrappers: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().file_stem().unwrap().to_owned()).collect();
    let mut names = TARGETS.map(|(name, _)| name);
    wrappers.sort();
    names.sort_unstable();
    assert_eq!(wrappers, names);
}

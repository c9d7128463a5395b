//! The fuzz targets without a fuzzer: every seed and every input that once failed, and each of them damaged at random.
//!
//! `OPABINIA_FUZZ_SECONDS=60` goes on with that for a minute of each target, on all cores, with other damage every time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../fuzz/src/lib.rs"]
mod targets;

use opabinia::map_figure::Part;
use opabinia::recipe::{FigureSettings, Recipe};
use opabinia_engine::intervention::Interventions;
use opabinia_engine::probe::{Trace, trace_file};
use opabinia_shaders::{Cell, Granularity, Normalisation, Quantity, Rect};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};
use targets::TARGETS;

/// Damaged copies of each seed, unless `OPABINIA_FUZZ_COPIES` says how many.
const COPIES: u32 = 400;

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
        let seeds: Vec<_> = std::fs::read_dir(corpus(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(seeds.len() >= 3, "{name} has {} seeds", seeds.len());
        let mut random = Random(1);
        let mut whole = 0;
        for seed in seeds {
            let seed = std::fs::read(seed).unwrap();
            whole += u32::from(target(&seed));
            for _ in 0..copies() {
                target(&damaged(&seed, &mut random));
            }
        }
        // Seeds of a format that has changed since would let everything after the version unfuzzed.
        assert!(whole > 0, "no seed in fuzz/corpus/{name} is what it should be: write them anew (fuzz/README.md)");
        target(&[]);
    }
}

#[test]
fn every_target_survives_damage_for_as_long_as_the_environment_says() {
    let Some(seconds) = std::env::var("OPABINIA_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok()) else {
        println!("not run: OPABINIA_FUZZ_SECONDS does not say how many seconds each target is to be run");
        return;
    };
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let first = u32::try_from(since.as_millis() % u128::from(u32::MAX)).unwrap();
    let (next, cores) = (AtomicUsize::new(0), std::thread::available_parallelism().map_or(1, usize::from));
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some((name, target)) = TARGETS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let count = damage_for(Duration::from_secs(seconds), name, *target, Random(first | 1));
                    println!("{name}: {count} inputs in {seconds} s");
                    assert!(count > 0, "{name} was not run");
                }
            });
        }
    });
}

/// Feeds damaged seeds to the target `name` for so long, and gives how many. What it fails on is kept where the fuzzer keeps
/// its findings.
fn damage_for(time: Duration, name: &str, target: fn(&[u8]) -> bool, mut random: Random) -> u64 {
    let seeds: Vec<_> =
        std::fs::read_dir(corpus(name)).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < time {
        let input = damaged(&seeds[random.below(seeds.len())], &mut random);
        if catch_unwind(AssertUnwindSafe(|| target(&input))).is_err() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/artifacts").join(name);
            let kept = folder.join(format!("damage-{:08x}", random.0));
            let kept = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&kept, &input)).map(|()| kept);
            panic!("{name} failed on a damaged seed, kept as {kept:?}: {input:02x?}");
        }
        count += 1;
    }
    count
}

/// Where the seeds of a target are.
fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target)
}

/// Damaged copies of each seed.
fn copies() -> u32 {
    std::env::var("OPABINIA_FUZZ_COPIES").ok().and_then(|copies| copies.parse().ok()).unwrap_or(COPIES)
}

/// Seeds that are written by the program, in its present format.
#[test]
#[ignore = "writes into the repository"]
fn seeds_are_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (mut trace, picture) = targets::drawn();
    let recipe = folder.path().join("r.json");
    let settings = FigureSettings::of_all(&trace);
    let zoomed = FigureSettings {
        cell: Some(Cell { row: 1, col: 0 }),
        quantity: Quantity::Lift,
        part: Part::Zoomed(Rect { left: 0.25, top: 0.0, width: 0.5, height: 0.5 }),
        normalisation: Normalisation::Fixed { low: 0.1, high: 0.3 },
        ..settings.clone()
    };
    let window = FigureSettings { only_window: true, granularity: Granularity::Tokens, side: 16, ..zoomed.clone() };
    for (name, settings) in [("all", settings), ("zoomed", zoomed), ("window", window)] {
        Recipe::write(&recipe, &trace, &picture, "desk.jpg", &settings).unwrap();
        std::fs::copy(&recipe, corpus("recipe").join(name)).unwrap();
    }
    let write = |name: &str, trace: &Trace| {
        let path = folder.path().join(name);
        trace_file::save(trace, &path).unwrap();
        let bytes = std::fs::read(path).unwrap();
        let (length, rest) = bytes.split_at(8);
        let length = u64::from_le_bytes(length.try_into().unwrap()) as usize;
        std::fs::write(corpus("trace").join(name), [&rest[..length], b"\n", &rest[length..]].concat()).unwrap();
    };
    write("two", &trace);
    trace.layers.truncate(1);
    trace.interventions = Interventions::parse("mask:x", &trace.anatomy).unwrap();
    write("one", &trace);
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

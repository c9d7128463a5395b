//! Features of pictures that are kept on disk: what they answer, when they are used, and when they are not.

use crate::lock_step::{LockStep, ask, image, load_from, output};
use opabinia_engine::checkpoint::{Caches, DiskCache};
use opabinia_engine::generate::Answer;
use opabinia_engine::job::Stage;
use opabinia_engine::model::LoadRequest;
use opabinia_engine::probe::Detail;
use opabinia_engine::run::{Lane, ModelId};
use opabinia_engine::worker::{Command, EventKind, Record, RunSpec};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const ENCODERS: usize = 4;

/// A forged checkpoint, and a cache that keeps the features of even the smallest encoders.
fn forged() -> (tempfile::TempDir, PathBuf, DiskCache) {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    opabinia_forge::forge(&opabinia_forge::Preset::Tiny.spec(), &checkpoint, |_| {}).unwrap();
    let cache = DiskCache { directory: folder.path().join("cache"), limit: 1 << 30, least: 0 };
    (folder, checkpoint, cache)
}

/// What came of `spec`, asked of the checkpoint in an engine of its own, and how often an encoder said how far it was.
fn run(checkpoint: &Path, cache: &DiskCache, spec: impl Fn(ModelId) -> RunSpec) -> (Vec<(u32, f32)>, usize) {
    let mut engine = LockStep::new();
    let model = ModelId::unique();
    let weights = DiskCache::new(cache.directory.join("none"), 0);
    let request =
        LoadRequest { cache: Some(Arc::new(Caches { weights, features: cache.clone() })), ..load_from(checkpoint) };
    engine.command(Command::Load { model, request, replaces: None }, |_| false);
    let events = engine.run(spec(model), |_| false);
    let encoded = |kind: &&EventKind| matches!(kind, EventKind::Progress(of) if of.stage == Stage::Encode);
    let steps = events.iter().filter(encoded).count();
    let answer: Answer = output(events).into_answer().unwrap();
    (answer.tokens.iter().map(|token| (token.id, token.log_prob)).collect(), steps)
}

/// Waits until so many files are there and whole; gives their names.
fn kept(cache: &DiskCache, count: usize) -> Vec<String> {
    let started = Instant::now();
    loop {
        let mut names: Vec<String> =
            cache.list().unwrap().into_iter().filter(|one| one.holds.is_some()).map(|one| one.name).collect();
        names.sort();
        if names.len() == count {
            return names;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{count} files never came: {names:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn question(model: ModelId) -> RunSpec {
    ask(model, 6)
}

#[test]
fn an_encoder_looks_at_a_picture_once_and_the_answer_is_the_same_to_the_bit() {
    let (_folder, checkpoint, cache) = forged();
    let none = DiskCache { limit: 0, ..cache.clone() };
    let (plain, steps) = run(&checkpoint, &none, question);
    assert!(steps > 0 && !plain.is_empty());
    assert!(!cache.directory.exists(), "nothing may be kept");
    assert_eq!(run(&checkpoint, &cache, question), (plain.clone(), steps));
    let names = kept(&cache, ENCODERS);
    assert_eq!(run(&checkpoint, &cache, question), (plain.clone(), 0), "the features of each encoder are read");
    // Whoever looks at an encoder's insides sees it compute.
    let everything = |model| RunSpec { record: Record::Trace { detail: Detail::All, output: None }, ..ask(model, 6) };
    let (watched, seen) = run(&checkpoint, &cache, everything);
    assert_eq!((watched, seen > 0), (plain, true));
    assert_eq!(kept(&cache, ENCODERS), names);
}

#[test]
fn another_picture_and_another_encoder_have_other_features() {
    let (_folder, checkpoint, cache) = forged();
    let (wide, steps) = run(&checkpoint, &cache, question);
    kept(&cache, ENCODERS);
    let other = |model| RunSpec { image: Some(image("tall.png")), ..ask(model, 6) };
    // What is asked in a batch is not kept.
    let batch = |model| RunSpec { lane: Lane::Batch, ..other(model) };
    let (tall, of_tall) = run(&checkpoint, &cache, batch);
    assert_eq!(of_tall, steps);
    assert_ne!(tall, wide);
    assert_eq!(run(&checkpoint, &cache, other), (tall.clone(), steps));
    kept(&cache, 2 * ENCODERS);
    assert_eq!(run(&checkpoint, &cache, batch), (tall, 0));
    // An encoder whose files changed, if only in their time: as much as its own layers are run again.
    let weights = fs::read_dir(checkpoint.join("towers")).unwrap().flatten().find_map(|owner| {
        let mut files = walk(&owner.path());
        files.retain(|file| file.extension().is_some_and(|kind| kind == "safetensors"));
        files.pop()
    });
    let bytes = fs::read(weights.as_ref().unwrap()).unwrap();
    fs::write(weights.unwrap(), bytes).unwrap();
    let (again, of_one) = run(&checkpoint, &cache, question);
    assert_eq!(again, wide);
    assert!((1..steps).contains(&of_one), "{of_one} of {steps}");
    kept(&cache, 2 * ENCODERS + 1);
}

/// All files below a directory.
fn walk(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn what_is_damaged_is_made_again_and_what_is_too_much_goes() {
    let (_folder, checkpoint, cache) = forged();
    let (plain, steps) = run(&checkpoint, &cache, question);
    let names = kept(&cache, ENCODERS);
    let path = |name: &str| cache.directory.join(format!("{name}.tensors"));
    for name in &names {
        let mut bytes = fs::read(path(name)).unwrap();
        bytes[40] ^= 0x10;
        fs::write(path(name), bytes).unwrap();
    }
    assert_eq!(run(&checkpoint, &cache, question), (plain.clone(), steps));
    let names = kept(&cache, ENCODERS);
    assert_eq!(run(&checkpoint, &cache, question), (plain.clone(), 0));
    // Cut off.
    let bytes = fs::read(path(&names[0])).unwrap();
    fs::write(path(&names[0]), &bytes[..bytes.len() / 2]).unwrap();
    let (again, of_one) = run(&checkpoint, &cache, question);
    assert_eq!((again, (1..steps).contains(&of_one)), (plain.clone(), true));
    kept(&cache, ENCODERS);
    assert_eq!(run(&checkpoint, &cache, question), (plain, 0), "it was not written again");
    // Room for no more than what is there: the oldest go for the next picture.
    let held: u64 = cache.list().unwrap().iter().map(|one| one.bytes).sum();
    let tight = DiskCache { limit: held, ..cache.clone() };
    run(&checkpoint, &tight, |model| RunSpec { image: Some(image("tall.png")), ..ask(model, 6) });
    let started = Instant::now();
    while cache.list().unwrap().iter().filter(|one| names.contains(&one.name)).count() == names.len() {
        assert!(started.elapsed() < Duration::from_secs(60), "nothing went");
        thread::sleep(Duration::from_millis(10));
    }
    assert!(cache.list().unwrap().iter().map(|one| one.bytes).sum::<u64>() <= held);
}

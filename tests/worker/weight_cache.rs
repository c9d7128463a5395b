//! Quantised weights that are kept on disk: what they answer, when they are used, and when they are not.

use crate::lock_step::{LockStep, ask, load_from};
use opabinia_engine::checkpoint::{CachedFileInfo, Caches, DiskCache, EncoderStay, WeightFiles};
use opabinia_engine::model::LoadRequest;
use opabinia_engine::precision::WeightFormat;
use opabinia_engine::run::ModelId;
use opabinia_engine::worker::{Client, Command, EventKind, Outcome};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// A forged checkpoint, and a cache that keeps even the smallest weights.
fn forged() -> (tempfile::TempDir, PathBuf, DiskCache) {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    opabinia_forge::forge(&opabinia_forge::Preset::Tiny.spec(), &checkpoint, |_| {}).unwrap();
    let cache = DiskCache { directory: folder.path().join("cache"), limit: 1 << 30, least: 0 };
    (folder, checkpoint, cache)
}

fn request(checkpoint: &Path, cache: Option<&DiskCache>) -> LoadRequest {
    LoadRequest {
        weights: WeightFormat::Q4K.into(),
        encoder_weights: WeightFormat::Q8_0.into(),
        cache: cache
            .map(|weights| Arc::new(Caches { weights: weights.clone(), features: nothing(&weights.directory) })),
        ..load_from(checkpoint)
    }
}

/// A cache that keeps nothing.
fn nothing(directory: &Path) -> DiskCache {
    DiskCache::new(directory.join("nothing"), 0)
}

/// The tokens of an answer, with their log-probabilities. The model stays open until `cached` holds: what is kept is written
/// meanwhile.
fn answer(checkpoint: &Path, cache: Option<&DiskCache>, cached: impl Fn() -> bool) -> Vec<(u32, f32)> {
    let mut engine = LockStep::new();
    let model = ModelId::unique();
    engine.command(Command::Load { model, request: request(checkpoint, cache), replaces: None }, |_| false);
    let answer = engine.answer(ask(model, 6));
    until(cached);
    answer.tokens.iter().map(|token| (token.id, token.log_prob)).collect()
}

/// Whether every set is there and whole.
fn all_of(cache: &DiskCache) -> impl Fn() -> bool + use<'_> {
    || cache.list().unwrap().iter().filter(|one| one.holds.is_some()).count() == SETS
}

/// Sets of weight files: the checkpoint's own, and those of four encoders.
const SETS: usize = 5;

fn until(holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(60), "it never came");
        thread::sleep(Duration::from_millis(10));
    }
}

fn path(cache: &DiskCache, one: &CachedFileInfo) -> PathBuf {
    cache.directory.join(format!("{}.tensors", one.name))
}

/// Has all of it look as if it was used long ago.
fn age(cache: &DiskCache) {
    for one in cache.list().unwrap() {
        let file = File::options().append(true).open(path(cache, &one)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000)).unwrap();
    }
}

fn is_fresh(one: &CachedFileInfo) -> bool {
    one.used.elapsed().is_ok_and(|age| age < Duration::from_secs(3600))
}

#[test]
fn what_was_quantised_once_is_used_again_to_the_bit() {
    let (_folder, checkpoint, cache) = forged();
    let plain = answer(&checkpoint, None, || true);
    assert!(!plain.is_empty());
    assert_eq!(answer(&checkpoint, Some(&cache), all_of(&cache)), plain);
    let kept = cache.list().unwrap();
    let formats: Vec<&str> = kept.iter().map(|one| one.holds.as_ref().unwrap().0.as_str()).collect();
    assert_eq!(formats.iter().filter(|format| **format == "q4_k").count(), 1, "{formats:?}");
    assert_eq!(formats.iter().filter(|format| **format == "q8_0").count(), 4, "{formats:?}");
    assert!(kept.iter().all(|one| Path::new(&one.holds.as_ref().unwrap().1).starts_with(&checkpoint)), "{kept:?}");
    age(&cache);
    assert_eq!(answer(&checkpoint, Some(&cache), || true), plain);
    let again = cache.list().unwrap();
    assert_eq!(again.len(), SETS);
    assert!(again.iter().all(is_fresh), "not used: {again:?}");
}

#[test]
fn encoders_that_leave_answer_the_same_to_the_bit() {
    let (_folder, checkpoint, cache) = forged();
    let plain = answer(&checkpoint, None, || true);
    let leaving = |weights: WeightFormat, encoders: WeightFormat| LoadRequest {
        weights: weights.into(),
        encoder_weights: encoders.into(),
        encoder_stay: EncoderStay::No,
        ..request(&checkpoint, Some(&cache))
    };
    // Written when they are read first, taken from the disk, and taken from there again.
    for _ in 0..2 {
        let (answer, leave) = answer_of(leaving(WeightFormat::Q4K, WeightFormat::Q8_0));
        assert_eq!((answer, leave), (plain.clone(), true));
        let kept = cache.list().unwrap();
        assert!(kept.iter().filter(|one| one.holds.is_some()).count() >= 4, "encoders were to be written: {kept:?}");
    }
    // As they are stored; and where nothing may be kept, there is no place that they could leave for.
    let stored = || answer_of(leaving(WeightFormat::F32, WeightFormat::F32));
    assert_eq!(
        stored(),
        (
            answer_of(LoadRequest { encoder_stay: EncoderStay::Yes, ..leaving(WeightFormat::F32, WeightFormat::F32) })
                .0,
            true
        )
    );
    let nowhere = LoadRequest { cache: None, ..leaving(WeightFormat::Q4K, WeightFormat::Q8_0) };
    assert_eq!(answer_of(nowhere), (plain, false));
}

/// What a checkpoint, opened as `request` says, answers, and whether its encoders leave.
fn answer_of(request: LoadRequest) -> (Vec<(u32, f32)>, bool) {
    let mut engine = LockStep::new();
    let model = ModelId::unique();
    let mut events = engine.command(Command::Load { model, request, replaces: None }, |_| false);
    let Some(EventKind::Done(Outcome::Loaded(loaded))) = events.pop() else { panic!("not loaded: {events:?}") };
    let leave = loaded.inspection.need(loaded.inspection.precision.weights).encoders_leave;
    let answer = engine.answer(ask(model, 6));
    (answer.tokens.iter().map(|token| (token.id, token.log_prob)).collect(), leave)
}

#[test]
fn what_is_damaged_is_made_again() {
    let (_folder, checkpoint, cache) = forged();
    let plain = answer(&checkpoint, Some(&cache), all_of(&cache));
    for one in cache.list().unwrap() {
        let file = path(&cache, &one);
        let mut bytes = fs::read(&file).unwrap();
        // A number in the first matrix.
        bytes[40] ^= 0x10;
        fs::write(&file, bytes).unwrap();
    }
    age(&cache);
    assert_eq!(answer(&checkpoint, Some(&cache), || true), plain);
    assert_eq!(cache.list().unwrap(), [], "they go");
    // Cut off, or something else entirely: as if it were not there.
    assert_eq!(answer(&checkpoint, Some(&cache), all_of(&cache)), plain);
    for (at, one) in cache.list().unwrap().iter().enumerate() {
        let mut bytes = fs::read(path(&cache, one)).unwrap();
        match at {
            0 => bytes = b"no such file".to_vec(),
            1 => bytes.truncate(bytes.len() / 2),
            // A matrix that is called otherwise would be another's.
            _ => {
                let table = bytes.windows(13).rposition(|part| part == b"\"matrices\":{\"").unwrap();
                bytes[table + 24] ^= 1;
            }
        }
        fs::write(path(&cache, one), bytes).unwrap();
    }
    assert!(cache.list().unwrap().iter().all(|one| one.holds.is_none()));
    assert_eq!(answer(&checkpoint, Some(&cache), all_of(&cache)), plain);
}

#[test]
fn other_weights_are_other_weights_and_what_is_too_much_goes() {
    let (_folder, checkpoint, cache) = forged();
    let files = || WeightFiles::open(&checkpoint, &["model", "pytorch_model"]).unwrap();
    answer(&checkpoint, Some(&cache), all_of(&cache));
    assert!(cache.has(&files(), WeightFormat::Q4K));
    assert!(!cache.has(&files(), WeightFormat::Q8_0));
    // The same size under the same name: a training that went on.
    let weights = files().paths().next().unwrap().to_path_buf();
    let mut bytes = fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, bytes).unwrap();
    assert!(!cache.has(&files(), WeightFormat::Q4K));
    // Where nothing may be kept nothing is added; what may not stay beside what is new goes, the oldest first.
    let none = DiskCache { limit: 0, ..cache.clone() };
    answer(&checkpoint, Some(&none), || true);
    assert_eq!(cache.list().unwrap().len(), SETS);
    age(&cache);
    let mut client = Client::start().unwrap();
    let inspecting = client.inspect(request(&checkpoint, None));
    let limit = client.wait(inspecting).unwrap().core_bytes + 40_000;
    let tight = DiskCache { limit, ..cache.clone() };
    answer(&checkpoint, Some(&tight), || cache.has(&files(), WeightFormat::Q4K));
    let kept = cache.list().unwrap();
    assert!(kept.len() < SETS && kept.iter().map(|one| one.bytes).sum::<u64>() <= limit, "{kept:?}");
    let wrong = cache.remove("nothing").unwrap_err();
    assert!(wrong.to_string().contains("nothing"), "{wrong}");
    cache.remove(&kept[0].name).unwrap();
    assert_eq!(cache.list().unwrap().len(), kept.len() - 1);
}

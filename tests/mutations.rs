//! Files damaged at random, the same way every time: whatever stands in them, the engine ends in an answer or in a
//! message that says what to do, and never in a panic, a hang or an error of its own arithmetic.
//!
//! `OPABINIA_MUTATIONS` multiplies the number of files tried.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "faults/files.rs"]
#[allow(dead_code, reason = "shared with the tests of single faults")]
mod files;
#[path = "faults/mutate.rs"]
mod mutate;

use files::{copy_of, goldens, photo, scratch};
use mutate::Chance;
use opabinia::recipe::{FigureSettings, Ingredients, Recipe};
use opabinia::window::store::Store;
use opabinia_engine::Error;
use opabinia_engine::generate::GenerateOptions;
use opabinia_engine::model::LoadRequest;
use opabinia_engine::precision::WeightFormat;
use opabinia_engine::probe::{Detail, trace_file};
use opabinia_engine::run::ModelId;
use opabinia_engine::vision::{Exif, Picture};
use opabinia_engine::worker::{Client, Decoding, Prompt, Record, RunSpec, TraceFile};
use opabinia_forge::{Preset, forge};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

fn times(count: u64) -> u64 {
    count * std::env::var("OPABINIA_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// An engine that may take a minute for a step.
fn engine() -> Client {
    Client::start().unwrap().with_patience(Duration::from_secs(60))
}

fn load(engine: &mut Client, checkpoint: &Path, replaces: Option<ModelId>) -> (ModelId, Result<(), Error>) {
    let source = checkpoint.to_str().unwrap().to_owned();
    // Not `auto`: what fits would depend on the machine.
    let (model, loading) =
        engine.load(LoadRequest { source, weights: WeightFormat::F32.into(), ..LoadRequest::default() }, replaces);
    (model, engine.wait(loading).map(drop))
}

fn question(model: ModelId, picture: &Arc<Picture>) -> RunSpec {
    RunSpec {
        image: Some(Arc::clone(picture)),
        decoding: Decoding::Generate(GenerateOptions { max_tokens: 3, ..GenerateOptions::default() }),
        ..RunSpec::new(model, Prompt::question("What  is <s>this</s>? é🦐\n"))
    }
}

/// Loads `checkpoint` in place of what was tried before, and asks it something.
fn try_checkpoint(
    engine: &mut Client,
    tried: &mut Option<ModelId>,
    checkpoint: &Path,
    picture: &Arc<Picture>,
) -> Result<(), Error> {
    let (model, loaded) = load(engine, checkpoint, tried.take());
    loaded?;
    *tried = Some(model);
    let asked = engine.run(question(model, picture));
    engine.wait(asked).map(drop)
}

/// What is wrong with `error` as a message to a person.
fn objection(error: &Error) -> Option<&'static str> {
    match error {
        Error::Refused(refusal) if refusal.help.is_none() => Some("it does not say what to do"),
        Error::Refused(_) | Error::Input { .. } | Error::OutOfMemory { .. } => None,
        _ => Some("it is not about the file"),
    }
}

/// Damages the files of `checkpoint` that `wanted` picks, one at a time.
fn damage(checkpoint: &Path, seed: u64, count: u64, wanted: &dyn Fn(&Path) -> bool) {
    let (mut engine, mut tried) = (engine(), None);
    let picture = Arc::new(Picture::open(&photo("odd37x53.png"), Exif::Ignore).unwrap());
    try_checkpoint(&mut engine, &mut tried, checkpoint, &picture).unwrap();
    let mut all = Vec::new();
    collect(checkpoint, wanted, &mut all);
    all.sort();
    let mut bad = Vec::new();
    for number in 0..times(count) {
        let mut chance = Chance::new(seed << 32 | number);
        let file = &all[chance.below(all.len())];
        let original = fs::read(file).unwrap();
        let (bytes, what) = mutate::file(&original, file, &mut chance);
        fs::write(file, bytes).unwrap();
        if let Err(error) = try_checkpoint(&mut engine, &mut tried, checkpoint, &picture)
            && let Some(why) = objection(&error)
        {
            let name = file.strip_prefix(checkpoint).unwrap().display();
            bad.push(format!("{number}: {name}: {what}: {why}:\n{error}"));
        }
        fs::write(file, original).unwrap();
    }
    assert!(bad.is_empty(), "{} of {}:\n{}", bad.len(), times(count), bad.join("\n"));
}

fn collect(dir: &Path, wanted: &dyn Fn(&Path) -> bool, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, wanted, into);
        } else if wanted(&path) {
            into.push(path);
        }
    }
}

fn ends_with(path: &Path, ends: &[&str]) -> bool {
    ends.iter().any(|end| path.to_str().unwrap().ends_with(end))
}

#[test]
fn damaged_configurations() {
    let dir = scratch();
    let checkpoint = dir.path().join("tiny");
    forge(&Preset::Tiny.spec(), &checkpoint, |_| ()).unwrap();
    damage(&checkpoint, 1, 60, &|path| ends_with(path, &["config.json", ".safetensors"]));
}

#[test]
fn damaged_tokenizers() {
    let dir = copy_of("tiny-llama3");
    damage(dir.path(), 2, 25, &|path| ends_with(path, &["tokenizer.json", "tokenizer_config.json", "tokens_map.json"]));
    let dir = copy_of("tiny-yi");
    damage(dir.path(), 3, 25, &|path| {
        ends_with(path, &["tokenizer.model", "tokenizer_config.json", "added_tokens.json", "index.json"])
    });
}

#[test]
fn damaged_pickles() {
    let dir = copy_of("tiny-phi3");
    damage(dir.path(), 4, 50, &|path| ends_with(path, &[".bin", "preprocessor_config.json", "open_clip_config.json"]));
}

#[test]
fn damaged_pictures() {
    let mut originals: Vec<Vec<u8>> =
        ["rgba.png", "exif6.jpg", "gray.png"].iter().map(|name| fs::read(photo(name)).unwrap()).collect();
    // Small files of every kind that is read.
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("fuzz/corpus");
    for kind in ["picture", "tiff", "jpeg"] {
        let mut files: Vec<PathBuf> =
            fs::read_dir(seeds.join(kind)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.len() > 10, "{kind}");
        originals.extend(files.iter().map(|file| fs::read(file).unwrap()));
    }
    for number in 0..times(1000) {
        let mut chance = Chance::new(5 << 32 | number);
        let bytes = mutate::bytes(&originals[chance.below(originals.len())], &mut chance);
        let opened = catch_unwind(AssertUnwindSafe(|| Picture::from_bytes("x.png", &bytes, Exif::Honour)));
        match opened {
            Ok(Ok(picture)) => assert_eq!(picture.rgb.len(), picture.width * picture.height * 3),
            Ok(Err(error)) => assert_eq!(objection(&error), None, "{number}: {error}"),
            Err(_) => panic!("picture {number} panics"),
        }
    }
}

#[test]
fn damaged_traces() {
    let dir = scratch();
    let file = dir.path().join("t.safetensors");
    let mut engine = engine();
    let (model, loaded) = load(&mut engine, &goldens().join("tiny-llama3/checkpoint"), None);
    loaded.unwrap();
    let picture = Arc::new(Picture::open(&photo("wide.png"), Exif::Ignore).unwrap());
    let output = Some(TraceFile { path: file.clone(), exif: Exif::Ignore });
    let record = Record::Trace { detail: Detail::Sva, output };
    let traced = engine.run(RunSpec { record, ..question(model, &picture) });
    engine.wait(traced).unwrap();
    let original = fs::read(&file).unwrap();
    trace_file::read(&file).unwrap();
    for number in 0..times(500) {
        let mut chance = Chance::new(6 << 32 | number);
        let (bytes, what) = mutate::file(&original, &file, &mut chance);
        fs::write(&file, bytes).unwrap();
        match catch_unwind(|| trace_file::read(&file)) {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => assert_eq!(objection(&error), None, "{number}: {error}"),
            Err(_) => panic!("trace {number} panics: {what}"),
        }
    }
}

#[test]
fn damaged_recipes() {
    let dir = scratch();
    let file = dir.path().join("a.recipe.json");
    let mut engine = engine();
    let (model, loaded) = load(&mut engine, &goldens().join("tiny-llama3/checkpoint"), None);
    loaded.unwrap();
    let picture = Arc::new(Picture::open(&photo("wide.png"), Exif::Ignore).unwrap());
    let recorded = dir.path().join("recorded.safetensors");
    let output = Some(TraceFile { path: recorded.clone(), exif: Exif::Ignore });
    let record = Record::Trace { detail: Detail::Sva, output };
    let traced = engine.run(RunSpec { record, ..question(model, &picture) });
    engine.wait(traced).unwrap();
    let trace = trace_file::read(&recorded).unwrap();
    Recipe::write(&file, &trace, &picture, "wide.png", &FigureSettings::of_all(&trace)).unwrap();
    let original = fs::read(&file).unwrap();
    let figure = |file: &Path| {
        let Ingredients { trace, picture, picture_name, settings, .. } = Recipe::read(file)?;
        settings.figure(&trace, &picture, &picture_name).map(drop)
    };
    figure(&file).unwrap();
    for number in 0..times(300) {
        let mut chance = Chance::new(7 << 32 | number);
        let (bytes, what) = mutate::file(&original, &file, &mut chance);
        fs::write(&file, bytes).unwrap();
        match catch_unwind(|| figure(&file)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => assert_eq!(objection(&error), None, "{number}: {error}"),
            Err(_) => panic!("recipe {number} panics: {what}"),
        }
    }
}

/// What is read of a damaged session can be saved again, whatever it is.
#[test]
fn damaged_sessions() {
    let original =
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/window/session-v1.json"));
    let original = original.unwrap();
    for number in 0..times(300) {
        let mut chance = Chance::new(8 << 32 | number);
        let dir = scratch();
        let file = dir.path().join("session.json");
        let (bytes, what) = mutate::file(&original, &file, &mut chance);
        fs::write(&file, bytes).unwrap();
        let kept = catch_unwind(|| {
            let (store, session, remarks) = Store::open(dir.path());
            let session = session.map(|mut session| store.save(&mut session));
            (session, remarks.len())
        });
        match kept {
            Ok((Some(Ok(())), _)) => {}
            Ok((None, said)) => assert!(said > 0, "session {number} is lost without a word: {what}"),
            Ok((Some(Err(error)), _)) => panic!("session {number} cannot be saved: {error}"),
            Err(_) => panic!("session {number} panics: {what}"),
        }
    }
}

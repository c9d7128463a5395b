//! How long a person waits for the demo checkpoint: from a question to the first token of its answer, attention recorded
//! as the window does.

use crate::request;
use criterion::Criterion;
use opabinia_engine::generate::{Answer, GenerateOptions};
use opabinia_engine::precision::WeightFormat;
use opabinia_engine::probe::Detail;
use opabinia_engine::run::ModelId;
use opabinia_engine::text::Turn;
use opabinia_engine::vision::{Exif, Picture};
use opabinia_engine::worker::{Client, Decoding, EventKind, Prompt, Record, RunSpec};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const FIRST: &str = "Describe the picture.";
/// Pictures of which both sides are asked.
const PICTURES: usize = 15;
/// How far a measured time may lie above its bound: what repeats of one thing differ by.
const ABOVE: f64 = 1.05;
const NEXT: &str = "How many objects are there?";

/// The first question about a picture that has to be read and looked at, and one that follows it.
pub fn measure(criterion: &mut Criterion) {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/demo");
    let mut engine = Client::start().unwrap();
    let (model, loading) = engine.load(request(&assets.join("checkpoint"), WeightFormat::F32), None);
    engine.wait(loading).unwrap();
    let file = assets.join("samples/gift.png");
    let open = || Arc::new(Picture::open(&file, Exif::Ignore).unwrap());
    let mut group = criterion.benchmark_group("demo");
    group.bench_function("first token, cold picture", |b| {
        let mut asked = 0u32;
        b.iter_custom(|count| {
            let mut once = |_| {
                let started = Instant::now();
                let mut picture = Picture::clone(&open());
                // No picture is like one that was seen before.
                asked += 1;
                picture.rgb[..4].copy_from_slice(&asked.to_le_bytes());
                ask(&mut engine, model, &Arc::new(picture), &[FIRST], &[]).1 - started
            };
            (0..count).map(&mut once).sum::<Duration>()
        });
    });
    group.bench_function("first token, follow-up", |b| {
        let picture = open();
        let (first, _) = ask(&mut engine, model, &picture, &[FIRST], &[]);
        b.iter_custom(|count| {
            let mut once = |_| {
                let started = Instant::now();
                ask(&mut engine, model, &picture, &[FIRST, NEXT], &[&first.text]).1 - started
            };
            (0..count).map(&mut once).sum::<Duration>()
        });
    });
    group.finish();
    both_sides(&mut engine, model, &open());
}

/// Asking both sides of a comparison that look through the same encoders costs no more than two decoders' time and one pass through
/// the encoders: prints both times, medians of several pictures that were never seen before.
fn both_sides(engine: &mut Client, a: ModelId, picture: &Picture) {
    // The same checkpoint once more: its encoders are those of the first one.
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/demo");
    let (b, loading) = engine.load(request(&assets.join("checkpoint"), WeightFormat::F32), None);
    engine.wait(loading).unwrap();
    let mut number = 1u32 << 24;
    let mut unseen = || {
        let mut picture = picture.clone();
        number += 1;
        picture.rgb[..4].copy_from_slice(&number.to_le_bytes());
        Arc::new(picture)
    };
    let timed = |work: &mut dyn FnMut()| {
        let started = Instant::now();
        work();
        started.elapsed()
    };
    let (mut together, mut parts) = (Vec::new(), Vec::new());
    // In turn, so that whatever else the machine does meets both alike.
    for _ in 0..PICTURES {
        let picture = unseen();
        together.push(timed(&mut || {
            for side in [a, b] {
                ask(engine, side, &picture, &[FIRST], &[]);
            }
        }));
        let picture = unseen();
        let vision = timed(&mut || {
            let encoded = engine.run(RunSpec::encode(a, Arc::clone(&picture)));
            engine.wait(encoded).unwrap();
        });
        let decoders = [a, b].map(|side| {
            timed(&mut || {
                ask(engine, side, &picture, &[FIRST], &[]);
            })
        });
        parts.push(vision + decoders.into_iter().sum::<Duration>());
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    let (together, parts) = (median(&mut together), median(&mut parts));
    println!("demo/both sides: asked {together:.1?}; two decoders and one pass through the encoders {parts:.1?}");
    assert!(
        together.as_secs_f64() <= ABOVE * parts.as_secs_f64(),
        "asking both costs {together:?}, more than {parts:?}"
    );
}

/// The answer to the last of `questions`, those before it answered by `answers`, and when its first token came.
fn ask(
    engine: &mut Client,
    model: ModelId,
    picture: &Arc<Picture>,
    questions: &[&str],
    answers: &[&str],
) -> (Answer, Instant) {
    let turn = |(at, question): (usize, &&str)| Turn {
        question: (*question).to_owned(),
        answer: answers.get(at).map(|answer| (*answer).to_owned()),
    };
    let turns: Vec<Turn> = questions.iter().enumerate().map(turn).collect();
    let asked = engine.run(RunSpec {
        image: Some(Arc::clone(picture)),
        decoding: Decoding::Generate(GenerateOptions::default()),
        record: Record::Trace { detail: Detail::Sva, output: None },
        ..RunSpec::new(model, Prompt { system: None, turns })
    });
    let mut first = None;
    let output = engine.watch(asked, |event| {
        if let EventKind::Token(_) = event {
            first.get_or_insert_with(Instant::now);
        }
    });
    (output.unwrap().into_answer().unwrap(), first.unwrap())
}

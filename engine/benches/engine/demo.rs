//! How long a person waits for the demo checkpoint: from a question to the first token of its answer, attention recorded
//! as the window does.

use crate::request;
use criterion::Criterion;
use opabinia_engine::generate::{Answer, GenerateOptions, Session, Subject, Watch};
use opabinia_engine::job::Job;
use opabinia_engine::model::{DtypeChoice, Model};
use opabinia_engine::probe::{Detail, Recorder};
use opabinia_engine::text::Turn;
use opabinia_engine::vision::{Exif, Picture};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const FIRST: &str = "Describe the picture.";
const NEXT: &str = "How many objects are there?";

/// The first question about a picture that has to be read and looked at, and one that follows it.
pub fn measure(criterion: &mut Criterion) {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/demo");
    let (model, _) = Model::load(&request(&assets.join("checkpoint"), DtypeChoice::F32), &Job::unattended()).unwrap();
    let picture = assets.join("samples/gift.png");
    let open = || Arc::new(Picture::open(&picture, Exif::Ignore).unwrap());
    let mut group = criterion.benchmark_group("demo");
    group.bench_function("first token, cold picture", |b| {
        b.iter_custom(|count| {
            let once = |_| {
                let started = Instant::now();
                ask(&model, &mut Session::default(), &open(), &[FIRST], &[]).1 - started
            };
            (0..count).map(once).sum::<Duration>()
        });
    });
    group.bench_function("first token, follow-up", |b| {
        let (mut session, picture) = (Session::default(), open());
        let (first, _) = ask(&model, &mut session, &picture, &[FIRST], &[]);
        b.iter_custom(|count| {
            let mut once = |_| {
                let started = Instant::now();
                ask(&model, &mut session, &picture, &[FIRST, NEXT], &[&first.text]).1 - started
            };
            (0..count).map(&mut once).sum::<Duration>()
        });
    });
    group.finish();
}

/// The answer to the last of `questions`, those before it answered by `answers`, and when its first token came.
fn ask(
    model: &Model,
    session: &mut Session,
    picture: &Arc<Picture>,
    questions: &[&str],
    answers: &[&str],
) -> (Answer, Instant) {
    let turn = |(at, question): (usize, &&str)| Turn {
        question: (*question).to_owned(),
        answer: answers.get(at).map(|answer| (*answer).to_owned()),
    };
    let turns: Vec<Turn> = questions.iter().enumerate().map(turn).collect();
    let prompt = model.prompt(None, &turns, true).unwrap();
    let subject = Subject::plain(Arc::clone(picture));
    let mut first = None;
    let mut watch = Watch {
        job: &Job::unattended(),
        observer: &mut Recorder::new(Detail::Sva),
        on_token: &mut |_| {
            first.get_or_insert_with(Instant::now);
        },
    };
    let answer = session.ask(model, &prompt, Some(&subject), &[], &GenerateOptions::default(), &mut watch).unwrap();
    (answer, first.unwrap())
}

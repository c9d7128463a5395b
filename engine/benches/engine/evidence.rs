//! What the standard list of interventions costs beside its floor: its runs, each from the first position that changes.

use crate::{noise, request};
use opabinia_engine::generate::{Session, Watch};
use opabinia_engine::intervention::{Cells, Interventions};
use opabinia_engine::job::Job;
use opabinia_engine::model::Model;
use opabinia_engine::observe::Unobserved;
use opabinia_engine::precision::WeightFormat;
use opabinia_engine::probe::evidence::{Also, Request, Scorer, measure as measure_evidence};
use opabinia_engine::text::Turn;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Tokens of the answer that is scored.
const TOKENS: usize = 20;

/// Prints the time of the standard list, and that of as many passes from the image on as it makes runs.
pub fn measure(directory: &Path) {
    let (model, _) = Model::load(&request(directory, WeightFormat::F32), &Job::unattended()).unwrap();
    let model = Arc::new(model);
    let (picture, other) = (Arc::new(noise(640, 640)), Arc::new(noise(480, 640)));
    let turns = vec![Turn { question: "What is in this image?".into(), answer: None }];
    let side = model.config().sva.final_side / 2;
    let request = Request {
        system: None,
        turns: turns.clone(),
        picture: Arc::clone(&picture),
        other: Some(other),
        answer: Some((0..TOKENS as u32).map(|id| id + 100).collect()),
        max_tokens: Some(TOKENS),
        with: Vec::new(),
        standard: true,
        region: Some(Cells::rectangle(0..side, 0..side)),
        also: Also::default(),
    };
    let job = Job::unattended();
    let mut session = Session::default();
    let mut watch = Watch { job: &job, observer: &mut Unobserved, on_token: &mut |_| {} };
    // The encoders' features are known before anything is measured.
    measure_evidence(&model, &mut session, &Request { standard: false, ..request.clone() }, &mut watch).unwrap();
    let image = model.encode(&picture, &job, &mut Unobserved).unwrap();
    let prompt = |with_image| model.prompt(None, &turns, with_image).unwrap();
    let answer = request.answer.clone().unwrap_or_default();
    let mut scorer = Scorer::new(Arc::clone(&model), image, None, prompt(true), prompt(false), answer).unwrap();
    scorer.score(&Interventions::default(), &job).unwrap();
    let passes: Vec<f64> = (0..3)
        .map(|k| {
            let started = Instant::now();
            scorer.score(&Interventions::mask(k, false), &job).unwrap();
            started.elapsed().as_secs_f64()
        })
        .collect();
    let pass = passes.iter().sum::<f64>() / passes.len() as f64;
    let mut session = Session::default();
    let mut measured = || {
        let mut watch = Watch { job: &job, observer: &mut Unobserved, on_token: &mut |_| {} };
        measure_evidence(&model, &mut session, &request, &mut watch).unwrap()
    };
    // The encoders run the first time alone; they are no part of the comparison.
    measured();
    let started = Instant::now();
    let evidence = measured();
    let (whole, floor) = (started.elapsed().as_secs_f64(), pass * evidence.runs as f64);
    println!(
        "evidence --standard: {whole:.1} s; {} runs of one pass from the image on, {pass:.3} s each, are {floor:.1} s: {:.2} of it\n",
        evidence.runs,
        whole / floor
    );
}

//! Corners of what a valid checkpoint may say and a person may ask, beyond the recorded cases.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use opabinia_engine::generate::{Answer, GenerateOptions, ImageInput, Session, StopReason, Watch};
use opabinia_engine::intervention::Interventions;
use opabinia_engine::job::Job;
use opabinia_engine::model::{LoadRequest, Model};
use opabinia_engine::observe::{Observer, Unobserved};
use opabinia_engine::precision::WeightFormat;
use opabinia_engine::probe::{Detail, Recorder};
use opabinia_engine::text::Turn;
use opabinia_engine::vision::{Exif, Picture};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::Arc;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The golden checkpoint of `variant` with some fields of its config.json changed.
fn load_with(variant: &str, fields: &[(&str, Value)]) -> Model {
    let dir = tempfile::tempdir().unwrap();
    copy(&support::goldens().join(variant).join("checkpoint"), dir.path());
    let file = dir.path().join("config.json");
    let mut config: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    for (key, value) in fields {
        config[key] = value.clone();
    }
    fs::write(&file, config.to_string()).unwrap();
    let request = LoadRequest {
        source: dir.path().display().to_string(),
        device: "cpu".parse().unwrap(),
        weights: WeightFormat::F32.into(),
        ..LoadRequest::default()
    };
    Model::load(&request, &Job::unattended()).unwrap().0
}

fn wide(interventions: Interventions) -> ImageInput {
    let picture = Picture::open(&support::goldens().join("images/wide.png"), Exif::Ignore).unwrap();
    ImageInput { interventions, ..ImageInput::plain(Arc::new(picture)) }
}

fn ask(
    model: &Model,
    session: &mut Session,
    image_input: Option<&ImageInput>,
    max_tokens: usize,
    observer: &mut dyn Observer,
) -> Answer {
    let turns = [Turn { question: "Describe this image.".into(), answer: None }];
    let prompt = model.prompt(None, &turns, image_input.is_some()).unwrap();
    let options = GenerateOptions { max_tokens, ..GenerateOptions::default() };
    let job = Job::unattended();
    let mut watch = Watch { job: &job, observer, on_token: &mut |_| {} };
    session.ask(model, &prompt, image_input, &[], &options, &mut watch).unwrap()
}

fn ids(answer: &Answer) -> Vec<u32> {
    answer.tokens.iter().map(|token| token.id).collect()
}

/// The first token needs no position of its own, every later one the position of the one before it.
#[test]
fn a_full_context_ends_the_answer_and_a_full_prompt_still_gets_one_token() {
    let image_input = wide(Interventions::default());
    let whole = ask(&load_with("tiny-phi3", &[]), &mut Session::default(), Some(&image_input), 20, &mut Unobserved);
    for room in [0, 3] {
        let positions = whole.prompt_positions + room;
        let model = load_with("tiny-phi3", &[("max_position_embeddings", json!(positions))]);
        let mut recorder = Recorder::new(Detail::All);
        let answer = ask(&model, &mut Session::default(), Some(&image_input), 20, &mut recorder);
        assert_eq!(answer.stop, StopReason::ContextFull);
        assert_eq!(ids(&answer), ids(&whole)[..room + 1]);
        let tensors = recorder.into_tensors().unwrap();
        assert_eq!(tensors["logits.steps"].dims()[0], room + 1);
        assert_eq!(tensors["llm.attn_rows"].dims()[3], positions);
    }
}

#[test]
fn tied_embeddings_may_be_stored_twice() {
    let first_logits = |fields: &[(&str, Value)]| {
        let mut recorder = Recorder::new(Detail::Sva);
        ask(&load_with("tiny-phi3", fields), &mut Session::default(), None, 1, &mut recorder);
        recorder.into_tensors().unwrap()["logits.steps"].flatten_all().unwrap().to_vec1::<f32>().unwrap()
    };
    // The golden checkpoint's output table is another than its embeddings, so that using it would show.
    assert_ne!(first_logits(&[("tie_word_embeddings", json!(true))]), first_logits(&[]));
}

/// Query groups are resized to the final grid, which without samplers need not fit the encoders' grids.
#[test]
fn without_samplers_the_final_grid_may_be_finer_than_the_encoders() {
    let model = load_with("tiny-vicuna", &[("image_token_len", json!(144))]);
    let mut recorder = Recorder::new(Detail::All);
    let image_input = wide(Interventions::default());
    ask(&model, &mut Session::default(), Some(&image_input), 1, &mut recorder);
    let tensors = recorder.into_tensors().unwrap();
    assert_eq!(tensors["connector.mm_projector"].dims()[0], 144);
    assert_eq!(tensors["image_tokens"].dims()[0], 6 * 13);
}

/// What was computed under one intervention must not answer for another.
#[test]
fn interventions_may_alternate_within_one_session() {
    let model = load_with("tiny-llama3", &[]);
    let mut session = Session::default();
    let masked = |k| Interventions::mask(k, false);
    for interventions in [Interventions::default(), masked(2), masked(3), Interventions::default(), masked(2)] {
        let image_input = wide(interventions);
        let kept = ask(&model, &mut session, Some(&image_input), 6, &mut Unobserved);
        let fresh = ask(&model, &mut Session::default(), Some(&image_input), 6, &mut Unobserved);
        assert_eq!(ids(&kept), ids(&fresh), "{:?}", image_input.interventions);
    }
}

/// A recorder that wants the encoders' values gets them even for a picture that is known.
#[test]
fn a_known_picture_is_encoded_again_for_who_wants_to_see_it() {
    let model = load_with("tiny-phi3", &[]);
    let mut session = Session::default();
    let image_input = wide(Interventions::default());
    ask(&model, &mut session, Some(&image_input), 1, &mut Unobserved);
    let mut recorder = Recorder::new(Detail::All);
    ask(&model, &mut session, Some(&image_input), 1, &mut recorder);
    assert!(recorder.into_tensors().unwrap().contains_key("tower2.stage3"));
}

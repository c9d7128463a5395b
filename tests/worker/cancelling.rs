//! Every job has one terminal event, whenever it is cancelled, and the thread serves on.

use crate::lock_step::{LockStep, ask, at, ids, image, load, reports};
use opabinia_engine::Error;
use opabinia_engine::job::Stage;
use opabinia_engine::run::{Lane, ModelId};
use opabinia_engine::vision::Picture;
use opabinia_engine::worker::{Client, Command, Engine, Event, EventKind, Prompt, RunSpec};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_load_is_cancelled_within_one_tensor_and_the_thread_serves_on() {
    let mut engine = LockStep::new();
    let command = Command::Load { model: ModelId::unique(), request: load("tiny-phi3"), replaces: None };
    let events = engine.command(command, at(Stage::Load, 3));
    assert!(matches!(events.last(), Some(EventKind::Cancelled)), "{:?}", events.last());
    assert_eq!(reports(&events, Stage::Load), 3);
    engine.load("tiny-phi3");
}

#[test]
fn questions_are_cancelled_within_one_layer_or_token_and_the_thread_serves_on() {
    let mut engine = LockStep::new();
    let model = engine.load("tiny-phi3");
    for stage in [Stage::Encode, Stage::Connect, Stage::Prefill, Stage::Decode] {
        // A picture already encoded would skip the stage; its pixels differ in each round.
        let mut fresh = Picture::clone(&image("wide.png"));
        fresh.rgb[0] = stage as u8;
        let spec = RunSpec { image: Some(Arc::new(fresh)), ..ask(model, 8) };
        let events = engine.run(spec, at(stage, 1));
        assert!(matches!(events.last(), Some(EventKind::Cancelled)), "{stage:?}: {:?}", events.last());
        assert_eq!(reports(&events, stage), 1, "{stage:?} went on after it was cancelled");
        assert_eq!(engine.answer(ask(model, 4)).tokens.len(), 4, "after {stage:?}");
    }
}

/// A cancelled question must leave nothing behind that changes the next answer.
#[test]
fn an_answer_after_a_cancelled_question_is_the_same_as_before() {
    let mut engine = LockStep::new();
    let model = engine.load("tiny-phi3");
    let before = engine.answer(ask(model, 12)).text;
    for stage in [Stage::Prefill, Stage::Decode] {
        let other = RunSpec { prompt: Prompt::question("What is this?"), ..ask(model, 12) };
        engine.run(other, at(stage, 2));
        assert_eq!(engine.answer(ask(model, 12)).text, before, "{stage:?}");
    }
}

#[test]
fn a_job_cancelled_while_it_waits_never_starts() {
    let mut engine = Engine::start(|| {}).unwrap();
    let model = ModelId::unique();
    let load = engine.submit(Command::Load { model, request: load("tiny-phi3"), replaces: None });
    let waiting = engine.submit(Command::Run(Box::new(ask(model, 4))));
    engine.cancel(waiting);
    // It may end before the other one begins.
    let mut events: Vec<Event> = Vec::new();
    while events.iter().filter(|event| event.kind.is_last()).count() < 2 {
        events.push(engine.events().recv().unwrap());
    }
    let of = |job| events.iter().filter(move |event| event.job == job).map(|event| &event.kind).collect::<Vec<_>>();
    assert!(matches!(of(load).last(), Some(EventKind::Done(_))));
    assert!(matches!(of(waiting).as_slice(), [EventKind::Cancelled]), "{events:?}");
}

#[test]
fn what_a_cancelled_answer_has_computed_is_kept() {
    let mut engine = LockStep::new();
    let model = engine.load("tiny-phi3");
    // Cancelled when the pass is over, in front of the next one.
    let events = engine.run(ask(model, 12), |kind| matches!(kind, EventKind::Token(_)));
    assert!(matches!(events.last(), Some(EventKind::Cancelled)), "{:?}", events.last());
    assert_eq!(engine.answer(ask(model, 1)).timings.prefill_positions, 1, "the conversation is still known");
}

#[test]
fn a_job_cancelled_behind_another_ends_before_that() {
    let mut engine = LockStep::new();
    let model = engine.load("tiny-phi3");
    for lane in [Lane::Interactive, Lane::Batch] {
        let spec = RunSpec { lane, ..ask(model, 12) };
        let first = engine.engine.submit(Command::Run(Box::new(spec.clone())));
        let waiting = engine.engine.submit(Command::Run(Box::new(spec)));
        let mut cancelled = false;
        loop {
            let Event { job, kind } = engine.engine.events().recv().unwrap();
            if matches!(kind, EventKind::Token(_)) {
                engine.engine.cancel(waiting);
            }
            engine.go_on.as_ref().unwrap().send(()).unwrap();
            match kind {
                EventKind::Cancelled => cancelled = job == waiting,
                EventKind::Done(_) if job == first => break,
                _ => {}
            }
        }
        assert!(cancelled, "{lane:?}");
    }
}

#[test]
fn a_prompt_longer_than_the_context_is_refused_before_anything_is_computed() {
    let mut engine = LockStep::new();
    let model = engine.load("tiny-phi3");
    let long = RunSpec { prompt: Prompt::question("word ".repeat(3000)), ..ask(model, 1) };
    let events = engine.run(long, |_| false);
    assert_eq!(reports(&events, Stage::Encode), 0);
    let Some(EventKind::Failed(error)) = events.last() else { panic!("{:?}", events.last()) };
    assert!(error.to_string().contains("2048"), "{error}");
}

/// Whoever is woken panics at every event of a job, which is in the middle of its work then.
#[test]
fn a_panic_is_reported_and_survived() {
    let (armed, trigger) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (reads, fires) = (Arc::clone(&armed), Arc::clone(&trigger));
    let engine = Engine::start(move || {
        if reads.load(Ordering::Acquire) {
            fires.store(true, Ordering::Release);
            panic!("on request");
        }
    })
    .unwrap();
    let mut client = Client::new(engine);
    let (model, loading) = client.load(load("tiny-phi3"), None);
    client.wait(loading).unwrap();
    let answer = |client: &mut Client| {
        let ticket = client.run(ask(model, 6));
        client.wait(ticket).unwrap().into_answer().unwrap()
    };
    let before = answer(&mut client);
    for lane in [Lane::Interactive, Lane::Batch] {
        armed.store(true, Ordering::Release);
        let ticket = client.run(RunSpec { prompt: Prompt::question("What is this?"), lane, ..ask(model, 6) });
        let ended = client.wait(ticket);
        armed.store(false, Ordering::Release);
        assert!(trigger.swap(false, Ordering::AcqRel));
        let Err(Error::Panicked(text)) = ended else { panic!("not reported: {ended:?}") };
        assert_eq!(text, "on request");
        // The model is still there; what was half done is not, and what batch work only copied is.
        let after = answer(&mut client);
        let reused = if lane == Lane::Interactive { 0 } else { before.prompt_positions - 1 };
        assert_eq!((ids(&after), after.timings.reused_positions), (ids(&before), reused), "{lane:?}");
    }
}

#[test]
fn dropping_the_handle_in_the_middle_of_a_job_ends_the_thread() {
    let mut engine = Engine::start(|| {}).unwrap();
    let model = ModelId::unique();
    engine.submit(Command::Load { model, request: load("tiny-llama3"), replaces: None });
    for lane in [Lane::Batch, Lane::Interactive] {
        engine.submit(Command::Run(Box::new(RunSpec { lane, ..ask(model, 400) })));
    }
    drop(engine);
}

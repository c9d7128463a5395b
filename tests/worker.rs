//! The engine thread: one terminal event a job, cancellation at every stage, two models at once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use crossbeam_channel::{Receiver, Sender, bounded};
use opabinia_engine::Error;
use opabinia_engine::generate::{GenerateOptions, Subject};
use opabinia_engine::intervention::Interventions;
use opabinia_engine::job::Stage;
use opabinia_engine::model::{DtypeChoice, LoadRequest};
use opabinia_engine::probe::{Detail, evidence};
use opabinia_engine::sva::HEADS;
use opabinia_engine::text::Turn;
use opabinia_engine::vision::{Exif, Picture};
use opabinia_engine::worker::{Command, Engine, Event, EventKind, JobId, Outcome, Question, Slot};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// An engine that stands still after every event until the test has looked at it, so that a test can cancel at an
/// exact point of the computation.
struct LockStep {
    engine: Engine,
    go_on: Option<Sender<()>>,
}

impl LockStep {
    fn new() -> Self {
        let (go_on, wait): (Sender<()>, Receiver<()>) = bounded(0);
        // The wait ends with an error once the test has let go of the other end.
        let engine = Engine::start(move || wait.recv().unwrap_or_default()).unwrap();
        Self { engine, go_on: Some(go_on) }
    }

    /// Runs `command` and cancels it at the first event `at` says yes to. Returns all its events.
    fn run(&mut self, command: Command, at: impl Fn(&EventKind) -> bool) -> Vec<EventKind> {
        let job = self.engine.submit(command);
        let mut seen = Vec::new();
        loop {
            let Event { job: of, kind } = self.engine.events().recv().unwrap();
            assert_eq!(of, job);
            if at(&kind) {
                self.engine.cancel(job);
            }
            let terminal = matches!(kind, EventKind::Done(_) | EventKind::Cancelled | EventKind::Failed(_));
            seen.push(kind);
            self.go_on.as_ref().unwrap().send(()).unwrap();
            if terminal {
                assert!(self.engine.events().try_recv().is_err(), "events after the terminal one");
                return seen;
            }
        }
    }

    fn complete(&mut self, command: Command) -> Outcome {
        match self.run(command, |_| false).pop() {
            Some(EventKind::Done(outcome)) => outcome,
            other => panic!("not done: {other:?}"),
        }
    }
}

impl Drop for LockStep {
    fn drop(&mut self) {
        self.go_on = None;
    }
}

fn load(variant: &str) -> LoadRequest {
    LoadRequest {
        source: support::goldens().join(variant).join("checkpoint").display().to_string(),
        device: "cpu".parse().unwrap(),
        dtype: DtypeChoice::F32,
        ..LoadRequest::default()
    }
}

fn picture() -> Arc<Picture> {
    Arc::new(Picture::open(&support::goldens().join("images/wide.png"), Exif::Ignore).unwrap())
}

fn question(max_tokens: usize) -> Question {
    Question {
        system: None,
        turns: vec![Turn { question: "Describe this image in detail.".into(), answer: None }],
        subject: Some(Subject::plain(picture())),
        begin: Vec::new(),
        options: GenerateOptions { max_tokens, ..GenerateOptions::default() },
    }
}

/// Says yes at the `nth` report of `stage`.
fn at(stage: Stage, nth: u64) -> impl Fn(&EventKind) -> bool {
    let count = std::cell::Cell::new(0);
    move |kind| {
        let hit = matches!(kind, EventKind::Progress(progress) if progress.stage == stage);
        count.set(count.get() + u64::from(hit));
        hit && count.get() == nth
    }
}

/// How many reports of `stage` are in `events`.
fn reports(events: &[EventKind], stage: Stage) -> usize {
    events.iter().filter(|kind| matches!(kind, EventKind::Progress(p) if p.stage == stage)).count()
}

#[test]
fn a_load_is_cancelled_within_one_tensor_and_the_thread_serves_on() {
    let mut engine = LockStep::new();
    let events = engine.run(Command::Load(Slot::A, load("tiny-phi3")), at(Stage::Load, 3));
    assert!(matches!(events.last(), Some(EventKind::Cancelled)), "{:?}", events.last());
    assert_eq!(reports(&events, Stage::Load), 3);
    assert!(matches!(engine.complete(Command::Load(Slot::A, load("tiny-phi3"))), Outcome::Loaded(_)));
}

#[test]
fn questions_are_cancelled_within_one_layer_or_token_and_the_thread_serves_on() {
    let mut engine = LockStep::new();
    engine.complete(Command::Load(Slot::A, load("tiny-phi3")));
    for stage in [Stage::Encode, Stage::Connect, Stage::Prefill, Stage::Decode] {
        // A picture already encoded would skip the stage; its pixels differ in each round.
        let mut ask = question(8);
        let mut fresh = Picture::clone(&picture());
        fresh.rgb[0] = stage as u8;
        ask.subject = Some(Subject::plain(Arc::new(fresh)));
        let events = engine.run(Command::Ask(Slot::A, ask), at(stage, 1));
        assert!(matches!(events.last(), Some(EventKind::Cancelled)), "{stage:?}: {:?}", events.last());
        assert_eq!(reports(&events, stage), 1, "{stage:?} went on after it was cancelled");
        let Outcome::Answered(answer) = engine.complete(Command::Ask(Slot::A, question(4))) else { panic!() };
        assert_eq!(answer.tokens.len(), 4, "after {stage:?}");
    }
}

/// A cancelled question must leave nothing behind that changes the next answer.
#[test]
fn an_answer_after_a_cancelled_question_is_the_same_as_before() {
    let mut engine = LockStep::new();
    engine.complete(Command::Load(Slot::A, load("tiny-phi3")));
    let text = |outcome| {
        let Outcome::Answered(answer) = outcome else { panic!() };
        answer.text
    };
    let before = text(engine.complete(Command::Ask(Slot::A, question(12))));
    for stage in [Stage::Prefill, Stage::Decode] {
        let mut other = question(12);
        other.turns[0].question = "What is this?".into();
        engine.run(Command::Ask(Slot::A, other), at(stage, 2));
        assert_eq!(text(engine.complete(Command::Ask(Slot::A, question(12)))), before, "{stage:?}");
    }
}

#[test]
fn a_job_cancelled_while_it_waits_never_starts() {
    let mut engine = Engine::start(|| {}).unwrap();
    let load = engine.submit(Command::Load(Slot::A, load("tiny-phi3")));
    let waiting = engine.submit(Command::Ask(Slot::A, question(4)));
    engine.cancel(waiting);
    assert!(matches!(terminal(&engine, load), EventKind::Done(_)));
    let events = all(&engine, waiting);
    assert!(matches!(events.as_slice(), [EventKind::Cancelled]), "{events:?}");
}

#[test]
fn two_models_answer_side_by_side() {
    let mut engine = LockStep::new();
    engine.complete(Command::Load(Slot::A, load("tiny-phi3")));
    engine.complete(Command::Load(Slot::B, load("tiny-vicuna")));
    let mut tokens = Vec::new();
    for slot in [Slot::A, Slot::B, Slot::A] {
        let Outcome::Answered(answer) = engine.complete(Command::Ask(slot, question(6))) else { panic!() };
        tokens.push(answer.tokens.iter().map(|token| token.id).collect::<Vec<_>>());
    }
    assert_eq!(tokens[0], tokens[2]);
    assert_ne!(tokens[0], tokens[1]);
    engine.complete(Command::Unload(Slot::A));
    let failed = engine.run(Command::Ask(Slot::A, question(1)), |_| false);
    assert!(matches!(failed.last(), Some(EventKind::Failed(Error::Input { .. }))), "{:?}", failed.last());
    let Outcome::Answered(_) = engine.complete(Command::Ask(Slot::B, question(1))) else { panic!() };
}

/// A picture shown ahead of the question is not encoded again.
#[test]
fn a_picture_is_encoded_once() {
    let mut engine = LockStep::new();
    engine.complete(Command::Load(Slot::A, load("tiny-phi3")));
    let events = engine.run(Command::SetImage(Slot::A, picture()), |_| false);
    assert!(reports(&events, Stage::Encode) > 0);
    let events = engine.run(Command::Ask(Slot::A, question(2)), |_| false);
    assert_eq!(reports(&events, Stage::Encode), 0);
    assert!(reports(&events, Stage::Prefill) > 0);
}

/// Going back to an earlier picture finds everything up to and including it still there.
#[test]
fn the_prefix_of_each_picture_is_computed_once() {
    let mut engine = LockStep::new();
    engine.complete(Command::Load(Slot::A, load("tiny-phi3")));
    let about = |file: &str, text: &str| {
        let picture = Picture::open(&support::goldens().join("images").join(file), Exif::Ignore).unwrap();
        let mut question = question(2);
        question.turns[0].question = text.into();
        question.subject = Some(Subject::plain(Arc::new(picture)));
        Command::Ask(Slot::A, question)
    };
    engine.complete(about("wide.png", "What is this?"));
    engine.complete(about("tall.png", "What is this?"));
    let mut events = engine.run(about("wide.png", "Where is it?"), |_| false);
    assert_eq!((reports(&events, Stage::Encode), reports(&events, Stage::Connect)), (0, 0));
    let Some(EventKind::Done(Outcome::Answered(answer))) = events.pop() else { panic!() };
    // 11 ids before the image, and the image's 2 rows of 4 cells and a newline each.
    assert!(answer.timings.reused_positions >= 11 + 2 * 5, "{:?}", answer.timings);
}

/// A trace computes everything but the encoders again.
#[test]
fn a_trace_takes_over_the_encoders_features() {
    let mut engine = LockStep::new();
    engine.complete(Command::Load(Slot::A, load("tiny-phi3")));
    engine.complete(Command::SetImage(Slot::A, picture()));
    let trace = |detail| Command::Trace { slot: Slot::A, question: question(2), detail, output: None };
    let events = engine.run(trace(Detail::Sva), |_| false);
    assert_eq!(reports(&events, Stage::Encode), 0);
    assert!(reports(&events, Stage::Connect) > 0 && reports(&events, Stage::Prefill) > 0);
    let Some(EventKind::Done(Outcome::Traced(answer, Some(trace_of_it)))) = events.last() else { panic!() };
    assert_eq!(answer.timings.reused_positions, 0);
    assert!(!trace_of_it.layers.is_empty());
    let events = engine.run(trace(Detail::All), |_| false);
    assert!(reports(&events, Stage::Encode) > 0);
    // And an answer takes over what a trace computed.
    let Outcome::Answered(answer) = engine.complete(Command::Ask(Slot::A, question(2))) else { panic!() };
    assert_eq!(answer.timings.prefill_positions, 1);
}

/// With samplers and without, with one query group and with two.
#[test]
fn a_trace_is_there_before_the_first_token_and_before_the_answer_is_cancelled() {
    let mut engine = LockStep::new();
    for variant in ["tiny-phi3", "tiny-llama3", "tiny-vicuna", "tiny-yi"] {
        engine.complete(Command::Load(Slot::A, load(variant)));
        for detail in [Detail::Sva, Detail::All] {
            let trace = || Command::Trace { slot: Slot::A, question: question(2), detail, output: None };
            let events = engine.run(trace(), |_| false);
            let found: Vec<usize> = places(&events, |kind| matches!(kind, EventKind::Trace(_)));
            let tokens = places(&events, |kind| matches!(kind, EventKind::Token(_)));
            assert!(found.len() == 1 && found[0] < tokens[0], "{variant}: trace at {found:?}, tokens at {tokens:?}");
            let EventKind::Trace(early) = &events[found[0]] else { panic!() };
            let Some(EventKind::Done(Outcome::Traced(_, Some(late)))) = events.last() else { panic!() };
            assert_eq!(early, late, "{variant}");
            let events = engine.run(trace(), |kind| matches!(kind, EventKind::Trace(_)));
            assert!(matches!(events.last(), Some(EventKind::Cancelled)), "{variant}: {:?}", events.last());
        }
        let mut blind = question(1);
        blind.subject = None;
        let trace = Command::Trace { slot: Slot::A, question: blind, detail: Detail::Sva, output: None };
        let events = engine.run(trace, |_| false);
        assert!(!events.iter().any(|kind| matches!(kind, EventKind::Trace(_))), "there is no picture to look at");
    }
}

/// Which of `events` are `wanted`.
fn places(events: &[EventKind], wanted: impl Fn(&EventKind) -> bool) -> Vec<usize> {
    events.iter().enumerate().filter(|(_, kind)| wanted(kind)).map(|(at, _)| at).collect()
}

/// In every cell, of connectors of one and of two grids, and of samplers.
#[test]
fn the_shares_of_every_cell_make_one() {
    let mut engine = LockStep::new();
    for variant in ["tiny-llama3", "tiny-vicuna"] {
        engine.complete(Command::Load(Slot::A, load(variant)));
        let trace = Command::Trace { slot: Slot::A, question: question(1), detail: Detail::Sva, output: None };
        let Outcome::Traced(_, Some(trace)) = engine.complete(trace) else { panic!() };
        for (l, layer) in trace.layers.iter().enumerate() {
            let side = layer.frame.side;
            let cells = (0..side * side).filter_map(|cell| trace.cell(l, cell / side, cell % side));
            let mut seen = 0;
            for cell in cells {
                seen += 1;
                for head in 0..HEADS {
                    let total: f64 = cell.encoders.iter().map(|encoder| encoder.share[head]).sum();
                    assert!((total - 1.0).abs() < 1e-5, "{variant} {}: {total}", layer.label);
                    assert!(cell.entropy[head] <= cell.uniform_entropy + 1e-5, "{variant} {}", layer.label);
                }
                let masked = cell.keys.iter().enumerate().filter(|(_, key)| !key.open);
                for (key, about) in masked {
                    assert_eq!(cell.prob(3, key), Some(0.0), "a masked key is attended to");
                    assert!(about.padding, "only padding is masked: {about:?}");
                }
                // Padding is un-masked only where an encoder's whole window is padding.
                let open_padding = cell.keys.iter().filter(|key| key.open && key.padding);
                assert!(open_padding.into_iter().all(|key| cell.encoders[key.encoder].padding));
            }
            assert_eq!(seen, layer.frame.rows.len() * layer.frame.columns.len());
            // The example of the specification: of 6 rows of cells, the first and the last lie in the padding.
            let padded = (0..side).filter(|&row| trace.cell(l, row, 0).is_some_and(|cell| cell.padding)).count();
            let expected = if layer.frame.rows.len() == 6 { 2 } else { 0 };
            assert_eq!(padded, expected, "{variant} {}", layer.label);
        }
    }
}

#[test]
fn what_a_token_attended_to_costs_one_pass_over_one_position() {
    let mut engine = LockStep::new();
    engine.complete(Command::Load(Slot::A, load("tiny-phi3")));
    let Outcome::Answered(answer) = engine.complete(Command::Ask(Slot::A, question(6))) else { panic!() };
    let ids: Vec<u32> = answer.tokens.iter().map(|token| token.id).collect();
    let attend = |question, answer: &[u32]| Command::Attend { slot: Slot::A, question, answer: answer.to_vec() };
    let events = engine.run(attend(question(6), &ids[..3]), |_| false);
    assert_eq!((reports(&events, Stage::Encode), reports(&events, Stage::Connect)), (0, 0));
    assert!(!events.iter().any(|kind| matches!(kind, EventKind::Token(_))));
    let Some(EventKind::Done(Outcome::Attended(attention))) = events.last() else { panic!("{:?}", events.last()) };
    assert_eq!(attention.positions.total(), answer.prompt_positions + 3);
    assert!(attention.mass.iter().all(|m| (m.before + m.visual + m.newline + m.after - 1.0).abs() < 1e-5));

    let mut blind = question(6);
    blind.subject = None;
    let events = engine.run(attend(blind, &[]), |_| false);
    let Some(EventKind::Failed(Error::Input { .. })) = events.last() else { panic!("{:?}", events.last()) };
    let events = engine.run(attend(question(6), &[1; 5000]), |_| false);
    let Some(EventKind::Failed(error)) = events.last() else { panic!("{:?}", events.last()) };
    assert!(error.to_string().contains("4096"), "{error}");
    let events = engine.run(attend(question(6), &[u32::MAX]), |_| false);
    assert!(matches!(events.last(), Some(EventKind::Failed(Error::Input { .. }))), "{:?}", events.last());
}

/// Interventions are batch work on the same thread: reported run by run, cancelled between them, and forgotten: the
/// conversation goes on as if nothing had been asked.
#[test]
fn evidence_is_reported_run_by_run_and_cancelled_between_runs() {
    let mut engine = LockStep::new();
    engine.complete(Command::Load(Slot::A, load("tiny-phi3")));
    let asked = question(4);
    let picture = asked.subject.as_ref().map(|subject| Arc::clone(&subject.picture)).unwrap();
    let request = |standard| evidence::Request {
        system: None,
        turns: question(4).turns,
        picture: Arc::clone(&picture),
        other: None,
        answer: None,
        max_tokens: Some(4),
        with: vec![Interventions::mask(0, false)],
        standard,
        region: None,
    };
    let command = |standard| Command::Evidence { slot: Slot::A, request: Box::new(request(standard)), output: None };
    let events = engine.run(command(true), |_| false);
    let Some(EventKind::Done(Outcome::Measured(evidence))) = events.last() else { panic!("{:?}", events.last()) };
    // The run without interventions is not counted: it is the answer's own.
    assert_eq!(reports(&events, Stage::Measure), evidence.runs - 1);
    let Outcome::Answered(answer) = engine.complete(Command::Ask(Slot::A, asked)) else { panic!() };
    assert_eq!(answer.timings.prefill_positions, 1, "the conversation is still known");
    let given: Vec<u32> = evidence.answer.iter().map(|token| token.id).collect();
    assert_eq!(answer.tokens.iter().map(|token| token.id).collect::<Vec<_>>(), given);

    let events = engine.run(command(true), at(Stage::Measure, 3));
    assert!(matches!(events.last(), Some(EventKind::Cancelled)), "{:?}", events.last());
    assert_eq!(reports(&events, Stage::Measure), 3);
    let events = engine.run(command(false), |_| false);
    assert!(matches!(events.last(), Some(EventKind::Done(Outcome::Measured(_)))), "{:?}", events.last());
}

#[test]
fn a_prompt_longer_than_the_context_is_refused_before_anything_is_computed() {
    let mut engine = LockStep::new();
    engine.complete(Command::Load(Slot::A, load("tiny-phi3")));
    let mut long = question(1);
    long.turns[0].question = "word ".repeat(3000);
    let events = engine.run(Command::Ask(Slot::A, long), |_| false);
    assert_eq!(reports(&events, Stage::Encode), 0);
    let Some(EventKind::Failed(error)) = events.last() else { panic!("{:?}", events.last()) };
    assert!(error.to_string().contains("2048"), "{error}");
}

/// Whoever is woken panics at every event of a job, which is in the middle of its work then.
#[test]
fn a_panic_is_reported_and_survived() {
    let (armed, trigger) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (reads, fires) = (Arc::clone(&armed), Arc::clone(&trigger));
    let mut engine = Engine::start(move || {
        if reads.load(Ordering::Acquire) {
            fires.store(true, Ordering::Release);
            panic!("on request");
        }
    })
    .unwrap();
    let load_job = engine.submit(Command::Load(Slot::A, load("tiny-phi3")));
    assert!(matches!(terminal(&engine, load_job), EventKind::Done(_)));
    let ask = |engine: &mut Engine, question| {
        let job = engine.submit(Command::Ask(Slot::A, question));
        terminal(engine, job)
    };
    let EventKind::Done(Outcome::Answered(before)) = ask(&mut engine, question(6)) else { panic!() };
    armed.store(true, Ordering::Release);
    let mut other = question(6);
    other.turns[0].question = "What is this?".into();
    let ended = ask(&mut engine, other);
    armed.store(false, Ordering::Release);
    assert!(trigger.load(Ordering::Acquire));
    let EventKind::Failed(Error::Panicked(text)) = ended else { panic!("not reported: {ended:?}") };
    assert_eq!(text, "on request");
    // The model is still there; what was half done is not.
    let EventKind::Done(Outcome::Answered(after)) = ask(&mut engine, question(6)) else { panic!() };
    assert_eq!((after.tokens, after.timings.reused_positions), (before.tokens, 0));
}

#[test]
fn dropping_the_handle_in_the_middle_of_a_job_ends_the_thread() {
    let mut engine = Engine::start(|| {}).unwrap();
    engine.submit(Command::Load(Slot::A, load("tiny-llama3")));
    engine.submit(Command::Ask(Slot::A, question(400)));
    drop(engine);
}

fn all(engine: &Engine, job: JobId) -> Vec<EventKind> {
    let mut seen = Vec::new();
    loop {
        let event = engine.events().recv().unwrap();
        if event.job != job {
            continue;
        }
        let terminal = matches!(event.kind, EventKind::Done(_) | EventKind::Cancelled | EventKind::Failed(_));
        seen.push(event.kind);
        if terminal {
            return seen;
        }
    }
}

fn terminal(engine: &Engine, job: JobId) -> EventKind {
    all(engine, job).pop().unwrap()
}

//! The engine thread: one terminal event a job, cancellation at every stage, two models at once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use crossbeam_channel::{Receiver, Sender, bounded};
use opabinia_engine::Error;
use opabinia_engine::generate::{Answer, GenerateOptions};
use opabinia_engine::intervention::{Action, Interventions};
use opabinia_engine::job::Stage;
use opabinia_engine::model::LoadRequest;
use opabinia_engine::precision::WeightFormat;
use opabinia_engine::probe::{Detail, evidence};
use opabinia_engine::run::{Lane, ModelId};
use opabinia_engine::sva::HEADS;
use opabinia_engine::vision::{Exif, Picture};
use opabinia_engine::worker::{
    Client, Command, Decoding, Engine, Event, EventKind, EvidenceSpec, Outcome, Prompt, Record, RunOutput, RunSpec,
};
use std::path::Path;
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

    /// The next event of any job; the engine goes on.
    fn next(&mut self) -> Event {
        let event = self.engine.events().recv().unwrap();
        self.go_on.as_ref().unwrap().send(()).unwrap();
        event
    }

    /// Does `command` and cancels it at the first event `at` says yes to. Returns all its events.
    fn command(&mut self, command: Command, at: impl Fn(&EventKind) -> bool) -> Vec<EventKind> {
        let job = self.engine.submit(command);
        let mut seen = Vec::new();
        loop {
            let Event { job: of, kind } = self.engine.events().recv().unwrap();
            assert_eq!(of, job);
            if at(&kind) {
                self.engine.cancel(job);
            }
            let terminal = kind.is_last();
            seen.push(kind);
            self.go_on.as_ref().unwrap().send(()).unwrap();
            if terminal {
                assert!(self.engine.events().try_recv().is_err(), "events after the terminal one");
                return seen;
            }
        }
    }

    /// Runs `spec` and cancels it at the first event `at` says yes to. Returns all its events.
    fn run(&mut self, spec: RunSpec, at: impl Fn(&EventKind) -> bool) -> Vec<EventKind> {
        self.command(Command::Run(Box::new(spec)), at)
    }

    fn load(&mut self, variant: &str) -> ModelId {
        let model = ModelId::unique();
        let command = Command::Load { model, request: load(variant), replaces: None };
        let mut events = self.command(command, |_| false);
        let Some(EventKind::Done(Outcome::Loaded(loaded))) = events.pop() else { panic!("not loaded: {events:?}") };
        assert_eq!(loaded.model, model);
        model
    }

    fn complete(&mut self, spec: RunSpec) -> RunOutput {
        output(self.run(spec, |_| false))
    }

    fn answer(&mut self, spec: RunSpec) -> Answer {
        self.complete(spec).into_answer().unwrap()
    }
}

impl Drop for LockStep {
    fn drop(&mut self) {
        self.go_on = None;
    }
}

/// What came of a run with these events.
fn output(mut events: Vec<EventKind>) -> RunOutput {
    match events.pop() {
        Some(EventKind::Done(Outcome::Ran(output))) => *output,
        other => panic!("not done: {other:?}"),
    }
}

fn load(variant: &str) -> LoadRequest {
    load_from(&support::goldens().join(variant).join("checkpoint"))
}

fn load_from(directory: &Path) -> LoadRequest {
    LoadRequest {
        source: directory.display().to_string(),
        device: "cpu".parse().unwrap(),
        weights: WeightFormat::F32.into(),
        ..LoadRequest::default()
    }
}

fn image(file: &str) -> Arc<Picture> {
    Arc::new(Picture::open(&support::goldens().join("images").join(file), Exif::Ignore).unwrap())
}

fn generate(max_tokens: usize) -> Decoding {
    Decoding::Generate(GenerateOptions { max_tokens, ..GenerateOptions::default() })
}

/// A question about the wide picture.
fn ask(model: ModelId, max_tokens: usize) -> RunSpec {
    RunSpec {
        image: Some(image("wide.png")),
        decoding: generate(max_tokens),
        ..RunSpec::new(model, Prompt::question("Describe this image in detail."))
    }
}

fn trace(model: ModelId, max_tokens: usize, detail: Detail) -> RunSpec {
    RunSpec { record: Record::Trace { detail, output: None }, ..ask(model, max_tokens) }
}

fn attend(model: ModelId, answer: &[u32]) -> RunSpec {
    let forced_prefix = answer.to_vec();
    RunSpec { decoding: Decoding::Nothing, record: Record::TokenAttention, forced_prefix, ..ask(model, 0) }
}

fn ids(answer: &Answer) -> Vec<u32> {
    answer.tokens.iter().map(|token| token.id).collect()
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
fn any_number_of_models_answer_side_by_side() {
    let mut engine = LockStep::new();
    let models = ["tiny-phi3", "tiny-vicuna", "tiny-llama3"].map(|variant| engine.load(variant));
    let [a, b, c] = models;
    let tokens = [a, b, c, a, c].map(|model| ids(&engine.answer(ask(model, 6))));
    assert_eq!((&tokens[0], &tokens[2]), (&tokens[3], &tokens[4]));
    assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2] && tokens[0] != tokens[2]);
    engine.command(Command::Unload(a), |_| false);
    let failed = engine.run(ask(a, 1), |_| false);
    assert!(matches!(failed.last(), Some(EventKind::Failed(Error::Input { .. }))), "{:?}", failed.last());
    engine.answer(ask(b, 1));
}

#[test]
fn a_model_that_replaces_another_takes_its_place_even_if_it_cannot_be_loaded() {
    let mut client = Client::start().unwrap();
    let (a, loading) = client.load(load("tiny-phi3"), None);
    client.wait(loading).unwrap();
    let (_, loading) = client.load(load("nowhere"), Some(a));
    assert!(matches!(client.wait(loading), Err(Error::Refused(_))));
    let asked = client.run(ask(a, 1));
    assert!(matches!(client.wait(asked), Err(Error::Input { .. })));
}

/// A picture shown ahead of the question is not encoded again.
#[test]
fn a_picture_is_encoded_once() {
    let mut engine = LockStep::new();
    let model = engine.load("tiny-phi3");
    let events = engine.run(RunSpec::encode(model, image("wide.png")), |_| false);
    assert!(reports(&events, Stage::Encode) > 0);
    assert_eq!((reports(&events, Stage::Connect), reports(&events, Stage::Prefill)), (0, 0));
    let events = engine.run(ask(model, 2), |_| false);
    assert_eq!(reports(&events, Stage::Encode), 0);
    assert!(reports(&events, Stage::Prefill) > 0);
}

/// Going back to an earlier picture finds everything up to and including it still there.
#[test]
fn the_prefix_of_each_picture_is_computed_once() {
    let mut engine = LockStep::new();
    let model = engine.load("tiny-phi3");
    let about =
        |file: &str, text: &str| RunSpec { image: Some(image(file)), prompt: Prompt::question(text), ..ask(model, 2) };
    engine.complete(about("wide.png", "What is this?"));
    engine.complete(about("tall.png", "What is this?"));
    let events = engine.run(about("wide.png", "Where is it?"), |_| false);
    assert_eq!((reports(&events, Stage::Encode), reports(&events, Stage::Connect)), (0, 0));
    let answer = output(events).into_answer().unwrap();
    // 11 ids before the image, and the image's 2 rows of 4 cells and a newline each.
    assert!(answer.timings.reused_positions >= 11 + 2 * 5, "{:?}", answer.timings);
}

/// A trace computes everything but the encoders again.
#[test]
fn a_trace_takes_over_the_encoders_features() {
    let mut engine = LockStep::new();
    let model = engine.load("tiny-phi3");
    engine.complete(RunSpec::encode(model, image("wide.png")));
    let events = engine.run(trace(model, 2, Detail::Sva), |_| false);
    assert_eq!(reports(&events, Stage::Encode), 0);
    assert!(reports(&events, Stage::Connect) > 0 && reports(&events, Stage::Prefill) > 0);
    let traced = output(events);
    assert!(!traced.trace.as_ref().unwrap().layers.is_empty());
    assert_eq!(traced.into_answer().unwrap().timings.reused_positions, 0);
    let events = engine.run(trace(model, 2, Detail::All), |_| false);
    assert!(reports(&events, Stage::Encode) > 0);
    // And an answer takes over what a trace computed.
    assert_eq!(engine.answer(ask(model, 2)).timings.prefill_positions, 1);
}

/// With samplers and without, with one query group and with two.
#[test]
fn a_trace_is_there_before_the_first_token_and_before_the_answer_is_cancelled() {
    let mut engine = LockStep::new();
    for variant in ["tiny-phi3", "tiny-llama3", "tiny-vicuna", "tiny-yi"] {
        let model = engine.load(variant);
        for detail in [Detail::Sva, Detail::All] {
            let events = engine.run(trace(model, 2, detail), |_| false);
            let found = places(&events, |kind| matches!(kind, EventKind::Trace(_)));
            let tokens = places(&events, |kind| matches!(kind, EventKind::Token(_)));
            assert!(found.len() == 1 && found[0] < tokens[0], "{variant}: trace at {found:?}, tokens at {tokens:?}");
            let EventKind::Trace(early) = &events[found[0]] else { panic!() };
            let early = Arc::clone(early);
            assert_eq!(Some(early), output(events).trace, "{variant}");
            let events = engine.run(trace(model, 2, detail), |kind| matches!(kind, EventKind::Trace(_)));
            assert!(matches!(events.last(), Some(EventKind::Cancelled)), "{variant}: {:?}", events.last());
        }
        let blind = RunSpec { image: None, ..trace(model, 1, Detail::Sva) };
        let events = engine.run(blind, |_| false);
        assert!(!events.iter().any(|kind| matches!(kind, EventKind::Trace(_))), "there is no picture to look at");
    }
}

/// Which of `events` are `wanted`.
fn places(events: &[EventKind], wanted: impl Fn(&EventKind) -> bool) -> Vec<usize> {
    events.iter().enumerate().filter(|(_, kind)| wanted(kind)).map(|(at, _)| at).collect()
}

/// Without an answer a trace costs the prompt alone, and is the same.
#[test]
fn a_trace_needs_no_answer() {
    let mut engine = LockStep::new();
    let model = engine.load("tiny-phi3");
    let alone = RunSpec { decoding: Decoding::Nothing, ..trace(model, 0, Detail::Sva) };
    let events = engine.run(alone, |_| false);
    assert!(!events.iter().any(|kind| matches!(kind, EventKind::Token(_))));
    let alone = output(events);
    assert!(alone.answer.is_none());
    assert_eq!(alone.trace, engine.complete(trace(model, 2, Detail::Sva)).trace);
}

/// Teacher forcing gives what generating gave, in one pass over prompt and answer.
#[test]
fn an_answer_is_scored_as_it_was_generated() {
    let mut engine = LockStep::new();
    for variant in ["tiny-phi3", "tiny-llama3", "tiny-vicuna", "tiny-yi"] {
        let model = engine.load(variant);
        let answer = engine.answer(ask(model, 70));
        assert!(answer.tokens.len() > 1, "{variant}");
        let score =
            |forced_prefix| RunSpec { forced_prefix, decoding: Decoding::Score { alternatives: 1 }, ..ask(model, 0) };
        let events = engine.run(score(ids(&answer)), |_| false);
        let layers = reports(&events, Stage::Prefill);
        let scores = output(events).into_scores().unwrap();
        let worst = answer.tokens.iter().zip(&scores.tokens).map(|(a, b)| (a.log_prob - b.log_prob).abs());
        assert!(worst.fold(0f32, f32::max) < 1e-4, "{variant}");
        assert_eq!(scores.tokens.len(), answer.tokens.len());
        assert!(scores.tokens.iter().zip(&answer.tokens).all(|(a, b)| (a.id, &a.text) == (b.id, &b.text)));
        // Greedy tokens are the likeliest, and the first place has all of them.
        assert!(scores.tokens.iter().all(|token| token.alternatives[0].id == token.id), "{variant}");
        assert_eq!(scores.first[answer.tokens[0].id as usize], scores.tokens[0].log_prob);
        assert!((scores.first.iter().map(|p| f64::from(*p).exp()).sum::<f64>() - 1.0).abs() < 1e-4);
        let sum: f64 = answer.tokens.iter().map(|token| f64::from(token.log_prob)).sum();
        assert!((scores.log_prob() - sum).abs() < 2e-4 * answer.tokens.len() as f64, "{variant}");
        // One pass: each decoder layer has reported once. Only the positions that choose were run again.
        let decoder_layers =
            reports(&engine.run(RunSpec { prompt: Prompt::question("?"), ..ask(model, 1) }, |_| false), Stage::Prefill);
        assert_eq!(layers, decoder_layers, "{variant}: scoring took more than one pass");
        assert_eq!(scores.timings.prefill_positions, answer.tokens.len(), "{variant}");
        // What the answer was not, is less likely; what it cannot be, is refused.
        let mut other = ids(&answer);
        other[0] = if other[0] == 5 { 6 } else { 5 };
        let less = engine.complete(score(other)).into_scores().unwrap();
        assert!(less.tokens[0].log_prob < scores.tokens[0].log_prob);
        for (bad, why) in [(vec![], "no answer"), (vec![u32::MAX], "token"), (vec![1; 5000], "4096")] {
            if bad.len() > 1 && variant != "tiny-phi3" {
                continue; // It can see further.
            }
            let events = engine.run(score(bad), |_| false);
            let Some(EventKind::Failed(error)) = events.last() else { panic!("{variant}: not refused") };
            assert!(error.to_string().contains(why), "{variant}: {error}");
        }
    }
}

/// An intervened run has its own name, and neither sees nor changes what the plain one left.
#[test]
fn an_intervened_run_never_takes_the_place_of_the_plain_one() {
    let mut engine = LockStep::new();
    let model = engine.load("tiny-llama3");
    let off = |k| Interventions::mask(k, false);
    let intervened = |k, lane| RunSpec { interventions: off(k), lane, ..ask(model, 8) };
    let plain = engine.complete(trace(model, 8, Detail::Sva));
    let mut keys = vec![plain.key.clone()];
    let plain_ids = ids(plain.answer.as_ref().unwrap());
    for lane in [Lane::Batch, Lane::Interactive] {
        for k in 0..3 {
            let output = engine.complete(intervened(k, lane));
            assert_eq!(output.key.interventions, off(k));
            assert_eq!(output.key.plain(), plain.key);
            // Nothing but the text before the image is taken over from another run.
            let again = engine.complete(RunSpec {
                record: Record::Trace { detail: Detail::Sva, output: None },
                ..intervened(k, lane)
            });
            assert_eq!(
                output.answer.as_ref().map(ids),
                again.answer.as_ref().map(ids),
                "{k}: from nothing or from what is kept"
            );
            assert_ne!(
                again.trace.as_ref().map(|trace| &trace.layers),
                plain.trace.as_ref().map(|trace| &trace.layers)
            );
            if !keys.contains(&output.key) {
                keys.push(output.key);
            }
        }
    }
    assert_eq!(keys.len(), 4, "three interventions and the plain run have four names");
    let after = engine.answer(ask(model, 8));
    assert_eq!(ids(&after), plain_ids);
    assert_eq!(after.timings.prefill_positions, 1, "the plain run's state is still there: {:?}", after.timings);
}

/// The example of a standard set of evidence: 31 interventions on one answer, and what they leave behind.
#[test]
fn after_31_interventions_the_baseline_and_other_chats_are_still_cached() {
    let mut engine = LockStep::new();
    let model = engine.load("tiny-llama3");
    let chat = RunSpec { image: Some(image("tall.png")), ..ask(model, 4) };
    engine.answer(chat.clone());
    let answer = engine.answer(ask(model, 4));
    let score = |interventions| RunSpec {
        interventions,
        forced_prefix: ids(&answer),
        decoding: Decoding::Score { alternatives: 0 },
        lane: Lane::Batch,
        ..ask(model, 0)
    };
    let base = engine.complete(score(Interventions::default())).into_scores().unwrap();
    assert_eq!(base.timings.prefill_positions, answer.tokens.len(), "only what chooses is run again");
    // Every choice of one to three of the four encoders, for each kind of intervention.
    let some = (1..15usize).map(|set| (0..4).filter(move |k| set >> k & 1 == 1));
    let of = |set: Vec<usize>, action: fn(usize) -> Action| {
        set.into_iter().fold(Interventions::default(), |all, k| all.and(&Interventions::of(action(k))))
    };
    let kinds: [fn(usize) -> Action; 3] =
        [|encoder| Action::Mask { encoder }, |encoder| Action::Zero { encoder }, |encoder| Action::Mean { encoder }];
    let all = some.flat_map(|set| kinds.map(|kind| of(set.clone().collect(), kind)));
    for interventions in all.take(31) {
        let events = engine.run(score(interventions), |_| false);
        assert_eq!(reports(&events, Stage::Encode), 0, "the picture is encoded once");
        let scores = output(events).into_scores().unwrap();
        // The text before the image is taken over from the plain run.
        assert!(scores.timings.reused_positions > 0, "{:?}", scores.timings);
    }
    let mut next = ask(model, 2);
    next.prompt.turns[0].answer = Some(answer.text.clone());
    next.prompt.turns.extend(Prompt::question("And now?").turns);
    let follow_up = engine.answer(next);
    assert!(follow_up.timings.reused_positions >= answer.prompt_positions, "{:?}", follow_up.timings);
    assert_eq!(engine.answer(chat).timings.prefill_positions, 1, "the other chat is still there");
}

/// In every cell, of connectors of one and of two grids, and of samplers.
#[test]
fn the_shares_of_every_cell_make_one() {
    let mut engine = LockStep::new();
    for variant in ["tiny-llama3", "tiny-vicuna"] {
        let model = engine.load(variant);
        let trace = engine.complete(trace(model, 1, Detail::Sva)).trace.unwrap();
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
    let model = engine.load("tiny-phi3");
    let answer = engine.answer(ask(model, 6));
    let ids = ids(&answer);
    let events = engine.run(attend(model, &ids[..3]), |_| false);
    assert_eq!((reports(&events, Stage::Encode), reports(&events, Stage::Connect)), (0, 0));
    assert!(!events.iter().any(|kind| matches!(kind, EventKind::Token(_))));
    let attention = output(events).attention.unwrap();
    assert_eq!(attention.positions.total(), answer.prompt_positions + 3);
    assert!(attention.mass.iter().all(|m| (m.before + m.visual + m.newline + m.after - 1.0).abs() < 1e-5));

    // The same beside an answer: of the position that chose its first token, or the first after the forced prefix.
    let beside = RunSpec { record: Record::TokenAttention, forced_prefix: ids[..3].to_vec(), ..ask(model, 6) };
    let both = engine.complete(beside);
    assert_eq!(both.answer.as_ref().map(|answer| &answer.text), Some(&answer.text));
    let there = both.attention.unwrap();
    assert!(there.visual.iter().zip(&attention.visual).all(|(a, b)| (a - b).abs() < 1e-5));

    let events = engine.run(RunSpec { image: None, ..attend(model, &[]) }, |_| false);
    let Some(EventKind::Failed(Error::Input { .. })) = events.last() else { panic!("{:?}", events.last()) };
    let events = engine.run(attend(model, &[1; 5000]), |_| false);
    let Some(EventKind::Failed(error)) = events.last() else { panic!("{:?}", events.last()) };
    assert!(error.to_string().contains("4096"), "{error}");
    let events = engine.run(attend(model, &[u32::MAX]), |_| false);
    assert!(matches!(events.last(), Some(EventKind::Failed(Error::Input { .. }))), "{:?}", events.last());
}

/// Interventions are reported run by run, cancelled between them, and forgotten: the conversation goes on as if nothing had
/// been asked.
#[test]
fn evidence_is_reported_run_by_run_and_cancelled_between_runs() {
    let mut engine = LockStep::new();
    let model = engine.load("tiny-phi3");
    let asked = ask(model, 4);
    let command = |standard| Command::Evidence(Box::new(evidence_about(&asked, standard)));
    let mut events = engine.command(command(true), |_| false);
    let measured = reports(&events, Stage::Measure);
    let Some(EventKind::Done(Outcome::Measured(evidence))) = events.pop() else { panic!("{events:?}") };
    // The run without interventions is not counted: it is the answer's own.
    assert_eq!(measured, evidence.runs - 1);
    let answer = engine.answer(asked.clone());
    assert_eq!(answer.timings.prefill_positions, 1, "the conversation is still known");
    assert_eq!(ids(&answer), evidence.answer.iter().map(|token| token.id).collect::<Vec<_>>());

    let events = engine.command(command(true), at(Stage::Measure, 3));
    assert!(matches!(events.last(), Some(EventKind::Cancelled)), "{:?}", events.last());
    assert_eq!(reports(&events, Stage::Measure), 3);
    let events = engine.command(command(false), |_| false);
    assert!(matches!(events.last(), Some(EventKind::Done(Outcome::Measured(_)))), "{:?}", events.last());
}

#[test]
fn a_question_asked_during_evidence_is_answered_between_two_runs() {
    let mut engine = LockStep::new();
    let model = engine.load("tiny-phi3");
    let asked = ask(model, 4);
    let alone = ids(&engine.answer(RunSpec { image: Some(image("tall.png")), ..asked.clone() }));
    let evidence = engine.engine.submit(Command::Evidence(Box::new(evidence_about(&asked, true))));
    let (mut question, mut reported, mut answered) = (None, 0, false);
    loop {
        let Event { job, kind } = engine.engine.events().recv().unwrap();
        if matches!(kind, EventKind::Progress(progress) if progress.stage == Stage::Measure) {
            assert!(question.is_none() || answered, "another run was made before the question was answered");
            reported += 1;
            if reported == 2 {
                let spec = RunSpec { image: Some(image("tall.png")), ..asked.clone() };
                question = Some(engine.engine.submit(Command::Run(Box::new(spec))));
            }
        }
        engine.go_on.as_ref().unwrap().send(()).unwrap();
        match kind {
            EventKind::Done(Outcome::Ran(output)) => {
                assert_eq!((Some(job), ids(&output.into_answer().unwrap())), (question, alone.clone()));
                answered = true;
            }
            EventKind::Done(Outcome::Measured(measured)) => {
                assert_eq!((job, reported), (evidence, measured.runs - 1));
                break;
            }
            EventKind::Failed(_) | EventKind::Cancelled => panic!("{kind:?}"),
            _ => {}
        }
    }
    assert!(answered);
}

/// What the answer to `asked` rests on.
fn evidence_about(asked: &RunSpec, standard: bool) -> EvidenceSpec {
    let request = evidence::Request {
        system: None,
        turns: asked.prompt.turns.clone(),
        picture: Arc::clone(asked.image.as_ref().unwrap()),
        other: None,
        answer: None,
        max_tokens: Some(4),
        with: vec![Interventions::mask(0, false)],
        standard,
        region: None,
        also: evidence::Also::default(),
    };
    EvidenceSpec { model: asked.model, request, output: None, lane: Lane::Batch }
}

#[test]
fn interventions_without_an_image_are_refused() {
    let mut engine = LockStep::new();
    let model = engine.load("tiny-phi3");
    let interventions = Interventions::mask(0, false);
    let events = engine.run(RunSpec { image: None, interventions, ..ask(model, 1) }, |_| false);
    let Some(EventKind::Failed(error @ Error::Input { .. })) = events.last() else { panic!("{:?}", events.last()) };
    assert!(error.to_string().contains("picture"), "{error}");
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

/// Batch work stands back between any two of its passes.
#[test]
fn a_question_asked_during_a_long_batch_is_answered_first() {
    let mut engine = LockStep::new();
    let model = engine.load("tiny-phi3");
    let other = engine.load("tiny-vicuna");
    let asked_alone = ids(&engine.answer(RunSpec { image: Some(image("tall.png")), ..ask(other, 3) }));
    for stage in [Stage::Encode, Stage::Connect, Stage::Prefill, Stage::Decode] {
        let mut fresh = Picture::clone(&image("wide.png"));
        fresh.rgb[0] = stage as u8;
        let batch = RunSpec { lane: Lane::Batch, image: Some(Arc::new(fresh)), ..ask(model, 40) };
        let jobs = [batch.clone(), batch].map(|spec| engine.engine.submit(Command::Run(Box::new(spec))));
        let (mut question, mut ended, mut passes) = (None, Vec::new(), 0);
        while ended.len() < 3 {
            let Event { job, kind } = engine.engine.events().recv().unwrap();
            let reached = matches!(kind, EventKind::Progress(progress) if progress.stage == stage);
            if reached && question.is_none() {
                assert_eq!(job, jobs[0]);
                let spec = RunSpec { image: Some(image("tall.png")), ..ask(other, 3) };
                question = Some(engine.engine.submit(Command::Run(Box::new(spec))));
            }
            // Of the pass that runs, all layers may still be reported; no other begins.
            if question.is_some() && ended.is_empty() && jobs.contains(&job) {
                let same_stage = |progress: &opabinia_engine::job::Progress| progress.stage == stage;
                assert!(matches!(&kind, EventKind::Progress(progress) if same_stage(progress)), "{stage:?}: {kind:?}");
                passes += 1;
            }
            match kind {
                EventKind::Done(Outcome::Ran(output)) => ended.push((job, ids(&output.into_answer().unwrap()))),
                EventKind::Failed(_) | EventKind::Cancelled => panic!("{stage:?}: {kind:?}"),
                _ => {}
            }
            engine.go_on.as_ref().unwrap().send(()).unwrap();
        }
        assert!(passes > 0);
        assert_eq!(ended[0], (question.unwrap(), asked_alone.clone()), "{stage:?}: the question is answered first");
        assert_eq!((ended[1].0, ended[2].0), (jobs[0], jobs[1]), "batch work keeps its order");
        assert_eq!(ended[1].1, ended[2].1, "{stage:?}: being interrupted changes nothing");
        assert_eq!(ended[1].1.len(), 40);
    }
}

#[test]
fn a_model_that_goes_during_a_batch_ends_it_with_a_reason() {
    let mut engine = LockStep::new();
    let model = engine.load("tiny-phi3");
    let batch = engine.engine.submit(Command::Run(Box::new(RunSpec { lane: Lane::Batch, ..ask(model, 40) })));
    let unload = loop {
        let token = matches!(engine.engine.events().recv().unwrap().kind, EventKind::Token(_));
        let unload = token.then(|| engine.engine.submit(Command::Unload(model)));
        engine.go_on.as_ref().unwrap().send(()).unwrap();
        if let Some(unload) = unload {
            break unload;
        }
    };
    let (mut ended, mut last) = (Vec::new(), None);
    while ended.len() < 2 {
        let Event { job, kind } = engine.next();
        if kind.is_last() {
            ended.push(job);
            last = Some(kind);
        }
    }
    assert_eq!(ended, [unload, batch]);
    let Some(EventKind::Failed(error)) = last else { panic!("{last:?}") };
    assert!(error.to_string().contains("not loaded"), "{error}");
}

/// Two checkpoints with the same encoders, in files of their own: held and run once.
#[test]
fn checkpoints_with_the_same_encoders_hold_and_run_them_once() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    for directory in [&first, &second] {
        opabinia_forge::forge(&opabinia_forge::Preset::Tiny.spec(), directory, |_| {}).unwrap();
    }
    let mut client = Client::start().unwrap();
    let inspecting = client.inspect(load_from(&second));
    let alone = client.wait(inspecting).unwrap();
    let (a, loading) = client.load(load_from(&first), None);
    client.wait(loading).unwrap();
    let inspecting = client.inspect(load_from(&second));
    let beside = client.wait(inspecting).unwrap();
    let encoders: u64 = alone.encoders.iter().map(|tower| tower.bytes).sum();
    let weights =
        |inspection: &opabinia_engine::model::Inspection| inspection.need(inspection.precision.weights).weights;
    assert!(encoders > 0 && alone.notes.is_empty(), "{:?}", alone.notes);
    assert_eq!(weights(&beside), weights(&alone) - encoders, "what is there need not be read");
    assert_eq!(weights(&beside), beside.core_bytes);
    assert!(beside.notes.iter().any(|note| note.contains("shared")), "{:?}", beside.notes);
    let (b, loading) = client.load(load_from(&second), None);
    let mut read = 0;
    let loaded = client
        .watch(loading, |kind| {
            if let EventKind::Progress(progress) = kind
                && progress.stage == Stage::Load
            {
                read = progress.done;
            }
        })
        .unwrap();
    assert_eq!((loaded.model, read), (b, beside.core_bytes), "bytes read");

    let passes = |client: &mut Client, spec| {
        let (mut passes, ticket) = (0, client.run(spec));
        let progress = |kind: EventKind| {
            if let EventKind::Progress(progress) = kind {
                passes += u64::from(progress.stage == Stage::Encode);
            }
        };
        let output = client.watch(ticket, progress).unwrap();
        (passes, output)
    };
    let wide = |model| RunSpec { record: Record::Trace { detail: Detail::Sva, output: None }, ..ask(model, 2) };
    let (encoder_layers, of_a) = passes(&mut client, wide(a));
    assert!(encoder_layers > 0);
    let (again, of_b) = passes(&mut client, wide(b));
    assert_eq!(again, 0, "the picture was encoded for the other model");
    assert_eq!(of_a.trace.unwrap().layers, of_b.trace.unwrap().layers, "and these two are the same checkpoint");
    let tall = |model| RunSpec { image: Some(image("tall.png")), ..ask(model, 1) };
    assert_eq!(passes(&mut client, tall(b)).0, encoder_layers);
    assert_eq!(passes(&mut client, tall(a)).0, 0);

    // The encoders stay for whoever still holds them, and go with the last.
    let unload = client.unload(a);
    client.wait(unload).unwrap();
    assert_eq!(passes(&mut client, wide(b)).0, 0);
    let unload = client.unload(b);
    client.wait(unload).unwrap();
    let inspecting = client.inspect(load_from(&first));
    assert_eq!(weights(&client.wait(inspecting).unwrap()), weights(&alone));
}

/// A file that was changed, or weights in another precision, make another encoder.
#[test]
fn encoders_that_differ_are_not_shared() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("forged");
    opabinia_forge::forge(&opabinia_forge::Preset::Tiny.spec(), &directory, |_| {}).unwrap();
    let mut client = Client::start().unwrap();
    let (_, loading) = client.load(load_from(&directory), None);
    client.wait(loading).unwrap();
    let mut shared = |request| {
        let inspecting = client.inspect(request);
        client.wait(inspecting).unwrap().notes.iter().filter(|note| note.contains("shared")).count()
    };
    assert_eq!(shared(load_from(&directory)), 1);
    assert_eq!(shared(LoadRequest { weights: WeightFormat::Bf16.into(), ..load_from(&directory) }), 0);
    let mut weights: Vec<_> = walk(&directory.join("towers"));
    weights.retain(|path| path.extension().is_some_and(|end| end == "safetensors" || end == "bin"));
    assert!(weights.len() >= 4, "{weights:?}");
    for file in &weights {
        let mut bytes = std::fs::read(file).unwrap();
        // The last number of the last tensor, of either byte order finite.
        let last = bytes.len() - 2;
        bytes[last] ^= 1;
        std::fs::write(file, bytes).unwrap();
    }
    assert_eq!(shared(load_from(&directory)), 0);
}

fn walk(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
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

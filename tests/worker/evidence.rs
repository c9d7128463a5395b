//! Scores and interventions: how they run, and what they leave behind.

use crate::lock_step::{LockStep, ask, at, ids, image, output, reports, trace};
use opabinia_engine::Error;
use opabinia_engine::intervention::{Action, Interventions};
use opabinia_engine::job::Stage;
use opabinia_engine::probe::{Detail, evidence};
use opabinia_engine::run::Lane;
use opabinia_engine::worker::{Command, Decoding, Event, EventKind, EvidenceSpec, Outcome, Prompt, Record, RunSpec};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

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

#[test]
fn evidence_is_the_same_on_one_core_less() {
    let measure = |left: Duration| {
        let threads = Arc::new(Mutex::new(BTreeSet::new()));
        let seen = Arc::clone(&threads);
        let mut engine = LockStep::waking(move || {
            seen.lock().unwrap().insert(thread::current().name().unwrap_or_default().to_owned());
        });
        let model = engine.load("tiny-llama3");
        engine.engine.leave_a_core(left);
        let events = engine.command(Command::Evidence(Box::new(evidence_about(&ask(model, 4), true))), |_| false);
        let found: Vec<_> = events.iter().filter(|kind| matches!(kind, EventKind::Found(_))).collect();
        assert!(found.len() > 3, "{}", found.len());
        let fewer = threads.lock().unwrap().iter().any(|name| name.starts_with("one-less"));
        (format!("{found:?}"), fewer)
    };
    let ((all, on_fewer), (one_less, left)) = (measure(Duration::ZERO), measure(Duration::from_secs(3_600)));
    assert_eq!(all, one_less);
    assert_eq!((on_fewer, left), (false, rayon::current_num_threads() > 1), "which threads it ran on");
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

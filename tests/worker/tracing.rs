//! What a trace costs, when it is there, and what it takes over from earlier runs.

use crate::lock_step::{LockStep, ask, attend, ids, image, output, reports, trace};
use opabinia_engine::Error;
use opabinia_engine::job::Stage;
use opabinia_engine::probe::Detail;
use opabinia_engine::sva::HEADS;
use opabinia_engine::worker::{Decoding, EventKind, Prompt, Record, RunSpec};
use std::sync::Arc;

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

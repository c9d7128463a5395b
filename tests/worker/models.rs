//! Models side by side: what they share, which of them is asked, and who waits for whom.

use crate::lock_step::{LockStep, ask, ids, image, load, load_from};
use opabinia_engine::Error;
use opabinia_engine::job::Stage;
use opabinia_engine::model::LoadRequest;
use opabinia_engine::precision::WeightFormat;
use opabinia_engine::probe::Detail;
use opabinia_engine::run::Lane;
use opabinia_engine::vision::Picture;
use opabinia_engine::worker::{Client, Command, Event, EventKind, Outcome, Record, RunSpec};
use std::path::Path;
use std::sync::Arc;

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

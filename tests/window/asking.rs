//! Load, attach, ask, look.

use crate::harness::{ask, checkpoint, image, last, open, shot, wait};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use opabinia::window::Start;
use opabinia::window::action::{ConversationAction, ModelAction};
use opabinia::window::app::App;
use opabinia::window::command::UiCommand;
use opabinia::window::state::{AnswerStatus, ModelPhase, Slot};

#[test]
fn a_question_is_answered_and_its_maps_appear() {
    let start = Start { model: Some(checkpoint("tiny-llama3")), image: Some(image("wide.png")), ..Start::default() };
    let mut window = open(start, [1360.0, 860.0]);
    wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
    window.get_by_label("Question").focus();
    window.run_ok();
    window.get_by_label("Question").type_text("Describe this image in detail.");
    window.run_ok();
    window.get_by_label("Ask").click();
    wait(&mut window, "the answer", |app| {
        let shown = app.state().conversations.current().unwrap();
        shown
            .exchanges
            .last()
            .is_some_and(|exchange| exchange.status == AnswerStatus::Done || exchange.status == AnswerStatus::Full)
    });
    wait(&mut window, "the maps", |app| app.maps().is_some());
}

#[test]
fn maps_are_there_before_the_answer_and_stay_when_it_is_stopped() {
    let start = Start { model: Some(checkpoint("tiny-llama3")), image: Some(image("wide.png")), ..Start::default() };
    let mut window = open(start, [1360.0, 860.0]);
    wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
    wait(&mut window, "the picture", |app| app.state().picture().is_some());
    window.state_mut().state_mut().settings.sampling.max_tokens = 1500;
    ask(&mut window, "Describe this image in detail.");
    // Looked at after every frame: the little model is done in a moment.
    let started = std::time::Instant::now();
    while last(window.state()).unwrap().tokens.is_empty() {
        assert!(started.elapsed().as_secs() < 60, "waited too long for the first words");
        std::thread::sleep(std::time::Duration::from_millis(1));
        window.step();
    }
    assert!(window.state().state().trace().is_some(), "there is a trace before there is a token");
    window.state_mut().act(UiCommand::Stop);
    wait(&mut window, "the end", |app| last(app).is_some_and(|exchange| !exchange.status.is_open()));
    assert_eq!(last(window.state()).unwrap().status, AnswerStatus::Stopped);
    wait(&mut window, "the maps", |app| app.maps().is_some());
    window.get_by_label("Map");
    shot(&mut window, "stopped-with-maps");
}

fn about_a_picture() -> Harness<'static, App> {
    let start = Start { model: Some(checkpoint("tiny-llama3")), image: Some(image("wide.png")), ..Start::default() };
    let mut window = open(start, [1360.0, 860.0]);
    wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
    wait(&mut window, "the picture", |app| app.state().picture().is_some());
    window.state_mut().state_mut().settings.sampling.max_tokens = 4;
    window
}

fn is_answered(app: &App) -> bool {
    last(app).is_some_and(|exchange| !exchange.status.is_open())
}

#[test]
fn maps_under_another_system_prompt_are_maps_of_their_own() {
    let mut window = about_a_picture();
    ask(&mut window, "What is this?");
    wait(&mut window, "the answer", is_answered);
    let first = window.state().state().trace_key().unwrap();
    let system = "Answer with the names of colours and nothing else.";
    window.state_mut().act(ConversationAction::SetSystem(system.to_owned()));
    window.run_ok();
    assert_eq!(window.state().state().trace_key().as_ref(), Some(&first), "nothing was answered under it yet");
    ask(&mut window, "And this?");
    let second = window.state().state().trace_key().unwrap();
    assert_ne!(second, first);
    wait(&mut window, "the answer", is_answered);
    assert_eq!(window.state().state().trace_key().as_ref(), Some(&second));
    let state = window.state().state();
    let [before, after] = [&first, &second].map(|key| &state.traces.get(key).unwrap().trace);
    for (before, after) in before.layers.iter().zip(&after.layers) {
        assert_eq!(before.label, after.label);
        assert_eq!(before.probs == after.probs, before.label.starts_with('C'), "{}", before.label);
    }
}

#[test]
fn an_answer_queued_behind_one_that_is_stopped_brings_the_maps() {
    let mut window = about_a_picture();
    // What keeps the engine until both questions wait: nobody hears of it before the frame after them.
    window.state_mut().act(ModelAction::Inspect(Slot::B, checkpoint("tiny-phi3")));
    wait(&mut window, "the inspection", |app| {
        app.state().models.opening(Slot::B).is_some_and(|opening| matches!(opening.phase, ModelPhase::Inspected(_)))
    });
    window.state_mut().act(ModelAction::Load(Slot::B));
    let asked = |window: &mut Harness<'_, App>, question: &str| {
        window.state_mut().act(ConversationAction::SetDraft(question.to_owned()));
        window.state_mut().act(ConversationAction::Ask);
    };
    asked(&mut window, "What is this?");
    let first = window.state().state().conversations.current().unwrap().id;
    window.state_mut().act(ConversationAction::New);
    asked(&mut window, "And now?");
    let key = window.state().state().trace_key().unwrap();
    let bring = window.state().state().jobs.iter().filter(|(_, job)| job.purpose.makes_trace() == Some(&key));
    assert_eq!(bring.count(), 2, "neither can know what becomes of the other");
    window.state_mut().act(ConversationAction::Remove(first));
    wait(&mut window, "the answer", is_answered);
    assert!(window.state().state().traces.get(&key).is_some());
}

//! Load, attach, ask, look.

use crate::harness::{ask, checkpoint, image, last, open, shot, wait};
use egui_kittest::kittest::Queryable;
use opabinia::window::Start;
use opabinia::window::command::UiCommand;
use opabinia::window::state::{AnswerStatus, Slot};

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

//! Load, attach, ask, look.

use crate::harness::{checkpoint, image, open, wait};
use egui_kittest::kittest::Queryable;
use opabinia::window::Start;
use opabinia::window::state::{AnswerStatus, Slot, TraceUpload};

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
    wait(&mut window, "the maps", |app| {
        app.state().trace().is_some_and(|entry| matches!(entry.upload, TraceUpload::Ready(_)))
    });
}

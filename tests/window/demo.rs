//! The first minute: the demo checkpoint, a sample picture, an answer and its maps.

use crate::harness::{last, open, shot, wait};
use opabinia::window::Start;
use opabinia::window::app::App;
use opabinia::window::state::{AnswerStatus, ViewChange};
use opabinia_shaders::Cell;

/// Whether the first sample was answered and its maps are there.
pub fn shown(app: &App) -> bool {
    let answered = last(app).is_some_and(|exchange| exchange.status == AnswerStatus::Done);
    answered && app.maps().is_some()
}

#[test]
fn the_window_opens_on_an_answer_about_a_sample() {
    let mut window = open(Start { welcome: true, ..Start::default() }, [1360.0, 860.0]);
    wait(&mut window, "the answer and its maps", shown);
    let exchange = last(window.state()).unwrap();
    assert_eq!(exchange.answer, "There are 6 objects and a sign that says GIFT.");
    assert!(window.state().state().models.loaded(opabinia::window::state::Slot::A).unwrap().is_demo());
    window.state_mut().act(ViewChange::Select(Some(Cell { row: 2, col: 4 })));
    // Numbers come with the frames that are drawn.
    for _ in 0..3 {
        window.render().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(100));
        window.step();
    }
    shot(&mut window, "window");
}

//! A few pictures of the window as it should be, kept in `tests/snapshots`. `UPDATE_SNAPSHOTS=1` writes them anew: look at
//! what changed before it is committed.

use crate::harness::{last, open, wait};
use egui_kittest::{Harness, SnapshotOptions};
use opabinia::language::LanguageChoice;
use opabinia::window::Start;
use opabinia::window::action::ProgramAction;
use opabinia::window::app::App;
use opabinia::window::state::{AnswerStatus, AnswerTimes, ViewChange};
use opabinia::window::theme::ThemeChoice;
use opabinia_shaders::{Cell, Quantity};

/// The smallest window that is promised to be usable.
const SIZE: [f32; 2] = [1024.0, 640.0];

/// Colours of maps may differ by a rounding from one processor to another; letters and lines may not.
fn compare(window: &mut Harness<'static, App>, name: &str) {
    window.remove_cursor();
    // Numbers come with the frames that are drawn.
    for _ in 0..3 {
        window.render().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(100));
        window.step();
    }
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/snapshots");
    window.snapshot_options(name, &SnapshotOptions::new().output_path(directory).threshold(0.6).max_failed_pixels(60));
}

fn speak(window: &mut Harness<'static, App>, language: LanguageChoice, theme: ThemeChoice) {
    window.state_mut().act(ProgramAction::SetLanguage(language));
    window.state_mut().act(ProgramAction::SetTheme(theme));
    window.step();
    window.step();
}

#[test]
fn the_start_page_is_as_it_should_be() {
    let mut window = open(Start::default(), SIZE);
    wait(&mut window, "the hub cache", |app| app.state().hub.is_some());
    window.state_mut().state_mut().hub = Some(Vec::new());
    speak(&mut window, LanguageChoice::English, ThemeChoice::Light);
    compare(&mut window, "start_english_light");
    speak(&mut window, LanguageChoice::Chinese, ThemeChoice::Dark);
    compare(&mut window, "start_chinese_dark");
}

#[test]
fn an_answer_and_its_maps_are_as_they_should_be() {
    let mut window = open(Start { welcome: true, ..Start::default() }, SIZE);
    wait(&mut window, "the answer and its maps", |app| {
        let answered = last(app).is_some_and(|exchange| exchange.status == AnswerStatus::Done);
        answered && app.maps().is_some()
    });
    // What depends on the machine is set, and the message of the first minute goes away by itself.
    window.state_mut().state_mut().notices = Default::default();
    let shown = window.state_mut().state_mut().conversations.shown();
    shown.exchanges[0].times = Some(AnswerTimes { first_token_secs: 0.2, tokens_per_sec: Some(100.0) });
    window.state_mut().act(ViewChange::Select(Some(Cell { row: 2, col: 4 })));
    speak(&mut window, LanguageChoice::English, ThemeChoice::Dark);
    compare(&mut window, "maps_english_dark");
    window.state_mut().act(ViewChange::Quantity(Quantity::Dominant));
    speak(&mut window, LanguageChoice::Chinese, ThemeChoice::Light);
    compare(&mut window, "maps_chinese_light");
}

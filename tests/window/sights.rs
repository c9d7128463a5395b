//! A few pictures of the window as it should be, kept in `tests/snapshots`. `UPDATE_SNAPSHOTS=1` writes them anew: look at
//! what changed before it is committed.

use crate::comparing::{SIZES, demo_against_moved, drawn, numbers_of};
use crate::evaluating::{command_line_run, evaluation, paired, set, type_into, with_set};
use crate::harness::{drop_file, last, open, shot, wait};
use egui_kittest::kittest::Queryable;
use egui_kittest::{Harness, SnapshotOptions};
use opabinia::evaluation::Quadrant;
use opabinia::language::LanguageChoice;
use opabinia::window::Start;
use opabinia::window::action::{ComparisonAction, EvaluationAction, ProgramAction};
use opabinia::window::app::App;
use opabinia::window::state::{
    AnswerStatus, AnswerTimes, ComparisonTab, Crossing, EvaluationField, Known, MapsCompared, SidesLook, Slot,
    ViewChange,
};
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

/// The demo and the checkpoint that the guide forges of it, both asked, with everything known that is shown of them.
fn both(folder: &std::path::Path, size: [f32; 2]) -> Harness<'static, App> {
    let mut window = demo_against_moved(folder, size);
    drawn(&mut window, |app| numbers_of(app, Slot::A).and(numbers_of(app, Slot::B)));
    wait(&mut window, "what is known of both", |app| {
        let comparison = &app.state().comparison;
        let crossed = app.state().cross_key().and_then(|key| comparison.crossed.get(&key));
        let maps = app.state().both_traces().and_then(|keys| comparison.maps(&keys));
        matches!((crossed, maps), (Some(Crossing::Ready(_)), Some(MapsCompared::Ready(_)))) && !app.state().is_busy()
    });
    // What depends on the machine is set.
    let state = window.state_mut().state_mut();
    state.notices = Default::default();
    let shown = state.conversations.shown();
    for at in 0..shown.exchanges.len() {
        shown.exchanges[at].times = Some(AnswerTimes { first_token_secs: 0.2, tokens_per_sec: Some(100.0) });
    }
    window.state_mut().act(ViewChange::Select(Some(Cell { row: 3, col: 2 })));
    window
}

fn look(window: &mut Harness<'static, App>, look: SidesLook) {
    window.state_mut().act(ComparisonAction::Look(look));
    window.run_ok();
}

#[test]
fn two_checkpoints_are_as_they_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = both(folder.path(), SIZES[0]);
    look(&mut window, SidesLook::Beside);
    speak(&mut window, LanguageChoice::English, ThemeChoice::Light);
    compare(&mut window, "comparison_english_light");
    look(&mut window, SidesLook::Wipe);
    speak(&mut window, LanguageChoice::Chinese, ThemeChoice::Dark);
    compare(&mut window, "comparison_chinese_dark");
}

#[test]
fn two_checkpoints_in_a_small_window_are_as_they_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = both(folder.path(), SIZES[1]);
    look(&mut window, SidesLook::Difference);
    speak(&mut window, LanguageChoice::English, ThemeChoice::Dark);
    compare(&mut window, "comparison_small_english_dark");
    window.state_mut().act(ComparisonAction::Show(ComparisonTab::Answers));
    window.run_ok();
    speak(&mut window, LanguageChoice::Chinese, ThemeChoice::Light);
    compare(&mut window, "comparison_small_chinese_light");
}

#[test]
fn the_evaluation_of_a_set_is_as_it_should_be() {
    let directory = tempfile::tempdir().unwrap();
    let run = directory.path().join("run");
    command_line_run(&run, "20", &["--conditions", "as_is,no_image,mask:dinov2,mask:convnext"]);
    let mut window = with_set(&set(), "20", SIZE);
    drop_file(&mut window, &run);
    wait(&mut window, "the two columns", paired);
    // Where files lie depends on the machine.
    type_into(&mut window, EvaluationField::Set, "questions");
    type_into(&mut window, EvaluationField::Run, "runs/demo");
    window.state_mut().act(EvaluationAction::SetQuadrant(Some(Quadrant::OnlyFirst)));
    window.state_mut().state_mut().notices = Default::default();
    speak(&mut window, LanguageChoice::English, ThemeChoice::Dark);
    compare(&mut window, "evaluation_english_dark");
    let idx = {
        let (_, pair) = evaluation(window.state()).shown_pair().unwrap();
        let first = *pair.of(Quadrant::OnlyFirst).first().unwrap();
        let run = evaluation(window.state()).run.ready().unwrap();
        run.record(pair.entries[first].0).unwrap().idx.clone()
    };
    window.state_mut().act(EvaluationAction::SelectItem(Some(idx)));
    let ready = |app: &App| matches!(evaluation(app).picture, Some((_, Known::Ready(_))));
    wait(&mut window, "the picture", ready);
    speak(&mut window, LanguageChoice::Chinese, ThemeChoice::Light);
    window.get_by_label("问题的图片").scroll_to_me();
    window.step();
    window.step();
    compare(&mut window, "evaluation_chinese_light");
    // Other sizes and looks, for people to look at.
    for (size, language, theme, name) in [
        ([1360.0, 860.0], LanguageChoice::English, ThemeChoice::Light, "evaluation-large-english-light"),
        ([1360.0, 860.0], LanguageChoice::Chinese, ThemeChoice::Dark, "evaluation-large-chinese-dark"),
        (SIZE, LanguageChoice::English, ThemeChoice::Light, "evaluation-small-english-light"),
        (SIZE, LanguageChoice::Chinese, ThemeChoice::Dark, "evaluation-small-chinese-dark"),
    ] {
        window.set_size(size.into());
        speak(&mut window, language, theme);
        shot(&mut window, name);
    }
}

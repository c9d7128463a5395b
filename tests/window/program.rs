//! Palette, settings, messages, and what the program says of itself.

use crate::harness::{checkpoint, open, open_without_graphics, shot, typed, wait};
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable};
use opabinia::language::Language;
use opabinia::window::Start;
use opabinia::window::app::App;
use opabinia::window::state::{NoticeKind, Overlay, Slot};
use opabinia::window::theme::ThemeChoice;
use std::time::Duration;

fn started() -> Harness<'static, App> {
    let mut window = open(Start::default(), [1024.0, 640.0]);
    window.run_ok();
    window
}

fn press(window: &mut Harness<'_, App>, key: Key) {
    window.key_press(key);
    window.run_ok();
}

fn open_palette(window: &mut Harness<'_, App>) {
    window.key_press_modifiers(Modifiers::COMMAND, Key::K);
    window.run_ok();
}

#[test]
fn the_palette_does_what_was_typed() {
    let mut window = started();
    open_palette(&mut window);
    shot(&mut window, "palette");
    window.get_by_label("Command").type_text("abo");
    window.run_ok();
    press(&mut window, Key::Enter);
    assert_eq!(window.state().state().overlay, Overlay::About);
    shot(&mut window, "about");
    press(&mut window, Key::Escape);
    assert_eq!(window.state().state().overlay, Overlay::None);
}

#[test]
fn arrows_choose_in_the_palette_and_go_around() {
    let mut window = started();
    open_palette(&mut window);
    press(&mut window, Key::ArrowDown);
    press(&mut window, Key::ArrowDown);
    assert!(matches!(window.state().state().overlay, Overlay::Palette { chosen: 2, .. }));
    for _ in 0..3 {
        press(&mut window, Key::ArrowUp);
    }
    press(&mut window, Key::Enter);
    assert_eq!(window.state().state().overlay, Overlay::About, "the last command of the table");
}

#[test]
fn settings_change_at_once() {
    let mut window = started();
    window.key_press_modifiers(Modifiers::COMMAND, Key::Comma);
    window.run_ok();
    shot(&mut window, "settings");
    window.get_by_label("简体中文").click();
    window.run_ok();
    assert_eq!(window.state().texts().language, Language::Chinese);
    window.get_by_label("浅色").click();
    window.run_ok();
    assert_eq!(window.state().state().settings.theme, ThemeChoice::Light);
    shot(&mut window, "settings-zh");
    window.get_by_label("关闭").click();
    window.run_ok();
    assert_eq!(window.state().state().overlay, Overlay::None);
}

#[test]
fn everything_becomes_larger_with_the_keyboard_and_that_is_a_setting() {
    let mut window = started();
    window.key_press_modifiers(Modifiers::COMMAND, Key::Plus);
    window.run_ok();
    assert!(window.state().state().settings.scale > 1.0);
}

#[test]
fn messages_stand_below_everything_one_at_a_time_and_stay_in_the_log() {
    let model = Some(checkpoint("tiny-llama3"));
    let mut window = open(Start { model, ..Start::default() }, [1024.0, 640.0]);
    wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
    let long = "The file /pictures/desk.jpg could not be read: ".repeat(12);
    for text in ["first", "second", &long, "fourth", "fifth"] {
        window.state_mut().state_mut().notices.add(NoticeKind::Failure, text);
    }
    window.run_ok();
    shot(&mut window, "messages");
    // Under the lowest button of the panels.
    let ask = window.get_by_label("Ask").rect();
    let close = window.get_by_label("Close").rect();
    assert!(close.top() > ask.bottom(), "{close:?} lies over {ask:?}");
    window.get_by_label_contains("4 more");
    let live = window.get_by_label("Fifth").accesskit_node().live();
    assert_eq!(live, egui::accesskit::Live::Polite, "a screen reader says what comes");
    window.key_press_modifiers(Modifiers::COMMAND, Key::L);
    window.run_ok();
    window.get_by_label("First");
    shot(&mut window, "log");
    window.get_by_label("Copy all").click();
    window.step();
    let copied = window.output().platform_output.commands.iter().any(
        |command| matches!(command, egui::OutputCommand::CopyText(text) if text.contains("First") && text.contains("Fifth")),
    );
    assert!(copied);
}

#[test]
fn the_title_says_which_model_is_open() {
    let model = Some(checkpoint("tiny-llama3"));
    let mut window = open(Start { model, ..Start::default() }, [1024.0, 640.0]);
    let mut titles = Vec::new();
    for _ in 0..2000 {
        window.step();
        let viewports = window.output().viewport_output.values();
        titles.extend(viewports.flat_map(|viewport| &viewport.commands).filter_map(|command| match command {
            egui::ViewportCommand::Title(title) => Some(title.clone()),
            _ => None,
        }));
        if window.state().state().models.loaded(Slot::A).is_some() && !titles.is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(titles.last().map(String::as_str), Some("checkpoint – Opabinia"));
}

/// The window without a graphics device, once its field for questions is there and holds the cursor.
fn typing() -> Harness<'static, App> {
    let start = Start { model: Some(checkpoint("tiny-llama3")), ..Start::default() };
    let mut window = open_without_graphics(start, [1024.0, 640.0]);
    wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
    typed(&mut window, "What");
    window
}

/// When the window wants to be drawn again.
fn next_frame(window: &Harness<'_, App>) -> Duration {
    window.output().viewport_output[&egui::ViewportId::ROOT].repaint_delay
}

#[test]
fn the_cursor_blinks_for_a_while_and_then_nothing_is_drawn() {
    let mut window = typing();
    let blinks = (0..8).any(|_| {
        window.step();
        next_frame(&window) <= Duration::from_secs(1)
    });
    assert!(blinks, "somebody has just typed");
    // A step is a quarter of a second: after twenty, and what else the window had to do.
    window.run_steps(80);
    for _ in 0..8 {
        window.step();
        assert_eq!(next_frame(&window), Duration::MAX, "nobody has touched it for twenty seconds");
    }
    window.key_press(Key::ArrowLeft);
    window.run_steps(2);
    assert!(next_frame(&window) <= Duration::from_secs(1), "somebody is back");
}

#[test]
fn the_cursor_stands_still_where_the_processor_draws() {
    let model = Some(checkpoint("tiny-llama3"));
    let mut window = open(Start { model, ..Start::default() }, [1024.0, 640.0]);
    wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
    typed(&mut window, "What");
    window.step();
    window.step();
    assert_eq!(next_frame(&window), Duration::MAX);
}

#[test]
fn the_first_frame_has_the_field_for_the_question() {
    let model = Some(checkpoint("tiny-llama3"));
    let mut window = open(Start { model, ..Start::default() }, [1024.0, 640.0]);
    let first = loop {
        if let Some(field) = window.query_by_label("Question") {
            break field.rect();
        }
        std::thread::sleep(Duration::from_millis(2));
        window.step();
    };
    window.run_ok();
    assert_eq!(window.get_by_label("Question").rect(), first, "where it was in the first frame");
    assert!(first.bottom() < 640.0);
}

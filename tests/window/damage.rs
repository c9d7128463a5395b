//! What damage does to a kept session: nothing that is legible is lost.

use crate::harness::{checkpoint, image, open, wait};
use crate::keeping::{draft, drafted, start};
use egui::{MouseWheelUnit, TouchPhase};
use egui_kittest::kittest::Queryable;
use opabinia::language::Language;
use opabinia::window::Start;
use opabinia::window::action::ConversationAction;
use opabinia::window::state::Slot;
use opabinia::window::store::{LoadWarning, SessionPart, Store};
use opabinia_shaders::Normalisation;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn a_damaged_session_is_kept_aside_and_the_copy_before_it_is_used() {
    let directory = tempfile::tempdir().unwrap();
    let (place, damaged) = (directory.path().join("session.json"), b"{\"version\": 1, \"settings\"".as_slice());
    let (store, none, warnings) = Store::open(directory.path());
    assert!(none.is_none() && warnings.is_empty());
    store.save(&mut drafted("first")).unwrap();
    store.save(&mut drafted("second")).unwrap();
    drop(store);
    fs::write(&place, damaged).unwrap();

    let (store, session, warnings) = Store::open(directory.path());
    assert_eq!(draft(&session.unwrap()), "first");
    let [LoadWarning::KeptAside(aside, Some(_)), LoadWarning::FromCopy] = warnings.as_slice() else {
        panic!("{warnings:?}")
    };
    store.save(&mut drafted("third")).unwrap();
    store.save(&mut drafted("fourth")).unwrap();
    assert_eq!(fs::read(aside).unwrap(), damaged, "what cannot be read is never written over");
}

#[test]
fn a_newer_session_is_kept_aside_untouched() {
    let directory = tempfile::tempdir().unwrap();
    let newer = json!({ "version": 1_000_000, "settings": { "from": "the future" } }).to_string();
    fs::write(directory.path().join("session.json"), &newer).unwrap();
    let mut window = open(start(directory.path()), [1024.0, 640.0]);
    window.run_ok();
    let kept = directory.path().join("session.kept-1.json");
    let said = window.state().state().notices.all().map(|notice| notice.text.clone()).collect::<String>();
    assert!(said.contains(&kept.display().to_string()) && said.contains("newer version"), "{said}");
    let mut app = window.into_state();
    eframe::App::on_exit(&mut app);
    assert_eq!(fs::read_to_string(kept).unwrap(), newer);
    assert!(fs::read_to_string(directory.path().join("session.json")).unwrap().contains("\"version\":2"));
}

#[test]
fn damage_in_one_part_leaves_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("session.json");
    let file = serde_json::to_string(&drafted("still here")).unwrap();
    fs::write(&place, file.replace("\"layout\":{", "\"layout\":{\"root\":\"gone\",")).unwrap();
    let (_store, session, warnings) = Store::open(directory.path());
    assert_eq!(draft(&session.unwrap()), "still here");
    let [LoadWarning::PartLost(SessionPart::Layout, _), LoadWarning::DamagedKept(aside)] = warnings.as_slice() else {
        panic!("{warnings:?}")
    };
    assert_eq!(*aside, directory.path().join("session.kept-1.json"));
    assert!(directory.path().join("session.kept-1.json").exists());
}

/// What damage to conversations looks like.
fn damage(session: &str) -> String {
    let damaged = session.replace("\"conversations\":{\"all\":{", "\"conversations\":{\"all\":7,\"was\":{");
    assert_ne!(damaged, session);
    damaged
}

/// The session and its copy, with "second" and "first" in the field.
fn saved_twice(directory: &Path) -> [PathBuf; 2] {
    let (store, _, _) = Store::open(directory);
    store.save(&mut drafted("first")).unwrap();
    store.save(&mut drafted("second")).unwrap();
    ["session.json", "session.json.bak"].map(|name| directory.join(name))
}

#[test]
fn a_damaged_part_is_taken_from_the_copy() {
    let directory = tempfile::tempdir().unwrap();
    let [place, copy] = saved_twice(directory.path());
    let damaged = damage(&fs::read_to_string(&place).unwrap());
    fs::write(&place, &damaged).unwrap();
    let (store, session, warnings) = Store::open(directory.path());
    assert_eq!(draft(&session.unwrap()), "first");
    let [part @ LoadWarning::PartFromCopy(SessionPart::Conversations, _), kept @ LoadWarning::DamagedKept(aside)] =
        warnings.as_slice()
    else {
        panic!("{warnings:?}")
    };
    let texts = Language::English.texts();
    assert!(part.words(texts).contains("taken from the copy"), "{}", part.words(texts));
    assert!(kept.words(texts).contains(&aside.display().to_string()), "{}", kept.words(texts));
    store.save(&mut drafted("third")).unwrap();
    store.save(&mut drafted("fourth")).unwrap();
    assert_eq!(fs::read_to_string(aside).unwrap(), damaged);
    assert!(copy.exists());
}

#[test]
fn where_both_are_damaged_both_are_kept_aside() {
    let directory = tempfile::tempdir().unwrap();
    let [place, copy] = saved_twice(directory.path());
    let texts = [&place, &copy].map(|file| {
        let damaged = damage(&fs::read_to_string(file).unwrap());
        fs::write(file, &damaged).unwrap();
        damaged
    });
    let (store, session, warnings) = Store::open(directory.path());
    assert_eq!(draft(&session.unwrap()), "");
    let [
        LoadWarning::PartLost(SessionPart::Conversations, _),
        LoadWarning::DamagedKept(one),
        LoadWarning::DamagedKept(two),
    ] = warnings.as_slice()
    else {
        panic!("{warnings:?}")
    };
    store.save(&mut drafted("third")).unwrap();
    store.save(&mut drafted("fourth")).unwrap();
    assert_eq!([one, two].map(|file| fs::read_to_string(file).unwrap()), texts);
    drop(store);

    // The same where nothing at all can be read.
    for file in [&place, &copy] {
        fs::write(file, "{").unwrap();
    }
    let (_store, session, warnings) = Store::open(directory.path());
    assert!(session.is_none());
    assert!(matches!(warnings.as_slice(), [LoadWarning::KeptAside(..), LoadWarning::KeptAside(..)]), "{warnings:?}");
    assert!(!place.exists() && !copy.exists());
}

#[test]
fn names_too_large_to_be_followed_by_another_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("session.json");
    let file = serde_json::to_string(&drafted("here")).unwrap();
    let last = u64::MAX;
    let conversation = file
        .replace("\"all\":{\"0\":{\"id\":0", &format!("\"all\":{{\"{last}\":{{\"id\":{last}"))
        .replace("\"shown\":0", &format!("\"shown\":{last}"));
    let picture = format!("\"pictures\":[{{\"id\":{last},\"source\":{{\"Sample\":\"desk\"}}}}]");
    let pictures = file.replace("\"pictures\":[]", &picture);
    for (text, part) in [(conversation, SessionPart::Conversations), (pictures, SessionPart::Pictures)] {
        assert_ne!(text, file);
        fs::write(&place, text).unwrap();
        let mut window = open(start(directory.path()), [1024.0, 640.0]);
        window.run_ok();
        let said = window.state().state().notices.all().map(|notice| notice.text.clone()).collect::<String>();
        assert!(said.contains(part.name()), "{said}");
        // Both count up.
        window.state_mut().act(ConversationAction::New);
        window.state_mut().act(ConversationAction::AttachFile(image("wide.png")));
        window.run_ok();
    }
}

#[test]
fn a_view_out_of_bounds_can_be_zoomed() {
    let directory = tempfile::tempdir().unwrap();
    let file = serde_json::to_string(&drafted("")).unwrap();
    let whole = "\"shown\":{\"left\":0.0,\"top\":0.0,\"width\":1.0,\"height\":1.0}";
    let damages = [
        (whole, "\"shown\":{\"left\":0.5,\"top\":0.5,\"width\":0,\"height\":0}"),
        (whole, "\"shown\":{\"left\":1e39,\"top\":-1e39,\"width\":1e39,\"height\":0.5}"),
        (whole, "\"shown\":{\"left\":7,\"top\":0,\"width\":-0.5,\"height\":0.5}"),
        ("\"opacity\":0.6", "\"opacity\":-1e39"),
        ("\"normalisation\":\"Common\"", "\"normalisation\":{\"Fixed\":{\"low\":2,\"high\":1}}"),
    ];
    for (at, (sound, damaged)) in damages.into_iter().enumerate() {
        let text = file.replace(sound, damaged);
        assert_ne!(text, file, "{sound}");
        fs::write(directory.path().join("session.json"), text).unwrap();
        let (store, session, warnings) = Store::open(directory.path());
        assert_eq!(warnings, [], "the rest of the view stands");
        let view = session.unwrap().panes.active().lens.clone();
        assert!((0.0..=1.0).contains(&view.opacity) && view.shown.width <= 1.0, "{view:?}");
        assert!(!matches!(view.normalisation, Normalisation::Fixed { .. }), "{view:?}");
        drop(store);
        // What divided by nothing, and what had no bounds.
        if at >= 2 {
            continue;
        }
        let begin =
            Start { model: Some(checkpoint("tiny-llama3")), image: Some(image("wide.png")), ..start(directory.path()) };
        let mut window = open(begin, [1360.0, 860.0]);
        window.ctx.set_missing_glyph_policy(egui::MissingGlyphPolicy::Tofu);
        wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
        window.state_mut().act(ConversationAction::SetDraft("What is this?".into()));
        window.state_mut().act(ConversationAction::Ask);
        wait(&mut window, "the maps", |app| !app.state().is_busy() && app.maps().is_some());
        let middle = window.get_by_label("Map").rect().center();
        window.hover_at(middle);
        window.step();
        window.event(egui::Event::MouseWheel {
            unit: MouseWheelUnit::Point,
            delta: egui::vec2(0.0, 200.0),
            phase: TouchPhase::Move,
            source: egui::MouseWheelSource::Wheel,
            modifiers: egui::Modifiers::NONE,
        });
        for _ in 0..40 {
            window.step();
        }
        let shown = window.state().state().lens().shown;
        assert!((0.0..1.0).contains(&shown.left) && (0.01..0.8).contains(&shown.width), "{damaged}: {shown:?}");
    }
}

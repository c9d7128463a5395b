//! What survives a restart, and what damage does to it.

use crate::harness::{checkpoint, image, open, wait};
use egui_kittest::kittest::Queryable;
use opabinia::window::Start;
use opabinia::window::state::{AppState, PictureSource, PictureState};
use opabinia::window::store::{Lost, Remark, Session, Store};
use opabinia_engine::worker::Slot;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A session as version 1 wrote it. It is never changed: what it holds has to be read for as long as there are files
/// of that version.
const VERSION_1: &str = include_str!("session-v1.json");

fn start(directory: &Path) -> Start {
    Start { data_dir: Some(directory.to_path_buf()), ..Start::default() }
}

/// A session with this in its first conversation's field.
fn drafted(text: &str) -> Session {
    let mut state = AppState::default();
    state.conversations.shown().draft = text.to_owned();
    Session::of(&state, None)
}

fn draft(session: &Session) -> String {
    let mut state = AppState::default();
    session.clone().restore(&mut state);
    state.conversations.shown().draft.clone()
}

#[test]
fn what_was_asked_set_and_looked_at_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let begin =
        Start { model: Some(checkpoint("tiny-llama3")), image: Some(image("wide.png")), ..start(directory.path()) };
    let mut window = open(begin, [1360.0, 860.0]);
    wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
    window.get_by_label("Question").focus();
    window.run_ok();
    window.get_by_label("Question").type_text("What is this?");
    window.run_ok();
    window.get_by_label("Ask").click();
    wait(&mut window, "the answer", |app| !app.state().is_busy() && app.state().trace().is_some());
    window.get_by_label("Colours: Light").click();
    window.run_ok();
    let before = Session::of(window.state().state(), None);
    let mut app = window.into_state();
    eframe::App::on_exit(&mut app);
    drop(app);

    let mut again = open(start(directory.path()), [1360.0, 860.0]);
    wait(&mut again, "the model of last time", |app| app.state().models.loaded(Slot::A).is_some());
    let after = Session::of(again.state().state(), None);
    assert_eq!(after, before);
    let shown = again.state().state().conversations.current().unwrap();
    assert_eq!(shown.exchanges[0].question, "What is this?");
    assert!(!shown.exchanges[0].answer.is_empty());
    wait(&mut again, "the picture", |app| {
        let state = app.state();
        state.picture().is_some_and(|picture| state.pictures.ready(picture).is_some())
    });
}

#[test]
fn changes_are_saved_while_the_window_is_open() {
    let directory = tempfile::tempdir().unwrap();
    let mut window = open(start(directory.path()), [1024.0, 640.0]);
    window.run_ok();
    window.get_by_label("Colours: Light").click();
    let file = directory.path().join("session.json");
    wait(&mut window, "the file", |_| fs::read_to_string(&file).is_ok_and(|text| text.contains("\"theme\":\"Light\"")));
}

#[test]
fn a_pasted_picture_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let mut window = open(start(directory.path()), [1024.0, 640.0]);
    window.run_ok();
    let pixels = egui::ColorImage::new([5, 3], (0..15).map(|at| egui::Color32::from_rgb(at, 2 * at, 200)).collect());
    window.event(egui::Event::PasteImage(pixels.into()));
    let ready = |app: &opabinia::window::app::App| {
        let state = app.state();
        state.picture().is_some_and(|picture| state.pictures.ready(picture).is_some())
    };
    wait(&mut window, "the picture", ready);
    let id = window.state().state().picture().unwrap();
    let before = window.state().state().pictures.ready(id).unwrap().rgb.clone();
    let mut app = window.into_state();
    eframe::App::on_exit(&mut app);
    drop(app);
    let mut again = open(start(directory.path()), [1024.0, 640.0]);
    wait(&mut again, "the picture", ready);
    let entry = again.state().state().pictures.get(id).unwrap();
    assert!(matches!(entry.source, PictureSource::Pasted(_)));
    let PictureState::Ready(picture) = &entry.state else { panic!("not read") };
    assert_eq!((picture.width, picture.height, &picture.rgb), (5, 3, &before));
}

#[test]
fn a_session_of_version_1_is_read_in_full() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("session.json"), VERSION_1).unwrap();
    let (_store, session, remarks) = Store::open(directory.path());
    assert_eq!(remarks, [], "nothing is lost");
    let written = serde_json::from_slice(&serde_json::to_vec(&session.unwrap()).unwrap()).unwrap();
    contains(&written, &serde_json::from_str(VERSION_1).unwrap(), "");
}

/// Holds `now` to everything `then` says; newer versions may say more.
fn contains(now: &Value, then: &Value, place: &str) {
    match (now, then) {
        (Value::Object(now), Value::Object(then)) => {
            for (key, then) in then {
                let place = format!("{place}/{key}");
                contains(now.get(key).unwrap_or_else(|| panic!("{place} is gone")), then, &place);
            }
        }
        (Value::Array(now), Value::Array(then)) if now.len() == then.len() => {
            for (at, (now, then)) in now.iter().zip(then).enumerate() {
                contains(now, then, &format!("{place}/{at}"));
            }
        }
        (now, then) => assert_eq!(now, then, "{place}"),
    }
}

#[test]
fn a_damaged_session_is_kept_aside_and_the_copy_before_it_is_used() {
    let directory = tempfile::tempdir().unwrap();
    let (place, damaged) = (directory.path().join("session.json"), b"{\"version\": 1, \"settings\"".as_slice());
    let (store, none, remarks) = Store::open(directory.path());
    assert!(none.is_none() && remarks.is_empty());
    store.save(&mut drafted("first")).unwrap();
    store.save(&mut drafted("second")).unwrap();
    drop(store);
    fs::write(&place, damaged).unwrap();

    let (store, session, remarks) = Store::open(directory.path());
    assert_eq!(draft(&session.unwrap()), "first");
    let [Remark::KeptAside(aside, Some(_)), Remark::FromCopy] = remarks.as_slice() else { panic!("{remarks:?}") };
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
    assert!(fs::read_to_string(directory.path().join("session.json")).unwrap().contains("\"version\":1"));
}

#[test]
fn damage_in_one_part_leaves_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("session.json");
    let file = serde_json::to_string(&drafted("still here")).unwrap();
    fs::write(&place, file.replace("\"layout\":{", "\"layout\":{\"root\":\"gone\",")).unwrap();
    let (_store, session, remarks) = Store::open(directory.path());
    assert_eq!(draft(&session.unwrap()), "still here");
    assert!(matches!(remarks.as_slice(), [Remark::PartLost(Lost::Layout, _)]), "{remarks:?}");
    assert!(directory.path().join("session.kept-1.json").exists());
}

#[test]
fn a_second_window_reads_but_never_writes() {
    let directory = tempfile::tempdir().unwrap();
    let (first, _, _) = Store::open(directory.path());
    first.save(&mut drafted("of the first")).unwrap();
    let (second, session, remarks) = Store::open(directory.path());
    assert_eq!(draft(&session.unwrap()), "of the first");
    assert_eq!(remarks, [Remark::SecondWindow]);
    second.save(&mut drafted("of the second")).unwrap();
    drop((first, second));
    let (_store, session, _) = Store::open(directory.path());
    assert_eq!(draft(&session.unwrap()), "of the first");
}

#[test]
fn a_directory_that_cannot_be_written_is_said_and_survived() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a file");
    fs::write(&file, "x").unwrap();
    let mut window = open(start(&file), [1024.0, 640.0]);
    window.run_ok();
    let said = window.state().state().notices.all().map(|notice| notice.text.clone()).collect::<String>();
    assert!(said.contains("could not be saved"), "{said}");
}

/// The variable that makes the test below the program that is killed.
const VICTIM: &str = "OPABINIA_TEST_SAVES_UNTIL_KILLED";

#[test]
fn whenever_the_program_is_killed_a_whole_session_is_left() {
    if let Some(directory) = std::env::var_os(VICTIM) {
        let (store, session, _) = Store::open(Path::new(&directory));
        let mut count: u64 = session.map_or(0, |session| number(&draft(&session)));
        loop {
            count += 1;
            // Long enough to be cut in the middle.
            store.save(&mut drafted(&format!("{count} {}", "x".repeat(1 << 20)))).unwrap();
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let mut last = 0;
    for round in 0..12 {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["keeping::whenever_the_program_is_killed_a_whole_session_is_left", "--exact", "--nocapture"])
            .env(VICTIM, directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(150 + 37 * round));
        assert!(victim.try_wait().unwrap().is_none(), "it goes on until it is killed");
        victim.kill().unwrap();
        victim.wait().unwrap();
        let (_store, session, remarks) = Store::open(directory.path());
        assert_eq!(remarks, [], "round {round}");
        let now = session.map_or(0, |session| number(&draft(&session)));
        assert!(now >= last, "round {round}: {now} after {last}");
        last = now;
    }
    assert!(last > 0, "nothing was ever saved");
}

fn number(draft: &str) -> u64 {
    draft.split(' ').next().unwrap().parse().unwrap()
}

//! What survives a restart.

use crate::harness::{checkpoint, image, open, shot, wait};
use egui_kittest::kittest::Queryable;
use opabinia::window::Start;
use opabinia::window::action::{ConversationAction, ProgramAction};
use opabinia::window::app::App;
use opabinia::window::state::{AppState, Kept, Overlay, PictureSource, PictureState, Slot};
use opabinia::window::store::{LoadWarning, Session, SessionPart, Store};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A session as version 1 wrote it, before there were several panes of maps. No release wrote one: what was asked and set
/// is read, and what has another shape now is said to be lost.
const VERSION_1: &str = include_str!("session-v1.json");

/// A session as version 2 wrote it. It is never changed: what it holds has to be read for as long as there are files of
/// that version.
const VERSION_2: &str = include_str!("session-v2.json");

/// The window with its session in `directory`.
pub fn start(directory: &Path) -> Start {
    Start { data_dir: Some(directory.to_path_buf()), ..Start::default() }
}

/// A session with this in its first conversation's field.
pub fn drafted(text: &str) -> Session {
    let mut state = AppState::default();
    state.conversations.shown().draft = text.to_owned();
    Session::of(&state, None)
}

/// What is in that field.
pub fn draft(session: &Session) -> String {
    let mut state = AppState::default();
    session.clone().restore(&mut state);
    state.conversations.shown().draft.clone()
}

/// Whether the picture that the next question is about has been read.
fn picture_is_ready(app: &App) -> bool {
    let state = app.state();
    state.picture().is_some_and(|picture| state.pictures.ready(picture).is_some())
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
    wait(&mut again, "the picture", picture_is_ready);
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
    wait(&mut window, "the picture", picture_is_ready);
    let id = window.state().state().picture().unwrap();
    let before = window.state().state().pictures.ready(id).unwrap().rgb.clone();
    let mut app = window.into_state();
    eframe::App::on_exit(&mut app);
    drop(app);
    let mut again = open(start(directory.path()), [1024.0, 640.0]);
    wait(&mut again, "the picture", picture_is_ready);
    let entry = again.state().state().pictures.get(id).unwrap();
    assert!(matches!(entry.source, PictureSource::Pasted(_)));
    let PictureState::Ready(picture) = &entry.state else { panic!("not read") };
    assert_eq!((picture.width, picture.height, &picture.rgb), (5, 3, &before));
}

#[test]
fn a_window_that_is_closed_waits_for_what_was_pasted() {
    let directory = tempfile::tempdir().unwrap();
    let mut window = open(start(directory.path()), [1024.0, 640.0]);
    window.run_ok();
    // Large, and of a kind that takes long to compress.
    let noise = (0..3000 * 2000_u32).map(|at| egui::Color32::from_gray((at.wrapping_mul(2_654_435_761) >> 24) as u8));
    window.event(egui::Event::PasteImage(egui::ColorImage::new([3000, 2000], noise.collect()).into()));
    window.step();
    let id = window.state().state().picture().unwrap();
    let PictureSource::Pasted(name) = window.state().state().pictures.get(id).unwrap().source.clone() else {
        panic!("not pasted")
    };
    let mut app = window.into_state();
    eframe::App::on_exit(&mut app);
    let written = image::image_dimensions(directory.path().join("pictures").join(name));
    assert_eq!(written.unwrap(), (3000, 2000), "it is there as soon as the window is gone");
}

#[cfg(unix)]
#[test]
fn names_that_are_no_text_are_kept_and_hinder_nothing() {
    use std::os::unix::ffi::OsStringExt;
    let directory = tempfile::tempdir().unwrap();
    let odd = std::path::PathBuf::from(std::ffi::OsString::from_vec(b"/photos/caf\xe9.png".to_vec()));
    let mut state = AppState::default();
    let id = state.pictures.insert(PictureSource::File(odd.clone()));
    state.conversations.shown().picture = Some(id);
    let (store, _, _) = Store::open(directory.path());
    store.save(&mut Session::of(&state, None)).unwrap();
    drop(store);
    let (_store, session, warnings) = Store::open(directory.path());
    assert_eq!(warnings, []);
    assert_eq!(session.unwrap().pictures[0].source, PictureSource::File(odd));
}

#[test]
fn a_picture_that_was_edited_is_attached_as_it_is_now() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.png");
    let paint = |side| image::RgbImage::new(side, side).save(&file).unwrap();
    let mut window = open(Start::default(), [1024.0, 640.0]);
    let attach = |window: &mut egui_kittest::Harness<'_, App>, side: usize| {
        window.state_mut().act(ConversationAction::AttachFile(file.clone()));
        wait(window, "the picture", |app| {
            let state = app.state();
            state.picture().and_then(|id| state.pictures.ready(id)).is_some_and(|picture| picture.width == side)
        });
        window.state().state().picture().unwrap()
    };
    paint(40);
    let first = attach(&mut window, 40);
    assert_eq!(attach(&mut window, 40), first, "it has not changed");
    paint(60);
    assert_ne!(attach(&mut window, 60), first, "what was asked about the old one stays about the old one");
    assert_eq!(window.state().state().pictures.ready(first).unwrap().width, 40);
}

#[test]
fn a_session_of_version_2_is_read_in_full() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("session.json"), VERSION_2).unwrap();
    let (_store, session, warnings) = Store::open(directory.path());
    assert_eq!(warnings, [], "nothing is lost");
    let written = serde_json::from_slice(&serde_json::to_vec(&session.unwrap()).unwrap()).unwrap();
    contains(&written, &serde_json::from_str(VERSION_2).unwrap(), "");
}

#[test]
fn of_a_session_of_version_1_only_the_arrangement_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("session.json"), VERSION_1).unwrap();
    let (_store, session, warnings) = Store::open(directory.path());
    let lost = |warning: &&LoadWarning| matches!(warning, LoadWarning::PartLost(SessionPart::Layout, _));
    assert_eq!(warnings.iter().filter(lost).count(), 1, "{warnings:?}");
    let written: Value = serde_json::from_slice(&serde_json::to_vec(&session.unwrap()).unwrap()).unwrap();
    let mut then: Value = serde_json::from_str(VERSION_1).unwrap();
    // What was then the type of the weights is now their format.
    let recent = then["settings"]["recent"][0].as_object_mut().unwrap();
    let format = recent.remove("dtype").unwrap();
    recent.insert("weights".into(), format);
    for part in ["settings", "conversations", "pictures"] {
        contains(&written[part], &then[part], part);
    }
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
fn what_no_session_needs_is_removed_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let pictures = directory.path().join("pictures");
    let (store, _, _) = Store::open(directory.path());
    let with = |names: &[&str]| {
        let mut state = AppState::default();
        for name in names {
            let id = state.pictures.insert(PictureSource::Pasted(name.into()));
            state.conversations.start();
            state.conversations.shown().picture = Some(id);
        }
        Session::of(&state, None)
    };
    store.save(&mut with(&["pasted-1-1-1.png", "pasted-2-2-2.png"])).unwrap();
    store.save(&mut with(&["pasted-1-1-1.png"])).unwrap();
    let files =
        ["pasted-1-1-1.png", "pasted-2-2-2.png", "pasted-3-3-3.png", ".opabinia-a1B2c3", "desk.png", "pasted-x.png"];
    for name in files {
        fs::write(pictures.join(name), "x").unwrap();
    }
    let half = directory.path().join(".session-a1B2c3");
    fs::write(&half, "{").unwrap();
    let left = || files.map(|name| pictures.join(name).exists());
    // Another window has the directory.
    drop(Store::open(directory.path()));
    assert!(left().iter().all(|there| *there) && half.exists());
    drop(store);
    // Something is kept aside that may name any picture.
    let aside = directory.path().join("session.kept-1.json");
    fs::write(&aside, "not legible").unwrap();
    drop(Store::open(directory.path()));
    assert_eq!(left(), [true, true, true, false, true, true]);
    assert!(!half.exists());
    fs::remove_file(aside).unwrap();
    drop(Store::open(directory.path()));
    assert_eq!(left(), [true, true, false, false, true, true], "the second is in the copy");
}

#[test]
fn only_pictures_that_conversations_are_about_are_kept_and_no_name_is_given_twice() {
    let mut state = AppState::default();
    let tried = state.pictures.insert(PictureSource::Sample("tried".into()));
    let used = state.pictures.insert(PictureSource::Sample("used".into()));
    state.conversations.shown().picture = Some(used);
    let mut session = Session::of(&state, None);
    let kept: Vec<_> = session.pictures.iter().map(|kept| kept.id).collect();
    assert!(kept == [used] && tried != used);
    // A file may have lost its list of pictures, but not the conversations about them.
    session.pictures.clear();
    let mut again = AppState::default();
    session.restore(&mut again);
    let new = again.pictures.insert(PictureSource::Sample("new".into()));
    assert!(new > used, "a conversation would show another picture than it was about");
}

#[test]
fn a_directory_is_let_go_and_taken_back() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _, _) = Store::open(directory.path());
    assert!(store.release() && !store.keeps());
    let (other, _, _) = Store::open(directory.path());
    assert!(other.keeps());
    store.reacquire();
    assert!(!store.keeps(), "another window has it");
    drop(other);
    store.reacquire();
    store.save(&mut drafted("goes on")).unwrap();
    drop(store);
    let (_store, session, _) = Store::open(directory.path());
    assert_eq!(draft(&session.unwrap()), "goes on");
}

#[test]
fn a_window_that_cannot_save_is_not_left_for_a_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let kept = directory.path().join("kept");
    let mut window = open(start(&kept), [1024.0, 640.0]);
    window.run_ok();
    fs::remove_dir_all(&kept).unwrap();
    window.state_mut().state_mut().overlay = Overlay::GraphicsLost;
    window.state_mut().act(ProgramAction::Restart);
    window.run_ok();
    assert!(matches!(window.state().state().kept, Kept::Failed(_)));
    window.get_by_label_contains("could not be saved, and this window is not closed");
    assert_eq!(window.state().state().overlay, Overlay::GraphicsLost);
    let said = window.state().state().notices.all().map(|notice| notice.text.clone()).collect::<String>();
    assert!(said.contains("could not be saved"), "{said}");
}

#[test]
fn a_window_that_saves_nothing_says_so() {
    let mut window = open(Start::default(), [1024.0, 640.0]);
    window.run_ok();
    window.state_mut().state_mut().overlay = Overlay::GraphicsLost;
    window.run_ok();
    window.get_by_label_contains("This window saves nothing");
    assert!(window.query_by_label_contains("has been saved").is_none());
    shot(&mut window, "graphics-lost");
}

#[test]
fn a_second_window_reads_but_never_writes() {
    let directory = tempfile::tempdir().unwrap();
    let (first, _, _) = Store::open(directory.path());
    first.save(&mut drafted("of the first")).unwrap();
    let (second, session, warnings) = Store::open(directory.path());
    assert_eq!(draft(&session.unwrap()), "of the first");
    assert_eq!(warnings, [LoadWarning::SecondWindow]);
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
        let (_store, session, warnings) = Store::open(directory.path());
        assert_eq!(warnings, [], "round {round}");
        let now = session.map_or(0, |session| number(&draft(&session)));
        assert!(now >= last, "round {round}: {now} after {last}");
        last = now;
    }
    assert!(last > 0, "nothing was ever saved");
}

fn number(draft: &str) -> u64 {
    draft.split(' ').next().unwrap().parse().unwrap()
}

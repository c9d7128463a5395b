//! The window as a new user finds it: whose answer it is, what was lost, what is in the way.

use crate::harness::{ask, checkpoint, drop_file, image, last, open, shot, typed, wait};
use egui::{Event, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable};
use opabinia::language::LanguageChoice;
use opabinia::window::Start;
use opabinia::window::action::{ConversationAction, ModelAction, ProgramAction, ViewAction};
use opabinia::window::app::App;
use opabinia::window::command::UiCommand;
use opabinia::window::state::Slot;
use opabinia::window::state::{
    Alternative, AnswerStatus, Conversation, Exchange, MapSource, ModelPhase, NoticeKind, Overlay, Sampling,
    TokenRecord, ViewChange,
};
use std::fs;
use std::path::Path;

fn with_model(picture: Option<&str>) -> Harness<'static, App> {
    let start = Start { model: Some(checkpoint("tiny-llama3")), image: picture.map(image), ..Start::default() };
    let mut window = open(start, [1360.0, 860.0]);
    wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
    if picture.is_some() {
        wait(&mut window, "the picture", |app| app.state().picture().is_some());
    }
    window.state_mut().state_mut().settings.sampling.max_tokens = 6;
    window
}

fn shown(app: &App) -> &Conversation {
    app.state().conversations.current().unwrap()
}

fn is_answered(app: &App) -> bool {
    last(app).is_some_and(|exchange| !exchange.status.is_open())
}

fn maps_are_drawn(app: &App) -> bool {
    app.maps().is_some()
}

fn load(window: &mut Harness<'_, App>, slot: Slot, variant: &str) {
    window.state_mut().act(ModelAction::Inspect(slot, checkpoint(variant)));
    let inspected = move |app: &App| {
        app.state().models.opening(slot).is_some_and(|opening| matches!(opening.phase, ModelPhase::Inspected(_)))
    };
    wait(window, "the inspection", inspected);
    window.state_mut().act(ModelAction::Load(slot));
    let name = format!("{variant}/checkpoint");
    wait(window, "the checkpoint", move |app| {
        app.state().models.loaded(slot).is_some_and(|model| model.directory().ends_with(&name))
    });
}

/// Pictures of the window at both sizes and in both languages.
fn sights(window: &mut Harness<'_, App>, name: &str) {
    for (size, at) in [([1360.0, 860.0], "large"), ([1024.0, 640.0], "small")] {
        window.set_size(size.into());
        for (language, code) in [(LanguageChoice::English, "en"), (LanguageChoice::Chinese, "zh")] {
            window.state_mut().act(ProgramAction::SetLanguage(language));
            window.step();
            window.step();
            shot(window, &format!("{name}-{at}-{code}"));
        }
    }
    window.state_mut().act(ProgramAction::SetLanguage(LanguageChoice::English));
    window.set_size([1360.0, 860.0].into());
    window.step();
    window.step();
}

#[test]
fn every_answer_and_every_map_says_whose_it_is() {
    let mut window = with_model(Some("wide.png"));
    load(&mut window, Slot::B, "tiny-vicuna");
    // One at a time.
    window.state_mut().act(UiCommand::CompareSides);
    window.run_ok();
    ask(&mut window, "What is this?");
    wait(&mut window, "the answer", is_answered);
    wait(&mut window, "the maps", maps_are_drawn);
    window.get_by_label_contains("A · tiny-llama3/checkpoint · 6 tokens");
    let whose = |window: &Harness<'_, App>| window.state().state().whose_maps(&window.state().state().names()).unwrap();
    assert_eq!(whose(&window), ("A · tiny-llama3/checkpoint".to_owned(), false));

    window.state_mut().act(UiCommand::OtherModel);
    window.run_ok();
    // The answer is A's still, and the maps are B's.
    assert_eq!(whose(&window), ("B · tiny-vicuna/checkpoint".to_owned(), true));
    wait(&mut window, "the maps of B", maps_are_drawn);
    window.get_all_by_label("B · tiny-vicuna/checkpoint").next().unwrap();
    sights(&mut window, "two-models");
    ask(&mut window, "And this?");
    wait(&mut window, "the answer of B", is_answered);
    window.get_by_label_contains("B · tiny-vicuna/checkpoint · 6 tokens");
    window.get_by_label_contains("A · tiny-llama3/checkpoint · 6 tokens");
    assert!(!whose(&window).1);

    // What is opened takes the place of the one that is asked.
    window.key_press_modifiers(Modifiers::COMMAND, Key::O);
    wait(&mut window, "a field for the path", |app| matches!(app.state().overlay, Overlay::Path(_)));
    window.state_mut().act(ProgramAction::TypePath(checkpoint("tiny-yi")));
    window.run_ok();
    window.get_by_label("Path").focus();
    window.run_ok();
    window.key_press(Key::Enter);
    wait(&mut window, "the inspection", |app| {
        app.state().models.opening(Slot::B).is_some_and(|opening| matches!(opening.phase, ModelPhase::Inspected(_)))
    });
    sights(&mut window, "opening-another");
    window.get_by_label("Load").click();
    wait(&mut window, "the third checkpoint", |app| {
        app.state().models.loaded(Slot::B).is_some_and(|model| model.directory().contains("tiny-yi"))
    });
    assert_eq!(window.state().state().models.answering(), Slot::B);
    ask(&mut window, "And that?");
    wait(&mut window, "its answer", is_answered);
    assert!(last(window.state()).unwrap().directory.contains("tiny-yi"));
    window.get_by_label_contains("B · tiny-yi/checkpoint · ");
}

/// A token for each word, with the space before it.
fn formatted(text: &str) -> Exchange {
    let mut exchange = Exchange::new(None, "What do you see?".to_owned(), None, Sampling::default());
    let other = Alternative { id: 9, text: "other".to_owned(), log_prob: -2.0 };
    let token =
        |text: &str| TokenRecord { id: 1, text: text.to_owned(), log_prob: -0.1, alternatives: vec![other.clone()] };
    exchange.tokens = text.split_inclusive(' ').map(token).collect();
    exchange.answer = text.to_owned();
    exchange.status = AnswerStatus::Done;
    exchange
}

const FORMATTED: &str = "The picture shows a `red circle` and, rather to the *left* of it, two small **blue squares** that stand one \
    above the other on a plain ground.\n\n## What stands where\n\n- A circle, which is `large` and fills nearly all of the middle of \
    the picture\n- Two squares:\n  1. the upper one\n  2. the lower one\n\n> It is a drawing, not a photo.\n\n| thing | colour |\n\
    |---|---|\n| circle | red |\n| square | blue |\n\n```\nlet circles = 1;\n```\n";

#[test]
fn words_of_a_formatted_answer_stay_in_their_panel_and_can_be_clicked() {
    let mut window = with_model(None);
    let shown = window.state_mut().state_mut().conversations.shown();
    shown.exchanges.push(formatted(FORMATTED));
    shown.leaf = Some(0);
    window.run_ok();
    let panel = window.get_by_label("What do you see?").rect().left();
    let places: Vec<_> = window
        .get_all_by(|node| {
            node.label().is_some_and(|label| label.starts_with("Token ")) && node.role() == egui::Role::Button
        })
        .map(|node| node.rect())
        .collect();
    let tokens = formatted(FORMATTED).tokens.len();
    assert!(places.len() > tokens * 2 / 3, "{} of {tokens} tokens can be clicked", places.len());
    let right = window.get_by_label("Edit the question").rect().right();
    assert!(places.iter().all(|place| place.left() >= panel - 12.0 && place.right() <= right + 12.0), "{places:?}");
    // The first paragraph goes on at its own left edge behind `code` and *emphasis*.
    let start = places[0].left();
    let mut rows: Vec<(f32, f32)> = Vec::new();
    for place in places.iter().take(26) {
        match rows.last_mut().filter(|(top, _)| (*top - place.top()).abs() < 6.0) {
            Some((_, left)) => *left = left.min(place.left()),
            None => rows.push((place.top(), place.left())),
        }
    }
    assert!(rows.len() >= 3 && rows.iter().all(|(_, left)| (left - start).abs() < 4.0), "{rows:?} from {start}");
    window.get_all_by(|node| node.label().is_some_and(|label| label.contains("circle` "))).next().unwrap().click();
    window.run_ok();
    let token = window.state().state().token.unwrap().token;
    assert_eq!(formatted(FORMATTED).tokens[token].text, "circle` ");
    sights(&mut window, "formatted");
}

#[test]
fn without_a_file_dialog_a_path_is_typed_with_completion() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("holiday")).unwrap();
    fs::copy(image("wide.png"), directory.path().join("holiday").join("beach.png")).unwrap();
    let mut window = with_model(None);
    window.get_by_label("Attach a picture").click();
    wait(&mut window, "a field for the path", |app| matches!(app.state().overlay, Overlay::Path(_)));
    window.get_by_label_contains("This desktop offers no file dialog");
    let begun = directory.path().join("ho").display().to_string();
    window.state_mut().act(ProgramAction::TypePath(begun));
    let listed = |name: &'static str| move |app: &App| matches!(&app.state().overlay, Overlay::Path(typed) if typed.completions().any(|entry| entry.name == name));
    wait(&mut window, "the names", listed("holiday"));
    window.get_by_label("Path").focus();
    window.run_ok();
    window.key_press(Key::Tab);
    wait(&mut window, "the names in it", listed("beach.png"));
    sights(&mut window, "typed-path");
    window.get_by_label_contains("beach.png").click();
    window.run_ok();
    window.key_press(Key::Enter);
    wait(&mut window, "the picture", |app| app.state().picture().is_some());
    assert_eq!(window.state().state().overlay, Overlay::None);
    window.get_by_label("beach.png");
    // What is not there is said, and the field stays.
    window.state_mut().act(UiCommand::OpenFolder);
    wait(&mut window, "the field again", |app| matches!(app.state().overlay, Overlay::Path(_)));
    window.key_press(Key::Escape);
    window.run_ok();
    assert_eq!(window.state().state().overlay, Overlay::None);
    window.state_mut().act(UiCommand::AttachPicture);
    wait(&mut window, "the field again", |app| matches!(app.state().overlay, Overlay::Path(_)));
    window.state_mut().act(ProgramAction::TypePath(directory.path().join("none.png").display().to_string()));
    window.state_mut().act(ProgramAction::UsePath);
    wait(
        &mut window,
        "the problem",
        |app| matches!(&app.state().overlay, Overlay::Path(typed) if typed.problem.is_some()),
    );
    window.get_by_label("There is nothing at this path.");
    // And a file that is dropped is what was asked for.
    drop_file(&mut window, &image("tall.png"));
    wait(&mut window, "the dropped picture", |app| app.state().overlay == Overlay::None);
}

#[test]
fn after_a_restart_the_maps_and_the_token_are_back() {
    let directory = tempfile::tempdir().unwrap();
    let start = |model: Option<String>, picture: Option<&str>| Start {
        model,
        image: picture.map(image),
        data_dir: Some(directory.path().to_path_buf()),
        ..Start::default()
    };
    let mut window = open(start(Some(checkpoint("tiny-llama3")), Some("wide.png")), [1360.0, 860.0]);
    wait(&mut window, "the model", |app| {
        app.state().models.loaded(Slot::A).is_some() && app.state().picture().is_some()
    });
    window.state_mut().state_mut().settings.sampling.max_tokens = 6;
    ask(&mut window, "What is this?");
    wait(&mut window, "the answer", is_answered);
    wait(&mut window, "the maps", maps_are_drawn);
    window.get_all_by(|node| node.label().is_some_and(|label| label.starts_with("Token 3:"))).next().unwrap().click();
    window.run_ok();
    window.state_mut().act(ViewChange::Encoder(2));
    window.state_mut().act(ViewChange::Source(MapSource::TokenAttention { layer: None, head: None }));
    wait(&mut window, "the map of the token", |app| app.maps().is_some());
    let before = window.state().state().token;
    let mut app = window.into_state();
    eframe::App::on_exit(&mut app);
    drop(app);

    let mut again = open(start(None, None), [1360.0, 860.0]);
    wait(&mut again, "the maps of last time", maps_are_drawn);
    assert_eq!(again.state().state().token, before);
    assert_eq!(again.state().state().lens().encoder, 2);
    wait(&mut again, "the map of the token", |app| app.maps().is_some());
    again.get_by_label("Map");
    assert!(!again.state().state().is_busy(), "it is made once");
    shot(&mut again, "restored");
}

#[test]
fn where_maps_take_their_time_they_are_made_when_asked_for() {
    let mut window = with_model(Some("wide.png"));
    ask(&mut window, "What is this?");
    wait(&mut window, "the answer", is_answered);
    // As after a restart with a checkpoint of real size.
    let key = window.state().state().trace_key().unwrap();
    let state = window.state_mut().state_mut();
    state.traces = Default::default();
    state.traces.set_remade(key, Some(opabinia::window::state::Remade::Failed("Stopped".to_owned())));
    window.run_ok();
    sights(&mut window, "maps-missing");
    window.get_by_label("Make the maps").click();
    wait(&mut window, "the maps", maps_are_drawn);
    assert_eq!(shown(window.state()).exchanges.len(), 1, "nothing was asked");
}

#[test]
fn removing_a_conversation_is_undone_in_the_order_of_what_was_done() {
    let mut window = with_model(None);
    ask(&mut window, "Hello");
    wait(&mut window, "the answer", is_answered);
    window.state_mut().act(UiCommand::RemoveConversation);
    window.run_ok();
    assert!(shown(window.state()).exchanges.is_empty());
    sights(&mut window, "removed");
    window.state_mut().act(ViewChange::Opacity(0.25));
    window.run_ok();
    let undo = |window: &mut Harness<'_, App>| {
        window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
        window.run_ok();
    };
    undo(&mut window);
    assert_eq!(window.state().state().lens().opacity, 0.6, "the view first: it was changed last");
    assert!(shown(window.state()).exchanges.is_empty());
    undo(&mut window);
    assert_eq!(last(window.state()).unwrap().question, "Hello");
    assert!(window.query_by_label("Undo").is_none(), "nothing is left to take back");
    // More than one, the last first, and after another question.
    window.state_mut().act(UiCommand::RemoveConversation);
    ask(&mut window, "Again");
    wait(&mut window, "the answer", is_answered);
    window.state_mut().act(UiCommand::RemoveConversation);
    window.run_ok();
    undo(&mut window);
    assert_eq!(last(window.state()).unwrap().question, "Again");
    undo(&mut window);
    assert_eq!(last(window.state()).unwrap().question, "Hello");
}

#[test]
fn a_file_that_is_no_picture_changes_nothing_and_says_so_once() {
    let directory = tempfile::tempdir().unwrap();
    let notes = directory.path().join("notes.txt");
    fs::write(&notes, "milk, bread").unwrap();
    let mut window = with_model(Some("wide.png"));
    ask(&mut window, "What is this?");
    wait(&mut window, "the answer", is_answered);
    let before = shown(window.state()).clone();
    drop_file(&mut window, &notes);
    wait(&mut window, "the refusal", |app| app.state().notices.all().any(|notice| notice.kind == NoticeKind::Failure));
    assert_eq!(*shown(window.state()), before);
    assert_eq!(window.state().state().conversations.newest_first().count(), 1);
    let said: Vec<_> =
        window.state().state().notices.all().filter(|notice| notice.text.contains("notes.txt")).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].text.lines().all(|line| !line.starts_with(' ')), "{said:?}");
    assert!(window.query_all_by_label_contains("could not be read").next().is_none());
    // The message covers nothing: it stands under the panels.
    let message = window.get_by_label_contains("notes.txt").rect();
    let ask = window.get_by_label("Ask").rect();
    assert!(message.top() > ask.bottom(), "{message:?} {ask:?}");
    sights(&mut window, "no-picture");
}

#[test]
fn a_pasted_path_or_uri_attaches_and_other_text_stays_text() {
    let mut window = with_model(None);
    typed(&mut window, "Look: ");
    let uri = format!("file://{}", image("wide.png").canonicalize().unwrap().display());
    window.event(Event::Paste(uri));
    wait(&mut window, "the picture", |app| app.state().picture().is_some());
    assert_eq!(shown(window.state()).draft, "Look: ");
    window.event(Event::Paste(image("tall.png").canonicalize().unwrap().display().to_string()));
    let name = |app: &App| {
        let entry = app.state().picture().and_then(|id| app.state().pictures.get(id));
        entry.map(|entry| entry.source.name()).unwrap_or_default()
    };
    wait(&mut window, "the other picture", |app| name(app) == "tall.png");
    window.event(Event::Paste("/nowhere/at-all.png".to_owned()));
    wait(&mut window, "the text", |app| shown(app).draft == "Look: /nowhere/at-all.png");
    window.event(Event::Paste(" is a path".to_owned()));
    wait(&mut window, "the text", |app| shown(app).draft.contains(" is a path"));
    // Where the cursor stands, and not behind everything.
    for _ in 0.." is a path".len() {
        window.key_press(Key::ArrowLeft);
    }
    window.run_ok();
    window.event(Event::Paste("/neither/this.png".to_owned()));
    let both = "Look: /nowhere/at-all.png/neither/this.png is a path";
    wait(&mut window, "the text", |app| shown(app).draft.contains("this"));
    assert_eq!(shown(window.state()).draft, both);
    window.event(Event::Text("!".to_owned()));
    window.run_ok();
    assert_eq!(shown(window.state()).draft, both.replace(" is", "! is"), "one goes on writing behind it");
    assert_eq!(name(window.state()), "tall.png");
}

#[test]
fn an_answer_goes_on_from_another_token_only_by_its_button_and_that_is_undone() {
    let mut window = with_model(Some("square.png"));
    ask(&mut window, "What is this?");
    wait(&mut window, "the answer", is_answered);
    let first = last(window.state()).unwrap().clone();
    window.get_all_by(|node| node.label().is_some_and(|label| label.starts_with("Token 3:"))).next().unwrap().click();
    window.run_ok();
    let other = first.tokens[2].alternatives.iter().find(|other| other.id != first.tokens[2].id).unwrap();
    // The bar itself is no button.
    let bars = window.get_all_by(|node| node.label().is_some_and(|label| label.starts_with("Continue with ")));
    assert!(bars.into_iter().all(|node| node.rect().width() < 110.0), "a small button");
    sights(&mut window, "alternatives");
    let name = |node: &egui_kittest::kittest::AccessKitNode<'_>| {
        node.label().is_some_and(|label| label.starts_with("Continue with "))
    };
    window.get_all_by(name).next().unwrap().click();
    wait(&mut window, "the other answer", |app| shown(app).exchanges.len() == 2 && is_answered(app));
    assert_eq!(last(window.state()).unwrap().forced_prefix[2], other.id);
    window.get_by_label("Undo").click();
    window.run_ok();
    // An answer that is complete stays within reach.
    let conversation = shown(window.state());
    assert_eq!((conversation.exchanges.len(), conversation.leaf), (2, Some(0)));
    assert_eq!(conversation.exchanges[0], first);
    assert_eq!(conversation.siblings(0), [0, 1]);
    ask(&mut window, "And now?");
    wait(&mut window, "the answer", is_answered);
    assert_eq!(last(window.state()).unwrap().tokens.len(), 6);
    // Answering again is undone with the keys.
    window.get_all_by_label("Regenerate").last().unwrap().click();
    wait(&mut window, "another answer", |app| shown(app).exchanges.len() == 4 && is_answered(app));
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_ok();
    assert_eq!((shown(window.state()).exchanges.len(), shown(window.state()).leaf), (4, Some(2)));
}

#[test]
fn editing_a_question_leaves_everything_in_reach() {
    let mut window = with_model(Some("square.png"));
    ask(&mut window, "What is red?");
    wait(&mut window, "the answer", is_answered);
    let panel = window.get_by_label("Edit the question").rect().right();
    window.get_by_label("Edit the question").click();
    window.run_ok();
    window.run_ok();
    for name in ["Ask", "Stop editing"] {
        let rect = window.get_by_label(name).rect();
        assert!(rect.right() <= panel + 14.0, "{name} at {rect:?}, and the panel ends at {panel}");
    }
    for language in [LanguageChoice::Chinese, LanguageChoice::English] {
        window.state_mut().act(ProgramAction::SetLanguage(language));
        window.step();
        window.step();
    }
    sights(&mut window, "editing");
    // One goes on writing at the end.
    window.event(Event::Text(" And blue?".to_owned()));
    window.run_ok();
    assert_eq!(shown(window.state()).draft, "What is red? And blue?");
}

#[test]
fn a_very_long_question_shows_its_beginning() {
    let mut window = with_model(None);
    let question = "word ".repeat(2_000);
    window.state_mut().act(ConversationAction::SetDraft(question.clone()));
    window.state_mut().act(UiCommand::Ask);
    wait(&mut window, "the end", is_answered);
    let long = |window: &Harness<'_, App>, letters: usize| {
        window
            .get_all_by(|node| node.value().is_some_and(|text| text.starts_with("word word")))
            .any(|node| node.accesskit_node().value().is_some_and(|text| text.chars().count() > letters))
    };
    assert!(!long(&window, 600));
    sights(&mut window, "long-question");
    window.get_by_label("Show all 9999 characters").click();
    window.run_ok();
    assert!(long(&window, 9_000));
    window.get_by_label("Show less").click();
    window.run_ok();
    assert!(!long(&window, 600));
}

#[test]
fn what_fails_is_said_where_it_would_be_and_in_the_log_and_nowhere_else() {
    let mut window = with_model(None);
    window.state_mut().act(ConversationAction::SetDraft("word ".repeat(3_000)));
    window.state_mut().act(UiCommand::Ask);
    wait(&mut window, "the refusal", |app| {
        last(app).is_some_and(|exchange| matches!(exchange.status, AnswerStatus::Failed(_)))
    });
    assert_eq!(window.state().state().notices.shown().count(), 0);
    assert_eq!(window.state().state().notices.all().filter(|notice| notice.kind == NoticeKind::Failure).count(), 1);
    let AnswerStatus::Failed(reason) = &last(window.state()).unwrap().status else { panic!() };
    assert!(reason.lines().all(|line| line.chars().next().is_some_and(char::is_uppercase)), "{reason}");
    sights(&mut window, "failed-answer");
}

#[test]
fn the_first_minute_explains_itself_and_offers_more() {
    let mut window = open(Start { welcome: true, ..Start::default() }, [1360.0, 860.0]);
    wait(&mut window, "the answer", is_answered);
    wait(&mut window, "the maps", maps_are_drawn);
    assert!(window.state().state().lens().selected.is_some());
    assert!(!window.state().state().view.can_undo(), "nobody has looked elsewhere");
    assert!(window.state().state().notices.all().any(|notice| notice.text.contains("uniform attention")));
    for _ in 0..3 {
        window.render().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(100));
        window.step();
    }
    sights(&mut window, "first-minute");
    window.get_by_label("Samples").click();
    window.run_ok();
    shot(&mut window, "samples");
    window.get_by_label("What colour is the triangle?").click();
    window.run_ok();
    assert_eq!(shown(window.state()).draft, "What colour is the triangle?");
    ask_as_it_stands(&mut window);
    assert!(!last(window.state()).unwrap().answer.is_empty());
}

fn ask_as_it_stands(window: &mut Harness<'_, App>) {
    window.get_by_label("Ask").click();
    wait(window, "the answer", is_answered);
}

#[test]
fn the_checkpoint_that_was_refused_can_be_named_anew_where_it_was_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut window = with_model(None);
    window.state_mut().act(ModelAction::Inspect(Slot::A, directory.path().display().to_string()));
    let refused = |app: &App| {
        app.state().models.opening(Slot::A).is_some_and(|opening| matches!(opening.phase, ModelPhase::Refused(_)))
    };
    wait(&mut window, "the refusal", refused);
    sights(&mut window, "refused");
    let field = window.get_by_label("Checkpoint");
    assert_eq!(field.value().as_deref(), Some(directory.path().to_str().unwrap()));
    field.focus();
    window.run_ok();
    window.key_press_modifiers(Modifiers::COMMAND, Key::A);
    window.event(Event::Text(checkpoint("tiny-phi3")));
    window.run_ok();
    window.key_press(Key::Enter);
    wait(&mut window, "the other checkpoint", |app| {
        app.state().models.opening(Slot::A).is_some_and(|opening| matches!(opening.phase, ModelPhase::Inspected(_)))
    });
    assert!(Path::new(&window.state().state().models.opening(Slot::A).unwrap().request.source).ends_with("checkpoint"));
    window.state_mut().act(ViewAction::MakeMaps);
}

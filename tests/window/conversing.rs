//! Conversations: branches, tokens, many of them, several languages.

use crate::harness::{ask, checkpoint, drop_file, image, last, open, shot, typed, wait};
use egui::{Event, ImeEvent, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use opabinia::window::Start;
use opabinia::window::action::ConversationAction;
use opabinia::window::app::App;
use opabinia::window::command::UiCommand;
use opabinia::window::state::{AnswerStatus, Conversation, Deed, PictureSource, PictureState, Slot};

/// The window with a model, and a picture if one is named.
fn with_model(picture: Option<&str>) -> Harness<'static, App> {
    let start = Start { model: Some(checkpoint("tiny-llama3")), image: picture.map(image), ..Start::default() };
    let mut window = open(start, [1360.0, 860.0]);
    wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
    window
}

fn shown(app: &App) -> &Conversation {
    app.state().conversations.current().unwrap()
}

fn is_answered(app: &App) -> bool {
    last(app).is_some_and(|exchange| !exchange.status.is_open())
}

/// Lets answers end after `count` tokens: the golden models have nothing to say and say it at length.
fn limit_answers(window: &mut Harness<'_, App>, count: &str) {
    window.get_by_label("How answers are chosen").click();
    window.run_ok();
    let field = window.get_by_label("Max new tokens");
    field.click();
    window.run_ok();
    window.key_press_modifiers(Modifiers::COMMAND, Key::A);
    window.event(Event::Text(count.to_owned()));
    window.key_press(Key::Enter);
    window.run_ok();
    window.key_press(Key::Escape);
    window.run_ok();
    assert_eq!(window.state().state().settings.sampling.max_tokens.to_string(), count);
}

#[test]
fn a_dropped_picture_is_asked_about_and_the_answer_stopped() {
    let mut window = with_model(None);
    drop_file(&mut window, &image("wide.png"));
    wait(&mut window, "the picture", |app| {
        app.state().picture().is_some_and(|id| app.state().pictures.ready(id).is_some())
    });
    window.get_by_label("wide.png");
    ask(&mut window, "What is this?");
    wait(&mut window, "the first words", |app| last(app).is_some_and(|exchange| exchange.tokens.len() > 1));
    assert_eq!(last(window.state()).unwrap().status, AnswerStatus::Streaming);
    window.key_press(Key::Escape);
    wait(&mut window, "the end", is_answered);
    let exchange = last(window.state()).unwrap();
    assert_eq!(exchange.status, AnswerStatus::Stopped);
    assert!(exchange.picture.is_some() && !exchange.answer.is_empty() && exchange.times.is_some());
    window.get_by_label("Stopped");
    assert_eq!(window.state().state().jobs.iter().count(), 0);
}

#[test]
fn an_edited_question_is_a_branch_and_both_can_be_shown() {
    let mut window = with_model(Some("square.png"));
    limit_answers(&mut window, "4");
    ask(&mut window, "What is red?");
    wait(&mut window, "the answer", is_answered);
    ask(&mut window, "And blue?");
    wait(&mut window, "the second answer", is_answered);
    assert_eq!(shown(window.state()).path(), [0, 1]);

    window.get_all_by_label("Edit the question").next().unwrap().click();
    window.run_ok();
    assert_eq!(window.get_by_label("Question").value().as_deref(), Some("What is red?"));
    window.key_press(Key::Escape);
    window.run_ok();
    assert_eq!((shown(window.state()).editing, shown(window.state()).draft.as_str()), (None, ""));

    window.get_all_by_label("Edit the question").next().unwrap().click();
    window.run_ok();
    window.key_press_modifiers(Modifiers::COMMAND, Key::A);
    ask(&mut window, "What is green?");
    wait(&mut window, "the answer to the edited question", is_answered);
    let conversation = shown(window.state());
    assert_eq!(conversation.path(), [2]);
    assert_eq!(conversation.exchanges[2].question, "What is green?");
    assert_eq!(conversation.exchanges[2].picture, conversation.exchanges[0].picture);
    window.get_by_label("2/2");
    window.get_by_label("Previous branch").click();
    window.run_ok();
    assert_eq!(shown(window.state()).path(), [0, 1]);
    window.get_by_label("1/2");
    window.get_by_label("And blue?");
    window.get_by_label("Next branch").click();
    window.run_ok();
    assert_eq!(shown(window.state()).path(), [2]);
}

#[test]
fn an_answer_goes_on_from_another_token() {
    let mut window = with_model(Some("square.png"));
    limit_answers(&mut window, "6");
    ask(&mut window, "What is this?");
    wait(&mut window, "the answer", is_answered);
    let first = last(window.state()).unwrap().clone();
    assert_eq!(first.tokens.len(), 6);

    window.get_all_by(|node| node.label().is_some_and(|label| label.starts_with("Token 3:"))).next().unwrap().click();
    window.run_ok();
    let place = window.state().state().token.unwrap();
    assert_eq!((place.exchange, place.token), (0, 2));
    let other = first.tokens[2].alternatives.iter().find(|other| other.id != first.tokens[2].id).unwrap();
    window.get_by(|node| node.value().is_some_and(|text| text.contains("was chosen, ")));
    let continues = |label: &str| label.starts_with("Continue with ");
    window.get_all_by(|node| node.label().is_some_and(|label| continues(&label))).next().unwrap().click();
    window.run_ok();
    wait(&mut window, "the other answer", |app| shown(app).exchanges.len() == 2 && is_answered(app));

    let second = last(window.state()).unwrap();
    let ids =
        |exchange: &opabinia::window::state::Exchange| exchange.tokens.iter().map(|token| token.id).collect::<Vec<_>>();
    assert_eq!(ids(second)[..2], ids(&first)[..2]);
    assert_eq!(ids(second)[2], other.id);
    assert_eq!(second.forced_prefix, ids(second)[..3]);
    // What stands before the other token is as probable as it was.
    for (before, after) in first.tokens[..2].iter().zip(&second.tokens) {
        assert!((before.log_prob - after.log_prob).abs() < 1e-4, "{before:?} {after:?}");
    }
    assert!((second.tokens[2].log_prob - other.log_prob).abs() < 1e-4);
    assert_eq!(shown(window.state()).siblings(0), [0, 1]);
    let place = window.state().state().token.unwrap();
    assert_eq!((place.exchange, place.token), (1, 2));
}

#[test]
fn tokens_are_stepped_through_with_the_arrows() {
    let mut window = with_model(None);
    limit_answers(&mut window, "5");
    ask(&mut window, "Hello");
    wait(&mut window, "the answer", is_answered);
    let entrance = |label: &str| label.starts_with("Token 1:");
    // The first one found is the token itself; the title of its card has the same words.
    window.get_all_by(|node| node.label().is_some_and(|label| entrance(&label))).next().unwrap().focus();
    window.run_ok();
    window.key_press(Key::ArrowRight);
    window.run_ok();
    window.key_press(Key::ArrowRight);
    window.run_ok();
    assert_eq!(window.state().state().token.unwrap().token, 2);
    window.key_press(Key::ArrowLeft);
    window.run_ok();
    assert_eq!(window.state().state().token.unwrap().token, 1);
}

#[test]
fn without_a_picture_there_is_text_only() {
    let mut window = with_model(None);
    limit_answers(&mut window, "3");
    ask(&mut window, "Hello");
    wait(&mut window, "the answer", is_answered);
    let exchange = last(window.state()).unwrap();
    assert_eq!((exchange.picture, exchange.tokens.len(), &exchange.status), (None, 3, &AnswerStatus::Full));
    assert_eq!(exchange.model, "checkpoint");
    assert!(window.state().state().trace().is_none());
    window.get_by_label("Stopped at the token limit");
}

#[test]
fn answering_again_keeps_the_picture_and_takes_another_seed() {
    let mut window = with_model(Some("square.png"));
    limit_answers(&mut window, "4");
    ask(&mut window, "What is this?");
    wait(&mut window, "the answer", is_answered);
    window.get_by_label("Regenerate").click();
    wait(&mut window, "the second answer", |app| shown(app).exchanges.len() == 2 && is_answered(app));
    let exchanges = &shown(window.state()).exchanges;
    assert_eq!(exchanges[1].picture, exchanges[0].picture);
    assert_eq!(exchanges[1].parent, exchanges[0].parent);
    // Nothing is left to chance, so it is the same answer.
    assert_eq!(exchanges[1].answer, exchanges[0].answer);
    assert_eq!(exchanges[1].sampling, exchanges[0].sampling);

    window.get_by_label("How answers are chosen").click();
    window.run_ok();
    window.get_all_by_label("Temperature").last().unwrap().set_value_accesskit(1.0);
    window.run_ok();
    window.key_press(Key::Escape);
    window.run_ok();
    assert_eq!(window.state().state().settings.sampling.temperature, 1.0);
    for count in [3, 4] {
        window.get_by_label("Regenerate").click();
        wait(&mut window, "another answer", |app| shown(app).exchanges.len() == count && is_answered(app));
    }
    let exchanges = &shown(window.state()).exchanges;
    assert_ne!(exchanges[2].sampling.seed, exchanges[3].sampling.seed);
    window.get_by_label("4/4");
}

#[test]
fn a_question_asked_too_early_waits_for_the_answer_before() {
    let mut window = with_model(None);
    limit_answers(&mut window, "400");
    ask(&mut window, "One?");
    ask(&mut window, "Two?");
    let exchanges = &shown(window.state()).exchanges;
    assert_eq!((exchanges[1].parent, &exchanges[1].status), (Some(0), &AnswerStatus::Waiting));
    assert!(exchanges[0].status.is_open(), "{:?}", exchanges[0].status);
    wait(&mut window, "both answers", is_answered);
    let exchanges = &shown(window.state()).exchanges;
    assert!(exchanges.iter().all(|exchange| exchange.status == AnswerStatus::Full && exchange.tokens.len() == 400));

    // Stopping stops what waits as well.
    ask(&mut window, "Three?");
    ask(&mut window, "Four?");
    window.get_all_by_label("Stop").last().unwrap().click();
    wait(&mut window, "the end", |app| shown(app).exchanges.iter().all(|exchange| !exchange.status.is_open()));
    assert_eq!(last(window.state()).unwrap().status, AnswerStatus::Stopped);
    assert!(last(window.state()).unwrap().tokens.is_empty());
}

#[test]
fn another_picture_begins_another_conversation() {
    let mut window = with_model(Some("square.png"));
    limit_answers(&mut window, "2");
    // Before a question, a picture takes the place of another.
    drop_file(&mut window, &image("tall.png"));
    wait(&mut window, "the picture", |app| {
        app.state().picture().is_some_and(|id| app.state().pictures.ready(id).is_some())
    });
    assert_eq!(window.state().state().conversations.newest_first().count(), 1);
    ask(&mut window, "What is this?");
    wait(&mut window, "the answer", is_answered);
    typed(&mut window, "half a question");
    drop_file(&mut window, &image("wide.png"));
    wait(&mut window, "another conversation", |app| shown(app).exchanges.is_empty());
    let app = window.state();
    assert_eq!(shown(app).draft, "half a question");
    let source = shown(app).picture.and_then(|id| app.state().pictures.get(id)).map(|entry| entry.source.clone());
    assert_eq!(source, Some(PictureSource::File(image("wide.png"))));
    assert_eq!(app.state().conversations.newest_first().count(), 2);
    assert!(app.state().notices.all().any(|notice| notice.text.contains("same picture")));

    // The first one has its own picture still.
    window.get_by_label_contains("Conversations: ").click();
    window.run_ok();
    window.get_all_by_label("What is this?").last().unwrap().click();
    window.run_ok();
    let app = window.state();
    let source = shown(app).picture.and_then(|id| app.state().pictures.get(id)).map(|entry| entry.source.clone());
    assert_eq!(source, Some(PictureSource::File(image("tall.png"))));
}

#[test]
fn a_conversation_is_removed_with_its_answer_and_brought_back() {
    let mut window = with_model(None);
    ask(&mut window, "Hello");
    wait(&mut window, "the first words", |app| last(app).is_some_and(|exchange| !exchange.tokens.is_empty()));
    window.get_by_label_contains("Conversations: ").click();
    window.run_ok();
    window.get_by_label("Remove “Hello”").click();
    wait(&mut window, "the end of its answer", |app| app.state().jobs.iter().next().is_none());
    assert!(shown(window.state()).exchanges.is_empty());
    assert_eq!(window.state().state().token, None);
    window.key_press(Key::Escape);
    window.run_ok();
    window.get_by_label("Undo").click();
    window.run_ok();
    let exchange = last(window.state()).unwrap();
    assert_eq!((exchange.question.as_str(), &exchange.status), ("Hello", &AnswerStatus::Stopped));
    assert!(!exchange.tokens.is_empty());
}

#[test]
fn a_branch_that_is_taken_back_while_others_need_its_name_ends() {
    let mut window = with_model(None);
    window.state_mut().state_mut().settings.sampling.max_tokens = 4;
    ask(&mut window, "Hello");
    wait(&mut window, "the answer", is_answered);
    window.state_mut().state_mut().settings.sampling.max_tokens = 200;
    let undo = |window: &mut Harness<'_, App>| {
        window.state_mut().act(UiCommand::Undo);
        window.step();
    };
    // Something was asked after it.
    window.state_mut().act(UiCommand::Regenerate);
    wait(&mut window, "its first words", |app| last(app).is_some_and(|exchange| !exchange.tokens.is_empty()));
    ask(&mut window, "And then?");
    assert_eq!(shown(window.state()).exchanges.len(), 3);
    window.state_mut().state_mut().settings.sampling.max_tokens = 4;
    undo(&mut window);
    assert_eq!(shown(window.state()).leaf, Some(0));
    wait(&mut window, "the end of all", |app| !app.state().is_busy());
    let status = |window: &Harness<'_, App>, at: usize| shown(window.state()).exchanges[at].status.clone();
    assert_eq!(shown(window.state()).exchanges.len(), 3);
    assert_eq!(status(&window, 1), AnswerStatus::Stopped);
    assert!(!status(&window, 2).is_open());
    // Two at once, and the first of them is taken back while it waits behind the other's name.
    window.state_mut().act(UiCommand::Regenerate);
    window.step();
    let first = shown(window.state()).exchanges.len() - 1;
    let (before, conversation) = (Some(0), shown(window.state()).id);
    window.state_mut().act(ConversationAction::Regenerate(0));
    window.step();
    let deed = Deed::Branched { conversation, exchange: first, before };
    window.state_mut().act(ConversationAction::TakeBack(deed));
    wait(&mut window, "the end of all", |app| !app.state().is_busy());
    assert_eq!(shown(window.state()).exchanges.len(), first + 2);
    assert!(!status(&window, first).is_open() && !status(&window, first + 1).is_open());
}

#[test]
fn an_answer_that_is_being_stopped_is_not_counted_on_for_the_maps() {
    let mut window = with_model(Some("wide.png"));
    wait(&mut window, "the picture", |app| {
        app.state().picture().is_some_and(|id| app.state().pictures.ready(id).is_some())
    });
    window.state_mut().state_mut().settings.sampling.max_tokens = 4;
    let ask_for_maps = |window: &mut Harness<'_, App>| {
        window.state_mut().act(ConversationAction::SetDraft("What is this?".to_owned()));
        window.state_mut().act(UiCommand::Ask);
    };
    ask_for_maps(&mut window);
    window.state_mut().act(UiCommand::Stop);
    window.state_mut().act(ConversationAction::New);
    ask_for_maps(&mut window);
    window.step();
    let state = window.state().state();
    assert!(state.is_coming(&state.plain_key().unwrap()));
    wait(&mut window, "the answer", is_answered);
    assert!(window.state().state().trace().is_some());
}

#[test]
fn maps_whose_picture_was_let_go_of_are_drawn_once_it_has_been_read_again() {
    let mut window = with_model(Some("wide.png"));
    wait(&mut window, "the picture", |app| app.state().picture().is_some());
    window.state_mut().state_mut().settings.sampling.max_tokens = 4;
    ask(&mut window, "What is this?");
    let drawn = |app: &App| app.maps().is_some();
    wait(&mut window, "the maps", drawn);
    let app = window.state_mut();
    let (trace, picture) = (app.state().trace().unwrap().trace.as_ref().clone(), app.state().picture().unwrap());
    app.state_mut().pictures.set_state(picture, PictureState::Unread);
    app.show_trace(trace);
    assert!(!drawn(app));
    wait(&mut window, "the maps again", drawn);
}

#[test]
fn enter_asks_and_shift_enter_breaks_the_line_and_input_methods_keep_their_enter() {
    let mut window = with_model(None);
    limit_answers(&mut window, "2");
    typed(&mut window, "one");
    window.key_press_modifiers(Modifiers::SHIFT, Key::Enter);
    window.run_ok();
    typed(&mut window, "two");
    assert_eq!(shown(window.state()).draft, "one\ntwo");
    let preedit = |text: &str| Event::Ime(ImeEvent::Preedit { text: text.to_owned(), active_range_chars: None });
    window.event(preedit("ni"));
    window.run_ok();
    window.key_press(Key::Enter);
    window.run_ok();
    assert!(shown(window.state()).exchanges.is_empty());
    // Some input methods let the enter through with which their word was taken over.
    let enter = |pressed| Event::Key {
        key: Key::Enter,
        physical_key: None,
        pressed,
        repeat: false,
        modifiers: Modifiers::NONE,
    };
    window.input_mut().events.extend([Event::Ime(ImeEvent::Commit("你".to_owned())), enter(true), enter(false)]);
    window.step();
    window.run_ok();
    assert!(shown(window.state()).exchanges.is_empty());
    assert_eq!(shown(window.state()).draft, "one\ntwo你");
    window.key_press(Key::Enter);
    wait(&mut window, "the answer", is_answered);
    assert_eq!(last(window.state()).unwrap().question, "one\ntwo你");
    assert_eq!(window.get_by_label("Question").value().as_deref(), Some(""));
}

#[test]
fn a_conversation_is_held_in_chinese() {
    let mut window = with_model(Some("square.png"));
    limit_answers(&mut window, "3");
    window.get_by_label("View").click();
    window.run_ok();
    window.get_by_label("中文界面").click();
    window.run_ok();
    window.get_by_label("问题").focus();
    window.run_ok();
    window.get_by_label("问题").type_text("图里有什么?");
    window.run_ok();
    window.get_by_label("提问").click();
    wait(&mut window, "the answer", is_answered);
    assert_eq!(last(window.state()).unwrap().question, "图里有什么?");
    window.get_by_label("修改问题");
    window.get_by_label("已达词元上限");
    assert!(window.get_all_by(|node| node.label().is_some_and(|label| label.starts_with("词元 1："))).count() > 0);
}

#[test]
fn it_is_a_sight_in_both_languages_light_and_dark_large_and_small() {
    let mut window = with_model(Some("wide.png"));
    shot(&mut window, "conversation-empty");
    window.get_by_label("How answers are chosen").click();
    window.run_ok();
    shot(&mut window, "conversation-settings");
    window.key_press(Key::Escape);
    window.run_ok();
    limit_answers(&mut window, "24");
    ask(&mut window, "How many red squares are there in this picture?");
    wait(&mut window, "the answer", is_answered);
    ask(&mut window, "And where?");
    wait(&mut window, "the second answer", is_answered);
    window.get_all_by_label("Regenerate").last().unwrap().click();
    wait(&mut window, "the third answer", |app| shown(app).exchanges.len() == 3 && is_answered(app));
    typed(&mut window, "What colour is the sky, and");
    let choose = |window: &mut Harness<'_, App>, menu: &str, command: &str| {
        window.get_by_label(menu).click();
        window.run_ok();
        window.get_by_label(command).click();
        window.run_ok();
    };
    for (view, switch, language, names) in [
        ("View", "Light or dark", "中文界面", ["en", "en-other"]),
        ("视图", "浅色或深色", "English", ["zh", "zh-other"]),
    ] {
        for name in names {
            for size in [[1360.0, 860.0], [1024.0, 640.0]] {
                window.set_size(size.into());
                window.run_ok();
                shot(&mut window, &format!("conversation-{name}-{}", size[0]));
            }
            window.set_size(egui::vec2(1360.0, 860.0));
            window.run_ok();
            choose(&mut window, view, switch);
        }
        choose(&mut window, view, language);
    }
}

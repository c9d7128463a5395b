//! Opening checkpoints: the start page, what is said before loading, refusals.

use crate::harness::{ask, checkpoint, image, last, open, shot, wait};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use opabinia::language::LanguageChoice;
use opabinia::window::Start;
use opabinia::window::action::{ConversationAction, ModelAction, ProgramAction};
use opabinia::window::app::App;
use opabinia::window::command::UiCommand;
use opabinia::window::state::{AnswerStatus, Attended, MapSource, ModelPhase, Slot, TokenPlace, ViewChange};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The two sizes a window is designed for.
const SIZES: [[f32; 2]; 2] = [[1024.0, 640.0], [1360.0, 860.0]];

/// Copies `from` with everything in it but what lies under `without`.
fn copy(from: &Path, to: &Path, without: &str) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.to_string_lossy().contains(without) {
            continue;
        }
        if from.is_dir() {
            copy(&from, &to, without);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

/// A golden checkpoint without its CLIP encoder, in a directory of its own.
fn without_clip() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    copy(Path::new(&checkpoint("tiny-llama3")), directory.path(), "clip-vit-large");
    directory
}

fn phase(app: &App, slot: Slot) -> Option<&ModelPhase> {
    app.state().models.opening(slot).map(|opening| &opening.phase)
}

#[test]
fn of_two_models_either_answers_and_shows_its_maps() {
    let start = Start { model: Some(checkpoint("tiny-llama3")), image: Some(image("wide.png")), ..Start::default() };
    let mut window = open(start, SIZES[1]);
    wait(&mut window, "A", |app| app.state().models.loaded(Slot::A).is_some());
    window.state_mut().act(ModelAction::Inspect(Slot::B, checkpoint("tiny-yi")));
    wait(&mut window, "what B needs", |app| matches!(phase(app, Slot::B), Some(ModelPhase::Inspected(_))));
    window.state_mut().act(ModelAction::Load(Slot::B));
    wait(&mut window, "B", |app| app.state().models.loaded(Slot::B).is_some());
    assert_eq!(window.state().state().models.answering(), Slot::A, "what was asked so far goes on");
    // One at a time.
    window.state_mut().act(UiCommand::CompareSides);
    window.run_ok();

    let answered = |app: &App| !app.state().is_busy() && app.state().trace().is_some();
    ask(&mut window, "What is this?");
    wait(&mut window, "the answer of A", answered);
    let of_a = Arc::clone(&window.state().state().trace().unwrap().trace);
    window.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::B);
    // One frame: a small model looks by itself, soon after.
    window.step();
    assert_eq!(window.state().state().models.answering(), Slot::B);
    assert!(window.state().state().trace().is_none(), "B has not looked yet");
    window.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::R);
    window.step();
    wait(&mut window, "the answer of B", answered);
    // Both directories have one name, and still nothing is said of one model by the other.
    let token = window.state().state().token.unwrap();
    let key = window.state().state().attention_key().unwrap();
    let of_a_answer = TokenPlace { exchange: 0, token: 0, ..token };
    window.state_mut().act(ConversationAction::ShowBranch(0));
    window.state_mut().act(ConversationAction::SelectToken(Some(of_a_answer)));
    window.state_mut().act(ViewChange::Source(MapSource::TokenAttention { layer: None, head: None }));
    wait(&mut window, "the refusal", |app| {
        let known = app.state().attentions.get((key.0, of_a_answer));
        matches!(known, Some(Attended::Failed(why)) if why.contains("another checkpoint"))
    });
    window.run_ok();
    // The panel of maps says why as well, and what can be done.
    assert!(window.query_by_label_contains("Select a token of the answer").is_none());
    assert_eq!(window.get_all_by_label_contains("another checkpoint").count(), 2);
    assert_eq!(window.get_all_by_label("Try again").count(), 2);
    window.state_mut().act(ViewChange::Source(MapSource::default()));
    let of_b = Arc::clone(&window.state().state().trace().unwrap().trace);
    assert_ne!(of_a.layers[0].probs, of_b.layers[0].probs);

    // From now on changing sides is a matter of one key.
    window.get_by_label_contains("Model A: ").click();
    window.run_ok();
    window.get_by_label("Ask this model, show its maps").click();
    window.run_ok();
    assert!(Arc::ptr_eq(&of_a, &window.state().state().trace().unwrap().trace));

    // What is left answers.
    window.state_mut().act(ModelAction::Unload(Slot::A));
    wait(&mut window, "A to go", |app| app.state().models.loaded(Slot::A).is_none());
    assert!(Arc::ptr_eq(&of_b, &window.state().state().trace().unwrap().trace));
}

#[test]
fn a_question_asked_while_another_checkpoint_comes_waits_for_it() {
    let start = Start { model: Some(checkpoint("tiny-llama3")), ..Start::default() };
    let mut window = open(start, SIZES[1]);
    wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
    window.state_mut().state_mut().settings.sampling.max_tokens = 3;
    window.state_mut().act(ModelAction::Inspect(Slot::A, checkpoint("tiny-yi")));
    wait(&mut window, "what it needs", inspected);
    let ask = |window: &mut Harness<'_, App>| {
        window.state_mut().act(ConversationAction::SetDraft("Hello".to_owned()));
        window.state_mut().act(UiCommand::Ask);
    };
    window.state_mut().act(ModelAction::Load(Slot::A));
    ask(&mut window);
    wait(&mut window, "the answer", |app| last(app).is_some_and(|exchange| !exchange.status.is_open()));
    let exchange = last(window.state()).unwrap();
    assert!(matches!(exchange.status, AnswerStatus::Done | AnswerStatus::Full), "{:?}", exchange.status);
    assert!(exchange.directory.contains("tiny-yi"), "{}", exchange.directory);
    // Where the model goes and none comes, the question waits for the next one.
    window.state_mut().act(ModelAction::Unload(Slot::A));
    ask(&mut window);
    wait(&mut window, "the model to go", |app| app.state().models.loaded(Slot::A).is_none());
    assert_eq!(last(window.state()).unwrap().status, AnswerStatus::Waiting);
}

#[test]
fn after_a_refusal_nothing_is_loaded_unasked() {
    let start = Start { model: Some("/no/such/checkpoint".to_owned()), ..Start::default() };
    let mut window = open(start, SIZES[0]);
    wait(&mut window, "the refusal", |app| matches!(phase(app, Slot::A), Some(ModelPhase::Refused(_))));
    window.state_mut().act(ModelAction::Inspect(Slot::A, checkpoint("tiny-llama3")));
    wait(&mut window, "what it needs", inspected);
    for _ in 0..20 {
        std::thread::sleep(std::time::Duration::from_millis(5));
        window.step();
    }
    assert!(inspected(window.state()), "the person decides");
    assert!(window.state().state().models.loaded(Slot::A).is_none());
}

#[test]
fn what_an_earlier_inspection_finds_is_not_said_of_a_later_request() {
    let mut window = open(Start::default(), SIZES[0]);
    for source in ["tiny-llama3", "tiny-phi3", "tiny-llama3", "tiny-yi"] {
        window.state_mut().act(ModelAction::Inspect(Slot::A, checkpoint(source)));
    }
    wait(&mut window, "what the last one needs", inspected);
    let opening = window.state().state().models.opening(Slot::A).unwrap();
    let ModelPhase::Inspected(inspection) = &opening.phase else { panic!("{:?}", opening.phase) };
    assert_eq!(inspection.directory, Path::new(&checkpoint("tiny-yi")).canonicalize().unwrap());
}

fn inspected(app: &App) -> bool {
    matches!(phase(app, Slot::A), Some(ModelPhase::Inspected(_)))
}

fn type_into(window: &mut Harness<'_, App>, label: &str, text: &str) {
    window.get_by_label(label).focus();
    window.run_ok();
    window.get_by_label(label).type_text(text);
    window.run_ok();
}

/// A window in which the checkpoint in `source` was asked for.
fn asked_for(source: &str, size: [f32; 2]) -> Harness<'static, App> {
    let mut window = open(Start::default(), size);
    window.run_ok();
    type_into(&mut window, "Checkpoint", source);
    window.get_by_label("Open").click();
    window.run_ok();
    window
}

fn drop_on(window: &mut Harness<'_, App>, path: &Path) {
    #[derive(Debug)]
    struct Dropped(PathBuf);
    impl egui::DroppedFile for Dropped {
        fn path(&self) -> &Path {
            &self.0
        }
        fn bytes(&self) -> Result<Vec<u8>, String> {
            Err("nobody should read a dropped file through the window".into())
        }
    }
    window.input_mut().dropped_files.push(Arc::new(Dropped(path.to_path_buf())));
    window.step();
}

#[test]
fn a_checkpoint_that_is_named_is_examined_and_then_loaded() {
    let source = checkpoint("tiny-llama3");
    let mut window = asked_for(&source, SIZES[1]);
    wait(&mut window, "the inspection", inspected);
    window.get_by_label("f32");
    window.get_by_label_contains("Free:");
    assert!(window.state().state().models.loaded(Slot::A).is_none(), "the person decides");
    window.get_by_label("Load").click();
    wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
    assert_eq!(window.state().state().settings.recent[0].source, source);
    window.get_by_label_contains("Model A: checkpoint");
}

#[test]
fn another_type_of_weights_needs_less() {
    let mut window = asked_for(&checkpoint("tiny-llama3"), SIZES[1]);
    wait(&mut window, "the inspection", inspected);
    window.get_by_label("bf16").click();
    window.run_ok();
    wait(&mut window, "the inspection", inspected);
    window.get_by_label("Load").click();
    wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
    let model = window.state().state().models.loaded(Slot::A).unwrap();
    assert_eq!(model.inspection.precision.weights.name(), "bf16");
}

#[test]
fn an_encoder_that_is_missing_can_be_pointed_at() {
    let directory = without_clip();
    let mut window = asked_for(&directory.path().display().to_string(), SIZES[1]);
    wait(&mut window, "the inspection", inspected);
    window.get_by_label("not found");
    shot(&mut window, "missing-encoder");
    let clip = Path::new(&checkpoint("tiny-llama3")).join("towers/openai/clip-vit-large-patch14-336");
    type_into(&mut window, "Folder of CLIP", &clip.display().to_string());
    window.get_by_label("Use").click();
    window.run_ok();
    wait(&mut window, "the inspection", inspected);
    assert!(window.query_by_label("not found").is_none());
    window.get_by_label("Load").click();
    wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
}

#[test]
fn a_broken_checkpoint_that_is_dropped_is_refused_in_words() {
    let directory = without_clip();
    fs::write(directory.path().join("config.json"), "{ \"mm_vision_tower_aux_list\": 7 ").unwrap();
    for (name, size) in [("refused-small", SIZES[0]), ("refused", SIZES[1])] {
        let mut window = open(Start::default(), size);
        window.run_ok();
        drop_on(&mut window, directory.path());
        let refused = |app: &App| matches!(phase(app, Slot::A), Some(ModelPhase::Refused(_)));
        wait(&mut window, "the refusal", refused);
        window.get_by_label("This cannot be opened");
        window.get_by_label_contains("config.json");
        window.get_by_label("Try again").click();
        window.run_ok();
        wait(&mut window, "the refusal again", refused);
        shot(&mut window, name);
        window.key_press(egui::Key::Escape);
        window.run_ok();
        window.get_by_label("Choose a folder…");
    }
}

#[test]
fn what_the_engine_says_is_said_in_both_languages_with_the_windows_own_words() {
    let mut window = open(Start::default(), SIZES[1]);
    let shown = |window: &mut Harness<'_, App>, language: LanguageChoice| {
        window.state_mut().act(ProgramAction::SetLanguage(language));
        window.run_ok();
    };
    // An encoder that is missing: what to do is to be done beside its name.
    let directory = without_clip();
    window.state_mut().act(ModelAction::Inspect(Slot::A, directory.path().display().to_string()));
    wait(&mut window, "the inspection", inspected);
    shown(&mut window, LanguageChoice::English);
    window.get_by_label_contains("name the folder where they are, beside the encoder's name");
    assert!(window.query_by_label_contains("--tower").is_none());
    shown(&mut window, LanguageChoice::Chinese);
    window.get_by_label_contains("或在该编码器名称旁指定文件所在的文件夹");
    window.get_all_by_label_contains("：缺失").next().unwrap();
    shot(&mut window, "missing-encoder-zh");
    // A file that is damaged.
    fs::write(directory.path().join("config.json"), "{ \"mm_vision_tower_aux_list\": 7 ").unwrap();
    window.state_mut().act(ModelAction::Inspect(Slot::A, directory.path().display().to_string()));
    wait(&mut window, "the refusal", |app| matches!(phase(app, Slot::A), Some(ModelPhase::Refused(_))));
    window.get_by_label_contains("不是有效的 JSON");
    window.get_by_label_contains("请重新下载此文件");
    shot(&mut window, "refused-zh");
    shown(&mut window, LanguageChoice::English);
    window.get_by_label_contains("Is not valid JSON");
}

#[test]
fn a_file_of_a_checkpoint_that_is_dropped_opens_it() {
    let mut window = open(Start::default(), SIZES[0]);
    window.run_ok();
    drop_on(&mut window, &Path::new(&checkpoint("tiny-llama3")).join("config.json"));
    wait(&mut window, "the inspection", inspected);
}

#[test]
fn a_wrong_path_on_the_command_line_is_said_in_the_window() {
    let model = Some("/no/such/checkpoint".to_owned());
    let mut window = open(Start { model, ..Start::default() }, SIZES[0]);
    wait(&mut window, "the refusal", |app| matches!(phase(app, Slot::A), Some(ModelPhase::Refused(_))));
    window.get_by_label("This cannot be opened");
    assert!(window.query_all_by_label_contains("/no/such/checkpoint").count() > 0, "the file at fault is named");
    assert_eq!(window.get_by_label("Checkpoint").value().as_deref(), Some("/no/such/checkpoint"));
}

#[test]
fn a_second_model_is_opened_over_the_panels() {
    let model = Some(checkpoint("tiny-llama3"));
    let mut window = open(Start { model, ..Start::default() }, SIZES[1]);
    wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
    window.state_mut().act(ModelAction::Inspect(Slot::B, checkpoint("tiny-yi")));
    wait(&mut window, "the inspection", |app| matches!(phase(app, Slot::B), Some(ModelPhase::Inspected(_))));
    assert!(window.state().state().models.loaded(Slot::A).is_some());
    window.get_by_label("Question");
    window.get_by_label("For comparison (B)");
    shot(&mut window, "compare");
    window.get_by_label("Load").click();
    wait(&mut window, "the second model", |app| app.state().models.loaded(Slot::B).is_some());
    assert!(window.state().state().models.loaded(Slot::A).is_some());
}

#[test]
fn every_page_can_be_drawn_in_both_languages_and_colours_at_both_sizes() {
    for (at, size) in SIZES.into_iter().enumerate() {
        for language in ["en", "zh"] {
            let mut window = open(Start::default(), size);
            window.run_ok();
            if language == "zh" {
                window.get_by_label("中文").click();
                window.run_ok();
            }
            let name = |page: &str, colours: &str| format!("{page}-{language}-{colours}-{at}");
            let field = if language == "en" { "Checkpoint" } else { "检查点" };
            let (light, dark) = if language == "en" {
                ("Colours: Light", "Colours: Dark")
            } else {
                ("配色: 浅色", "配色: 深色")
            };
            for colours in ["first", "second"] {
                shot(&mut window, &name("start", colours));
                let other = window.query_by_label(light).or_else(|| window.query_by_label(dark)).unwrap();
                other.click();
                window.run_ok();
            }
            type_into(&mut window, field, &checkpoint("tiny-llama3"));
            window.get_by_label(if language == "en" { "Open" } else { "打开" }).click();
            wait(&mut window, "the inspection", inspected);
            shot(&mut window, &name("plan", "first"));
        }
    }
}

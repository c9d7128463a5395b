//! What the window writes to files, and that the command line makes the same again.

use crate::harness::wait;
use crate::inspecting::answered;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use opabinia::figure::Theme;
use opabinia::map_figure::Part;
use opabinia::window::action::{Action, ConversationAction, ProgramAction, ViewAction};
use opabinia::window::app::App;
use opabinia::window::command::UiCommand;
use opabinia::window::state::{
    ExportKind, ExportOptions, MapSource, NoticeKind, Overlay, RunRef, TokenPlace, ViewChange,
};
use opabinia_engine::intervention::Interventions;
use opabinia_engine::probe::trace_file;
use opabinia_shaders::{Cell, Indices, Quantity};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn options() -> ExportOptions {
    ExportOptions { svg: false, only_large: false, part: Part::Padded, side: 160, theme: Theme::Dark }
}

/// Exports to `path`, and waits for the notice that says so.
fn export(window: &mut Harness<'_, App>, kind: ExportKind, options: ExportOptions, path: &Path) {
    let before = window.state().state().notices.all().count();
    window.state_mut().apply(ViewAction::ExportTo(kind, options, path.to_owned()).into());
    wait(window, "the export", |app| app.state().notices.all().count() > before);
    let notice = window.state().state().notices.all().next_back().unwrap().clone();
    assert_eq!(notice.kind, NoticeKind::Info, "{}", notice.text);
    assert!(notice.text.contains(&path.display().to_string()), "{}", notice.text);
}

/// Exports to `path`, and gives the notice that says why that failed.
fn export_fails(window: &mut Harness<'_, App>, kind: ExportKind, path: &Path) -> String {
    let before = window.state().state().notices.all().count();
    window.state_mut().apply(ViewAction::ExportTo(kind, options(), path.to_owned()).into());
    wait(window, "the failure", |app| app.state().notices.all().count() > before);
    let notice = window.state().state().notices.all().next_back().unwrap().clone();
    assert_ne!(notice.kind, NoticeKind::Info, "{}", notice.text);
    notice.text
}

fn render(recipe: &Path, out: &Path, more: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_opabinia"))
        .args(["render", "--recipe"])
        .arg(recipe)
        .arg("-o")
        .arg(out)
        .args(more)
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

fn change(window: &mut Harness<'_, App>, changes: &[ViewChange]) {
    for change in changes {
        window.state_mut().apply(change.clone().into());
    }
    window.run_ok();
}

#[test]
fn a_recipe_makes_the_same_picture_and_numbers_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let mut window = answered("tiny-llama3", "wide.png", [1360.0, 860.0]);
    let cases: [(&str, &[ViewChange], ExportOptions); 3] = [
        ("first", &[], options()),
        (
            "cell",
            &[
                ViewChange::Quantity(Quantity::Share),
                ViewChange::Layers(Indices::from_iter([0, 1])),
                ViewChange::Heads(Indices::one(2)),
                ViewChange::Opacity(0.85),
                ViewChange::Grid(true),
                ViewChange::Select(Some(Cell { row: 3, col: 1 })),
            ],
            ExportOptions { only_large: true, part: Part::Picture, theme: Theme::Light, ..options() },
        ),
        ("who", &[ViewChange::Quantity(Quantity::Dominant)], options()),
    ];
    let mut pictures = Vec::new();
    for (name, changes, options) in cases {
        change(&mut window, changes);
        let file = |ending: &str| path(&format!("{name}.{ending}"));
        export(&mut window, ExportKind::Picture, options, &file("png"));
        export(&mut window, ExportKind::Numbers, options, &file("csv"));
        export(&mut window, ExportKind::Recipe, options, &file("recipe.json"));
        let csv = file("again.csv");
        let (made, message) = render(&file("recipe.json"), &file("again.png"), &["--csv", csv.to_str().unwrap()]);
        assert!(made, "{message}");
        let read = |ending: &str| std::fs::read(file(ending)).unwrap();
        assert!(read("png") == read("again.png"), "{name}: the pictures differ");
        assert!(read("csv") == read("again.csv"), "{name}: the numbers differ");
        let picture = image::open(file("png")).unwrap();
        assert!(picture.width() > 100 && picture.height() > 100);
        pictures.push(read("png"));
    }
    assert!(pictures[0] != pictures[1] && pictures[1] != pictures[2]);
    let (made, message) = render(&path("first.recipe.json"), &path("x.png"), &["--mode", "share"]);
    assert!(!made && message.contains("--mode"), "{message}");
    let trace = path("first.trace.safetensors");
    let (made, message) =
        render(&path("first.recipe.json"), &trace.with_extension("png"), &["--csv", trace.to_str().unwrap()]);
    assert!(!made && message.contains("replace the input"), "{message}");
    std::fs::remove_file(&trace).unwrap();
    let (made, message) = render(&path("first.recipe.json"), &path("x.png"), &[]);
    assert!(!made && message.contains("first.trace.safetensors"), "{message}");
}

#[test]
fn a_trace_is_written_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.safetensors");
    let mut window = answered("tiny-phi3", "tall.png", [1360.0, 860.0]);
    export(&mut window, ExportKind::Trace, options(), &path);
    assert_eq!(trace_file::read(&path).unwrap(), *window.state().state().trace().unwrap().trace);
}

#[test]
fn failures_are_told_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = answered("tiny-phi3", "square.png", [1360.0, 860.0]);
    let message = export_fails(&mut window, ExportKind::Picture, &folder.path().join("none/x.png"));
    assert!(message.contains("there is no directory"), "{message}");
    std::fs::write(folder.path().join("a.trace.safetensors"), "mine").unwrap();
    let message = export_fails(&mut window, ExportKind::Recipe, &folder.path().join("a.recipe.json"));
    assert!(message.contains("would be replaced"), "{message}");
    assert_eq!(std::fs::read(folder.path().join("a.trace.safetensors")).unwrap(), b"mine");
}

#[test]
fn the_dialog_asks_what_the_view_does_not_say() {
    let mut window = answered("tiny-phi3", "square.png", [1360.0, 860.0]);
    window.state_mut().apply(Action::Command(UiCommand::ExportPicture));
    window.run_ok();
    window.get_by_label("Dark, for screens").click();
    window.run_ok();
    window.get_by_label("1920 px").click();
    window.run_ok();
    let Overlay::Export(ExportKind::Picture, options) = window.state().state().overlay else {
        panic!("the dialog is not open")
    };
    assert_eq!((options.theme, options.side), (Theme::Dark, 1920));
    window.get_by_label("Cancel").click();
    window.run_ok();
    assert_eq!(window.state().state().overlay, Overlay::None);
}

#[test]
fn what_a_token_attended_to_is_exported_as_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token.csv");
    let mut window = answered("tiny-phi3", "square.png", [1360.0, 860.0]);
    let shown = window.state().state().conversations.current().unwrap();
    let place = TokenPlace { conversation: shown.id, exchange: shown.leaf.unwrap(), token: 0 };
    window.state_mut().apply(ConversationAction::SelectToken(Some(place)).into());
    change(&mut window, &[ViewChange::Source(MapSource::TokenAttention { layer: Some(0), head: Some(1) })]);
    wait(&mut window, "the attention", |app| app.maps().is_some());
    export(&mut window, ExportKind::Numbers, options(), &path);
    let state = window.state().state();
    let attention = state.attentions.ready(state.attention_key().unwrap()).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let written: Vec<f32> =
        text.lines().skip(1).map(|line| line.rsplit(',').next().unwrap().parse().unwrap()).collect();
    assert_eq!(written, attention.map(0, 1).unwrap());
    // As a figure, too: the same map as on the screen, with all that it is about.
    let picture = folder.path().join("token.png");
    window.state_mut().apply(Action::Command(UiCommand::ExportPicture));
    assert!(matches!(window.state().state().overlay, Overlay::Export(ExportKind::Picture, _)));
    window.state_mut().apply(ProgramAction::CloseOverlay.into());
    export(&mut window, ExportKind::Picture, options(), &picture);
    let drawn = image::open(&picture).unwrap().to_rgb8();
    assert!(drawn.width() > 100 && drawn.pixels().collect::<HashSet<_>>().len() > 50, "there is nothing on it");
    window.state_mut().apply(Action::Command(UiCommand::ExportRecipe));
    let notice = window.state().state().notices.all().next_back().unwrap().clone();
    assert!(notice.text.contains("can be exported as a figure"), "{}", notice.text);
}

#[test]
fn a_difference_is_exported_as_it_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let mut window = answered("tiny-llama3", "wide.png", [1360.0, 860.0]);
    let without = RunRef { interventions: Interventions::mask(3, false), ..RunRef::default() };
    let changes = [
        ViewChange::Quantity(Quantity::Share),
        ViewChange::Source(MapSource::Difference(without.clone(), RunRef::default())),
    ];
    change(&mut window, &changes);
    wait(&mut window, "both runs", |app| app.maps().is_some() && !app.state().is_busy());
    export(&mut window, ExportKind::Numbers, options(), &path("difference.csv"));
    export(&mut window, ExportKind::Picture, options(), &path("difference.png"));
    // And it is made again without the window.
    let recipe = path("difference.recipe.json");
    export(&mut window, ExportKind::Recipe, options(), &recipe);
    let csv = path("again.csv");
    let (made, message) = render(&recipe, &path("again.png"), &["--csv", csv.to_str().unwrap()]);
    assert!(made, "{message}");
    for (drawn, again) in [("difference.png", "again.png"), ("difference.csv", "again.csv")] {
        assert!(std::fs::read(path(drawn)).unwrap() == std::fs::read(path(again)).unwrap(), "{drawn} differs");
    }
    // The numbers are those of the two runs, each exported alone.
    let mut columns = Vec::new();
    for (name, run) in [("without.csv", without), ("plain.csv", RunRef::default())] {
        change(&mut window, &[ViewChange::Source(MapSource::Run(run))]);
        export(&mut window, ExportKind::Numbers, options(), &path(name));
        columns.push(values(&path(name)));
    }
    let difference = values(&path("difference.csv"));
    let mut compared = 0;
    for ((difference, without), plain) in difference.iter().zip(&columns[0]).zip(&columns[1]) {
        let expected = without.zip(*plain).map(|(without, plain)| without - plain);
        assert_eq!(difference.is_some(), expected.is_some());
        if let (Some(difference), Some(expected)) = (difference, expected) {
            assert!((difference - expected).abs() <= 1e-6, "{difference} {expected}");
            compared += 1;
        }
    }
    assert!(compared > 20 && difference.iter().flatten().any(|value| *value != 0.0));
    let text = std::fs::read_to_string(path("difference.csv")).unwrap();
    assert!(text.lines().next().is_some_and(|names| names.ends_with("minus_model,minus_intervention")));
    assert!(text.contains("difference of share of attention") && text.contains("mask:"), "{text}");
    let picture = image::open(path("difference.png")).unwrap();
    assert!(picture.width() > 100 && picture.height() > 100);
}

/// The column `value` of an exported table: `None` where there is none.
fn values(path: &Path) -> Vec<Option<f32>> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(|line| line.split(',').nth(3).unwrap().parse().ok()).collect()
}

//! Sets of questions: opened, asked, paused, gone on with, filtered, asked again in the conversation; benchmarks.

use crate::harness::{ask, checkpoint, drop_file, last, open, shot, wait};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use opabinia::evaluation::Quadrant;
use opabinia::language::LanguageChoice;
use opabinia::window::Start;
use opabinia::window::action::{EvaluationAction, ProgramAction};
use opabinia::window::app::App;
use opabinia::window::command::UiCommand;
use opabinia::window::state::{AnswerStatus, Ended, Evaluation, EvaluationField, EvaluationTab, Known, PictureSource};
use opabinia_engine::intervention::Interventions;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const LARGE: [f32; 2] = [1500.0, 1500.0];
const SMALL: [f32; 2] = [1024.0, 640.0];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The questions that lie beside the demo.
pub fn set() -> PathBuf {
    root().join("assets/demo/questions")
}

/// What the panel knows.
pub fn evaluation(app: &App) -> &Evaluation {
    &app.state().evaluation
}

/// The command line, with no hub cache.
fn opabinia(args: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_opabinia"))
        .args(args)
        .env_remove("HF_HUB_CACHE")
        .env("HF_HOME", "/nonexistent/opabinia-tests")
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Types `text` into `field` of the panel.
pub fn type_into(window: &mut Harness<'static, App>, field: EvaluationField, text: impl Into<String>) {
    window.state_mut().act(EvaluationAction::Type(field, text.into()));
    window.run_ok();
}

/// A window with the demo checkpoint and the panel, in which `set` was opened, `rows` rows of it.
pub fn with_set(set: &Path, rows: &str, size: [f32; 2]) -> Harness<'static, App> {
    let mut window = open(Start { model: Some("demo".into()), ..Start::default() }, size);
    wait(&mut window, "the demo", |app| app.state().models.current().is_some());
    window.state_mut().act(UiCommand::Evaluation);
    window.run_ok();
    type_into(&mut window, EvaluationField::Limit, rows);
    drop_file(&mut window, set);
    wait(&mut window, "the set", |app| !matches!(evaluation(app).set, Known::Nothing | Known::Coming));
    window
}

fn finished(app: &App) -> usize {
    evaluation(app).run.ready().map_or(0, |run| run.entries.len())
}

fn complete(app: &App) -> bool {
    evaluation(app).ended == Some(Ended::Complete)
}

/// Whether the two columns that are chosen stand beside each other.
pub fn paired(app: &App) -> bool {
    let wanted = evaluation(app).wanted_pair();
    wanted.is_some() && evaluation(app).pair.as_ref().map(|(of, _)| of) == wanted.as_ref()
}

fn speak(window: &mut Harness<'static, App>, language: LanguageChoice) {
    window.state_mut().act(ProgramAction::SetLanguage(language));
    window.run_ok();
}

/// A run of `rows` rows of the demo's set in `out`, by the command line.
pub fn command_line_run(out: &Path, rows: &str, more: &[&str]) {
    let (data, out) = (text(&set()), text(out));
    opabinia(&[&["eval", "--data", &data, "--limit", rows, "--out", &out, "--json"], more].concat());
}

/// Questions and conditions of a run that is still going on when a question asked meanwhile has been answered.
const MANY: &str = "60";
const ALL: &str = "as_is,no_image,blank,encoders,encoders:zero";

#[test]
fn a_run_is_begun_paused_and_gone_on_with_by_either_program() {
    let directory = tempfile::tempdir().unwrap();
    let (out, other) = (directory.path().join("new/run"), directory.path().join("other"));
    let many: usize = MANY.parse().unwrap();
    let mut window = with_set(&set(), MANY, LARGE);
    type_into(&mut window, EvaluationField::Conditions, ALL);
    type_into(&mut window, EvaluationField::Run, text(&out));
    window.get_by_label("Start").click();
    window.step();
    wait(&mut window, "the first pictures", |app| finished(app) >= 5);
    shot(&mut window, "evaluation-running");
    // A question asked meanwhile is answered first.
    ask(&mut window, "What colour is the ring?");
    wait(&mut window, "the answer", |app| last(app).is_some_and(|exchange| exchange.status == AnswerStatus::Done));
    assert!(evaluation(window.state()).working.is_some(), "the run was over before a question was answered");
    window.get_by_label("Pause").click();
    window.step();
    wait(&mut window, "the pause", |app| evaluation(app).working.is_none());
    let ended = evaluation(window.state()).ended.clone();
    assert_eq!(ended, Some(Ended::Paused));
    let paused_at = finished(window.state());
    assert!((5..many).contains(&paused_at), "{paused_at}");
    window.get_by_label("Resume").click();
    window.step();
    wait(&mut window, "some more", |app| finished(app) > paused_at || complete(app));
    window.state_mut().act(EvaluationAction::Pause);
    wait(&mut window, "the second pause", |app| evaluation(app).working.is_none());
    assert!(finished(window.state()) > paused_at);
    // The command line goes on with it, and then there is nothing left to ask.
    command_line_run(&out, MANY, &["--conditions", ALL]);
    command_line_run(&other, MANY, &["--conditions", ALL]);
    assert_eq!(fs::read(out.join("merged.jsonl")).unwrap(), fs::read(other.join("merged.jsonl")).unwrap());
    window.state_mut().act(EvaluationAction::Open(EvaluationField::Run));
    wait(&mut window, "the run", |app| evaluation(app).run.ready().is_some_and(|run| run.is_complete()));
    assert!(window.query_by_label("Resume").is_none());
    // The other way round: what the command line began, the window ends, with the very same numbers.
    let begun = directory.path().join("begun");
    fs::create_dir(&begun).unwrap();
    for entry in fs::read_dir(&other).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("header-") || name.starts_with("items-") {
            let whole = fs::read_to_string(&entry).unwrap();
            let part = if name.starts_with("items-") { &whole[..whole.len() * 4 / 5] } else { &whole };
            fs::write(begun.join(name), part).unwrap();
        }
    }
    type_into(&mut window, EvaluationField::Run, text(&begun));
    window.state_mut().act(EvaluationAction::Open(EvaluationField::Run));
    wait(&mut window, "the begun run", |app| evaluation(app).run.ready().is_some_and(|run| run.path == begun));
    assert!((1..many).contains(&finished(window.state())));
    window.get_by_label("Resume").click();
    window.step();
    wait(&mut window, "the rest", complete);
    assert_eq!(fs::read(begun.join("merged.jsonl")).unwrap(), fs::read(other.join("merged.jsonl")).unwrap());
    let json = |run: &Path| -> Value { serde_json::from_slice(&fs::read(run.join("summary.json")).unwrap()).unwrap() };
    assert_eq!(json(&begun)["conditions"], json(&other)["conditions"]);
}

#[test]
fn numbers_lead_to_their_items_and_items_into_the_conversation() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    command_line_run(&out, "30", &[]);
    let mut window = with_set(&set(), "30", LARGE);
    drop_file(&mut window, &out);
    wait(&mut window, "the two columns", paired);
    let (counts, items) = {
        let (_, pair) = evaluation(window.state()).shown_pair().unwrap();
        (Quadrant::ALL.map(|quadrant| pair.of(quadrant).len()), pair.entries.len())
    };
    assert_eq!((counts.iter().sum::<usize>(), items), (30, 30));
    window.get_by_label("Questions (30)");
    shot(&mut window, "evaluation-english");
    // What the picture decides: right with it, wrong without.
    window.get_by_label(&format!("Right only in the first: {}", counts[1])).click();
    window.run_ok();
    window.get_by_label(&format!("Questions ({})", counts[1]));
    let run = evaluation(window.state()).run.ready().unwrap();
    let needs_eyes = run
        .entries
        .iter()
        .enumerate()
        .filter_map(|(at, _)| run.record(at))
        .find(|record| record.conditions["as_is"].right && !record.conditions["no_image"].right);
    let (idx, question) = needs_eyes.map(|record| (record.idx.clone(), record.question.clone())).unwrap();
    window.get_by_label_contains(&format!("Question {idx}: ")).click();
    window.run_ok();
    wait(
        &mut window,
        "its picture",
        |app| matches!(&evaluation(app).picture, Some((of, Known::Ready(_))) if *of == idx),
    );
    window.get_by_label("Picture of the question");
    shot(&mut window, "evaluation-item");
    speak(&mut window, LanguageChoice::Chinese);
    shot(&mut window, "evaluation-item-chinese");
    speak(&mut window, LanguageChoice::English);
    // A rate of one task leads to its items.
    let (task, of_task) = {
        let run = evaluation(window.state()).run.ready().unwrap();
        let (task, rate) = run.summary.conditions[1].tasks.iter().next().unwrap();
        (task.clone(), rate.of)
    };
    window.get_by_label_contains(&format!("no_image, {task}: ")).click();
    window.run_ok();
    wait(&mut window, "its items", paired);
    window.get_by_label(&format!("Questions ({of_task})"));
    assert_eq!(evaluation(window.state()).view.task.as_ref(), Some(&task));
    // With an encoder away: the conversation asks it, and the maps are those of that run.
    let condition = {
        let run = evaluation(window.state()).run.ready().unwrap();
        run.header.conditions.iter().find(|condition| condition.without.is_some()).unwrap().name.clone()
    };
    window.get_by_label(&format!("Ask: {condition}")).click();
    window.step();
    wait(&mut window, "the answer under it", |app| {
        let on = app.state().pane().source.interventions();
        last(app).is_some_and(|exchange| {
            let under = on.filter(|on| !on.is_none()).and_then(|on| exchange.under(on));
            exchange.question == question && under.is_some_and(|known| known.status == AnswerStatus::Done)
        })
    });
    let state = window.state().state();
    let exchange = last(window.state()).unwrap();
    let picture = state.pictures.get(exchange.picture.unwrap()).unwrap();
    assert!(matches!(&picture.source, PictureSource::File(path) if path.starts_with(set())));
    wait(&mut window, "the maps", |app| app.maps().is_some());
    shot(&mut window, "evaluation-asked");
    // Without a picture, and as it is again: the intervention is off.
    window.state_mut().act(UiCommand::Evaluation);
    window.run_ok();
    window.get_by_label("Ask: no_image").click();
    window.step();
    wait(&mut window, "the blind answer", |app| {
        last(app).is_some_and(|exchange| exchange.picture.is_none() && exchange.status == AnswerStatus::Done)
    });
    assert!(window.state().state().pane().source.interventions().is_some_and(Interventions::is_none));
}

#[test]
fn two_checkpoints_are_compared_on_a_set() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (directory.path().join("first"), directory.path().join("second"));
    command_line_run(&first, "20", &["--conditions", "as_is,no_image"]);
    let tiny = checkpoint("tiny-llama3");
    let more = ["--model", &tiny, "--protocol", "logprob-text", "--conditions", "as_is,no_image"];
    command_line_run(&second, "20", &more);
    let mut window = open(Start { model: Some("demo".into()), ..Start::default() }, LARGE);
    wait(&mut window, "the demo", |app| app.state().models.current().is_some());
    window.state_mut().act(UiCommand::Evaluation);
    type_into(&mut window, EvaluationField::Run, text(&first));
    window.state_mut().act(EvaluationAction::Open(EvaluationField::Run));
    wait(&mut window, "the first run", |app| evaluation(app).run.ready().is_some());
    type_into(&mut window, EvaluationField::Other, text(&second));
    window.get_by_label("Open: Compare with run").click();
    window.step();
    wait(&mut window, "both", |app| evaluation(app).other.ready().is_some() && paired(app));
    let (of, pair) = evaluation(window.state()).shown_pair().unwrap();
    assert_eq!(of.conditions, ["as_is", "as_is"]);
    assert_ne!(of.runs[0].header.model, of.runs[1].header.model);
    // Counted again from the lines of both runs.
    let right = |run: &Path| -> Vec<bool> {
        let lines = fs::read_to_string(run.join("merged.jsonl")).unwrap();
        let record =
            |line: &str| serde_json::from_str::<Value>(line).unwrap()["conditions"]["as_is"]["right"].as_bool();
        lines.lines().map(|line| record(line).unwrap()).collect()
    };
    let both = right(&first).into_iter().zip(right(&second));
    let counted = both.fold([0; 4], |mut counts, right| {
        counts[Quadrant::of(right) as usize] += 1;
        counts
    });
    assert_eq!(Quadrant::ALL.map(|quadrant| pair.of(quadrant).len()), counted);
    shot(&mut window, "evaluation-two");
    speak(&mut window, LanguageChoice::Chinese);
    shot(&mut window, "evaluation-two-chinese");
}

#[test]
fn what_is_wrong_with_a_set_is_said_in_both_languages_and_the_rest_is_asked() {
    let directory = tempfile::tempdir().unwrap();
    let questions = fs::read_to_string(set().join("questions.jsonl")).unwrap();
    let mut rows: Vec<Value> = questions.lines().take(6).map(|line| serde_json::from_str(line).unwrap()).collect();
    fs::create_dir(directory.path().join("images")).unwrap();
    for row in &rows {
        let name = row["filename"].as_str().unwrap();
        fs::copy(set().join(name), directory.path().join(name)).unwrap();
    }
    rows[0]["filename"] = "images/gone.png".into();
    rows[1]["answer"] = "(Z)".into();
    rows[3]["idx"] = rows[2]["idx"].clone();
    fs::write(directory.path().join("images/broken.png"), "no picture").unwrap();
    rows[4]["filename"] = "images/broken.png".into();
    let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
    fs::write(directory.path().join("questions.jsonl"), lines.join("\n")).unwrap();
    let mut window = with_set(directory.path(), "", SMALL);
    window.get_by_label("3 rows of the set are left out:");
    for reason in ["its picture is missing", "its answer is not among its options", "its idx was there before"] {
        window.get_by_label(&format!("1 × {reason}"));
    }
    shot(&mut window, "evaluation-left-out");
    speak(&mut window, LanguageChoice::Chinese);
    window.get_by_label("题集中有 3 行未使用：");
    for reason in ["缺少其图片", "答案不在选项之中", "此前已有相同的 idx"] {
        window.get_by_label(&format!("1 × {reason}"));
    }
    shot(&mut window, "evaluation-left-out-chinese");
    speak(&mut window, LanguageChoice::English);
    type_into(&mut window, EvaluationField::Run, text(&directory.path().join("run")));
    type_into(&mut window, EvaluationField::Conditions, "as_is,no_image");
    window.state_mut().act(EvaluationAction::Start);
    wait(&mut window, "the run", complete);
    let run = evaluation(window.state()).run.ready().unwrap();
    assert_eq!((run.summary.items, run.summary.unanswered, run.header.data.skipped.count()), (2, 1, 3));
    // A parquet file that was cut off cannot be read at all, and what was there before stays as it was.
    let whole = fs::read(root().join("engine/eval/tests/data/uncompressed.parquet")).unwrap();
    let cut = directory.path().join("cut.parquet");
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    for (language, part) in [
        (LanguageChoice::English, "this is no whole parquet file"),
        (LanguageChoice::Chinese, "这不是完整的 parquet 文件"),
    ] {
        speak(&mut window, language);
        type_into(&mut window, EvaluationField::Set, text(&cut));
        window.state_mut().act(EvaluationAction::Open(EvaluationField::Set));
        window.step();
        wait(&mut window, "the failure", |app| matches!(evaluation(app).set, Known::Failed(_)));
        let Known::Failed(why) = &evaluation(window.state()).set else { panic!("it was read") };
        assert!(why.contains(part) && why.contains("cut.parquet"), "{why}");
    }
    assert_eq!(finished(window.state()), 3);
}

#[test]
fn benchmarks_are_drawn_and_written() {
    let directory = tempfile::tempdir().unwrap();
    let examples = root().join("assets/demo/benchmarks");
    let mut window = open(Start { model: Some("demo".into()), ..Start::default() }, LARGE);
    wait(&mut window, "the demo", |app| app.state().models.current().is_some());
    window.state_mut().act(UiCommand::Evaluation);
    window.state_mut().act(EvaluationAction::Show(EvaluationTab::Benchmarks));
    window.run_ok();
    type_into(&mut window, EvaluationField::Groups, text(&examples.join("demo-groups.csv")));
    type_into(&mut window, EvaluationField::Table, text(&examples.join("demo-scores.csv")));
    window.get_by_label("Open: Table").click();
    window.step();
    wait(&mut window, "the table", |app| evaluation(app).benchmarks.ready().is_some());
    window.get_by_label("Biplot and tree of benchmarks");
    shot(&mut window, "evaluation-benchmarks");
    speak(&mut window, LanguageChoice::Chinese);
    window.get_by_label("基准的双标图与树");
    shot(&mut window, "evaluation-benchmarks-chinese");
    speak(&mut window, LanguageChoice::English);
    for kind in opabinia::window::state::FigureFile::ALL {
        let file = directory.path().join(format!("figure.{}", kind.extension()));
        window.state_mut().act(EvaluationAction::ExportBenchmarksTo(kind, file.clone()));
        wait(&mut window, "the file", |_| file.is_file());
    }
    assert!(fs::read_to_string(directory.path().join("figure.svg")).unwrap().contains("PC1"));
    // What is no table is said, and where.
    let wrong = directory.path().join("wrong.csv");
    fs::write(&wrong, "model,A,B\nx,1,red\n").unwrap();
    type_into(&mut window, EvaluationField::Table, text(&wrong));
    window.state_mut().act(EvaluationAction::Open(EvaluationField::Table));
    window.step();
    wait(&mut window, "the failure", |app| matches!(evaluation(app).benchmarks, Known::Failed(_)));
    let Known::Failed(why) = &evaluation(window.state()).benchmarks else { panic!("it was read") };
    assert!(why.contains("line 2: `red` for B is no number"), "{why}");
}

//! Two checkpoints side by side.

use crate::harness::{checkpoint, image, open, shot, wait};
use egui::Key;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use opabinia::language::LanguageChoice;
use opabinia::window::Start;
use opabinia::window::action::{ComparisonAction, ConversationAction, ModelAction, ProgramAction, ViewAction};
use opabinia::window::app::App;
use opabinia::window::gpu::{PaneMaps, Upload};
use opabinia::window::state::{
    AnswerStatus, AppState, ComparisonTab, Conversations, Crossing, EvidencePart, FilesCompared, InspectorTab, Linked,
    MapSource, MapsCompared, ModelPhase, PartState, PictureState, SidesLook, Slot, ViewChange,
};
use opabinia::window::theme::ThemeChoice;
use opabinia_engine::compare::Maps;
use opabinia_engine::probe::{Cell as ProbeCell, Measure, Measured};
use opabinia_forge::{Derivation, derive};
use opabinia_shaders::{Cell, Indices, Map, Rect};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub const SIZES: [[f32; 2]; 2] = [[1360.0, 860.0], [1024.0, 640.0]];

/// A window with two checkpoints and a picture, in which both are looked at.
pub fn compared(a: &str, b: &str, size: [f32; 2]) -> Harness<'static, App> {
    let start = Start { model: Some(a.to_owned()), image: Some(image("wide.png")), ..Start::default() };
    let mut window = open(start, size);
    wait(&mut window, "A", |app| app.state().models.loaded(Slot::A).is_some());
    window.state_mut().act(ModelAction::Inspect(Slot::B, b.to_owned()));
    let inspected = |app: &App| {
        app.state().models.opening(Slot::B).is_some_and(|opening| matches!(opening.phase, ModelPhase::Inspected(_)))
    };
    wait(&mut window, "what B needs", inspected);
    window.state_mut().act(ModelAction::Load(Slot::B));
    wait(&mut window, "B", |app| app.state().models.loaded(Slot::B).is_some());
    wait(&mut window, "the picture", |app| {
        let picture = app.state().picture().and_then(|id| app.state().pictures.get(id));
        picture.is_some_and(|entry| matches!(entry.state, PictureState::Ready(_)))
    });
    // Random weights say whatever they like; a few words of it are enough.
    window.state_mut().state_mut().settings.sampling.max_tokens = 6;
    // Opening a second side is asking for the comparison.
    assert!(window.state().state().comparison.on);
    assert_eq!(window.state().state().pane().source, MapSource::sides(SidesLook::Beside));
    window
}

/// The demo checkpoint, where it lies in the repository.
fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("assets/demo/checkpoint")
}

/// The demo against the checkpoint that the guide forges of it, whose projectors were moved; both asked what the sign says.
pub fn demo_against_moved(folder: &Path, size: [f32; 2]) -> Harness<'static, App> {
    let b = folder.join("moved");
    let perturb = vec![("model.mm_projector*".to_owned(), 0.3)];
    derive(&demo(), &Derivation { perturb, ..Derivation::default() }, &b).unwrap();
    let mut window = compared(demo().to_str().unwrap(), b.to_str().unwrap(), size);
    window.state_mut().state_mut().settings.sampling.max_tokens = 40;
    window.state_mut().act(ConversationAction::TrySample("gift", "What does the sign say?"));
    wait(&mut window, "the picture", |app| {
        app.state().picture().is_some_and(|id| app.state().pictures.ready(id).is_some())
    });
    window.get_by_label("Ask both").click();
    window.step();
    window.step();
    wait(&mut window, "both answers", answered);
    window
}

pub fn statuses(state: &AppState) -> [Option<AnswerStatus>; 2] {
    state.both_answers().map(|known| known.map(|(_, exchange)| exchange.status.clone()))
}

pub fn answered(app: &App) -> bool {
    let complete = |status: &Option<AnswerStatus>| status.as_ref().is_some_and(|status| !status.is_open());
    !app.state().is_busy() && statuses(app.state()).iter().all(complete)
}

pub fn ask_both(window: &mut Harness<'static, App>, question: &str) {
    window.state_mut().act(ConversationAction::SetDraft(question.to_owned()));
    window.run_ok();
    window.get_by_label("Ask both").click();
    window.step();
    window.step();
}

fn maps(app: &App) -> Option<&MapsCompared> {
    app.state().comparison.maps(&app.state().both_traces()?)
}

fn ready(app: &App) -> Option<Arc<Maps>> {
    if let Some(MapsCompared::Ready(maps)) = maps(app) { Some(Arc::clone(maps)) } else { None }
}

fn show(window: &mut Harness<'static, App>, tab: ComparisonTab) {
    window.state_mut().act(ComparisonAction::Show(tab));
    window.run_ok();
}

pub fn is_said(window: &Harness<'static, App>, label: &str) -> bool {
    window.query_all_by_label(label).next().is_some()
}

/// Shows the maps of the active pane and draws until `wanted` of them is there.
pub fn drawn<T>(window: &mut Harness<'static, App>, wanted: impl Fn(&App) -> Option<T>) -> T {
    for _ in 0..600 {
        window.render().unwrap();
        window.step();
        if let Some(found) = wanted(window.state()) {
            return found;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("what was waited for never came");
}

/// What the active pane draws of one side.
fn maps_of(app: &App, slot: Slot) -> Option<Arc<PaneMaps>> {
    let (gpu, pane) = (app.gpu()?, app.state().pane());
    let key = &app.state().sides_of(pane)?[usize::from(slot == Slot::B)];
    let Upload::Ready(on_gpu) = gpu.trace(&app.state().traces.get(key)?.trace)? else { return None };
    gpu.maps(pane.id, &on_gpu, None).ok()
}

/// The small maps of one side as they were measured last, once their numbers are here.
pub fn numbers_of(app: &App, slot: Slot) -> Option<Arc<Vec<Map>>> {
    maps_of(app, slot)?.small.measured_numbers()
}

#[test]
fn both_sides_are_asked_aligned_and_compared() {
    let mut window = compared(&checkpoint("tiny-llama3"), &checkpoint("tiny-yi"), SIZES[0]);
    ask_both(&mut window, "What is this?");
    wait(&mut window, "both answers", answered);
    let state = window.state().state();
    let answers = state.both_answers().map(|known| known.unwrap().1.clone());
    assert!(answers[0].directory.contains("tiny-llama3") && answers[1].directory.contains("tiny-yi"));
    assert_eq!(answers[0].question, answers[1].question);
    // Both stand in the conversation, and above the maps is said what has no counterpart.
    window.get_by_label("Ask again: A");
    window.get_by_label("Without a counterpart, of A: C3, S4");
    shot(&mut window, "comparison-maps-unlike");
    wait(&mut window, "the tokenizers", |app| {
        let key = app.state().cross_key();
        matches!(key.and_then(|key| app.state().comparison.crossed.get(&key)), Some(Crossing::OtherTokenizers))
    });
    // One side alone once more.
    let before = window.state().state().conversations.current().unwrap().exchanges.len();
    window.get_by_label("Ask again: B").click();
    window.step();
    window.step();
    wait(&mut window, "the other answer of B", answered);
    let state = window.state().state();
    assert_eq!(state.conversations.current().unwrap().exchanges.len(), before + 1);
    assert_eq!(state.both_answers()[1].unwrap().0, before, "the newest counts");
    // Which side was asked is kept with the answer.
    let kept: Conversations = serde_json::from_str(&serde_json::to_string(&state.conversations).unwrap()).unwrap();
    let asked: Vec<_> = kept.current().unwrap().exchanges.iter().map(|exchange| exchange.asked).collect();
    assert_eq!(asked, [Some(Slot::A), Some(Slot::B), Some(Slot::B)]);
    // Where they looked: everything that can be matched is, the rest is named.
    window.get_by_label("Comparison").click();
    window.run_ok();
    show(&mut window, ComparisonTab::Attention);
    wait(&mut window, "the comparison", |app| ready(app).is_some());
    window.get_by_label("Without a counterpart, of A: C3, S4");
    window.get_by_label("S2 ~ S3");
    assert!(window.query_all_by_label_contains("is compared with").count() > 0);
    shot(&mut window, "comparison-attention");
    // Swapped: what B said is now A's.
    let of_b = window.state().state().both_answers()[1].unwrap().1.clone();
    window.get_by_label("Swap A and B").click();
    window.run_ok();
    let state = window.state().state();
    assert!(state.models.loaded(Slot::A).unwrap().directory().contains("tiny-yi"));
    assert_eq!(state.both_answers()[0].unwrap().1.tokens, of_b.tokens);
    wait(&mut window, "the comparison the other way", |app| ready(app).is_some());
    window.get_by_label("Without a counterpart, of B: C3, S4");
    // Where they differ most can be looked at.
    let compared = ready(window.state()).unwrap();
    let (row, column, value) = compared.layers[0].largest(1)[0];
    // Not with the pointer: the end of a wide row may have to be scrolled to.
    window.get_by_label(&format!("cell {row}, {column}: {value:.4}")).click_accesskit();
    window.run_ok();
    let state = window.state().state();
    assert_eq!(state.pane().source, MapSource::sides(SidesLook::Beside));
    // The cell of A's grid that holds the centre of the compared one.
    let selected = state.lens().selected.unwrap();
    let of_a = &state.traces.get(&state.both_traces().unwrap()[0]).unwrap().trace.layers[0];
    let own = |at: usize| (2 * at + 1) * of_a.frame.side / (2 * compared.layers[0].side);
    assert_eq!((selected.row as usize, selected.col as usize), (own(row), own(column)));
    assert_eq!(state.lens().layers, Indices::one(0));
}

/// Every number of the panes and lists of two unlike checkpoints is that of the two traces alone.
#[test]
fn unlike_checkpoints_are_matched_in_the_window_and_the_rest_is_named() {
    let expected = [
        ("tiny-phi3", "Without a counterpart, of A: DINOv2, C2, C3, S4", None),
        ("tiny-vicuna", "Without a counterpart, of A: C3, S0, S2, S4", Some("Without a counterpart, of B: C2.1, C2.2")),
        ("tiny-yi", "Without a counterpart, of A: C3, S4", None),
    ];
    for (variant, of_a, of_b) in expected {
        let mut window = compared(&checkpoint("tiny-llama3"), &checkpoint(variant), SIZES[0]);
        ask_both(&mut window, "What is this?");
        wait(&mut window, "both answers", answered);
        drawn(&mut window, |app| numbers_of(app, Slot::A).and(numbers_of(app, Slot::B)));
        let said: Vec<String> = window
            .query_all_by_label_contains("Without a counterpart")
            .filter_map(|node| node.accesskit_node().label().or_else(|| node.accesskit_node().value()))
            .collect();
        assert!(said.iter().any(|line| line == of_a), "{variant}: {said:?}");
        assert_eq!(said.iter().find(|line| line.contains("of B")).map(String::as_str), of_b, "{variant}");
        // The layers that both have are drawn on both sides; the others are named as left out.
        assert!(window.query_by_label_contains("Left out, as B has no counterpart:").is_some(), "{variant}");
        // Numbers of a cell.
        window.state_mut().act(ViewAction::ShowInspector(InspectorTab::Cell));
        window.state_mut().act(ViewChange::Layers(Indices::one(0)));
        window.state_mut().act(ViewChange::Select(Some(Cell { row: 3, col: 3 })));
        window.run_ok();
        let state = window.state().state();
        let keys = state.sides_of(state.pane()).unwrap();
        let [a, b] = keys.each_ref().map(|key| state.traces.get(key).unwrap());
        let sides = [&a.trace, &b.trace].map(|trace| trace.layers[0].frame.side);
        let own = |at: usize| (2 * at + 1) * sides[1] / (2 * sides[0]);
        let cells = [
            ProbeCell { side: sides[0], row: 3, column: 3 },
            ProbeCell { side: sides[1], row: own(3), column: own(3) },
        ];
        // Of some encoder there may be nothing but padding under the cell.
        let mean =
            |trace: &opabinia_engine::probe::Trace, k: usize, cell| match &trace.matrix(Measure::Share(k), cell)[0] {
                Measured::Value(heads) => Some(heads.iter().sum::<f64>() / heads.len() as f64),
                _ => None,
            };
        let maps = Maps::of(&a.trace, &b.trace).unwrap();
        let mut compared = 0;
        for pair in &maps.matching.encoders {
            let [i, j] = pair.places;
            let (Some(of_a), Some(of_b)) = (mean(&a.trace, i, cells[0]), mean(&b.trace, j, cells[1])) else { continue };
            compared += 1;
            let difference = format!("{:+.4}", of_b - of_a).replace('-', "−");
            let line = format!("share · {}: A {of_a:.4}, B {of_b:.4}, B − A {difference}", a.encoder_names[i]);
            assert!(is_said(&window, &line), "{variant}: {line}");
        }
        assert!(compared > 0, "{variant}: {cells:?}");
        // There is a difference all the same, resampled and of shares.
        for look in [SidesLook::Difference, SidesLook::Divergence, SidesLook::Wipe, SidesLook::Swap] {
            window.state_mut().act(ComparisonAction::Look(look));
            wait(&mut window, "the comparison", |app| {
                let keys = app.state().sides_of(app.state().pane()).unwrap();
                matches!(app.state().comparison.maps(&keys), Some(MapsCompared::Ready(_)))
            });
            for _ in 0..4 {
                window.render().unwrap();
                window.step();
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            assert!(window.query_all_by_label_contains("Map").next().is_some(), "{variant} {look:?}");
            shot(&mut window, &format!("comparison-unlike-{variant}-{look:?}"));
        }
    }
}

#[test]
fn a_checkpoint_against_itself_differs_in_nothing() {
    let mut window = compared(&checkpoint("tiny-yi"), &checkpoint("tiny-yi"), SIZES[1]);
    ask_both(&mut window, "What is this?");
    wait(&mut window, "both answers", answered);
    let state = window.state().state();
    let [a, b] = state.both_answers().map(|known| known.unwrap());
    assert_ne!(a.0, b.0);
    assert_eq!(
        a.1.tokens.iter().map(|t| t.id).collect::<Vec<_>>(),
        b.1.tokens.iter().map(|t| t.id).collect::<Vec<_>>()
    );
    assert!(is_said(&window, "Every token is equal."));
    // Each answer is as probable on either side.
    wait(&mut window, "the scores", |app| {
        let key = app.state().cross_key().unwrap();
        matches!(app.state().comparison.crossed.get(&key), Some(Crossing::Ready(_)))
    });
    let key = window.state().state().cross_key().unwrap();
    let Some(Crossing::Ready(crossed)) = window.state().state().comparison.crossed.get(&key) else { panic!() };
    assert_eq!((crossed.parting, crossed.sums(0)[0]), (None, crossed.sums(1)[1]));
    assert_eq!(crossed.log_probs[0], crossed.log_probs[1]);
    // Everywhere, the difference is exactly zero.
    window.state_mut().act(ComparisonAction::Look(SidesLook::Difference));
    let maps = drawn(&mut window, |app| app.maps()?.small.measured_numbers());
    assert!(maps.iter().flat_map(|map| &map.texels).filter_map(|texel| texel.value()).all(|value| value == 0.0));
    wait(&mut window, "the comparison", |app| ready(app).is_some());
    let maps = ready(window.state()).unwrap();
    assert!(maps.layers.iter().all(|layer| layer.divergence.iter().flatten().all(|value| *value == 0.0)));
    show(&mut window, ComparisonTab::Answers);
    assert!(is_said(&window, "Both sides are the same checkpoint with the same weights."));
    // The maps of both and of their difference have panes of their own, once.
    window.state_mut().act(ComparisonAction::Look(SidesLook::Beside));
    show(&mut window, ComparisonTab::Attention);
    for _ in 0..2 {
        window.get_by_label("Maps of A, B and B − A").click();
        window.run_ok();
        let state = window.state().state();
        assert_eq!(state.panes().count(), 3);
        assert!(state.pane().source.is_difference());
        show(&mut window, ComparisonTab::Attention);
    }
    show(&mut window, ComparisonTab::Checkpoints);
    window.get_by_label("Compare the files").click();
    window.step();
    wait(&mut window, "the files", files_are_compared);
    window.get_by_label("A and B are the same weights.");
    assert!(window.query_by_label_contains("are equal bit for bit").is_some());
}

fn files_are_compared(app: &App) -> bool {
    let files = app.state().both_models().and_then(|models| app.state().comparison.files(models));
    matches!(files, Some(FilesCompared::Ready(..)))
}

#[test]
fn one_key_each_shows_both_sides_in_another_way() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = demo_against_moved(folder.path(), SIZES[0]);
    drawn(&mut window, |app| numbers_of(app, Slot::A).and(numbers_of(app, Slot::B)));
    // One range of colours on both sides, until a person breaks it: then that is shouted.
    for _ in 0..5 {
        window.render().unwrap();
        window.step();
    }
    let range = |app: &App, slot| numbers_of(app, slot).unwrap().iter().find_map(|map| map.range);
    assert_eq!(range(window.state(), Slot::A), range(window.state(), Slot::B));
    let shout = "A and B are on different scales: equal colours are not equal values";
    assert!(window.query_by_label_contains(shout).is_none());
    window.get_by_label("One scale").click();
    window.run_ok();
    assert!(window.query_by_label_contains(shout).is_some());
    window.get_by_label("One scale").click();
    window.run_ok();
    for (key, look) in [
        (Key::Num2, SidesLook::Swap),
        (Key::Num3, SidesLook::Wipe),
        (Key::Num4, SidesLook::Difference),
        (Key::Num5, SidesLook::Divergence),
        (Key::Num1, SidesLook::Beside),
        (Key::Num2, SidesLook::Swap),
    ] {
        window.key_press(key);
        window.run_ok();
        assert_eq!(window.state().state().pane().source.look(), Some(look));
    }
    // B in the place of A for as long as X is held.
    window.get_by_label("Map · A");
    window.key_down(Key::X);
    window.step();
    window.step();
    window.get_by_label("Map · B");
    window.key_up(Key::X);
    window.step();
    window.step();
    window.get_by_label("Map · A");
    // The line of a wipe is moved by arrow keys, and dragged.
    window.key_press(Key::Num3);
    window.run_ok();
    window.get_by_label("Line between A and B").focus();
    window.run_ok();
    window.key_press(Key::ArrowRight);
    window.run_ok();
    assert!((window.state().state().comparison.wipe - 0.55).abs() < 1e-4);
    let map = window.get_by_label("Map · A").rect();
    let at = |part: f32| egui::pos2(map.left() + part * map.width(), map.center().y);
    window.drag_at(at(0.55));
    window.step();
    window.hover_at(at(0.25));
    window.step();
    window.drop_at(at(0.25));
    window.run_ok();
    assert!((window.state().state().comparison.wipe - 0.25).abs() < 0.02, "{}", window.state().state().comparison.wipe);
    // What is typed is not taken for a way to look.
    window.get_by_label("Question").focus();
    window.run_ok();
    window.get_by_label("Question").type_text("4");
    window.key_press(Key::Num4);
    window.run_ok();
    assert_eq!(window.state().state().pane().source.look(), Some(SidesLook::Wipe));
    // One key back: everything is where it was.
    window.get_by_label("Question").focus();
    window.state_mut().act(ComparisonAction::Toggle);
    window.run_ok();
    let state = window.state().state();
    assert!(!state.comparison.on);
    assert_eq!(state.pane().source, MapSource::default());
    assert!(!is_said(&window, "Comparison"));
}

#[test]
fn panes_are_linked_and_unlinked_and_keep_what_a_person_set_them_apart_by() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = demo_against_moved(folder.path(), SIZES[0]);
    window.state_mut().act(ViewAction::DuplicatePane);
    window.run_ok();
    let ids: Vec<_> = window.state().state().panes().iter().map(|pane| pane.id).collect();
    let lens =
        |window: &Harness<'static, App>, at: usize| window.state().state().panes().get(ids[at]).unwrap().lens.clone();
    let part = |left: f32| Rect { left, top: 0.25, width: 0.5, height: 0.5 };
    window.state_mut().act(ViewChange::Shown(part(0.1)));
    assert_eq!(lens(&window, 0).shown, part(0.1));
    // Unlinked, one goes its own way.
    window.state_mut().act(ViewAction::Link(ids[1], Linked::Zoom, false));
    window.state_mut().act(ViewChange::Shown(part(0.2)));
    assert_eq!((lens(&window, 0).shown, lens(&window, 1).shown), (part(0.1), part(0.2)));
    // Linked again, they keep that distance.
    window.state_mut().act(ViewAction::Link(ids[1], Linked::Zoom, true));
    assert_eq!((lens(&window, 0).shown, lens(&window, 1).shown), (part(0.1), part(0.2)));
    window.state_mut().act(ViewChange::Shown(part(0.3)));
    let close = |a: Rect, b: Rect| (a.left - b.left).abs() < 1e-5 && (a.top - b.top).abs() < 1e-5 && a.width == b.width;
    assert!(close(lens(&window, 0).shown, part(0.2)) && close(lens(&window, 1).shown, part(0.3)));
}

#[test]
fn sides_have_names_numbers_and_evidence_beside_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = demo_against_moved(folder.path(), SIZES[0]);
    // A name that a person gives stands wherever the checkpoint is named.
    window.state_mut().act(ModelAction::Call(Slot::B, "moved MLP".into()));
    window.run_ok();
    window.get_by_label("Look at B: moved MLP");
    assert!(is_said(&window, "moved MLP"));
    window.state_mut().act(ModelAction::Call(Slot::B, "  ".into()));
    window.run_ok();
    window.get_by_label("Look at B: moved");
    // The scores of each answer on both sides, and where the answers part.
    wait(&mut window, "the scores", |app| {
        let key = app.state().cross_key();
        matches!(key.and_then(|key| app.state().comparison.crossed.get(&key)), Some(Crossing::Ready(_)))
    });
    show(&mut window, ComparisonTab::Answers);
    window.get_by_label("log p of each answer");
    let key = window.state().state().cross_key().unwrap();
    let Some(Crossing::Ready(crossed)) = window.state().state().comparison.crossed.get(&key) else { panic!() };
    for side in 0..2 {
        for value in crossed.sums(side) {
            assert!(is_said(&window, &format!("{value:.3}")), "{value}");
        }
    }
    shot(&mut window, "comparison-answers");
    // Evidence of both.
    show(&mut window, ComparisonTab::Evidence);
    window.get_by_label("Measure both").click();
    window.step();
    wait(&mut window, "the evidence", |app| {
        let state = app.state();
        !state.is_busy()
            && state.evidence_of_both().into_iter().all(|known| {
                let Some((key, exchange)) = known else { return false };
                let part = state.evidence.get(key, exchange).and_then(|known| known.part(EvidencePart::Encoders));
                part == Some(&PartState::Done)
            })
    });
    let lines = window.query_all_by_label_contains(" · share: A ").count();
    assert_eq!(lines, 4, "one row for each encoder");
    shot(&mut window, "comparison-evidence");
    // Files: what differs first.
    show(&mut window, ComparisonTab::Checkpoints);
    window.state_mut().act(ComparisonAction::CompareFiles);
    wait(&mut window, "the files", files_are_compared);
    assert!(window.query_all_by_label_contains("weight hash").count() >= 2);
    assert!(window.query_all_by_label_contains("equal").count() > 0);
    shot(&mut window, "comparison-checkpoints");
    // B takes the place of A.
    let b = window.state().state().models.loaded(Slot::B).unwrap().directory();
    window.get_by_label("Let B take the place of A").click();
    window.step();
    wait(&mut window, "the end of A", |app| !app.state().models.are_two() && !app.state().is_busy());
    assert_eq!(window.state().state().models.loaded(Slot::A).unwrap().directory(), b);
    assert!(!window.state().state().comparison.on);
}

#[test]
fn a_second_side_that_is_refused_leaves_the_first_as_it_was() {
    let start = Start { model: Some(checkpoint("tiny-yi")), image: Some(image("wide.png")), ..Start::default() };
    let mut window = open(start, SIZES[1]);
    wait(&mut window, "A", |app| app.state().models.loaded(Slot::A).is_some());
    window.state_mut().act(ConversationAction::SetDraft("half a question".into()));
    let folder = tempfile::tempdir().unwrap();
    window.state_mut().act(ModelAction::Inspect(Slot::B, folder.path().display().to_string()));
    let refused = |app: &App| {
        app.state().models.opening(Slot::B).is_some_and(|opening| matches!(opening.phase, ModelPhase::Refused(_)))
    };
    wait(&mut window, "the refusal", refused);
    window.state_mut().act(ModelAction::Dismiss(Slot::B));
    window.run_ok();
    let state = window.state().state();
    assert!(!state.comparison.on && state.models.loaded(Slot::A).is_some());
    assert_eq!(state.conversations.current().unwrap().draft, "half a question");
    window.state_mut().act(ConversationAction::Ask);
    wait(&mut window, "the answer", |app| crate::harness::last(app).is_some_and(|last| !last.status.is_open()));
    assert!(matches!(crate::harness::last(window.state()).unwrap().status, AnswerStatus::Done | AnswerStatus::Full));
}

#[test]
fn stopping_and_closing_leave_the_other_side_as_it_was() {
    let mut window = compared(&checkpoint("tiny-llama3"), &checkpoint("tiny-yi"), SIZES[1]);
    window.state_mut().state_mut().settings.sampling.max_tokens = 512;
    ask_both(&mut window, "Describe this image in detail.");
    window.state_mut().act(ConversationAction::Stop);
    wait(&mut window, "the end", answered);
    let stopped = statuses(window.state().state());
    assert!(stopped.iter().flatten().any(|status| *status == AnswerStatus::Stopped), "{stopped:?}");
    // A side is closed while it answers: the other one goes on, and nothing typed is lost.
    ask_both(&mut window, "And now?");
    window.state_mut().act(ConversationAction::SetDraft("half a question".into()));
    window.step();
    show(&mut window, ComparisonTab::Answers);
    window.get_by_label("Close B").click();
    window.step();
    wait(&mut window, "the end of B", |app| app.state().models.loaded(Slot::B).is_none() && !app.state().is_busy());
    let state = window.state().state();
    assert!(state.models.loaded(Slot::A).is_some());
    assert!(matches!(state.both_answers()[0].unwrap().1.status, AnswerStatus::Done | AnswerStatus::Full));
    // With one side there is nothing to compare.
    assert!(!state.comparison.on && state.pane().source == MapSource::default());
    assert_eq!(state.conversations.current().unwrap().draft, "half a question");
    // Nothing can be asked of both any more.
    window.state_mut().act(ComparisonAction::AskBoth);
    window.run_ok();
    assert_eq!(window.state().state().conversations.current().unwrap().draft, "half a question");
}

#[test]
fn the_page_can_be_drawn_in_both_languages_and_colours() {
    let folder = tempfile::tempdir().unwrap();
    for (at, size) in SIZES.into_iter().enumerate() {
        let target = folder.path().join(at.to_string());
        std::fs::create_dir(&target).unwrap();
        let mut window = demo_against_moved(&target, size);
        window.state_mut().act(ComparisonAction::CompareFiles);
        wait(&mut window, "the files", files_are_compared);
        for (language, theme, name) in [
            (LanguageChoice::English, ThemeChoice::Dark, "en-dark"),
            (LanguageChoice::Chinese, ThemeChoice::Light, "zh-light"),
        ] {
            window.state_mut().act(ProgramAction::SetLanguage(language));
            window.state_mut().act(ProgramAction::SetTheme(theme));
            for look in SidesLook::ALL {
                window.state_mut().act(ComparisonAction::Look(look));
                let id = window.state().state().pane().id;
                window.state_mut().act(ViewAction::Activate(id));
                for _ in 0..8 {
                    window.render().unwrap();
                    window.step();
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
                shot(&mut window, &format!("comparison-maps-{look:?}-{name}-{at}"));
            }
            for tab in
                [ComparisonTab::Answers, ComparisonTab::Attention, ComparisonTab::Evidence, ComparisonTab::Checkpoints]
            {
                window.state_mut().act(ComparisonAction::Show(tab));
                window.step();
                window.step();
                shot(&mut window, &format!("comparison-{tab:?}-{name}-{at}"));
            }
        }
    }
}

#[test]
fn a_second_side_that_does_not_fit_is_foreseen_with_what_would() {
    let start = Start { model: Some(checkpoint("tiny-yi")), image: Some(image("wide.png")), ..Start::default() };
    let mut window = open(start, SIZES[0]);
    wait(&mut window, "A", |app| app.state().models.loaded(Slot::A).is_some());
    window.state_mut().act(ModelAction::Inspect(Slot::B, checkpoint("tiny-llama3")));
    wait(&mut window, "what B needs", |app| {
        app.state().models.opening(Slot::B).is_some_and(|opening| matches!(opening.phase, ModelPhase::Inspected(_)))
    });
    // As on a machine on which the narrowest weights just fit beside A.
    let opening = window.state_mut().state_mut().models.opening_mut(Slot::B).unwrap();
    let ModelPhase::Inspected(inspection) = &mut opening.phase else { panic!("not inspected") };
    let (format, least) =
        inspection.needed.iter().map(|(format, need)| (*format, need.total())).min_by_key(|known| known.1).unwrap();
    assert_ne!(format, inspection.precision.weights, "there is something narrower");
    inspection.available_bytes = Some(least);
    window.run_ok();
    assert!(window.query_all_by_label_contains("too large").count() > 0);
    assert_eq!(window.query_all_by_label("fits").count(), 1);
    assert!(window.query_all_by_label_contains(format.name()).count() > 0, "{format:?} would fit, and that is said");
    // It is not loaded, and A is as it was.
    window.state_mut().act(ModelAction::Load(Slot::B));
    window.run_ok();
    let state = window.state().state();
    assert!(state.models.loaded(Slot::B).is_none() && state.models.loaded(Slot::A).is_some() && !state.is_busy());
    shot(&mut window, "comparison-does-not-fit");
}

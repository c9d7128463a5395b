//! Two checkpoints side by side.

use crate::harness::{checkpoint, image, open, shot, wait};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use opabinia::language::LanguageChoice;
use opabinia::window::Start;
use opabinia::window::action::{ComparisonAction, ConversationAction, ModelAction, ProgramAction};
use opabinia::window::app::App;
use opabinia::window::state::{
    AnswerStatus, AppState, ComparisonTab, FilesCompared, MapsCompared, ModelPhase, Overlay, PictureState, Slot,
};
use opabinia::window::theme::ThemeChoice;
use opabinia_forge::{Derivation, derive};

const SIZES: [[f32; 2]; 2] = [[1360.0, 860.0], [1024.0, 640.0]];

/// A window with two checkpoints and a picture, and the page that compares them.
fn compared(a: &str, b: &str, size: [f32; 2]) -> Harness<'static, App> {
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
    window.get_by_label("A + B").click();
    window.run_ok();
    assert_eq!(window.state().state().overlay, Overlay::Comparison);
    window
}

fn statuses(state: &AppState) -> [Option<AnswerStatus>; 2] {
    state.both_answers().map(|known| known.map(|(_, exchange)| exchange.status.clone()))
}

fn answered(app: &App) -> bool {
    let complete = |status: &Option<AnswerStatus>| status.as_ref().is_some_and(|status| !status.is_open());
    !app.state().is_busy() && statuses(app.state()).iter().all(complete)
}

fn ask_both(window: &mut Harness<'static, App>, question: &str) {
    window.state_mut().act(ConversationAction::SetDraft(question.to_owned()));
    window.run_ok();
    window.get_by_label("Ask both").click();
    window.step();
    window.step();
}

fn maps(app: &App) -> Option<&MapsCompared> {
    app.state().comparison.maps(&app.state().both_traces()?)
}

fn show(window: &mut Harness<'static, App>, tab: &str) {
    window.get_by_label(tab).click();
    window.run_ok();
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
    shot(&mut window, "comparison-answers");
    // Where they looked: everything that can be matched is, the rest is named.
    show(&mut window, "Attention");
    wait(&mut window, "the comparison", |app| matches!(maps(app), Some(MapsCompared::Ready(_))));
    window.get_by_label("Without a counterpart, of A: C3, S4");
    window.get_by_label("S2 ~ S3");
    assert!(window.query_all_by_label_contains("is compared with").count() > 0);
    shot(&mut window, "comparison-attention");
    // One side alone once more.
    show(&mut window, "Answers");
    let before = window.state().state().conversations.current().unwrap().exchanges.len();
    window.get_by_label("Ask again: B").click();
    window.step();
    window.step();
    wait(&mut window, "the other answer of B", answered);
    let state = window.state().state();
    assert_eq!(state.conversations.current().unwrap().exchanges.len(), before + 1);
    assert_eq!(state.both_answers()[1].unwrap().0, before, "the newest counts");
    // Swapped: what B said is now A's.
    let of_b = state.both_answers()[1].unwrap().1.clone();
    window.get_by_label("Swap A and B").click();
    window.run_ok();
    let state = window.state().state();
    assert!(state.models.loaded(Slot::A).unwrap().directory().contains("tiny-yi"));
    assert_eq!(state.both_answers()[0].unwrap().1.tokens, of_b.tokens);
    wait(&mut window, "the comparison the other way", |app| matches!(maps(app), Some(MapsCompared::Ready(_))));
    show(&mut window, "Attention");
    window.get_by_label("Without a counterpart, of B: C3, S4");
    // Where they differ most can be looked at.
    let Some(MapsCompared::Ready(known)) = maps(window.state()) else { panic!("not compared") };
    let (row, column, value) = known.layers[0].largest(1)[0];
    window.get_by_label(&format!("cell {row}, {column}: {value:.4}")).click();
    window.run_ok();
    let state = window.state().state();
    assert_eq!(state.overlay, Overlay::None);
    // The model that is asked is the same as before, B by now, with 6 cells to a side where A has 8.
    assert_eq!(state.models.answering(), Slot::B);
    let selected = state.lens().selected.unwrap();
    let own = |at: usize| (2 * at + 1) * 6 / 16;
    assert_eq!((selected.row as usize, selected.col as usize), (own(row), own(column)));
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
    window.get_by_label("Every token is equal.");
    window.get_by_label("Both sides are the same checkpoint with the same weights.");
    wait(&mut window, "the comparison", |app| matches!(maps(app), Some(MapsCompared::Ready(_))));
    let Some(MapsCompared::Ready(maps)) = maps(window.state()) else { panic!("not compared") };
    assert!(maps.layers.iter().all(|layer| layer.divergence.iter().flatten().all(|value| *value == 0.0)));
    // The maps of both and of their difference have panes of their own, once.
    show(&mut window, "Attention");
    for _ in 0..2 {
        window.get_by_label("Maps of A, B and B − A").click();
        window.run_ok();
        let state = window.state().state();
        assert_eq!((&state.overlay, state.panes().count()), (&Overlay::None, 3));
        assert!(state.pane().source.is_difference());
        window.get_by_label("A + B").click();
        window.run_ok();
    }
    show(&mut window, "Checkpoints");
    window.get_by_label("Compare the files").click();
    window.step();
    wait(&mut window, "the files", |app| {
        let files = app.state().both_models().and_then(|models| app.state().comparison.files(models));
        matches!(files, Some(FilesCompared::Ready(_)))
    });
    window.get_by_label("A and B are the same weights.");
    assert!(window.query_by_label_contains("are equal bit for bit").is_some());
}

#[test]
fn stopping_and_closing_leave_the_other_side_as_it_was() {
    let mut window = compared(&checkpoint("tiny-llama3"), &checkpoint("tiny-yi"), SIZES[1]);
    ask_both(&mut window, "Describe this image in detail.");
    window.state_mut().act(ConversationAction::Stop);
    wait(&mut window, "the end", answered);
    let stopped = statuses(window.state().state());
    assert!(stopped.iter().flatten().any(|status| *status == AnswerStatus::Stopped), "{stopped:?}");
    // A side is closed while it answers: the other one goes on, and nothing typed is lost.
    ask_both(&mut window, "And now?");
    window.state_mut().act(ConversationAction::SetDraft("half a question".into()));
    window.step();
    window.get_by_label("Close B").click();
    window.step();
    wait(&mut window, "the end of B", |app| app.state().models.loaded(Slot::B).is_none() && !app.state().is_busy());
    let state = window.state().state();
    assert!(state.models.loaded(Slot::A).is_some());
    assert!(state.both_answers()[0].unwrap().1.status == AnswerStatus::Done);
    assert_eq!(state.conversations.current().unwrap().draft, "half a question");
    // Nothing can be asked of both any more.
    window.state_mut().act(ComparisonAction::AskBoth);
    window.run_ok();
    assert_eq!(window.state().state().conversations.current().unwrap().draft, "half a question");
}

#[test]
fn the_page_can_be_drawn_in_both_languages_and_colours() {
    // One that speaks in letters, and another made of it.
    let folder = tempfile::tempdir().unwrap();
    let demo = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("assets/demo/checkpoint");
    let moved = folder.path().join("moved");
    let perturb = vec![("model.layers.*.mlp.up_proj.weight".to_owned(), 0.4)];
    derive(&demo, &Derivation { perturb, ..Derivation::default() }, &moved).unwrap();
    for (at, size) in SIZES.into_iter().enumerate() {
        let mut window = compared(demo.to_str().unwrap(), moved.to_str().unwrap(), size);
        ask_both(&mut window, "Describe the picture.");
        wait(&mut window, "both answers", answered);
        window.state_mut().act(ComparisonAction::CompareFiles);
        wait(&mut window, "the files", |app| {
            let files = app.state().both_models().and_then(|models| app.state().comparison.files(models));
            matches!(files, Some(FilesCompared::Ready(_)))
        });
        for (language, theme, name) in [
            (LanguageChoice::English, ThemeChoice::Dark, "en-dark"),
            (LanguageChoice::Chinese, ThemeChoice::Light, "zh-light"),
        ] {
            window.state_mut().act(ProgramAction::SetLanguage(language));
            window.state_mut().act(ProgramAction::SetTheme(theme));
            for tab in [ComparisonTab::Answers, ComparisonTab::Attention, ComparisonTab::Checkpoints] {
                window.state_mut().act(ComparisonAction::Show(tab));
                window.step();
                window.step();
                shot(&mut window, &format!("comparison-{tab:?}-{name}-{at}"));
            }
        }
    }
}

//! A third model to ask beside two checkpoints: A + λ (B − A).

use crate::comparing::{SIZES, answered, ask_both, compared, demo_against_moved, drawn};
use crate::harness::{checkpoint, shot, wait};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use opabinia::window::action::{ComparisonAction, ConversationAction};
use opabinia::window::app::App;
use opabinia::window::state::{AnswerStatus, ComparisonTab, Exchange, MapSource, RunRef, Side, Slot};

/// Asks what lies `lambda` of the way from A to B, and gives its answer.
fn ask_between(window: &mut Harness<'static, App>, lambda: f64) -> Exchange {
    window.state_mut().act(ComparisonAction::Show(ComparisonTab::Answers));
    window.state_mut().act(ComparisonAction::SetLambda(lambda));
    window.run_ok();
    window.get_by_label("Ask it too").click();
    window.step();
    window.step();
    wait(window, "the third answer", |app| {
        let known = app.state().answer_between();
        !app.state().is_busy() && known.is_some_and(|(_, exchange)| !exchange.status.is_open())
    });
    window.state().state().answer_between().unwrap().1.clone()
}

fn ids(exchange: &Exchange) -> Vec<u32> {
    exchange.tokens.iter().map(|token| token.id).collect()
}

#[test]
fn what_lies_between_both_is_asked_too_and_labelled() {
    let folder = tempfile::tempdir().unwrap();
    let mut window = demo_against_moved(folder.path(), SIZES[0]);
    let ends = window.state().state().both_answers().map(|known| ids(known.unwrap().1));
    assert_ne!(ends[0], ends[1]);
    window.state_mut().act(ConversationAction::SetDraft("half a question".into()));
    for (lambda, end) in [(0.0, &ends[0]), (1.0, &ends[1])] {
        assert_eq!(ids(&ask_between(&mut window, lambda)), *end, "λ = {lambda}");
    }
    let half = ask_between(&mut window, 0.5);
    assert_eq!(half.status, AnswerStatus::Done);
    assert!(half.model.ends_with("− checkpoint)") && half.model.contains(" + 0.5 ("), "{}", half.model);
    // It stands under the other two, which stay where they were; nothing typed is lost.
    let state = window.state().state();
    assert_eq!(state.both_answers().map(|known| ids(known.unwrap().1)), ends);
    assert_eq!(state.conversations.current().unwrap().draft, "half a question");
    assert!(window.query_all_by_label(&half.model).next().is_some(), "the answer says whose it is");
    shot(&mut window, "comparison-between");
    // So do its maps, in a pane of their own.
    window.get_by_label("Its maps").click();
    window.run_ok();
    assert_eq!(window.state().state().pane().source, MapSource::Run(RunRef::plain(Side::Between)));
    drawn(&mut window, |app| app.maps()?.small.measured_numbers());
    let says = window.query_all_by_label(&format!("λ · {}", half.model)).count();
    assert!(says >= 2, "above the maps and above the numbers: {says}");
    shot(&mut window, "comparison-between-maps");
    // Between other sides it is another model: what lay there goes, its answers stay.
    window.state_mut().act(ComparisonAction::Show(ComparisonTab::Answers));
    window.run_ok();
    window.get_by_label("Swap A and B").click();
    window.step();
    wait(&mut window, "the end of what lay between", |app| {
        app.state().models.loaded(Slot::Between).is_none() && !app.state().is_busy()
    });
    assert!(window.state().state().comparison.on, "both sides are still looked at");
    assert_eq!(window.state().state().answer_between().unwrap().1.tokens, half.tokens);
}

#[test]
fn what_cannot_lie_between_two_shapes_is_said_where_its_answer_would_be() {
    let mut window = compared(&checkpoint("tiny-llama3"), &checkpoint("tiny-yi"), SIZES[1]);
    ask_both(&mut window, "What is this?");
    wait(&mut window, "both answers", answered);
    window.state_mut().act(ConversationAction::SetDraft("half a question".into()));
    let refused = ask_between(&mut window, 0.5);
    let AnswerStatus::Failed(why) = &refused.status else { panic!("{:?}", refused.status) };
    assert!(why.contains("nothing lies between the two") && why.contains("image_token_len"), "{why}");
    let state = window.state().state();
    assert!(state.models.loaded(Slot::Between).is_none() && state.models.opening(Slot::Between).is_none());
    assert!(state.models.are_two() && state.comparison.on);
    assert_eq!(state.conversations.current().unwrap().draft, "half a question");
    shot(&mut window, "comparison-between-refused");
    // Both sides go on as before.
    window.state_mut().act(ComparisonAction::AskAgain(Slot::A));
    window.step();
    window.step();
    wait(&mut window, "the other answer of A", answered);
}

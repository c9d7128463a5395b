//! Switching encoders and cells off from the maps: what the pane shows and says, and the answer beside the plain one.

use crate::docking::{act, answered, settle};
use crate::harness::{last, open, shot, wait};
use egui::{Key, Modifiers, Pos2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use opabinia::language::LanguageChoice;
use opabinia::window::Start;
use opabinia::window::action::ViewAction;
use opabinia::window::app::App;
use opabinia::window::state::{AnswerStatus, Intervened, Slot, ViewChange, cells_off};
use opabinia_engine::intervention::{Action, Cells, Interventions};
use opabinia_engine::worker::{Client, Decoding, Prompt, RunSpec};
use opabinia_shaders::Cell;
use std::sync::Arc;

fn under(app: &App, interventions: &Interventions) -> Option<Intervened> {
    last(app)?.under(interventions).filter(|known| !known.status.is_open()).cloned()
}

#[test]
fn an_encoder_is_switched_off_and_on_from_its_map() {
    let mut window = answered([1360.0, 860.0]);
    let plain = last(window.state()).unwrap().clone();
    let trace = Arc::clone(&window.state().state().trace().unwrap().trace);
    window.get_by_label("Switch on or off: ConvNeXt").click();
    window.run_ok();
    window.get_by_label("Keys masked").click();
    window.run_ok();
    let masked = Interventions::mask(3, false);
    wait(&mut window, "the answer under it", |app| under(app, &masked).is_some() && app.maps().is_some());
    settle(&mut window);
    // The pane shows the other run, and says so.
    window.get_by_label("Off: ConvNeXt (keys masked)");
    window.get_by_label("Under the intervention: ConvNeXt (keys masked)");
    let state = window.state().state();
    assert_eq!(state.trace().unwrap().trace.interventions, masked);
    let known = under(window.state(), &masked).unwrap();
    assert!(matches!(known.status, AnswerStatus::Done | AnswerStatus::Full), "{:?}", known.status);
    // What was there before is what it was: the plain answer, and the plain run by its own name.
    let now = last(window.state()).unwrap();
    assert_eq!((&now.answer, &now.tokens, &now.status), (&plain.answer, &plain.tokens, &plain.status));
    assert!(Arc::ptr_eq(&state.traces.get(&state.plain_key().unwrap()).unwrap().trace, &trace));
    shot(&mut window, "intervened");

    // The same question asked of an engine of its own, under the same intervention, is answered alike.
    let expected = by_itself(window.state(), masked.clone());
    assert_eq!(known.tokens.iter().map(|token| token.id).collect::<Vec<_>>(), expected);

    // Its difference to the plain run, and back.
    window.get_by_label("Difference").click();
    window.run_ok();
    assert!(window.state().state().pane().source.is_difference());
    settle(&mut window);
    window.get_by_label_contains("how attention changed when this was switched off");
    shot(&mut window, "intervened-difference");
    window.get_by_label("All on").click();
    window.run_ok();
    settle(&mut window);
    assert!(window.query_by_label("Off: ConvNeXt (keys masked)").is_none());
    assert!(window.query_by_label_contains("Under the intervention").is_none(), "it is kept, and not shown");
    assert!(window.state().state().trace().unwrap().trace.interventions.is_none());
    // It comes back without being asked again, as does everything that is undone.
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_ok();
    assert!(!window.state().state().is_busy());
    window.get_by_label("Under the intervention: ConvNeXt (keys masked)");
}

/// The ids that an engine of its own answers the shown question with.
fn by_itself(app: &App, interventions: Interventions) -> Vec<u32> {
    let state = app.state();
    let mut client = Client::start().unwrap();
    let (name, loading) = client.load(state.models.loaded(Slot::A).unwrap().request.clone(), None);
    client.wait(loading).unwrap();
    let conversation = state.conversations.current().unwrap();
    let exchange = last(app).unwrap();
    let spec = RunSpec {
        image: Some(Arc::clone(state.pictures.ready(state.picture().unwrap()).unwrap())),
        interventions,
        decoding: Decoding::Generate(exchange.sampling.options(0)),
        ..RunSpec::new(name, Prompt { system: None, turns: conversation.turns(conversation.leaf.unwrap()) })
    };
    let ticket = client.run(spec);
    client.wait(ticket).unwrap().into_answer().unwrap().tokens.iter().map(|token| token.id).collect()
}

#[test]
fn the_last_encoder_cannot_be_masked() {
    let mut window = answered([1360.0, 860.0]);
    let three =
        [0, 1, 2].map(|k| Interventions::mask(k, false)).iter().fold(Interventions::default(), |all, one| all.and(one));
    let source = window.state().state().pane().source.intervened(three);
    act(&mut window, ViewChange::Source(source));
    wait(&mut window, "the maps", |app| app.maps().is_some() && !app.state().is_busy());
    settle(&mut window);
    window.get_by_label("Switch on or off: ConvNeXt").click();
    window.run_ok();
    let line = window.get_by_label("Keys masked");
    assert!(line.accesskit_node().is_disabled(), "nothing would be left to attend to");
}

/// The middle of `cell` of six to a side on the only canvas.
fn middle_of(window: &Harness<'static, App>, cell: Cell) -> Pos2 {
    let rect = window.get_by_label("Map").rect();
    let place = vec2(cell.col as f32 + 0.5, cell.row as f32 + 0.5) / 6.0 - vec2(0.5, 0.5);
    rect.center() + place * rect.size().min_elem()
}

#[test]
fn cells_are_switched_off_one_by_one_and_as_a_brushed_region() {
    let mut window = answered([1360.0, 860.0]);
    act(&mut window, ViewChange::Select(Some(Cell { row: 2, col: 3 })));
    window.key_press_modifiers(Modifiers::ALT, Key::X);
    window.run_ok();
    let off = |window: &Harness<'static, App>| {
        let source = &window.state().state().pane().source;
        cells_off(source.interventions().unwrap())
    };
    assert_eq!(off(&window), Cells::rectangle(2..3, 3..4));
    wait(&mut window, "the maps", |app| app.maps().is_some() && !app.state().is_busy());
    settle(&mut window);
    window.get_by_label("Off: cell (2, 3) (averaged)");
    // Every encoder's tokens under it, and nothing else.
    let interventions = window.state().state().trace().unwrap().trace.interventions.clone();
    let encoders: Vec<_> = interventions.iter().map(|one| one.action.encoder()).collect();
    assert_eq!(encoders, [0, 1, 2, 3].map(Some));
    assert!(interventions.iter().all(|one| matches!(one.action, Action::Region { .. })));
    // A region, with Shift held; what is off already stays off.
    let (from, to) = (middle_of(&window, Cell { row: 2, col: 1 }), middle_of(&window, Cell { row: 3, col: 2 }));
    window.event(egui::Event::ModifiersChanged(Modifiers::SHIFT));
    window.hover_at(from);
    window.step();
    window.drag_at(from);
    window.step();
    for part in 1..=4 {
        window.hover_at(from + (to - from) * (part as f32 / 4.0));
        window.step();
    }
    shot(&mut window, "intervened-brush");
    window.drop_at(to);
    window.event(egui::Event::ModifiersChanged(Modifiers::NONE));
    window.run_ok();
    let mut expected: Vec<[usize; 2]> = Cells::rectangle(2..4, 1..3).iter().collect();
    expected.push([2, 3]);
    assert_eq!(off(&window), expected.into_iter().collect());
    assert_eq!(window.state().state().lens().shown, opabinia_shaders::Rect::SQUARE, "brushing does not pan");
    wait(&mut window, "the maps", |app| app.maps().is_some() && !app.state().is_busy());
    // The same cell once more: it is back.
    act(&mut window, ViewChange::Select(Some(Cell { row: 2, col: 3 })));
    window.key_press_modifiers(Modifiers::ALT, Key::X);
    window.run_ok();
    assert_eq!(off(&window), Cells::rectangle(2..4, 1..3));
    wait(&mut window, "the answer", |app| !app.state().is_busy());
    settle(&mut window);
    shot(&mut window, "intervened-region");
}

#[test]
fn panes_of_runs_look_right_in_both_languages_and_sizes() {
    for (size, name) in [([1360.0, 860.0], "default"), ([1024.0, 640.0], "small")] {
        let mut window = answered(size);
        act(&mut window, ViewAction::DuplicatePane);
        let source = window.state().state().pane().source.intervened(Interventions::mask(3, false));
        act(&mut window, ViewChange::Source(source.against_plain()));
        wait(&mut window, "the maps", |app| app.maps().is_some() && !app.state().is_busy());
        settle(&mut window);
        shot(&mut window, &format!("panes-{name}"));
        window.state_mut().state_mut().settings.language = LanguageChoice::Chinese;
        window.state_mut().state_mut().settings.theme = opabinia::window::theme::ThemeChoice::Light;
        settle(&mut window);
        shot(&mut window, &format!("panes-{name}-zh-light"));
        act(&mut window, ViewAction::DuplicatePane);
        act(&mut window, ViewAction::DuplicatePane);
        settle(&mut window);
        shot(&mut window, &format!("panes-{name}-four"));
    }
}

#[test]
fn answers_under_interventions_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut window = crate::docking::with_session([1360.0, 860.0], Some(directory.path().to_path_buf()));
    let masked = Interventions::mask(0, false);
    let source = window.state().state().pane().source.intervened(masked.clone());
    act(&mut window, ViewChange::Source(source));
    wait(&mut window, "the answer", |app| under(app, &masked).is_some());
    let known = under(window.state(), &masked).unwrap();
    let mut app = window.into_state();
    eframe::App::on_exit(&mut app);
    drop(app);
    let start = Start { data_dir: Some(directory.path().to_path_buf()), ..Start::default() };
    let mut again = open(start, [1360.0, 860.0]);
    again.ctx.set_missing_glyph_policy(egui::MissingGlyphPolicy::Tofu);
    wait(&mut again, "the maps of last time", |app| app.maps().is_some());
    assert_eq!(under(again.state(), &masked), Some(known));
    assert!(again.query_by_label("Under the intervention: SigLIP (keys masked)").is_some());
}

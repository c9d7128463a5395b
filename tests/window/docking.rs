//! Several panes of maps: what each paints, what they share, what survives a restart.

use crate::harness::{ask, checkpoint, image, last, open, shot, wait};
use egui::{Key, Modifiers, Pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use opabinia::window::action::ViewAction;
use opabinia::window::app::App;
use opabinia::window::gpu::PaneMaps;
use opabinia::window::state::{Linked, MapLens, MapSource, PaneId, RunRef, Side, Slot, ViewChange};
use opabinia::window::{Start, theme};
use opabinia_engine::intervention::Interventions;
use opabinia_engine::probe::{Cell as TraceCell, Measure, Measured, Reduction, reduce};
use opabinia_shaders::{
    AdapterChoice, Cell, ColourMap, Gpu, Indices, Look, MapRenderer, MapView, Normalisation, Quantity, Rect, TraceData,
};
use std::sync::Arc;
use std::time::Duration;

const SECOND: PaneId = PaneId(1);

/// A window with an answer and its maps in one pane.
pub fn answered(size: [f32; 2]) -> Harness<'static, App> {
    with_session(size, None)
}

pub fn with_session(size: [f32; 2], data_dir: Option<std::path::PathBuf>) -> Harness<'static, App> {
    let (model, image) = (Some(checkpoint("tiny-llama3")), Some(image("wide.png")));
    let mut window = open(Start { model, image, data_dir, ..Start::default() }, size);
    // What a random model answers is in many scripts, and beside the point here.
    window.ctx.set_missing_glyph_policy(egui::MissingGlyphPolicy::Tofu);
    wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
    window.state_mut().state_mut().settings.sampling.max_tokens = 6;
    ask(&mut window, "Describe this image in detail.");
    wait(&mut window, "the answer", |app| !app.state().is_busy() && app.maps().is_some());
    settle(&mut window);
    window
}

pub fn act(window: &mut Harness<'static, App>, action: impl Into<opabinia::window::action::Action>) {
    window.state_mut().act(action);
    window.run_ok();
}

/// Draws frames until no numbers are awaited any more.
pub fn settle(window: &mut Harness<'static, App>) {
    for _ in 0..200 {
        window.render().unwrap();
        window.step();
        let app = window.state();
        let drawn = |id: PaneId, maps: Arc<PaneMaps>| {
            let pane = app.state().panes().get(id).unwrap();
            if pane.source.is_token() {
                return true;
            }
            let lens = lens_of(window, id);
            maps.small.last_numbers(&lens.of_each_encoder().map_view()).is_some()
                || maps.small.extent(&lens.of_each_encoder().map_view()).is_some()
        };
        let ids: Vec<PaneId> = app.state().panes().iter().map(|pane| pane.id).collect();
        if ids.iter().all(|id| app.maps_of(*id).is_some_and(|maps| drawn(*id, maps))) {
            // What was learnt of the others' ranges is drawn with.
            for _ in 0..6 {
                window.render().unwrap();
                window.step();
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("the numbers of the maps never came");
}

/// The lens of a pane, as its trace has it.
fn lens_of(window: &Harness<'static, App>, id: PaneId) -> MapLens {
    let state = window.state().state();
    let pane = state.panes().get(id).unwrap();
    let lens = pane.lens.fitted(&state.trace_of(pane).unwrap().trace);
    if pane.source.is_difference() { lens.of_a_difference() } else { lens }
}

/// Where a pane's large map is.
fn canvas(window: &Harness<'static, App>, id: PaneId) -> egui::Rect {
    let panes = window.state().state().panes();
    if panes.count() == 1 {
        return window.get_by_label("Map").rect();
    }
    window.get_by_label(&format!("Map · pane {}", panes.number(id))).rect()
}

/// The largest difference of a pane's large map from what the off-screen renderer makes of its lens, with this range of colours.
fn off(window: &mut Harness<'static, App>, renderer: &MapRenderer, id: PaneId, range: Normalisation) -> u8 {
    window.hover_at(Pos2::new(700.0, 5.0));
    window.run_ok();
    settle(window);
    let rect = canvas(window, id);
    let (left, top) = (rect.left() as u32, rect.top() as u32);
    let (width, height) = (rect.width() as u32, rect.height() as u32);
    let shot = window.render().unwrap();
    let dark = window.ctx.theme() == egui::Theme::Dark;
    let state = window.state().state();
    let pane = state.panes().get(id).unwrap();
    let picture = state.pictures.ready(state.picture().unwrap()).unwrap();
    let lens = lens_of(window, id);
    let photo = renderer.upload_photo(&picture.rgb, picture.width as u32, picture.height as u32).unwrap();
    let view = MapView { normalisation: range, ..lens.map_view() };
    let measured: Vec<_> = (pane.source.runs())
        .map(|run| {
            let entry = state.traces.get(&state.run_key(run).unwrap()).unwrap();
            let data = TraceData::of(&entry.trace, &entry.encoder_names).unwrap();
            renderer.measure(&renderer.upload_trace(&data).unwrap(), &view).unwrap()
        })
        .collect();
    let difference;
    let maps = match measured.as_slice() {
        [maps] => maps,
        [of, minus] => {
            difference = renderer.difference(of, minus, range).unwrap();
            &difference
        }
        _ => panic!("no runs"),
    };
    let per_pixel = (lens.shown.width / width as f32).max(lens.shown.height / height as f32);
    let (across, down) = (width as f32 * per_pixel, height as f32 * per_pixel);
    let shown = Rect {
        left: lens.shown.left + (lens.shown.width - across) / 2.0,
        top: lens.shown.top + (lens.shown.height - down) / 2.0,
        width: across,
        height: down,
    };
    let look = Look { shown, background: theme::map_background(dark), line_px: 1.0, ..lens.look() };
    let expected = renderer.render_to_image(maps, Some(&photo), lens.encoder, &look, width, height).unwrap();
    let mut worst = 0;
    let mut compared = 0;
    for (at, pixel) in expected.as_chunks::<4>().0.iter().enumerate().filter(|(_, pixel)| pixel[3] == 255) {
        let got = shot.get_pixel(left + at as u32 % width, top + at as u32 / width).0;
        worst = (0..3).map(|c| got[c].abs_diff(pixel[c])).fold(worst, u8::max);
        compared += 1;
    }
    assert!(compared > width * height / 4, "only {compared} pixels of {width} × {height} were compared");
    worst
}

fn renderer() -> MapRenderer {
    MapRenderer::headless(&Gpu::headless(&AdapterChoice::Best).unwrap()).unwrap()
}

/// The keys of one encoder masked in every layer.
fn without(encoder: usize) -> RunRef {
    RunRef { side: Side::Answering, interventions: Interventions::mask(encoder, false) }
}

#[test]
fn two_panes_show_two_lenses_and_one_range_of_colours() {
    let mut window = answered([1360.0, 860.0]);
    window.key_press_modifiers(Modifiers::COMMAND, Key::D);
    window.run_ok();
    assert_eq!((window.state().state().panes().count(), window.state().state().pane().id), (2, SECOND));
    act(&mut window, ViewAction::Link(SECOND, Linked::Layers, false));
    act(&mut window, ViewChange::Layers(Indices::one(0)));
    act(&mut window, ViewChange::Encoder(2));
    settle(&mut window);
    let renderer = renderer();
    // Each has maps of its own, and both the range that spans all of them.
    let state = window.state().state();
    let entry = state.trace().unwrap();
    let trace = renderer.upload_trace(&TraceData::of(&entry.trace, &entry.encoder_names).unwrap()).unwrap();
    let mut most = 0.0_f32;
    for id in [PaneId::FIRST, SECOND] {
        let maps = renderer.measure(&trace, &lens_of(&window, id).map_view()).unwrap();
        for k in 0..entry.encoder_names.len() {
            let map = renderer.read_map(&maps, k).unwrap();
            most = map.texels.iter().filter_map(|texel| texel.value()).fold(most, |most, value| most.max(value.abs()));
        }
    }
    let common = Normalisation::Fixed { low: -most, high: most };
    assert!(off(&mut window, &renderer, PaneId::FIRST, common) <= 1);
    assert!(off(&mut window, &renderer, SECOND, common) <= 1);
    // Another quantity has a range of its own.
    act(&mut window, ViewChange::Quantity(Quantity::Share));
    assert!(off(&mut window, &renderer, PaneId::FIRST, Normalisation::Common) <= 1);
    assert!(off(&mut window, &renderer, SECOND, Normalisation::Common) <= 1);
    shot(&mut window, "panes-two");
    // So has a pane whose range is not linked, and it says so.
    act(&mut window, ViewChange::Quantity(Quantity::Lift));
    act(&mut window, ViewAction::Link(SECOND, Linked::Range, false));
    assert!(off(&mut window, &renderer, SECOND, Normalisation::Common) <= 1);
    window.get_by_label("Not linked: Layers, Colour range · pane 2");
    window.get_by_label("Linked with the other panes · pane 1");
}

#[test]
fn what_is_done_in_a_pane_is_about_it_and_links_carry_it_to_others() {
    let mut window = answered([1360.0, 860.0]);
    act(&mut window, ViewAction::DuplicatePane);
    settle(&mut window);
    // A click in the first pane, which is not the active one.
    let first = canvas(&window, PaneId::FIRST);
    window.hover_at(first.center());
    window.step();
    window.drag_at(first.center());
    window.step();
    window.drop_at(first.center());
    window.run_ok();
    window.hover_at(first.center());
    window.run_ok();
    let state = window.state().state();
    assert_eq!(state.pane().id, PaneId::FIRST);
    let cell = state.lens().selected.expect("a cell");
    assert_eq!(lens_of(&window, SECOND).selected, Some(cell), "the cell is linked");
    assert_eq!(state.hovered_in(state.panes().get(SECOND).unwrap()), Some(cell));
    // A control of the other pane, by its name.
    let chips: Vec<_> = window.get_all_by_label("Layer C2").collect();
    let right = chips.iter().max_by(|a, b| a.rect().left().total_cmp(&b.rect().left())).unwrap();
    right.click();
    window.run_ok();
    assert_eq!(window.state().state().pane().id, SECOND);
    assert_eq!(lens_of(&window, PaneId::FIRST).layers, Indices::one(1), "layers are linked");
    // Without the link, each selects for itself.
    act(&mut window, ViewAction::Link(SECOND, Linked::Cell, false));
    act(&mut window, ViewChange::Select(Some(Cell { row: 2, col: 2 })));
    assert_eq!(lens_of(&window, PaneId::FIRST).selected, Some(cell));
    let state = window.state().state();
    assert_eq!(state.hovered_in(state.panes().get(SECOND).unwrap()), None);
    // All of it can be undone, the pane at last.
    for _ in 0..5 {
        window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
        window.run_ok();
    }
    assert_eq!(window.state().state().panes().count(), 1);
    assert!(canvas(&window, PaneId::FIRST).width() > first.width(), "its tile has gone with it");
    window.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    window.run_ok();
    assert_eq!(window.state().state().panes().count(), 2);
    settle(&mut window);
}

#[test]
fn a_difference_is_that_of_the_numbers_on_a_scale_with_nothing_in_its_middle() {
    // High enough for all of both panes: what is scrolled out of sight cannot be compared.
    let mut window = answered([1360.0, 1300.0]);
    act(&mut window, ViewAction::DuplicatePane);
    act(&mut window, ViewChange::Source(MapSource::Difference(without(3), RunRef::default())));
    act(&mut window, ViewChange::Quantity(Quantity::Share));
    act(&mut window, ViewChange::Encoder(1));
    act(&mut window, ViewChange::Opacity(1.0));
    wait(&mut window, "both runs", |app| app.maps().is_some());
    settle(&mut window);
    let renderer = renderer();
    assert!(off(&mut window, &renderer, SECOND, Normalisation::Common) <= 1);
    // The plain run is still the plain one.
    let state = window.state().state();
    let (plain, intervened) = (state.plain_key().unwrap(), state.run_key(&without(3)).unwrap());
    let (plain, intervened) = (state.traces.get(&plain).unwrap(), state.traces.get(&intervened).unwrap());
    assert!(plain.trace.interventions.is_none() && !intervened.trace.interventions.is_none());

    // The oracle: shares by the engine's own arithmetic, colours by the table.
    let side = plain.trace.layers.iter().map(|layer| layer.frame.side).max().unwrap();
    let (layers, heads): (Vec<usize>, Vec<usize>) = ((0..plain.trace.layers.len()).collect(), (0..16).collect());
    let share = |k: usize, at: TraceCell| {
        let of = |trace: &opabinia_engine::probe::Trace| match reduce(
            &trace.matrix(Measure::Share(k), at),
            &layers,
            &heads,
            Reduction::Mean,
        ) {
            Measured::Value(value) => Some(value),
            _ => None,
        };
        Some(of(&intervened.trace)? - of(&plain.trace)?)
    };
    let cells = || (0..side).flat_map(|row| (0..side).map(move |column| TraceCell { side, row, column }));
    let most =
        cells().flat_map(|at| (0..4).filter_map(move |k| share(k, at))).fold(0.0_f64, |most, v| most.max(v.abs()));
    let values: Vec<(TraceCell, f64)> = cells().filter_map(|at| Some((at, share(1, at)?))).collect();
    let table = ColourMap::Diverging.table();
    let rect = canvas(&window, SECOND);
    let square = rect.size().min_elem();
    let shot = window.render().unwrap();
    let mut compared = 0;
    for (at, value) in values {
        let place = egui::vec2(at.column as f32 + 0.5, at.row as f32 + 0.5) / side as f32 - egui::vec2(0.5, 0.5);
        let point = rect.center() + place * square;
        let got = shot.get_pixel(point.x as u32, point.y as u32).0;
        let along = (value / most + 1.0) / 2.0 * (table.len() - 1) as f64;
        let (low, part) = (along.floor() as usize, along.fract());
        for channel in 0..3 {
            let [a, b] = [table[low], table[(low + 1).min(table.len() - 1)]].map(|rgb| f64::from(rgb[channel]));
            let expected = a + (b - a) * part;
            assert!((f64::from(got[channel]) - expected).abs() <= 1.0, "{at:?}: {got:?}, {expected} of {value}");
        }
        compared += 1;
    }
    assert!(compared >= 12, "only {compared} cells");
    shot_both(&mut window, "panes-difference");
}

#[test]
fn four_panes_at_rest_ask_for_no_frame() {
    let mut window = answered([1360.0, 860.0]);
    act(&mut window, ViewChange::Quantity(Quantity::Share));
    for change in [
        ViewChange::Quantity(Quantity::NormalisedEntropy),
        ViewChange::Source(MapSource::Run(without(3))),
        ViewChange::Source(MapSource::Difference(without(3), RunRef::default())),
    ] {
        act(&mut window, ViewAction::DuplicatePane);
        act(&mut window, change);
    }
    assert_eq!(window.state().state().panes().count(), 4);
    wait(&mut window, "all runs", |app| (0..4).all(|id| app.maps_of(PaneId(id)).is_some()) && !app.state().is_busy());
    settle(&mut window);
    let asks = |window: &Harness<'static, App>| {
        window.output().viewport_output[&egui::ViewportId::ROOT].repaint_delay < Duration::MAX
    };
    let mut frames = 0;
    while asks(&window) {
        frames += 1;
        assert!(frames < 400, "the window never comes to rest");
        window.render().unwrap();
        window.step();
        std::thread::sleep(Duration::from_millis(5));
    }
    for _ in 0..20 {
        window.render().unwrap();
        window.step();
        assert!(!asks(&window), "nothing has happened");
    }
    shot(&mut window, "panes-four");
    // Nothing has to be scrolled to: the last line of each ends above the pane below it, or above the end of the window.
    let lasts = window.query_all_by_label("What this map can and cannot say").map(|last| last.rect().bottom());
    let mut lasts: Vec<f32> = lasts.collect();
    lasts.sort_by(f32::total_cmp);
    assert!(lasts.len() == 4 && lasts[1] <= 446.0 && lasts[3] <= 860.0, "{lasts:?}");
}

/// In both themes.
fn shot_both(window: &mut Harness<'static, App>, name: &str) {
    shot(window, name);
    window.state_mut().state_mut().settings.theme = opabinia::window::theme::ThemeChoice::Light;
    window.run_ok();
    shot(window, &format!("{name}-light"));
}

#[test]
fn panes_and_their_links_come_back_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut window = with_session([1360.0, 860.0], Some(directory.path().to_path_buf()));
    act(&mut window, ViewAction::DuplicatePane);
    act(&mut window, ViewChange::Source(MapSource::Difference(without(0), RunRef::default())));
    act(&mut window, ViewAction::Link(SECOND, Linked::Zoom, false));
    act(&mut window, ViewChange::Shown(Rect { left: 0.25, top: 0.25, width: 0.5, height: 0.5 }));
    wait(&mut window, "both runs", |app| app.maps().is_some() && !app.state().is_busy());
    let panes = window.state().state().panes().clone();
    let layout = window.state().state().layout.clone();
    assert!(last(window.state()).is_some());
    let mut app = window.into_state();
    eframe::App::on_exit(&mut app);
    drop(app);
    let start = Start { data_dir: Some(directory.path().to_path_buf()), ..Start::default() };
    let mut again = open(start, [1360.0, 860.0]);
    again.ctx.set_missing_glyph_policy(egui::MissingGlyphPolicy::Tofu);
    wait(&mut again, "the maps of last time", |app| {
        app.maps_of(PaneId::FIRST).is_some() && app.maps_of(SECOND).is_some()
    });
    assert_eq!(again.state().state().panes(), &panes);
    assert_eq!(again.state().state().layout, layout);
    settle(&mut again);
    assert_ne!(lens_of(&again, PaneId::FIRST).shown, lens_of(&again, SECOND).shown);
}

/// In a quarter of the window each row of choices is one chip that says what is chosen and opens the others: the map has the
/// room.
#[test]
fn a_small_pane_says_what_is_chosen_and_opens_its_choices() {
    let mut window = answered([1360.0, 860.0]);
    assert!(window.query_by_label("Layers: All").is_none(), "one pane has room for every chip");
    for _ in 0..3 {
        act(&mut window, ViewAction::DuplicatePane);
    }
    settle(&mut window);
    assert!(window.query_by_label("Layer C2").is_none());
    let first = |window: &Harness<'static, App>, name: &str| {
        let chips: Vec<_> = window.get_all_by_label(name).collect();
        let corner = |chip: &egui_kittest::Node<'_>| chip.rect().left() + chip.rect().top();
        chips.iter().min_by(|a, b| corner(a).total_cmp(&corner(b))).unwrap().click();
    };
    first(&window, "Layers: All");
    window.run_ok();
    window.get_by_label("Layer C2").click();
    window.run_ok();
    // It stays open: several can be chosen.
    window.get_by_label("Layer C1");
    shot(&mut window, "small-panes");
    assert_eq!(lens_of(&window, PaneId::FIRST).layers, Indices::one(1));
    window.key_press(Key::Escape);
    window.run_ok();
    assert!(window.query_by_label("Layer C1").is_none());
    assert!(window.query_all_by_label("Layers: C2").count() == 4, "layers are linked");
    // A quantity is one of several: choosing it closes the list.
    first(&window, "Quantity: Lift");
    window.run_ok();
    window.get_by_label("Share");
    window.get_by_label("Dominant").click();
    window.run_ok();
    assert!(window.query_by_label("Share").is_none());
    shot(&mut window, "small-panes-chosen");
    assert_eq!(lens_of(&window, PaneId::FIRST).quantity, Quantity::Dominant);
    assert!(window.query_by_label("Quantity: Dominant").is_some());
}

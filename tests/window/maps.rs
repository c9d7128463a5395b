//! The maps: their pixels, their numbers, and what moves them.

use crate::harness::{checkpoint, image, open, wait};
use egui::{Key, Modifiers, MouseWheelUnit, Pos2, TouchPhase, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use opabinia::number::significant;
use opabinia::window::app::App;
use opabinia::window::state::{MapLens, PaneId, Slot, ViewChange};
use opabinia::window::{Start, theme};
use opabinia_engine::probe::{Cell as TraceCell, Measure as TraceMeasure, Measured, Reduction, reduce};
use opabinia_shaders::{
    AdapterChoice, Cell, Gpu, Indices, Look, MapRenderer, Normalisation, Quantity, Rect, TraceData,
};

/// A window with maps in it.
fn asked() -> Harness<'static, App> {
    let start = Start { model: Some(checkpoint("tiny-llama3")), image: Some(image("wide.png")), ..Start::default() };
    let mut window = open(start, [1360.0, 860.0]);
    // What a random model answers is in many scripts, and beside the point here.
    window.ctx.set_missing_glyph_policy(egui::MissingGlyphPolicy::Tofu);
    wait(&mut window, "the model", |app| app.state().models.loaded(Slot::A).is_some());
    window.get_by_label("Question").focus();
    window.run_ok();
    window.get_by_label("Question").type_text("Describe this image in detail.");
    window.run_ok();
    window.get_by_label("Ask").click();
    wait(&mut window, "the maps", |app| app.maps().is_some());
    settle(&mut window);
    window
}

/// Draws frames until the numbers of the maps have come from the device.
fn settle(window: &mut Harness<'static, App>) {
    for _ in 0..100 {
        window.render().unwrap();
        window.step();
        let app = window.state();
        let view = app.state().lens().fitted(&app.state().trace().unwrap().trace);
        let Some(maps) = app.maps() else { continue };
        let large = if view.quantity.per_encoder() { &maps.small } else { &maps.large };
        if large.numbers(&view.map_view()).is_some() && maps.small.numbers(&view.of_each_encoder().map_view()).is_some()
        {
            window.step();
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("the numbers of the maps never came");
}

fn view(window: &Harness<'static, App>) -> MapLens {
    window.state().state().lens().clone()
}

fn canvas(window: &Harness<'static, App>) -> egui::Rect {
    window.get_by_label("Map").rect()
}

fn click(window: &mut Harness<'static, App>, label: &str) {
    window.get_by_label(label).click();
    window.run_ok();
    settle(window);
}

/// Clicks the leftmost of those named `label`: the inspector, on the right, speaks of the same things.
fn click_leftmost(window: &mut Harness<'static, App>, label: &str) {
    let named = window.get_all_by_label(label);
    let leftmost = named.min_by(|a, b| a.rect().left().total_cmp(&b.rect().left()));
    leftmost.expect("a control of this name").click();
    window.run_ok();
    settle(window);
}

/// The middle of `cell` on the canvas when all of the padded square is shown.
fn middle_of(window: &Harness<'static, App>, cell: Cell) -> Pos2 {
    let (rect, side) = (canvas(window), 6.0);
    let square = rect.size().min_elem();
    let place = vec2(cell.col as f32 + 0.5, cell.row as f32 + 0.5) / side - vec2(0.5, 0.5);
    rect.center() + place * square
}

fn click_at(window: &mut Harness<'static, App>, at: Pos2) {
    window.hover_at(at);
    window.step();
    window.drag_at(at);
    window.step();
    window.drop_at(at);
    window.run_ok();
    settle(window);
}

/// The largest difference of the canvas from what the off-screen renderer makes of the same view.
fn difference(window: &mut Harness<'static, App>, renderer: &MapRenderer) -> u8 {
    // Away from the canvas, so that no pointer is drawn over it and no cell is hovered.
    window.hover_at(Pos2::new(700.0, 5.0));
    window.run_ok();
    settle(window);
    let rect = canvas(window);
    let (left, top) = (rect.left() as u32, rect.top() as u32);
    let (width, height) = (rect.width() as u32, rect.height() as u32);
    assert_eq!((left as f32, width as f32), (rect.left(), rect.width()), "the canvas lies on whole pixels");
    let shot = window.render().unwrap();
    let dark = window.ctx.theme() == egui::Theme::Dark;
    let state = window.state().state();
    let entry = state.trace().unwrap();
    let picture = state.pictures.ready(state.picture().unwrap()).unwrap();
    let view = state.lens().fitted(&entry.trace);
    let trace = renderer.upload_trace(&TraceData::of(&entry.trace, &entry.encoder_names).unwrap()).unwrap();
    let photo = renderer.upload_photo(&picture.rgb, picture.width as u32, picture.height as u32).unwrap();
    let maps = renderer.measure(&trace, &view.map_view()).unwrap();
    // The part of the padded plane that the canvas shows: all of `shown`, and what is beside it.
    let per_pixel = (view.shown.width / width as f32).max(view.shown.height / height as f32);
    let (across, down) = (width as f32 * per_pixel, height as f32 * per_pixel);
    let shown = Rect {
        left: view.shown.left + (view.shown.width - across) / 2.0,
        top: view.shown.top + (view.shown.height - down) / 2.0,
        width: across,
        height: down,
    };
    let look = Look { shown, background: theme::map_background(dark), line_px: 1.0, ..view.look() };
    let expected = renderer.render_to_image(&maps, Some(&photo), view.encoder, &look, width, height).unwrap();
    let mut worst = (0, 0, 0);
    let mut compared = 0;
    for (at, pixel) in expected.as_chunks::<4>().0.iter().enumerate().filter(|(_, pixel)| pixel[3] == 255) {
        let (x, y) = (at as u32 % width, at as u32 / width);
        let got = shot.get_pixel(left + x, top + y).0;
        worst = (0..3).map(|c| (got[c].abs_diff(pixel[c]), x, y)).fold(worst, Ord::max);
        compared += 1;
    }
    assert!(compared > width * height / 3, "only {compared} pixels of {width} × {height} were compared");
    worst.0
}

#[test]
fn the_canvas_shows_what_the_off_screen_renderer_draws() {
    let gpu = Gpu::headless(&AdapterChoice::Best).unwrap();
    let renderer = MapRenderer::headless(&gpu).unwrap();
    let mut window = asked();
    // Both run the same shader with the same numbers, but the one rounds places from a corner at (0, 0) and the other from
    // that of the canvas: a place may differ in its last bit, and a colour then by one level.
    assert!(difference(&mut window, &renderer) <= 1, "lift");
    click(&mut window, "Share");
    click(&mut window, "Map of ConvNeXt");
    let cell = middle_of(&window, Cell { row: 2, col: 3 });
    click_at(&mut window, cell);
    window.key_press_modifiers(Modifiers::COMMAND, Key::G);
    window.run_ok();
    assert!(view(&window).grid && view(&window).selected.is_some() && view(&window).encoder == 3);
    assert!(difference(&mut window, &renderer) <= 1, "share with grid and cell");
    click(&mut window, "Layer C2");
    click(&mut window, "Head 3");
    click_leftmost(&mut window, "Entropy");
    assert!(difference(&mut window, &renderer) <= 1, "entropy of one head");
    window.get_by_label("Map").focus();
    window.run_ok();
    window.key_press(Key::Plus);
    window.key_press(Key::Plus);
    window.run_ok();
    assert!(view(&window).shown.width < 0.7);
    assert!(difference(&mut window, &renderer) <= 1, "zoomed");
}

/// The values of `cell` as the read-out writes them, computed from the trace without any shader.
fn expected(window: &Harness<'static, App>, cell: Cell, lift: bool) -> Vec<String> {
    let entry = window.state().state().trace().unwrap();
    let view = view(window).fitted(&entry.trace);
    let chosen = |among: Indices, count: usize| (0..count).filter(|at| among.contains(*at)).collect::<Vec<_>>();
    let (layers, heads) = (chosen(view.layers, entry.trace.layers.len()), chosen(view.heads, 16));
    let at = TraceCell { side: 6, row: cell.row as usize, column: cell.col as usize };
    let each = entry.encoder_names.iter().enumerate();
    each.map(|(k, name)| {
        let quantity = if lift { TraceMeasure::Lift(k) } else { TraceMeasure::Share(k) };
        let Measured::Value(value) = reduce(&entry.trace.matrix(quantity, at), &layers, &heads, Reduction::Mean) else {
            panic!("no value at {at:?}")
        };
        let value = if lift { value.log2() } else { value } as f32;
        let sign = if lift && value > 0.0 { "+" } else { "" };
        format!("{name} {sign}{}", significant(value, 4))
    })
    .collect()
}

fn read_out(window: &Harness<'static, App>, cell: Cell) -> String {
    let start = format!("Cell (row {}, column {})", cell.row, cell.col);
    let node = window.get_by_label_contains(&start).accesskit_node();
    node.label().or_else(|| node.value()).unwrap()
}

#[test]
fn a_cell_is_chosen_read_and_scrubbed_and_the_view_moves_and_comes_back() {
    let mut window = asked();
    let cell = Cell { row: 3, col: 2 };
    let at = middle_of(&window, cell);
    click_at(&mut window, at);
    assert_eq!(view(&window).selected, Some(cell));
    let matches = |window: &Harness<'static, App>, lift| {
        let text = read_out(window, cell);
        for value in expected(window, cell, lift) {
            assert!(text.contains(&value), "{text} lacks {value}");
        }
        text
    };
    let all = matches(&window, true);
    click(&mut window, "Share");
    matches(&window, false);
    // Layers and heads from the keyboard: other numbers, and the right ones.
    window.key_press_modifiers(Modifiers::ALT, Key::ArrowRight);
    window.run_ok();
    window.key_press_modifiers(Modifiers::ALT, Key::ArrowDown);
    window.run_ok();
    settle(&mut window);
    assert_eq!((view(&window).layers, view(&window).heads), (Indices::one(0), Indices::one(0)));
    let one = matches(&window, false);
    assert_ne!(one, all);
    // The same cell again lets go of it; another one can be pointed at without choosing it.
    click_at(&mut window, at);
    assert_eq!(view(&window).selected, None);
    let other = Cell { row: 2, col: 4 };
    let to = middle_of(&window, other);
    window.hover_at(to);
    window.run_ok();
    assert_eq!(window.state().state().hovered, Some((PaneId::FIRST, other)));
    read_out(&window, other);
    window.hover_at(Pos2::new(700.0, 5.0));
    window.run_ok();
    assert_eq!(window.state().state().hovered, None);

    // Padding says so.
    let padding = middle_of(&window, Cell { row: 0, col: 1 });
    window.hover_at(padding);
    window.run_ok();
    assert!(read_out(&window, Cell { row: 0, col: 1 }).contains("padding"));

    // The wheel zooms about the pointer, dragging moves, one undo each.
    let before = view(&window);
    window.hover_at(at);
    window.step();
    let delta = vec2(0.0, 200.0);
    let wheel = egui::Event::MouseWheel {
        unit: MouseWheelUnit::Point,
        delta,
        phase: TouchPhase::Move,
        source: egui::MouseWheelSource::Wheel,
        modifiers: Modifiers::NONE,
    };
    window.event(wheel);
    for _ in 0..40 {
        window.step();
    }
    let zoomed = view(&window).shown;
    assert!(zoomed.width < 0.8, "{zoomed:?}");
    window.drag_at(at);
    window.step();
    window.hover_at(at + vec2(40.0, 0.0));
    window.step();
    window.drop_at(at + vec2(40.0, 0.0));
    window.run_ok();
    let moved = view(&window).shown;
    assert!(moved.left < zoomed.left && moved.width == zoomed.width, "{zoomed:?} {moved:?}");
    assert_eq!(view(&window).selected, None, "a drag is no click");
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_ok();
    assert_eq!(view(&window), before);
    window.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    window.run_ok();
    assert_eq!(view(&window).shown, moved, "redone, not undone once more");
    window.key_press_modifiers(Modifiers::COMMAND, Key::Z);
    window.run_ok();

    // While a question is typed, the keys are the text's.
    window.get_by_label("Question").focus();
    window.run_ok();
    window.key_press_modifiers(Modifiers::ALT, Key::ArrowRight);
    window.run_ok();
    assert_eq!(view(&window), before);

    // A fixed range stays when layers change.
    click(&mut window, "Appearance");
    click(&mut window, "Fixed");
    let Normalisation::Fixed { low, high } = view(&window).normalisation else { panic!("no fixed range") };
    assert!(low < high);
    click(&mut window, "Layer C3");
    assert_eq!(view(&window).normalisation, Normalisation::Fixed { low, high });
    let entry = window.state().state().trace().unwrap();
    let maps = window.state().maps().unwrap();
    let numbers = maps.small.numbers(&view(&window).fitted(&entry.trace).map_view()).unwrap();
    assert!(numbers.iter().all(|map| map.quantity == Quantity::Share && map.range == Some((low, high))));
}

#[test]
fn a_colour_bar_never_shows_the_range_of_another_quantity() {
    let mut window = asked();
    let entropy = window.state().texts().probe.entropy_unit;
    window.state_mut().act(ViewChange::Quantity(Quantity::Share));
    settle(&mut window);
    window.state_mut().act(ViewChange::Quantity(Quantity::Entropy));
    // The first frame in the new quantity: its numbers have not come from the device.
    window.step();
    let bars = |window: &Harness<'static, App>| {
        let named = window.get_all_by_label_contains(entropy);
        // A label's words are its value.
        named.filter(|bar| bar.accesskit_node().value().is_some_and(|words| words.contains('…'))).count()
    };
    assert_eq!(bars(&window), 0, "a title with the range of what was shown before");
    settle(&mut window);
    assert_eq!(bars(&window), 1, "its own range");
}

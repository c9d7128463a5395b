//! Numbers that the engine computes of two traces, as maps: divergence, and differences of shares where the two are of
//! different shapes. What is matched is drawn; the rest is named above.

use super::super::Cx;
use super::arrange::{CAPTION, arrange};
use super::canvas::On;
use super::frame::Frame;
use super::source::{Maps as Drawn, Source};
use super::{LOWEST, TITLE, Words, canvas, colour_bar, controls, evidence, looks, readout};
use crate::number::significant;
use crate::window::action::Action;
use crate::window::gpu::{ComparedPart, ComparedWhat, GridOnGpu, MapGpu, Upload};
use crate::window::state::{Counterparts, MapPane, MapsCompared, SidesLook, TraceEntry, ViewChange};
use egui::emath::GuiRounding as _;
use egui::{Id, Label, Rect, RichText, ScrollArea, Sense, Stroke, StrokeKind, Ui, UiBuilder, WidgetInfo, vec2};
use opabinia_engine::compare::{Basis, LayerComparison, Maps};
use opabinia_shaders::{ColourMap, Look, MapView};
use std::sync::Arc;

/// Half of the range of colours where nothing differs: a share of 1 %, or as many bits.
const FLAT: f32 = 0.01;

/// Draws the pane.
pub fn show(
    ui: &mut Ui,
    cx: &Cx<'_>,
    gpu: &MapGpu,
    pane: &MapPane,
    counterparts: &Counterparts<'_>,
    out: &mut Vec<Action>,
) {
    let of_divergence = pane.source.look() == Some(SidesLook::Divergence);
    let keys = cx.state.sides_of(pane);
    let known = keys.as_ref().and_then(|keys| Some((keys, cx.state.comparison.maps(keys)?)));
    let Some((keys, MapsCompared::Ready(maps))) = known else {
        looks::bar(ui, cx, pane, Some(counterparts), out);
        return match known {
            Some((_, MapsCompared::Failed(why))) => super::says(ui, why),
            _ => super::waits(ui, cx.texts.sides.comparing),
        };
    };
    let Some(entry) = cx.state.traces.get(&keys[0]) else { return };
    let layers = pane.lens.fitted(&entry.trace).layers;
    let whats: Vec<ComparedWhat> = match of_divergence {
        true => vec![ComparedWhat::Divergence],
        false => (0..maps.matching.encoders.len()).map(ComparedWhat::Share).collect(),
    };
    let mut grids = Vec::with_capacity(whats.len());
    for what in &whats {
        let upload = gpu.compared(maps, ComparedPart { what: *what, layers });
        match upload {
            Some(Upload::Ready(grid)) => grids.push(grid),
            Some(Upload::Failed(why)) => return super::says(ui, &(cx.texts.engine.said)(&why)),
            Some(Upload::Underway) | None => {
                looks::bar(ui, cx, pane, Some(counterparts), out);
                return super::waits(ui, cx.texts.probe.uploading);
            }
        }
    }
    let chosen = maps.matching.encoders.iter().position(|pair| pair.places[0] == pane.lens.encoder).unwrap_or(0);
    let chosen = if of_divergence { 0 } else { chosen };
    let Some(grid) = grids.get(chosen) else { return super::says(ui, cx.texts.sides.no_counterpart) };
    let scale = scale(maps, of_divergence, |layer| layers.contains(layer.places[0]));
    let shown = match gpu.maps(pane.id, &grid.on_gpu, None) {
        Ok(shown) => shown,
        Err(reason) => return super::says(ui, &(cx.texts.engine.said)(&reason)),
    };
    let source = Source::of_comparison(pane, entry, grid.side, &shown, scale);
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        controls::show(ui, cx, &source, out);
        looks::bar(ui, cx, pane, Some(counterparts), out);
        notes(ui, cx, maps, (!of_divergence).then_some(cx.texts.sides.unlike));
        ui.add_space(4.0);
        let small: &[Arc<GridOnGpu>] = if of_divergence { &[] } else { &grids };
        let pointed = drawn(ui, cx, gpu, (&source, maps), (small, chosen), out);
        super::link(ui, cx, pane, pointed, out);
        ui.add_space(4.0);
        colour_bar::show(ui, cx, &source);
        readout::show(ui, cx, &source, pointed);
        evidence::show(ui, cx, &source, None, out);
        source.await_numbers(ui, gpu);
    });
}

/// Colours and the range they span, the same for all maps of a pane.
fn scale(maps: &Maps, of_divergence: bool, chosen: impl Fn(&LayerComparison) -> bool) -> (ColourMap, f32, f32) {
    let layers = maps.layers.iter().filter(|layer| chosen(layer));
    let most = layers.flat_map(|layer| {
        let differences = layer.share_differences.iter().flatten().filter(|_| !of_divergence);
        differences.chain(layer.divergence.iter().filter(|_| of_divergence))
    });
    let most = most.flatten().fold(0.0_f64, |most, value| most.max(value.abs())) as f32;
    let most = if most > 0.0 { most } else { FLAT };
    if of_divergence { (ColourMap::Viridis, 0.0, most) } else { (ColourMap::Diverging, -most, most) }
}

/// What is to be known of the numbers: grids that differ, windows that are not the same tokens.
fn notes(ui: &mut Ui, cx: &Cx<'_>, maps: &Maps, first: Option<&str>) {
    let [over_encoders, resampled] = cx.texts.sides.notes;
    let over_encoders = maps.layers.iter().any(|layer| layer.basis == Basis::Encoders).then_some(over_encoders);
    let resampled = maps.layers.iter().any(|layer| layer.resampled).then_some(resampled);
    for note in first.into_iter().chain(over_encoders).chain(resampled) {
        ui.add(Label::new(RichText::new(note).small().weak()).wrap());
    }
}

/// Draws the large map and the small ones, and says where the pointer is over the large one, in the pane's cells.
fn drawn(
    ui: &mut Ui,
    cx: &Cx<'_>,
    gpu: &MapGpu,
    (source, maps): (&Source<'_>, &Maps),
    (small, chosen): (&[Arc<GridOnGpu>], usize),
    out: &mut Vec<Action>,
) -> Option<canvas::Pointed> {
    let below = super::height_below(ui, Words::All);
    let room = vec2(ui.available_width(), (ui.available_height() - below).max(LOWEST));
    let (area, _) = ui.allocate_exact_size(room, Sense::hover());
    let places = arrange(area.size(), small.len());
    let large = places.large.translate(area.min.to_vec2());
    let title = if small.is_empty() {
        cx.texts.sides.divergence_unit.to_owned()
    } else {
        format!("{} · {}", name(source.entry, maps, chosen), cx.texts.sides.share_difference)
    };
    let line = Rect::from_min_size(large.min, vec2(large.width(), TITLE));
    let mut heading = ui.new_child(UiBuilder::new().max_rect(line));
    heading.add(Label::new(RichText::new(title).strong()).truncate());
    let mut done = Vec::new();
    let pointed = canvas::show(ui, cx, gpu, source, large.with_min_y(large.top() + TITLE), &mut done);
    out.extend(done.into_iter().map(|action| in_cells_of_the_pane(source, action)));
    for (at, (place, grid)) in places.small.iter().zip(small).enumerate() {
        let rect = place.translate(area.min.to_vec2()).round_to_pixels(ui.pixels_per_point());
        small_map(ui, cx, gpu, (source, maps), (at, grid, rect, at == chosen), out);
    }
    pointed
        .map(|at| canvas::Pointed { cell: crate::window::state::moved(at.cell, source.side, source.pane_side), ..at })
}

/// A cell of the comparison's grid, which may be finer, as the pane counts cells.
fn in_cells_of_the_pane(source: &Source<'_>, action: Action) -> Action {
    use crate::window::action::ViewAction;
    match action {
        Action::View(ViewAction::Change(ViewChange::Select(Some(cell)))) => {
            ViewChange::Select(Some(crate::window::state::moved(cell, source.side, source.pane_side))).into()
        }
        action => action,
    }
}

/// The map of one pair of encoders, which can be chosen for the large one.
fn small_map(
    ui: &mut Ui,
    cx: &Cx<'_>,
    gpu: &MapGpu,
    (source, maps): (&Source<'_>, &Maps),
    (at, grid, rect, chosen): (usize, &Arc<GridOnGpu>, Rect, bool),
    out: &mut Vec<Action>,
) {
    let pane = source.pane;
    let name = name(source.entry, maps, at);
    let line = Rect::from_min_max(rect.min - vec2(0.0, CAPTION), rect.right_top());
    let mut caption = ui.new_child(UiBuilder::new().max_rect(line));
    caption.add(Label::new(RichText::new(&name).strong()).truncate());
    let values = values(maps, at, source);
    caption.add(Label::new(RichText::new(&values).size(10.0).weak()).truncate());
    let response = ui.interact(rect, Id::unique(("compared map", pane.id, at)), Sense::click());
    let spoken = source.named(cx, &format!("{} {name}: {values}", cx.texts.sides.share_difference));
    response.widget_info(|| WidgetInfo::selected(egui::Role::Image, true, chosen, &spoken));
    // A place of its own on the device: the same grid may be the large map, too.
    let Ok(shown) = gpu.maps(pane.id, &grid.on_gpu, None) else { return };
    let view: MapView = source.large.view;
    let look: Look = source.large.look;
    let drawn = Drawn { shown: Arc::clone(&shown.small), view, look };
    let frame = Frame::new(rect, source.lens.shown);
    ui.painter().rect_filled(rect, 0.0, ui.visuals().faint_bg_color);
    ui.painter()
        .add(On { rect, frame, place: (0, 0), line: 0.7, hover: source.hovered(cx.state) }.shape(ui, gpu, &drawn));
    if chosen || response.hovered() || response.has_focus() {
        let visuals = ui.visuals();
        let colour = if chosen { visuals.hyperlink_color } else { visuals.weak_text_color() };
        ui.painter().rect_stroke(rect.expand(1.0), 2.0, Stroke::new(1.5, colour), StrokeKind::Outside);
    }
    if response.clicked()
        && let Some(pair) = maps.matching.encoders.get(at)
    {
        out.push(ViewChange::Encoder(pair.places[0]).into());
    }
}

/// The encoder of A of the pair at this place.
fn name(entry: &TraceEntry, maps: &Maps, at: usize) -> String {
    let place = maps.matching.encoders.get(at).map(|pair| pair.places[0]);
    place.and_then(|k| entry.encoder_names.get(k)).cloned().unwrap_or_default()
}

/// Mean shares of A and B of the pair at this place, over the layers that are shown.
fn values(maps: &Maps, at: usize, source: &Source<'_>) -> String {
    let Some(pair) = maps.matching.encoders.get(at) else { return String::new() };
    let layers = maps.layers.iter().filter(|layer| source.lens.layers.contains(layer.places[0]));
    let shares: Vec<[f64; 2]> = layers
        .filter_map(|layer| {
            let share = |side: usize| layer.shares[side].get(pair.places[side]).copied().flatten();
            Some([share(0)?, share(1)?])
        })
        .collect();
    let mean = |side: usize| shares.iter().map(|both| both[side]).sum::<f64>() / shares.len().max(1) as f64;
    if shares.is_empty() {
        return "–".to_owned();
    }
    format!("{} → {}", significant(mean(0) as f32, 3), significant(mean(1) as f32, 3))
}

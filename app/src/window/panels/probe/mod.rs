//! Maps over the photo: a large one, and a small one for each encoder.
//!
//! [`source`] says what is shown, [`frame`] where a place of it is on the screen, [`arrange`] how the maps share their
//! room. From top to bottom: [`controls`] (with [`appearance`] behind a button), the [`canvas`] and the [`small`] maps,
//! the [`colour_bar`], the [`readout`] of one cell, and a line on the [`evidence`].

mod appearance;
mod arrange;
mod canvas;
mod colour_bar;
mod controls;
mod evidence;
mod frame;
mod readout;
mod scrubber;
mod small;
mod source;

use super::conversation::token_text;
use super::{Cx, whose};
use crate::window::action::{Action, ViewAction};
use crate::window::gpu::{MapGpu, PaneId};
use crate::window::state::{Attended, GridUpload, MapSource, Remade, TraceUpload, ViewChange};
use arrange::arrange;
use canvas::Pointed;
use egui::{Id, Label, RichText, ScrollArea, Sense, Ui, vec2};
use source::Source;
use std::time::Duration;

/// The maps have at least this much room; where the panel is lower, it scrolls.
const LOWEST: f32 = 240.0;
/// Line above the large map.
const TITLE: f32 = 22.0;
/// How soon numbers are asked for again.
const SOON: Duration = Duration::from_millis(10);

/// Draws the panel.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let Some(entry) = cx.state.trace() else {
        return without_trace(ui, cx, out);
    };
    let (on_gpu, gpu) = match (&entry.upload, cx.gpu) {
        (TraceUpload::Ready(on_gpu), Some(gpu)) => (on_gpu, gpu),
        (TraceUpload::Failed(reason), _) => return says(ui, reason),
        _ => return waits(ui, cx.texts.probe.uploading),
    };
    let grid = cx.state.attention_map();
    let of_token = matches!(cx.state.view.now().source, MapSource::Token { .. });
    if of_token && grid.is_none() {
        return without_token_map(ui, cx, out);
    }
    let source = match grid {
        None => gpu.maps(PaneId::MAIN, on_gpu).map(|maps| Source::of_sva(cx, entry, &maps)),
        Some(grid) => gpu.maps(PaneId::MAIN, &grid.on_gpu).map(|maps| Source::of_token(cx, entry, grid.side, &maps)),
    };
    let source = match source {
        Ok(source) => source,
        Err(reason) => return says(ui, &reason),
    };
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        controls::show(ui, cx, &source, out);
        ui.add_space(6.0);
        let pointed = maps(ui, cx, gpu, &source, out);
        ui.add_space(4.0);
        colour_bar::show(ui, cx, &source);
        readout::show(ui, cx, &source, pointed);
        evidence::show(ui, cx, &source, out);
        if source.awaits_numbers() {
            ui.ctx().request_repaint_after(SOON);
        }
    });
}

/// Why there are no maps, and what brings them.
fn without_trace(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.probe;
    let Some(key) = cx.state.trace_key() else { return says(ui, texts.no_picture) };
    if cx.state.trace_is_coming() {
        return says(ui, texts.trace_coming);
    }
    if !cx.state.lacks_trace() {
        return says(ui, texts.no_trace);
    }
    let reason = match cx.state.traces.remade(key) {
        Some(Remade::Failed(reason)) => reason.as_str(),
        Some(Remade::Asked) | None => texts.maps_missing,
    };
    says(ui, reason);
    ui.vertical_centered(|ui| {
        ui.add_space(8.0);
        if ui.button(texts.make_maps).clicked() {
            out.push(ViewAction::MakeMaps.into());
        }
    });
}

/// Why there is no map of a token, below the controls, which stay.
fn without_token_map(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.inspector;
    controls::without_map(ui, cx, out);
    let Some(key) = cx.state.attention_key() else { return says(ui, cx.texts.probe.no_token_map) };
    let upload = cx.state.attentions.grid().filter(|(known, _)| known.attention == key).map(|(_, upload)| upload);
    match (cx.state.attentions.get(key), upload) {
        (Some(Attended::Failed(reason)), _) | (Some(Attended::Ready(_)), Some(GridUpload::Failed(reason))) => {
            says(ui, reason);
            ui.vertical_centered(|ui| {
                ui.add_space(8.0);
                if ui.button(texts.again).clicked() {
                    out.push(ViewAction::AttendAgain.into());
                }
            });
        }
        (Some(Attended::Ready(_)), _) => waits(ui, cx.texts.probe.uploading),
        (Some(Attended::Asked) | None, _) => waits(ui, texts.attending),
    }
}

/// What is being done, in the middle of the panel.
fn waits(ui: &mut Ui, text: &str) {
    ui.vertical_centered(|ui| {
        ui.add_space(ui.available_height() * 0.4);
        ui.spinner();
        ui.weak(text);
    });
}

/// One text in the middle of the panel.
fn says(ui: &mut Ui, text: &str) {
    ui.vertical_centered(|ui| {
        ui.add_space(ui.available_height() * 0.4);
        ui.set_max_width(360.0);
        ui.add(Label::new(RichText::new(text).weak()).wrap());
    });
}

/// Draws all maps and says where the pointer is over one of them.
fn maps(ui: &mut Ui, cx: &Cx<'_>, gpu: &MapGpu, source: &Source<'_>, out: &mut Vec<Action>) -> Option<Pointed> {
    let gaps = 5.0 * ui.spacing().item_spacing.y;
    let width = ui.available_width();
    let below = colour_bar::HEIGHT + readout::height(width) + evidence::height(width) + gaps + 4.0;
    let room = vec2(ui.available_width(), (ui.available_height() - below).max(LOWEST));
    let (area, _) = ui.allocate_exact_size(room, Sense::hover());
    let count = if source.small.is_some() { source.encoders.len() } else { 0 };
    let places = arrange(area.size(), count);
    let mut large = places.large.translate(area.min.to_vec2());
    title(ui, cx, source, egui::Rect::from_min_size(large.min, vec2(large.width(), TITLE)), out);
    large.min.y += TITLE;
    let mut pointed = canvas::show(ui, cx, gpu, source, large, out);
    for (k, place) in places.small.iter().enumerate() {
        let place = place.translate(area.min.to_vec2());
        pointed = small::show(ui, cx, gpu, source, (k, place), out).or(pointed);
    }
    link(ui, cx, pointed, out);
    pointed
}

/// Tells all maps, here and elsewhere, which cell the pointer is over. When it leaves the maps, that is said once:
/// another panel may point at cells of its own.
fn link(ui: &Ui, cx: &Cx<'_>, pointed: Option<Pointed>, out: &mut Vec<Action>) {
    let over = Id::unique("pointer over a map");
    let was = ui.data_mut(|data| std::mem::replace(data.get_temp_mut_or_default::<bool>(over), pointed.is_some()));
    let cell = pointed.map(|pointed| pointed.cell);
    if (was || cell.is_some()) && cell != cx.state.hovered {
        out.push(ViewAction::Hover(cell).into());
    }
}

/// What the large map shows.
fn title(ui: &mut Ui, cx: &Cx<'_>, source: &Source<'_>, area: egui::Rect, out: &mut Vec<Action>) {
    let texts = &cx.texts.probe;
    let mut ui =
        ui.new_child(egui::UiBuilder::new().max_rect(area).layout(egui::Layout::left_to_right(egui::Align::Center)));
    ui.spacing_mut().item_spacing.x = 6.0;
    let chosen = source.encoders.get(source.view.input_of.unwrap_or(source.view.encoder));
    if source.view.input_of.is_some() {
        let name = chosen.map_or("", |encoder| encoder.name);
        if scrubber::chip(&mut ui, texts.back_to_maps, false, texts.back_to_maps).clicked() {
            out.push(ViewChange::InputOf(None).into());
        }
        ui.add(Label::new(RichText::new(format!("{} {name}", texts.input_of)).strong()).truncate());
        return;
    }
    let quantity = texts.quantity_words(source.view.quantity).0;
    if source.is_token() {
        token_title(&mut ui, cx);
    } else if let Some(encoder) = chosen.filter(|_| source.view.quantity.per_encoder()) {
        ui.strong(encoder.name);
        let about = format!("{quantity} · {}", texts.geometry(encoder.tokens, encoder.window));
        ui.add(Label::new(RichText::new(about).small().weak()).truncate());
    } else {
        ui.strong(quantity);
        ui.add(Label::new(RichText::new(texts.all_encoders).small().weak()).truncate());
    }
    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| whose::label(ui, cx));
}

/// The title of a token's map: the token, and which of how many it is.
fn token_title(ui: &mut Ui, cx: &Cx<'_>) {
    let texts = &cx.texts.probe;
    let known = cx.state.token.and_then(|place| Some((place, cx.state.conversations.exchange(place)?)));
    let token = known.and_then(|(place, exchange)| Some((place, exchange, exchange.tokens.get(place.token)?)));
    let Some((place, exchange, token)) = token else {
        ui.strong(texts.source_token.0);
        return;
    };
    ui.strong(format!("{} {}", texts.source_token.0, token_text::name(token)));
    let of = format!("{} / {}", place.token + 1, exchange.tokens.len());
    ui.add(Label::new(RichText::new(of).small().weak()).truncate());
}

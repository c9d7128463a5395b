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

use super::Cx;
use super::conversation::token_text;
use crate::window::action::{Action, ViewAction};
use crate::window::gpu::{MapGpu, PaneId};
use crate::window::state::{MapSource, TraceUpload, ViewChange};
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
    let texts = &cx.texts.probe;
    let Some(entry) = cx.state.trace() else {
        let text = match cx.state.picture() {
            None => texts.no_picture,
            Some(_) if cx.state.trace_is_coming() => texts.trace_coming,
            Some(_) => texts.no_trace,
        };
        return says(ui, text);
    };
    let (on_gpu, gpu) = match (&entry.upload, cx.gpu) {
        (TraceUpload::Ready(on_gpu), Some(gpu)) => (on_gpu, gpu),
        (TraceUpload::Failed(reason), _) => return says(ui, reason),
        _ => {
            ui.vertical_centered(|ui| {
                ui.add_space(ui.available_height() * 0.4);
                ui.spinner();
                ui.weak(texts.uploading);
            });
            return;
        }
    };
    let grid = cx.state.attention_map();
    let of_token = matches!(cx.state.view.now().source, MapSource::Token { .. });
    if of_token && grid.is_none() {
        ui.horizontal(|ui| controls::source(ui, cx, out));
        return says(ui, texts.no_token_map);
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

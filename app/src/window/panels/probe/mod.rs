//! Maps over the photo: a large one, and a small one for each encoder.
//!
//! [`source`] says what is shown, [`frame`] where a place of it is on the screen, [`mod@arrange`] how the maps share their
//! room. From top to bottom: [`controls`] (with [`appearance`] behind a button), the [`canvas`] and the [`small`] maps,
//! the [`colour_bar`], the [`readout`] of one cell, and a line on the [`evidence`].

mod appearance;
mod arrange;
mod brush;
mod canvas;
mod colour_bar;
mod compared;
mod controls;
mod evidence;
mod frame;
mod looks;
mod pane_bar;
mod readout;
mod scrubber;
mod sides;
mod small;
mod small_pane;
mod source;
mod switch;
mod wipe;

pub use pane_bar::{show as bar, title};

use super::shown::Shown;
use super::token_text;
use super::{Cx, whose};
use crate::window::action::{Action, ViewAction};
use crate::window::gpu::{GridPart, MapGpu, Upload};
use crate::window::state::{Attended, MapPane, MapSource, PictureState, Remade, RunRef, ViewChange};
use arrange::arrange;
use canvas::Pointed;
use egui::{Id, Label, RichText, ScrollArea, Sense, Ui, Vec2, vec2};
use source::Source;
use std::time::Duration;

/// The maps have at least this much room, so that a pane of a quarter of the window shows all it has to say; where it is lower,
/// it scrolls.
const LOWEST: f32 = 132.0;
/// The same where not even this leaves room for all that is said below them.
const LOWEST_OF_ALL: f32 = 112.0;
/// The same where there are more small maps than stand in one row.
const LOWEST_OF_MANY: f32 = 240.0;
/// In a small pane less is said before the maps have less room than this.
const ROOM_IN_SMALL: f32 = 210.0;
/// Small maps that stand in one row beside the large one, however low it is.
const IN_A_ROW: usize = 4;
/// How much is said below the maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    /// All of it, in as many lines as it takes.
    All,
    /// One line: of a cell, or else what the maps are evidence of. The rest is said where the pointer rests on it.
    Short,
}

/// Line above the large map.
const TITLE: f32 = 22.0;
/// How soon numbers are asked for again.
const SOON: Duration = Duration::from_millis(10);

/// Draws `pane`. Where something is done in it, it becomes the active one first.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, pane: &MapPane, out: &mut Vec<Action>) {
    let mut done = Vec::new();
    drawn(ui, cx, pane, &mut done);
    let pressed = ui.input(|input| input.pointer.any_pressed()) && ui.rect_contains_pointer(ui.max_rect());
    let is_about_it = |action: &Action| !matches!(action, Action::View(ViewAction::Hover(_)));
    if cx.state.pane().id != pane.id && (pressed || done.iter().any(is_about_it)) {
        out.push(ViewAction::Activate(pane.id).into());
    }
    out.append(&mut done);
}

fn drawn(ui: &mut Ui, cx: &Cx<'_>, pane: &MapPane, out: &mut Vec<Action>) {
    let Some(gpu) = cx.gpu else {
        let reason = cx.state.graphics_lost.as_deref();
        return says(ui, reason.unwrap_or(cx.texts.program.no_graphics));
    };
    let source = match &pane.source {
        MapSource::Sides(..) => return sides::show(ui, cx, gpu, pane, out),
        MapSource::Run(_) | MapSource::Difference(..) => match Shown::of(cx, pane) {
            Ok(Some(shown)) => Ok(Source::of_sva(pane, shown)),
            Ok(None) => return without_maps(ui, cx, gpu, pane, out),
            Err(reason) => Err(reason),
        },
        MapSource::TokenAttention { layer, head } => {
            let Some(entry) = cx.state.trace_of(pane) else { return without_trace(ui, cx, &RunRef::default(), out) };
            let key = cx.state.attention_key();
            let attention = key.and_then(|key| cx.state.attentions.ready(key));
            let upload = attention.and_then(|known| gpu.grid(known, GridPart { layer: *layer, head: *head }));
            let Some(grid) = upload.as_ref().and_then(Upload::ready) else {
                let failed = match &upload {
                    Some(Upload::Failed(reason)) => Some((cx.texts.engine.said)(reason)),
                    _ => None,
                };
                return without_token_map(ui, cx, pane, failed.as_deref(), out);
            };
            gpu.maps(pane.id, &grid.on_gpu, None).map(|maps| Source::of_token(pane, entry, grid.side, &maps))
        }
    };
    let source = match source {
        Ok(source) => source,
        Err(reason) => return says(ui, &(cx.texts.engine.said)(&reason)),
    };
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        controls::show(ui, cx, &source, out);
        switch::line(ui, cx, &source, out);
        ui.add_space(6.0);
        under_controls(ui, cx, gpu, &source, out);
    });
}

/// The maps, and what stands below them.
fn under_controls(ui: &mut Ui, cx: &Cx<'_>, gpu: &MapGpu, source: &Source<'_>, out: &mut Vec<Action>) {
    let count = if source.small.is_some() { source.encoders.len() } else { 0 };
    let (lowest, least) = if count > IN_A_ROW { (LOWEST_OF_MANY, LOWEST_OF_MANY) } else { (LOWEST, LOWEST_OF_ALL) };
    let left = |words| ui.available_height() - height_below(ui, words);
    let wanted = if small_pane::is_small(ui) { lowest.max(ROOM_IN_SMALL) } else { lowest };
    let words = if left(Words::All) < wanted { Words::Short } else { Words::All };
    let room = vec2(ui.available_width(), left(words).max(least));
    let pointed = maps(ui, cx, gpu, source, (room, count), out);
    ui.add_space(4.0);
    colour_bar::show(ui, cx, source);
    match words {
        Words::All => {
            readout::show(ui, cx, source, pointed);
            evidence::show(ui, cx, source, None, out);
        }
        Words::Short => evidence::show(ui, cx, source, Some(readout::line(cx, source, pointed)), out),
    }
    source.await_numbers(ui, gpu);
}

/// Height of all that stands below the maps.
fn height_below(ui: &Ui, words: Words) -> f32 {
    let (gap, width) = (ui.spacing().item_spacing.y, ui.available_width());
    let lines = match words {
        Words::All => readout::height(width) + evidence::height(width) + gap,
        Words::Short => evidence::LINE,
    };
    colour_bar::HEIGHT + lines + 4.0 * gap + 4.0
}

/// What `name` is called where there are several panes: with the number of its own.
pub fn named(cx: &Cx<'_>, pane: &MapPane, name: &str) -> String {
    if cx.state.panes().count() == 1 {
        return name.to_owned();
    }
    format!("{name} · {} {}", cx.texts.panes.pane, cx.state.panes().number(pane.id))
}

/// Why the maps of `pane` cannot be drawn yet, by the first run of it that is not on the device.
fn without_maps(ui: &mut Ui, cx: &Cx<'_>, gpu: &MapGpu, pane: &MapPane, out: &mut Vec<Action>) {
    for run in pane.source.runs() {
        let key = cx.state.run_key(run);
        let Some((key, entry)) = key.as_ref().and_then(|key| Some((key, cx.state.traces.get(key)?))) else {
            return without_trace(ui, cx, run, out);
        };
        match (gpu.trace(&entry.trace), cx.state.pictures.get(key.picture).map(|picture| &picture.state)) {
            (Some(Upload::Ready(_)), _) => {}
            (Some(Upload::Failed(reason)), _) => return says(ui, &(cx.texts.engine.said)(&reason)),
            (None, Some(PictureState::Failed(reason))) => return says(ui, reason),
            (Some(Upload::Underway) | None, _) => return waits(ui, cx.texts.probe.uploading),
        }
    }
}

/// Why there are no maps of `run`, and what brings them.
fn without_trace(ui: &mut Ui, cx: &Cx<'_>, run: &RunRef, out: &mut Vec<Action>) {
    let texts = &cx.texts.probe;
    if run.side.slot().is_some() && cx.state.model_of(run.side).is_none() {
        return says(ui, cx.texts.sides.model_missing);
    }
    let Some(key) = cx.state.run_key(run) else { return says(ui, texts.no_picture) };
    if cx.state.is_coming(&key) {
        return says(ui, texts.trace_coming);
    }
    if !cx.state.lacks_trace(&key) {
        return says(ui, texts.no_trace);
    }
    let reason = match cx.state.traces.remade(&key) {
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
fn without_token_map(ui: &mut Ui, cx: &Cx<'_>, pane: &MapPane, failed: Option<&str>, out: &mut Vec<Action>) {
    let texts = &cx.texts.inspector;
    controls::without_map(ui, cx, pane, out);
    let Some(key) = cx.state.attention_key() else { return says(ui, cx.texts.probe.no_token_map) };
    let reason = match (cx.state.attentions.get(key), failed) {
        (Some(Attended::Failed(reason)), _) => reason.as_str(),
        (Some(Attended::Ready(_)), Some(reason)) => reason,
        (Some(Attended::Ready(_)), None) => return waits(ui, cx.texts.probe.uploading),
        (Some(Attended::Asked) | None, _) => return waits(ui, texts.attending),
    };
    says(ui, reason);
    ui.vertical_centered(|ui| {
        ui.add_space(8.0);
        if ui.button(texts.again).clicked() {
            out.push(ViewAction::AttendAgain.into());
        }
    });
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

/// Draws the large map and `count` small ones in `room`, and says where the pointer is over one of them.
fn maps(
    ui: &mut Ui,
    cx: &Cx<'_>,
    gpu: &MapGpu,
    source: &Source<'_>,
    (room, count): (Vec2, usize),
    out: &mut Vec<Action>,
) -> Option<Pointed> {
    let (area, _) = ui.allocate_exact_size(room, Sense::hover());
    let places = arrange(area.size(), count);
    let mut large = places.large.translate(area.min.to_vec2());
    heading(ui, cx, source, egui::Rect::from_min_size(large.min, vec2(large.width(), TITLE)), out);
    large.min.y += TITLE;
    let mut pointed = canvas::show(ui, cx, gpu, source, large, out);
    for (k, place) in places.small.iter().enumerate() {
        let place = place.translate(area.min.to_vec2());
        pointed = small::show(ui, cx, gpu, source, (k, place), out).or(pointed);
    }
    link(ui, cx, source.pane, pointed, out);
    pointed
}

/// Tells all maps, here and elsewhere, which cell the pointer is over. When it leaves the maps, that is said once:
/// another panel may point at cells of its own.
fn link(ui: &Ui, cx: &Cx<'_>, pane: &MapPane, pointed: Option<Pointed>, out: &mut Vec<Action>) {
    let over = Id::unique(("pointer over a map", pane.id));
    let was = ui.data_mut(|data| std::mem::replace(data.get_temp_mut_or_default::<bool>(over), pointed.is_some()));
    let cell = pointed.map(|pointed| (pane.id, pointed.cell));
    let own = cx.state.hovered.is_none_or(|(of, _)| of == pane.id);
    if (cell.is_some() || was && own) && cell != cx.state.hovered {
        out.push(ViewAction::Hover(cell).into());
    }
}

/// What the large map shows.
fn heading(ui: &mut Ui, cx: &Cx<'_>, source: &Source<'_>, area: egui::Rect, out: &mut Vec<Action>) {
    let texts = &cx.texts.probe;
    let mut ui =
        ui.new_child(egui::UiBuilder::new().max_rect(area).layout(egui::Layout::left_to_right(egui::Align::Center)));
    ui.spacing_mut().item_spacing.x = 6.0;
    let chosen = source.encoders.get(source.lens.input_of.unwrap_or(source.lens.encoder));
    if source.lens.input_of.is_some() {
        let name = chosen.map_or("", |encoder| encoder.name);
        if scrubber::chip(&mut ui, texts.back_to_maps, false, texts.back_to_maps).clicked() {
            out.push(ViewChange::InputOf(None).into());
        }
        ui.add(Label::new(RichText::new(format!("{} {name}", texts.input_of)).strong()).truncate());
        return;
    }
    let quantity = texts.quantity_words(source.lens.quantity).0;
    if source.is_token() {
        token_title(&mut ui, cx);
    } else if let Some(encoder) = chosen.filter(|_| source.lens.quantity.per_encoder()) {
        ui.strong(encoder.name);
        let about = format!("{quantity} · {}", texts.geometry(encoder.tokens, encoder.window));
        ui.add(Label::new(RichText::new(about).small().weak()).truncate());
    } else {
        ui.add(Label::new(RichText::new(quantity).strong()).truncate());
        ui.add(Label::new(RichText::new(texts.all_encoders).small().weak()).truncate());
    }
    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| whose::of_pane(ui, cx, source.pane));
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
    ui.add(
        Label::new(RichText::new(format!("{} {}", texts.source_token.0, token_text::name(token))).strong()).truncate(),
    );
    let of = format!("{} / {}", place.token + 1, exchange.tokens.len());
    ui.add(Label::new(RichText::new(of).small().weak()).truncate());
}

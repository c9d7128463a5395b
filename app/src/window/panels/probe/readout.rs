//! What the maps say of one cell, in numbers and words.

use super::super::{Cx, parts};
use super::canvas::Pointed;
use super::colour_bar::unit;
use super::source::{Maps, Source};
use crate::number::significant;
use crate::selection;
use crate::window::lang::ProbeTexts;
use crate::window::state::{MapSource, Slot, moved};
use egui::{Label, RichText, Ui, vec2};
use opabinia_engine::sva::HEADS;
use opabinia_shaders::{Cell, Indices, Map, MapTexel, Quantity, Reduction};

/// Height of all lines, so that nothing moves when a cell is pointed at: where there is little room, the values need two.
pub fn height(width: f32) -> f32 {
    if width < 680.0 { 58.0 } else { 40.0 }
}

/// Draws what is known of the cell under the pointer, or else of the selected one, and which layers and heads it is of.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, source: &Source<'_>, pointed: Option<Pointed>) {
    let full = ui.available_width();
    ui.allocate_ui(vec2(full, height(full)), |ui| {
        ui.set_height(height(full));
        ui.spacing_mut().item_spacing.y = 3.0;
        let cell = cell(cx, source);
        let text = cell.map_or_else(|| cx.texts.probe.point.to_owned(), |cell| of_cell(cx, source, cell, pointed));
        let text = RichText::new(text);
        ui.add(Label::new(if cell.is_some() { text } else { text.weak() }).wrap());
        ui.add(Label::new(RichText::new(of_what(cx, source)).small().weak()).truncate());
    });
}

/// The same in one line: what is known of a cell, if there is one, and which layers and heads the maps are of.
pub fn line(cx: &Cx<'_>, source: &Source<'_>, pointed: Option<Pointed>) -> (Option<String>, String) {
    (cell(cx, source).map(|cell| of_cell(cx, source, cell, pointed)), of_what(cx, source))
}

/// The cell under the pointer, or else the selected one.
fn cell(cx: &Cx<'_>, source: &Source<'_>) -> Option<Cell> {
    let cell = cx.state.hovered_in(source.pane).or(source.lens.selected);
    cell.filter(|cell| cell.row < source.side && cell.col < source.side)
}

/// Height of the lines of two sides.
pub fn height_of_both(width: f32) -> f32 {
    height(width) + if width < 680.0 { 36.0 } else { 18.0 }
}

/// Draws what is known of a cell on both sides, and which layers and heads it is of. `pointed` is in cells of A.
pub fn both(ui: &mut Ui, cx: &Cx<'_>, a: &Source<'_>, b: Option<&Source<'_>>, pointed: Option<Pointed>) {
    let full = ui.available_width();
    ui.allocate_ui(vec2(full, height_of_both(full)), |ui| {
        ui.set_height(height_of_both(full));
        ui.spacing_mut().item_spacing.y = 2.0;
        let mut shown = false;
        for (source, side) in [(Some(a), Slot::A), (b, Slot::B)] {
            let Some(source) = source else { continue };
            let cell = source.hovered(cx.state).or(source.lens.selected);
            let Some(cell) = cell.filter(|cell| cell.row < source.side && cell.col < source.side) else { continue };
            let pointed = pointed.map(|at| Pointed { cell: moved(at.cell, a.side, source.side), ..at });
            shown = true;
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().item_spacing.x = 6.0;
                ui.label(RichText::new(side.letter()).strong().color(parts::side_colour(ui, side)));
                ui.label(of_cell(cx, source, cell, pointed));
            });
        }
        if !shown {
            ui.add(Label::new(RichText::new(cx.texts.probe.point).weak()).wrap());
        }
        ui.add(Label::new(RichText::new(of_what(cx, a)).small().weak()).truncate());
    });
}

/// The cell and its values.
fn of_cell(cx: &Cx<'_>, source: &Source<'_>, cell: Cell, pointed: Option<Pointed>) -> String {
    let texts = &cx.texts.probe;
    let at = texts.cell_at(cell);
    let large = source.large.numbers();
    let small = source.small.as_ref().and_then(Maps::numbers);
    let read = |map: &Map| reading(texts, source, map, cell, pointed);
    let mut values = Vec::new();
    if !source.lens.quantity.per_encoder() || source.small.is_none() {
        match large.as_ref().and_then(|maps| maps.first()) {
            Some(map) if map.quantity == Quantity::Dominant => values.push(dominant(texts, source, map, cell)),
            Some(map) => values.push(read(map)),
            None => values.push(texts.numbers_awaited.to_owned()),
        }
    }
    match (&source.small, small) {
        (Some(_), Some(maps)) => {
            let each = source.encoders.iter().zip(maps.iter());
            values.extend(each.map(|(encoder, map)| format!("{} {}", encoder.name, read(map))));
        }
        (Some(_), None) if values.is_empty() => values.push(texts.numbers_awaited.to_owned()),
        _ => {}
    }
    // Where there is nothing but padding, once is enough.
    if values.iter().all(|value| value.ends_with(texts.padding)) {
        values = vec![texts.padding.to_owned()];
    }
    format!("{at}  {}", values.join(" · "))
}

fn dominant(texts: &ProbeTexts, source: &Source<'_>, map: &Map, cell: Cell) -> String {
    match map.texels.get((cell.row * map.side + cell.col) as usize) {
        Some(MapTexel::Value(encoder)) => {
            source.encoders.get(*encoder as usize).map_or_else(String::new, |encoder| encoder.name.to_owned())
        }
        Some(MapTexel::Padding) => texts.padding.to_owned(),
        Some(MapTexel::Masked) => texts.masked.to_owned(),
        Some(MapTexel::Outside) | None => texts.outside.to_owned(),
    }
}

/// What `map` holds at `cell`: a value, or why there is none. Where a texel is a token, that under the pointer, or the
/// range of all tokens of the cell.
fn reading(texts: &ProbeTexts, source: &Source<'_>, map: &Map, cell: Cell, pointed: Option<Pointed>) -> String {
    let per_cell = (map.side / source.side).max(1);
    let texel = |row: u32, col: u32| map.texels.get((row * map.side + col) as usize).copied();
    let one = |texel: Option<MapTexel>| match texel {
        Some(MapTexel::Value(value)) => valued(source, map.quantity, value),
        Some(MapTexel::Padding) => texts.padding.to_owned(),
        Some(MapTexel::Masked) => texts.masked.to_owned(),
        Some(MapTexel::Outside) | None => texts.outside.to_owned(),
    };
    if per_cell == 1 {
        return one(texel(cell.row, cell.col));
    }
    if let Some(pointed) = pointed.filter(|pointed| pointed.cell == cell) {
        let place = pointed.place * map.side as f32;
        return one(texel(place.y as u32, place.x as u32));
    }
    let window = (0..per_cell * per_cell)
        .filter_map(|at| texel(cell.row * per_cell + at / per_cell, cell.col * per_cell + at % per_cell)?.value());
    let values: Vec<f32> = window.collect();
    let least = values.iter().copied().reduce(f32::min);
    let most = values.iter().copied().reduce(f32::max);
    match (least, most) {
        (Some(least), Some(most)) => {
            let count = texts.tokens_in(values.len());
            format!("{} … {} ({count})", number(source, map.quantity, least), valued(source, map.quantity, most))
        }
        _ => one(texel(cell.row * per_cell, cell.col * per_cell)),
    }
}

/// A value as it is read off a map, with its unit where it would be taken for a ratio.
fn valued(source: &Source<'_>, quantity: Quantity, value: f32) -> String {
    let unit = if quantity == Quantity::Lift { " log₂" } else { "" };
    number(source, quantity, value) + unit
}

fn number(source: &Source<'_>, quantity: Quantity, value: f32) -> String {
    let signed = quantity == Quantity::Lift || source.is_difference();
    let sign = if signed && value > 0.0 { "+" } else { "" };
    format!("{sign}{}", significant(value, 4))
}

/// What is measured and over what, in words.
fn of_what(cx: &Cx<'_>, source: &Source<'_>) -> String {
    let texts = &cx.texts.probe;
    let mut parts = vec![unit(cx, source, &source.large)];
    if let MapSource::TokenAttention { layer, head } = source.pane.source {
        parts.push(cx.texts.inspector.of_decoder(layer, head));
    } else {
        let trace = &source.entry.trace;
        let lens = &source.lens;
        let chosen = |among: Indices, count| (0..count).filter(|at| among.contains(*at)).collect::<Vec<_>>();
        let layers = chosen(lens.layers, trace.layers.len());
        let heads = chosen(lens.heads, HEADS);
        if layers.len() * heads.len() > 1 {
            let reduction = if lens.reduction == Reduction::Mean { texts.mean } else { texts.max };
            parts.push(reduction.0.to_owned());
        }
        let (layer, head) = (texts.layers.0.to_lowercase(), texts.heads.0.to_lowercase());
        let label = |at: usize| trace.layers[at].label.clone();
        parts.push(format!("{layer} {}", listed(texts, &selection::runs(&layers, label))));
        parts.push(format!("{head} {}", listed(texts, &selection::runs(&heads, |head| head.to_string()))));
    }
    parts.join(" · ")
}

/// Runs of layers or heads, as a sentence lists them.
pub fn listed(texts: &ProbeTexts, parts: &[String]) -> String {
    match parts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{}{}{last}", rest.join(texts.and.0), texts.and.1),
        _ => parts.concat(),
    }
}

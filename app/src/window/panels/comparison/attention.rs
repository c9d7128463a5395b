//! Where both sides looked, layer by layer.

use super::{Cx, parts};
use crate::window::action::{Action, ComparisonAction};
use crate::window::state::{MapsCompared, TraceEntry};
use egui::{Grid, Label, RichText, ScrollArea, Ui};
use opabinia_engine::compare::{Basis, LayerComparison, Maps};

/// Cells that are listed of those that differ most.
const LISTED: usize = 12;

/// Draws the table.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.comparison;
    let known = cx.state.both_traces().and_then(|keys| {
        let entries = keys.each_ref().map(|key| cx.state.traces.get(key));
        Some((cx.state.comparison.maps(&keys)?, [entries[0]?, entries[1]?]))
    });
    match known {
        None => parts::weak(ui, texts.no_maps),
        Some((MapsCompared::Computing, _)) => parts::weak(ui, texts.computing),
        Some((MapsCompared::Failed(error), _)) => {
            ui.add(Label::new(RichText::new(error).color(ui.visuals().error_fg_color)).wrap());
        }
        Some((MapsCompared::Ready(maps), entries)) => {
            ScrollArea::both().auto_shrink(false).show(ui, |ui| {
                if ui.button(texts.show_maps).on_hover_text(texts.show_maps_tip).clicked() {
                    out.push(ComparisonAction::ShowMaps.into());
                }
                matching(ui, cx, maps, entries);
                table(ui, cx, maps, entries, out);
                most(ui, cx, maps, out);
                ui.add_space(6.0);
                ui.add(Label::new(RichText::new(texts.evidence).small().weak()).wrap());
            });
        }
    }
}

/// What is compared with what, where that is not plain, and what has no counterpart.
fn matching(ui: &mut Ui, cx: &Cx<'_>, maps: &Maps, entries: [&TraceEntry; 2]) {
    for line in parts::matching(cx, &maps.matching, entries) {
        parts::weak(ui, &line);
    }
}

fn table(ui: &mut Ui, cx: &Cx<'_>, maps: &Maps, entries: [&TraceEntry; 2], out: &mut Vec<Action>) {
    let texts = &cx.texts.comparison;
    Grid::new("divergence").striped(true).num_columns(maps.matching.encoders.len() + 3).show(ui, |ui| {
        parts::weak(ui, texts.columns[0]);
        for pair in &maps.matching.encoders {
            let name = &entries[0].encoder_names[pair.places[0]];
            parts::weak(ui, &format!("{name}, {}", texts.columns[1]));
        }
        parts::weak(ui, texts.columns[2]);
        parts::weak(ui, texts.columns[3]);
        ui.end_row();
        for layer in &maps.layers {
            row(ui, cx, maps, layer, out);
            ui.end_row();
        }
    });
}

fn row(ui: &mut Ui, cx: &Cx<'_>, maps: &Maps, compared: &LayerComparison, out: &mut Vec<Action>) {
    let texts = &cx.texts.comparison;
    let [a, b] = &compared.labels;
    ui.strong(if a == b { a.clone() } else { format!("{a} ~ {b}") });
    for pair in &maps.matching.encoders {
        let share = |side: usize| compared.shares[side].get(pair.places[side]).copied().flatten();
        let text = |share: Option<f64>| share.map_or_else(|| texts.masked.to_owned(), |share| format!("{share:.3}"));
        ui.monospace(format!("{} → {}", text(share(0)), text(share(1))));
    }
    let over = texts.over[usize::from(compared.basis == Basis::Encoders)];
    let notes = [over, if compared.resampled { texts.resampled } else { "" }];
    let notes: Vec<&str> = notes.into_iter().filter(|note| !note.is_empty()).collect();
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
    ui.monospace(format!("{:.4}{notes}", compared.mean));
    match compared.largest(1).first() {
        Some(cell) if cell.2 > 0.0 => jump(ui, cx, compared, *cell, false, out),
        _ => parts::weak(ui, texts.nowhere),
    }
}

/// The cells that differ most in all layers: each can be gone to.
fn most(ui: &mut Ui, cx: &Cx<'_>, maps: &Maps, out: &mut Vec<Action>) {
    let mut cells: Vec<(&LayerComparison, (usize, usize, f64))> = Vec::new();
    for layer in &maps.layers {
        cells.extend(layer.largest(LISTED).into_iter().filter(|cell| cell.2 > 0.0).map(|cell| (layer, cell)));
    }
    cells.sort_by(|(_, a), (_, b)| b.2.total_cmp(&a.2));
    if cells.is_empty() {
        return;
    }
    parts::section(ui, cx.texts.comparison.most);
    ui.horizontal_wrapped(|ui| {
        for (layer, cell) in cells.into_iter().take(LISTED) {
            jump(ui, cx, layer, cell, true, out);
        }
    });
}

/// A link that shows a cell of a layer on both sides.
fn jump(
    ui: &mut Ui,
    cx: &Cx<'_>,
    compared: &LayerComparison,
    (row, column, value): (usize, usize, f64),
    with_layer: bool,
    out: &mut Vec<Action>,
) {
    let [a, b] = &compared.labels;
    let text = format!("{}: {value:.4}", (cx.texts.comparison.look)(row, column));
    let text = if with_layer { format!("{a} · {text}") } else { text };
    if ui.link(text).clicked() {
        let layers = [a.clone(), b.clone()];
        out.push(ComparisonAction::LookAt { layers, side: compared.side, row, column }.into());
    }
}

//! Where both sides looked, layer by layer.

use super::{Cx, height, parts};
use crate::window::action::{Action, ComparisonAction};
use crate::window::state::{MapsCompared, TraceEntry};
use egui::{Grid, Label, RichText, ScrollArea, Ui};
use opabinia_engine::compare::{Basis, LayerComparison, Maps, NAMES};

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
            let height = height(ui);
            ScrollArea::both().max_height(height).auto_shrink([false, true]).show(ui, |ui| {
                if ui.button(texts.show_maps).on_hover_text(texts.show_maps_tip).clicked() {
                    out.push(ComparisonAction::ShowMaps.into());
                }
                matching(ui, cx, maps, entries);
                table(ui, cx, maps, entries, out);
                ui.add_space(6.0);
                ui.add(Label::new(RichText::new(texts.evidence).small().weak()).wrap());
            });
        }
    }
}

/// What is compared with what, where that is not plain, and what has no counterpart.
fn matching(ui: &mut Ui, cx: &Cx<'_>, maps: &Maps, entries: [&TraceEntry; 2]) {
    let texts = &cx.texts.comparison;
    for pair in maps.matching.encoders.iter().filter(|pair| !pair.same_name || !pair.same_grid) {
        let name = |side: usize| {
            let encoder = &entries[side].trace.encoders[pair.places[side]];
            format!("{} ({}×{})", encoder.name, encoder.side, encoder.side)
        };
        parts::weak(ui, &format!("A: {} {} B: {}", name(0), texts.matched, name(1)));
    }
    for (side, letter) in NAMES.into_iter().enumerate() {
        let encoders = maps.matching.encoders_alone[side].iter().map(|k| entries[side].encoder_names[*k].clone());
        let layers = maps.matching.layers_alone[side].iter().map(|at| entries[side].trace.layers[*at].label.clone());
        let list: Vec<String> = encoders.chain(layers).collect();
        if !list.is_empty() {
            parts::weak(ui, &(texts.alone)(&list.join(", "), letter));
        }
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
        Some((row, column, value)) if *value > 0.0 => {
            let text = format!("{}: {value:.4}", (texts.look)(*row, *column));
            if ui.link(text).clicked() {
                let layer = match cx.state.models.answering() {
                    crate::window::state::Slot::A => a.clone(),
                    crate::window::state::Slot::B => b.clone(),
                };
                let (side, row, column) = (compared.side, *row, *column);
                out.push(ComparisonAction::LookAt { layer, side, row, column }.into());
            }
        }
        _ => parts::weak(ui, texts.nowhere),
    }
}

//! How the files of both checkpoints differ.

use super::{Cx, height, parts};
use crate::window::action::{Action, ComparisonAction};
use crate::window::state::FilesCompared;
use egui::{Grid, Label, ProgressBar, RichText, ScrollArea, Ui};
use opabinia_engine::compare::{Change, Checkpoints, Effect, NAMES, TensorComparison};
use opabinia_engine::printable;

/// Tensors that are listed.
const LISTED: usize = 40;

/// Characters of a value that are shown.
const VALUE: usize = 80;

/// Draws how the two checkpoints differ.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.comparison;
    let known = cx.state.both_models().and_then(|models| cx.state.comparison.files(models));
    match known {
        None => compare(ui, cx, out),
        Some(FilesCompared::Reading { progress, .. }) => {
            ui.horizontal(|ui| {
                ui.add(ProgressBar::new(progress.part()).desired_width(240.0).text(texts.reading));
                if ui.button(texts.stop).clicked() {
                    out.push(ComparisonAction::StopFiles.into());
                }
            });
        }
        Some(FilesCompared::Failed(error)) => {
            ui.add(Label::new(RichText::new(error).color(ui.visuals().error_fg_color)).wrap());
            compare(ui, cx, out);
        }
        Some(FilesCompared::Ready(checkpoints)) => {
            let height = height(ui);
            ScrollArea::both().max_height(height).auto_shrink([false, true]).show(ui, |ui| report(ui, cx, checkpoints));
        }
    }
}

fn compare(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.comparison;
    let button = ui.add_enabled(cx.state.models.are_two(), egui::Button::new(texts.compare_files));
    if button.on_hover_text(texts.compare_files_tip).clicked() {
        out.push(ComparisonAction::CompareFiles.into());
    }
}

fn report(ui: &mut Ui, cx: &Cx<'_>, checkpoints: &Checkpoints) {
    let texts = &cx.texts.comparison;
    ui.label((texts.counts)(&checkpoints.counts()));
    if checkpoints.same_weights() {
        ui.strong(texts.same_weights);
    }
    for (name, hash) in NAMES.into_iter().zip(&checkpoints.hashes) {
        ui.horizontal(|ui| {
            parts::weak(ui, name);
            ui.label(RichText::new(hash.get(..16).unwrap_or(hash)).monospace().small());
        });
    }
    if !checkpoints.findings.is_empty() {
        parts::section(ui, texts.wrong);
        for finding in &checkpoints.findings {
            let side = NAMES.get(finding.side).copied().unwrap_or_default();
            let family = printable::line(&finding.family);
            let text = (texts.finding)(side, finding.kind, &family, finding.weights);
            ui.colored_label(ui.visuals().warn_fg_color, text);
        }
    }
    let mut changed: Vec<(&TensorComparison, &Change)> =
        checkpoints.tensors.iter().filter_map(|tensor| Some((tensor, tensor.change()?))).collect();
    let relative = |change: &Change| change.relative.unwrap_or(f64::INFINITY);
    changed.sort_by(|(_, a), (_, b)| relative(b).total_cmp(&relative(a)));
    if !changed.is_empty() {
        ui.add_space(6.0);
        Grid::new("changed").striped(true).num_columns(4).show(ui, |ui| {
            texts.tensor_columns.into_iter().for_each(|name| parts::weak(ui, name));
            ui.end_row();
            for (tensor, change) in changed.iter().take(LISTED) {
                let relative = change.relative.map_or_else(|| texts.from_zero.to_owned(), |part| format!("{part:.3e}"));
                ui.monospace(relative);
                ui.monospace(format!("{:.2e}", change.largest));
                ui.monospace(change.cosine.map_or_else(|| "–".to_owned(), |cosine| format!("{cosine:.6}")));
                ui.monospace(printable::line(&tensor.key));
                ui.end_row();
            }
        });
        if changed.len() > LISTED {
            parts::weak(ui, &(texts.more)(changed.len() - LISTED));
        }
    }
    settings(ui, cx, checkpoints);
}

fn settings(ui: &mut Ui, cx: &Cx<'_>, checkpoints: &Checkpoints) {
    let texts = &cx.texts.comparison;
    let settings = &checkpoints.settings;
    parts::section(ui, &(texts.settings)(settings.differences.len(), settings.equal));
    parts::weak(ui, texts.tokenizer[usize::from(!settings.same_tokenizer)]);
    Grid::new("settings").striped(true).num_columns(3).show(ui, |ui| {
        for difference in &settings.differences {
            let key = printable::line(&difference.key);
            ui.monospace(key);
            let value = |side: usize| match &difference.values[side] {
                None => texts.not_set.to_owned(),
                Some(value) => {
                    let text: String = value.to_string().chars().take(VALUE).collect();
                    printable::line(&text).into_owned()
                }
            };
            ui.monospace(format!("{} → {}", value(0), value(1)));
            parts::weak(ui, if difference.effect == Effect::None { texts.no_effect } else { "" });
            ui.end_row();
        }
    });
}

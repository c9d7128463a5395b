//! How the files of both checkpoints differ.

use super::{Cx, parts};
use crate::window::action::{Action, ComparisonAction};
use crate::window::state::{FilesCompared, SIDES, TensorOrder};
use egui::{CollapsingHeader, Grid, Label, ProgressBar, RichText, ScrollArea, Ui};
use opabinia_engine::compare::{Change, Checkpoints, Effect, Module, NAMES, Relation, TensorComparison};
use opabinia_engine::printable;

/// Tensors that are listed of each kind.
const LISTED: usize = 100;

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
        Some(FilesCompared::Ready(checkpoints, modules)) => {
            ScrollArea::both().auto_shrink(false).show(ui, |ui| report(ui, cx, checkpoints, modules, out));
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

fn report(ui: &mut Ui, cx: &Cx<'_>, checkpoints: &Checkpoints, modules: &Module, out: &mut Vec<Action>) {
    let texts = &cx.texts.comparison;
    ui.add(Label::new((texts.counts)(&checkpoints.counts())).wrap());
    if checkpoints.same_weights() {
        ui.label(RichText::new(texts.same_weights).strong().color(ui.visuals().warn_fg_color));
    }
    for (slot, hash) in SIDES.into_iter().zip(&checkpoints.hashes) {
        ui.horizontal(|ui| {
            ui.label(RichText::new(slot.letter()).strong().color(parts::side_colour(ui, slot)));
            parts::weak(ui, texts.hash);
            ui.label(RichText::new(hash.get(..16).unwrap_or(hash)).monospace().small()).on_hover_text(hash);
        });
    }
    if !checkpoints.findings.is_empty() {
        parts::section(ui, texts.wrong);
        for finding in &checkpoints.findings {
            let side = NAMES.get(finding.side).copied().unwrap_or_default();
            let family = printable::line(&finding.family);
            let text = (texts.finding)(side, finding.kind, &family, finding.weights);
            ui.add(Label::new(RichText::new(text).color(ui.visuals().warn_fg_color)).wrap());
        }
    }
    changed(ui, cx, checkpoints, out);
    let kinds: [fn(&Relation) -> bool; 3] = [
        |relation| matches!(relation, Relation::OnlyIn(0)),
        |relation| matches!(relation, Relation::OnlyIn(1)),
        |relation| matches!(relation, Relation::Unlike),
    ];
    for (name, is) in texts.kinds.into_iter().zip(kinds) {
        others(ui, cx, checkpoints, name, is);
    }
    let counts = checkpoints.counts();
    if counts.equal != checkpoints.tensors.len() {
        parts::section(ui, texts.modules);
        for module in by_movement(&modules.below) {
            tree(ui, cx, module, 0);
        }
    }
    settings(ui, cx, checkpoints);
}

/// Changed tensors, in the order that a person chose.
fn changed(ui: &mut Ui, cx: &Cx<'_>, checkpoints: &Checkpoints, out: &mut Vec<Action>) {
    let texts = &cx.texts.comparison;
    let mut changed: Vec<(&TensorComparison, &Change)> =
        checkpoints.tensors.iter().filter_map(|tensor| Some((tensor, tensor.change()?))).collect();
    if changed.is_empty() {
        return;
    }
    // From nothing to something is the largest change there is.
    let relative = |change: &Change| change.relative.unwrap_or(f64::INFINITY);
    let cosine = |change: &Change| change.cosine.unwrap_or(f64::NEG_INFINITY);
    let order = cx.state.comparison.order;
    changed.sort_by(|(a, of_a), (b, of_b)| match order {
        TensorOrder::Relative => relative(of_b).total_cmp(&relative(of_a)),
        TensorOrder::Largest => of_b.largest.total_cmp(&of_a.largest),
        TensorOrder::Cosine => cosine(of_a).total_cmp(&cosine(of_b)),
        TensorOrder::Name => a.key.cmp(&b.key),
    });
    ui.add_space(6.0);
    Grid::new("changed").striped(true).num_columns(4).show(ui, |ui| {
        for (column, name) in TensorOrder::ALL.into_iter().zip(texts.tensor_columns) {
            if ui
                .selectable_label(order == column, RichText::new(name).small())
                .on_hover_text(texts.order_tip)
                .clicked()
            {
                out.push(ComparisonAction::OrderTensors(column).into());
            }
        }
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

/// Tensors of another relation, by their names and shapes.
fn others(ui: &mut Ui, cx: &Cx<'_>, checkpoints: &Checkpoints, name: &str, is: fn(&Relation) -> bool) {
    let these: Vec<&TensorComparison> = checkpoints.tensors.iter().filter(|tensor| is(&tensor.relation)).collect();
    if these.is_empty() {
        return;
    }
    let title = format!("{name}: {}", these.len());
    CollapsingHeader::new(&title).id_salt(name).show(ui, |ui| {
        for tensor in these.iter().take(LISTED) {
            let shapes: Vec<String> =
                tensor.sides.iter().flatten().map(|side| format!("{} {:?}", side.dtype, side.shape)).collect();
            ui.monospace(format!("{}  {}", printable::line(&tensor.key), shapes.join(" → ")));
        }
        if these.len() > LISTED {
            parts::weak(ui, &(cx.texts.comparison.more)(these.len() - LISTED));
        }
    });
}

/// Modules, those that moved most first.
fn by_movement(modules: &[Module]) -> Vec<&Module> {
    let mut sorted: Vec<&Module> = modules.iter().collect();
    let differs = |module: &Module| module.counts.equal < module.counts.total();
    let relative = |module: &Module| module.relative.unwrap_or(f64::INFINITY);
    sorted.sort_by(|a, b| differs(b).cmp(&differs(a)).then_with(|| relative(b).total_cmp(&relative(a))));
    sorted
}

/// A module with what is below it: where training moved most is open at first.
fn tree(ui: &mut Ui, cx: &Cx<'_>, module: &Module, depth: usize) {
    let texts = &cx.texts.comparison;
    let name = printable::line(&module.name);
    let total = module.counts.total();
    if module.counts.equal == total {
        return parts::weak(ui, &(texts.all_of_module_equal)(&name, total));
    }
    let moved = match module.relative {
        Some(relative) if module.norm > 0.0 => format!("{relative:.3e}"),
        _ => "–".to_owned(),
    };
    let text = (texts.module)(&name, &moved, total - module.counts.equal, total);
    if module.below.is_empty() {
        ui.label(text);
        return;
    }
    CollapsingHeader::new(text).id_salt((depth, &module.name)).default_open(depth == 0).show(ui, |ui| {
        for below in by_movement(&module.below) {
            tree(ui, cx, below, depth + 1);
        }
    });
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

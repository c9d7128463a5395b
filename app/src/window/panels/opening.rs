//! The page on which a checkpoint is chosen, examined and loaded.

use super::Cx;
use crate::window::action::{Action, ModelAction};
use crate::window::command::UiCommand;
use crate::window::state::{AppState, ModelPhase};
use egui::{ProgressBar, ScrollArea, Ui};
use opabinia_engine::checkpoint::Bytes;
use opabinia_engine::model::Inspection;
use opabinia_engine::worker::Slot;

/// Whether this page is shown instead of the panels.
pub fn is_needed(state: &AppState) -> bool {
    state.models.loaded(Slot::A).is_none()
        || state.models.opening(Slot::A).is_some()
        || state.models.opening(Slot::B).is_some()
}

/// Draws the page.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.vertical_centered(|ui| {
            ui.set_max_width(640.0);
            ui.add_space(48.0);
            ui.heading("Opabinia");
            ui.weak(cx.texts.opening.tagline);
            ui.add_space(24.0);
            for slot in [Slot::A, Slot::B] {
                if let Some(opening) = cx.state.models.opening(slot) {
                    ui.strong(&opening.request.source);
                    match &opening.phase {
                        ModelPhase::Inspecting => {
                            ui.spinner();
                            ui.label(cx.texts.opening.inspecting);
                        }
                        ModelPhase::Refused(reason) => {
                            ui.strong(cx.texts.opening.refused);
                            ui.label(reason);
                            if ui.button(cx.texts.program.close).clicked() {
                                out.push(ModelAction::Dismiss(slot).into());
                            }
                        }
                        ModelPhase::Inspected(inspection) => inspected(ui, cx, slot, inspection, out),
                        ModelPhase::Loading(_) => loading(ui, cx, slot, out),
                    }
                    return;
                }
            }
            start(ui, cx, out);
        });
    });
}

fn start(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.opening;
    ui.label(texts.what_can_be_opened);
    if ui.button(texts.open_folder).clicked() {
        out.push(UiCommand::OpenFolder.into());
    }
    for source in &cx.state.settings.recent {
        if ui.button(source).clicked() {
            out.push(ModelAction::Inspect(Slot::A, source.clone()).into());
        }
    }
    for model in cx.state.hub.iter().flatten() {
        if ui.button(&model.repo).clicked() {
            out.push(ModelAction::Inspect(Slot::A, model.repo.clone()).into());
        }
    }
}

fn inspected(ui: &mut Ui, cx: &Cx<'_>, slot: Slot, inspection: &Inspection, out: &mut Vec<Action>) {
    let texts = &cx.texts.opening;
    let need = Bytes(inspection.need(inspection.precision.weights).total());
    ui.label(format!("{} {need}", texts.needs));
    let refusal = inspection.check().err();
    if let Some(refusal) = &refusal {
        ui.label(refusal.to_string());
    }
    if ui.add_enabled(refusal.is_none(), egui::Button::new(texts.load)).clicked() {
        out.push(ModelAction::Load(slot).into());
    }
    if ui.button(cx.texts.program.cancel).clicked() {
        out.push(ModelAction::Dismiss(slot).into());
    }
}

fn loading(ui: &mut Ui, cx: &Cx<'_>, slot: Slot, out: &mut Vec<Action>) {
    let texts = &cx.texts.opening;
    let job = cx.state.jobs.find(|purpose| *purpose == crate::window::state::Purpose::Load(slot));
    let progress = job.and_then(|(_, running)| running.progress);
    let part = progress.map_or(0.0, |progress| progress.done as f32 / progress.total.max(1) as f32);
    ui.add(ProgressBar::new(part).text(texts.loading));
    if ui.button(cx.texts.program.cancel).clicked() {
        out.push(ModelAction::Cancel(slot).into());
    }
}

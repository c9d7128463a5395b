//! Menus, the models, and what the engine is doing.

use super::Cx;
use crate::window::action::Action;
use crate::window::command::{Menu, UiCommand};
use egui::{Button, ProgressBar, Ui};
use opabinia_engine::checkpoint::Bytes;
use opabinia_engine::worker::Slot;

/// Draws the bar.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    egui::MenuBar::new().ui(ui, |ui| {
        let texts = &cx.texts.program;
        for (menu, name) in [
            (Menu::File, texts.menu_file),
            (Menu::Edit, texts.menu_edit),
            (Menu::View, texts.menu_view),
            (Menu::Help, texts.menu_help),
        ] {
            ui.menu_button(name, |ui| {
                for command in UiCommand::ALL.into_iter().filter(|command| command.menu() == menu) {
                    command_button(ui, cx, command, out);
                }
            });
        }
        ui.separator();
        if let Some(model) = cx.state.models.loaded(Slot::A) {
            let memory = Bytes(model.inspection.need(model.inspection.precision.weights).total());
            ui.strong(model.name());
            ui.weak(format!(
                "{} · {} · {memory}",
                model.inspection.device,
                model.inspection.precision.weights.as_str()
            ));
        } else {
            ui.weak(cx.texts.opening.no_model);
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if let Some((_, running)) = cx.state.jobs.iter().next() {
                if ui.button(cx.texts.conversation.stop).clicked() {
                    out.push(UiCommand::Stop.into());
                }
                if let Some(progress) = running.progress {
                    let part = progress.done as f32 / progress.total.max(1) as f32;
                    ui.add(ProgressBar::new(part).desired_width(120.0).text(format!("{:?}", progress.stage)));
                } else {
                    ui.spinner();
                }
            }
        });
    });
}

/// A menu's entry for `command`.
fn command_button(ui: &mut Ui, cx: &Cx<'_>, command: UiCommand, out: &mut Vec<Action>) {
    let (name, tip) = command.words(cx.texts.language);
    let mut button = Button::new(name);
    if let Some(keys) = command.shortcut() {
        button = button.shortcut_text(ui.ctx().format_shortcut(&keys));
    }
    if ui.add_enabled(command.enabled(cx.state), button).on_hover_text(tip).clicked() {
        out.push(command.into());
        ui.close();
    }
}

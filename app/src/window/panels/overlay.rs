//! What lies over the panels: the command palette, settings, messages, and what the program is.

use super::{Cx, export};
use crate::window::action::{Action, ProgramAction};
use crate::window::command::UiCommand;
use crate::window::state::Overlay;
use egui::{Context, Id, Modal, TextEdit, Ui};

/// Draws the overlay that is open, if one is.
pub fn show(ctx: &Context, cx: &Cx<'_>, out: &mut Vec<Action>) {
    if cx.state.overlay == Overlay::None {
        return;
    }
    let modal = Modal::new(Id::unique("overlay")).show(ctx, |ui| {
        ui.set_width(460.0);
        match &cx.state.overlay {
            Overlay::Palette { text } => palette(ui, cx, text, out),
            Overlay::Export(kind, options) => export::show(ui, cx, *kind, *options, out),
            Overlay::Settings | Overlay::Log | Overlay::About | Overlay::None => {}
        }
    });
    if modal.should_close() {
        out.push(ProgramAction::CloseOverlay.into());
    }
}

fn palette(ui: &mut Ui, cx: &Cx<'_>, text: &str, out: &mut Vec<Action>) {
    let mut typed = text.to_owned();
    let label = ui.label(cx.texts.program.palette);
    let field = TextEdit::singleline(&mut typed).hint_text(cx.texts.program.palette_hint).desired_width(f32::INFINITY);
    let response = ui.add(field).labelled_by(label.id);
    response.request_focus();
    if response.changed() {
        out.push(ProgramAction::SetPaletteText(typed).into());
    }
    for command in UiCommand::ALL.into_iter().filter(|command| command.enabled(cx.state)) {
        let (name, _) = command.words(cx.texts.language);
        if name.to_lowercase().contains(&text.to_lowercase()) && ui.button(name).clicked() {
            out.push(command.into());
        }
    }
}

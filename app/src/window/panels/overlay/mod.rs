//! What lies over the panels: the command palette, settings, messages, help, and what the program is.

mod about;
mod help;
mod log;
mod palette;
mod path;
mod settings;

pub use log::{colour as notice_colour, name as notice_name};

use super::{Cx, export, parts};
use crate::window::action::{Action, ProgramAction};
use crate::window::state::Overlay;
use egui::{Align2, Area, Context, Id, Label, Modal, Order, RichText, Ui, vec2};

/// Draws the overlay that is open, if one is.
pub fn show(ctx: &Context, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let width = match cx.state.overlay {
        Overlay::None => return,
        Overlay::Palette { .. } => 520.0,
        Overlay::Settings | Overlay::Export(..) | Overlay::GraphicsLost => 480.0,
        Overlay::Log => 680.0,
        Overlay::About | Overlay::Path(_) => 560.0,
        Overlay::Help(_) => 720.0,
    };
    let id = Id::unique("overlay");
    // The palette hangs from the top, so that it does not jump while its list grows and shrinks.
    let area = match cx.state.overlay {
        Overlay::Palette { .. } => Area::new(id).order(Order::Foreground).anchor(Align2::CENTER_TOP, vec2(0.0, 72.0)),
        _ => Modal::default_area(id),
    };
    let modal = Modal::new(id).area(area).frame(parts::over(ctx)).show(ctx, |ui| {
        ui.set_width(f32::min(width, ctx.content_rect().width() - 48.0));
        match &cx.state.overlay {
            Overlay::Palette { text, chosen } => palette::show(ui, cx, text, *chosen, out),
            Overlay::Settings => settings::show(ui, cx, out),
            Overlay::Log => log::show(ui, cx, out),
            Overlay::About => about::show(ui, cx, out),
            Overlay::Path(typed) => path::show(ui, cx, typed, out),
            Overlay::Help(page) => help::show(ui, cx, *page, out),
            Overlay::Export(kind, options) => export::show(ui, cx, *kind, *options, out),
            Overlay::GraphicsLost => graphics_lost(ui, cx, out),
            Overlay::None => {}
        }
    });
    if modal.should_close() {
        out.push(ProgramAction::CloseOverlay.into());
    }
}

/// The heading of an overlay, with the button that closes it.
fn heading(ui: &mut Ui, cx: &Cx<'_>, title: &str, out: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        ui.heading(title);
        parts::buttons(ui, |ui| {
            if ui.button(cx.texts.program.close).clicked() {
                out.push(ProgramAction::CloseOverlay.into());
            }
        });
    });
    ui.add_space(4.0);
}

/// What to do now that no maps can be drawn.
fn graphics_lost(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.program;
    ui.heading(texts.graphics_lost);
    ui.add_space(4.0);
    ui.add(Label::new(texts.graphics_lost_text(&cx.state.kept, cx.texts.engine.said)).wrap());
    let reason = cx.state.notices.all().rev().find(|notice| notice.text.starts_with(texts.graphics_lost));
    if let Some(reason) = reason {
        ui.add(Label::new(RichText::new(&reason.text).small().weak()).wrap());
    }
    ui.add_space(8.0);
    parts::buttons(ui, |ui| {
        if ui.add(parts::primary(ui, texts.restart)).clicked() {
            out.push(ProgramAction::Restart.into());
        }
        if ui.button(texts.go_on).clicked() {
            out.push(ProgramAction::CloseOverlay.into());
        }
    });
}

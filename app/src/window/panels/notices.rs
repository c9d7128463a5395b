//! Messages that lie over the panels for a while.

use super::Cx;
use crate::window::action::{Action, ProgramAction};
use crate::window::state::NoticeKind;
use egui::{Align2, Area, Context, Frame, Id, vec2};

/// Draws the messages.
pub fn show(ctx: &Context, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let mut shown = cx.state.notices.shown().rev().take(4).peekable();
    if shown.peek().is_none() {
        return;
    }
    Area::new(Id::unique("notices")).anchor(Align2::RIGHT_BOTTOM, vec2(-16.0, -16.0)).show(ctx, |ui| {
        ui.set_max_width(380.0);
        for notice in shown {
            Frame::popup(ui.style()).show(ui, |ui| {
                let visuals = ui.visuals();
                let colour = match notice.kind {
                    NoticeKind::Info => visuals.text_color(),
                    NoticeKind::Warning => visuals.warn_fg_color,
                    NoticeKind::Failure => visuals.error_fg_color,
                };
                ui.colored_label(colour, &notice.text);
                if ui.small_button(cx.texts.program.close).clicked() {
                    out.push(ProgramAction::DismissNotice(notice.id).into());
                }
            });
        }
    });
}

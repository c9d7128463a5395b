//! Messages that lie over the panels for a while, under the top bar: the field for questions is at the bottom.

use super::overlay::{notice_colour, notice_name};
use super::{Cx, parts};
use crate::window::action::{Action, ProgramAction};
use crate::window::command::UiCommand;
use crate::window::state::{Notice, Overlay};
use egui::accesskit::Live;
use egui::{Align2, Area, Context, Frame, Id, Label, RichText, Ui, vec2};

/// How many are shown at once.
const SHOWN: usize = 3;

/// How many letters of one are shown; all of them are in the log.
const LETTERS: usize = 320;

/// Draws the messages, the newest on top.
pub fn show(ctx: &Context, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let shown: Vec<&Notice> = cx.state.notices.shown().rev().collect();
    // The log says the same.
    if shown.is_empty() || cx.state.overlay == Overlay::Log {
        return;
    }
    let width = (ctx.content_rect().width() - 32.0).min(360.0);
    Area::new(Id::unique("notices")).anchor(Align2::RIGHT_TOP, vec2(-14.0, 46.0)).show(ctx, |ui| {
        ui.set_max_width(width);
        for notice in shown.iter().take(SHOWN) {
            ui.push_id(notice.id, |ui| card(ui, cx, notice, out));
        }
        let more = shown.len().saturating_sub(SHOWN);
        if more > 0 && ui.small_button(format!("{more} {}", cx.texts.program.more_in_log)).clicked() {
            out.push(UiCommand::Log.into());
        }
    });
}

fn card(ui: &mut Ui, cx: &Cx<'_>, notice: &Notice, out: &mut Vec<Action>) {
    Frame::popup(ui.style()).inner_margin(10).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            let name = notice_name(&cx.texts.program, notice.kind);
            ui.label(RichText::new(name).strong().color(notice_colour(ui, notice.kind)));
            parts::buttons(ui, |ui| {
                if ui.small_button(cx.texts.program.close).clicked() {
                    out.push(ProgramAction::DismissNotice(notice.id).into());
                }
                if ui.small_button(cx.texts.program.copy).clicked() {
                    out.push(ProgramAction::Copy(notice.text.clone()).into());
                }
            });
        });
        let text = match notice.text.char_indices().nth(LETTERS) {
            Some((end, _)) => format!("{}…", &notice.text[..end]),
            None => notice.text.clone(),
        };
        let said = ui.add(Label::new(text).wrap());
        // Read out as it comes, without taking the focus away.
        ui.ctx().accesskit_node_builder(said.id, |node| node.set_live(Live::Polite));
    });
}

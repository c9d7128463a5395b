//! Messages, in a line of their own at the foot of the window for a while: they cover nothing.

use super::Cx;
use super::overlay::{notice_colour, notice_name};
use crate::window::action::{Action, ConversationAction, ProgramAction};
use crate::window::command::UiCommand;
use crate::window::state::{Notice, Overlay};
use egui::accesskit::Live;
use egui::{Align, Frame, Label, Layout, Margin, Panel, RichText, Ui};

/// How many letters of a message are shown; all of them are in the log.
const LETTERS: usize = 320;

/// Draws the newest message, if one is to be shown.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let mut shown = cx.state.notices.shown().rev();
    // The log says the same.
    let Some(notice) = shown.next().filter(|_| cx.state.overlay != Overlay::Log) else { return };
    let more = shown.count();
    let frame = Frame::new().fill(ui.visuals().extreme_bg_color).inner_margin(Margin::symmetric(12, 6));
    Panel::bottom("notices").frame(frame).show(ui, |ui| line(ui, cx, notice, more, out));
}

fn line(ui: &mut Ui, cx: &Cx<'_>, notice: &Notice, more: usize, out: &mut Vec<Action>) {
    let texts = &cx.texts.program;
    ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
        if ui.small_button(texts.close).clicked() {
            out.push(ProgramAction::DismissNotice(notice.id).into());
        }
        if ui.small_button(texts.copy).clicked() {
            out.push(ProgramAction::Copy(notice.text.clone()).into());
        }
        if let Some(deed) = notice.deed.filter(|deed| cx.state.deeds.holds(*deed))
            && ui.small_button(cx.texts.conversation.bring_back).clicked()
        {
            out.push(ConversationAction::TakeBack(deed).into());
        }
        if more > 0 && ui.small_button(format!("{more} {}", texts.more_in_log)).clicked() {
            out.push(UiCommand::Log.into());
        }
        ui.with_layout(Layout::left_to_right(Align::Min), |ui| {
            let name = notice_name(texts, notice.kind);
            ui.label(RichText::new(name).strong().color(notice_colour(ui, notice.kind)));
            let text = match notice.text.char_indices().nth(LETTERS) {
                Some((end, _)) => format!("{}…", &notice.text[..end]),
                None => notice.text.clone(),
            };
            let said = ui.add(Label::new(text).wrap());
            // Read out as it comes, without taking the focus away.
            ui.ctx().accesskit_node_builder(said.id, |node| node.set_live(Live::Polite));
        });
    });
}

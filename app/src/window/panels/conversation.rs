//! Questions and answers.

use super::Cx;
use crate::window::action::{Action, ConversationAction};
use crate::window::command::UiCommand;
use crate::window::state::{AnswerStatus, Exchange};
use egui::{Key, Modifiers, Panel, ScrollArea, TextEdit, Ui};
use egui_commonmark::{CommonMarkCache, CommonMarkViewer};

/// Draws the panel.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, markdown: &mut CommonMarkCache, out: &mut Vec<Action>) {
    Panel::bottom("question").show_separator_line(false).show(ui, |ui| field(ui, cx, out));
    ScrollArea::vertical().auto_shrink(false).stick_to_bottom(true).show(ui, |ui| {
        let Some(shown) = cx.state.conversations.current() else { return };
        let path = shown.path();
        if path.is_empty() {
            ui.weak(cx.texts.conversation.empty);
        }
        for at in path {
            if let Some(exchange) = shown.exchanges.get(at) {
                ui.push_id(at, |ui| exchanged(ui, cx, exchange, markdown));
            }
        }
    });
}

fn exchanged(ui: &mut Ui, cx: &Cx<'_>, exchange: &Exchange, markdown: &mut CommonMarkCache) {
    ui.weak(cx.texts.conversation.you);
    ui.strong(&exchange.question);
    CommonMarkViewer::new().show(ui, markdown, &exchange.answer);
    match &exchange.status {
        AnswerStatus::Waiting => {
            ui.weak(cx.texts.conversation.waiting);
        }
        AnswerStatus::Failed(reason) => {
            ui.colored_label(ui.visuals().error_fg_color, reason);
        }
        AnswerStatus::Stopped => {
            ui.weak(cx.texts.conversation.stopped);
        }
        _ => {}
    }
    ui.add_space(12.0);
}

fn field(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.conversation;
    let mut draft = cx.state.conversations.current().map(|shown| shown.draft.clone()).unwrap_or_default();
    let label = ui.label(texts.question);
    let enter = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
    let field =
        TextEdit::multiline(&mut draft).hint_text(texts.question_hint).desired_rows(2).desired_width(f32::INFINITY);
    let response = ui.add(field).labelled_by(label.id);
    if response.changed() {
        out.push(ConversationAction::SetDraft(draft).into());
    }
    ui.horizontal(|ui| {
        if ui.button(texts.attach).clicked() {
            out.push(UiCommand::AttachPicture.into());
        }
        let asked = ui.add_enabled(UiCommand::Ask.enabled(cx.state), egui::Button::new(texts.ask)).clicked();
        if asked || (enter && response.has_focus()) {
            out.push(UiCommand::Ask.into());
        }
    });
}

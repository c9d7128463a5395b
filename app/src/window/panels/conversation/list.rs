//! Which conversation this is, and all the others.

use super::super::Cx;
use super::icon::{self, Icon};
use super::named;
use crate::window::action::{Action, ConversationAction};
use crate::window::command::UiCommand;
use crate::window::state::{Conversation, ConversationId};
use egui::{Align, Button, Layout, Popup, PopupCloseBehavior, RichText, Role, ScrollArea, Ui};

/// Draws the head of the panel.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, shown: &Conversation, out: &mut Vec<Action>) {
    let texts = &cx.texts.conversation;
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let (name, tip) = UiCommand::NewConversation.words(cx.texts.language);
            let new = icon::button(ui, Icon::Add, name).on_hover_text(tip);
            if new.clicked() {
                out.push(UiCommand::NewConversation.into());
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let name = title(cx, shown);
                // The space is for the symbol.
                let button = Button::new(RichText::new(&name).strong()).right_text("     ");
                let button = ui.add(button.frame_when_inactive(false).truncate());
                named(&button, Role::Button, &format!("{}: {name}", texts.conversations));
                icon::paint(ui.painter(), Icon::Down, icon::right_end(button.rect), ui.visuals().weak_text_color());
                let button = button.on_hover_text(texts.conversations);
                Popup::from_toggle_button_response(&button)
                    .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
                    .show(|ui| all(ui, cx, shown.id, out));
            });
        });
    });
    ui.add_space(6.0);
}

/// The first line of what a conversation is called.
fn title(cx: &Cx<'_>, conversation: &Conversation) -> String {
    let title = conversation.title().and_then(|title| title.lines().next());
    title.unwrap_or(cx.texts.conversation.untitled).to_owned()
}

fn all(ui: &mut Ui, cx: &Cx<'_>, shown: ConversationId, out: &mut Vec<Action>) {
    let texts = &cx.texts.conversation;
    ui.set_width(300.0);
    ScrollArea::vertical().max_height(360.0).show(ui, |ui| {
        for conversation in cx.state.conversations.newest_first() {
            let title = title(cx, conversation);
            ui.horizontal(|ui| {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let remove = (texts.remove)(&title);
                    if icon::button(ui, Icon::Remove, &remove).clicked() {
                        out.push(ConversationAction::Remove(conversation.id).into());
                    }
                    ui.label(RichText::new((texts.questions)(conversation.exchanges.len())).small().weak());
                    ui.with_layout(Layout::left_to_right(Align::Center).with_main_justify(true), |ui| {
                        let button = Button::selectable(conversation.id == shown, &title).truncate();
                        let response = ui.add(button.right_text(""));
                        named(&response, Role::Button, &title);
                        if response.clicked() {
                            out.push(ConversationAction::Show(conversation.id).into());
                            ui.close();
                        }
                    });
                });
            });
        }
    });
}

//! The field for the next question, with its picture above and its buttons below.

use super::super::Cx;
use super::icon::{self, Icon};
use super::{Kept, exchange, named, settings};
use crate::demo;
use crate::window::action::{Action, ConversationAction};
use crate::window::command::UiCommand;
use crate::window::state::{Conversation, Model};
use egui::text::{CCursor, CCursorRange};
use egui::text_edit::TextEditState;
use egui::{
    Align, Button, Context, CornerRadius, Event, Frame, Id, ImeEvent, Key, KeyboardShortcut, Label, Layout, Margin,
    Modifiers, Popup, PopupCloseBehavior, Response, RichText, Role, ScrollArea, Stroke, TextBuffer as _, TextEdit, Ui,
    vec2,
};

/// At most this many points of a long question are shown at once.
const HIGHEST: f32 = 150.0;

/// Draws the field.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, shown: &Conversation, kept: &mut Kept, focus: bool, out: &mut Vec<Action>) {
    let texts = &cx.texts.conversation;
    ui.add_space(8.0);
    if shown.editing.is_some() {
        ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
            if icon::button(ui, Icon::Close, texts.cancel_edit).clicked() {
                out.push(ConversationAction::CancelEdit.into());
            }
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                ui.add_space(3.0);
                ui.add(Label::new(RichText::new(texts.editing).weak()).wrap());
            });
        });
    }
    let visuals = ui.visuals();
    let line = Stroke::new(1.0, visuals.widgets.noninteractive.bg_stroke.color);
    Frame::new()
        .fill(visuals.extreme_bg_color)
        .stroke(line)
        .corner_radius(CornerRadius::same(10))
        .inner_margin(Margin::same(8))
        .show(ui, |ui| {
            if let Some(picture) = cx.state.attaching.or(shown.picture) {
                ui.horizontal(|ui| {
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                        if icon::button(ui, Icon::Close, texts.detach).clicked() {
                            out.push(ConversationAction::Detach.into());
                        }
                        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                            exchange::picture_line(ui, cx, picture, 36.0, &mut kept.thumbnails);
                        });
                    });
                });
                ui.separator();
            }
            if ui.memory(|memory| memory.has_focus(field_id())) {
                super::super::collect_pasted_path(ui.ctx(), out);
            }
            let response = field(ui, cx, shown, out);
            if focus {
                response.request_focus();
                // Where one goes on writing.
                let mut state = TextEditState::load(ui.ctx(), field_id()).unwrap_or_default();
                let end = CCursor::new(shown.draft.chars().count());
                state.cursor.set_char_range(Some(CCursorRange::one(end)));
                // What was typed elsewhere is not to come back here.
                state.clear_undoer();
                state.store(ui.ctx(), field_id());
            }
            let enter = enter_pressed(ui, &response, &mut kept.composing);
            if enter && UiCommand::Ask.enabled(cx.state) {
                out.push(UiCommand::Ask.into());
            }
            // Escape takes the focus from the field, and elsewhere it means something else.
            let escaped = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Escape));
            if shown.editing.is_some() && escaped {
                out.push(ConversationAction::CancelEdit.into());
            }
            buttons(ui, cx, shown, out);
        });
}

fn field(ui: &mut Ui, cx: &Cx<'_>, shown: &Conversation, out: &mut Vec<Action>) -> Response {
    let texts = &cx.texts.conversation;
    let mut draft = shown.draft.clone();
    let hint = if shown.picture.is_some() { texts.question_hint } else { texts.question_hint_text_only };
    let area = ScrollArea::vertical().id_salt("draft").max_height(HIGHEST);
    let response = area
        .show(ui, |ui| {
            let field = TextEdit::multiline(&mut draft)
                .id(field_id())
                .frame(Frame::new().inner_margin(Margin::symmetric(2, 2)))
                .hint_text(hint)
                .desired_rows(2)
                .desired_width(f32::INFINITY)
                // Enter alone asks.
                .return_key(KeyboardShortcut::new(Modifiers::SHIFT, Key::Enter));
            ui.add(field)
        })
        .inner;
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(texts.question));
    if response.changed() {
        out.push(ConversationAction::SetDraft(draft).into());
    }
    response
}

/// The field, whichever conversation is shown.
pub fn field_id() -> Id {
    Id::unique("question field")
}

/// `draft` with `text` where its cursor stands, in place of what is selected; at its end where nothing was written yet.
pub fn with_pasted(ctx: &Context, mut draft: String, text: &str) -> String {
    let mut state = TextEditState::load(ctx, field_id()).unwrap_or_default();
    let end = CCursor::new(draft.chars().count());
    let chosen = state.cursor.char_range().unwrap_or(CCursorRange::one(end));
    let mut cursor = draft.delete_selected(&chosen);
    draft.insert_text_at(&mut cursor, text, usize::MAX);
    state.cursor.set_char_range(Some(CCursorRange::one(cursor)));
    state.store(ctx, field_id());
    draft
}

/// Whether enter was pressed in the field to ask, and not to take over what an input method has composed.
fn enter_pressed(ui: &Ui, response: &Response, composing: &mut bool) -> bool {
    let mut composed = *composing;
    let pressed = ui.input(|input| {
        for event in &input.events {
            if let Event::Ime(event) = event {
                composed = true;
                *composing = matches!(event, ImeEvent::Preedit { text, .. } if !text.is_empty());
            }
        }
        input.key_pressed(Key::Enter) && !input.modifiers.shift
    });
    if !response.has_focus() {
        *composing = false;
    }
    pressed && response.has_focus() && !composed
}

fn buttons(ui: &mut Ui, cx: &Cx<'_>, shown: &Conversation, out: &mut Vec<Action>) {
    let texts = &cx.texts.conversation;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        if icon::button(ui, Icon::Attach, texts.attach).clicked() {
            out.push(UiCommand::AttachPicture.into());
        }
        let gear = icon::button(ui, Icon::Settings, texts.settings);
        Popup::from_toggle_button_response(&gear).close_behavior(PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
            ui.set_width(290.0);
            settings::sampling_settings(ui, cx, out);
        });
        if cx.state.models.current().is_some_and(Model::is_demo) {
            samples(ui, cx, out);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let ask = primary(ui, UiCommand::Ask.enabled(cx.state), texts.ask).on_hover_text(texts.ask_tip);
            if ask.clicked() {
                out.push(UiCommand::Ask.into());
            }
            if cx.state.models.are_two() {
                let (both, tip) = (cx.texts.comparison.ask_both, cx.texts.comparison.ask_both_tip);
                let button = ui.add_enabled(UiCommand::AskBoth.enabled(cx.state), Button::new(both));
                if button.on_hover_text(tip).clicked() {
                    out.push(UiCommand::AskBoth.into());
                }
            }
            let open = shown.leaf.and_then(|leaf| shown.exchanges.get(leaf)).is_some_and(|leaf| leaf.status.is_open());
            if open && ui.button(texts.stop).on_hover_text(texts.stop_tip).clicked() {
                out.push(ConversationAction::Stop.into());
            }
        });
    });
}

/// Pictures that are part of the program, each with questions that the demo model answers.
fn samples(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.conversation;
    let button = Button::new(RichText::new(texts.samples).small()).frame_when_inactive(false);
    let button = ui.add(button).on_hover_text(texts.samples_tip);
    Popup::from_toggle_button_response(&button).show(|ui| {
        ui.set_width(240.0);
        ui.spacing_mut().item_spacing.y = 2.0;
        for sample in demo::SAMPLES {
            ui.label(RichText::new(sample.name).strong());
            for question in std::iter::once(&sample.question).chain(sample.also) {
                if ui.add(Button::new(*question).frame_when_inactive(false)).clicked() {
                    out.push(ConversationAction::TrySample(sample.name, question).into());
                    ui.close();
                }
            }
            ui.add_space(4.0);
        }
    });
}

/// The button for what is most likely done next.
fn primary(ui: &mut Ui, enabled: bool, name: &str) -> Response {
    let (fill, ink) = (ui.visuals().hyperlink_color, ui.visuals().panel_fill);
    let button = if enabled { Button::new(RichText::new(name).color(ink)).fill(fill) } else { Button::new(name) };
    let response = ui.add_enabled(enabled, button.min_size(vec2(52.0, 24.0)));
    named(&response, Role::Button, name);
    response
}

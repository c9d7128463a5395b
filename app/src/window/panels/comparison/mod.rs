//! The two checkpoints that are open, side by side: answers, attention, files.

mod answers;
mod attention;
mod checkpoints;

use super::{Cx, parts};
use crate::window::action::{Action, ComparisonAction, ConversationAction, ModelAction, ProgramAction};
use crate::window::command::UiCommand;
use crate::window::state::{ComparisonTab, SIDES, Slot};
use egui::{Button, Color32, Key, RichText, TextEdit, Ui};

/// Draws the page.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.comparison;
    heading(ui, cx, out);
    ui.add_space(6.0);
    question(ui, cx, out);
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        let tabs = [ComparisonTab::Answers, ComparisonTab::Attention, ComparisonTab::Checkpoints];
        for (tab, name) in tabs.into_iter().zip(texts.tabs) {
            if ui.selectable_label(cx.state.comparison.tab == tab, name).clicked() {
                out.push(ComparisonAction::Show(tab).into());
            }
        }
    });
    ui.separator();
    // What lies over the panels has a height of its own, so that it does not jump from part to part.
    ui.set_min_height(height(ui));
    match cx.state.comparison.tab {
        ComparisonTab::Answers => answers::show(ui, cx, out),
        ComparisonTab::Attention => attention::show(ui, cx, out),
        ComparisonTab::Checkpoints => checkpoints::show(ui, cx, out),
    }
}

/// What both are called, and what can be done with them.
fn heading(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.comparison;
    ui.horizontal(|ui| {
        ui.heading(texts.title);
        parts::buttons(ui, |ui| {
            if ui.button(cx.texts.program.close).clicked() {
                out.push(ProgramAction::CloseOverlay.into());
            }
            let swap = ui.add_enabled(cx.state.can_swap_sides(), Button::new(texts.swap));
            if swap.on_hover_text(texts.swap_tip).clicked() {
                out.push(ComparisonAction::Swap.into());
            }
        });
    });
    ui.columns(2, |columns| {
        for (ui, slot) in columns.iter_mut().zip(SIDES) {
            ui.horizontal(|ui| {
                let name = cx.state.name_of(slot).unwrap_or_else(|| cx.texts.opening.no_model.to_owned());
                ui.label(RichText::new(letter(slot)).strong().color(colour(ui, slot)));
                ui.add(egui::Label::new(RichText::new(name).strong()).truncate());
                if cx.state.models.loaded(slot).is_some() {
                    let close = ui.small_button(texts.close_side);
                    let spoken = format!("{} {}", texts.close_side, letter(slot));
                    close.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &spoken));
                    if close.clicked() {
                        out.push(ModelAction::Unload(slot).into());
                    }
                }
            });
        }
    });
}

/// The question for both, which is the draft of the conversation.
fn question(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.comparison;
    let mut draft = cx.state.conversations.current().map(|shown| shown.draft.clone()).unwrap_or_default();
    let enabled = cx.state.models.are_two() && !draft.trim().is_empty();
    ui.horizontal(|ui| {
        parts::buttons(ui, |ui| {
            let ask = ui.add_enabled(enabled, parts::primary(ui, texts.ask_both));
            let clicked = ask.on_hover_text(texts.ask_both_tip).clicked();
            if cx.state.is_busy() && ui.button(cx.texts.program.stop).clicked() {
                out.push(UiCommand::Stop.into());
            }
            let hint = cx.texts.conversation.question_hint;
            let field = TextEdit::singleline(&mut draft).hint_text(hint).desired_width(ui.available_width());
            let response = ui.add(field);
            ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(texts.title));
            if response.changed() {
                out.push(ConversationAction::SetDraft(draft.clone()).into());
            }
            let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            if enabled && (clicked || entered) {
                out.push(ComparisonAction::AskBoth.into());
            }
        });
    });
}

/// Points that a part of the page has: it does not jump from part to part, and the window holds it.
fn height(ui: &Ui) -> f32 {
    f32::max(160.0, ui.ctx().content_rect().height() - 260.0)
}

/// The letter of a side.
fn letter(slot: Slot) -> &'static str {
    match slot {
        Slot::A => "A",
        Slot::B => "B",
    }
}

/// The colour of a side, the same everywhere.
fn colour(ui: &Ui, slot: Slot) -> Color32 {
    match (slot, ui.visuals().dark_mode) {
        (Slot::A, true) => Color32::from_rgb(0x7a, 0xb8, 0xff),
        (Slot::A, false) => Color32::from_rgb(0x0f, 0x5f, 0xb8),
        (Slot::B, true) => Color32::from_rgb(0xff, 0xab, 0x5e),
        (Slot::B, false) => Color32::from_rgb(0xa8, 0x4a, 0x00),
    }
}

//! The two checkpoints that are open, compared: answers, attention, files.

mod answers;
mod attention;
mod between;
mod checkpoints;
mod evidence;
mod tokens;

pub use answers::columns as answers_of_both;

use super::{Cx, parts};
use crate::window::action::{Action, ComparisonAction, ModelAction};
use crate::window::state::{ComparisonTab, SIDES};
use egui::{Button, RichText, Ui};

/// Draws the panel.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.comparison;
    heading(ui, cx, out);
    ui.add_space(4.0);
    ui.horizontal_wrapped(|ui| {
        let tabs =
            [ComparisonTab::Answers, ComparisonTab::Attention, ComparisonTab::Evidence, ComparisonTab::Checkpoints];
        for (tab, name) in tabs.into_iter().zip(texts.tabs) {
            if ui.selectable_label(cx.state.comparison.tab == tab, name).clicked() {
                out.push(ComparisonAction::Show(tab).into());
            }
        }
    });
    ui.separator();
    match cx.state.comparison.tab {
        ComparisonTab::Answers => answers::show(ui, cx, out),
        ComparisonTab::Attention => attention::show(ui, cx, out),
        ComparisonTab::Evidence => evidence::show(ui, cx, out),
        ComparisonTab::Checkpoints => checkpoints::show(ui, cx, out),
    }
}

/// What both are called, and what can be done with them.
fn heading(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.comparison;
    ui.columns(2, |columns| {
        for (ui, slot) in columns.iter_mut().zip(SIDES) {
            ui.horizontal(|ui| {
                let name = cx.name_of(slot).unwrap_or_else(|| cx.texts.opening.no_model.to_owned());
                ui.label(RichText::new(slot.letter()).strong().color(parts::side_colour(ui, slot)));
                parts::buttons(ui, |ui| {
                    if cx.state.models.loaded(slot).is_some() {
                        let close = ui.small_button(texts.close_side);
                        let spoken = format!("{} {}", texts.close_side, slot.letter());
                        close.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &spoken));
                        if close.clicked() {
                            out.push(ModelAction::Unload(slot).into());
                        }
                    }
                    ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                        ui.add(egui::Label::new(RichText::new(name).strong()).truncate());
                    });
                });
            });
        }
    });
    ui.horizontal_wrapped(|ui| {
        let possible = cx.state.can_swap_sides();
        let swap = ui.add_enabled(possible, Button::new(RichText::new(texts.swap).small()));
        if swap.on_hover_text(texts.swap_tip).clicked() {
            out.push(ComparisonAction::Swap.into());
        }
        let promote = ui.add_enabled(possible, Button::new(RichText::new(texts.promote).small()));
        if promote.on_hover_text(texts.promote_tip).clicked() {
            out.push(ComparisonAction::Promote.into());
        }
    });
}

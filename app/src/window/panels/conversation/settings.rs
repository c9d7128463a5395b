//! How answers are chosen: in a menu of the conversation, and among the settings of the program.

use super::super::Cx;
use crate::window::action::{Action, ConversationAction};
use crate::window::state::Sampling;
use egui::{DragValue, Grid, Label, Response, RichText, Slider, TextEdit, Ui};

/// The longest answer that can be asked for.
const LONGEST: usize = 32_768;

/// Where a limit that was off begins.
const FIRST_TOP_P: f64 = 0.9;
const FIRST_TOP_K: usize = 40;

/// Draws the settings of answers: the system text of the conversation that is shown, and sampling.
pub fn sampling_settings(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.conversation;
    let mut sampling = cx.state.settings.sampling.clone();
    Grid::new("sampling").num_columns(2).spacing([12.0, 8.0]).show(ui, |ui| {
        let Sampling { temperature, top_p, top_k, seed, max_tokens } = &mut sampling;
        row(ui, texts.temperature, texts.temperature_tip, |ui| {
            ui.add(Slider::new(temperature, 0.0..=2.0).fixed_decimals(2).step_by(0.05))
        });
        let random = *temperature > 0.0;
        limit(ui, random, texts.top_p, texts.top_p_tip, top_p, FIRST_TOP_P, |ui, p| {
            ui.add(Slider::new(p, 0.01..=1.0).fixed_decimals(2))
        });
        limit(ui, random, texts.top_k, texts.top_k_tip, top_k, FIRST_TOP_K, |ui, k| {
            ui.add(DragValue::new(k).range(1..=100_000))
        });
        row(ui, texts.seed, texts.seed_tip, |ui| ui.add_enabled(random, DragValue::new(seed)));
        row(ui, texts.max_tokens, texts.max_tokens_tip, |ui| ui.add(DragValue::new(max_tokens).range(1..=LONGEST)));
    });
    if sampling != cx.state.settings.sampling {
        out.push(ConversationAction::SetSampling(sampling.clone()).into());
    }
    ui.add_space(2.0);
    let explanation = if sampling.temperature > 0.0 { texts.random } else { texts.greedy };
    ui.add(Label::new(RichText::new(explanation).small().weak()).wrap());
    if sampling != Sampling::default() && ui.button(texts.defaults).clicked() {
        out.push(ConversationAction::SetSampling(Sampling::default()).into());
    }
    ui.add_space(6.0);
    system_text(ui, cx, out);
}

fn system_text(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.conversation;
    let Some(shown) = cx.state.conversations.current() else { return };
    let mut system = shown.system.clone();
    let label = ui.label(texts.system).on_hover_text(texts.system_tip);
    let field =
        TextEdit::multiline(&mut system).hint_text(texts.system_hint).desired_rows(2).desired_width(f32::INFINITY);
    if ui.add(field).labelled_by(label.id).changed() {
        out.push(ConversationAction::SetSystem(system).into());
    }
}

/// A setting with its name before it.
fn row(ui: &mut Ui, name: &str, tip: &str, widget: impl FnOnce(&mut Ui) -> Response) {
    let label = ui.label(name).on_hover_text(tip);
    widget(ui).labelled_by(label.id).on_hover_text(tip);
    ui.end_row();
}

/// A limit that can be off.
fn limit<T: Copy>(
    ui: &mut Ui,
    enabled: bool,
    name: &str,
    tip: &str,
    value: &mut Option<T>,
    first: T,
    widget: impl FnOnce(&mut Ui, &mut T) -> Response,
) {
    ui.add_enabled_ui(enabled, |ui| {
        let mut on = value.is_some();
        if ui.checkbox(&mut on, name).on_hover_text(tip).changed() {
            *value = on.then_some(first);
        }
    });
    ui.add_enabled_ui(enabled && value.is_some(), |ui| {
        let mut shown = value.unwrap_or(first);
        let response = widget(ui, &mut shown);
        ui.ctx().accesskit_node_builder(response.id, |node| node.set_label(name));
        if response.changed() && value.is_some() {
            *value = Some(shown);
        }
    });
    ui.end_row();
}

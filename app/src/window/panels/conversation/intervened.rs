//! What the same question was answered under interventions, beside the plain answer.

use super::super::{Cx, parts};
use super::shown::Shown;
use crate::window::action::{Action, ConversationAction};
use crate::window::state::{AnswerStatus, Intervened, Model};
use egui::{Frame, Label, Margin, RichText, Stroke, Ui};
use opabinia_engine::intervention::Interventions;

/// Draws the answers under everything that is on in a pane now. Others are kept, and come back with their intervention.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, shown: &Shown<'_>, out: &mut Vec<Action>) {
    let exchange = shown.exchange;
    let is_beside = cx.state.answer_beside_maps().is_some_and(|(at, _)| at == shown.at);
    let Some(model) = cx.state.models.current().filter(|model| model.answered(exchange)) else { return };
    for interventions in cx.state.interventions_on() {
        match exchange.under(interventions) {
            Some(known) => answer(ui, cx, shown, model, known, out),
            None if is_beside => ask(ui, cx, model, interventions, out),
            None => {}
        }
    }
}

fn answer(ui: &mut Ui, cx: &Cx<'_>, shown: &Shown<'_>, model: &Model, known: &Intervened, out: &mut Vec<Action>) {
    let (texts, said) = (&cx.texts.interventions, &cx.texts.conversation);
    framed(ui, cx, model, &known.interventions, |ui| {
        let same = known.status == shown.exchange.status && known.answer == shown.exchange.answer;
        if same {
            ui.weak(texts.same_answer);
        } else if !known.answer.is_empty() {
            ui.add(Label::new(&known.answer).wrap());
        }
        match &known.status {
            AnswerStatus::Waiting | AnswerStatus::Streaming => {
                ui.weak(said.waiting);
            }
            AnswerStatus::Failed(reason) => {
                ui.colored_label(ui.visuals().error_fg_color, said.failed);
                ui.add(Label::new(reason).wrap());
                again(ui, cx, out);
            }
            AnswerStatus::Stopped => {
                ui.weak(said.stopped);
                again(ui, cx, out);
            }
            AnswerStatus::Full if !same => {
                ui.weak(said.full);
            }
            AnswerStatus::Full | AnswerStatus::Done => {}
        }
        ui.add(Label::new(RichText::new(texts.evidence).small().weak()).wrap());
    });
}

fn again(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    if ui.button(cx.texts.inspector.again).clicked() {
        out.push(ConversationAction::AskUnderAgain.into());
    }
}

/// Nobody has asked yet: with a checkpoint that takes its time, a person does.
fn ask(ui: &mut Ui, cx: &Cx<'_>, model: &Model, interventions: &Interventions, out: &mut Vec<Action>) {
    let (name, tip) = cx.texts.interventions.ask_under;
    framed(ui, cx, model, interventions, |ui| {
        if ui.button(name).on_hover_text(tip).clicked() {
            out.push(ConversationAction::AskUnderInterventions.into());
        }
    });
}

/// A block that stands off from the plain answer, with what is off above it.
fn framed(ui: &mut Ui, cx: &Cx<'_>, model: &Model, interventions: &Interventions, add: impl FnOnce(&mut Ui)) {
    ui.add_space(6.0);
    let colour = ui.visuals().warn_fg_color;
    let margin = Margin { left: 10, right: 4, top: 2, bottom: 2 };
    let response = Frame::new().inner_margin(margin).show(ui, |ui| {
        ui.set_min_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 3.0;
        let title = format!("{} {}", cx.texts.interventions.answer_under, parts::what_is_off(cx, model, interventions));
        ui.add(Label::new(RichText::new(title).small().color(colour)).wrap());
        add(ui);
    });
    let rect = response.response.rect;
    ui.painter().vline(rect.left() + 2.0, rect.y_range(), Stroke::new(2.0, colour));
    ui.add_space(4.0);
}

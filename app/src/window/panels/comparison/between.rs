//! A third model to ask: A + λ (B − A).

use super::{Cx, parts, tokens};
use crate::window::action::{Action, ComparisonAction, ModelAction};
use crate::window::state::{Purpose, Slot};
use egui::{Button, Label, RichText, Sense, Slider, Ui};
use opabinia_engine::compare::SegmentKind;

/// Draws where the model lies that is asked, and what can be done with it.
pub fn controls(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.comparison.between;
    parts::section(ui, texts.title);
    ui.horizontal_wrapped(|ui| {
        let mut lambda = cx.state.comparison.lambda;
        let label = ui.label("λ").on_hover_text(texts.lambda);
        let slider = Slider::new(&mut lambda, 0.0..=1.0).step_by(0.05).fixed_decimals(2);
        if ui.add(slider).labelled_by(label.id).on_hover_text(texts.lambda).changed() {
            out.push(ComparisonAction::SetLambda(lambda).into());
        }
        let opens = |purpose: &Purpose| {
            matches!(purpose, Purpose::Inspect(Slot::Between) | Purpose::Load(Slot::Between) | Purpose::Unload(_))
        };
        let possible = cx.state.models.are_two() && cx.state.jobs.find(opens).is_none();
        if ui.add_enabled(possible, Button::new(texts.ask)).on_hover_text(texts.ask_tip).clicked() {
            out.push(ComparisonAction::AskBetween.into());
        }
        if cx.state.models.loaded(Slot::Between).is_some() {
            if ui.small_button(texts.maps).on_hover_text(texts.maps_tip).clicked() {
                out.push(ComparisonAction::ShowBetween.into());
            }
            if ui.small_button(texts.close).on_hover_text(texts.close_tip).clicked() {
                out.push(ModelAction::Unload(Slot::Between).into());
            }
        }
    });
}

/// Draws the newest answer of what lies between both, if it was asked the question that is shown.
pub fn answer(ui: &mut Ui, cx: &Cx<'_>) {
    let Some((_, exchange)) = cx.state.answer_between() else { return };
    parts::card(ui, |ui| {
        let name = match exchange.model.is_empty() {
            true => cx.texts.comparison.between.title.to_owned(),
            false => cx.names().plain(&exchange.into()),
        };
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 5.0;
            let colour = parts::side_colour(ui, Slot::Between);
            ui.label(RichText::new(Slot::Between.letter()).strong().color(colour));
            ui.add(Label::new(RichText::new(&name).small().color(colour)).truncate()).on_hover_text(&name);
        });
        tokens::tokens(ui, cx, Slot::Between, exchange, |_| SegmentKind::Equal, Sense::hover());
        tokens::status(ui, cx, exchange);
    });
}

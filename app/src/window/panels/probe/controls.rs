//! What is measured, over which layers and heads.

use super::super::Cx;
use super::scrubber::{Scrubber, chip};
use super::{appearance, source::Source};
use crate::window::action::Action;
use crate::window::command::UiCommand;
use crate::window::lang::ProbeTexts;
use crate::window::state::{MapSource, View, ViewChange};
use egui::{Align, Layout, Ui, vec2};
use opabinia_engine::sva::HEADS;
use opabinia_shaders::{Quantity, Rect, Reduction};

/// Draws the rows of controls.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, source: &Source<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.probe;
    ui.spacing_mut().item_spacing.y = 5.0;
    ui.horizontal_wrapped(|ui| {
        self::source(ui, cx, out);
        if !source.is_token() {
            quantities(ui, cx, source, out);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            appearance::button(ui, cx, source, out);
            if source.view.shown != Rect::SQUARE {
                let fit = chip(ui, texts.fit.0, false, texts.fit.0).on_hover_text(texts.fit.1);
                if fit.clicked() {
                    out.push(UiCommand::ZoomToFit.into());
                }
            }
        });
    });
    if !source.is_token() {
        layers_and_heads(ui, texts, source, out);
    }
}

/// What the maps are made from, where there is a choice.
pub fn source(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.probe;
    let is_token = matches!(cx.state.view.now().source, MapSource::Token { .. });
    if !is_token && cx.state.token.is_none() {
        return;
    }
    let token = MapSource::Token { layer: None, head: None };
    ui.spacing_mut().item_spacing.x = 2.0;
    for (source, (name, tip), chosen) in
        [(MapSource::Sva, texts.source_sva, !is_token), (token, texts.source_token, is_token)]
    {
        if chip(ui, name, chosen, name).on_hover_text(tip).clicked() && !chosen {
            out.push(ViewChange::Source(source).into());
        }
    }
    ui.add_space(14.0);
}

/// A quantity's name and what it is.
pub fn words(texts: &ProbeTexts, quantity: Quantity) -> (&'static str, &'static str) {
    match quantity {
        Quantity::Share => texts.share,
        Quantity::Lift => texts.lift,
        Quantity::Entropy => texts.entropy,
        Quantity::NormalisedEntropy => texts.relative_entropy,
        Quantity::Dominant => texts.dominant,
    }
}

fn quantities(ui: &mut Ui, cx: &Cx<'_>, source: &Source<'_>, out: &mut Vec<Action>) {
    ui.spacing_mut().item_spacing.x = 2.0;
    for quantity in View::QUANTITIES {
        let (name, tip) = words(&cx.texts.probe, quantity);
        let chosen = source.view.quantity == quantity;
        if chip(ui, name, chosen, name).on_hover_text(tip).clicked() && !chosen {
            out.push(ViewChange::Quantity(quantity).into());
        }
    }
}

fn layers_and_heads(ui: &mut Ui, texts: &ProbeTexts, source: &Source<'_>, out: &mut Vec<Action>) {
    let layers: Vec<String> = source.entry.trace.layers.iter().map(|layer| layer.label.clone()).collect();
    let heads: Vec<String> = (0..HEADS).map(|head| head.to_string()).collect();
    let (layer, head) = (texts.layers, texts.heads);
    let width = [layer, head].map(|(name, _)| name_width(ui, name)).into_iter().fold(0.0, f32::max);
    row(ui, layer, width, |ui| {
        let all = Scrubber {
            names: &layers,
            what: texts.layer,
            all: texts.all,
            tip: texts.several_tip,
            chosen: source.view.layers,
        };
        if let Some(chosen) = all.show(ui) {
            out.push(ViewChange::Layers(chosen).into());
        }
    });
    row(ui, head, width, |ui| {
        let all = Scrubber {
            names: &heads,
            what: texts.head,
            all: texts.all,
            tip: texts.several_tip,
            chosen: source.view.heads,
        };
        if let Some(chosen) = all.show(ui) {
            out.push(ViewChange::Heads(chosen).into());
        }
        ui.add_space(10.0);
        for (reduction, (name, tip)) in [(Reduction::Mean, texts.mean), (Reduction::Max, texts.max)] {
            let chosen = source.view.reduction == reduction;
            if chip(ui, name, chosen, name).on_hover_text(tip).clicked() && !chosen {
                out.push(ViewChange::Reduction(reduction).into());
            }
        }
    });
}

fn name_width(ui: &Ui, name: &str) -> f32 {
    let font = egui::TextStyle::Small.resolve(ui.style());
    ui.painter().layout_no_wrap(name.to_owned(), font, egui::Color32::PLACEHOLDER).size().x + 6.0
}

/// A row of chips behind its name; what does not fit goes on below, behind the name as well.
fn row(ui: &mut Ui, (name, tip): (&str, &str), width: f32, chips: impl FnOnce(&mut Ui)) {
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        ui.allocate_ui_with_layout(vec2(width, 21.0), Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_size(vec2(width, 21.0));
            ui.small(name).on_hover_text(tip);
        });
        ui.vertical(|ui| {
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().item_spacing.y = 3.0;
                chips(ui);
            })
        });
    });
}

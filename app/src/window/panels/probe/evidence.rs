//! What a map is evidence of: one line, and more for who asks.

use super::super::Cx;
use super::scrubber::chip;
use super::source::Source;
use crate::window::action::Action;
use crate::window::state::ViewChange;
use egui::{Align, Label, Layout, Popup, PopupCloseBehavior, RichText, Ui, vec2};
use opabinia_shaders::Quantity;

/// Height of one line.
pub const LINE: f32 = 22.0;

/// Height of what is said: two lines where there is little room.
pub fn height(width: f32) -> f32 {
    if width < 960.0 { 36.0 } else { LINE }
}

/// Draws what the maps are evidence of. Where there is one line for everything, `readout` has what is known of a cell, if
/// there is one, and which layers and heads the maps are of: the cell then takes the place of what they are evidence of.
pub fn show(
    ui: &mut Ui,
    cx: &Cx<'_>,
    source: &Source<'_>,
    readout: Option<(Option<String>, String)>,
    out: &mut Vec<Action>,
) {
    let texts = &cx.texts.evidence;
    let full = ui.available_width();
    let height = if readout.is_some() { LINE } else { height(full) };
    ui.allocate_ui_with_layout(vec2(full, height), Layout::left_to_right(Align::Min), |ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let more = chip(ui, "i", false, texts.about).on_hover_text(texts.about);
        Popup::from_toggle_button_response(&more).close_behavior(PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
            explanation(ui, cx, source, out);
        });
        let biased =
            most_keys(source).filter(|_| source.lens.quantity == Quantity::Share && source.lens.input_of.is_none());
        let biased = biased.filter(|_| !source.is_of_comparison());
        ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
            if biased.is_some() && ui.small_button(texts.show_lift).clicked() {
                out.push(ViewChange::Quantity(Quantity::Lift).into());
            }
            ui.with_layout(Layout::left_to_right(Align::Min), |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                let said = line(cx, source, biased);
                match readout {
                    None => drop(ui.add(Label::new(RichText::new(said).small().weak()).wrap())),
                    Some((cell, of_what)) => {
                        let tip = [cell.as_deref(), Some(of_what.as_str()), Some(said.as_str())];
                        let tip = tip.into_iter().flatten().collect::<Vec<_>>().join("\n");
                        let text = cell.map_or_else(|| RichText::new(&said).weak(), RichText::new);
                        let label = Label::new(text.small()).truncate().show_tooltip_when_elided(false);
                        ui.add(label).on_hover_text(tip);
                    }
                }
            });
        });
    });
}

/// The encoder with more keys than others, if one has.
fn most_keys(source: &Source<'_>) -> Option<usize> {
    let window = |k: &usize| source.encoders[*k].window;
    let most = (0..source.encoders.len()).max_by_key(window)?;
    (!source.is_token() && source.encoders.iter().any(|encoder| encoder.window < window(&most))).then_some(most)
}

fn line(cx: &Cx<'_>, source: &Source<'_>, biased: Option<usize>) -> String {
    let texts = &cx.texts.evidence;
    if source.lens.input_of.is_some() {
        texts.input.to_owned()
    } else if source.is_token() {
        texts.token.to_owned()
    } else if source.pane.source.look().is_some() && (source.is_difference() || source.is_of_comparison()) {
        cx.texts.sides.evidence.to_owned()
    } else if source.is_difference() {
        cx.texts.interventions.difference_evidence.to_owned()
    } else if let Some(off) = super::switch::words(cx, source) {
        format!("{} {off}", texts.intervened)
    } else if let Some(k) = biased {
        let uniform = texts.uniform(source.encoders[k].name, source.uniform_share(k));
        format!("{uniform} {}", texts.sva)
    } else {
        texts.sva.to_owned()
    }
}

fn explanation(ui: &mut Ui, cx: &Cx<'_>, source: &Source<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.evidence;
    ui.set_max_width(440.0);
    ui.spacing_mut().item_spacing.y = 4.0;
    let paragraph = |ui: &mut Ui, (heading, text): (&str, &str)| {
        ui.strong(heading);
        ui.add(Label::new(RichText::new(text).size(12.5)).wrap());
        ui.add_space(6.0);
    };
    paragraph(ui, texts.rung);
    if source.is_token() {
        paragraph(ui, texts.token_question);
    } else {
        paragraph(ui, texts.question);
        paragraph(ui, texts.layers);
    }
    if most_keys(source).is_some() {
        ui.strong(texts.windows_heading);
        ui.add(Label::new(RichText::new(texts.windows.0).size(12.5)).wrap());
        let shares: Vec<String> = source
            .encoders
            .iter()
            .enumerate()
            .map(|(k, encoder)| format!("{} {:.1} %", encoder.name, source.uniform_share(k) * 100.0))
            .collect();
        ui.label(RichText::new(shares.join(" · ")).size(12.5));
        ui.add(Label::new(RichText::new(texts.windows.1).size(12.5)).wrap());
        if source.lens.quantity != Quantity::Lift && ui.button(texts.show_lift).clicked() {
            out.push(ViewChange::Quantity(Quantity::Lift).into());
        }
        ui.add_space(6.0);
    }
    paragraph(ui, texts.tokens);
    paragraph(ui, texts.padding);
}

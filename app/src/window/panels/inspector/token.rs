//! The selected token of an answer: how likely it was, what it could have been, what it attended to.

use super::super::Cx;
use super::super::token_text;
use super::parts::{Bar, NARROW, alone, evidence, fact, factor, heading, share};
use crate::window::action::{Action, ConversationAction, ViewAction};
use crate::window::gpu::{GridPart, Upload};
use crate::window::state::{Attended, Exchange, MapSource, RunRef, TokenPlace, TokenRecord, ViewChange, chosen};
use egui::{Button, RichText, Ui};
use opabinia_engine::probe::{Mass, TokenAttention};
use std::cmp::Ordering;

/// Draws the tab.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.inspector;
    let found = cx.state.token.and_then(|place| {
        let exchange = cx.state.conversations.exchange(place)?;
        Some((place, exchange, exchange.tokens.get(place.token)?))
    });
    let Some((place, exchange, token)) = found else {
        ui.weak(texts.no_token);
        return;
    };
    facts(ui, cx, place, exchange, token);
    alternatives(ui, cx, place, exchange, token, out);
    heading(ui, texts.attended);
    match cx.state.pane().source {
        MapSource::Run(_) | MapSource::Difference(..) | MapSource::Sides(..) => {
            let button = ui.add_enabled(exchange.picture.is_some(), Button::new(texts.show_attended));
            let button = button.on_hover_text(texts.show_attended_tip).on_disabled_hover_text(texts.no_picture);
            if button.clicked() {
                out.push(ViewChange::Source(MapSource::TOKEN).into());
            }
        }
        MapSource::TokenAttention { layer, head } => attention(ui, cx, layer, head, out),
    }
    evidence(ui, texts.evidence, texts.token_evidence);
}

fn facts(ui: &mut Ui, cx: &Cx<'_>, place: TokenPlace, exchange: &Exchange, token: &TokenRecord) {
    let texts = &cx.texts.inspector;
    ui.label(RichText::new(token_text::name(token)).size(15.5).strong());
    let count = exchange.tokens.len();
    ui.label(RichText::new(format!("{} {} {} {count}", texts.token, place.token + 1, texts.of_answer)).small().weak());
    ui.label(RichText::new(cx.names().of(exchange)).small().weak());
    ui.add_space(4.0);
    fact(ui, texts.id, &token.id.to_string());
    fact(ui, texts.probability, &token_text::percent(token.log_prob));
    fact(ui, texts.log_probability, &format!("{:.2}", token.log_prob).replace('-', "−"));
    let rank = token.alternatives.iter().position(|other| other.id == token.id);
    let rank =
        rank.map_or_else(|| format!("{} {}", texts.below, token.alternatives.len()), |rank| (rank + 1).to_string());
    fact(ui, texts.rank, &rank);
    if let Some((name, about)) = forced(cx, place, exchange) {
        ui.label(RichText::new(format!("{name}: {about}")).small().color(ui.visuals().warn_fg_color));
    }
}

/// What is said of a token that the model did not choose, because the answer had to begin with it.
fn forced(cx: &Cx<'_>, place: TokenPlace, exchange: &Exchange) -> Option<(&'static str, &'static str)> {
    let texts = &cx.texts.inspector;
    match (place.token + 1).cmp(&exchange.forced_prefix.len()) {
        Ordering::Less => Some(texts.repeated),
        Ordering::Equal => Some(texts.forced),
        Ordering::Greater => None,
    }
}

/// The most likely tokens, and the token itself wherever it stands among them: text, id, logarithm of its probability.
fn listed(token: &TokenRecord) -> Vec<(String, u32, f32)> {
    let likely = token.alternatives.iter();
    let mut rows: Vec<_> = likely
        .map(|other| (token_text::quoted(&token_text::readable(&other.text)), other.id, other.log_prob))
        .collect();
    if !rows.iter().any(|(_, id, _)| *id == token.id) {
        rows.push((token_text::name(token), token.id, token.log_prob));
    }
    rows
}

fn alternatives(
    ui: &mut Ui,
    cx: &Cx<'_>,
    place: TokenPlace,
    exchange: &Exchange,
    token: &TokenRecord,
    out: &mut Vec<Action>,
) {
    let texts = &cx.texts.inspector;
    heading(ui, texts.alternatives);
    ui.spacing_mut().item_spacing.y = 2.0;
    for (name, id, log_prob) in listed(token) {
        let is_it = id == token.id;
        let accent = ui.visuals().hyperlink_color;
        let percent = token_text::percent(log_prob);
        let (mark, about) = forced(cx, place, exchange).unwrap_or(texts.chosen);
        let marked = if is_it { format!(" · {mark}") } else { String::new() };
        let (narrow, roomy) = (ui.available_width() < NARROW, ui.available_width() > 230.0);
        let row = |ui: &mut Ui| {
            let bar = Bar {
                name: &name,
                name_width: if roomy { 76.0 } else { 48.0 },
                colour: if is_it { accent } else { accent.gamma_multiply(0.45) },
                part: Some(f64::from(log_prob).exp()),
                mark: None,
                numbers: &[(percent.clone(), 58.0)],
                spoken: format!("{name}: {percent}{marked}"),
            };
            let response = bar.show(ui, if narrow { 0.0 } else { 74.0 });
            response.on_hover_text(format!("{} {id}\n{} {percent}", texts.id, texts.probability));
            if is_it {
                ui.label(RichText::new(mark).small().weak()).on_hover_text(about);
                return;
            }
            let button = Button::new(RichText::new(texts.continue_from).small());
            let response = ui.add_enabled(!exchange.status.is_open(), button);
            // The row's text, so that each of these buttons has a name of its own.
            response.widget_info(|| {
                egui::WidgetInfo::labeled(egui::Role::Button, true, format!("{}: {name}", texts.continue_from))
            });
            if response.on_hover_text(texts.continue_tip).clicked() {
                out.push(ConversationAction::ContinueFrom(place, id).into());
            }
        };
        if narrow {
            ui.vertical(row);
        } else {
            ui.horizontal(row);
        }
    }
}

/// The attention of the token, once it is known.
fn attention(ui: &mut Ui, cx: &Cx<'_>, layer: Option<usize>, head: Option<usize>, out: &mut Vec<Action>) {
    let texts = &cx.texts.inspector;
    let known = cx.state.attention_key().and_then(|key| cx.state.attentions.get(key));
    match known {
        Some(Attended::Ready(attention)) => {
            attended(ui, cx, attention, (layer, head));
            let upload = cx.gpu.and_then(|gpu| gpu.grid(attention, GridPart { layer, head }));
            if let Some(Upload::Failed(reason)) = upload {
                failed(ui, cx, &(cx.texts.engine.said)(&reason), out);
            }
        }
        Some(Attended::Failed(reason)) => failed(ui, cx, reason, out),
        Some(Attended::Asked) | None => {
            ui.horizontal(|ui| {
                ui.spinner();
                ui.weak(texts.attending);
            });
        }
    }
    ui.add_space(6.0);
    if ui.button(texts.back_to_sva).clicked() {
        out.push(ViewChange::Source(MapSource::Run(RunRef::default())).into());
    }
}

fn failed(ui: &mut Ui, cx: &Cx<'_>, reason: &str, out: &mut Vec<Action>) {
    ui.colored_label(ui.visuals().error_fg_color, reason);
    if ui.button(cx.texts.inspector.again).clicked() {
        out.push(ViewAction::AttendAgain.into());
    }
}

/// What the parts of the prompt had of the attention; its layer and head are chosen above the map.
fn attended(ui: &mut Ui, cx: &Cx<'_>, attention: &TokenAttention, (layer, head): (Option<usize>, Option<usize>)) {
    let texts = &cx.texts.inspector;
    ui.spacing_mut().item_spacing.y = 4.0;
    ui.label(RichText::new(alone(&texts.of_decoder(layer, head))).small().weak());
    let Some((_, mass)) = chosen(attention, layer, head) else { return };
    ui.add_space(4.0);
    parts(ui, cx, attention, mass);
    ui.label(RichText::new(texts.uniform_mark).small().weak());
}

/// How much of the attention each part of the prompt had.
fn parts(ui: &mut Ui, cx: &Cx<'_>, attention: &TokenAttention, mass: Mass) {
    let texts = &cx.texts.inspector;
    let positions = attention.positions;
    let total = positions.total().max(1) as f64;
    let accent = ui.visuals().hyperlink_color;
    let other = ui.visuals().weak_text_color();
    for (name, tip, mass, count, colour) in [
        (texts.on_visual, texts.on_visual_tip, mass.visual, positions.visual, accent),
        (texts.on_newline, texts.on_newline_tip, mass.newline, positions.newline, accent),
        (texts.before_image, texts.before_image_tip, mass.before, positions.before, other),
        (texts.after_image, texts.after_image_tip, mass.after, positions.after, other),
    ] {
        let (mass, uniform) = (f64::from(mass), count as f64 / total);
        let times = if uniform > 0.0 { factor(mass / uniform) } else { "–".to_owned() };
        let bar = Bar {
            name,
            name_width: 104.0,
            colour,
            part: Some(mass),
            mark: Some(uniform),
            numbers: &[(share(mass), 50.0), (times.clone(), 50.0)],
            spoken: format!("{name}: {mass:.6}, {} {uniform:.6}", texts.uniform),
        };
        bar.show(ui, 0.0).on_hover_text(format!(
            "{tip}\n{count} {}\n{mass:.6} · {} {uniform:.6} · {times}",
            texts.positions, texts.uniform
        ));
    }
}

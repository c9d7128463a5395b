//! The selected token of an answer: how likely it was, what it could have been, what it attended to.

use super::super::Cx;
use super::parts::{Bar, evidence, fact, factor, heading, share};
use crate::window::action::{Action, ConversationAction, ViewAction};
use crate::window::state::{Attended, Exchange, GridUpload, MapSource, TokenPlace, TokenRecord, ViewChange, chosen};
use egui::{Align, Button, ComboBox, Layout, RichText, Ui, vec2};
use opabinia_engine::probe::{Mass, TokenAttention};

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
    match cx.state.view.now().source {
        MapSource::Sva => {
            let button = ui.add_enabled(exchange.picture.is_some(), Button::new(texts.show_attended));
            let button = button.on_hover_text(texts.show_attended_tip).on_disabled_hover_text(texts.no_picture);
            if button.clicked() {
                out.push(ViewChange::Source(MapSource::Token { layer: None, head: None }).into());
            }
        }
        MapSource::Token { layer, head } => attention(ui, cx, layer, head, out),
    }
    evidence(ui, texts.evidence, texts.token_evidence);
}

/// How a token's text is shown: spaces and line breaks can be seen, and what has no text has a name.
fn visible(text: &str) -> String {
    text.replace('\n', "\\n").replace('\t', "\\t")
}

fn facts(ui: &mut Ui, cx: &Cx<'_>, place: TokenPlace, exchange: &Exchange, token: &TokenRecord) {
    let texts = &cx.texts.inspector;
    let rank = token.alternatives.iter().position(|other| other.id == token.id);
    let called = rank.and_then(|rank| token.alternatives.get(rank)).map(|other| other.text.as_str());
    let text = [token.text.as_str(), called.unwrap_or_default()].into_iter().find(|text| !text.trim().is_empty());
    let title = text.map_or_else(|| texts.unusual.to_owned(), |text| format!("“{}”", visible(text)));
    ui.label(RichText::new(title).size(15.5).strong());
    let count = exchange.tokens.len();
    ui.label(RichText::new(format!("{} {} {} {count}", texts.token, place.token + 1, texts.of_answer)).small().weak());
    ui.label(RichText::new(cx.state.names().of(exchange.into())).small().weak());
    ui.add_space(4.0);
    fact(ui, texts.id, &token.id.to_string());
    fact(ui, texts.probability, &format!("{:.2} %", f64::from(token.log_prob).exp() * 100.0));
    fact(ui, texts.log_probability, &format!("{:.4}", token.log_prob).replace('-', "−"));
    let rank =
        rank.map_or_else(|| format!("{} {}", texts.below, token.alternatives.len()), |rank| (rank + 1).to_string());
    fact(ui, texts.rank, &rank);
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
    for other in &token.alternatives {
        let is_it = other.id == token.id;
        let probability = f64::from(other.log_prob).exp();
        let text = visible(&other.text);
        let name = if text.trim().is_empty() { format!("“{text}”") } else { text };
        let colour =
            if is_it { ui.visuals().hyperlink_color } else { ui.visuals().hyperlink_color.gamma_multiply(0.45) };
        ui.horizontal(|ui| {
            let spoken = format!("{name}: {probability:.4}");
            let bar = Bar {
                name: &name,
                name_width: 76.0,
                colour,
                part: Some(probability),
                mark: None,
                numbers: &[(share(probability), 52.0)],
                spoken,
            };
            let response = bar.show(ui, 74.0);
            response.on_hover_text(format!("{} {}\n{} {probability:.7}", texts.id, other.id, texts.probability));
            if !is_it {
                let button = Button::new(RichText::new(texts.continue_from).small());
                let response = ui.add_enabled(!exchange.status.is_open(), button);
                // The row's text, so that each of these buttons has a name of its own.
                response.widget_info(|| {
                    egui::WidgetInfo::labeled(egui::Role::Button, true, format!("{}: {name}", texts.continue_from))
                });
                if response.on_hover_text(texts.continue_tip).clicked() {
                    out.push(ConversationAction::ContinueFrom(place, other.id).into());
                }
            }
        });
    }
}

/// The attention of the token, once it is known.
fn attention(ui: &mut Ui, cx: &Cx<'_>, layer: Option<usize>, head: Option<usize>, out: &mut Vec<Action>) {
    let texts = &cx.texts.inspector;
    let known = cx.state.attention_key().and_then(|key| cx.state.attentions.get(key));
    match known {
        Some(Attended::Ready(attention)) => attended(ui, cx, attention, layer, head, out),
        Some(Attended::Failed(reason)) => failed(ui, cx, reason, out),
        Some(Attended::Asked) | None => {
            ui.horizontal(|ui| {
                ui.spinner();
                ui.weak(texts.attending);
            });
        }
    }
    if let Some((_, GridUpload::Failed(reason))) = cx.state.attentions.grid() {
        failed(ui, cx, reason, out);
    }
    ui.add_space(6.0);
    if ui.button(texts.back_to_sva).clicked() {
        out.push(ViewChange::Source(MapSource::Sva).into());
    }
}

fn failed(ui: &mut Ui, cx: &Cx<'_>, reason: &str, out: &mut Vec<Action>) {
    ui.colored_label(ui.visuals().error_fg_color, reason);
    if ui.button(cx.texts.inspector.again).clicked() {
        out.push(ViewAction::AttendAgain.into());
    }
}

fn attended(
    ui: &mut Ui,
    cx: &Cx<'_>,
    attention: &TokenAttention,
    layer: Option<usize>,
    head: Option<usize>,
    out: &mut Vec<Action>,
) {
    let texts = &cx.texts.inspector;
    ui.spacing_mut().item_spacing.y = 4.0;
    let mut source = |source| out.push(ViewChange::Source(source).into());
    if let Some(layer) = choice(ui, texts.decoder_layer, texts.all_mean, layer, attention.layers) {
        source(MapSource::Token { layer, head });
    }
    if let Some(head) = choice(ui, texts.decoder_head, texts.all_mean, head, attention.heads) {
        source(MapSource::Token { layer, head });
    }
    let Some((_, mass)) = chosen(attention, layer, head) else { return };
    ui.add_space(4.0);
    parts(ui, cx, attention, mass);
    ui.label(RichText::new(texts.uniform_mark).small().weak());
}

/// A list of numbered things and the mean of all; gives what was chosen anew.
fn choice(ui: &mut Ui, name: &str, all: &str, now: Option<usize>, count: usize) -> Option<Option<usize>> {
    let mut chosen = now;
    ui.horizontal(|ui| {
        let width = 108.0_f32.min(ui.available_width() * 0.45);
        let label = ui.allocate_ui_with_layout(vec2(width, 20.0), Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_width(width);
            ui.weak(name)
        });
        let label = label.inner;
        let words = |at: Option<usize>| at.map_or_else(|| all.to_owned(), |at| at.to_string());
        let combo = ComboBox::from_id_salt(name).selected_text(words(now)).width(110.0);
        let combo = combo.show_ui(ui, |ui| {
            for at in std::iter::once(None).chain((0..count).map(Some)) {
                ui.selectable_value(&mut chosen, at, words(at));
            }
        });
        combo.response.labelled_by(label.id);
    });
    (chosen != now).then_some(chosen)
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
            name_width: 84.0,
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

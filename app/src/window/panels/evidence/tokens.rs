//! Token by token: what each word of the answer lost, as a table and as colours behind the words of the conversation.

use super::super::Cx;
use super::super::token_text;
use super::About;
use super::paint::{Number, effect_colour, legend, reach, table};
use crate::evidence::Findings;
use crate::evidence::sheet::signed;
use crate::window::action::{Action, ConversationAction, EvidenceAction};
use crate::window::state::{ConversationId, Exchange, ExchangeId, TokenPlace, WordColours};
use egui::{Button, Color32, RichText, Ui, vec2};

/// Rows of tokens that are listed: an answer may have thousands.
const LISTED: usize = 512;

/// Draws the section.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, about: &About<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.evidence_panel;
    let view = &cx.state.evidence.view;
    ui.label(RichText::new(texts.colour_words.0).small().weak()).on_hover_text(texts.colour_words.1);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(4.0, 4.0);
        let mut choice = |ui: &mut Ui, name: &str, words: Option<WordColours>| {
            let button = Button::selectable(view.words == words, name).small();
            if ui.add(button).on_hover_text(texts.colour_words.1).clicked() {
                out.push(EvidenceAction::ColourWords(words).into());
            }
        };
        choice(ui, texts.no_colours, None);
        choice(ui, texts.by_picture, Some(WordColours::Picture));
        for (k, name) in about.names.iter().enumerate() {
            choice(ui, name, Some(WordColours::Encoder(k)));
        }
    });
    ui.add_space(4.0);
    let Some(findings) = about.findings else {
        ui.weak(texts.nothing_yet);
        return;
    };
    let shown = view.words.unwrap_or(WordColours::Picture);
    let what = match shown {
        WordColours::Picture => texts.by_picture.to_owned(),
        WordColours::Encoder(k) => {
            let name = about.names.get(k).map_or("", String::as_str);
            format!("{name} · {}", texts.removal(view.removal).0)
        }
    };
    let of_picture = shown == WordColours::Picture;
    ui.strong(if of_picture { texts.reliance.to_owned() } else { format!("Δ log p · {what}") });
    ui.label(RichText::new(texts.rung(crate::evidence::Rung::Intervention).0).small().weak());
    let values = deltas(cx, about.exchange, findings, shown);
    let most = reach(values.iter().flatten().copied());
    legend(ui, if of_picture { -most } else { most }, (texts.less_likely, texts.more_likely));
    let colours = table();
    for (t, (token, value)) in about.exchange.tokens.iter().zip(&values).enumerate().take(LISTED) {
        let name = token_text::name(token);
        // Reliance is what is lost without the picture, as a gain with it.
        let text = value.map_or_else(|| "–".to_owned(), |value| signed(if of_picture { -value } else { value }));
        let bar = value.filter(|_| most > 0.0).map(|value| (value / most, effect_colour(&colours, value, most)));
        let spoken = format!("{name} · {what}: {text}");
        ui.horizontal(|ui| {
            let width = (ui.available_width() - 96.0).clamp(60.0, 220.0);
            let place = TokenPlace { conversation: about.key.1, exchange: about.key.2, token: t };
            let chosen = cx.state.token == Some(place);
            let button =
                Button::selectable(chosen, RichText::new(&name).size(12.0)).truncate().min_size(vec2(width, 20.0));
            if ui.add_sized(vec2(width, 22.0), button).clicked() {
                out.push(ConversationAction::SelectToken((!chosen).then_some(place)).into());
            }
            Number {
                text: &text,
                rank: None,
                bar,
                spoken: &spoken,
                tip: if of_picture { texts.reliance } else { texts.delta_tip },
            }
            .show(ui, 88.0);
        });
    }
    if about.exchange.tokens.len() > LISTED {
        ui.weak(format!("… {}", about.exchange.tokens.len() - LISTED));
    }
}

/// Δ log p of each token without what its words are coloured by.
fn deltas(cx: &Cx<'_>, exchange: &Exchange, findings: &Findings, words: WordColours) -> Vec<Option<f64>> {
    let removal = cx.state.evidence.view.removal;
    let tokens = 0..exchange.tokens.len();
    match words {
        WordColours::Picture => tokens.map(|t| findings.blank(Some(t))).collect(),
        WordColours::Encoder(k) => {
            let interventions = removal.of(k);
            tokens.map(|t| findings.delta_under(&interventions, Some(t))).collect()
        }
    }
}

/// What is known about an answer of the conversation, if its words are to be coloured.
fn coloured<'a>(
    cx: &'a Cx<'_>,
    conversation: ConversationId,
    at: ExchangeId,
    exchange: &Exchange,
) -> Option<(WordColours, &'a Findings)> {
    let words = cx.state.evidence.view.words?;
    let model = cx.state.models.current()?;
    Some((words, cx.state.evidence.get((model.id, conversation, at), exchange)?.findings()?))
}

/// The colours behind the words of an answer, token by token; none where nothing is known or nothing is to be coloured.
pub fn colour_of(
    cx: &Cx<'_>,
    conversation: ConversationId,
    at: ExchangeId,
    exchange: &Exchange,
) -> Vec<Option<Color32>> {
    let Some((words, findings)) = coloured(cx, conversation, at, exchange) else { return Vec::new() };
    let values = deltas(cx, exchange, findings, words);
    let most = reach(values.iter().flatten().copied());
    let colours = table();
    // Letters stay readable on every theme's ground.
    let colour = |value: f64| effect_colour(&colours, value, most).gamma_multiply(0.45 * (value.abs() / most) as f32);
    values.into_iter().map(|value| value.filter(|value| most > 0.0 && *value != 0.0).map(colour)).collect()
}

/// What the colours behind the words mean, under the answer.
pub fn legend_under(ui: &mut Ui, cx: &Cx<'_>, conversation: ConversationId, at: ExchangeId, exchange: &Exchange) {
    let texts = &cx.texts.evidence_panel;
    let Some((words, findings)) = coloured(cx, conversation, at, exchange) else { return };
    let values = deltas(cx, exchange, findings, words);
    if values.iter().all(Option::is_none) {
        return;
    }
    let names = cx.state.models.current().map(|model| model.encoder_names.as_slice()).unwrap_or_default();
    let what = match words {
        WordColours::Picture => texts.by_picture.to_owned(),
        WordColours::Encoder(k) => {
            format!("{} · {}", names.get(k).map_or("", String::as_str), texts.removal(cx.state.evidence.view.removal).0)
        }
    };
    ui.label(RichText::new(format!("{} {what}", texts.words_coloured)).small().weak());
    let most = reach(values.iter().flatten().copied());
    let of_picture = words == WordColours::Picture;
    legend(ui, if of_picture { -most } else { most }, (texts.less_likely, texts.more_likely));
}

//! An answer as its tokens, and how far it is.

use super::{Cx, parts};
use crate::window::state::{AnswerStatus, Exchange, Slot};
use egui::{Color32, Label, RichText, Sense, Ui, vec2};
use opabinia_engine::compare::SegmentKind;
use opabinia_engine::printable;

/// Draws the tokens of an answer, each marked as `kind` says of its place; gives the place of the one that was
/// clicked, where `sense` senses clicks.
pub fn tokens(
    ui: &mut Ui,
    cx: &Cx<'_>,
    slot: Slot,
    exchange: &Exchange,
    kind: impl Fn(usize) -> SegmentKind,
    sense: Sense,
) -> Option<usize> {
    let mut clicked = None;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(0.0, 3.0);
        for (place, token) in exchange.tokens.iter().enumerate().filter(|(_, token)| !token.text.is_empty()) {
            let text = printable::line(&token.text.replace(['\n', '\r'], " ")).into_owned();
            let text = match kind(place) {
                SegmentKind::Equal => RichText::new(text),
                SegmentKind::SameText => RichText::new(text).underline(),
                SegmentKind::Different => {
                    let colour = parts::side_colour(ui, slot);
                    RichText::new(text).color(colour).strong().background_color(faint(colour))
                }
            };
            let percent = f64::from(token.log_prob).exp() * 100.0;
            let label = ui.add(Label::new(text).sense(sense));
            if label.on_hover_text(format!("{} {percent:.1} %", cx.texts.comparison.probability)).clicked() {
                clicked = Some(place);
            }
        }
    });
    clicked
}

/// Draws how far an answer is, or how probable all of it was.
pub fn status(ui: &mut Ui, cx: &Cx<'_>, exchange: &Exchange) {
    match &exchange.status {
        AnswerStatus::Waiting => parts::weak(ui, cx.texts.comparison.waiting),
        AnswerStatus::Streaming => {
            ui.spinner();
        }
        AnswerStatus::Stopped => parts::weak(ui, cx.texts.conversation.stopped),
        AnswerStatus::Failed(error) => {
            ui.add(Label::new(RichText::new(error).color(ui.visuals().error_fg_color)).wrap());
        }
        AnswerStatus::Done | AnswerStatus::Full => {
            let sum: f64 = exchange.tokens.iter().map(|token| f64::from(token.log_prob)).sum();
            parts::weak(ui, &format!("log p {sum:.3}"));
        }
    }
}

/// The colour of a side as a ground for text.
fn faint(colour: Color32) -> Color32 {
    colour.gamma_multiply(0.16)
}

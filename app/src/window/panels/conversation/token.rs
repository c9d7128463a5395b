//! One token of an answer: how probable it was, and what could have stood in its place.

use super::super::Cx;
use super::super::token_text;
use super::named;
use crate::window::action::{Action, ConversationAction};
use crate::window::state::{Exchange, TokenPlace, TokenRecord};
use egui::{Align2, Button, CornerRadius, Frame, Margin, Rect, RichText, Role, Sense, TextStyle, Ui, vec2};

/// Height of one alternative.
const ROW: f32 = 21.0;

/// How many alternatives a card shows; a tip shows all that are known.
const ON_CARD: usize = 5;

/// One bar.
struct Row {
    id: u32,
    text: String,
    log_prob: f32,
    chosen: bool,
}

/// Draws the alternatives of the chosen token under its answer.
pub fn card(
    ui: &mut Ui,
    cx: &Cx<'_>,
    place: TokenPlace,
    exchange: &Exchange,
    token: &TokenRecord,
    out: &mut Vec<Action>,
) {
    ui.add_space(2.0);
    Frame::new()
        .fill(ui.visuals().extreme_bg_color)
        .corner_radius(CornerRadius::same(7))
        .inner_margin(Margin::same(8))
        .show(ui, |ui| {
            ui.set_min_width(ui.available_width());
            let title = (cx.texts.conversation.token)(place.token + 1, &token_text::name(token));
            ui.label(RichText::new(title).small().weak());
            ui.spacing_mut().item_spacing.y = 2.0;
            for row in rows(token, ON_CARD) {
                choice(ui, cx, place, &row, !exchange.status.is_open(), out);
            }
        });
}

/// Draws what is shown when the pointer rests on a token.
pub fn tip(ui: &mut Ui, cx: &Cx<'_>, place: TokenPlace, token: &TokenRecord) {
    ui.set_width(220.0);
    let title = (cx.texts.conversation.token)(place.token + 1, &token_text::name(token));
    ui.label(RichText::new(title).small().weak());
    ui.spacing_mut().item_spacing.y = 2.0;
    for row in rows(token, usize::MAX) {
        let width = ui.available_width();
        bar(ui, cx, &row, width);
    }
    ui.label(RichText::new(cx.texts.conversation.continue_hint).small().weak());
}

/// The most likely tokens, at most `count`, and the token itself wherever it stands among them.
fn rows(token: &TokenRecord, count: usize) -> Vec<Row> {
    let row = |id, text: String, log_prob| Row { id, text, log_prob, chosen: id == token.id };
    let likely = token.alternatives.iter().take(count);
    let mut rows: Vec<Row> = likely
        .map(|other| row(other.id, token_text::quoted(&token_text::readable(&other.text)), other.log_prob))
        .collect();
    if !rows.iter().any(|row| row.chosen) {
        rows.truncate(count.saturating_sub(1));
        rows.push(row(token.id, token_text::name(token), token.log_prob));
    }
    rows
}

/// Draws one alternative, with the button that lets the answer go on from it.
fn choice(ui: &mut Ui, cx: &Cx<'_>, place: TokenPlace, row: &Row, enabled: bool, out: &mut Vec<Action>) {
    let texts = &cx.texts.conversation;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let font = TextStyle::Small.resolve(ui.style());
        let words = ui.painter().layout_no_wrap(texts.go_on.to_owned(), font, egui::Color32::PLACEHOLDER).size().x;
        let button = words + 2.0 * ui.spacing().button_padding.x;
        let width = (ui.available_width() - button - 6.0).max(40.0);
        bar(ui, cx, row, width);
        if row.chosen {
            return;
        }
        let name = (texts.continue_from)(&row.text, &token_text::percent(row.log_prob));
        let response = ui.add_enabled(enabled, Button::new(RichText::new(texts.go_on).small()));
        named(&response, Role::Button, &name);
        if response.on_hover_text(name).clicked() {
            out.push(ConversationAction::ContinueFrom(place, row.id).into());
        }
    });
}

/// Draws how likely one of the tokens was.
fn bar(ui: &mut Ui, cx: &Cx<'_>, row: &Row, width: f32) {
    let texts = &cx.texts.conversation;
    let (rect, response) = ui.allocate_exact_size(vec2(width, ROW), Sense::hover());
    let percent = token_text::percent(row.log_prob);
    let name = if row.chosen { (texts.chosen_token)(&row.text, &percent) } else { format!("{} {percent}", row.text) };
    named(&response, Role::Label, &name);
    if !ui.is_rect_visible(rect) {
        return;
    }
    let visuals = ui.visuals();
    let radius = CornerRadius::same(3);
    let painter = ui.painter_at(rect);
    let mut bar = rect;
    bar.set_width((rect.width() * row.log_prob.exp().clamp(0.0, 1.0)).max(2.0));
    let fill = if row.chosen { visuals.selection.bg_fill } else { visuals.weak_text_color().gamma_multiply(0.28) };
    painter.rect_filled(bar, radius, fill);
    let font = TextStyle::Body.resolve(ui.style());
    let colour = if row.chosen { visuals.strong_text_color() } else { visuals.text_color() };
    let number = painter.text(
        rect.right_center() - vec2(6.0, 0.0),
        Align2::RIGHT_CENTER,
        percent,
        TextStyle::Small.resolve(ui.style()),
        visuals.text_color(),
    );
    let words = Rect::from_min_max(rect.min, egui::pos2(number.left() - 6.0, rect.bottom()));
    let galley = painter.layout_no_wrap(row.text.clone(), font, colour);
    let top = rect.center().y - galley.size().y / 2.0;
    painter.with_clip_rect(words).galley(egui::pos2(rect.left() + 6.0, top), galley, colour);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::state::Alternative;

    #[test]
    fn the_token_itself_is_always_among_its_alternatives() {
        let other = |id: u32, log_prob| Alternative { id, text: format!("t{id}"), log_prob };
        let alternatives = vec![other(1, -0.1), other(2, -2.0), other(3, -3.0)];
        let mut token = TokenRecord { id: 9, text: " x".into(), log_prob: -7.0, alternatives };
        let ids = |token: &TokenRecord, count| rows(token, count).iter().map(|row| row.id).collect::<Vec<_>>();
        assert_eq!(ids(&token, 3), [1, 2, 9]);
        assert_eq!(ids(&token, usize::MAX), [1, 2, 3, 9]);
        token.id = 2;
        assert_eq!(ids(&token, 3), [1, 2, 3]);
        assert_eq!(ids(&token, 2), [1, 2]);
    }
}

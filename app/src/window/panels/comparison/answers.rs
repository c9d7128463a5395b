//! Both answers beside each other, token by token, and what each side makes of the other's.

use super::{Cx, between, parts, tokens};
use crate::window::action::{Action, ComparisonAction, ConversationAction, ModelAction};
use crate::window::state::{Crossing, Exchange, ExchangeId, SIDES, Slot, TokenPlace};
use egui::cache::{ComputerMut, FrameCache};
use egui::{Align, Button, Grid, Label, Layout, RichText, ScrollArea, Sense, Ui};
use opabinia_engine::compare::{Crossed, Segment, SegmentKind, align};
use std::sync::Arc;

/// Draws the part of the page: the question, both answers, and how probable each is on either side.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.comparison;
    if cx.state.is_one_checkpoint() {
        parts::weak(ui, texts.one_checkpoint);
    }
    let both = cx.state.both_answers();
    let Some(question) = both.iter().flatten().next().map(|(_, exchange)| exchange.question.as_str()) else {
        parts::weak(ui, texts.nothing_asked);
        return;
    };
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.add(Label::new(RichText::new(question).strong()).wrap());
        ui.add_space(4.0);
        columns(ui, cx, out);
        between::controls(ui, cx, out);
        crossing(ui, cx, out);
    });
}

/// Both answers in columns, marked where they differ, and under them that of what lies between both, if it was asked.
pub fn columns(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.comparison;
    let both = cx.state.both_answers();
    let words = both.map(|known| {
        known.map_or_else(Vec::new, |(_, exchange)| exchange.tokens.iter().map(|token| token.text.as_str()).collect())
    });
    let alignment: Arc<[Segment]> = match both {
        [Some(_), Some(_)] => ui.memory_mut(|memory| {
            let known = memory.caches.cache::<FrameCache<Arc<[Segment]>, Aligner>>();
            Arc::clone(known.get((words[0].as_slice(), words[1].as_slice())))
        }),
        _ => Arc::default(),
    };
    ui.columns(2, |columns| {
        for (side, (ui, slot)) in columns.iter_mut().zip(SIDES).enumerate() {
            column(ui, cx, (slot, side), both[side], &alignment, out);
        }
    });
    let complete = |known: Option<(ExchangeId, &Exchange)>| known.is_some_and(|(_, known)| !known.status.is_open());
    if both.into_iter().all(complete) {
        let equal = alignment.iter().all(|segment| segment.kind == SegmentKind::Equal);
        ui.add(Label::new(RichText::new(if equal { texts.all_equal } else { texts.marks }).small().weak()).wrap());
    }
    between::answer(ui, cx);
}

fn column(
    ui: &mut Ui,
    cx: &Cx<'_>,
    (slot, side): (Slot, usize),
    known: Option<(ExchangeId, &Exchange)>,
    alignment: &[Segment],
    out: &mut Vec<Action>,
) {
    let texts = &cx.texts.comparison;
    // Not justified, as columns are: that would pull words apart.
    let layout = Layout::top_down(Align::Min);
    let card = |ui: &mut Ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 5.0;
            let colour = parts::side_colour(ui, slot);
            let name = cx.name_of(slot).unwrap_or_default();
            ui.label(RichText::new(slot.letter()).strong().color(colour));
            ui.add(Label::new(RichText::new(&name).small().color(colour)).truncate()).on_hover_text(&name);
        });
        let Some((at, exchange)) = known else {
            parts::weak(ui, texts.not_asked);
            return again(ui, cx, slot, out);
        };
        // Equal where nothing is known yet.
        let kinds = kinds(alignment, side);
        let kind = |place| kinds.get(place).copied().unwrap_or(SegmentKind::Equal);
        let clicked = tokens::tokens(ui, cx, slot, exchange, kind, Sense::click());
        if let Some(place) = clicked {
            out.extend(look_at_token(cx, slot, at, place));
        }
        tokens::status(ui, cx, exchange);
        if !exchange.status.is_open() {
            again(ui, cx, slot, out);
        }
    };
    parts::card(ui, |ui| ui.with_layout(layout, card));
}

/// Shows the inspector's numbers of a token of one side.
fn look_at_token(cx: &Cx<'_>, slot: Slot, exchange: ExchangeId, token: usize) -> Vec<Action> {
    let Some(conversation) = cx.state.conversations.current().map(|shown| shown.id) else { return Vec::new() };
    vec![
        ConversationAction::ShowBranch(exchange).into(),
        ModelAction::Answer(slot).into(),
        ConversationAction::SelectToken(Some(TokenPlace { conversation, exchange, token })).into(),
    ]
}

/// Puts the question to this side alone.
fn again(ui: &mut Ui, cx: &Cx<'_>, slot: Slot, out: &mut Vec<Action>) {
    let text = cx.texts.comparison.ask_again;
    let button = ui.add_enabled(cx.state.models.loaded(slot).is_some(), Button::new(RichText::new(text).small()));
    let spoken = format!("{text}: {}", slot.letter());
    button.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &spoken));
    if button.clicked() {
        out.push(ComparisonAction::AskAgain(slot).into());
    }
}

/// How probable each answer is on either side, and where they part.
fn crossing(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.comparison;
    let Some(key) = cx.state.cross_key() else { return };
    let ask = |ui: &mut Ui, out: &mut Vec<Action>| {
        if ui.button(texts.cross).on_hover_text(texts.cross_tip).clicked() {
            out.push(ComparisonAction::Cross.into());
        }
    };
    ui.add_space(8.0);
    match cx.state.comparison.crossed.get(&key) {
        None => ask(ui, out),
        Some(Crossing::Underway(_)) => {
            ui.horizontal(|ui| {
                ui.spinner();
                parts::weak(ui, texts.crossing);
            });
        }
        Some(Crossing::OtherTokenizers) => {
            ui.add(Label::new(RichText::new(texts.other_tokenizers).weak()).wrap());
        }
        Some(Crossing::Failed(why)) => {
            ui.add(Label::new(RichText::new(why).color(ui.visuals().warn_fg_color)).wrap());
            ask(ui, out);
        }
        Some(Crossing::Ready(crossed)) => crossed_scores(ui, cx, crossed),
    }
}

fn crossed_scores(ui: &mut Ui, cx: &Cx<'_>, crossed: &Crossed) {
    let texts = &cx.texts.comparison;
    parts::section(ui, texts.crossed);
    Grid::new("crossed").striped(true).num_columns(4).show(ui, |ui| {
        for heading in ["", texts.under[0], texts.under[1], "Δ"] {
            parts::weak(ui, heading);
        }
        ui.end_row();
        for (side, slot) in SIDES.into_iter().enumerate() {
            let [own, other] = crossed.sums(side);
            let [a, b] = if side == 0 { [own, other] } else { [other, own] };
            ui.label(RichText::new(texts.answer_of[side]).color(parts::side_colour(ui, slot)));
            ui.monospace(format!("{a:.3}"));
            ui.monospace(format!("{b:.3}"));
            ui.monospace(format!("{:+.3}", b - a));
            ui.end_row();
        }
    });
    if let Some(parting) = &crossed.parting {
        let text = (texts.parting)(parting.at, parting.kl);
        ui.add(Label::new(RichText::new(text).small()).wrap());
    }
}

/// Aligns answers anew only where they have changed: with two long ones it takes milliseconds.
#[derive(Default)]
struct Aligner;

impl ComputerMut<(&[&str], &[&str]), Arc<[Segment]>> for Aligner {
    fn compute(&mut self, (a, b): (&[&str], &[&str])) -> Arc<[Segment]> {
        align(a, b).into()
    }
}

/// How each token of a side stands to its counterpart.
fn kinds(alignment: &[Segment], side: usize) -> Vec<SegmentKind> {
    let of_segment = |segment: &Segment| std::iter::repeat_n(segment.kind, segment.tokens[side].len());
    alignment.iter().flat_map(of_segment).collect()
}

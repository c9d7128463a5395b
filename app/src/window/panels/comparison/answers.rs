//! Both answers beside each other, token by token.

use super::{Cx, colour, height, letter, parts};
use crate::window::action::{Action, ComparisonAction};
use crate::window::state::{AnswerStatus, Exchange, SIDES, Slot};
use egui::cache::{ComputerMut, FrameCache};
use egui::{Button, Color32, Label, RichText, ScrollArea, Ui, vec2};
use opabinia_engine::compare::{Segment, SegmentKind, align};
use std::sync::Arc;

/// Draws the answers of both sides.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.comparison;
    let both = cx.state.both_answers().map(|known| known.map(|(_, exchange)| exchange));
    if cx.state.is_one_checkpoint() {
        parts::weak(ui, texts.one_checkpoint);
    }
    let Some(question) = both.iter().flatten().next().map(|exchange| exchange.question.as_str()) else {
        parts::weak(ui, texts.nothing_asked);
        return;
    };
    ui.add(Label::new(RichText::new(question).strong()).wrap());
    ui.add_space(4.0);
    let words = both.map(|exchange| {
        exchange.map_or_else(Vec::new, |exchange| exchange.tokens.iter().map(|token| token.text.as_str()).collect())
    });
    let alignment: Arc<[Segment]> = match both {
        [Some(_), Some(_)] => ui.memory_mut(|memory| {
            let known = memory.caches.cache::<FrameCache<Arc<[Segment]>, Aligner>>();
            Arc::clone(known.get((words[0].as_slice(), words[1].as_slice())))
        }),
        _ => Arc::default(),
    };
    let height = height(ui) - 60.0;
    ScrollArea::vertical().max_height(height).auto_shrink([false, true]).show(ui, |ui| {
        ui.columns(2, |columns| {
            for (side, (ui, slot)) in columns.iter_mut().zip(SIDES).enumerate() {
                column(ui, cx, (slot, side), both[side], &alignment, out);
            }
        });
    });
    let complete = |exchange: Option<&Exchange>| exchange.is_some_and(|exchange| !exchange.status.is_open());
    if both.into_iter().all(complete) {
        ui.add_space(6.0);
        let equal = alignment.iter().all(|segment| segment.kind == SegmentKind::Equal);
        parts::weak(ui, if equal { texts.all_equal } else { texts.marks });
    }
}

fn column(
    ui: &mut Ui,
    cx: &Cx<'_>,
    (slot, side): (Slot, usize),
    exchange: Option<&Exchange>,
    alignment: &[Segment],
    out: &mut Vec<Action>,
) {
    let texts = &cx.texts.comparison;
    parts::card(ui, |ui| {
        ui.label(RichText::new(letter(slot)).strong().color(colour(ui, slot)));
        let Some(exchange) = exchange else {
            parts::weak(ui, texts.not_asked);
            return again(ui, cx, slot, out);
        };
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(0.0, 3.0);
            for (at, token) in exchange.tokens.iter().enumerate() {
                let kind = kind(alignment, side, at);
                let text = if token.text.is_empty() { String::new() } else { token.text.replace(['\n', '\r'], " ") };
                if text.is_empty() {
                    continue;
                }
                let text = match kind {
                    SegmentKind::Equal => RichText::new(text),
                    SegmentKind::SameText => RichText::new(text).underline(),
                    SegmentKind::Different => {
                        let colour = colour(ui, slot);
                        RichText::new(text).color(colour).strong().background_color(faint(colour))
                    }
                };
                let percent = f64::from(token.log_prob).exp() * 100.0;
                ui.add(Label::new(text)).on_hover_text(format!("{} {percent:.1} %", texts.probability));
            }
        });
        match &exchange.status {
            AnswerStatus::Waiting => parts::weak(ui, texts.waiting),
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
        if !exchange.status.is_open() {
            again(ui, cx, slot, out);
        }
    });
}

/// Puts the question to this side alone.
fn again(ui: &mut Ui, cx: &Cx<'_>, slot: Slot, out: &mut Vec<Action>) {
    let text = cx.texts.comparison.ask_again;
    let button = ui.add_enabled(cx.state.models.loaded(slot).is_some(), Button::new(RichText::new(text).small()));
    let spoken = format!("{text}: {}", letter(slot));
    button.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &spoken));
    if button.clicked() {
        out.push(ComparisonAction::AskAgain(slot).into());
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

/// How token `at` of a side stands to its counterpart; equal where nothing is known yet.
fn kind(alignment: &[Segment], side: usize, at: usize) -> SegmentKind {
    let segment = alignment.iter().find(|segment| segment.tokens[side].contains(&at));
    segment.map_or(SegmentKind::Equal, |segment| segment.kind)
}

/// The colour of a side as a ground for text.
fn faint(colour: Color32) -> Color32 {
    colour.gamma_multiply(0.16)
}

//! Questions and answers.
//!
//! From top to bottom: which conversation this is ([`list`]), its exchanges ([`exchange`], with answers in [`answer`] and
//! their tokens in [`token`]), and the field for the next question ([`question`]). [`settings`] says how answers are
//! chosen. Only exchanges in view are laid out, at places that [`measure`] knows.

mod answer;
mod exchange;
mod icon;
mod intervened;
mod list;
mod measure;
mod question;
pub mod settings;
mod shown;
pub(super) mod thumbnail;
mod token;

#[cfg(test)]
mod tests;

use super::Cx;
use crate::demo;
use crate::window::action::Action;
use crate::window::state::{AppState, Conversation, ConversationId, ExchangeId, Model};
use egui::{Align, Context, Frame, Label, Panel, Response, RichText, Role, ScrollArea, Ui, WidgetInfo};
use measure::Measures;
pub use question::with_pasted;
use thumbnail::Thumbnails;

/// How far beyond what is in view exchanges are laid out, so that scrolling meets measured ones.
const MARGIN: f32 = 200.0;

/// Space between exchanges.
const GAP: f32 = 22.0;

/// What the panel keeps for speed, and what it saw last to tell that something is new.
#[derive(Default)]
pub struct Kept {
    measures: Measures,
    thumbnails: Thumbnails,
    /// Where the list was scrolled to, and how far it has to move to keep in place what is in view.
    scrolled: f32,
    shift: f32,
    seen: Option<Seen>,
    /// How high the field for the question is.
    field_height: f32,
    /// Whether an input method is in the middle of a word.
    composing: bool,
}

/// What was shown in the frame before.
#[derive(PartialEq, Clone, Copy)]
struct Seen {
    conversation: ConversationId,
    exchanges: usize,
    editing: Option<ExchangeId>,
}

/// What is new since the frame before.
#[derive(Default, Clone, Copy)]
struct New {
    /// A question was asked: show its answer.
    asked: bool,
    /// Something else is to be written: put the cursor into the field.
    writing: bool,
}

impl Kept {
    fn notice(&mut self, shown: &Conversation) -> New {
        let now = Seen { conversation: shown.id, exchanges: shown.exchanges.len(), editing: shown.editing };
        let Some(before) = self.seen.replace(now) else { return New::default() };
        let same = before.conversation == now.conversation;
        New {
            asked: same && now.exchanges > before.exchanges,
            writing: !same || (now.editing.is_some() && now.editing != before.editing),
        }
    }
}

/// Draws the panel.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, kept: &mut Kept, out: &mut Vec<Action>) {
    let Some(shown) = cx.state.conversations.current() else { return };
    let new = kept.notice(shown);
    let plain = Frame::new();
    Panel::top("conversations").frame(plain).show_separator_line(false).show(ui, |ui| list::show(ui, cx, shown, out));
    let field = Panel::bottom("question").frame(plain).show_separator_line(false).show(ui, |ui| {
        if cx.state.models.current().is_some_and(Model::is_demo) {
            ui.add(Label::new(RichText::new(demo::notice(cx.texts.language)).small().weak()).wrap());
            ui.add_space(6.0);
        }
        question::show(ui, cx, shown, kept, new.writing, out);
    });
    let height = field.response.rect.height();
    if (std::mem::replace(&mut kept.field_height, height) - height).abs() > 0.5 {
        // egui gave it the height that it had before, at first that of a line: the rest would be cut off for a frame.
        ui.ctx().request_discard("the field for the question has another height");
    }
    if shown.leaf.is_none() {
        ui.vertical_centered(|ui| {
            ui.add_space(ui.available_height() * 0.35);
            let texts = &cx.texts.conversation;
            ui.weak(if shown.picture.is_some() { texts.empty_with_picture } else { texts.empty });
        });
    } else {
        exchanges(ui, cx, shown, kept, new.asked, out);
    }
}

/// The path that is shown, of which only what is in view is laid out.
fn exchanges(ui: &mut Ui, cx: &Cx<'_>, shown: &Conversation, kept: &mut Kept, asked: bool, out: &mut Vec<Action>) {
    kept.measures.follow(shown, ui.available_width());
    let names = cx.names();
    let mut area = ScrollArea::vertical().id_salt(shown.id).auto_shrink(false).stick_to_bottom(true).animated(false);
    let shift = std::mem::take(&mut kept.shift);
    if shift != 0.0 {
        area = area.vertical_scroll_offset((kept.scrolled + shift).max(0.0));
    }
    let mut moved = 0.0;
    let mut changed = false;
    let scrolled = area.show_viewport(ui, |ui, viewport| {
        let spacing = ui.spacing().item_spacing;
        ui.spacing_mut().item_spacing.y = 0.0;
        let (first, mut top) = kept.measures.first_in(viewport.top() - MARGIN);
        ui.add_space(top);
        for place in first.. {
            let Some(at) = kept.measures.path().get(place).copied() else { break };
            let Some(exchange) = shown.exchanges.get(at).filter(|_| top <= viewport.bottom() + MARGIN) else { break };
            let drawn = ui.push_id((shown.id, at), |ui| {
                ui.spacing_mut().item_spacing = spacing;
                let siblings = kept.measures.siblings(exchange.parent);
                let whose = names.of(exchange);
                let shown =
                    shown::Shown { conversation: shown, at, exchange, siblings, first: place == 0, whose: &whose };
                exchange::show(ui, cx, &shown, &mut kept.thumbnails, out);
                ui.add_space(GAP);
            });
            let height = drawn.response.rect.height();
            let (known, measured) = kept.measures.height(at);
            if (known - height).abs() > 0.5 {
                changed = true;
                // What is above grows upwards, so that what a person reads stays where it is.
                let above = top + known <= viewport.top();
                if above || (top < viewport.top() && !measured) {
                    moved += height - known;
                }
            }
            kept.measures.set_height(at, height);
            top += height;
        }
        ui.add_space((kept.measures.total() - top).max(0.0));
        if asked {
            ui.scroll_to_cursor(Some(Align::BOTTOM));
        }
    });
    kept.scrolled = scrolled.state.clamped_offset().y;
    let at_end = kept.scrolled + scrolled.inner_rect.height() >= scrolled.content_size.y - 1.0;
    if moved != 0.0 && !at_end {
        kept.shift = moved;
        ui.ctx().request_discard("exchanges above were measured");
    }
    if changed || asked {
        ui.ctx().request_repaint();
    }
}

/// Whether the cursor is in the field for questions, and nothing is in there.
pub fn is_empty_field(ctx: &Context, state: &AppState) -> bool {
    let empty = state.conversations.current().is_some_and(|shown| shown.draft.is_empty());
    empty && ctx.memory(|memory| memory.has_focus(question::field_id()))
}

/// Gives a widget the name by which it is known to those who do not see it.
fn named(response: &Response, kind: Role, name: &str) {
    response.widget_info(|| WidgetInfo::labeled(kind, response.enabled(), name));
}

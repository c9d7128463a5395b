//! An answer: as tokens that can be pointed at, or as formatted text.
//!
//! Tokens run on as the text they are. A token is underlined the more, the less probable it was; the chosen one is
//! marked, and its alternatives stand under the answer. Text with marks of Markdown in it is formatted instead, until a
//! person asks for its tokens.

use super::super::Cx;
use super::exchange::Shown;
use super::{token, token_text};
use crate::window::action::{Action, ConversationAction};
use crate::window::state::{AnswerStatus, Exchange, TokenPlace, TokenRecord};
use egui::text::{LayoutJob, TextFormat};
use egui::{
    Color32, CornerRadius, CursorIcon, EventFilter, Galley, Id, Key, Label, Rect, Role, Sense, TextStyle, Ui,
    WidgetInfo, pos2, vec2,
};
use egui_commonmark::{CommonMarkCache, CommonMarkViewer};
use std::ops::Range;

/// Tokens at least as probable as this are not underlined.
const SURE: f32 = 0.9;

/// Draws the answer of an exchange, as far as it is known.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, shown: &Shown<'_>, markdown: &mut CommonMarkCache, out: &mut Vec<Action>) {
    let exchange = shown.exchange;
    let chosen = cx
        .state
        .token
        .filter(|place| (place.conversation, place.exchange) == (shown.conversation.id, shown.at))
        .map(|place| place.token);
    if exchange.tokens.is_empty() {
        if !exchange.answer.is_empty() {
            ui.add(Label::new(&exchange.answer).wrap());
        }
    } else if as_tokens(exchange) {
        tokens(ui, cx, shown, chosen, out);
        if let Some(place) = chosen
            && let Some(known) = exchange.tokens.get(place)
        {
            let place = TokenPlace { conversation: shown.conversation.id, exchange: shown.at, token: place };
            token::card(ui, cx, place, known, out);
        }
    } else {
        CommonMarkViewer::new().show(ui, markdown, &exchange.answer);
    }
}

/// Whether the answer is shown as tokens.
pub fn as_tokens(exchange: &Exchange) -> bool {
    exchange.as_tokens.unwrap_or_else(|| !is_formatted(&exchange.answer))
}

/// Whether `text` has marks of Markdown in it.
pub fn is_formatted(text: &str) -> bool {
    let inline = ["**", "`", "](", "~~", "__"].iter().any(|mark| text.contains(mark));
    inline || text.lines().any(|line| begins_a_block(line.trim_start()))
}

/// Whether `line` begins a heading, a list, a quotation or a table.
fn begins_a_block(line: &str) -> bool {
    let after_number = line.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let numbered =
        after_number.len() < line.len() && (after_number.starts_with(". ") || after_number.starts_with(") "));
    let heading = line.starts_with('#') && line.trim_start_matches('#').starts_with(' ');
    numbered || heading || ["- ", "* ", "+ ", "> ", "|"].iter().any(|mark| line.starts_with(mark))
}

/// An answer as it is laid out.
struct RunOn {
    text: String,
    /// For each token, the letters of the text that are its own.
    letters: Vec<Range<usize>>,
    /// Bytes of the text that stand for what has no letters: the end of the answer, a part of a letter, a new line.
    marks: Vec<Range<usize>>,
}

impl RunOn {
    fn new(exchange: &Exchange) -> Self {
        let mut all =
            Self { text: String::new(), letters: Vec::with_capacity(exchange.tokens.len()), marks: Vec::new() };
        for (at, known) in exchange.tokens.iter().enumerate() {
            let piece = if all.text.is_empty() { known.text.trim_start() } else { &known.text };
            let ended = at + 1 == exchange.tokens.len() && exchange.status == AnswerStatus::Done;
            match piece {
                "" if ended => all.push(" ◊", ""),
                "" => all.push("·", ""),
                piece if piece.trim_matches('\n').is_empty() => all.push("¶", piece),
                // Tabs and the like have no width of their own.
                piece => all.push("", &piece.replace(|letter: char| letter.is_control() && letter != '\n', " ")),
            }
        }
        all
    }

    /// Adds a token: the mark that stands for it, then its text.
    fn push(&mut self, mark: &str, text: &str) {
        if !mark.is_empty() {
            self.marks.push(self.text.len()..self.text.len() + mark.len());
        }
        let start = self.letters.last().map_or(0, |range| range.end);
        self.letters.push(start..start + mark.chars().count() + text.chars().count());
        self.text.push_str(mark);
        self.text.push_str(text);
    }

    /// The text in the colours of `ui`, marks fainter than letters.
    fn job(&self, ui: &Ui) -> LayoutJob {
        let format = |color| TextFormat {
            font_id: TextStyle::Body.resolve(ui.style()),
            color,
            line_height: Some(ui.text_style_height(&TextStyle::Body) * 1.3),
            ..TextFormat::default()
        };
        let (plain, faint) = (format(ui.visuals().text_color()), format(ui.visuals().weak_text_color()));
        let mut job = LayoutJob::default();
        let mut done = 0;
        for mark in &self.marks {
            job.append(&self.text[done..mark.start], 0.0, plain.clone());
            job.append(&self.text[mark.clone()], 0.0, faint.clone());
            done = mark.end;
        }
        job.append(&self.text[done..], 0.0, plain);
        job.wrap.max_width = ui.available_width();
        job
    }
}

/// Where each token is drawn: one rectangle for each row it is on.
fn places(galley: &Galley, ranges: &[Range<usize>]) -> Vec<Vec<Rect>> {
    let mut found: Vec<Vec<Rect>> = vec![Vec::new(); ranges.len()];
    let (mut letter, mut token) = (0, 0);
    for row in &galley.rows {
        for glyph in &row.row.glyphs {
            while ranges.get(token).is_some_and(|range| range.end <= letter) {
                token += 1;
            }
            let Some(rects) = found.get_mut(token) else { return found };
            let top_left = row.pos + glyph.pos.to_vec2() - vec2(0.0, glyph.font_ascent);
            // Without the room between the lines.
            let rect = Rect::from_min_size(top_left, vec2(glyph.advance_width, glyph.font_height));
            // Letters before the space between words, which nobody points at.
            let only = ranges.get(token).is_some_and(|range| range.len() == 1);
            if !glyph.chr.is_whitespace() || only {
                match rects
                    .last_mut()
                    .filter(|last| (last.top() - rect.top()).abs() < 1.0 || last.y_range().contains(rect.center().y))
                {
                    Some(last) => *last = last.union(rect),
                    None => rects.push(rect),
                }
            }
            letter += 1;
        }
        if row.ends_with_newline {
            letter += 1;
        }
    }
    found
}

fn tokens(ui: &mut Ui, cx: &Cx<'_>, shown: &Shown<'_>, chosen: Option<usize>, out: &mut Vec<Action>) {
    let exchange = shown.exchange;
    let run = RunOn::new(exchange);
    let galley = ui.painter().layout_job(run.job(ui));
    let (area, _) = ui.allocate_exact_size(vec2(ui.available_width(), galley.size().y), Sense::hover());
    let places = places(&galley, &run.letters);
    let ids = ui.scope_id().with("tokens");
    let entrance = step_by_keys(ui, ids, shown, chosen, out);
    for (at, (known, rects)) in exchange.tokens.iter().zip(&places).enumerate() {
        let place = TokenPlace { conversation: shown.conversation.id, exchange: shown.at, token: at };
        for (part, rect) in rects.iter().enumerate() {
            let rect = rect.translate(area.min.to_vec2()).expand2(vec2(0.5, 1.0));
            if !ui.is_rect_visible(rect) {
                continue;
            }
            let id = ids.with((at, part));
            let sense = if at == entrance && part == 0 { Sense::click() } else { Sense::CLICK };
            let response = ui.interact(rect, id, sense).on_hover_cursor(CursorIcon::PointingHand);
            paint(ui, known, rect, chosen == Some(at), response.hovered() || response.has_focus());
            if part == 0 {
                response.widget_info(|| {
                    let name = (cx.texts.conversation.token)(at + 1, &token_text::name(known));
                    WidgetInfo::labeled(Role::Button, true, name)
                });
            }
            if response.clicked() {
                let select = (chosen != Some(at)).then_some(place);
                out.push(ConversationAction::SelectToken(select).into());
            }
            if chosen != Some(at) {
                response.on_hover_ui(|ui| token::tip(ui, cx, place, known, out));
            }
        }
    }
    ui.painter().galley(area.min, galley, Color32::PLACEHOLDER);
}

/// Marks a token behind its letters.
fn paint(ui: &Ui, known: &TokenRecord, rect: Rect, chosen: bool, pointed: bool) {
    let visuals = ui.visuals();
    let radius = CornerRadius::same(3);
    if chosen {
        ui.painter().rect_filled(rect, radius, visuals.selection.bg_fill);
    } else if pointed {
        ui.painter().rect_filled(rect, radius, visuals.widgets.hovered.bg_fill);
    }
    let probability = known.log_prob.exp();
    if probability < SURE {
        let line = Rect::from_min_max(
            pos2(rect.left() + 1.0, rect.bottom() - 4.0),
            pos2(rect.right() - 1.0, rect.bottom() - 2.5),
        );
        let doubt = 1.0 - probability / SURE;
        ui.painter().rect_filled(
            line,
            CornerRadius::same(1),
            visuals.warn_fg_color.gamma_multiply(0.25 + 0.75 * doubt),
        );
    }
}

/// The token to which the keyboard comes; with it, the arrows choose the one before and after.
fn step_by_keys(ui: &Ui, ids: Id, shown: &Shown<'_>, chosen: Option<usize>, out: &mut Vec<Action>) -> usize {
    let entrance = chosen.unwrap_or(0);
    let id = |token: usize| ids.with((token, 0usize));
    if !ui.memory(|memory| memory.has_focus(id(entrance))) {
        return entrance;
    }
    let filter = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(id(entrance), filter));
    let pressed = |key| ui.input(|input| input.key_pressed(key));
    let step = isize::from(pressed(Key::ArrowRight)) - isize::from(pressed(Key::ArrowLeft));
    let next = entrance.checked_add_signed(step).filter(|next| step != 0 && *next < shown.exchange.tokens.len());
    if let Some(token) = next {
        let place = TokenPlace { conversation: shown.conversation.id, exchange: shown.at, token };
        out.push(ConversationAction::SelectToken(Some(place)).into());
        ui.memory_mut(|memory| memory.request_focus(id(token)));
    }
    next.unwrap_or(entrance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::state::Sampling;

    fn answered(pieces: &[&str], status: AnswerStatus) -> Exchange {
        let token = |text: &&str| TokenRecord { id: 0, text: (*text).into(), log_prob: 0.0, alternatives: Vec::new() };
        let tokens: Vec<_> = pieces.iter().map(token).collect();
        let answer = pieces.concat().trim().to_owned();
        Exchange { tokens, answer, status, ..Exchange::new(None, String::new(), None, Sampling::default()) }
    }

    #[test]
    fn plain_words_are_tokens_and_markdown_is_formatted() {
        for plain in ["three", "a red circle, left of 2 squares.", "3.5 m", "-5", "#5", "a * b", "", "C# 1.2"] {
            assert!(!is_formatted(plain), "{plain:?}");
        }
        for marked in
            ["**bold**", "# Title", "one\n\n- a\n- b", "1. first", "a `code`", "[a](b)", "> quote", "| a | b |"]
        {
            assert!(is_formatted(marked), "{marked:?}");
        }
    }

    #[test]
    fn every_token_has_letters_of_its_own() {
        let run = RunOn::new(&answered(&[" two", " cats", "", "猫", ".", "\n\n", ""], AnswerStatus::Done));
        assert_eq!(run.text, "two cats·猫.¶\n\n ◊");
        assert_eq!(run.marks.iter().map(|mark| &run.text[mark.clone()]).collect::<Vec<_>>(), ["·", "¶", " ◊"]);
        let letters: Vec<char> = run.text.chars().collect();
        let own: Vec<String> = run.letters.iter().map(|range| letters[range.clone()].iter().collect()).collect();
        assert_eq!(own, ["two", " cats", "·", "猫", ".", "¶\n\n", " ◊"]);
    }

    #[test]
    fn only_what_ends_an_answer_is_shown_as_its_end() {
        assert_eq!(RunOn::new(&answered(&["a", ""], AnswerStatus::Stopped)).text, "a·");
        assert_eq!(RunOn::new(&answered(&["a\tb", ""], AnswerStatus::Done)).text, "a b ◊");
    }
}

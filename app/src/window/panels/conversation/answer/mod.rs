//! An answer: its tokens, each of which can be pointed at, run on as they are or formatted.
//!
//! A token is underlined the more, the less probable it was; the chosen one is marked, and its alternatives stand under
//! the answer. Text with marks of Markdown in it is formatted, in blocks whose letters still belong to their tokens,
//! until a person asks for the tokens as they are.

mod markdown;

use super::super::{Cx, evidence, token_text};
use super::shown::Shown;
use super::token;
use crate::window::action::{Action, ConversationAction};
use crate::window::panels::piece::{self, Piece};
use crate::window::state::{AnswerStatus, Exchange, TokenPlace, TokenRecord};
use egui::text::{LayoutJob, TextFormat};
use egui::{
    Align, Color32, CornerRadius, CursorIcon, EventFilter, FontId, Frame, Id, Key, Label, Layout, Margin, Rect, Role,
    Sense, Stroke, TextStyle, Ui, WidgetInfo, pos2, vec2,
};
use markdown::{Block, Kind, Run, Style};

/// Tokens at least as probable as this are not underlined.
const SURE: f32 = 0.9;

/// How far a list or a quotation stands in.
const INDENT: f32 = 16.0;

/// Draws the answer of an exchange, as far as it is known.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, shown: &Shown<'_>, out: &mut Vec<Action>) {
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
        return;
    }
    let mut tokens = Tokens::new(ui, cx, shown, chosen);
    if as_tokens(exchange) {
        let piece = run_on(ui, exchange);
        tokens.piece(ui, piece, out);
    } else {
        let starts = piece::starts(exchange.tokens.iter().map(|known| known.text.as_str()));
        for block in markdown::blocks(&exchange.answer) {
            self::block(ui, &mut tokens, &starts, &block, out);
        }
    }
    tokens.step_by_keys(ui, out);
    evidence::legend_under(ui, cx, shown.conversation.id, shown.at, exchange);
    if let Some(place) = chosen
        && let Some(known) = exchange.tokens.get(place)
    {
        let place = TokenPlace { conversation: shown.conversation.id, exchange: shown.at, token: place };
        token::card(ui, cx, place, exchange, known, out);
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

/// What is shown of a token's text: tabs and the like have no width of their own.
fn visible(text: &str) -> String {
    text.replace(|letter: char| letter.is_control() && letter != '\n', " ")
}

/// The whole answer as it is, with marks for what has no letters: the end of the answer, a part of a letter, a new line.
fn run_on(ui: &Ui, exchange: &Exchange) -> Piece {
    let mut piece = Piece::default();
    let (plain, faint) = (body(ui, ui.visuals().text_color()), body(ui, ui.visuals().weak_text_color()));
    for (at, (mark, text)) in marked(exchange).into_iter().enumerate() {
        piece.own(at, mark.chars().count() + text.chars().count());
        piece.job.append(mark, 0.0, faint.clone());
        piece.job.append(&text, 0.0, plain.clone());
    }
    piece
}

/// Each token's mark and text.
fn marked(exchange: &Exchange) -> Vec<(&'static str, String)> {
    let mut begun = false;
    let tokens = exchange.tokens.iter().enumerate();
    tokens
        .map(|(at, known)| {
            let piece = if begun { &known.text } else { known.text.trim_start() };
            begun = true;
            let ended = at + 1 == exchange.tokens.len() && exchange.status == AnswerStatus::Done;
            match piece {
                "" if ended => (" ◊", String::new()),
                "" => ("·", String::new()),
                piece if piece.trim_matches('\n').is_empty() => ("¶", piece.to_owned()),
                piece => ("", visible(piece)),
            }
        })
        .collect()
}

/// Letters of an answer in `color`.
fn body(ui: &Ui, color: Color32) -> TextFormat {
    TextFormat {
        font_id: TextStyle::Body.resolve(ui.style()),
        color,
        line_height: Some(ui.text_style_height(&TextStyle::Body) * 1.3),
        ..TextFormat::default()
    }
}

/// Draws one block of a formatted answer.
fn block(ui: &mut Ui, tokens: &mut Tokens<'_>, starts: &[usize], block: &Block, out: &mut Vec<Action>) {
    let indent = INDENT * (block.depth + block.quoted) as f32;
    // Indented by a column of its own, so that every line of the block begins there.
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        let (gutter, _) = ui.allocate_exact_size(vec2(indent, 1.0), Sense::hover());
        if let Some(marker) = &block.marker {
            let format = body(ui, ui.visuals().weak_text_color());
            let galley = ui.painter().layout_job(LayoutJob::single_section(marker.clone(), format));
            let left = gutter.right() - galley.size().x.max(9.0) - 4.0;
            ui.painter().galley(pos2(left, gutter.top()), galley, Color32::PLACEHOLDER);
        }
        let content = ui.vertical(|ui| {
            ui.set_max_width(ui.available_width());
            content(ui, tokens, starts, &block.kind, out);
        });
        if block.quoted > 0 {
            let line = Stroke::new(2.0, ui.visuals().widgets.noninteractive.bg_stroke.color);
            let x = gutter.left() + 4.0;
            ui.painter().vline(x, content.response.rect.y_range(), line);
        }
    });
}

fn content(ui: &mut Ui, tokens: &mut Tokens<'_>, starts: &[usize], kind: &Kind, out: &mut Vec<Action>) {
    match kind {
        Kind::Text(runs) => {
            let piece = formatted(ui, starts, runs, None);
            tokens.piece(ui, piece, out);
        }
        Kind::Heading(level, runs) => {
            let size = match level {
                1 => 17.0,
                2 => 15.5,
                _ => 14.0,
            };
            ui.add_space(3.0);
            let runs: Vec<Run> = runs.iter().map(strong).collect();
            let piece = formatted(ui, starts, &runs, Some(&FontId::proportional(size)));
            tokens.piece(ui, piece, out);
        }
        Kind::Code(runs) => {
            Frame::new()
                .fill(ui.visuals().extreme_bg_color)
                .corner_radius(CornerRadius::same(5))
                .inner_margin(Margin::symmetric(8, 5))
                .show(ui, |ui| {
                    let font = TextStyle::Monospace.resolve(ui.style());
                    let piece = formatted(ui, starts, runs, Some(&font));
                    tokens.piece(ui, piece, out);
                });
        }
        Kind::Table(rows) => table(ui, tokens, starts, rows, out),
        Kind::Rule => {
            ui.separator();
        }
    }
}

fn strong(run: &Run) -> Run {
    Run { style: Style { strong: true, ..run.style }, ..run.clone() }
}

/// Columns of one width, which a narrow panel has room for as well.
fn table(ui: &mut Ui, tokens: &mut Tokens<'_>, starts: &[usize], rows: &[Vec<Vec<Run>>], out: &mut Vec<Action>) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let gap = 10.0;
    let width = ((ui.available_width() - gap * (columns - 1) as f32) / columns as f32).max(24.0);
    for (at, row) in rows.iter().enumerate() {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = gap;
            for cell in row {
                ui.allocate_ui_with_layout(vec2(width, 0.0), Layout::top_down(Align::Min), |ui| {
                    ui.set_width(width);
                    let heading: Vec<Run> = cell.iter().map(strong).collect();
                    let piece = formatted(ui, starts, if at == 0 { &heading } else { cell }, None);
                    tokens.piece(ui, piece, out);
                });
            }
        });
        if at == 0 {
            ui.separator();
        }
    }
}

/// `runs` in their looks, with the tokens they belong to.
fn formatted(ui: &Ui, starts: &[usize], runs: &[Run], font: Option<&FontId>) -> Piece {
    let mut piece = Piece::default();
    for run in runs {
        let exact = run.text.len() == run.source.len();
        for (at, _) in run.text.char_indices() {
            let source = if exact { run.source.start + at } else { run.source.start };
            if let Some(token) = piece::token_at(starts, source) {
                piece.own(token, 1);
            }
        }
        piece.job.append(&visible(&run.text), 0.0, look(ui, run.style, font.cloned()));
    }
    piece
}

fn look(ui: &Ui, style: Style, font: Option<FontId>) -> TextFormat {
    let visuals = ui.visuals();
    let color = match style {
        Style { weak: true, .. } => visuals.weak_text_color(),
        Style { link: true, .. } => visuals.hyperlink_color,
        Style { strong: true, .. } => visuals.strong_text_color(),
        _ => visuals.text_color(),
    };
    let mut format = body(ui, color);
    if let Some(font) = font {
        format.font_id = font;
        format.line_height = None;
    }
    if style.code {
        format.font_id = TextStyle::Monospace.resolve(ui.style());
        format.background = visuals.code_bg_color;
    }
    format.italics = style.emphasis;
    if style.struck {
        format.strikethrough = Stroke::new(1.0, color);
    }
    format
}

/// The tokens of one answer while they are drawn.
struct Tokens<'a> {
    cx: &'a Cx<'a>,
    shown: &'a Shown<'a>,
    chosen: Option<usize>,
    ids: Id,
    /// The token to which the keyboard comes: the chosen one, or the first that has letters here.
    entrance: Option<usize>,
    /// How many parts of each token have been drawn.
    parts: Vec<usize>,
    /// What each word's evidence colours it with; empty where nothing does.
    colours: Vec<Option<Color32>>,
}

impl<'a> Tokens<'a> {
    fn new(ui: &Ui, cx: &'a Cx<'a>, shown: &'a Shown<'a>, chosen: Option<usize>) -> Self {
        let parts = vec![0; shown.exchange.tokens.len()];
        let colours = evidence::colour_of(cx, shown.conversation.id, shown.at, shown.exchange);
        Self { cx, shown, chosen, ids: ui.scope_id().with("tokens"), entrance: chosen, parts, colours }
    }

    fn id(&self, token: usize, part: usize) -> Id {
        self.ids.with((token, part))
    }

    /// Draws `piece` as wide as there is room.
    fn piece(&mut self, ui: &mut Ui, mut piece: Piece, out: &mut Vec<Action>) {
        piece.job.wrap.max_width = ui.available_width();
        let galley = ui.painter().layout_job(piece.job.clone());
        let (area, _) = ui.allocate_exact_size(vec2(ui.available_width(), galley.size().y), Sense::hover());
        for (token, rect) in piece.places(&galley) {
            self.part(ui, token, rect.translate(area.min.to_vec2()).expand2(vec2(0.5, 1.0)), out);
        }
        ui.painter().galley(area.min, galley, Color32::PLACEHOLDER);
    }

    /// Draws what is behind the letters of a part of a token, and takes in what is done to it.
    fn part(&mut self, ui: &Ui, token: usize, rect: Rect, out: &mut Vec<Action>) {
        let (cx, shown) = (self.cx, self.shown);
        let (Some(known), Some(parts)) = (shown.exchange.tokens.get(token), self.parts.get_mut(token)) else {
            return;
        };
        let part = *parts;
        *parts += 1;
        let entrance = *self.entrance.get_or_insert(token);
        if !ui.is_rect_visible(rect) {
            return;
        }
        let place = TokenPlace { conversation: shown.conversation.id, exchange: shown.at, token };
        let chosen = self.chosen == Some(token);
        let sense = if token == entrance && part == 0 { Sense::click() } else { Sense::CLICK };
        let response = ui.interact(rect, self.id(token, part), sense).on_hover_cursor(CursorIcon::PointingHand);
        if let Some(colour) = self.colours.get(token).copied().flatten() {
            ui.painter().rect_filled(rect, CornerRadius::same(3), colour);
        }
        paint(ui, known, rect, chosen, response.hovered() || response.has_focus());
        if part == 0 {
            response.widget_info(|| {
                let name = (cx.texts.conversation.token)(token + 1, &token_text::name(known));
                WidgetInfo::labeled(Role::Button, true, name)
            });
        }
        if response.clicked() {
            out.push(ConversationAction::SelectToken((!chosen).then_some(place)).into());
        }
        if !chosen {
            response.on_hover_ui(|ui| token::tip(ui, cx, place, known));
        }
    }

    /// With the token to which the keyboard comes, the arrows choose the one before and after.
    fn step_by_keys(&self, ui: &Ui, out: &mut Vec<Action>) {
        let Some(entrance) = self.entrance else { return };
        let id = self.id(entrance, 0);
        if !ui.memory(|memory| memory.has_focus(id)) {
            return;
        }
        let filter = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
        let pressed = |key| ui.input(|input| input.key_pressed(key));
        let drawn = |token: &usize| self.parts.get(*token).is_some_and(|parts| *parts > 0);
        let next = match (pressed(Key::ArrowLeft), pressed(Key::ArrowRight)) {
            (true, false) => (0..entrance).rev().find(drawn),
            (false, true) => (entrance + 1..self.parts.len()).find(drawn),
            _ => None,
        };
        if let Some(token) = next {
            let place = TokenPlace { conversation: self.shown.conversation.id, exchange: self.shown.at, token };
            out.push(ConversationAction::SelectToken(Some(place)).into());
            ui.memory_mut(|memory| memory.request_focus(self.id(token, 0)));
        }
    }
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

    fn own_letters(exchange: &Exchange) -> Vec<String> {
        marked(exchange).into_iter().map(|(mark, text)| mark.to_owned() + &text).collect()
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
        let exchange = answered(&[" two", " cats", "", "猫", ".", "\n\n", ""], AnswerStatus::Done);
        assert_eq!(own_letters(&exchange), ["two", " cats", "·", "猫", ".", "¶\n\n", " ◊"]);
    }

    #[test]
    fn only_what_ends_an_answer_is_shown_as_its_end() {
        assert_eq!(own_letters(&answered(&["a", ""], AnswerStatus::Stopped)), ["a", "·"]);
        assert_eq!(own_letters(&answered(&["a\tb", ""], AnswerStatus::Done)), ["a b", " ◊"]);
    }
}

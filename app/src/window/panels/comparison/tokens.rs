//! An answer as its tokens, and how far it is.

use super::super::piece::Piece;
use super::{Cx, parts};
use crate::window::state::{AnswerStatus, Exchange, Slot};
use egui::{
    Color32, CornerRadius, Galley, Id, Label, Rect, Response, RichText, Role, Sense, Stroke, TextFormat, TextStyle, Ui,
    WidgetInfo, vec2,
};
use opabinia_engine::compare::SegmentKind;
use opabinia_engine::printable;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Draws the tokens of an answer, each marked as `kind` says of its place; gives the place of the one that was
/// clicked, where `sense` senses clicks. Hundreds of tokens are laid out as one text; only those that are seen are felt for.
pub fn tokens(
    ui: &mut Ui,
    cx: &Cx<'_>,
    slot: Slot,
    exchange: &Exchange,
    kind: impl Fn(usize) -> SegmentKind,
    sense: Sense,
) -> Option<usize> {
    let ids = ui.unique_id().with("tokens");
    let laid = laid_out(ui, ids, slot, exchange, kind);
    let (area, _) = ui.allocate_exact_size(vec2(ui.available_width(), laid.galley.size().y), Sense::hover());
    let mut clicked = None;
    for (place, part, rect) in &laid.places {
        let rect = rect.translate(area.min.to_vec2()).expand2(vec2(0.0, 1.0));
        if !ui.is_rect_visible(rect) {
            continue;
        }
        let response = ui.interact(rect, ids.with((place, part)), sense);
        if response.hovered() || response.has_focus() {
            let fill = ui.visuals().widgets.hovered.weak_bg_fill;
            ui.painter().rect_filled(rect, CornerRadius::same(3), fill);
        }
        if of_token(cx, exchange, *place, *part, response) {
            clicked = Some(*place);
        }
    }
    ui.painter().galley(area.min, Arc::clone(&laid.galley), Color32::PLACEHOLDER);
    clicked
}

/// An answer as it was laid out last, which it mostly still is.
struct LaidOut {
    /// What it depends on.
    of: u64,
    piece: Piece,
    galley: Arc<Galley>,
    /// Where tokens are drawn: the token, which of its parts, the rectangle in `galley`.
    places: Vec<(usize, usize, Rect)>,
}

/// Lays an answer out to the width there is, unless that was done in the frame before. It is kept under `id`.
fn laid_out(ui: &Ui, id: Id, slot: Slot, exchange: &Exchange, kind: impl Fn(usize) -> SegmentKind) -> Arc<LaidOut> {
    let format = |kind| look(ui, slot, kind);
    let width = ui.available_width();
    let kinds: Vec<SegmentKind> = (0..exchange.tokens.len()).map(kind).collect();
    let texts = || exchange.tokens.iter().map(|token| token.text.as_str());
    let mut hasher = DefaultHasher::new();
    [SegmentKind::Equal, SegmentKind::SameText, SegmentKind::Different].map(format).hash(&mut hasher);
    (width.to_bits(), &kinds).hash(&mut hasher);
    texts().for_each(|text| text.hash(&mut hasher));
    let of = hasher.finish();

    let known = ui.data(|data| data.get_temp::<Arc<LaidOut>>(id)).filter(|known| known.of == of);
    let lay = |piece: &Piece| ui.painter().layout_job(piece.job.clone());
    let (piece, galley) = match &known {
        Some(known) => {
            // The galley is asked for again: the letters it was made of may have moved in their texture.
            let galley = lay(&known.piece);
            if Arc::ptr_eq(&galley, &known.galley) {
                return Arc::clone(known);
            }
            (known.piece.clone(), galley)
        }
        None => {
            let mut piece = piece(texts(), &kinds, format);
            piece.job.wrap.max_width = width;
            let galley = lay(&piece);
            (piece, galley)
        }
    };
    let mut places: Vec<(usize, usize, Rect)> = Vec::with_capacity(exchange.tokens.len());
    for (place, rect) in piece.places(&galley) {
        let part = places.last().filter(|(last, ..)| *last == place).map_or(0, |(_, part, _)| part + 1);
        places.push((place, part, rect));
    }
    let laid = Arc::new(LaidOut { of, piece, galley, places });
    ui.data_mut(|data| data.insert_temp(id, Arc::clone(&laid)));
    laid
}

/// The text of some tokens, each in the format of its kind.
fn piece<'a>(
    texts: impl Iterator<Item = &'a str>,
    kinds: &[SegmentKind],
    format: impl Fn(SegmentKind) -> TextFormat,
) -> Piece {
    let (mut piece, mut run, mut last) = (Piece::default(), String::new(), SegmentKind::Equal);
    for (place, (text, kind)) in texts.zip(kinds).enumerate() {
        let text = printable::line(&text.replace(['\n', '\r'], " ")).into_owned();
        piece.own(place, text.chars().count());
        // Letters that look alike are one section: hundreds of them would cost more than what is in them.
        if *kind != last {
            piece.job.append(&std::mem::take(&mut run), 0.0, format(last));
            last = *kind;
        }
        run.push_str(&text);
    }
    piece.job.append(&run, 0.0, format(last));
    piece
}

/// Names the part of a token that was drawn, and says whether it was clicked.
fn of_token(cx: &Cx<'_>, exchange: &Exchange, place: usize, part: usize, response: Response) -> bool {
    let Some(token) = exchange.tokens.get(place) else { return false };
    if part == 0 {
        let role = if response.sense.senses_click() { Role::Button } else { Role::Label };
        response.widget_info(|| WidgetInfo::labeled(role, true, token.text.trim()));
    }
    // Worded only for the one under the pointer.
    let response = response.on_hover_ui(|ui| {
        let percent = f64::from(token.log_prob).exp() * 100.0;
        ui.label(format!("{} {percent:.1} %", cx.texts.comparison.probability));
    });
    response.clicked()
}

/// How the letters of a token look that stands to its counterpart as `kind` says.
fn look(ui: &Ui, slot: Slot, kind: SegmentKind) -> TextFormat {
    let colour = parts::side_colour(ui, slot);
    let mut format = TextFormat {
        font_id: TextStyle::Body.resolve(ui.style()),
        color: ui.visuals().text_color(),
        line_height: Some(ui.text_style_height(&TextStyle::Body) * 1.2),
        ..TextFormat::default()
    };
    match kind {
        SegmentKind::Equal => {}
        SegmentKind::SameText => format.underline = Stroke::new(1.0, format.color),
        SegmentKind::Different => (format.color, format.background) = (colour, faint(colour)),
    }
    format
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

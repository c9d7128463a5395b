//! One exchange: the question on a card, the answer under it, and what can be done with both.

use super::super::{Cx, comparison, parts};
use super::icon::{self, Icon};
use super::shown::Shown;
use super::thumbnail::Thumbnails;
use super::{answer, intervened, named};
use crate::window::action::{Action, ConversationAction, ProgramAction};
use crate::window::state::{AnswerStatus, ExchangeId, PictureId, PictureState, Purpose, RunningJob};
use egui::{Align, Button, CornerRadius, Frame, Label, Layout, Margin, ProgressBar, RichText, Role, Ui, vec2};
use opabinia_engine::job::Stage;

/// Letters and lines that are shown of a long question.
const SHOWN_LETTERS: usize = 480;
const SHOWN_LINES: usize = 8;

/// Draws one exchange.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, shown: &Shown<'_>, thumbnails: &mut Thumbnails, out: &mut Vec<Action>) {
    question(ui, cx, shown, thumbnails, out);
    ui.add_space(6.0);
    // The answer stands under the words of the question.
    let beside = cx.state.comparison.on && shown.conversation.leaf == Some(shown.at);
    if beside && cx.state.both_answers().iter().all(Option::is_some) {
        comparison::answers_of_both(ui, cx, out);
        footer(ui, cx, shown, out);
        return;
    }
    Frame::new().inner_margin(Margin { left: 12, right: 6, top: 0, bottom: 0 }).show(ui, |ui| {
        answer::show(ui, cx, shown, out);
        status(ui, cx, shown);
        footer(ui, cx, shown, out);
        intervened::show(ui, cx, shown, out);
    });
}

fn question(ui: &mut Ui, cx: &Cx<'_>, shown: &Shown<'_>, thumbnails: &mut Thumbnails, out: &mut Vec<Action>) {
    let texts = &cx.texts.conversation;
    let edited = shown.conversation.editing == Some(shown.at);
    let fill = if edited { ui.visuals().selection.bg_fill } else { ui.visuals().extreme_bg_color };
    Frame::new().fill(fill).corner_radius(CornerRadius::same(9)).inner_margin(Margin::symmetric(12, 8)).show(
        ui,
        |ui| {
            ui.set_min_width(ui.available_width());
            if let Some(picture) = shown.exchange.picture.filter(|_| shown.first) {
                ui.horizontal(|ui| picture_line(ui, cx, picture, 32.0, thumbnails));
                ui.add_space(2.0);
            }
            ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
                if icon::button(ui, Icon::Edit, texts.edit).clicked() {
                    out.push(ConversationAction::Edit(shown.at).into());
                }
                ui.with_layout(Layout::top_down(Align::Min), |ui| {
                    ui.add_space(3.0);
                    words(ui, cx, shown, out);
                });
            });
        },
    );
}

/// The question itself; of a very long one its beginning, until a person asks for all of it.
fn words(ui: &mut Ui, cx: &Cx<'_>, shown: &Shown<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.conversation;
    let question = shown.exchange.question.as_str();
    let beginning = beginning(question);
    let all = beginning.is_none() || shown.exchange.whole_question;
    let text = match beginning {
        Some(end) if !all => format!("{}…", question[..end].trim_end()),
        _ => question.to_owned(),
    };
    ui.add(Label::new(RichText::new(text).strong()).wrap());
    if beginning.is_some() {
        let name = if all { texts.show_less.to_owned() } else { (texts.show_all)(question.chars().count()) };
        let button = Button::new(RichText::new(name).small()).frame_when_inactive(false);
        if ui.add(button).clicked() {
            out.push(ConversationAction::ShowQuestion(shown.at, !all).into());
        }
    }
}

/// Where the beginning of a long question ends that is shown of it, in bytes; `None` if it is short.
fn beginning(question: &str) -> Option<usize> {
    let line = question.match_indices('\n').nth(SHOWN_LINES - 1).map(|(end, _)| end);
    let letter = question.char_indices().nth(SHOWN_LETTERS).map(|(end, _)| end);
    let end = line.into_iter().chain(letter).min()?;
    // A little more is not worth a button.
    (question[end..].chars().count() > SHOWN_LETTERS / 4 || question[end..].lines().count() > 3).then_some(end)
}

/// A small copy of `picture`, `side` points high, with its name and size.
pub fn picture_line(ui: &mut Ui, cx: &Cx<'_>, picture: PictureId, side: f32, thumbnails: &mut Thumbnails) {
    let texts = &cx.texts.conversation;
    let Some(entry) = cx.state.pictures.get(picture) else { return };
    let name = picture_name(cx, picture);
    let below = match &entry.state {
        PictureState::Ready(pixels) => {
            let texture = thumbnails.get(ui.ctx(), picture, pixels);
            let [width, height] = texture.size().map(|length| length as f32);
            let scale = side / width.max(height);
            let (square, _) = ui.allocate_exact_size(vec2(side, side), egui::Sense::hover());
            let rect = egui::Rect::from_center_size(square.center(), vec2(width, height) * scale);
            egui::Image::new(&texture).corner_radius(CornerRadius::same(3)).paint_at(ui, rect);
            RichText::new(format!("{} × {}", pixels.width, pixels.height)).weak()
        }
        PictureState::Unread | PictureState::Reading => RichText::new(texts.reading_picture).weak(),
        PictureState::Failed(_) => RichText::new(texts.picture_failed).color(ui.visuals().error_fg_color),
    };
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let tip = match &entry.state {
            PictureState::Failed(error) => error.clone(),
            _ => name.clone(),
        };
        ui.add(Label::new(name).truncate()).on_hover_text(tip);
        ui.add(Label::new(below.small()).truncate());
    });
}

fn picture_name(cx: &Cx<'_>, picture: PictureId) -> String {
    use crate::window::state::PictureSource;
    match cx.state.pictures.get(picture).map(|entry| &entry.source) {
        Some(PictureSource::Pasted(_)) => cx.texts.conversation.pasted.to_owned(),
        Some(source) => source.name(),
        None => String::new(),
    }
}

/// What is being done for the answer, or why there is no more of it.
fn status(ui: &mut Ui, cx: &Cx<'_>, shown: &Shown<'_>) {
    let texts = &cx.texts.conversation;
    match &shown.exchange.status {
        AnswerStatus::Waiting | AnswerStatus::Streaming => progress(ui, cx, shown),
        AnswerStatus::Failed(reason) => {
            ui.add(Label::new(RichText::new(texts.failed).color(ui.visuals().error_fg_color)));
            ui.add(Label::new(reason).wrap());
        }
        AnswerStatus::Stopped => {
            ui.weak(texts.stopped);
        }
        AnswerStatus::Full => {
            ui.weak(texts.full);
        }
        AnswerStatus::Done => {}
    }
}

fn progress(ui: &mut Ui, cx: &Cx<'_>, shown: &Shown<'_>) {
    let texts = &cx.texts.conversation;
    let Some(running) = job(cx, shown) else {
        let waits_for_picture =
            shown.exchange.picture.is_some_and(|picture| cx.state.pictures.ready(picture).is_none());
        ui.weak(if waits_for_picture { texts.reading_picture } else { texts.waiting });
        return;
    };
    let Some(progress) = running.progress else {
        ui.weak(if running.cancelling { texts.stopping } else { texts.waiting });
        return;
    };
    let name = match progress.stage {
        Stage::Encode => texts.stage_encode,
        Stage::Connect => texts.stage_connect,
        Stage::Prefill => texts.stage_prefill,
        // The words themselves show how far it is.
        Stage::Decode | Stage::Inspect | Stage::Load | Stage::Measure | Stage::Compare => {
            if running.cancelling {
                ui.weak(texts.stopping);
            }
            return;
        }
    };
    ui.weak(if running.cancelling { texts.stopping } else { name });
    let part = progress.done as f32 / progress.total.max(1) as f32;
    let bar = ui.add(ProgressBar::new(part).desired_height(4.0).animate(false));
    named(&bar, Role::ProgressIndicator, name);
}

fn job<'a>(cx: &'a Cx<'_>, shown: &Shown<'_>) -> Option<&'a RunningJob> {
    let (id, at) = (shown.conversation.id, shown.at);
    let wanted = |purpose: &Purpose| matches!(purpose, Purpose::Answer { conversation, exchange, .. } if *conversation == id && *exchange == at);
    cx.state.jobs.find(wanted).map(|(_, running)| running)
}

/// Figures, and what can be done with the answer.
fn footer(ui: &mut Ui, cx: &Cx<'_>, shown: &Shown<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.conversation;
    let exchange = shown.exchange;
    if !exchange.tokens.is_empty() {
        // In the colour of the side that gave it, where there are two.
        let colour = cx.state.side_of(exchange).map(|side| parts::side_colour(ui, side));
        let figures = RichText::new(figures(cx, shown)).small();
        let figures = colour.map_or_else(|| figures.clone().weak(), |colour| figures.clone().color(colour));
        ui.add(Label::new(figures).wrap()).on_hover_ui(|ui| {
            ui.label((texts.answered_by)(shown.whose));
            if !exchange.directory.is_empty() {
                ui.label(RichText::new(&exchange.directory).weak());
            }
            ui.label((texts.sampled)(&exchange.sampling));
        });
    }
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        if shown.siblings.len() > 1 {
            switcher(ui, cx, shown, out);
        }
        if !exchange.status.is_open() && icon::button(ui, Icon::Repeat, texts.regenerate).clicked() {
            out.push(ConversationAction::Regenerate(shown.at).into());
        }
        if !exchange.answer.is_empty() {
            if icon::button(ui, Icon::Copy, texts.copy).clicked() {
                out.push(ProgramAction::Copy(exchange.answer.clone()).into());
            }
            let tokens = answer::as_tokens(exchange);
            if exchange.as_tokens.is_some() || answer::is_formatted(&exchange.answer) {
                let (name, tip) = if tokens {
                    (texts.show_text, texts.show_text_tip)
                } else {
                    (texts.show_tokens, texts.show_tokens_tip)
                };
                let text = RichText::new(name).small().color(ui.visuals().weak_text_color());
                if ui.add(Button::new(text).frame_when_inactive(false)).on_hover_text(tip).clicked() {
                    out.push(ConversationAction::ShowTokens(shown.at, !tokens).into());
                }
            }
        }
    });
}

fn figures(cx: &Cx<'_>, shown: &Shown<'_>) -> String {
    let (texts, exchange) = (&cx.texts.conversation, shown.exchange);
    let whose = Some(shown.whose.to_owned()).filter(|whose| !whose.is_empty());
    let mut figures: Vec<String> = whose.into_iter().chain([(texts.tokens)(exchange.tokens.len())]).collect();
    if let Some(times) = exchange.times {
        figures.push((texts.first_token)(times.first_token_secs));
        figures.extend(times.tokens_per_sec.map(|speed| (texts.tokens_per_second)(speed)));
    }
    figures.join(" · ")
}

/// Steps through the exchanges that branch off at the same place.
fn switcher(ui: &mut Ui, cx: &Cx<'_>, shown: &Shown<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.conversation;
    let place = shown.siblings.iter().position(|at| *at == shown.at).unwrap_or(0);
    let before = place.checked_sub(1).and_then(|place| shown.siblings.get(place));
    let after = shown.siblings.get(place + 1);
    let mut step = |ui: &mut Ui, icon: Icon, name: &str, to: Option<&ExchangeId>| {
        let response = ui.add_enabled_ui(to.is_some(), |ui| icon::button(ui, icon, name)).inner;
        if let Some(to) = to.filter(|_| response.clicked()) {
            out.push(ConversationAction::ShowBranch(*to).into());
        }
    };
    step(ui, Icon::Previous, texts.previous_branch, before);
    let position = format!("{}/{}", place + 1, shown.siblings.len());
    ui.label(RichText::new(position).small().weak()).on_hover_text(texts.branches);
    step(ui, Icon::Next, texts.next_branch, after);
    ui.add_space(6.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_long_question_has_a_beginning() {
        assert_eq!(beginning("What is left of the red square?"), None);
        assert_eq!(beginning(&"a".repeat(SHOWN_LETTERS + 20)), None);
        assert_eq!(beginning(&"三".repeat(10_000)), Some(SHOWN_LETTERS * 3));
        assert_eq!(beginning(&"b\n".repeat(40)), Some(SHOWN_LINES * 2 - 1));
    }
}

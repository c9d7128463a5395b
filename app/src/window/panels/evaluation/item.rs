//! One item: its picture, its question, and its options under each condition. A click asks it in the conversation.

use super::{Kept, weak, wrong};
use crate::window::action::{Action, EvaluationAction};
use crate::window::panels::conversation::thumbnail::small;
use crate::window::panels::{Cx, parts};
use crate::window::state::{Known, Pick};
use egui::{
    Align2, Button, FontId, Grid, Image, Label, RichText, ScrollArea, Sense, Spinner, TextureOptions, Ui, WidgetInfo,
    pos2, vec2,
};
use opabinia_engine::vision::Picture;
use opabinia_eval::run::{Entry, Record};
use opabinia_eval::score::{Outcome, letter};
use std::sync::Arc;

/// The longer side of the picture, in points and in pixels.
const SIDE: f32 = 180.0;
const PIXELS: usize = 512;

/// Width and height of a probability.
const FIELD: [f32; 2] = [80.0, 20.0];

/// Draws the item that is looked at.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, kept: &mut Kept, out: &mut Vec<Action>) {
    let texts = &cx.texts.evaluation;
    let evaluation = &cx.state.evaluation;
    let Some(idx) = &evaluation.view.item else { return };
    let find = |run: &Known<Arc<crate::evaluation::RunView>>| {
        let run = run.ready()?;
        run.entries.iter().find_map(|entry| match entry {
            Entry::Done(record) if record.idx == *idx => Some((**record).clone()),
            _ => None,
        })
    };
    let records = [find(&evaluation.run), find(&evaluation.other)];
    let Some(record) = records.iter().flatten().next() else { return };
    parts::section(ui, &format!("{} {idx}", texts.item));
    parts::card(ui, |ui| {
        ui.horizontal_top(|ui| {
            picture(ui, cx, idx, kept);
            ui.vertical(|ui| {
                ui.add(Label::new(RichText::new(&record.question).strong()).wrap());
                let about = [record.kind.as_deref(), Some(record.task.as_str()), record.source.as_deref()];
                weak(ui, &about.into_iter().flatten().collect::<Vec<_>>().join(" · "));
                weak(ui, &format!("{} {}", texts.right_answer, answer(record)));
                if evaluation.set.ready().is_none() {
                    weak(ui, texts.set_for_pictures);
                } else if cx.state.answers_as_in_run() == Some(false) {
                    let colour = ui.visuals().warn_fg_color;
                    ui.colored_label(colour, texts.other_model);
                }
            });
        });
        ui.add_space(6.0);
        ScrollArea::horizontal().id_salt("options").show(ui, |ui| {
            Grid::new("options").spacing([8.0, 4.0]).striped(true).show(ui, |ui| {
                weak(ui, texts.condition);
                for at in 0..record.choices.len() {
                    let text = format!("{} {}", letter(at), record.choices[at]);
                    let text = RichText::new(text);
                    let text = if record.answer == Some(at) { text.strong() } else { text };
                    ui.add(Label::new(text).truncate());
                }
                if record.choices.is_empty() {
                    weak(ui, texts.answer);
                }
                ui.end_row();
                for (of_other, record) in records.iter().enumerate() {
                    let Some(record) = record else { continue };
                    let run = evaluation.run_of(&Pick { of_other: of_other == 1, condition: String::new() });
                    for condition in run.into_iter().flat_map(|run| &run.header.conditions) {
                        let pick = Pick { of_other: of_other == 1, condition: condition.name.clone() };
                        if let Some(outcome) = record.conditions.get(&condition.name) {
                            row(ui, cx, record, outcome, &pick, out);
                        }
                    }
                }
            });
        });
    });
}

fn answer(record: &Record) -> String {
    match record.answer {
        Some(at) => format!("{} {}", letter(at), record.answer_text),
        None => record.answer_text.clone(),
    }
}

/// What came of the item under one condition, and the button that asks it so.
fn row(ui: &mut Ui, cx: &Cx<'_>, record: &Record, outcome: &Outcome, pick: &Pick, out: &mut Vec<Action>) {
    let texts = &cx.texts.evaluation;
    let name = super::pair::name_of(cx, pick);
    ui.horizontal(|ui| {
        let can = cx.state.evaluation.set.ready().is_some() && cx.state.models.current().is_some();
        let open = ui.add_enabled(can, Button::new(texts.ask_item).small());
        let spoken = format!("{}: {name}", texts.ask_item);
        open.widget_info(|| WidgetInfo::labeled(egui::Role::Button, can, &spoken));
        if open.on_hover_text(texts.ask_item_tip).on_disabled_hover_text(texts.set_for_pictures).clicked() {
            out.push(EvaluationAction::OpenItem(record.idx.clone(), pick.clone()).into());
        }
        ui.label(RichText::new(&name).small());
    });
    let log_probs = outcome.log_probs.as_deref().unwrap_or_default();
    for at in 0..record.choices.len() {
        let share = log_probs.get(at).map(|p| p.exp());
        option(ui, cx, (&name, at), outcome.choice == Some(at), record.answer == Some(at), share);
    }
    if let Some(text) = &outcome.text {
        let right = texts.right_or_wrong[usize::from(!outcome.right)];
        ui.add(Label::new(RichText::new(format!("“{text}” ({right})")).small()).truncate());
    } else if let Some(mass) = outcome.mass {
        ui.add(Label::new(RichText::new((texts.mass)(mass)).small().weak()).extend());
    }
    ui.end_row();
}

/// The probability of an option as a bar, and whether it was chosen.
fn option(
    ui: &mut Ui,
    cx: &Cx<'_>,
    (condition, at): (&str, usize),
    chosen: bool,
    right: bool,
    probability: Option<f32>,
) {
    let texts = &cx.texts.evaluation;
    let (rect, response) = ui.allocate_exact_size(vec2(FIELD[0], FIELD[1]), Sense::hover());
    let number = probability.map_or_else(String::new, percent);
    let words = [(chosen, texts.chosen), (right, texts.right_or_wrong[0])];
    let words: Vec<&str> = words.into_iter().filter(|(is, _)| *is).map(|(_, word)| word).collect();
    let spoken = format!("{condition}, {}: {number} {}", letter(at), words.join(", "));
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Label, true, spoken.trim()));
    response.on_hover_text(spoken.trim());
    let visuals = ui.visuals();
    let colour = if right { visuals.hyperlink_color } else { visuals.weak_text_color() };
    let painter = ui.painter();
    if let Some(p) = probability {
        let bar = rect.with_max_x(rect.left() + rect.width() * p.clamp(0.0, 1.0)).shrink2(vec2(0.0, 2.0));
        painter.rect_filled(bar, 2.0, colour.gamma_multiply(0.35));
    }
    let mark = if chosen { "●" } else { "" };
    let ink = if chosen { visuals.strong_text_color() } else { visuals.text_color() };
    let font = FontId::monospace(11.0);
    painter.text(pos2(rect.left() + 3.0, rect.center().y), Align2::LEFT_CENTER, number, font.clone(), ink);
    painter.text(pos2(rect.right() - 3.0, rect.center().y), Align2::RIGHT_CENTER, mark, font, colour);
}

fn percent(p: f32) -> String {
    if p > 0.0 && p < 0.0005 { "< 0.1 %".to_owned() } else { format!("{:.1} %", 100.0 * p) }
}

/// The picture, once it is there.
fn picture(ui: &mut Ui, cx: &Cx<'_>, idx: &str, kept: &mut Kept) {
    let Some((of, known)) = &cx.state.evaluation.picture else { return };
    if of != idx {
        return;
    }
    match known {
        Known::Nothing => {}
        Known::Coming => drop(ui.add(Spinner::new())),
        Known::Failed(why) => drop(ui.vertical(|ui| {
            ui.set_max_width(SIDE);
            wrong(ui, why);
        })),
        Known::Ready(picture) => {
            let texture = kept.texture(ui, picture);
            let size = texture.size_vec2();
            let scale = SIDE / size.max_elem();
            let image = ui.add(Image::new(&texture).fit_to_exact_size(size * scale));
            let name = cx.texts.evaluation.picture;
            image.widget_info(|| WidgetInfo::labeled(egui::Role::Image, true, name));
        }
    }
}

impl Kept {
    fn texture(&mut self, ui: &Ui, picture: &Arc<Picture>) -> egui::TextureHandle {
        if let Some((of, texture)) = &self.picture
            && of.as_ptr() == Arc::as_ptr(picture)
        {
            return texture.clone();
        }
        let texture = ui.ctx().load_texture("item", small(picture, PIXELS), TextureOptions::LINEAR);
        self.picture = Some((Arc::downgrade(picture), texture.clone()));
        texture
    }
}

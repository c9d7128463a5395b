//! The items behind the numbers.

use super::pair::name_of;
use super::weak;
use crate::window::action::{Action, EvaluationAction};
use crate::window::panels::{Cx, parts};
use egui::{Button, RichText, ScrollArea, Ui, WidgetInfo, vec2};
use opabinia_eval::run::Record;

/// Height of a row, and of the list.
const ROW: f32 = 24.0;
const HEIGHT: f32 = 190.0;

/// Draws the list.
pub fn show(ui: &mut Ui, cx: &Cx<'_>, out: &mut Vec<Action>) {
    let texts = &cx.texts.evaluation;
    let evaluation = &cx.state.evaluation;
    let Some((of, pair)) = evaluation.shown_pair() else { return };
    let view = &evaluation.view;
    let listed = view.quadrant.map(|quadrant| pair.of(quadrant));
    let count = listed.map_or(pair.entries.len(), <[usize]>::len);
    let which = view.quadrant.map_or(texts.all_items, |quadrant| texts.quadrant(quadrant));
    parts::section(ui, &format!("{} ({count})", texts.items));
    let task = view.task.as_deref().unwrap_or(texts.all_tasks);
    weak(ui, &format!("{which} · {task} · {} → {}", name_of(cx, &view.picks[0]), name_of(cx, &view.picks[1])));
    let list = ScrollArea::vertical().id_salt("items").max_height(HEIGHT).min_scrolled_height(HEIGHT);
    list.auto_shrink([false, true]).show_rows(ui, ROW, count, |ui, rows| {
        for row in rows {
            let Some(at) = listed.map_or(Some(row), |listed| listed.get(row).copied()) else { continue };
            let Some((first, second)) = pair.entries.get(at).copied() else { continue };
            let (Some(record), Some(other)) = (of.runs[0].record(first), of.runs[1].record(second)) else {
                continue;
            };
            let marks = [(record, &of.conditions[0]), (other, &of.conditions[1])]
                .map(|(record, name)| record.conditions.get(name).is_some_and(|outcome| outcome.right));
            item(ui, cx, record, marks, view.item.as_deref() == Some(record.idx.as_str()), out);
        }
    });
}

fn item(ui: &mut Ui, cx: &Cx<'_>, record: &Record, right: [bool; 2], chosen: bool, out: &mut Vec<Action>) {
    let texts = &cx.texts.evaluation;
    let mark = |right: bool| if right { "✔" } else { "✘" };
    let weak = ui.visuals().weak_text_color();
    let question: String = record.question.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    let atoms = (
        RichText::new(format!("{} {}", mark(right[0]), mark(right[1]))).monospace(),
        RichText::new(&record.idx).small().color(weak),
        RichText::new(&question),
        egui::Atom::grow(),
        RichText::new(&record.task).small().color(weak),
    );
    let width = ui.available_width();
    let row = Button::selectable(chosen, atoms).truncate().min_size(vec2(width, ROW - 2.0));
    let response = ui.add(row);
    let words = right.map(|right| texts.right_or_wrong[usize::from(!right)]);
    let spoken = format!("{} {}: {question} ({}, {})", texts.item, record.idx, words[0], words[1]);
    response.widget_info(|| WidgetInfo::selected(egui::Role::Button, true, chosen, &spoken));
    if response.clicked() {
        let next = Some(record.idx.clone()).filter(|_| !chosen);
        out.push(EvaluationAction::SelectItem(next).into());
    }
}
